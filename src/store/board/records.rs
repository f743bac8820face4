//! What has happened, counted or listed by when: alerts, alarms, runs, deliveries, the ledger by origin.
use super::super::{Doing, Store, StoreError, on_read};
use crate::ticket::{Basis, DistrictId, Millis, TopicId};

/// An alert with its series, for charts and tables.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct AlertSpan {
    /// Key.
    pub id: String,
    /// Kind.
    pub kind: String,
    /// Lane.
    pub lane: String,
    /// Severity.
    pub severity: String,
    /// Where in its life.
    pub state: String,
    /// First day of the window, days since 1970-01-01.
    pub onset: i32,
    /// What is counted.
    pub basis: String,
    /// Topic; 0 = all.
    pub topic: TopicId,
    /// District; 0 = all.
    pub district: DistrictId,
    /// JSON with the grounds.
    pub payload: String,
    /// Opened, ms since the epoch.
    pub created: Millis,
    /// Last changed, ms since the epoch.
    pub updated: Millis,
    /// Over since, ms since the epoch.
    pub resolved: Option<Millis>,
}

/// An alarm with its series and when it was raised.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AlarmRow {
    /// Kind.
    pub kind: String,
    /// Severity.
    pub severity: String,
    /// What is counted.
    pub basis: String,
    /// Topic; 0 = all.
    pub topic: TopicId,
    /// District; 0 = all.
    pub district: DistrictId,
    /// When the run that raised it began, ms since the epoch.
    pub raised: Millis,
}

/// A run, without what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct RunRow {
    /// Stage.
    pub stage: String,
    /// How it ended.
    pub status: String,
    /// Begin, ms since the epoch.
    pub started: Millis,
    /// End, ms since the epoch.
    pub finished: Option<Millis>,
    /// The stage's summary, JSON.
    pub summary: String,
}

/// A delivery's receiver, event, status and age.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DeliveryMark {
    /// Name of the receiver.
    pub receiver: String,
    /// `pending`, `delivered` or `dead`.
    pub status: String,
    /// When it was enqueued, ms since the epoch.
    pub created: Millis,
}

/// Sums of the ledger over what was published from one origin.
#[derive(Debug, Clone, Copy, PartialEq, sqlx::FromRow)]
pub struct LedgerOrigin {
    /// Last day known, days since 1970-01-01.
    pub origin: i32,
    /// [`super::super::Grain::code`].
    pub grain: i32,
    /// First lead.
    pub lead_from: i32,
    /// Last lead.
    pub lead_to: i32,
    /// Depth in the topic tree.
    pub topic_depth: i32,
    /// Depth in the district tree.
    pub district_depth: i32,
    /// Periods scored.
    pub n: i64,
    /// How many lay in the 80 % band.
    pub inside_80: i64,
    /// How many lay in the 95 % band.
    pub inside_95: i64,
    /// Sum of counts.
    pub actual: f64,
    /// Sum of |count - mean|.
    pub error: f64,
    /// The same of the seasonal naive.
    pub naive_error: f64,
}

impl Store {
    /// Alerts opened by `until` that were not over before `since`, oldest first.
    pub async fn alert_spans(&self, since: Millis, until: Millis) -> Result<Vec<AlertSpan>, StoreError> {
        const SQL: &str = "SELECT a.id, a.kind, a.lane, a.severity, a.state, a.onset, s.basis, s.topic, s.district, \
             a.payload, a.created, a.updated, a.resolved FROM alerts a JOIN series s ON s.id = a.series \
             WHERE a.created <= $2 AND (a.resolved IS NULL OR a.resolved >= $1) ORDER BY a.created, a.id";
        on_read!(self, c => sqlx::query_as(SQL).bind(since).bind(until).fetch_all(c)).doing("read alerts")
    }

    /// Alarms of runs that began in `[since, until]`, oldest first.
    pub async fn alarms_raised(&self, since: Millis, until: Millis) -> Result<Vec<AlarmRow>, StoreError> {
        const SQL: &str = "SELECT a.kind, a.severity, s.basis, s.topic, s.district, r.started AS raised \
             FROM alarms a JOIN runs r ON r.id = a.run JOIN series s ON s.id = a.series \
             WHERE r.started BETWEEN $1 AND $2 ORDER BY r.started, a.fingerprint";
        on_read!(self, c => sqlx::query_as(SQL).bind(since).bind(until).fetch_all(c)).doing("read alarms")
    }

    /// Runs that began in `[since, until]`, oldest first.
    pub async fn runs_begun(&self, since: Millis, until: Millis) -> Result<Vec<RunRow>, StoreError> {
        const SQL: &str = "SELECT stage, status, started, finished, summary FROM runs \
             WHERE started BETWEEN $1 AND $2 ORDER BY started, id";
        on_read!(self, c => sqlx::query_as(SQL).bind(since).bind(until).fetch_all(c)).doing("read runs")
    }

    /// The newest run of each stage and way to end.
    pub async fn newest_runs(&self) -> Result<Vec<RunRow>, StoreError> {
        const SQL: &str = "SELECT stage, status, started, finished, '' AS summary FROM runs \
             WHERE id IN (SELECT MAX(id) FROM runs GROUP BY stage, status) ORDER BY stage, status";
        on_read!(self, c => sqlx::query_as(SQL).fetch_all(c)).doing("read runs")
    }

    /// Deliveries enqueued in `[since, until]`, oldest first.
    pub async fn deliveries_made(
        &self,
        since: Millis,
        until: Millis,
    ) -> Result<Vec<DeliveryMark>, StoreError> {
        const SQL: &str = "SELECT receiver, status, created FROM deliveries \
             WHERE created BETWEEN $1 AND $2 ORDER BY created, id";
        on_read!(self, c => sqlx::query_as(SQL).bind(since).bind(until).fetch_all(c)).doing("read deliveries")
    }

    /// The ledger by origin, grain, leads and level, for origins in `[since, until]`.
    pub async fn ledger_by_origin(
        &self,
        basis: Basis,
        since: i32,
        until: i32,
    ) -> Result<Vec<LedgerOrigin>, StoreError> {
        const SQL: &str = "SELECT origin, grain, lead_from, MAX(lead_to) AS lead_to, topic_depth, district_depth, \
             CAST(SUM(n) AS BIGINT) AS n, CAST(SUM(inside_80) AS BIGINT) AS inside_80, \
             CAST(SUM(inside_95) AS BIGINT) AS inside_95, SUM(actual) AS actual, SUM(error) AS error, \
             SUM(naive_error) AS naive_error FROM ledger \
             WHERE basis = $1 AND origin BETWEEN $2 AND $3 AND n > 0 \
             GROUP BY origin, grain, lead_from, topic_depth, district_depth \
             ORDER BY grain, lead_from, topic_depth, district_depth, origin";
        on_read!(self, c => sqlx::query_as(SQL).bind(basis.name()).bind(since).bind(until).fetch_all(c))
            .doing("read the ledger")
    }
}
