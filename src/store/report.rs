//! What the monthly report and the weekly digest read: daily counts of each leaf, cells of a period, verdicts, and the
//! run that says how new all this is.
use super::{Doing, Run, Store, StoreError, Tree, on_read};
use crate::ticket::{Day, DistrictId, TopicId};

/// Tickets of a leaf of one tree on a local day, over everything of the other tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct LeafDay {
    /// Leaf topic or leaf district.
    pub leaf: i32,
    /// Local day, days since 1970-01-01.
    pub day: i32,
    /// Every ticket.
    pub raw: i64,
    /// Repeats merged.
    pub dedup: i64,
}

/// Tickets of a leaf topic in a leaf district over a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct PeriodCell {
    /// Leaf topic.
    pub topic: TopicId,
    /// Leaf district.
    pub district: DistrictId,
    /// Every ticket.
    pub raw: i64,
    /// Repeats merged.
    pub dedup: i64,
}

impl Store {
    /// Daily counts of the leaves of one tree, by leaf and day; days without tickets are left out.
    pub async fn leaf_days(&self, tree: Tree, from: Day, to: Day) -> Result<Vec<LeafDay>, StoreError> {
        let column = match tree {
            Tree::Topics => "topic",
            Tree::Districts => "district",
        };
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT {column} AS leaf, day, CAST(SUM(raw) AS BIGINT) AS raw, CAST(SUM(dedup) AS BIGINT) AS dedup \
             FROM counts WHERE day BETWEEN $1 AND $2 GROUP BY {column}, day HAVING SUM(raw) > 0 ORDER BY {column}, day"
        ));
        on_read!(self, c => sqlx::query_as(sql).bind(from.0).bind(to.0).fetch_all(c)).doing("read counts")
    }

    /// Tickets of a period by leaf topic and leaf district.
    pub async fn period_cells(&self, from: Day, to: Day) -> Result<Vec<PeriodCell>, StoreError> {
        const SQL: &str = "SELECT topic, district, CAST(SUM(raw) AS BIGINT) AS raw, CAST(SUM(dedup) AS BIGINT) AS dedup \
             FROM counts WHERE day BETWEEN $1 AND $2 GROUP BY topic, district HAVING SUM(raw) > 0 ORDER BY topic, district";
        on_read!(self, c => sqlx::query_as(SQL).bind(from.0).bind(to.0).fetch_all(c)).doing("read counts")
    }

    /// The newest verdict on each alert that has one, by the alert's id.
    pub async fn newest_verdicts(&self) -> Result<Vec<(String, String)>, StoreError> {
        const SQL: &str = "SELECT alert, verdict FROM verdicts v \
             WHERE at = (SELECT MAX(at) FROM verdicts WHERE alert = v.alert) ORDER BY alert";
        on_read!(self, c => sqlx::query_as(SQL).fetch_all(c)).doing("read verdicts")
    }

    /// The newest committed run that wrote counts, fits or forecasts: how new the data are.
    pub async fn data_run(&self) -> Result<Option<Run>, StoreError> {
        const SQL: &str = "SELECT id, stage, slot, status, started, finished, origin, summary, config_hash, error FROM runs \
             WHERE status = 'ok' AND stage IN ('ingest', 'aggregate', 'fit', 'forecast') ORDER BY id DESC LIMIT 1";
        on_read!(self, c => sqlx::query_as(SQL).fetch_optional(c)).doing("read runs")
    }
}
