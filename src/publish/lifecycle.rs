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
    /// Nobody has acknowledged it in time.
    Escalated,
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
            Self::Escalated => "org.weisu.alert.escalated",
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

#[cfg(test)]
pub(crate) mod tests {
    use chrono::NaiveDate;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        store::{
            alarms::{Driver, Kind},
            alerts::{Compare, Lane},
            details::Details,
        },
        ticket::Basis,
    };

    /// The alert of the product description.
    pub(crate) fn body(kind: Kind, severity: Severity) -> AlertBody {
        let day = |d| NaiveDate::from_ymd_opt(2024, 11, d).unwrap();
        let driver = |district: &str, share| Driver {
            topic: "室温不达标".into(),
            district: district.into(),
            observed: 200.0 * share,
            expected: 60.0 * share,
            share,
        };
        AlertBody {
            title: "供暖-室温不达标 朝阳区".into(),
            topic: vec!["供暖".into(), "室温不达标".into()],
            district: vec!["朝阳区".into()],
            basis: Basis::Raw,
            kind,
            lane: Lane::Risk,
            severity,
            observed: (kind == Kind::Spike).then_some(412.0),
            expected: 180.0,
            lower: Some(131.0),
            upper: 246.0,
            score: 3.515,
            p_value: 1e-9,
            lead_days: if kind == Kind::Spike { 0 } else { 11 },
            onset: day(15),
            window: if kind == Kind::Spike { (day(15), day(15)) } else { (day(25), day(30)) },
            method: "robust_glm".into(),
            drivers: vec![driver("A 街道", 0.44), driver("B 街道", 0.12)],
            compare: Compare {
                last_week: Some(210.0),
                last_year: Some(292.0),
                last_year_lunar: Some(250.0),
                norm: Some(120.0),
            },
            details: Details::default(),
        }
    }

    /// An alert raised on a day.
    pub(crate) fn alert(fingerprint: &str, day: i32) -> Alert {
        let mut out = Plan::default();
        let candidate = candidate(fingerprint, day, Severity::Low, false);
        raise(&mut out, &Seen { candidate: &candidate, from: Day(day) }, Day(day), 0);
        out.raised.remove(0)
    }

    fn candidate(fingerprint: &str, day: i32, severity: Severity, suppressed: bool) -> Candidate {
        let body = AlertBody { onset: Day(day).date(), ..body(Kind::Spike, severity) };
        let alarm = Alarm {
            fingerprint: fingerprint.to_owned(),
            window: (Day(day), Day(day)),
            kind: Kind::Spike,
            method: "robust_glm".into(),
            series: 1,
            topic: 1,
            district: 1,
            basis: Basis::Raw,
            observed: body.observed,
            expected: body.expected,
            bound: body.upper,
            p_value: body.p_value,
            score: body.score,
            lead_days: 0,
            severity,
            drivers: Vec::new(),
            suppressed: suppressed.then(|| "budget".to_owned()),
        };
        Candidate { alarm, body }
    }

    /// What a store would hold after a plan.
    fn apply(alerts: &mut Vec<Alert>, plan: &Plan) {
        for raised in &plan.raised {
            if !alerts.iter().any(|a| a.id == raised.id) {
                alerts.push(raised.clone());
            }
        }
        for changed in &plan.changed {
            if let Some(alert) = alerts.iter_mut().find(|a| a.id == changed.id) {
                *alert = changed.clone();
            }
        }
    }

    fn open(alerts: &[Alert]) -> Vec<Alert> {
        alerts.iter().filter(|a| a.state.is_open()).cloned().collect()
    }

    fn kinds(plan: &Plan) -> Vec<EventKind> {
        plan.events.iter().map(|e| e.kind).collect()
    }

    #[test]
    fn an_alert_fires_rises_and_resolves_once() {
        let mut alerts = Vec::new();
        let days: [(&[Candidate], &[EventKind]); 7] = [
            (&[candidate("a", 1, Severity::Medium, false)], &[EventKind::Firing]),
            (&[candidate("a", 2, Severity::Low, false)], &[]),
            (&[candidate("a", 3, Severity::Critical, false)], &[EventKind::Updated]),
            (&[], &[]),
            (&[candidate("a", 5, Severity::Critical, true)], &[]),
            (&[], &[]),
            (&[], &[EventKind::Resolved]),
        ];
        for (day, (alarms, events)) in (1..).zip(days) {
            let first = plan(&open(&alerts), alarms, Day(day), 1000, 2);
            assert_eq!(kinds(&first), events, "day {day}");
            apply(&mut alerts, &first);
            let again = plan(&open(&alerts), alarms, Day(day), 2000, 2);
            assert_eq!(again.changed, [], "planning day {day} again");
        }
        assert_eq!(alerts.len(), 1);
        assert_eq!(alerts[0].state, State::Resolved);
        assert_eq!(alerts[0].body.severity, Severity::Critical);
        assert_eq!(alerts[0].body.onset, Day(1).date());
        // The same trouble later is a new alert.
        let later = plan(&open(&alerts), &[candidate("a", 9, Severity::Low, false)], Day(9), 0, 2);
        assert_ne!(later.raised[0].id, alerts[0].id);
    }

    #[test]
    fn silenced_alerts_live_and_end_without_a_word() {
        let mut silenced = alert("a", 1);
        silenced.state = State::Silenced;
        let rises = plan(&[silenced.clone()], &[candidate("a", 2, Severity::Critical, false)], Day(2), 0, 1);
        assert_eq!((rises.changed.len(), rises.events.len()), (1, 0));
        let ends = plan(&[silenced], &[], Day(2), 0, 1);
        assert_eq!(ends.changed[0].state, State::Resolved);
        assert_eq!(ends.events, []);
    }

    #[test]
    fn several_windows_of_one_run_are_one_alert_since_the_first() {
        let alarms = [
            candidate("a", 5, Severity::Low, false),
            candidate("a", 3, Severity::High, false),
            candidate("a", 7, Severity::Critical, true),
        ];
        let plan = plan(&[], &alarms, Day(7), 0, 2);
        assert_eq!(plan.raised.len(), 1);
        assert_eq!(plan.raised[0].body.onset, Day(3).date());
        assert_eq!(plan.raised[0].body.severity, Severity::Low, "the newest told window speaks");
    }

    proptest! {
        /// Over any history: one open alert a fingerprint; each alert fires once, first, and resolves at most once, last;
        /// no delivery id comes twice except from planning the same day again, which changes nothing.
        #[test]
        fn any_history_keeps_the_order_of_a_life(
            days in prop::collection::vec(prop::collection::vec((0..3usize, 0..4usize, prop::bool::weighted(0.2)), 0..4), 1..40),
            resolve_after in 1u32..4,
        ) {
            let mut alerts: Vec<Alert> = Vec::new();
            let mut told: BTreeMap<Uuid, Vec<EventKind>> = BTreeMap::new();
            let mut ids = BTreeSet::new();
            for (day, cells) in (1..).zip(days) {
                let alarms: Vec<Candidate> = cells.iter()
                    .map(|&(f, s, quiet)| candidate(["a", "b", "c"][f], day, Severity::ALL[s], quiet)).collect();
                let first = plan(&open(&alerts), &alarms, Day(day), 0, resolve_after);
                for event in &first.events {
                    prop_assert!(ids.insert(event.delivery_id("r")));
                    told.entry(event.alert.id).or_default().push(event.kind);
                }
                apply(&mut alerts, &first);
                let again = plan(&open(&alerts), &alarms, Day(day), 0, resolve_after);
                prop_assert_eq!(&again.changed, &[]);
                for event in &again.events {
                    prop_assert!(ids.contains(&event.delivery_id("r")), "{:?}", event.kind);
                }
                apply(&mut alerts, &again);
                let mut fingerprints: Vec<String> = open(&alerts).into_iter().map(|a| a.fingerprint).collect();
                fingerprints.sort();
                let n = fingerprints.len();
                fingerprints.dedup();
                prop_assert_eq!(n, fingerprints.len());
            }
            for (id, kinds) in told {
                prop_assert_eq!(kinds[0], EventKind::Firing);
                prop_assert_eq!(kinds.iter().filter(|k| **k == EventKind::Firing).count(), 1);
                let resolved = alerts.iter().any(|a| a.id == id && a.state == State::Resolved);
                prop_assert_eq!(kinds.last() == Some(&EventKind::Resolved), resolved);
            }
        }
    }
}
