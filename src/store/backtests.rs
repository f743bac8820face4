//! Stored backtests: scores of the engine and of the forecasts to beat, by level and band.
use chrono::NaiveDate;
use serde::{Deserialize, Serialize, Serializer};

use super::{Doing, Grain, Run, Store, StoreError, Tx, on_read};
use crate::ticket::Basis;

/// Depth of the row that is the mean over all levels.
pub const ALL_LEVELS: i32 = -1;

/// Scores of one model in one level and band. MASE, RMSSE, SQL, WQL, MSIS and bias are better near 0, coverage near
/// its nominal share; relative scores below 1 and a skill above 0 are better than the seasonal naive.
#[derive(Debug, Clone, PartialEq, Default, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct BacktestRow {
    /// `weisu`, `seasonal_naive` or `last_year`.
    pub model: String,
    /// Depth in the topic tree; -1 = the mean over all levels.
    pub topic_depth: i32,
    /// Depth in the district tree; -1 = the mean over all levels.
    pub district_depth: i32,
    /// Days, or whole months.
    #[serde(serialize_with = "named")]
    #[schema(value_type = Grain)]
    pub grain: i32,
    /// Leads scored, such as `1-7`; `all` for the whole horizon.
    pub band: String,
    /// Number of (series, origin) pairs.
    pub n: i64,
    /// Mean absolute scaled error of the median.
    pub mase: Option<f64>,
    /// Root mean squared scaled error of the mean.
    pub rmsse: Option<f64>,
    /// Scaled quantile loss.
    pub sql: Option<f64>,
    /// Weighted quantile loss.
    pub wql: Option<f64>,
    /// Mean scaled interval score of the 95 % band.
    pub msis: Option<f64>,
    /// Share inside the 80 % band.
    pub coverage_80: Option<f64>,
    /// Share inside the 95 % band.
    pub coverage_95: Option<f64>,
    /// Sum of expected / sum of actual - 1.
    pub bias: Option<f64>,
    /// Largest difference of the total from the sum of its cells, relative to the mean total.
    pub incoherence: Option<f64>,
    /// MASE over the seasonal naive's.
    pub rel_mase: Option<f64>,
    /// RMSSE over the seasonal naive's.
    pub rel_rmsse: Option<f64>,
    /// WQL over the seasonal naive's.
    pub rel_wql: Option<f64>,
    /// Geometric mean of the three.
    pub rel_all: Option<f64>,
    /// 1 - relative WQL.
    pub skill: Option<f64>,
}

fn named<S: Serializer>(grain: &i32, serializer: S) -> Result<S::Ok, S::Error> {
    let grain = if *grain == Grain::Month.code() { Grain::Month } else { Grain::Day };
    grain.serialize(serializer)
}

/// Scores of the daily forecasts of those series of a level for which the engine chose one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChosenModel {
    /// Depth in the topic tree.
    pub topic_depth: i32,
    /// Depth in the district tree.
    pub district_depth: i32,
    /// The model.
    pub model: String,
    /// Number of (series, origin) pairs.
    pub n: i64,
    /// Mean absolute scaled error.
    pub mase: Option<f64>,
    /// Root mean squared scaled error.
    pub rmsse: Option<f64>,
    /// Weighted quantile loss.
    pub wql: Option<f64>,
    /// 1 - WQL / that of the seasonal naive in the same pairs.
    pub skill: Option<f64>,
    /// Share inside the 80 % band.
    pub coverage_80: Option<f64>,
    /// Share inside the 95 % band.
    pub coverage_95: Option<f64>,
}

/// What was backtested; the summary of its run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BacktestSummary {
    /// Last days known, one a rolling origin.
    pub origins: Vec<NaiveDate>,
    /// Days forecast from each.
    pub days: usize,
    /// Whole months forecast from each, as far as they were over.
    pub months: usize,
    /// Series scored.
    pub series: usize,
    /// Models the engine chose, with their scores.
    pub chosen: Vec<ChosenModel>,
}

/// Rows of a statement: 22 columns x 1,000 rows stay below SQLite's 32,766 variables.
const CHUNK: usize = 1000;

impl Tx {
    /// Adds the scores of a run.
    pub async fn put_backtest(
        &mut self,
        run: i64,
        basis: Basis,
        rows: &[BacktestRow],
    ) -> Result<(), StoreError> {
        const INSERT: &str = "INSERT INTO backtests (run, basis, model, topic_depth, district_depth, grain, band, n, \
             mase, rmsse, sql, wql, msis, coverage_80, coverage_95, bias, incoherence, rel_mase, rel_rmsse, rel_wql, \
             rel_all, skill) ";
        for chunk in rows.chunks(CHUNK) {
            macro_rules! insert {
                ($t:expr, $db:ty) => {{
                    let mut q = sqlx::QueryBuilder::<$db>::new(INSERT);
                    q.push_values(chunk, |mut row, b| {
                        row.push_bind(run).push_bind(basis.name()).push_bind(&b.model);
                        row.push_bind(b.topic_depth).push_bind(b.district_depth).push_bind(b.grain);
                        row.push_bind(&b.band).push_bind(b.n);
                        row.push_bind(b.mase)
                            .push_bind(b.rmsse)
                            .push_bind(b.sql)
                            .push_bind(b.wql)
                            .push_bind(b.msis);
                        row.push_bind(b.coverage_80).push_bind(b.coverage_95).push_bind(b.bias);
                        row.push_bind(b.incoherence).push_bind(b.rel_mase).push_bind(b.rel_rmsse);
                        row.push_bind(b.rel_wql).push_bind(b.rel_all).push_bind(b.skill);
                    });
                    q.build().execute(&mut **$t).await.map(|_| ())
                }};
            }
            match self {
                Self::Sqlite(t) => insert!(t, sqlx::Sqlite),
                Self::Postgres(t) => insert!(t, sqlx::Postgres),
            }
            .doing("write a backtest")?;
        }
        Ok(())
    }
}

impl Store {
    /// The newest run with a backtest on a basis.
    pub async fn last_backtest(&self, basis: Basis) -> Result<Option<Run>, StoreError> {
        const SQL: &str = "SELECT id, stage, slot, status, started, finished, origin, summary, config_hash, error \
             FROM runs WHERE id = (SELECT MAX(run) FROM backtests WHERE basis = $1)";
        on_read!(self, c => sqlx::query_as(SQL).bind(basis.name()).fetch_optional(c)).doing("read backtests")
    }

    /// The scores of a run, days before months, the longest band first, levels from the top down.
    pub async fn backtest(&self, run: i64, basis: Basis) -> Result<Vec<BacktestRow>, StoreError> {
        const SQL: &str = "SELECT model, topic_depth, district_depth, grain, band, n, mase, rmsse, sql, wql, msis, \
             coverage_80, coverage_95, bias, incoherence, rel_mase, rel_rmsse, rel_wql, rel_all, skill \
             FROM backtests WHERE run = $1 AND basis = $2 \
             ORDER BY grain, topic_depth, district_depth, model, band";
        let mut rows: Vec<BacktestRow> =
            on_read!(self, c => sqlx::query_as(SQL).bind(run).bind(basis.name()).fetch_all(c))
                .doing("read backtests")?;
        let first = |band: &str| band.split('-').next().and_then(|n| n.parse::<u32>().ok()).unwrap_or(0);
        rows.sort_by_key(|r| (r.grain, first(&r.band)));
        Ok(rows)
    }
}
