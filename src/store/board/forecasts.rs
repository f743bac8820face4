//! Published forecasts, newest and past.
use super::{
    super::{Doing, Grain, Store, StoreError, Tree, on_read},
    Scope,
};
use crate::ticket::{Basis, Day, DistrictId, TopicId};

/// The forecast of one period of one series.
#[derive(Debug, Clone, Copy, PartialEq, sqlx::FromRow)]
pub struct Point {
    /// Topic; 0 = all.
    pub topic: TopicId,
    /// District; 0 = all.
    pub district: DistrictId,
    /// First day of the period, days since 1970-01-01.
    pub target: i32,
    /// Expected count.
    pub mean: f64,
    /// Lower edge of the 95 % band.
    pub q025: f64,
    /// Lower edge of the 80 % band.
    pub q10: f64,
    /// Median.
    pub q50: f64,
    /// Upper edge of the 80 % band.
    pub q90: f64,
    /// Upper edge of the 95 % band.
    pub q975: f64,
}

/// A daily forecast of a run that is over, to be held against what came.
#[derive(Debug, Clone, Copy, PartialEq, sqlx::FromRow)]
pub struct PastRow {
    /// Last day the run knew, days since 1970-01-01.
    pub origin: i32,
    /// Day forecast.
    pub target: i32,
    /// Topic; 0 = all.
    pub topic: TopicId,
    /// District; 0 = all.
    pub district: DistrictId,
    /// Expected count.
    pub mean: f64,
    /// Lower edge of the 95 % band.
    pub q025: f64,
    /// Lower edge of the 80 % band.
    pub q10: f64,
    /// Upper edge of the 80 % band.
    pub q90: f64,
    /// Upper edge of the 95 % band.
    pub q975: f64,
}

impl Store {
    /// The forecast of one series from one run, by period.
    pub async fn forecast_of(
        &self,
        run: i64,
        (topic, district): (TopicId, DistrictId),
        basis: Basis,
        grain: Grain,
    ) -> Result<Vec<Point>, StoreError> {
        const SQL: &str = "SELECT s.topic, s.district, f.target, f.mean, f.q025, f.q10, f.q50, f.q90, f.q975 \
             FROM series s JOIN forecasts f ON f.series = s.id \
             WHERE f.run = $1 AND s.basis = $2 AND s.topic = $3 AND s.district = $4 AND f.grain = $5 ORDER BY f.target";
        on_read!(self, c => sqlx::query_as(SQL)
            .bind(run).bind(basis.name()).bind(topic).bind(district).bind(grain.code()).fetch_all(c))
        .doing("read a forecast")
    }

    /// The forecasts of a scope's top-level nodes from one run, by node and period.
    pub async fn forecasts_by_top(
        &self,
        run: i64,
        scope: Scope,
        basis: Basis,
        grain: Grain,
    ) -> Result<Vec<Point>, StoreError> {
        let (depth, other) = match scope.of {
            Tree::Topics => ("topic_depth", "district"),
            Tree::Districts => ("district_depth", "topic"),
        };
        // A cross join keeps SQLite from reading all forecasts of the run to find those of a few series.
        let sql = format!(
            "SELECT s.topic, s.district, f.target, f.mean, f.q025, f.q10, f.q50, f.q90, f.q975 \
             FROM series s CROSS JOIN forecasts f WHERE f.series = s.id \
             AND f.run = $1 AND s.basis = $2 AND s.{depth} = 1 AND s.{other} = $3 AND f.grain = $4 \
             ORDER BY s.topic, s.district, f.target"
        );
        let sql = sqlx::AssertSqlSafe(sql);
        on_read!(self, c => sqlx::query_as(sql)
            .bind(run).bind(basis.name()).bind(scope.within).bind(grain.code()).fetch_all(c))
        .doing("read forecasts")
    }

    /// Daily forecasts published with an origin in `[since, until)`, of the city total and the top level of each
    /// tree, for days up to `until` and at most 28 days ahead.
    pub async fn past_forecasts(
        &self,
        basis: Basis,
        since: Day,
        until: Day,
    ) -> Result<Vec<PastRow>, StoreError> {
        // A day forecast from one origin twice (a repeated run) counts once: the newest run of the origin. Cross joins
        // say in which order SQLite is to look: a run holds millions of forecasts, and few are of the upper levels.
        const SQL: &str = "SELECT r.origin, f.target, s.topic, s.district, f.mean, f.q025, f.q10, f.q90, f.q975 \
             FROM (SELECT origin, MAX(id) AS id FROM runs WHERE stage = 'forecast' AND status = 'ok' \
                   AND origin >= $2 AND origin < $3 GROUP BY origin) r \
             CROSS JOIN series s CROSS JOIN forecasts f WHERE f.run = r.id AND f.series = s.id AND s.basis = $1 \
             AND s.topic_depth IN (0, 1) AND s.district_depth IN (0, 1) AND s.topic_depth + s.district_depth <= 1 \
             AND f.grain = 0 AND f.target <= $3 AND f.target - r.origin <= 28 ORDER BY s.topic, s.district, r.origin, f.target";
        on_read!(self, c => sqlx::query_as(SQL).bind(basis.name()).bind(since.0).bind(until.0).fetch_all(c))
            .doing("read past forecasts")
    }
}
