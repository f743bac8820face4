//! Our events as alerts of a Prometheus Alertmanager, `POST /api/v2/alerts`.
//!
//! Alertmanager ends an alert by itself five minutes after it was last posted unless told when it ends. We post an event
//! once and not every minute, so a firing alert carries an end far ahead, and the resolving event brings it forward. The
//! severity is a label, and labels are an alert's identity there: when it rises, the alert under the old label is ended
//! in the same request.
use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;

use crate::{publish::event::CloudEvent, store::alarms::Severity};

/// Days until Alertmanager drops an alert that was never resolved.
const OPEN_DAYS: i64 = 30;
/// Minutes until it drops a test.
const TEST_MINUTES: i64 = 5;
/// Path of the API below the configured address.
const API: &str = "/api/v2/alerts";

/// A postable alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PostableAlert {
    pub(super) labels: BTreeMap<&'static str, String>,
    pub(super) annotations: BTreeMap<&'static str, String>,
    pub(super) starts_at: String,
    pub(super) ends_at: String,
}

/// The address to post to; a configured address that names the API already is left as it is.
pub fn endpoint(url: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, ""), |(a, _)| (a, &url[a.len()..]));
    let base = address.trim_end_matches('/');
    if base.ends_with(API) { format!("{base}{query}") } else { format!("{base}{API}{query}") }
}

/// The alerts an event stands for.
pub fn alerts(event: &CloudEvent) -> Vec<PostableAlert> {
    let at: DateTime<Utc> = event.time.parse().unwrap_or_default();
    let end = match (event.is_over(), event.is_test()) {
        (true, _) => at,
        (false, true) => at + Duration::minutes(TEST_MINUTES),
        (false, false) => at + Duration::days(OPEN_DAYS),
    };
    // The onset may be days back, and lies after `at` for a forecast: an alert starts when people are told.
    let start = if event.is_over() { at - Duration::seconds(1) } else { at };
    let mut out = vec![postable(event, event.data.body.severity, start, end)];
    if let Some(before) = event.data.previous_severity {
        out.push(postable(event, before, at - Duration::seconds(1), at));
    }
    out
}

fn postable(
    event: &CloudEvent,
    severity: Severity,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
) -> PostableAlert {
    let body = &event.data.body;
    let name = if event.is_test() { "WeisuTest" } else { "WeisuAlert" };
    // A label without a value is no label there, so "all" is spelt out.
    let path = |names: &[String]| if names.is_empty() { "all".to_owned() } else { names.join("/") };
    let labels = BTreeMap::from([
        ("alertname", name.to_owned()),
        ("weisu_kind", body.kind.name().to_owned()),
        ("severity", severity.name().to_owned()),
        ("topic", path(&body.topic)),
        ("district", path(&body.district)),
        ("basis", body.basis.name().to_owned()),
        ("fingerprint", event.data.fingerprint.clone()),
    ]);
    let mut annotations = BTreeMap::from([
        ("summary", body.title.clone()),
        ("description", event.data.text.clone()),
        ("onset", body.onset.to_string()),
        ("window", format!("{}/{}", body.window.0, body.window.1)),
        ("alert_id", event.data.id.to_string()),
    ]);
    annotations.extend(event.data.ack.as_ref().map(|ack| ("acknowledge", ack.url.clone())));
    PostableAlert { labels, annotations, starts_at: start.to_rfc3339(), ends_at: end.to_rfc3339() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Lang,
        publish::{
            event::tests::sender,
            lifecycle::{
                Event, EventKind,
                tests::{alert, body},
            },
        },
        store::alarms::Kind,
        ticket::Day,
    };

    #[test]
    fn the_endpoint_is_found_below_any_address() {
        for (url, wanted) in [
            ("http://am:9093", "http://am:9093/api/v2/alerts"),
            ("http://am:9093/", "http://am:9093/api/v2/alerts"),
            ("http://am/prefix/api/v2/alerts", "http://am/prefix/api/v2/alerts"),
            ("http://am/prefix?token=x", "http://am/prefix/api/v2/alerts?token=x"),
        ] {
            assert_eq!(endpoint(url), wanted);
        }
    }

    #[test]
    fn a_rise_ends_the_alert_under_the_old_severity() {
        let mut alert = alert("a", 100);
        alert.body = body(Kind::Spike, Severity::High);
        let of = |kind, before| {
            let event = Event { kind, alert: alert.clone(), before, day: Day(100) };
            let sender = sender("/weisu", Lang::En);
            alerts(&CloudEvent::of(&event, sender, 1_728_000_000_000))
        };
        let fired = of(EventKind::Firing, None);
        assert_eq!(fired.len(), 1);
        assert_eq!(fired[0].ends_at, "2024-11-03T00:00:00+00:00");
        let rose = of(EventKind::Updated, Some(Severity::Low));
        let severities: Vec<&str> = rose.iter().map(|a| a.labels["severity"].as_str()).collect();
        assert_eq!(severities, ["high", "low"]);
        assert_eq!(rose[1].ends_at, "2024-10-04T00:00:00+00:00");
        let resolved = of(EventKind::Resolved, None);
        assert_eq!(resolved[0].labels, fired[0].labels);
        assert_eq!(resolved[0].ends_at, "2024-10-04T00:00:00+00:00");
        assert!(resolved[0].starts_at < resolved[0].ends_at);
    }
}
