//! Who gets an alert.
//!
//! A receiver without filters gets everything. A district filter asks for one of its names anywhere on the alert's
//! district path, a topic filter for the top-level topic; an alert of the whole city or of all topics passes no such
//! filter, it is for those who look after everything.
use super::{
    event::{CloudEvent, Sender},
    lifecycle::{Event, EventKind},
};
use crate::{
    config::Receiver,
    store::{alerts::AlertBody, outbox::NewDelivery},
    ticket::Millis,
};

/// Deliveries of a run, and what nobody gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routed {
    /// To be enqueued in the transaction that writes the alerts.
    pub deliveries: Vec<NewDelivery>,
    /// New alerts that no receiver wants.
    pub unrouted: usize,
}

/// Whether a receiver wants an alert.
pub fn wants(receiver: &Receiver, body: &AlertBody) -> bool {
    let district =
        receiver.districts.is_empty() || body.district.iter().any(|d| receiver.districts.contains(d));
    let topic = receiver.topics.is_empty() || body.topic.first().is_some_and(|t| receiver.topics.contains(t));
    district && topic
}

/// Deliveries of the events of a plan.
pub fn deliveries(events: &[Event], receivers: &[Receiver], sender: Sender<'_>, now: Millis) -> Routed {
    let mut routed = Routed::default();
    for event in events {
        let wanted: Vec<&Receiver> = receivers.iter().filter(|r| wants(r, &event.alert.body)).collect();
        if wanted.is_empty() {
            routed.unrouted += usize::from(event.kind == EventKind::Firing);
            continue;
        }
        let wrapped = CloudEvent::of(event, sender, now);
        // Plain data with text keys: writing it as JSON cannot fail.
        let body = serde_json::to_string(&wrapped).unwrap_or_default();
        routed.deliveries.extend(wanted.into_iter().map(|receiver| NewDelivery {
            id: event.delivery_id(&receiver.name),
            alert: event.alert.id,
            receiver: receiver.name.clone(),
            event: event.kind.name().to_owned(),
            body: body.clone(),
        }));
    }
    routed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Lang,
        publish::lifecycle::tests::{alert, body},
        store::alarms::{Kind, Severity},
        ticket::Day,
    };

    fn receiver(name: &str, districts: &[&str], topics: &[&str]) -> Receiver {
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Receiver {
            name: name.into(),
            districts: owned(districts),
            topics: owned(topics),
            ..Receiver::default()
        }
    }

    #[test]
    fn filters_choose_receivers_and_nobody_is_counted() {
        let mut alert = alert("a", 100);
        alert.body = body(Kind::Spike, Severity::High);
        let event = |kind| Event { kind, alert: alert.clone(), before: None, day: Day(100) };
        let sender = Sender { source: "/weisu", lang: Lang::En, small_cell: 5 };
        let to = |receivers: &[Receiver]| {
            let routed =
                deliveries(&[event(EventKind::Firing), event(EventKind::Resolved)], receivers, sender, 0);
            let names: Vec<String> = routed.deliveries.iter().map(|d| d.receiver.clone()).collect();
            (names, routed.unrouted)
        };
        let all = receiver("all", &[], &[]);
        let here = receiver("here", &["朝阳区", "海淀区"], &["供暖"]);
        let elsewhere = receiver("elsewhere", &["海淀区"], &[]);
        let other = receiver("other", &["朝阳区"], &["室温不达标"]);
        let wanted = ["all", "here", "all", "here"].map(str::to_owned).to_vec();
        assert_eq!(to(&[all, here.clone(), elsewhere.clone(), other.clone()]), (wanted, 0));
        assert_eq!(to(&[elsewhere, other]), (Vec::new(), 1));
        let mut whole_city = alert.body.clone();
        whole_city.district.clear();
        assert!(!wants(&here, &whole_city));
    }

    #[test]
    fn every_receiver_has_its_own_delivery_of_one_event() {
        let event = Event { kind: EventKind::Firing, alert: alert("a", 100), before: None, day: Day(100) };
        let sender = Sender { source: "/weisu", lang: Lang::En, small_cell: 5 };
        let routed = deliveries(&[event], &[receiver("a", &[], &[]), receiver("b", &[], &[])], sender, 0);
        assert_ne!(routed.deliveries[0].id, routed.deliveries[1].id);
        assert_eq!(routed.deliveries[0].body, routed.deliveries[1].body);
    }
}
