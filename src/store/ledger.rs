//! The honesty ledger: what published forecasts were worth, written once and never changed.
use std::collections::BTreeSet;

use super::{Doing, ForecastRow, Grain, Store, StoreError, Tx, on_read};
use crate::ticket::{Basis, Day};

/// Periods that a run has published, one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Issued {
    /// The forecast run.
    pub run: i64,
    /// Last day it knew.
    pub origin: i32,
    /// [`Grain::code`].
    pub grain: i32,
    /// First day of the first period.
    pub first: i32,
    /// Number of periods.
    pub periods: i64,
}

/// Sums over the periods of one band of leads of one run, for one series or all cells of a level.
#[derive(Debug, Clone, Copy, PartialEq, Default, sqlx::FromRow)]
pub struct LedgerRow {
    /// The forecast run.
    pub run: i64,
    /// [`Grain::code`].
    pub grain: i32,
    /// First lead.
    pub lead_from: i32,
    /// Last lead.
    pub lead_to: i32,
    /// Depth in the topic tree.
    pub topic_depth: i32,
    /// Depth in the district tree.
    pub district_depth: i32,
    /// The series; 0 = all cells of the level.
    pub series: i32,
    /// Last day the run knew.
    pub origin: i32,
    /// Periods scored.
    pub n: i64,
    /// How many lay in the 80 % band.
    pub inside_80: i64,
    /// How many lay in the 95 % band.
    pub inside_95: i64,
    /// Sum of means.
    pub expected: f64,
    /// Sum of counts.
    pub actual: f64,
    /// Sum of |count - mean|.
    pub error: f64,
    /// The same of the seasonal naive.
    pub naive_error: f64,
    /// Sum of quantile losses.
    pub loss: f64,
}

/// Sums over all runs for one series, or all cells of a level, and one band of leads.
#[derive(Debug, Clone, Copy, PartialEq, Default, sqlx::FromRow)]
pub struct LedgerSum {
    /// [`Grain::code`].
    pub grain: i32,
    /// First lead.
    pub lead_from: i32,
    /// Last lead.
    pub lead_to: i32,
    /// Depth in the topic tree.
    pub topic_depth: i32,
    /// Depth in the district tree.
    pub district_depth: i32,
    /// Topic; 0 = all, or all cells of the level.
    pub topic: i32,
    /// District; 0 = all, or all cells of the level.
    pub district: i32,
    /// Published runs scored.
    pub runs: i64,
    /// First origin scored.
    pub first_origin: i32,
    /// Last origin scored.
    pub last_origin: i32,
    /// Periods scored.
    pub n: i64,
    /// How many lay in the 80 % band.
    pub inside_80: i64,
    /// How many lay in the 95 % band.
    pub inside_95: i64,
    /// Sum of means.
    pub expected: f64,
    /// Sum of counts.
    pub actual: f64,
    /// Sum of |count - mean|.
    pub error: f64,
    /// The same of the seasonal naive.
    pub naive_error: f64,
    /// Sum of quantile losses.
    pub loss: f64,
}

impl LedgerSum {
    /// Sum of |count - mean| / sum of counts.
    pub fn wape(&self) -> Option<f64> {
        (self.actual > 0.0).then(|| self.error / self.actual)
    }

    /// 1 - error / the seasonal naive's: above 0 is better.
    pub fn skill(&self) -> Option<f64> {
        (self.naive_error > 0.0).then(|| 1.0 - self.error / self.naive_error)
    }

    /// Sum of means / sum of counts - 1: above 0 means too many were expected.
    pub fn bias(&self) -> Option<f64> {
        (self.actual > 0.0).then(|| self.expected / self.actual - 1.0)
    }

    /// Adds another series or band.
    pub fn merge(&mut self, other: &Self) {
        self.lead_from = self.lead_from.min(other.lead_from);
        self.lead_to = self.lead_to.max(other.lead_to);
        self.first_origin = self.first_origin.min(other.first_origin);
        self.last_origin = self.last_origin.max(other.last_origin);
        self.runs = self.runs.max(other.runs);
        self.n += other.n;
        self.inside_80 += other.inside_80;
        self.inside_95 += other.inside_95;
        self.expected += other.expected;
        self.actual += other.actual;
        self.error += other.error;
        self.naive_error += other.naive_error;
        self.loss += other.loss;
    }
}

/// Rows of a statement: 18 columns x 1,000 rows stay below SQLite's 32,766 variables.
const CHUNK: usize = 1000;

impl Store {
    /// What runs with an origin from `since` on have published for a series, oldest first.
    pub async fn issued(&self, series: i32, since: Day) -> Result<Vec<Issued>, StoreError> {
        const SQL: &str = "SELECT r.id AS run, r.origin, f.grain, MIN(f.target) AS first, COUNT(*) AS periods \
             FROM runs r JOIN forecasts f ON f.run = r.id AND f.series = $1 \
             WHERE r.stage = 'forecast' AND r.status = 'ok' AND r.origin >= $2 \
             GROUP BY r.id, r.origin, f.grain ORDER BY r.id, f.grain";
        on_read!(self, c => sqlx::query_as(SQL).bind(series).bind(since.0).fetch_all(c))
            .doing("read forecasts")
    }

    /// (run, grain, first lead) of what is scored already, for runs with an origin from `since` on.
    pub async fn scored(&self, basis: Basis, since: Day) -> Result<BTreeSet<(i64, i32, i32)>, StoreError> {
        const SQL: &str = "SELECT run, grain, lead_from FROM ledger \
             WHERE basis = $1 AND origin >= $2 AND topic_depth = 0 AND district_depth = 0";
        let rows: Vec<(i64, i32, i32)> =
            on_read!(self, c => sqlx::query_as(SQL).bind(basis.name()).bind(since.0).fetch_all(c))
                .doing("read the ledger")?;
        Ok(rows.into_iter().collect())
    }

    /// Forecasts of a run at one grain for targets and series in these closed ranges, by series and target.
    pub async fn forecasts_within(
        &self,
        run: i64,
        grain: Grain,
        (from, to): (i32, i32),
        (first, last): (i32, i32),
    ) -> Result<Vec<ForecastRow>, StoreError> {
        const SQL: &str = "SELECT series, grain, target, mean, q025, q10, q50, q90, q975 FROM forecasts \
             WHERE run = $1 AND series BETWEEN $2 AND $3 AND grain = $4 AND target BETWEEN $5 AND $6 \
             ORDER BY series, target";
        on_read!(self, c => sqlx::query_as(SQL)
            .bind(run).bind(first).bind(last).bind(grain.code()).bind(from).bind(to).fetch_all(c))
        .doing("read forecasts")
    }

    /// Sums of the ledger over all runs, by grain, level, series and band of leads.
    pub async fn ledger(&self, basis: Basis) -> Result<Vec<LedgerSum>, StoreError> {
        const SQL: &str = "SELECT l.grain, l.lead_from, MAX(l.lead_to) AS lead_to, l.topic_depth, l.district_depth, \
             COALESCE(s.topic, 0) AS topic, COALESCE(s.district, 0) AS district, \
             COUNT(*) AS runs, MIN(l.origin) AS first_origin, MAX(l.origin) AS last_origin, \
             CAST(SUM(l.n) AS BIGINT) AS n, CAST(SUM(l.inside_80) AS BIGINT) AS inside_80, \
             CAST(SUM(l.inside_95) AS BIGINT) AS inside_95, SUM(l.expected) AS expected, SUM(l.actual) AS actual, \
             SUM(l.error) AS error, SUM(l.naive_error) AS naive_error, SUM(l.loss) AS loss \
             FROM ledger l LEFT JOIN series s ON s.id = l.series WHERE l.basis = $1 AND l.n > 0 \
             GROUP BY l.grain, l.lead_from, l.topic_depth, l.district_depth, COALESCE(s.topic, 0), \
             COALESCE(s.district, 0) ORDER BY l.grain, l.topic_depth, l.district_depth, topic, district, l.lead_from";
        on_read!(self, c => sqlx::query_as(SQL).bind(basis.name()).fetch_all(c)).doing("read the ledger")
    }
}

impl Tx {
    /// Adds what run `scored_by` has scored.
    pub async fn put_ledger(
        &mut self,
        scored_by: i64,
        basis: Basis,
        rows: &[LedgerRow],
    ) -> Result<(), StoreError> {
        const INSERT: &str = "INSERT INTO ledger (run, basis, grain, lead_from, lead_to, topic_depth, district_depth, \
             series, origin, n, inside_80, inside_95, expected, actual, error, naive_error, loss, scored_by) ";
        for chunk in rows.chunks(CHUNK) {
            macro_rules! insert {
                ($t:expr, $db:ty) => {{
                    let mut q = sqlx::QueryBuilder::<$db>::new(INSERT);
                    q.push_values(chunk, |mut row, l| {
                        row.push_bind(l.run).push_bind(basis.name()).push_bind(l.grain);
                        row.push_bind(l.lead_from).push_bind(l.lead_to);
                        row.push_bind(l.topic_depth).push_bind(l.district_depth).push_bind(l.series);
                        row.push_bind(l.origin).push_bind(l.n).push_bind(l.inside_80).push_bind(l.inside_95);
                        row.push_bind(l.expected).push_bind(l.actual).push_bind(l.error);
                        row.push_bind(l.naive_error).push_bind(l.loss).push_bind(scored_by);
                    });
                    q.build().execute(&mut **$t).await.map(|_| ())
                }};
            }
            match self {
                Self::Sqlite(t) => insert!(t, sqlx::Sqlite),
                Self::Postgres(t) => insert!(t, sqlx::Postgres),
            }
            .doing("write the ledger")?;
        }
        Ok(())
    }
}
