//! The registry of series: a node of topic tree x district tree on one basis.
use rustc_hash::FxHashMap;

use super::{Doing, Store, StoreError, Tx, on_read, on_tx};
use crate::ticket::{Basis, DistrictId, TopicId};

/// A registered series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::FromRow)]
pub struct SeriesKey {
    /// Topic, 0 = all.
    pub topic: TopicId,
    /// District, 0 = all.
    pub district: DistrictId,
    /// Depth of the topic.
    pub topic_depth: i32,
    /// Depth of the district.
    pub district_depth: i32,
}

impl Store {
    /// All series of a basis with their ids, by id.
    pub async fn series(&self, basis: Basis) -> Result<Vec<(i32, SeriesKey)>, StoreError> {
        const SQL: &str = "SELECT id, topic, district, topic_depth, district_depth FROM series WHERE basis = $1 ORDER BY id";
        let rows: Vec<(i32, i32, i32, i32, i32)> =
            on_read!(self, c => sqlx::query_as(SQL).bind(basis.name()).fetch_all(c)).doing("read series")?;
        Ok(rows
            .into_iter()
            .map(|(id, topic, district, topic_depth, district_depth)| {
                (id, SeriesKey { topic, district, topic_depth, district_depth })
            })
            .collect())
    }
}

impl Tx {
    /// Ids of `keys`, registering those that are new, in order.
    pub async fn register_series(
        &mut self,
        basis: Basis,
        keys: &[SeriesKey],
    ) -> Result<Vec<i32>, StoreError> {
        const READ: &str = "SELECT topic, district, id FROM series WHERE basis = $1";
        const LAST: &str = "SELECT CAST(COALESCE(MAX(id), 0) AS INTEGER) FROM series";
        let rows: Vec<(i32, i32, i32)> =
            on_tx!(self, c => sqlx::query_as(READ).bind(basis.name()).fetch_all(c)).doing("read series")?;
        let (mut last,): (i32,) =
            on_tx!(self, c => sqlx::query_as(LAST).fetch_one(c)).doing("read series")?;
        let mut known: FxHashMap<(i32, i32), i32> = rows.into_iter().map(|(t, d, id)| ((t, d), id)).collect();
        let mut fresh = Vec::new();
        for key in keys {
            known.entry((key.topic, key.district)).or_insert_with(|| {
                last += 1;
                fresh.push((last, *key));
                last
            });
        }
        for chunk in fresh.chunks(1000) {
            macro_rules! insert {
                ($t:expr, $db:ty) => {{
                    let mut q = sqlx::QueryBuilder::<$db>::new(
                        "INSERT INTO series (id, topic, district, topic_depth, district_depth, basis) ",
                    );
                    q.push_values(chunk, |mut row, (id, k)| {
                        row.push_bind(*id).push_bind(k.topic).push_bind(k.district);
                        row.push_bind(k.topic_depth).push_bind(k.district_depth).push_bind(basis.name());
                    });
                    q.build().execute(&mut **$t).await.map(|_| ())
                }};
            }
            match self {
                Self::Sqlite(t) => insert!(t, sqlx::Sqlite),
                Self::Postgres(t) => insert!(t, sqlx::Postgres),
            }
            .doing("register series")?;
        }
        Ok(keys.iter().map(|k| known[&(k.topic, k.district)]).collect())
    }
}
