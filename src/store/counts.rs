//! Daily counts per topic x district, and what is known of each day.
use super::{Doing, Store, StoreError, Tx, execute, on_read};
use crate::ticket::{Basis, Day, DistrictId, TopicId};

/// A non-zero daily count of a leaf topic in a leaf district, summed over sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct CountCell {
    /// Leaf topic.
    pub topic: TopicId,
    /// Leaf district.
    pub district: DistrictId,
    /// Local day, days since 1970-01-01.
    pub day: i32,
    /// Tickets on the chosen basis.
    pub n: i64,
}

/// What is known of a day of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DayStatus {
    /// Complete: every ticket of the day has arrived.
    Closed,
    /// A gap in the source: unknown, not quiet.
    Missing,
    /// Still filling.
    Open,
}

impl DayStatus {
    /// Stable name in tables and texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Missing => "missing",
            Self::Open => "open",
        }
    }

    fn from_name(name: &str) -> Result<Self, StoreError> {
        [Self::Closed, Self::Missing, Self::Open]
            .into_iter()
            .find(|s| s.name() == name)
            .ok_or_else(|| StoreError::Corrupt { what: "source_days.status", value: name.to_owned() })
    }
}

/// One day of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceDay {
    /// Key of the source.
    pub source: i32,
    /// Local day.
    pub day: Day,
    /// Tickets received that day, raw.
    pub tickets: i64,
    /// What is known of it.
    pub status: DayStatus,
}

impl Store {
    /// All non-zero counts of days in `[from, to]`, by topic, district and day.
    pub async fn counts(&self, basis: Basis, from: Day, to: Day) -> Result<Vec<CountCell>, StoreError> {
        let sql = match basis {
            Basis::Raw => {
                "SELECT topic, district, day, CAST(SUM(raw) AS BIGINT) AS n FROM counts \
                 WHERE day BETWEEN $1 AND $2 GROUP BY topic, district, day HAVING SUM(raw) > 0 ORDER BY topic, district, day"
            }
            Basis::Dedup => {
                "SELECT topic, district, day, CAST(SUM(dedup) AS BIGINT) AS n FROM counts \
                 WHERE day BETWEEN $1 AND $2 GROUP BY topic, district, day HAVING SUM(raw) > 0 ORDER BY topic, district, day"
            }
        };
        on_read!(self, c => sqlx::query_as(sql).bind(from.0).bind(to.0).fetch_all(c)).doing("read counts")
    }

    /// All days of cells in `[from, to]` with repeats, and how many: every ticket less repeats merged.
    pub async fn repeats(&self, from: Day, to: Day) -> Result<Vec<CountCell>, StoreError> {
        const SQL: &str = "SELECT topic, district, day, CAST(SUM(raw - dedup) AS BIGINT) AS n FROM counts \
             WHERE day BETWEEN $1 AND $2 GROUP BY topic, district, day HAVING SUM(raw - dedup) > 0 ORDER BY topic, district, day";
        on_read!(self, c => sqlx::query_as(SQL).bind(from.0).bind(to.0).fetch_all(c)).doing("read counts")
    }

    /// Tickets per source and local day, from the counts.
    pub async fn tickets_per_day(&self) -> Result<Vec<(i32, i32, i64)>, StoreError> {
        const SQL: &str = "SELECT source, day, CAST(SUM(raw) AS BIGINT) FROM counts GROUP BY source, day HAVING SUM(raw) > 0 ORDER BY source, day";
        on_read!(self, c => sqlx::query_as(SQL).fetch_all(c)).doing("read counts")
    }

    /// Leaf topics in leaf districts with a ticket on a day in `[from, to]`, in order.
    pub async fn counted(&self, from: Day, to: Day) -> Result<Vec<(TopicId, DistrictId)>, StoreError> {
        const SQL: &str = "SELECT DISTINCT topic, district FROM counts WHERE day BETWEEN $1 AND $2 AND raw > 0 \
             ORDER BY topic, district";
        on_read!(self, c => sqlx::query_as(SQL).bind(from.0).bind(to.0).fetch_all(c)).doing("read counts")
    }

    /// Non-zero counts of a source's leaf topic on days in `[from, to]`, as (district, day, tickets).
    pub async fn counts_of(
        &self,
        basis: Basis,
        (source, topic): (i32, TopicId),
        from: Day,
        to: Day,
    ) -> Result<Vec<(DistrictId, i32, i64)>, StoreError> {
        let sql = match basis {
            Basis::Raw => {
                "SELECT district, day, CAST(raw AS BIGINT) AS n FROM counts \
                 WHERE source = $1 AND topic = $2 AND day BETWEEN $3 AND $4 AND raw > 0 ORDER BY district, day"
            }
            Basis::Dedup => {
                "SELECT district, day, CAST(dedup AS BIGINT) AS n FROM counts \
                 WHERE source = $1 AND topic = $2 AND day BETWEEN $3 AND $4 AND dedup > 0 ORDER BY district, day"
            }
        };
        on_read!(self, c => sqlx::query_as(sql)
            .bind(source).bind(topic).bind(from.0).bind(to.0).fetch_all(c))
        .doing("read counts")
    }

    /// Whether both bases count the same on every day in `[from, to]`: no ticket is labelled a repeat.
    pub async fn bases_agree(&self, from: Day, to: Day) -> Result<bool, StoreError> {
        const SQL: &str =
            "SELECT CAST(COUNT(*) AS BIGINT) FROM counts WHERE day BETWEEN $1 AND $2 AND raw <> dedup";
        let (n,): (i64,) = on_read!(self, c => sqlx::query_as(SQL).bind(from.0).bind(to.0).fetch_one(c))
            .doing("read counts")?;
        Ok(n == 0)
    }

    /// Which sources have ever counted a cell, for laying source gaps over cells.
    pub async fn cell_sources(&self) -> Result<Vec<(i32, i32, i32)>, StoreError> {
        const SQL: &str =
            "SELECT DISTINCT topic, district, source FROM counts ORDER BY topic, district, source";
        on_read!(self, c => sqlx::query_as(SQL).fetch_all(c)).doing("read counts")
    }

    /// What is known of each day, by source and day.
    pub async fn source_days(&self) -> Result<Vec<SourceDay>, StoreError> {
        const SQL: &str = "SELECT source, day, tickets, status FROM source_days ORDER BY source, day";
        let rows: Vec<(i32, i32, i32, String)> =
            on_read!(self, c => sqlx::query_as(SQL).fetch_all(c)).doing("read source days")?;
        rows.into_iter()
            .map(|(source, day, tickets, status)| {
                Ok(SourceDay {
                    source,
                    day: Day(day),
                    tickets: i64::from(tickets),
                    status: DayStatus::from_name(&status)?,
                })
            })
            .collect()
    }
}

impl Tx {
    /// Replaces what is known of every day.
    pub async fn put_source_days(&mut self, days: &[SourceDay]) -> Result<(), StoreError> {
        execute!(self, "write source days", "DELETE FROM source_days")?;
        for chunk in days.chunks(1000) {
            macro_rules! insert {
                ($t:expr, $db:ty) => {{
                    let mut q = sqlx::QueryBuilder::<$db>::new(
                        "INSERT INTO source_days (source, day, tickets, status) ",
                    );
                    q.push_values(chunk, |mut row, d| {
                        row.push_bind(d.source)
                            .push_bind(d.day.0)
                            .push_bind(d.tickets as i32)
                            .push_bind(d.status.name());
                    });
                    q.build().execute(&mut **$t).await.map(|_| ())
                }};
            }
            match self {
                Self::Sqlite(t) => insert!(t, sqlx::Sqlite),
                Self::Postgres(t) => insert!(t, sqlx::Postgres),
            }
            .doing("write source days")?;
        }
        Ok(())
    }
}
