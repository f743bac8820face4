//! The life of alerts: what a run's alarms mean for the alerts that are open.
//!
//! Pure: the same open alerts, alarms and day give the same plan. Planning a day a second time changes nothing, because
//! an alert remembers the last day it was judged on, its id is drawn from its fingerprint and the day it was raised,
//! and a delivery's id from the alert, the event, the receiver and the day.
//!
//! One open alert a fingerprint: an alarm of the same fingerprint extends it, and tells people again only when the
//! severity rises. A suppressed alarm raises nothing but keeps an open alert alive. After `resolve_after` runs without an
//! alarm the alert is resolved; a later alarm is a new alert.
use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::{
    store::{
        alarms::{Alarm, Severity},
        alerts::{Alert, AlertBody, State},
    },
    ticket::{Day, Millis},
};

/// Namespace of the version 5 UUIDs: v5 of the DNS name `alert.weisu`.
const NAMESPACE: Uuid = Uuid::from_u128(0x4233_d124_fade_5b9c_89b8_1f89_b112_bc29);

/// An alarm with what its alert would say.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The alarm.
    pub alarm: Alarm,
    /// What people would read.
    pub body: AlertBody,
}

/// What receivers are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKind {
    /// A new alert.
    Firing,
    /// Its severity rose.
    Updated,
    /// It is back to what is expected.
    Resolved,
    /// A test by the operator.
    Test,
}

impl EventKind {
    /// CloudEvents `type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Firing => "org.weisu.alert.firing",
            Self::Updated => "org.weisu.alert.updated",
            Self::Resolved => "org.weisu.alert.resolved",
            Self::Test => "org.weisu.alert.test",
        }
    }
}

/// Something receivers are told.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The alert after it happened.
    pub alert: Alert,
    /// Its severity before, when that changed.
    pub before: Option<Severity>,
    /// The last known day when it happened.
    pub day: Day,
}

impl Event {
    /// The same for every receiver and every planning of the same day.
    pub fn id(&self) -> Uuid {
        self.named("")
    }

    /// Id of the delivery to one receiver: the webhook-id over all attempts.
    pub fn delivery_id(&self, receiver: &str) -> Uuid {
        self.named(receiver)
    }

    fn named(&self, receiver: &str) -> Uuid {
        let severity = self.alert.body.severity.name();
        let name = format!("{}\n{}\n{severity}\n{}\n{receiver}", self.alert.id, self.kind.name(), self.day.0);
        Uuid::new_v5(&NAMESPACE, name.as_bytes())
    }
}

/// What a run means for the alerts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// New alerts.
    pub raised: Vec<Alert>,
    /// Open alerts that changed, resolved ones among them.
    pub changed: Vec<Alert>,
    /// What receivers are told.
    pub events: Vec<Event>,
}

/// Id of the alert that a fingerprint raises on a day.
pub fn alert_id(fingerprint: &str, day: Day) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{fingerprint}\n{}", day.0).as_bytes())
}

/// Plans what the alarms of one run mean for the open alerts.
///
/// `open` holds every open alert, `alarms` every alarm of the run, suppressed ones too; `day` is the last known local
/// day, `resolve_after` the runs without an alarm after which an alert is resolved. After a pause, plan each judged day
/// in turn, or all at once.
pub fn plan(open: &[Alert], alarms: &[Candidate], day: Day, now: Millis, resolve_after: u32) -> Plan {
    let by_fingerprint = newest_of_each(alarms);
    let mut plan = Plan::default();
    let mut known = BTreeSet::new();
    for alert in open {
        known.insert(alert.fingerprint.as_str());
        if day < alert.judged {
            continue;
        }
        match by_fingerprint.get(alert.fingerprint.as_str()) {
            Some(seen) => seen_again(&mut plan, alert, seen, day, now),
            None => not_seen(&mut plan, alert, day, now, resolve_after),
        }
    }
    for (fingerprint, seen) in by_fingerprint {
        if !known.contains(fingerprint) && seen.candidate.alarm.suppressed.is_none() {
            raise(&mut plan, &seen, day, now);
        }
    }
    plan
}

/// The alarms of one fingerprint in one run: the newest window speaks, the earliest dates the onset.
struct Seen<'a> {
    candidate: &'a Candidate,
    from: Day,
}

fn newest_of_each(alarms: &[Candidate]) -> BTreeMap<&str, Seen<'_>> {
    let mut out: BTreeMap<&str, Seen<'_>> = BTreeMap::new();
    for candidate in alarms {
        let from = candidate.alarm.window.0;
        let seen = out.entry(&candidate.alarm.fingerprint).or_insert(Seen { candidate, from });
        seen.from = seen.from.min(from);
        let newer = |c: &Candidate| (c.alarm.suppressed.is_none(), c.alarm.window.1, c.alarm.window.0);
        if newer(candidate) > newer(seen.candidate) {
            seen.candidate = candidate;
        }
    }
    out
}

fn raise(plan: &mut Plan, seen: &Seen<'_>, day: Day, now: Millis) {
    let mut body = seen.candidate.body.clone();
    body.onset = seen.from.date();
    let alert = Alert {
        id: alert_id(&seen.candidate.alarm.fingerprint, day),
        fingerprint: seen.candidate.alarm.fingerprint.clone(),
        state: State::Firing,
        series: seen.candidate.alarm.series,
        last_day: day,
        judged: day,
        quiet: 0,
        body,
        created: now,
        updated: now,
        resolved: None,
    };
    plan.events.push(Event { kind: EventKind::Firing, alert: alert.clone(), before: None, day });
    plan.raised.push(alert);
}

fn seen_again(plan: &mut Plan, alert: &Alert, seen: &Seen<'_>, day: Day, now: Millis) {
    let mut after = alert.clone();
    after.last_day = day;
    after.judged = day;
    after.quiet = 0;
    // A suppressed alarm keeps the alert alive; what people were told stays.
    if seen.candidate.alarm.suppressed.is_none() {
        after.body = seen.candidate.body.clone();
        after.body.onset = alert.body.onset.min(seen.from.date());
        // Lowered severities would only come and go; people were told the highest.
        after.body.severity = alert.body.severity.max(seen.candidate.body.severity);
    }
    let rose = after.body.severity > alert.body.severity;
    change(plan, alert, after, now);
    if rose && alert.state != State::Silenced {
        let (before, alert) = (Some(alert.body.severity), plan.changed.last().unwrap_or(alert).clone());
        plan.events.push(Event { kind: EventKind::Updated, alert, before, day });
    }
}

fn not_seen(plan: &mut Plan, alert: &Alert, day: Day, now: Millis, resolve_after: u32) {
    if day == alert.judged {
        return;
    }
    let mut after = alert.clone();
    after.judged = day;
    after.quiet = alert.quiet.saturating_add(1);
    let done = i64::from(after.quiet) >= i64::from(resolve_after);
    if done {
        after.state = State::Resolved;
        after.resolved = Some(now);
    }
    change(plan, alert, after, now);
    if done && alert.state != State::Silenced {
        let alert = plan.changed.last().unwrap_or(alert).clone();
        plan.events.push(Event { kind: EventKind::Resolved, alert, before: None, day });
    }
}

/// Notes a change, if it is one; the time alone is none.
fn change(plan: &mut Plan, before: &Alert, mut after: Alert, now: Millis) {
    if after != *before {
        after.updated = now;
        plan.changed.push(after);
    }
}
