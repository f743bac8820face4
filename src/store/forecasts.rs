//! Writing and reading forecasts and fits in bulk.
//!
//! A year of a big city is millions of rows a day, so forecasts go in by the fastest way each database has:
//! SQLite by statements of many rows in one transaction, PostgreSQL by binary COPY. Rows are sent in key order.
use super::{Doing, Run, Store, StoreError, Tx, execute, on_read};
use crate::ticket::{Basis, Day, DistrictId, TopicId};

/// Whether a forecast period is a day or a calendar month.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Default,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Grain {
    /// A local day.
    #[default]
    Day,
    /// A calendar month.
    Month,
}

impl Grain {
    /// Stored number.
    pub fn code(self) -> i32 {
        match self {
            Self::Day => 0,
            Self::Month => 1,
        }
    }

    /// Stable name in columns and texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// One forecast period of one series.
#[derive(Debug, Clone, Copy, PartialEq, sqlx::FromRow)]
pub struct ForecastRow {
    /// Series.
    pub series: i32,
    /// [`Grain::code`].
    pub grain: i32,
    /// First day of the period, days since 1970-01-01.
    pub target: i32,
    /// Expected count.
    pub mean: f64,
    /// 2.5 % quantile.
    pub q025: f64,
    /// 10 % quantile.
    pub q10: f64,
    /// Median.
    pub q50: f64,
    /// 90 % quantile.
    pub q90: f64,
    /// 97.5 % quantile.
    pub q975: f64,
}

/// What the weekly step learned about one series.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct FitRow {
    /// Series.
    pub series: i32,
    /// Chosen model.
    pub model: String,
    /// Why not the model tried first.
    pub fallback: Option<String>,
    /// `weisu_models::forecast::NodeFit` as JSON.
    pub fit: String,
    /// Mean absolute scaled error.
    pub mase: Option<f64>,
    /// Root mean squared scaled error.
    pub rmsse: Option<f64>,
    /// Weighted quantile loss.
    pub wql: Option<f64>,
    /// That of the seasonal naive.
    pub wql_naive: Option<f64>,
    /// Share inside the 80 % band.
    pub coverage_80: Option<f64>,
    /// Share inside the 95 % band.
    pub coverage_95: Option<f64>,
    /// (origin, day) pairs scored.
    pub scored: i32,
}

/// Rows of a statement: 10 columns x 1,000 rows stay below SQLite's 32,766 variables.
const CHUNK: usize = 1000;

impl Tx {
    /// Adds forecasts of a run; `rows` ascend by (series, grain, target).
    pub async fn put_forecasts(&mut self, run: i64, rows: &[ForecastRow]) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(t) => {
                for chunk in rows.chunks(CHUNK) {
                    let mut q = sqlx::QueryBuilder::<sqlx::Sqlite>::new(
                        "INSERT INTO forecasts (run, series, grain, target, mean, q025, q10, q50, q90, q975) ",
                    );
                    q.push_values(chunk, |mut row, f| {
                        row.push_bind(run).push_bind(f.series).push_bind(f.grain).push_bind(f.target);
                        row.push_bind(f.mean).push_bind(f.q025).push_bind(f.q10).push_bind(f.q50);
                        row.push_bind(f.q90).push_bind(f.q975);
                    });
                    q.build().execute(&mut **t).await.doing("write forecasts")?;
                }
                Ok(())
            }
            Self::Postgres(t) => {
                const COPY: &str = "COPY forecasts (run, series, grain, target, mean, q025, q10, q50, q90, q975) \
                     FROM STDIN (FORMAT binary)";
                let mut copy = t.copy_in_raw(COPY).await.doing("write forecasts")?;
                let mut buffer = Vec::with_capacity(1 << 20);
                buffer.extend_from_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
                for row in rows {
                    binary_row(&mut buffer, run, row);
                    if buffer.len() > (1 << 20) - 256 {
                        copy.send(&buffer[..]).await.doing("write forecasts")?;
                        buffer.clear();
                    }
                }
                buffer.extend_from_slice(&(-1_i16).to_be_bytes());
                copy.send(&buffer[..]).await.doing("write forecasts")?;
                copy.finish().await.map(|_| ()).doing("write forecasts")
            }
        }
    }

    /// Adds fits of a run.
    pub async fn put_fits(&mut self, run: i64, rows: &[FitRow]) -> Result<(), StoreError> {
        for chunk in rows.chunks(CHUNK) {
            macro_rules! insert {
                ($t:expr, $db:ty) => {{
                    let mut q = sqlx::QueryBuilder::<$db>::new(
                        "INSERT INTO fits (run, series, model, fallback, fit, mase, rmsse, wql, wql_naive, \
                         coverage_80, coverage_95, scored) ",
                    );
                    q.push_values(chunk, |mut row, f| {
                        row.push_bind(run)
                            .push_bind(f.series)
                            .push_bind(&f.model)
                            .push_bind(&f.fallback)
                            .push_bind(&f.fit);
                        row.push_bind(f.mase).push_bind(f.rmsse).push_bind(f.wql).push_bind(f.wql_naive);
                        row.push_bind(f.coverage_80).push_bind(f.coverage_95).push_bind(f.scored);
                    });
                    q.build().execute(&mut **$t).await.map(|_| ())
                }};
            }
            match self {
                Self::Sqlite(t) => insert!(t, sqlx::Sqlite),
                Self::Postgres(t) => insert!(t, sqlx::Postgres),
            }
            .doing("write fits")?;
        }
        Ok(())
    }

    /// Adds what the series of a basis have in common, as JSON.
    pub async fn put_boost(&mut self, run: i64, basis: Basis, boost: &str) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO boosts (run, basis, boost) VALUES ($1, $2, $3)";
        execute!(self, "write fits", SQL, run, basis.name(), boost)?;
        Ok(())
    }
}

impl Tx {
    /// Adds coefficients of series of a run, for the daily updates until the next fit.
    pub async fn put_profiles(&mut self, run: i64, rows: &[(i32, Vec<u8>)]) -> Result<(), StoreError> {
        for chunk in rows.chunks(CHUNK) {
            macro_rules! insert {
                ($t:expr, $db:ty) => {{
                    let mut q =
                        sqlx::QueryBuilder::<$db>::new("INSERT INTO profiles (run, series, profile) ");
                    q.push_values(chunk, |mut row, (series, profile)| {
                        row.push_bind(run).push_bind(*series).push_bind(profile.as_slice());
                    });
                    q.build().execute(&mut **$t).await.map(|_| ())
                }};
            }
            match self {
                Self::Sqlite(t) => insert!(t, sqlx::Sqlite),
                Self::Postgres(t) => insert!(t, sqlx::Postgres),
            }
            .doing("write fits")?;
        }
        Ok(())
    }

    /// Adds what the coefficients of a basis have in common, as JSON.
    pub async fn put_profile_columns(
        &mut self,
        run: i64,
        basis: Basis,
        columns: &str,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO profile_columns (run, basis, names) VALUES ($1, $2, $3)";
        execute!(self, "write fits", SQL, run, basis.name(), columns)?;
        Ok(())
    }
}

/// One row in PostgreSQL's binary COPY format: field count, then length and big-endian bytes of each field.
fn binary_row(out: &mut Vec<u8>, run: i64, row: &ForecastRow) {
    out.extend_from_slice(&10_i16.to_be_bytes());
    out.extend_from_slice(&8_i32.to_be_bytes());
    out.extend_from_slice(&run.to_be_bytes());
    for n in [row.series, row.grain, row.target] {
        out.extend_from_slice(&4_i32.to_be_bytes());
        out.extend_from_slice(&n.to_be_bytes());
    }
    for x in [row.mean, row.q025, row.q10, row.q50, row.q90, row.q975] {
        out.extend_from_slice(&8_i32.to_be_bytes());
        out.extend_from_slice(&x.to_be_bytes());
    }
}

impl Store {
    /// Forecasts of a run at one grain, by series and target.
    pub async fn forecasts(&self, run: i64, grain: Grain) -> Result<Vec<ForecastRow>, StoreError> {
        const SQL: &str = "SELECT series, grain, target, mean, q025, q10, q50, q90, q975 FROM forecasts \
             WHERE run = $1 AND grain = $2 ORDER BY series, target";
        on_read!(self, c => sqlx::query_as(SQL).bind(run).bind(grain.code()).fetch_all(c))
            .doing("read forecasts")
    }

    /// Fits of a run, by series.
    pub async fn fits(&self, run: i64) -> Result<Vec<FitRow>, StoreError> {
        const SQL: &str = "SELECT series, model, fallback, fit, mase, rmsse, wql, wql_naive, coverage_80, coverage_95, \
             scored FROM fits WHERE run = $1 ORDER BY series";
        on_read!(self, c => sqlx::query_as(SQL).bind(run).fetch_all(c)).doing("read fits")
    }

    /// The fit of one series in a run, as JSON, and its coefficients.
    pub async fn fit_of_series(
        &self,
        run: i64,
        (topic, district): (TopicId, DistrictId),
        basis: Basis,
    ) -> Result<Option<(String, Option<Vec<u8>>)>, StoreError> {
        const SQL: &str = "SELECT f.fit, p.profile FROM fits f JOIN series s ON s.id = f.series \
             LEFT JOIN profiles p ON p.run = f.run AND p.series = f.series WHERE f.run = $1 AND s.topic = $2 AND s.district = $3 AND s.basis = $4";
        on_read!(self, c => sqlx::query_as(SQL)
            .bind(run).bind(topic).bind(district).bind(basis.name()).fetch_optional(c))
        .doing("read fits")
    }

    /// Fits (as JSON) and coefficients of a run's series `first ..= last`, by series.
    pub async fn fits_within(
        &self,
        run: i64,
        (first, last): (i32, i32),
    ) -> Result<Vec<(i32, String, Option<Vec<u8>>)>, StoreError> {
        const SQL: &str = "SELECT f.series, f.fit, p.profile FROM fits f \
             LEFT JOIN profiles p ON p.run = f.run AND p.series = f.series \
             WHERE f.run = $1 AND f.series BETWEEN $2 AND $3 ORDER BY f.series";
        on_read!(self, c => sqlx::query_as(SQL).bind(run).bind(first).bind(last).fetch_all(c))
            .doing("read fits")
    }

    /// What the coefficients of a basis have in common in a fit, as JSON; `None` where none were kept.
    pub async fn profile_columns(&self, run: i64, basis: Basis) -> Result<Option<String>, StoreError> {
        const SQL: &str = "SELECT names FROM profile_columns WHERE run = $1 AND basis = $2";
        let row: Option<(String,)> =
            on_read!(self, c => sqlx::query_as(SQL).bind(run).bind(basis.name()).fetch_optional(c))
                .doing("read fits")?;
        Ok(row.map(|(names,)| names))
    }

    /// What the series of a basis have in common in a fit, as JSON; `None` where that was of no use.
    pub async fn boost(&self, run: i64, basis: Basis) -> Result<Option<String>, StoreError> {
        const SQL: &str = "SELECT boost FROM boosts WHERE run = $1 AND basis = $2";
        let row: Option<(String,)> =
            on_read!(self, c => sqlx::query_as(SQL).bind(run).bind(basis.name()).fetch_optional(c))
                .doing("read fits")?;
        Ok(row.map(|(boost,)| boost))
    }

    /// Expected tickets of whole weeks after `origin`, as (series, week from 0, sum of daily means).
    pub async fn weekly_means(
        &self,
        run: i64,
        origin: Day,
        weeks: i32,
    ) -> Result<Vec<(i32, i32, f64)>, StoreError> {
        const SQL: &str = "SELECT series, (target - $2 - 1) / 7 AS week, SUM(mean) FROM forecasts \
             WHERE run = $1 AND grain = 0 AND target <= $2 + 7 * $3 GROUP BY series, (target - $2 - 1) / 7 \
             HAVING COUNT(*) = 7 AND SUM(mean) >= 1 ORDER BY series, week";
        on_read!(self, c => sqlx::query_as(SQL).bind(run).bind(origin.0).bind(weeks).fetch_all(c))
            .doing("read forecasts")
    }

    /// Expected tickets of each day after `origin` of some series, as (series, lead from 1, mean).
    pub async fn daily_means(
        &self,
        run: i64,
        origin: Day,
        series: &[i32],
    ) -> Result<Vec<(i32, i32, f64)>, StoreError> {
        let mut out = Vec::new();
        for chunk in series.chunks(CHUNK) {
            let sql = sqlx::AssertSqlSafe(format!(
                "SELECT series, target - $2 AS lead, mean FROM forecasts WHERE run = $1 AND grain = 0 \
                 AND target > $2 AND series IN ({}) ORDER BY series, target",
                numbers(chunk)
            ));
            let rows: Vec<(i32, i32, f64)> =
                on_read!(self, c => sqlx::query_as(sql).bind(run).bind(origin.0).fetch_all(c))
                    .doing("read forecasts")?;
            out.extend(rows);
        }
        Ok(out)
    }

    /// Fits of some series in a run, as JSON.
    pub async fn fits_of(&self, run: i64, series: &[i32]) -> Result<Vec<(i32, String)>, StoreError> {
        let mut out = Vec::new();
        for chunk in series.chunks(CHUNK) {
            let sql = sqlx::AssertSqlSafe(format!(
                "SELECT series, fit FROM fits WHERE run = $1 AND series IN ({}) ORDER BY series",
                numbers(chunk)
            ));
            let rows: Vec<(i32, String)> =
                on_read!(self, c => sqlx::query_as(sql).bind(run).fetch_all(c)).doing("read fits")?;
            out.extend(rows);
        }
        Ok(out)
    }

    /// The fit run that a forecast run rests on, from its summary.
    pub async fn fit_of_forecast(&self, forecast: &Run) -> Result<i64, StoreError> {
        let summary: serde_json::Value = serde_json::from_str(&forecast.summary).unwrap_or_default();
        summary["fit_run"]
            .as_i64()
            .ok_or_else(|| StoreError::Corrupt { what: "runs.summary", value: forecast.summary.clone() })
    }
}

/// Keys of this store in a statement: a list of thousands does not fit into bound parameters.
fn numbers(keys: &[i32]) -> String {
    keys.iter().map(i32::to_string).collect::<Vec<_>>().join(", ")
}
