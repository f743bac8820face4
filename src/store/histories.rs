//! Daily counts of what holds many cells, as the newest `aggregate` summed them.
//!
//! They speak as long as no `ingest` has ended since; until the next `aggregate` everybody sums the counts again.
use super::{Doing, Store, StoreError, Tree, Tx, execute, on_read};
use crate::ticket::{Basis, Day, DistrictId, TopicId};

/// Daily counts of a topic in a district on both bases, from the first day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Topic; 0 = all.
    pub topic: TopicId,
    /// District; 0 = the whole city.
    pub district: DistrictId,
    /// Local day of the first count.
    pub first: Day,
    /// Every ticket.
    pub raw: Vec<u32>,
    /// Repeats merged.
    pub dedup: Vec<u32>,
}

/// What a leaf topic counted in a leaf district on a day, of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct CellCounts {
    /// Leaf district.
    pub district: DistrictId,
    /// Days since 1970-01-01.
    pub day: i32,
    /// Every ticket.
    pub raw: i64,
    /// Repeats merged.
    pub dedup: i64,
}

/// Daily counts from a first day on.
pub(super) type Counted = (i32, Vec<u32>);

/// Rows a statement.
const CHUNK: usize = 500;
/// Compression of the counts: the fastest that is worth it.
const LEVEL: i32 = 1;

fn pack(counts: &[u32]) -> std::io::Result<Vec<u8>> {
    let bytes: Vec<u8> = counts.iter().flat_map(|n| n.to_le_bytes()).collect();
    zstd::bulk::compress(&bytes, LEVEL)
}

fn unpack(packed: &[u8], days: i32) -> Result<Vec<u32>, StoreError> {
    let size = usize::try_from(days).unwrap_or(0) * size_of::<u32>();
    let bytes = zstd::bulk::decompress(packed, size).ok().filter(|bytes| bytes.len() == size);
    let bytes = bytes.ok_or_else(|| StoreError::Corrupt {
        what: "histories",
        value: format!("{} bytes for {days} days", packed.len()),
    })?;
    Ok(bytes.as_chunks().0.iter().map(|four| u32::from_le_bytes(*four)).collect())
}

/// Holds while no `ingest` has ended since the newest `aggregate`.
const FRESH: &str = "(SELECT COALESCE(MAX(id), 0) FROM runs WHERE stage = 'aggregate' AND status = 'ok') > \
     (SELECT COALESCE(MAX(id), 0) FROM runs WHERE stage = 'ingest' AND status = 'ok')";

impl Store {
    /// What a leaf topic counted, by district and day.
    pub async fn counts_of_topic(&self, topic: TopicId) -> Result<Vec<CellCounts>, StoreError> {
        const SQL: &str = "SELECT district, day, CAST(raw AS BIGINT) AS raw, CAST(dedup AS BIGINT) AS dedup FROM counts \
             WHERE source IN (SELECT id FROM sources) AND topic = $1 AND raw > 0 ORDER BY district, day";
        on_read!(self, c => sqlx::query_as(SQL).bind(topic).fetch_all(c)).doing("read counts")
    }

    /// The kept sums of a topic in a district; `None` where they are not kept, or no longer hold.
    pub(super) async fn history(
        &self,
        (topic, district): (TopicId, DistrictId),
        basis: Basis,
    ) -> Result<Option<Counted>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT first, days, {} FROM histories WHERE topic = $1 AND district = $2 AND {FRESH}",
            basis.name()
        ));
        let row: Option<(i32, i32, Vec<u8>)> =
            on_read!(self, c => sqlx::query_as(sql).bind(topic).bind(district).fetch_optional(c))
                .doing("read histories")?;
        row.map(|(first, days, packed)| Ok((first, unpack(&packed, days)?))).transpose()
    }

    /// The same of every top-level node of one tree within a node of the other, by node.
    pub(super) async fn histories_of_top(
        &self,
        of: Tree,
        within: i32,
        basis: Basis,
    ) -> Result<Vec<(i32, Counted)>, StoreError> {
        let (own, tree, other) = match of {
            Tree::Topics => ("topic", "topics", "district"),
            Tree::Districts => ("district", "districts", "topic"),
        };
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT {own}, first, days, {} FROM histories WHERE {other} = $1 \
             AND {own} IN (SELECT id FROM {tree} WHERE parent = 0) AND {FRESH} ORDER BY {own}",
            basis.name()
        ));
        let rows: Vec<(i32, i32, i32, Vec<u8>)> =
            on_read!(self, c => sqlx::query_as(sql).bind(within).fetch_all(c)).doing("read histories")?;
        rows.into_iter()
            .map(|(node, first, days, packed)| Ok((node, (first, unpack(&packed, days)?))))
            .collect()
    }
}

impl Tx {
    /// Replaces all kept sums.
    pub async fn put_histories(&mut self, histories: &[History]) -> Result<(), StoreError> {
        execute!(self, "write histories", "DELETE FROM histories")?;
        let packed = histories.iter().map(|h| Ok((h, pack(&h.raw)?, pack(&h.dedup)?)));
        let packed: Vec<_> =
            packed.collect::<std::io::Result<_>>().map_err(sqlx::Error::Io).doing("write histories")?;
        for chunk in packed.chunks(CHUNK) {
            macro_rules! insert {
                ($t:expr, $db:ty) => {{
                    let mut q = sqlx::QueryBuilder::<$db>::new(
                        "INSERT INTO histories (topic, district, first, days, raw, dedup) ",
                    );
                    q.push_values(chunk, |mut row, (h, raw, dedup)| {
                        row.push_bind(h.topic).push_bind(h.district).push_bind(h.first.0);
                        row.push_bind(h.raw.len() as i32)
                            .push_bind(raw.as_slice())
                            .push_bind(dedup.as_slice());
                    });
                    q.build().execute(&mut **$t).await.map(|_| ())
                }};
            }
            match self {
                Self::Sqlite(t) => insert!(t, sqlx::Sqlite),
                Self::Postgres(t) => insert!(t, sqlx::Postgres),
            }
            .doing("write histories")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_back_and_damage_is_seen() {
        let counts: Vec<u32> = (0..1461).map(|t| t % 7 * 1000).collect();
        let packed = pack(&counts).unwrap();
        assert_eq!(unpack(&packed, 1461).unwrap(), counts);
        for (bytes, days) in [(&packed[..packed.len() / 2], 1461), (&packed[..], 1460), (&packed[..], 1462)] {
            assert!(matches!(unpack(bytes, days), Err(StoreError::Corrupt { .. })), "{days} days");
        }
        assert_eq!(unpack(&pack(&[]).unwrap(), 0).unwrap(), Vec::<u32>::new());
    }
}
