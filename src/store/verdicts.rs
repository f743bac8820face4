//! What people said of alerts, how precise each rule is by that, and the thresholds chosen from it.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Doing, Store, StoreError, Tx, alarms::Kind, alerts::AlertBody, execute, on_read};
use crate::ticket::Millis;

/// What an alert turned out to be.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// There was trouble.
    Confirmed,
    /// A rise, but one that was known to come.
    Expected,
    /// Nothing was there.
    FalseAlarm,
    /// The beginning of something that stays.
    NewTrend,
    /// Taken back: as if nobody had said anything.
    Unreviewed,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Self; 5] =
        [Self::Confirmed, Self::Expected, Self::FalseAlarm, Self::NewTrend, Self::Unreviewed];

    /// Stable name in tables, columns and labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Expected => "expected",
            Self::FalseAlarm => "false_alarm",
            Self::NewTrend => "new_trend",
            Self::Unreviewed => "unreviewed",
        }
    }

    /// The verdict of a stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.name() == name)
    }

    /// Whether the alert was worth telling; `None` when nobody has said.
    pub fn is_useful(self) -> Option<bool> {
        match self {
            Self::Confirmed | Self::NewTrend => Some(true),
            Self::Expected | Self::FalseAlarm => Some(false),
            Self::Unreviewed => None,
        }
    }
}

/// Why it was so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A holiday or its absence.
    Holiday,
    /// Heat, cold, storm, flood.
    Weather,
    /// Building work.
    Construction,
    /// A new rule or fee.
    PolicyChange,
    /// Water, power, heating or a line was down.
    Outage,
    /// A match, a fair, an accident.
    Event,
    /// The data were wrong.
    DataError,
    /// People were asked to call.
    Campaign,
    /// Something else.
    Other,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 9] = [
        Self::Holiday,
        Self::Weather,
        Self::Construction,
        Self::PolicyChange,
        Self::Outage,
        Self::Event,
        Self::DataError,
        Self::Campaign,
        Self::Other,
    ];

    /// Stable name in tables, columns and labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Holiday => "holiday",
            Self::Weather => "weather",
            Self::Construction => "construction",
            Self::PolicyChange => "policy_change",
            Self::Outage => "outage",
            Self::Event => "event",
            Self::DataError => "data_error",
            Self::Campaign => "campaign",
            Self::Other => "other",
        }
    }

    /// The cause of a stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }
}

/// What somebody said of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// The alert.
    pub alert: Uuid,
    /// When, ms since the epoch.
    pub at: Millis,
    /// What it was.
    pub verdict: Verdict,
    /// Why.
    pub cause: Option<Cause>,
    /// Who said so: an office or a role.
    pub author: String,
    /// In their words.
    pub note: Option<String>,
}

/// An alert with the newest verdict on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What kind of deviation.
    pub kind: Kind,
    /// Detector.
    pub method: String,
    /// p-value it was last told with.
    pub p_value: f64,
    /// What it was.
    pub verdict: Verdict,
}

/// A threshold chosen from verdicts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Threshold {
    /// Of which kind.
    pub kind: Kind,
    /// P(alarm | normal) of one cell and period.
    pub alpha: f64,
    /// Who chose it.
    pub author: String,
    /// Alerts it rests on.
    pub reviewed: i64,
    /// Of them, useful.
    pub useful: i64,
}

impl Store {
    /// Every alert with the newest verdict on it, oldest first.
    pub async fn judged_alerts(&self) -> Result<Vec<Judged>, StoreError> {
        const SQL: &str = "SELECT a.kind, a.payload, v.verdict FROM alerts a LEFT JOIN verdicts v ON v.alert = a.id \
             AND v.at = (SELECT MAX(at) FROM verdicts WHERE alert = a.id) ORDER BY a.created, a.id";
        let rows: Vec<(String, String, Option<String>)> =
            on_read!(self, c => sqlx::query_as(SQL).fetch_all(c)).doing("read verdicts")?;
        rows.into_iter().map(judged).collect()
    }

    /// Everything that was said of an alert, oldest first.
    pub async fn said_of(&self, alert: Uuid) -> Result<Vec<Said>, StoreError> {
        const SQL: &str =
            "SELECT at, verdict, cause, author, note FROM verdicts WHERE alert = $1 ORDER BY at";
        type Row = (i64, String, Option<String>, String, Option<String>);
        let rows: Vec<Row> = on_read!(self, c => sqlx::query_as(SQL).bind(alert.to_string()).fetch_all(c))
            .doing("read verdicts")?;
        rows.into_iter()
            .map(|(at, verdict, cause, author, note)| {
                Ok(Said {
                    alert,
                    at,
                    verdict: Verdict::from_name(&verdict).ok_or_else(|| corrupt("verdict", &verdict))?,
                    cause: cause
                        .map(|c| Cause::from_name(&c).ok_or_else(|| corrupt("cause", &c)))
                        .transpose()?,
                    author,
                    note,
                })
            })
            .collect()
    }

    /// The thresholds in force.
    pub async fn thresholds(&self) -> Result<Vec<Threshold>, StoreError> {
        const SQL: &str = "SELECT kind, alpha, author, reviewed, useful FROM thresholds t \
             WHERE at = (SELECT MAX(at) FROM thresholds WHERE kind = t.kind) ORDER BY kind";
        let rows: Vec<(String, f64, String, i64, i64)> =
            on_read!(self, c => sqlx::query_as(SQL).fetch_all(c)).doing("read thresholds")?;
        rows.into_iter()
            .map(|(kind, alpha, author, reviewed, useful)| {
                let kind = Kind::from_name(&kind).ok_or_else(|| corrupt("thresholds.kind", &kind))?;
                Ok(Threshold { kind, alpha, author, reviewed, useful })
            })
            .collect()
    }
}

fn corrupt(what: &'static str, value: &str) -> StoreError {
    StoreError::Corrupt { what, value: value.to_owned() }
}

fn judged((kind, payload, verdict): (String, String, Option<String>)) -> Result<Judged, StoreError> {
    let body: AlertBody = serde_json::from_str(&payload).map_err(|_| corrupt("alerts.payload", &payload))?;
    let verdict = match verdict {
        Some(name) => Verdict::from_name(&name).ok_or_else(|| corrupt("verdicts.verdict", &name))?,
        None => Verdict::Unreviewed,
    };
    let kind = Kind::from_name(&kind).ok_or_else(|| corrupt("alerts.kind", &kind))?;
    Ok(Judged { kind, method: body.method, p_value: body.p_value, verdict })
}

impl Tx {
    /// Adds what somebody said of an alert; false when there is no such alert.
    pub async fn say(&mut self, said: &Said) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO verdicts (alert, at, verdict, cause, author, note) \
             SELECT id, $2, $3, $4, $5, $6 FROM alerts WHERE id = $1";
        // Later than what was said before, so that the newest is the last: clocks step back.
        const LAST: &str = "SELECT COALESCE(MAX(at), 0) FROM verdicts WHERE alert = $1";
        let id = said.alert.to_string();
        let (last,): (i64,) =
            super::on_tx!(self, c => sqlx::query_as(LAST).bind(&id).fetch_one(c)).doing("read verdicts")?;
        let at = said.at.max(last + 1);
        let (verdict, cause) = (said.verdict.name(), said.cause.map(Cause::name));
        let added = execute!(
            self,
            "write a verdict",
            SQL,
            &id,
            at,
            verdict,
            cause,
            &said.author,
            said.note.as_deref()
        )?;
        Ok(added > 0)
    }

    /// Puts thresholds into force.
    pub async fn put_thresholds(&mut self, at: Millis, all: &[Threshold]) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO thresholds (kind, at, alpha, author, reviewed, useful) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (kind, at) DO UPDATE SET alpha = excluded.alpha, \
             author = excluded.author, reviewed = excluded.reviewed, useful = excluded.useful";
        for t in all {
            execute!(
                self,
                "write thresholds",
                SQL,
                t.kind.name(),
                at,
                t.alpha,
                &t.author,
                t.reviewed,
                t.useful
            )?;
        }
        Ok(())
    }
}

/// How precise a rule is by the verdicts on its alerts.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Precision {
    /// What kind of deviation.
    pub kind: Kind,
    /// Detector.
    pub method: String,
    /// Alerts by verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// Alerts that somebody said something of.
    pub reviewed: u64,
    /// Share of them that were worth telling: confirmed or a new trend; null of none.
    pub precision: Option<f64>,
    /// Its 95 % interval.
    pub interval: [f64; 2],
}

/// Precision by kind and method.
pub fn precision(all: &[Judged]) -> Vec<Precision> {
    let mut rules: BTreeMap<(Kind, &str), Vec<Verdict>> = BTreeMap::new();
    for judged in all {
        rules.entry((judged.kind, &judged.method)).or_default().push(judged.verdict);
    }
    let of_rule = |((kind, method), verdicts): ((Kind, &str), Vec<Verdict>)| {
        let useful: Vec<bool> = verdicts.iter().filter_map(|v| v.is_useful()).collect();
        let share = weisu_models::hotspot::tuning::Share::new(
            useful.iter().filter(|useful| **useful).count(),
            useful.len(),
        );
        let mut by_verdict: BTreeMap<String, u64> = BTreeMap::new();
        verdicts.iter().for_each(|v| *by_verdict.entry(v.name().to_owned()).or_default() += 1);
        Precision {
            kind,
            method: method.to_owned(),
            verdicts: by_verdict,
            reviewed: useful.len() as u64,
            precision: share.value(),
            interval: [share.lower, share.upper],
        }
    };
    rules.into_iter().map(of_rule).collect()
}
