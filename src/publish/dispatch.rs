//! From events to deliveries: whom by the routing, when by the restraint; pure, so that a plan shows what a run does.
use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::{
    event::{Ack, CloudEvent, Sender, rfc3339},
    lifecycle::Event,
    message,
    restraint::{self, Told},
    routing::{self, Route},
};
use crate::{
    config::{Config, Receiver, routing::Table},
    store::{outbox::NewDelivery, restraint::Deadline},
    ticket::Millis,
};

/// What every dispatch needs to know of the installation.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a> {
    /// Everybody who may get something.
    pub receivers: &'a [Receiver],
    /// The routing table.
    pub table: Option<&'a Table>,
    /// The city's zone.
    pub zone: Tz,
    /// What our events have in common.
    pub sender: Sender<'a>,
}

impl<'a> Desk<'a> {
    /// As configured; `sender` may know plans and links.
    pub fn of(config: &'a Config, table: Option<&'a Table>, sender: Sender<'a>) -> Self {
        Self { receivers: &config.receiver, table, zone: config.city.zone.0, sender }
    }

    /// An event as one receiver gets it at `at`, who is to acknowledge by `due`.
    fn body(
        &self,
        event: &Event,
        receiver: &Receiver,
        at: DateTime<Utc>,
        due: Option<DateTime<Utc>>,
        now: Millis,
    ) -> String {
        let mut wrapped = CloudEvent::of(event, self.sender, now);
        if let Some(links) = self.sender.links.filter(|_| !event.kind.is_over()) {
            let (url, expires) = links.acknowledge(event.alert.id, &receiver.name, at.timestamp_millis());
            let local = due.map(|due| due.with_timezone(&self.zone).format("%m-%d %H:%M").to_string());
            let text = message::with_link(self.sender.lang, &wrapped.data.text, local.as_deref(), &url);
            let due = due.map(|due| rfc3339(due.timestamp_millis()));
            wrapped.data.text = text;
            wrapped.data.ack = Some(Ack { url, expires: rfc3339(expires), due });
        }
        // Plain data with text keys: writing it as JSON cannot fail.
        serde_json::to_string(&wrapped).unwrap_or_default()
    }

    /// The receiver of a name.
    pub fn receiver(&self, name: &str) -> Option<&'a Receiver> {
        self.receivers.iter().find(|r| r.name == name)
    }
}

/// Deliveries of a run, and what nobody gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dispatched {
    /// To be enqueued in the transaction that writes the alerts.
    pub deliveries: Vec<NewDelivery>,
    /// By when alerts are to be acknowledged.
    pub deadlines: Vec<Deadline>,
    /// Alerts that nobody gets.
    pub unrouted: Vec<Uuid>,
    /// Alerts that somebody gets.
    pub routed: Vec<Uuid>,
}

/// Begin of the time that [`Told`] has to know for a dispatch at `now`: any local day that is today somewhere.
pub fn told_since(now: Millis) -> Millis {
    now - 2 * 86_400_000
}

/// Deliveries of the events of a plan that come up at `now`. The most severe come first and what is over last, so that
/// the former get what is left of a receiver's budget.
pub fn dispatch(desk: Desk<'_>, events: &[Event], told: &mut Told, now: Millis) -> Dispatched {
    let mut out = Dispatched::default();
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by_key(|e| (e.kind.is_over(), std::cmp::Reverse(e.alert.body.severity)));
    for event in events {
        let routes = routing::routes(desk.receivers, desk.table, &event.alert.body);
        if routes.is_empty() {
            if !event.kind.is_over() {
                out.unrouted.push(event.alert.id);
            }
            continue;
        }
        out.routed.push(event.alert.id);
        for route in routes {
            one(desk, event, &route, told, now, &mut out);
        }
    }
    out
}

fn one(desk: Desk<'_>, event: &Event, route: &Route<'_>, told: &mut Told, now: Millis, out: &mut Dispatched) {
    let at = DateTime::<Utc>::from_timestamp_millis(now).unwrap_or_default();
    let placed = restraint::place(route.receiver, event.alert.body.severity, at, desk.zone, told);
    let escalation = route.escalation.filter(|_| !event.kind.is_over());
    let escalation = escalation.map(|(to, minutes)| (to, placed.at + Duration::minutes(i64::from(minutes))));
    let body = desk.body(event, route.receiver, placed.at, escalation.map(|(_, due)| due), now);
    out.deliveries.push(delivery(event, route.receiver, &route.rule, body, placed));
    if let Some((to, due)) = escalation {
        out.deadlines.push(Deadline {
            alert: event.alert.id.to_string(),
            receiver: to.to_owned(),
            due: due.timestamp_millis(),
            rule: route.rule.clone(),
        });
    }
}

fn delivery(
    event: &Event,
    receiver: &Receiver,
    rule: &str,
    body: String,
    placed: restraint::Placed,
) -> NewDelivery {
    NewDelivery {
        id: event.delivery_id(&receiver.name),
        alert: event.alert.id,
        receiver: receiver.name.clone(),
        event: event.kind.name().to_owned(),
        body,
        not_before: placed.at.timestamp_millis(),
        how: placed.how,
        rule: rule.to_owned(),
        is_part: placed.how.is_digest() || receiver.kind.is_for_people(),
    }
}

/// The delivery of an alert that nobody has acknowledged in time.
pub fn escalation(
    desk: Desk<'_>,
    event: &Event,
    receiver: &Receiver,
    rule: &str,
    now: Millis,
) -> NewDelivery {
    let at = DateTime::<Utc>::from_timestamp_millis(now).unwrap_or_default();
    let placed = restraint::place_escalation(receiver, event.alert.body.severity, at, desk.zone);
    let body = desk.body(event, receiver, placed.at, None, now);
    delivery(event, receiver, rule, body, placed)
}

/// The delivery of the word that a person has ended an alert.
pub fn ending(desk: Desk<'_>, event: &Event, receiver: &Receiver, now: Millis) -> NewDelivery {
    let at = DateTime::<Utc>::from_timestamp_millis(now).unwrap_or_default();
    let placed = restraint::place_ending(receiver, at, desk.zone);
    delivery(event, receiver, "told before", desk.body(event, receiver, placed.at, None, now), placed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Lang, ReceiverKind, routing::Row},
        publish::{
            event::tests::sender,
            lifecycle::{
                EventKind,
                tests::{alert, body},
            },
            links::{Key, Links},
        },
        store::{
            alarms::{Kind, Severity},
            outbox::How,
        },
        ticket::Day,
    };

    const NOON: Millis = 1_731_643_200_000; // 2024-11-15T12:00 in Shanghai

    fn event(fingerprint: &str, kind: EventKind, severity: Severity) -> Event {
        let mut alert = alert(fingerprint, 100);
        alert.body = body(Kind::Spike, severity);
        Event { kind, alert, before: None, day: Day(100) }
    }

    fn desk<'a>(receivers: &'a [Receiver], table: Option<&'a Table>) -> Desk<'a> {
        Desk { receivers, table, zone: Tz::Asia__Shanghai, sender: sender("/weisu", Lang::En) }
    }

    fn receiver(name: &str, kind: ReceiverKind) -> Receiver {
        Receiver { name: name.into(), kind, ..Receiver::default() }
    }

    #[test]
    fn every_receiver_has_its_own_delivery_of_one_event() {
        let receivers = [receiver("a", ReceiverKind::Webhook), receiver("b", ReceiverKind::Slack)];
        let events = [event("x", EventKind::Firing, Severity::High)];
        let out = dispatch(desk(&receivers, None), &events, &mut Told::default(), NOON);
        let [a, b] = &out.deliveries[..] else { panic!("{out:?}") };
        assert_ne!(a.id, b.id);
        assert_eq!(a.body, b.body);
        assert_eq!((a.is_part, b.is_part), (false, true), "people get what comes together in one message");
        assert_eq!((out.routed.len(), out.unrouted.len()), (1, 0));
    }

    #[test]
    fn each_receiver_has_a_link_of_its_own_and_what_is_over_has_none() {
        let receivers = [receiver("值班", ReceiverKind::Wecom), receiver("hook", ReceiverKind::Webhook)];
        let links = Links::new(Key::of_process().unwrap(), "https://city.example/weisu", 2);
        let plain = desk(&receivers, None);
        let desk = Desk { sender: Sender { links: Some(&links), ..plain.sender }, ..plain };
        let over = event("b", EventKind::Resolved, Severity::High);
        let events = [event("a", EventKind::Firing, Severity::High), over];
        let out = dispatch(desk, &events, &mut Told::default(), NOON);
        let read: Vec<CloudEvent> =
            out.deliveries.iter().map(|d| serde_json::from_str(&d.body).unwrap()).collect();
        let urls: Vec<&str> = read[..2].iter().map(|e| e.data.ack.as_ref().unwrap().url.as_str()).collect();
        assert_ne!(urls[0], urls[1]);
        for event in &read[..2] {
            let ack = event.data.ack.as_ref().unwrap();
            assert_eq!(ack.expires, "2024-11-15T06:00:00.000Z");
            let last = event.data.text.lines().last().unwrap();
            assert_eq!(last, format!("Acknowledge: {}", ack.url));
            assert!(event.data.text.lines().count() <= message::MAX_LINES);
        }
        assert!(read[2..].iter().all(|e| e.data.ack.is_none() && !e.data.text.contains("https://")));
    }

    #[test]
    fn the_most_severe_get_what_is_left_of_the_budget() {
        let receivers = [Receiver { daily_budget: Some(2), ..receiver("duty", ReceiverKind::Wecom) }];
        let events = [
            event("a", EventKind::Firing, Severity::High),
            event("b", EventKind::Resolved, Severity::Critical),
            event("c", EventKind::Firing, Severity::Critical),
            event("d", EventKind::Firing, Severity::Low),
        ];
        let out = dispatch(desk(&receivers, None), &events, &mut Told::default(), NOON);
        let how: Vec<(How, bool)> =
            out.deliveries.iter().map(|d| (d.how, d.event.ends_with("resolved"))).collect();
        assert_eq!(
            how,
            [(How::Immediate, false), (How::Immediate, false), (How::Digest, false), (How::Budget, true)]
        );
    }

    #[test]
    fn what_nobody_gets_is_said_and_deadlines_count_from_when_people_are_told() {
        let receivers = [receiver("duty", ReceiverKind::Wecom), receiver("boss", ReceiverKind::Wecom)];
        let row = Row {
            line: 2,
            topic: Some("供暖".into()),
            receiver: "duty".into(),
            escalate_to: Some("boss".into()),
            ack_minutes: Some(30),
            ..Row::default()
        };
        let table = Table { file: "t.csv".into(), rows: vec![row] };
        let mut other = event("b", EventKind::Firing, Severity::High);
        other.alert.body.topic = vec!["噪声".into()];
        let over = Event { kind: EventKind::Resolved, ..other.clone() };
        let events = [event("a", EventKind::Firing, Severity::Low), other.clone(), over];
        let out = dispatch(desk(&receivers, Some(&table)), &events, &mut Told::default(), NOON);
        assert_eq!(out.unrouted, [other.alert.id]);
        assert_eq!(out.deliveries.len(), 1);
        assert_eq!(out.deliveries[0].rule, "t.csv:2");
        // The digest of the next morning, and half an hour.
        assert_eq!(out.deadlines[0].due, NOON + (20 * 60 + 7 + 30) * 60_000);
        assert_eq!(out.deadlines[0].receiver, "boss");
    }
}
