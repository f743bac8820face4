//! When a receiver is told: at once, when its quiet hours end, or with the daily digest.
//!
//! Everything is said when the delivery is written: from the severity, the receiver's settings, the local time and what
//! it has been told today. So a plan can show it beforehand and nothing is decided anew at the time of sending.
use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use crate::{
    config::Receiver,
    store::{alarms::Severity, outbox::How},
    ticket::Millis,
};

/// How many alerts receivers were told at once, by local day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told(BTreeMap<(String, NaiveDate), u32>);

impl Told {
    /// From what the store knows: receivers, and when they were or will be told.
    pub fn new(rows: &[(String, Millis)], zone: Tz) -> Self {
        let mut told = Self::default();
        for (receiver, at) in rows {
            let at = DateTime::from_timestamp_millis(*at).unwrap_or_default();
            told.count(receiver, at, zone);
        }
        told
    }

    fn count(&mut self, receiver: &str, at: DateTime<Utc>, zone: Tz) {
        *self.0.entry(Self::key(receiver, at, zone)).or_default() += 1;
    }

    fn of(&self, receiver: &str, at: DateTime<Utc>, zone: Tz) -> u32 {
        self.0.get(&Self::key(receiver, at, zone)).copied().unwrap_or(0)
    }

    fn key(receiver: &str, at: DateTime<Utc>, zone: Tz) -> (String, NaiveDate) {
        (receiver.to_owned(), at.with_timezone(&zone).date_naive())
    }
}

/// When, and why then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Not before then.
    pub at: DateTime<Utc>,
    /// Why.
    pub how: How,
}

/// Places an alert of a severity that comes up at `now`, and counts it.
pub fn place(
    receiver: &Receiver,
    severity: Severity,
    now: DateTime<Utc>,
    zone: Tz,
    told: &mut Told,
) -> Placed {
    let digest = |how| Placed { at: receiver.digest_at.after(now, zone), how };
    if severity < receiver.at_once_from() {
        return digest(How::Digest);
    }
    let placed = unless_quiet(receiver, severity, now, zone, How::Immediate);
    if receiver.daily_budget.is_some_and(|budget| told.of(&receiver.name, placed.at, zone) >= budget) {
        return digest(How::Budget);
    }
    told.count(&receiver.name, placed.at, zone);
    placed
}

/// Places an alert that nobody has acknowledged: no digest and no budget, but quiet hours.
pub fn place_escalation(receiver: &Receiver, severity: Severity, now: DateTime<Utc>, zone: Tz) -> Placed {
    unless_quiet(receiver, severity, now, zone, How::Escalation)
}

/// Places the word that a person has ended an alert: programs get it at once, people with the digest.
pub fn place_ending(receiver: &Receiver, now: DateTime<Utc>, zone: Tz) -> Placed {
    if receiver.kind.is_for_people() {
        return Placed { at: receiver.digest_at.after(now, zone), how: How::Digest };
    }
    Placed { at: now, how: How::Immediate }
}

fn unless_quiet(receiver: &Receiver, severity: Severity, now: DateTime<Utc>, zone: Tz, how: How) -> Placed {
    let breaks = receiver.quiet_critical && severity == Severity::Critical;
    match receiver.quiet.and_then(|quiet| quiet.end(now, zone)).filter(|_| !breaks) {
        Some(at) => Placed { at, how: How::Quiet },
        None => Placed { at: now, how },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ReceiverKind;

    const ZONE: Tz = Tz::Asia__Shanghai;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn duty() -> Receiver {
        Receiver {
            name: "duty".into(),
            kind: ReceiverKind::Wecom,
            quiet: Some("22:00-07:00".parse().unwrap()),
            quiet_critical: true,
            daily_budget: Some(2),
            ..Receiver::default()
        }
    }

    #[test]
    fn severity_quiet_hours_and_budget_say_when() {
        let (noon, night) = (at("2024-11-15T04:00:00Z"), at("2024-11-15T15:00:00Z"));
        let mut told = Told::default();
        let mut place = |severity, now| {
            let placed = place(&duty(), severity, now, ZONE, &mut told);
            (placed.how, placed.at.to_rfc3339())
        };
        let morning = "2024-11-16T00:07:00+00:00".to_owned();
        assert_eq!(place(Severity::Medium, noon), (How::Digest, morning.clone()));
        assert_eq!(place(Severity::High, noon).0, How::Immediate);
        assert_eq!(place(Severity::Critical, night), (How::Immediate, night.to_rfc3339()));
        assert_eq!(place(Severity::Critical, noon), (How::Budget, morning), "two were told today");
        // Held back until tomorrow, it counts tomorrow.
        let end = "2024-11-15T23:00:00+00:00".to_owned();
        assert_eq!(place(Severity::High, night), (How::Quiet, end.clone()));
        assert_eq!(place(Severity::High, night), (How::Quiet, end));
        assert_eq!(place(Severity::High, night).0, How::Budget);
        let strict = Receiver { quiet_critical: false, ..duty() };
        assert_eq!(place_escalation(&strict, Severity::Critical, night, ZONE).how, How::Quiet);
        assert_eq!(place_escalation(&duty(), Severity::Critical, night, ZONE).how, How::Escalation);
    }

    #[test]
    fn what_the_store_knows_counts_by_local_day() {
        let rows = [at("2024-11-14T16:30:00Z"), at("2024-11-15T15:30:00Z")]
            .map(|at| ("duty".to_owned(), at.timestamp_millis()));
        let mut told = Told::new(&rows, ZONE);
        assert_eq!(
            place(&duty(), Severity::High, at("2024-11-15T04:00:00Z"), ZONE, &mut told).how,
            How::Budget
        );
        assert_eq!(
            place(&duty(), Severity::High, at("2024-11-16T04:00:00Z"), ZONE, &mut told).how,
            How::Immediate
        );
    }

    #[test]
    fn machines_are_told_everything_at_once() {
        let hook = Receiver { name: "hook".into(), ..Receiver::default() };
        let now = at("2024-11-15T04:00:00Z");
        let placed = place(&hook, Severity::Low, now, ZONE, &mut Told::default());
        assert_eq!(placed, Placed { at: now, how: How::Immediate });
    }
}
