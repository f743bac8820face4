//! Many series at once, by the topics and districts they are of: what the query API reads.
//!
//! Keys come from the trees of this store, so they stand in the statements as numbers; a list of thousands would not
//! fit into bound parameters.
use super::{
    super::{Doing, Grain, SeriesKey, Store, StoreError, on_read},
    Point,
};
use crate::ticket::{Basis, Day, DistrictId, TopicId};

/// Tickets of a local day below a topic and a district.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct CellDay {
    /// Topic; 0 = all.
    pub topic: TopicId,
    /// District; 0 = all.
    pub district: DistrictId,
    /// Days since 1970-01-01.
    pub day: i32,
    /// Tickets.
    pub n: i64,
}

/// The product of these topics and districts; `None` = any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cells<'a> {
    /// What is counted.
    pub basis: Basis,
    /// Keys of topics; 0 = all topics together.
    pub topics: Option<&'a [TopicId]>,
    /// Keys of districts; 0 = the whole city.
    pub districts: Option<&'a [DistrictId]>,
}

impl Cells<'_> {
    fn condition(&self, topic: &str, district: &str) -> String {
        let one = |column: &str, keys: Option<&[i32]>| match keys {
            None => String::new(),
            Some(keys) => {
                let keys: Vec<String> = keys.iter().map(i32::to_string).collect();
                format!(" AND {column} IN ({})", keys.join(", "))
            }
        };
        one(topic, self.topics) + &one(district, self.districts)
    }
}

impl Store {
    /// Series of the panel, by key.
    pub async fn series_within(&self, cells: Cells<'_>) -> Result<Vec<SeriesKey>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT topic, district, topic_depth, district_depth FROM series WHERE basis = $1{} ORDER BY id",
            cells.condition("topic", "district")
        ));
        on_read!(self, c => sqlx::query_as(sql).bind(cells.basis.name()).fetch_all(c)).doing("read series")
    }

    /// Tickets per local day of every topic in every district, each with all below it; days without tickets are left
    /// out.
    pub async fn daily_within(
        &self,
        cells: Cells<'_>,
        from: Day,
        to: Day,
    ) -> Result<Vec<CellDay>, StoreError> {
        // The root is not joined: its sum is over everything.
        let root = |keys: Option<&[i32]>| keys == Some(&[0]);
        let mut with = Vec::new();
        let mut joins = String::new();
        let mut columns = Vec::new();
        for (tree, leaf, up, keys) in [
            ("topics", "topic", "topic_up", cells.topics),
            ("districts", "district", "district_up", cells.districts),
        ] {
            if root(keys) {
                columns.push("0".to_owned());
                continue;
            }
            with.push(format!(
                "{up}(leaf, node) AS (SELECT id, id FROM {tree} UNION ALL \
                 SELECT u.leaf, n.parent FROM {up} u JOIN {tree} n ON n.id = u.node)"
            ));
            joins += &format!(" JOIN {up} ON {up}.leaf = counts.{leaf}");
            columns.push(format!("{up}.node"));
        }
        let (topic, district) = (&columns[0], &columns[1]);
        let with =
            if with.is_empty() { String::new() } else { format!("WITH RECURSIVE {} ", with.join(", ")) };
        let groups: Vec<&str> =
            columns.iter().map(String::as_str).filter(|c| *c != "0").chain(["day"]).collect();
        let sql = sqlx::AssertSqlSafe(format!(
            "{with}SELECT {topic} AS topic, {district} AS district, day, CAST(SUM({}) AS BIGINT) AS n \
             FROM counts{joins} WHERE day BETWEEN $1 AND $2{} GROUP BY {groups} ORDER BY {groups}",
            cells.basis.name(),
            cells.condition(topic, district),
            groups = groups.join(", ")
        ));
        on_read!(self, c => sqlx::query_as(sql).bind(from.0).bind(to.0).fetch_all(c))
            .doing("read daily counts")
    }

    /// Forecasts of one run for periods that begin in `[from, to]`, by topic, district and period.
    pub async fn forecasts_of(
        &self,
        run: i64,
        grain: Grain,
        cells: Cells<'_>,
        from: Day,
        to: Day,
    ) -> Result<Vec<Point>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT s.topic, s.district, f.target, f.mean, f.q025, f.q10, f.q50, f.q90, f.q975 \
             FROM series s JOIN forecasts f ON f.series = s.id WHERE f.run = $1 AND f.grain = $2 AND s.basis = $3 \
             AND f.target BETWEEN $4 AND $5{} ORDER BY s.topic, s.district, f.target",
            cells.condition("s.topic", "s.district")
        ));
        on_read!(self, c => sqlx::query_as(sql)
            .bind(run).bind(grain.code()).bind(cells.basis.name()).bind(from.0).bind(to.0).fetch_all(c))
        .doing("read forecasts")
    }
}
