//! The CloudEvents 1.0 envelope (structured JSON) around what a receiver is told.
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    lifecycle::{Event, EventKind},
    message,
};
use crate::{
    config::Lang,
    store::{
        alarms::Severity,
        alerts::{AlertBody, State},
    },
    ticket::Millis,
};

/// Content type of a structured-mode CloudEvent.
pub const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// What every event of this installation has in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender<'a> {
    /// CloudEvents `source`, a URI reference.
    pub source: &'a str,
    /// Language of the message.
    pub lang: Lang,
    /// Counts below this leave the unit only as part of a larger one.
    pub small_cell: u32,
}

/// A CloudEvents 1.0 event, of one alert unless said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CloudEvent<D = Data> {
    /// `1.0`
    pub specversion: String,
    /// The same for every receiver, so that a hub behind two receivers sees one event.
    pub id: Uuid,
    /// Where it comes from.
    pub source: String,
    /// `org.weisu.alert.firing`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Id of the alert; of a message of several, its own.
    pub subject: String,
    /// RFC 3339.
    pub time: String,
    /// `application/json`
    pub datacontenttype: String,
    /// The alert.
    pub data: D,
}

/// The alert as receivers get it: the body of the API with its identity, state and message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// Id of the alert.
    pub id: Uuid,
    /// What it is about.
    pub fingerprint: String,
    /// Where it is in its life.
    pub state: State,
    /// Severity before, when it rose.
    pub previous_severity: Option<Severity>,
    /// The message for people, 12 lines at most.
    pub text: String,
    /// How this receiver acknowledges it; absent where that is not set up, and when the alert is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack: Option<Ack>,
    /// What it says.
    #[serde(flatten)]
    pub body: AlertBody,
}

/// How a receiver acknowledges an alert: a signed address that changes nothing when it is opened and acknowledges when
/// it is posted to. It is a key for this one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The address.
    pub url: String,
    /// Until when it is good, RFC 3339.
    pub expires: String,
    /// Until when to acknowledge, before somebody else is told, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
}

impl CloudEvent {
    /// Wraps an event that happened at `now`.
    pub fn of(event: &Event, sender: Sender<'_>, now: Millis) -> Self {
        let mut event = event.clone();
        mask(&mut event.alert.body, f64::from(sender.small_cell));
        let text = message::text(sender.lang, &event).unwrap_or_else(|error| {
            tracing::error!(%error, "message template");
            event.alert.body.title.clone()
        });
        Self {
            specversion: "1.0".to_owned(),
            id: event.id(),
            source: sender.source.to_owned(),
            kind: event.kind.name().to_owned(),
            subject: event.alert.id.to_string(),
            time: rfc3339(now),
            datacontenttype: "application/json".to_owned(),
            data: Data {
                id: event.alert.id,
                fingerprint: event.alert.fingerprint,
                state: event.alert.state,
                previous_severity: event.before,
                text,
                ack: None,
                body: event.alert.body,
            },
        }
    }

    /// Whether nothing more will be told of it.
    pub fn is_over(&self) -> bool {
        EventKind::ALL.iter().any(|kind| kind.is_over() && self.kind == kind.name())
    }

    /// Whether the operator sent it to try a receiver.
    pub fn is_test(&self) -> bool {
        self.kind == EventKind::Test.name()
    }
}

/// Takes out counts so small that they could point at a person.
fn mask(body: &mut AlertBody, small: f64) {
    let shown = |n: f64| n == 0.0 || n >= small;
    body.drivers.retain(|d| shown(d.observed));
    let compare = &mut body.compare;
    for n in [&mut compare.last_week, &mut compare.last_year, &mut compare.last_year_lunar] {
        *n = n.filter(|n| shown(*n));
    }
}

/// An instant in RFC 3339, UTC.
pub fn rfc3339(at: Millis) -> String {
    DateTime::<Utc>::from_timestamp_millis(at)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        publish::lifecycle::tests::{alert, body},
        store::alarms::Kind,
        ticket::Day,
    };

    #[test]
    fn an_event_is_a_cloud_event_and_reads_back() {
        let mut alert = alert("a", 20_000);
        alert.body = body(Kind::Spike, Severity::High);
        alert.body.drivers[1].observed = 4.0;
        alert.body.compare.last_year = Some(3.0);
        let event = Event { kind: EventKind::Firing, alert, before: None, day: Day(20_000) };
        let sender = Sender { source: "/weisu/demo", lang: Lang::Zh, small_cell: 5 };
        let wrapped = CloudEvent::of(&event, sender, 1_728_000_000_000);
        insta::assert_json_snapshot!(wrapped);
        let text = serde_json::to_string(&wrapped).unwrap();
        assert_eq!(serde_json::from_str::<CloudEvent>(&text).unwrap(), wrapped);
    }
}
