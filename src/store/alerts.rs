//! Alerts: what people get, an alarm with a life.
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Doing, Store, StoreError, Tx,
    alarms::{Driver, Kind, Severity, json},
    audit::Entry,
    details::Details,
    execute, on_read,
};
use crate::ticket::{Basis, Day, Millis};

/// The three lanes of the boards, the messages and the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// 共性: frequent shared problems.
    Common,
    /// 季节: what comes back.
    Seasonal,
    /// 风险: more than expected now, or forecast to be.
    Risk,
}

impl Lane {
    /// All lanes.
    pub const ALL: [Self; 3] = [Self::Common, Self::Seasonal, Self::Risk];

    /// Stable name in tables, columns and labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Common => "common",
            Self::Seasonal => "seasonal",
            Self::Risk => "risk",
        }
    }
}

/// Where an alert is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Seen, not yet told.
    Pending,
    /// Told, nobody has taken it.
    Firing,
    /// 签收: someone has taken it.
    Acknowledged,
    /// Someone works on it.
    InProgress,
    /// Back to what is expected.
    Resolved,
    /// Finished by a person.
    Closed,
    /// Open, but nobody is to be told.
    Silenced,
    /// Replaced by another alert.
    Superseded,
    /// Its window went by.
    Expired,
}

impl State {
    /// All states.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Firing,
        Self::Acknowledged,
        Self::InProgress,
        Self::Resolved,
        Self::Closed,
        Self::Silenced,
        Self::Superseded,
        Self::Expired,
    ];

    /// Stable name in tables, columns and labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::InProgress => "in_progress",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
            Self::Silenced => "silenced",
            Self::Superseded => "superseded",
            Self::Expired => "expired",
        }
    }

    /// The state of a stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    /// Still going on: the same trouble joins this alert instead of raising another.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Resolved | Self::Closed | Self::Superseded | Self::Expired)
    }
}

/// Counts of the same window at other times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Compare {
    /// The same weekdays before: a week earlier, of a longer window as many weeks as it spans; of what lies ahead the
    /// last week that is known.
    pub last_week: Option<f64>,
    /// The same window of last year by the solar calendar (公历同比): the same weekdays 52 weeks before.
    pub last_year: Option<f64>,
    /// The same window of last year aligned on Spring Festival (春节对齐同比); absent where the city does not live by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_year_lunar: Option<f64>,
    /// The seasonal norm: the mean of the same window in past years.
    pub norm: Option<f64>,
}

/// What an alert says; the JSON that the API serves and receivers get.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AlertBody {
    /// One line for people.
    pub title: String,
    /// Names from the top-level topic down; empty = all topics.
    pub topic: Vec<String>,
    /// Names from the top-level district down; empty = the whole city.
    pub district: Vec<String>,
    /// What is counted.
    #[schema(value_type = String)]
    pub basis: Basis,
    /// What kind of deviation.
    pub kind: Kind,
    /// Which lane.
    pub lane: Lane,
    /// How much it matters.
    pub severity: Severity,
    /// Tickets observed in the window; null when it lies ahead.
    pub observed: Option<f64>,
    /// Tickets expected in the window: by the baseline, or the forecast when it lies ahead.
    pub expected: f64,
    /// Lower end of the interval of what is expected.
    pub lower: Option<f64>,
    /// Upper end of the interval of what is expected.
    pub upper: f64,
    /// Above 1 = abnormal.
    pub score: f64,
    /// P(at least so many | as expected).
    pub p_value: f64,
    /// Days from the last known day to the begin of the window.
    pub lead_days: i32,
    /// First local day of the trouble.
    #[schema(value_type = String, format = Date)]
    pub onset: NaiveDate,
    /// First and last local day judged.
    #[schema(value_type = Vec<String>)]
    pub window: (NaiveDate, NaiveDate),
    /// Detector that said so.
    pub method: String,
    /// Cells below that contribute most.
    pub drivers: Vec<Driver>,
    /// The same window at other times.
    pub compare: Compare,
    /// What its kind has to say beyond counts.
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    pub details: Details,
}

impl AlertBody {
    /// The path of its district, and of a cluster those of all its districts: whose business it is.
    pub fn districts(&self) -> impl Iterator<Item = &[String]> {
        let cluster = self.details.cluster.iter().flat_map(|cluster| &cluster.names);
        std::iter::once(&self.district).chain(cluster).map(Vec::as_slice)
    }
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Alert {
    /// Its id, the same from firing to closed.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// What it is about; one open alert a fingerprint.
    pub fingerprint: String,
    /// Where it is in its life.
    pub state: State,
    /// Key of the series.
    pub series: i32,
    /// Last local day known when an alarm was last seen.
    #[serde(skip)]
    pub last_day: Day,
    /// Last local day known when it was last judged, alarm or not.
    #[serde(skip)]
    pub judged: Day,
    /// Runs without an alarm since.
    pub quiet: i32,
    /// What it says.
    pub body: AlertBody,
    /// When it was raised, ms since the epoch.
    pub created: Millis,
    /// When it last changed.
    pub updated: Millis,
    /// When it was resolved, or came to another end.
    pub resolved: Option<Millis>,
    /// While it is silenced, the state it goes back to.
    pub silenced_from: Option<State>,
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: String,
    fingerprint: String,
    state: String,
    series: i32,
    last_day: i32,
    judged: i32,
    quiet: i32,
    payload: String,
    created: Millis,
    updated: Millis,
    resolved: Option<Millis>,
    silenced_from: Option<String>,
}

impl TryFrom<Row> for Alert {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = |what, value: &str| StoreError::Corrupt { what, value: value.to_owned() };
        Ok(Self {
            id: Uuid::parse_str(&row.id).map_err(|_| corrupt("alerts.id", &row.id))?,
            state: State::from_name(&row.state).ok_or_else(|| corrupt("alerts.state", &row.state))?,
            silenced_from: row
                .silenced_from
                .map(|s| State::from_name(&s).ok_or_else(|| corrupt("alerts.silenced_from", &s)))
                .transpose()?,
            body: serde_json::from_str(&row.payload).map_err(|_| corrupt("alerts.payload", &row.payload))?,
            fingerprint: row.fingerprint,
            series: row.series,
            last_day: Day(row.last_day),
            judged: Day(row.judged),
            quiet: row.quiet,
            created: row.created,
            updated: row.updated,
            resolved: row.resolved,
        })
    }
}

pub(super) const SELECT: &str = "SELECT id, fingerprint, state, series, last_day, judged, quiet, payload, created, updated, resolved, \
     silenced_from FROM alerts";
/// The states of [`State::is_open`]; a test keeps the two in step.
pub(super) const OPEN: &str = "state IN ('pending', 'firing', 'acknowledged', 'in_progress', 'silenced')";

impl Store {
    /// All open alerts, oldest first.
    pub async fn open_alerts(&self) -> Result<Vec<Alert>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} WHERE {OPEN} ORDER BY created, id"));
        let rows: Vec<Row> = on_read!(self, c => sqlx::query_as(sql).fetch_all(c)).doing("read alerts")?;
        rows.into_iter().map(Alert::try_from).collect()
    }

    /// Alerts of any state, the last changed first.
    pub async fn recent_alerts(&self, limit: i64) -> Result<Vec<Alert>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} ORDER BY updated DESC, id LIMIT $1"));
        let rows: Vec<Row> =
            on_read!(self, c => sqlx::query_as(sql).bind(limit).fetch_all(c)).doing("read alerts")?;
        rows.into_iter().map(Alert::try_from).collect()
    }

    /// Alerts whose trouble touches the days `[from, to]`, or that were told on one of them; oldest first.
    pub async fn alerts_touching(&self, from: Day, to: Day) -> Result<Vec<Alert>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "{SELECT} WHERE onset BETWEEN $1 AND $2 OR last_day BETWEEN $1 AND $2 OR (onset < $1 AND last_day > $2) \
             ORDER BY created, id"
        ));
        let rows: Vec<Row> = on_read!(self, c => sqlx::query_as(sql).bind(from.0).bind(to.0).fetch_all(c))
            .doing("read alerts")?;
        rows.into_iter().map(Alert::try_from).collect()
    }

    /// One alert.
    pub async fn alert(&self, id: Uuid) -> Result<Option<Alert>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} WHERE id = $1"));
        let row: Option<Row> =
            on_read!(self, c => sqlx::query_as(sql).bind(id.to_string()).fetch_optional(c))
                .doing("read alerts")?;
        row.map(Alert::try_from).transpose()
    }

    /// Open alerts by state and severity, for the metrics.
    pub async fn open_alert_counts(&self) -> Result<Vec<(String, String, i64)>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT state, severity, COUNT(*) FROM alerts WHERE {OPEN} GROUP BY state, severity ORDER BY state, severity"
        ));
        on_read!(self, c => sqlx::query_as(sql).fetch_all(c)).doing("count alerts")
    }
}

impl Tx {
    /// Writes the alerts a plan raised and the open ones it changed; returns how many were new.
    ///
    /// An id that exists is not raised again, so that a repeated run reopens nothing. A plan rests on
    /// [`Tx::open_alerts`] of the same transaction, so that no person can have said anything in the meantime.
    pub async fn put_alerts(&mut self, raised: &[Alert], changed: &[Alert]) -> Result<u64, StoreError> {
        const RAISE: &str = "INSERT INTO alerts (id, fingerprint, kind, lane, severity, state, series, onset, last_day, judged, \
             quiet, payload, created, updated, resolved, silenced_from) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT (id) DO NOTHING";
        const CHANGE: &str = "UPDATE alerts SET severity = $2, state = $3, last_day = $4, judged = $5, quiet = $6, \
             payload = $7, updated = $8, resolved = $9, silenced_from = $10 WHERE id = $1";
        let mut new = 0;
        for a in raised {
            let payload = json(&a.body, "alerts.payload")?;
            let is_new = execute!(
                self,
                "raise alerts",
                RAISE,
                a.id.to_string(),
                &a.fingerprint,
                a.body.kind.name(),
                a.body.lane.name(),
                a.body.severity.name(),
                a.state.name(),
                a.series,
                Day::from(a.body.onset).0,
                a.last_day.0,
                a.judged.0,
                a.quiet,
                &payload,
                a.created,
                a.updated,
                a.resolved,
                a.silenced_from.map(State::name)
            )?;
            if is_new > 0 {
                let mut entry = Entry::of_program(a.id, "raise", a.created);
                entry.to = Some(a.state);
                entry.detail = serde_json::json!({ "severity": a.body.severity });
                self.audit(&entry).await?;
            }
            new += is_new;
        }
        for a in changed {
            let payload = json(&a.body, "alerts.payload")?;
            execute!(
                self,
                "change alerts",
                CHANGE,
                a.id.to_string(),
                a.body.severity.name(),
                a.state.name(),
                a.last_day.0,
                a.judged.0,
                a.quiet,
                &payload,
                a.updated,
                a.resolved,
                a.silenced_from.map(State::name)
            )?;
        }
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_and_the_code_agree_on_what_is_open() {
        for state in State::ALL {
            assert_eq!(state.is_open(), OPEN.contains(&format!("'{}'", state.name())), "{state:?}");
        }
    }
}
