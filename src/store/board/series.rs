//! The series of the panel with their newest fit.
use super::super::{Doing, RunStatus, Store, StoreError, on_read};
use crate::ticket::{Basis, DistrictId, TopicId};

/// A series and what its newest fit says.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct SeriesRow {
    /// Key.
    pub id: i32,
    /// Topic; 0 = all.
    pub topic: TopicId,
    /// District; 0 = all.
    pub district: DistrictId,
    /// Depth in the topic tree.
    pub topic_depth: i32,
    /// Depth in the district tree.
    pub district_depth: i32,
    /// `raw` or `dedup`.
    pub basis: String,
    /// Chosen model.
    pub model: Option<String>,
    /// Why the model is not the one tried first.
    pub fallback: Option<String>,
    /// Mean absolute scaled error of the backtest.
    pub mase: Option<f64>,
    /// Root mean squared scaled error.
    pub rmsse: Option<f64>,
    /// Weighted quantile loss.
    pub wql: Option<f64>,
    /// The seasonal naive's.
    pub wql_naive: Option<f64>,
    /// Share of days inside the 80 % band.
    pub coverage_80: Option<f64>,
    /// Share of days inside the 95 % band.
    pub coverage_95: Option<f64>,
    /// Days scored.
    pub scored: Option<i32>,
}

/// Which series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesFilter {
    /// On this basis.
    pub basis: Basis,
    /// Of exactly this topic.
    pub topic: Option<TopicId>,
    /// Of exactly this district.
    pub district: Option<DistrictId>,
    /// At this depth of the topic tree.
    pub topic_depth: Option<i32>,
    /// At this depth of the district tree.
    pub district_depth: Option<i32>,
    /// With this text in the name of its topic or district.
    pub text: Option<String>,
    /// With a key above this one.
    pub after: i32,
    /// At most so many.
    pub limit: i64,
}

impl SeriesFilter {
    /// What is asked for and nothing else: a condition that may be empty would keep SQLite from using an index.
    fn conditions(&self) -> String {
        const NAMED: &str = " AND (s.topic IN (SELECT id FROM topics WHERE LOWER(name) LIKE $7 ESCAPE '\\') \
             OR s.district IN (SELECT id FROM districts WHERE LOWER(name) LIKE $7 ESCAPE '\\'))";
        [
            (self.topic.is_some(), " AND s.topic = $3"),
            (self.district.is_some(), " AND s.district = $4"),
            (self.topic_depth.is_some(), " AND s.topic_depth = $5"),
            (self.district_depth.is_some(), " AND s.district_depth = $6"),
            (self.text.is_some(), NAMED),
        ]
        .into_iter()
        .filter_map(|(asked, sql)| asked.then_some(sql))
        .collect()
    }
}

const SELECT: &str = "SELECT s.id, s.topic, s.district, s.topic_depth, s.district_depth, s.basis, f.model, \
     f.fallback, f.mase, f.rmsse, f.wql, f.wql_naive, f.coverage_80, f.coverage_95, f.scored \
     FROM series s LEFT JOIN fits f ON f.series = s.id AND f.run = $1";

impl Store {
    /// Series that match, by key.
    pub async fn find_series(&self, filter: &SeriesFilter) -> Result<Vec<SeriesRow>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "{SELECT} WHERE s.basis = $2{} AND s.id > $8 ORDER BY s.id LIMIT $9",
            filter.conditions()
        ));
        let run = self.last_run("fit", RunStatus::Ok).await?.map_or(0, |r| r.id);
        let text = filter.text.as_deref().map(like);
        on_read!(self, c => sqlx::query_as(sql)
            .bind(run).bind(filter.basis.name()).bind(filter.topic).bind(filter.district)
            .bind(filter.topic_depth).bind(filter.district_depth).bind(&text)
            .bind(filter.after).bind(filter.limit).fetch_all(c))
        .doing("find series")
    }

    /// Greatest depth of the topics and of the districts in the panel.
    pub async fn panel_depth(&self) -> Result<(i32, i32), StoreError> {
        const SQL: &str = "SELECT CAST(COALESCE(MAX(topic_depth), 0) AS INTEGER), \
             CAST(COALESCE(MAX(district_depth), 0) AS INTEGER) FROM series";
        on_read!(self, c => sqlx::query_as(SQL).fetch_one(c)).doing("read the panel's depth")
    }

    /// One series, if the panel has it.
    pub async fn series_of(
        &self,
        (topic, district): (TopicId, DistrictId),
        basis: Basis,
    ) -> Result<Option<SeriesRow>, StoreError> {
        let sql =
            sqlx::AssertSqlSafe(format!("{SELECT} WHERE s.basis = $2 AND s.topic = $3 AND s.district = $4"));
        let run = self.last_run("fit", RunStatus::Ok).await?.map_or(0, |r| r.id);
        on_read!(self, c => sqlx::query_as(sql).bind(run).bind(basis.name()).bind(topic).bind(district).fetch_optional(c))
            .doing("find a series")
    }
}

/// A pattern that finds `text` anywhere, whatever wildcards it holds.
fn like(text: &str) -> String {
    let escaped = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}
