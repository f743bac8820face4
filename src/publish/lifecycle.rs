//! The life of alerts: what a run's alarms mean for the alerts that are open.
//!
//! Pure: the same open alerts, alarms and day give the same plan. Planning a day a second time changes nothing, because
//! an alert remembers the last day it was judged on, its id is drawn from its fingerprint and the day it was raised,
//! and a delivery's id from the alert, the event, the receiver and the day.
//!
//! One open alert a fingerprint: an alarm of the same fingerprint extends it, and tells people again only when the
//! severity rises. A suppressed alarm raises nothing but keeps an open alert alive, unless it is folded for the second run
//! into another alert that people have: that one tells it from now on. After `resolve_after` runs without an alarm the
//! alert is resolved, or expired when it spoke of days that have gone by; a later alarm is a new alert. What a silence
//! covers is raised and changes without a word; once the silence is over, an alert that nobody was told of is told.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use uuid::Uuid;

use super::life::{self, Action};
use crate::{
    store::{
        alarms::{Alarm, Severity},
        alerts::{Alert, AlertBody, State},
        audit::Entry,
        silences::Silence,
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
    /// Another alert tells it from now on.
    Superseded,
    /// The days it spoke of have gone by.
    Expired,
    /// A person has ended it.
    Closed,
    /// Nobody has acknowledged it in time.
    Escalated,
    /// A test by the operator.
    Test,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Firing,
        Self::Updated,
        Self::Resolved,
        Self::Superseded,
        Self::Expired,
        Self::Closed,
        Self::Escalated,
        Self::Test,
    ];

    /// CloudEvents `type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Firing => "org.weisu.alert.firing",
            Self::Updated => "org.weisu.alert.updated",
            Self::Resolved => "org.weisu.alert.resolved",
            Self::Superseded => "org.weisu.alert.superseded",
            Self::Expired => "org.weisu.alert.expired",
            Self::Closed => "org.weisu.alert.closed",
            Self::Escalated => "org.weisu.alert.escalated",
            Self::Test => "org.weisu.alert.test",
        }
    }

    /// Whether nothing more will be told of it.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Resolved | Self::Superseded | Self::Expired | Self::Closed)
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

/// What the audit says of the changes of a plan; what it raises is noted when it turns out to be new.
pub fn audit(open: &[Alert], plan: &Plan, now: Millis) -> Vec<Entry> {
    let mut entries = Vec::new();
    for after in &plan.changed {
        let Some(before) = open.iter().find(|a| a.id == after.id) else { continue };
        if before.state != after.state {
            let mut entry = Entry::of_program(after.id, step(before.state, after.state), now);
            (entry.from, entry.to) = (Some(before.state), Some(after.state));
            entries.push(entry);
        }
        if before.body.severity != after.body.severity {
            let mut entry = Entry::of_program(after.id, "rise", now);
            entry.detail = json!({ "from": before.body.severity, "to": after.body.severity });
            entries.push(entry);
        }
    }
    entries
}

/// What led from one state to another.
fn step(before: State, after: State) -> &'static str {
    let action = match (before, after) {
        (_, State::Silenced) => Action::Silence,
        (State::Silenced, state) if state.is_open() => Action::Lift,
        (_, State::Superseded) => Action::Supersede,
        (_, State::Expired) => Action::Expire,
        _ => Action::Resolve,
    };
    action.name()
}

/// Id of the alert that a fingerprint raises on a day.
pub fn alert_id(fingerprint: &str, day: Day) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{fingerprint}\n{}", day.0).as_bytes())
}

/// What a plan goes by.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules<'a> {
    /// Runs without an alarm after which an alert is resolved.
    pub resolve_after: u32,
    /// The silences that hold.
    pub silences: &'a [Silence],
}

impl Rules<'_> {
    fn silenced(&self, fingerprint: &str, body: &AlertBody) -> bool {
        self.silences.iter().any(|s| s.scope.covers(fingerprint, body))
    }
}

/// Plans what the alarms of one run mean for the open alerts.
///
/// `open` holds every open alert, `alarms` every alarm of the run, suppressed ones too; `day` is the last known local
/// day. After a pause, plan each judged day in turn, or all at once.
pub fn plan(open: &[Alert], alarms: &[Candidate], day: Day, now: Millis, rules: Rules<'_>) -> Plan {
    let seen = newest_of_each(alarms);
    let mut plan = Plan::default();
    let mut known = BTreeSet::new();
    for alert in open {
        known.insert(alert.fingerprint.as_str());
        if day < alert.judged {
            continue;
        }
        let mut after = alert.clone();
        silence(&mut after, rules);
        after.judged = day;
        let event = match seen.get(alert.fingerprint.as_str()) {
            Some(alarm) if is_told_by_another(alarm, open, &seen) => {
                end(&mut after, Action::Supersede, now).then_some(EventKind::Superseded)
            }
            Some(alarm) => seen_again(&mut after, alarm, day),
            None => not_seen(&mut after, alert, day, now, rules.resolve_after),
        };
        if after != *alert {
            after.updated = now;
            plan.changed.push(after.clone());
        }
        // Of what people were not told they are not told the end.
        let untold = alert.state == State::Silenced || alert.silenced_from.is_some();
        let quiet = untold && event.is_some_and(EventKind::is_over);
        if let Some(kind) = event.filter(|_| !quiet && after.state != State::Silenced) {
            let before = (kind == EventKind::Updated).then_some(alert.body.severity);
            plan.events.push(Event { kind, alert: as_told(after), before, day });
        }
    }
    for (fingerprint, alarm) in seen {
        if !known.contains(fingerprint) && alarm.is_told() {
            raise(&mut plan, &alarm, day, now, rules);
        }
    }
    plan
}

/// The alarms of one fingerprint in one run: the newest window speaks, the earliest dates the onset.
struct Seen<'a> {
    candidate: &'a Candidate,
    from: Day,
}

impl Seen<'_> {
    fn is_told(&self) -> bool {
        self.candidate.alarm.suppressed.is_none()
    }

    /// Fingerprint of the alarm that it is folded into.
    fn folded_into(&self) -> Option<&str> {
        self.candidate.alarm.suppressed.as_deref()?.strip_prefix("folded:")
    }
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

/// Whether an alarm is folded into an alert that people have had since an earlier run and that goes on: twice in a row,
/// so that a single day does not end an alert.
fn is_told_by_another(alarm: &Seen<'_>, open: &[Alert], seen: &BTreeMap<&str, Seen<'_>>) -> bool {
    alarm.folded_into().is_some_and(|other| {
        open.iter().any(|a| a.fingerprint == other && a.state != State::Silenced)
            && seen.get(other).is_some_and(Seen::is_told)
    })
}

/// Brings the state of an open alert into step with the silences that hold.
fn silence(alert: &mut Alert, rules: Rules<'_>) {
    match (alert.state, rules.silenced(&alert.fingerprint, &alert.body)) {
        (State::Silenced, false) => life::apply(alert, Action::Lift),
        (state, true) if state != State::Silenced => life::apply(alert, Action::Silence),
        _ => Ok(false),
    }
    .ok();
}

/// Ends an alert; `false` where it has come to its end already.
fn end(alert: &mut Alert, action: Action, now: Millis) -> bool {
    let ended = life::apply(alert, action).unwrap_or(false);
    if ended {
        alert.resolved = Some(now);
    }
    ended
}

/// The alert as receivers read of it: they are just being told.
fn as_told(mut alert: Alert) -> Alert {
    if alert.state == State::Pending {
        alert.state = State::Firing;
    }
    alert
}

fn raise(plan: &mut Plan, seen: &Seen<'_>, day: Day, now: Millis, rules: Rules<'_>) {
    let mut body = seen.candidate.body.clone();
    body.onset = seen.from.date();
    let mut alert = Alert {
        id: alert_id(&seen.candidate.alarm.fingerprint, day),
        fingerprint: seen.candidate.alarm.fingerprint.clone(),
        state: State::Pending,
        series: seen.candidate.alarm.series,
        last_day: day,
        judged: day,
        quiet: 0,
        body,
        created: now,
        updated: now,
        resolved: None,
        silenced_from: None,
    };
    silence(&mut alert, rules);
    if alert.state != State::Silenced {
        let alert = as_told(alert.clone());
        plan.events.push(Event { kind: EventKind::Firing, alert, before: None, day });
    }
    plan.raised.push(alert);
}

fn seen_again(after: &mut Alert, seen: &Seen<'_>, day: Day) -> Option<EventKind> {
    let before = after.body.severity;
    after.last_day = day;
    after.quiet = 0;
    // A suppressed alarm keeps the alert alive; what people were told stays.
    if !seen.is_told() {
        return None;
    }
    let onset = after.body.onset.min(seen.from.date());
    // Lowered severities would only come and go; people were told the highest.
    let severity = before.max(seen.candidate.body.severity);
    after.body = AlertBody { onset, severity, ..seen.candidate.body.clone() };
    // Silenced before anybody was told of it, and not any more.
    if after.state == State::Pending && after.silenced_from.take().is_some() {
        return Some(EventKind::Firing);
    }
    (severity > before).then_some(EventKind::Updated)
}

fn not_seen(
    after: &mut Alert,
    alert: &Alert,
    day: Day,
    now: Millis,
    resolve_after: u32,
) -> Option<EventKind> {
    if day == alert.judged {
        return None;
    }
    after.quiet = alert.quiet.saturating_add(1);
    if alert.body.kind.is_ahead() && alert.body.window.1 <= day.date() {
        return end(after, Action::Expire, now).then_some(EventKind::Expired);
    }
    let done = i64::from(after.quiet) >= i64::from(resolve_after);
    (done && end(after, Action::Resolve, now)).then_some(EventKind::Resolved)
}

#[cfg(test)]
pub(crate) mod tests;
