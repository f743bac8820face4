//! The life of alerts over made-up runs.
use chrono::NaiveDate;
use proptest::prelude::*;

use super::*;
use crate::{
    store::{
        alarms::{Driver, Kind},
        alerts::{Compare, Lane},
        details::Details,
        silences::Scope,
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
    raise(&mut out, &Seen { candidate: &candidate, from: Day(day) }, Day(day), 0, Rules::default());
    out.events.remove(0).alert
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

fn plan(open: &[Alert], alarms: &[Candidate], day: Day, now: Millis, resolve_after: u32) -> Plan {
    super::plan(open, alarms, day, now, Rules { resolve_after, silences: &[] })
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
fn what_a_silence_covers_lives_without_a_word_and_is_told_afterwards() {
    let scope = Scope { fingerprint: Some("a".into()), ..Scope::default() };
    let silence = Silence {
        id: Uuid::nil(),
        scope,
        until: 1,
        reason: "drill".into(),
        author: "planner".into(),
        created: 0,
        lifted: None,
    };
    let quiet = Rules { resolve_after: 1, silences: &[silence] };
    let alarm = |day, severity| [candidate("a", day, severity, false), candidate("b", day, severity, false)];
    let raised = super::plan(&[], &alarm(1, Severity::Low), Day(1), 0, quiet);
    assert_eq!(raised.raised.iter().map(|a| a.state).collect::<Vec<_>>(), [State::Silenced, State::Pending]);
    assert_eq!(raised.events.iter().map(|e| e.alert.fingerprint.as_str()).collect::<Vec<_>>(), ["b"]);
    let silenced = raised.raised[..1].to_vec();
    let rises = super::plan(&silenced, &alarm(2, Severity::Critical)[..1], Day(2), 0, quiet);
    assert_eq!((rises.changed.len(), rises.events.len()), (1, 0));
    let ends = super::plan(&silenced, &[], Day(2), 0, quiet);
    assert_eq!((ends.changed[0].state, ends.events.len()), (State::Resolved, 0));
    let after = plan(&silenced, &alarm(2, Severity::Low)[..1], Day(2), 0, 1);
    assert_eq!((kinds(&after), after.changed[0].state), (vec![EventKind::Firing], State::Pending));
    assert_eq!(plan(&after.changed, &alarm(2, Severity::Low)[..1], Day(2), 0, 1).events, [], "once");
    // One that people know comes back as it was, and falls silent as it is.
    let mut known = alert("a", 1);
    let falls = super::plan(&[known.clone()], &alarm(2, Severity::Critical)[..1], Day(2), 0, quiet);
    assert_eq!((falls.changed[0].state, falls.events.len()), (State::Silenced, 0));
    (known.state, known.silenced_from) = (State::Silenced, Some(State::InProgress));
    let back = plan(&[known], &alarm(2, Severity::Low)[..1], Day(2), 0, 1);
    assert_eq!((back.changed[0].state, back.events.len()), (State::InProgress, 0));
}

#[test]
fn an_alert_folded_twice_into_another_is_told_by_that_one() {
    let mut folded = candidate("a", 2, Severity::Low, true);
    folded.alarm.suppressed = Some("folded:b".into());
    let whole = candidate("b", 2, Severity::Low, false);
    let alarms = [folded, whole];
    let first = plan(&[alert("a", 1)], &alarms, Day(2), 7, 2);
    assert_eq!(kinds(&first), [EventKind::Firing], "the whole is new: the part goes on");
    let second = plan(&[alert("a", 1), alert("b", 1)], &alarms, Day(2), 7, 2);
    assert_eq!(kinds(&second), [EventKind::Superseded]);
    assert_eq!((second.changed[0].state, second.changed[0].resolved), (State::Superseded, Some(7)));
}

#[test]
fn what_spoke_of_days_that_went_by_expires() {
    let mut ahead = alert("a", 10);
    ahead.body =
        AlertBody { window: (Day(12).date(), Day(14).date()), ..body(Kind::SeasonOnset, Severity::Low) };
    let on = |day| kinds(&plan(&[ahead.clone()], &[], Day(day), 0, 9));
    assert_eq!((on(13), on(14)), (vec![], vec![EventKind::Expired]));
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
