//! Daily counts summed over parts of the trees.
//!
//! Of what holds many cells, `aggregate` has kept the sums ([`super::super::histories`]). Else they are taken from the
//! counts, which are kept at the leaves only: a subtree is walked down with a recursive query, and naming the sources
//! lets both dialects use the primary key (source, topic, …) for a single topic.
use super::super::{Doing, Store, StoreError, Tree, histories::Counted, on_read};
use crate::ticket::{Basis, Day, DistrictId, TopicId};

/// Tickets of a local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct DayCount {
    /// Days since 1970-01-01.
    pub day: i32,
    /// Tickets.
    pub n: i64,
}

/// Tickets of a local day in a top-level node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct NodeDay {
    /// Key of the top-level node.
    pub node: i32,
    /// Days since 1970-01-01.
    pub day: i32,
    /// Tickets.
    pub n: i64,
}

/// The top-level nodes of one tree, within one node of the other tree (0 = all of it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Whose top-level nodes.
    pub of: Tree,
    /// Key in the other tree.
    pub within: i32,
}

impl Scope {
    /// Topic and district of one of its nodes; 0 = all of them together.
    fn node(self, id: i32) -> (TopicId, DistrictId) {
        match self.of {
            Tree::Topics => (id, self.within),
            Tree::Districts => (self.within, id),
        }
    }
}

/// Days with tickets in `[from, to]`.
fn days_of((first, counts): &Counted, from: Day, to: Day) -> impl Iterator<Item = DayCount> {
    let days = (*first..).zip(counts).filter(|(_, n)| **n > 0);
    days.map(|(day, n)| DayCount { day, n: i64::from(*n) }).filter(move |d| (from.0..=to.0).contains(&d.day))
}

/// Conditions that keep what is below topic `$1` and district `$2`.
fn below(topic: TopicId, district: DistrictId) -> String {
    let mut sql = String::from("source IN (SELECT id FROM sources)");
    for (id, column, tree, bind) in
        [(topic, "topic", "topics", "$1"), (district, "district", "districts", "$2")]
    {
        if id == 0 {
            // The root is not stored; binding it anyway keeps the numbering of the placeholders.
            sql += &format!(" AND {bind} = 0");
        } else {
            sql += &format!(
                " AND {column} IN (WITH RECURSIVE sub(id) AS (SELECT id FROM {tree} WHERE id = {bind} \
                 UNION ALL SELECT n.id FROM {tree} n JOIN sub ON n.parent = sub.id) SELECT id FROM sub)"
            );
        }
    }
    sql
}

impl Store {
    /// Tickets per local day of everything below a topic and a district (0 = all); days without tickets are left out.
    pub async fn daily(
        &self,
        at: (TopicId, DistrictId),
        basis: Basis,
        from: Day,
        to: Day,
    ) -> Result<Vec<DayCount>, StoreError> {
        match self.history(at, basis).await? {
            Some(counted) => Ok(days_of(&counted, from, to).collect()),
            None => self.daily_from_counts(at, basis, from, to).await,
        }
    }

    async fn daily_from_counts(
        &self,
        (topic, district): (TopicId, DistrictId),
        basis: Basis,
        from: Day,
        to: Day,
    ) -> Result<Vec<DayCount>, StoreError> {
        let sql = format!(
            "SELECT day, CAST(SUM({}) AS BIGINT) AS n FROM counts WHERE {} AND day BETWEEN $3 AND $4 \
             GROUP BY day ORDER BY day",
            basis.name(),
            below(topic, district)
        );
        let sql = sqlx::AssertSqlSafe(sql);
        on_read!(self, c => sqlx::query_as(sql).bind(topic).bind(district).bind(from.0).bind(to.0).fetch_all(c))
            .doing("read daily counts")
    }

    /// Tickets per local day of each top-level node of a scope, by node and day.
    pub async fn daily_by_top(
        &self,
        scope: Scope,
        basis: Basis,
        from: Day,
        to: Day,
    ) -> Result<Vec<NodeDay>, StoreError> {
        let kept = self.histories_of_top(scope.of, scope.within, basis).await?;
        if kept.is_empty() {
            return self.daily_by_top_from_counts(scope, basis, from, to).await;
        }
        let mut out = Vec::new();
        for top in self.tree(scope.of).await?.iter().filter(|n| n.depth == 1) {
            let days: Vec<DayCount> = match kept.binary_search_by_key(&top.id, |(node, _)| *node) {
                Ok(at) => days_of(&kept[at].1, from, to).collect(),
                Err(_) => self.daily_from_counts(scope.node(top.id), basis, from, to).await?,
            };
            out.extend(days.into_iter().map(|d| NodeDay { node: top.id, day: d.day, n: d.n }));
        }
        Ok(out)
    }

    async fn daily_by_top_from_counts(
        &self,
        scope: Scope,
        basis: Basis,
        from: Day,
        to: Day,
    ) -> Result<Vec<NodeDay>, StoreError> {
        let (tree, leaf) = match scope.of {
            Tree::Topics => ("topics", "topic"),
            Tree::Districts => ("districts", "district"),
        };
        let (topic, district) = scope.node(0);
        let sql = format!(
            "WITH RECURSIVE up(leaf, top) AS (SELECT id, id FROM {tree} WHERE parent = 0 \
             UNION ALL SELECT n.id, up.top FROM {tree} n JOIN up ON n.parent = up.leaf) \
             SELECT up.top AS node, day, CAST(SUM({}) AS BIGINT) AS n FROM counts JOIN up ON up.leaf = counts.{leaf} \
             WHERE {} AND day BETWEEN $3 AND $4 GROUP BY up.top, day ORDER BY up.top, day",
            basis.name(),
            below(topic, district)
        );
        let sql = sqlx::AssertSqlSafe(sql);
        on_read!(self, c => sqlx::query_as(sql).bind(topic).bind(district).bind(from.0).bind(to.0).fetch_all(c))
            .doing("read daily counts")
    }

    /// Every day anything is known of, and whether all sources of that day are complete.
    pub async fn days_known(&self) -> Result<Vec<(Day, bool)>, StoreError> {
        const SQL: &str = "SELECT day, CAST(MIN(CASE status WHEN 'closed' THEN 1 ELSE 0 END) AS INTEGER) \
             FROM source_days GROUP BY day ORDER BY day";
        let rows: Vec<(i32, i32)> =
            on_read!(self, c => sqlx::query_as(SQL).fetch_all(c)).doing("read source days")?;
        Ok(rows.into_iter().map(|(day, closed)| (Day(day), closed == 1)).collect())
    }

    /// The last local day that is complete in some source.
    pub async fn last_closed_day(&self) -> Result<Option<Day>, StoreError> {
        const SQL: &str = "SELECT MAX(day) FROM source_days WHERE status = 'closed'";
        let (day,): (Option<i32>,) =
            on_read!(self, c => sqlx::query_as(SQL).fetch_one(c)).doing("read source days")?;
        Ok(day.map(Day))
    }
}
