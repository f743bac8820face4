//! How good the fits are, by level, and which models they chose.
use super::super::{Doing, Store, StoreError, on_read};
use crate::ticket::{Basis, Millis};

/// Backtest scores of all series of one level.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct LevelScore {
    /// Depth in the topic tree.
    pub topic_depth: i32,
    /// Depth in the district tree.
    pub district_depth: i32,
    /// Number of series.
    pub series: i64,
    /// Mean of the series' mean absolute scaled errors.
    pub mase: Option<f64>,
    /// Mean weighted quantile loss.
    pub wql: Option<f64>,
    /// Mean weighted quantile loss of the seasonal naive.
    pub wql_naive: Option<f64>,
    /// Mean share of days inside the 80 % band.
    pub coverage_80: Option<f64>,
    /// Mean share of days inside the 95 % band.
    pub coverage_95: Option<f64>,
}

/// How many series got a model, and why.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct FitLevel {
    /// Chosen model.
    pub model: String,
    /// Why the model is not the one tried first.
    pub fallback: Option<String>,
    /// Number of series.
    pub n: i64,
}

impl Store {
    /// Backtest scores of a fit run by level.
    pub async fn level_scores(&self, run: i64, basis: Basis) -> Result<Vec<LevelScore>, StoreError> {
        const SQL: &str = "SELECT s.topic_depth, s.district_depth, COUNT(*) AS series, AVG(f.mase) AS mase, \
             AVG(CASE WHEN f.wql_naive IS NOT NULL THEN f.wql END) AS wql, AVG(f.wql_naive) AS wql_naive, \
             AVG(f.coverage_80) AS coverage_80, AVG(f.coverage_95) AS coverage_95 \
             FROM fits f JOIN series s ON s.id = f.series WHERE f.run = $1 AND s.basis = $2 AND f.scored > 0 \
             GROUP BY s.topic_depth, s.district_depth ORDER BY s.topic_depth, s.district_depth";
        on_read!(self, c => sqlx::query_as(SQL).bind(run).bind(basis.name()).fetch_all(c))
            .doing("read scores")
    }

    /// How many series of a fit run got which model, and why.
    pub async fn models_of(&self, run: i64) -> Result<Vec<FitLevel>, StoreError> {
        const SQL: &str = "SELECT model, fallback, COUNT(*) AS n FROM fits WHERE run = $1 \
             GROUP BY model, fallback ORDER BY model, fallback";
        on_read!(self, c => sqlx::query_as(SQL).bind(run).fetch_all(c)).doing("count models")
    }

    /// End of the newest successful run of each stage.
    pub async fn last_successes(&self) -> Result<Vec<(String, Millis)>, StoreError> {
        const SQL: &str = "SELECT stage, MAX(finished) FROM runs WHERE status = 'ok' AND finished IS NOT NULL \
             GROUP BY stage ORDER BY stage";
        on_read!(self, c => sqlx::query_as(SQL).fetch_all(c)).doing("read runs")
    }
}
