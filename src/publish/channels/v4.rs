//! What an Alertmanager posts to its webhooks, version 4, so that what already listens to one can listen to us.
use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Parcel,
    alertmanager::{self, PostableAlert},
};
use crate::{config::Receiver, publish::event::CloudEvent};

/// An alert that has not ended.
const NO_END: &str = "0001-01-01T00:00:00Z";
/// Characters of a fingerprint there.
const FINGERPRINT: usize = 16;

type Labels = BTreeMap<&'static str, String>;

/// The body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    version: &'static str,
    group_key: String,
    truncated_alerts: usize,
    status: &'static str,
    receiver: String,
    group_labels: Labels,
    common_labels: Labels,
    common_annotations: Labels,
    #[serde(rename = "externalURL")]
    external_url: String,
    alerts: Vec<Alert>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    status: &'static str,
    labels: Labels,
    annotations: Labels,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

impl Body {
    /// The alerts of a parcel as one notification.
    pub fn of(receiver: &Receiver, parcel: &Parcel) -> Self {
        let alerts: Vec<Alert> = parcel.alerts().iter().filter_map(Alert::of).collect();
        let is_over = alerts.iter().all(|a| a.status == "resolved");
        let source = parcel.alerts().first().map_or_else(String::new, |e| e.source.clone());
        // One alert is a group of its own, so that all of its life has one key.
        let group_labels: Labels = match &alerts[..] {
            [one] => one.labels.iter().filter(|(k, _)| **k == "fingerprint").map(clone).collect(),
            _ => Labels::new(),
        };
        Self {
            version: "4",
            group_key: format!("{{}}:{group_labels:?}"),
            truncated_alerts: parcel.left_out(),
            status: status(is_over),
            receiver: receiver.name.clone(),
            common_labels: common(alerts.iter().map(|a| &a.labels)),
            common_annotations: common(alerts.iter().map(|a| &a.annotations)),
            group_labels,
            external_url: source,
            alerts,
        }
    }
}

impl Alert {
    /// The newest state of an alert; an end under an older severity is the business of an Alertmanager only.
    fn of(event: &CloudEvent) -> Option<Self> {
        let PostableAlert { labels, annotations, starts_at, ends_at } =
            alertmanager::alerts(event).into_iter().next()?;
        let is_over = event.is_over();
        Some(Self {
            status: status(is_over),
            ends_at: if is_over { ends_at } else { NO_END.to_owned() },
            starts_at,
            generator_url: event.source.clone(),
            fingerprint: event.data.fingerprint.chars().take(FINGERPRINT).collect(),
            labels,
            annotations,
        })
    }
}

fn status(is_over: bool) -> &'static str {
    if is_over { "resolved" } else { "firing" }
}

fn clone((key, value): (&&'static str, &String)) -> (&'static str, String) {
    (*key, value.clone())
}

/// What all of them have alike.
fn common<'a>(mut all: impl Iterator<Item = &'a Labels>) -> Labels {
    let first = all.next().cloned().unwrap_or_default();
    all.fold(first, |mut common, labels| {
        common.retain(|key, value| labels.get(key) == Some(value));
        common
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Lang,
        publish::{
            bundle::{self, tests::member},
            event::tests::sender,
            lifecycle::EventKind,
        },
        store::{alarms::Severity, outbox::How},
    };

    #[test]
    fn the_body_is_that_of_an_alertmanager() {
        let receiver = Receiver { name: "hub".into(), ..Receiver::default() };
        let one = member(1, EventKind::Firing, Severity::High, Lang::En, How::Digest);
        let over = member(2, EventKind::Resolved, Severity::High, Lang::En, How::Digest);
        let firing = Body::of(&receiver, &Parcel::read(&one.body).unwrap());
        insta::assert_json_snapshot!(firing);
        let resolved = Body::of(&receiver, &Parcel::read(&over.body).unwrap());
        assert_eq!((resolved.status, resolved.alerts[0].status), ("resolved", "resolved"));
        assert_ne!(resolved.alerts[0].ends_at, NO_END);
        let sender = sender("/weisu", Lang::En);
        let day = "2024-11-16".parse().unwrap();
        let digest = bundle::message("hub", &[one, over], true, day, sender, None, 0).unwrap();
        let both = Body::of(&receiver, &Parcel::read(&digest.body).unwrap());
        assert_eq!((both.status, both.alerts.len()), ("firing", 2));
        assert_eq!(both.common_labels["severity"], "high");
        assert!(!both.common_labels.contains_key("fingerprint"));
    }
}
