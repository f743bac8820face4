//! Classes of emerging hot and cold spots, as the newest run of detect saw them.
use super::{Doing, Store, StoreError, Tx, execute, on_read};
use crate::ticket::{DistrictId, TopicId};

/// The classes of one topic in one district.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct ClassRow {
    /// Run of detect.
    pub run: i64,
    /// Topic.
    pub topic: TopicId,
    /// District.
    pub district: DistrictId,
    /// Monday of the first week.
    pub first_week: i32,
    /// Weeks looked at.
    pub weeks: i32,
    /// Class of what is more or less than expected.
    pub on_expected: String,
    /// Class of the counts as they are.
    pub on_counts: String,
    /// Gi* of the last week, on what is more or less than expected; above 0 = hot.
    pub z: f64,
    /// Tickets of the last week.
    pub observed: f64,
    /// Tickets expected in it.
    pub expected: f64,
}

impl Store {
    /// All classes but those without any pattern, by topic and district; of one topic where that is asked for.
    pub async fn hotspot_classes(&self, topic: Option<TopicId>) -> Result<Vec<ClassRow>, StoreError> {
        const SQL: &str = "SELECT run, topic, district, first_week, weeks, on_expected, on_counts, z, observed, expected \
             FROM hotspot_classes WHERE $1 = 0 OR topic = $1 ORDER BY topic, district";
        on_read!(self, c => sqlx::query_as(SQL).bind(topic.unwrap_or(0)).fetch_all(c))
            .doing("read hot spot classes")
    }
}

impl Tx {
    /// Puts the classes of a run in place of those before.
    pub async fn put_hotspot_classes(&mut self, rows: &[ClassRow]) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO hotspot_classes \
             (run, topic, district, first_week, weeks, on_expected, on_counts, z, observed, expected) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        execute!(self, "write hot spot classes", "DELETE FROM hotspot_classes")?;
        for row in rows {
            execute!(
                self,
                "write hot spot classes",
                SQL,
                row.run,
                row.topic,
                row.district,
                row.first_week,
                row.weeks,
                &row.on_expected,
                &row.on_counts,
                row.z,
                row.observed,
                row.expected,
            )?;
        }
        Ok(())
    }
}
