//! A made-up alert, for trying out a receiver.
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    lifecycle::{Event, EventKind},
    message,
};
use crate::{
    config::Lang,
    store::{
        alarms::{Kind, Severity},
        alerts::{Alert, AlertBody, Compare, Lane, State},
        details::Details,
    },
    ticket::{Basis, Day},
};

/// A test event of `now`; its id is new every millisecond, so that no receiver takes two tests for one.
pub fn event(lang: Lang, now: DateTime<Utc>) -> Event {
    let today = now.date_naive();
    let name = match lang {
        Lang::Zh => "测试事项",
        Lang::En => "Test topic",
    };
    let mut body = AlertBody {
        title: String::new(),
        topic: vec![name.to_owned()],
        district: Vec::new(),
        basis: Basis::Raw,
        kind: Kind::Spike,
        lane: Lane::Risk,
        severity: Severity::Low,
        observed: Some(12.0),
        expected: 5.0,
        lower: Some(1.0),
        upper: 9.0,
        score: 1.8,
        p_value: 0.01,
        lead_days: 0,
        onset: today,
        window: (today, today),
        method: "send-test".to_owned(),
        drivers: Vec::new(),
        compare: Compare::default(),
        details: Details::default(),
    };
    body.title = message::title(lang, &body);
    let at = now.timestamp_millis();
    let alert = Alert {
        id: Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("send-test {at}").as_bytes()),
        fingerprint: "send-test".to_owned(),
        state: State::Firing,
        series: 0,
        last_day: today.into(),
        judged: today.into(),
        quiet: 0,
        body,
        created: at,
        updated: at,
        resolved: None,
        silenced_from: None,
    };
    Event { kind: EventKind::Test, alert, before: None, day: Day::from(today) }
}
