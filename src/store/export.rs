//! What the monthly export reads: a forecast run, its series with their models, its rows.
use super::{Doing, ForecastRow, Grain, Run, Store, StoreError, on_read};
use crate::ticket::{Basis, Day, DistrictId, TopicId};

/// A series and the model that forecast it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportSeries {
    /// Its key.
    pub id: i32,
    /// Topic; 0 = all.
    pub topic: TopicId,
    /// District; 0 = the whole city.
    pub district: DistrictId,
    /// What is counted.
    pub basis: Basis,
    /// Model chosen, empty if none was fitted.
    pub model: String,
    /// Why not a better one.
    pub fallback: Option<String>,
    /// Error in the rolling-origin evaluation, against last period's same season.
    pub mase: Option<f64>,
    /// Share of days inside the 80 % band there.
    pub coverage_80: Option<f64>,
}

/// What a source counted of a leaf cell on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct DayCount {
    /// Leaf topic.
    pub topic: TopicId,
    /// Leaf district.
    pub district: DistrictId,
    /// Local day, days since 1970-01-01.
    pub day: i32,
    /// Every ticket.
    pub raw: i32,
    /// Repeats merged.
    pub dedup: i32,
}

#[derive(sqlx::FromRow)]
struct SeriesRow {
    id: i32,
    topic: TopicId,
    district: DistrictId,
    basis: String,
    model: Option<String>,
    fallback: Option<String>,
    mase: Option<f64>,
    coverage_80: Option<f64>,
}

const RUN: &str = "SELECT r.id, r.stage, r.slot, r.status, r.started, r.finished, r.origin, r.summary, r.config_hash, r.error FROM runs r \
     WHERE r.stage = 'forecast' AND r.status = 'ok' AND r.origin IS NOT NULL AND r.finished IS NOT NULL";

impl Store {
    /// A run by its id, if it is a committed forecast.
    pub async fn forecast_run(&self, id: i64) -> Result<Option<Run>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{RUN} AND r.id = $1"));
        on_read!(self, c => sqlx::query_as(sql).bind(id).fetch_optional(c)).doing("read runs")
    }

    /// The newest committed forecast that holds the whole month beginning on `first`, else the newest that holds any of
    /// its days up to `last`. One series is looked at, because a run forecasts the same periods for all.
    pub async fn forecast_run_for(&self, first: Day, last: Day) -> Result<Option<Run>, StoreError> {
        for (grain, to) in [(1, first), (0, last)] {
            let sql = sqlx::AssertSqlSafe(format!(
                "{RUN} AND EXISTS (SELECT 1 FROM forecasts f WHERE f.run = r.id AND f.grain = $1 AND f.target BETWEEN $2 AND $3 \
                 AND f.series = (SELECT MIN(g.series) FROM forecasts g WHERE g.run = r.id)) ORDER BY r.id DESC LIMIT 1"
            ));
            let found: Option<Run> = on_read!(self, c => sqlx::query_as(sql)
                .bind(grain).bind(first.0).bind(to.0).fetch_optional(c))
            .doing("look for a forecast")?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The newest committed forecast that holds a period and knew no day from `before` on.
    pub async fn forecast_issued_before(
        &self,
        grain: Grain,
        target: Day,
        before: Day,
    ) -> Result<Option<Run>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "{RUN} AND r.origin < $3 AND EXISTS (SELECT 1 FROM forecasts f WHERE f.run = r.id AND f.grain = $1 AND f.target = $2 \
             AND f.series = (SELECT MIN(g.series) FROM forecasts g WHERE g.run = r.id)) ORDER BY r.id DESC LIMIT 1"
        ));
        on_read!(self, c => sqlx::query_as(sql)
            .bind(grain.code()).bind(target.0).bind(before.0).fetch_optional(c))
        .doing("look for a forecast")
    }

    /// Every series by id, with its fit in a fit run.
    pub async fn export_series(&self, fit_run: i64) -> Result<Vec<ExportSeries>, StoreError> {
        const SQL: &str = "SELECT s.id, s.topic, s.district, s.basis, f.model, f.fallback, f.mase, f.coverage_80 FROM series s \
             LEFT JOIN fits f ON f.series = s.id AND f.run = $1 ORDER BY s.id";
        let rows: Vec<SeriesRow> =
            on_read!(self, c => sqlx::query_as(SQL).bind(fit_run).fetch_all(c)).doing("read series")?;
        rows.into_iter()
            .map(|r| {
                let corrupt = || StoreError::Corrupt { what: "series.basis", value: r.basis.clone() };
                Ok(ExportSeries {
                    id: r.id,
                    topic: r.topic,
                    district: r.district,
                    basis: Basis::from_name(&r.basis).ok_or_else(corrupt)?,
                    model: r.model.unwrap_or_default(),
                    fallback: r.fallback,
                    mase: r.mase,
                    coverage_80: r.coverage_80,
                })
            })
            .collect()
    }

    /// The forecasts of a month of series `from..=to`, by series: its days, then the whole.
    pub async fn export_rows(
        &self,
        run: i64,
        series: (i32, i32),
        month: (Day, Day),
    ) -> Result<Vec<ForecastRow>, StoreError> {
        const SQL: &str = "SELECT series, grain, target, mean, q025, q10, q50, q90, q975 FROM forecasts \
             WHERE run = $1 AND series BETWEEN $2 AND $3 AND ((grain = 1 AND target = $4) OR (grain = 0 AND target BETWEEN $4 AND $5)) \
             ORDER BY series, grain, target";
        on_read!(self, c => sqlx::query_as(SQL)
            .bind(run).bind(series.0).bind(series.1).bind(month.0.0).bind(month.1.0).fetch_all(c))
        .doing("read forecasts")
    }

    /// The counts of days in any of at most three ranges, read in one pass over the table.
    pub async fn export_counts(&self, ranges: &[(Day, Day)]) -> Result<Vec<DayCount>, StoreError> {
        const SQL: &str = "SELECT topic, district, day, raw, dedup FROM counts \
             WHERE day BETWEEN $1 AND $2 OR day BETWEEN $3 AND $4 OR day BETWEEN $5 AND $6";
        // An empty range stands for one that is not asked for.
        let at = |i: usize| ranges.get(i).map_or((1, 0), |(from, to)| (from.0, to.0));
        let [a, b, c] = [at(0), at(1), at(2)];
        on_read!(self, conn => sqlx::query_as(SQL)
            .bind(a.0).bind(a.1).bind(b.0).bind(b.1).bind(c.0).bind(c.1).fetch_all(conn))
        .doing("read counts")
    }
}
