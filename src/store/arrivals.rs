//! When tickets became known: the reporting triangle.
use super::{Doing, Store, StoreError, Tx, execute, on_read};
use crate::ticket::Day;

/// Tickets of a day of a source that became known on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Arrival {
    /// Key of the source.
    pub source: i32,
    /// Local day the tickets are of.
    pub day: i32,
    /// Local day they were read.
    pub arrived: i32,
    /// How many; a correction may take some away.
    pub n: i64,
}

impl Store {
    /// What arrived of the days from `since` on, by source, day and day of arrival.
    pub async fn arrivals(&self, since: Day) -> Result<Vec<Arrival>, StoreError> {
        const SQL: &str =
            "SELECT source, day, arrived, n FROM arrivals WHERE day >= $1 ORDER BY source, day, arrived";
        on_read!(self, c => sqlx::query_as(SQL).bind(since.0).fetch_all(c)).doing("read arrivals")
    }
}

impl Tx {
    /// Adds what arrived from a source on a day, by the day it is of.
    pub async fn add_arrivals(
        &mut self,
        source: i32,
        arrived: Day,
        by_day: &[(i32, i64)],
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO arrivals (source, day, arrived, n) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (source, day, arrived) DO UPDATE SET n = arrivals.n + excluded.n";
        for (day, n) in by_day {
            execute!(self, "write arrivals", SQL, source, *day, arrived.0, *n)?;
        }
        Ok(())
    }
}
