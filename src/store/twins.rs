//! Rows that came twice in one delivery: how many of each day.
use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::{Doing, Store, StoreError, Tx, execute, on_read};
use crate::ticket::{Day, DistrictId, Millis, Ticket, TopicId};

/// Days whose rows are remembered at once; exports are in order of receipt, more or less.
const DAYS: usize = 8;

/// What tells a row of another id from a new ticket: second, topic and district.
type Likeness = (Millis, TopicId, DistrictId);

/// Counts repeated rows while tickets of one delivery pass by, in bounded memory.
#[derive(Debug, Default)]
pub struct Twins {
    seen: BTreeMap<Day, FxHashSet<Likeness>>,
    found: BTreeMap<Day, i64>,
}

impl Twins {
    /// Looks at a row.
    pub fn look(&mut self, ticket: &Ticket) {
        if !self.seen.entry(ticket.day).or_default().insert((ticket.received, ticket.topic, ticket.district))
        {
            *self.found.entry(ticket.day).or_default() += 1;
        }
        if self.seen.len() > DAYS {
            let oldest = self.seen.keys().find(|day| **day != ticket.day).copied();
            oldest.and_then(|day| self.seen.remove(&day));
        }
    }

    /// Repeated rows by day.
    pub fn found(&self) -> impl Iterator<Item = (Day, i64)> {
        self.found.iter().map(|(day, n)| (*day, *n))
    }
}

impl Store {
    /// Repeated rows of each day from `since` on, over all sources.
    pub async fn twins(&self, since: Day) -> Result<BTreeMap<Day, i64>, StoreError> {
        const SQL: &str =
            "SELECT day, CAST(SUM(n) AS BIGINT) FROM twins WHERE day >= $1 GROUP BY day ORDER BY day";
        let rows: Vec<(i32, i64)> = on_read!(self, c => sqlx::query_as(SQL).bind(since.0).fetch_all(c))
            .doing("read repeated rows")?;
        Ok(rows.into_iter().map(|(day, n)| (Day(day), n)).collect())
    }
}

impl Tx {
    /// Adds the repeated rows of a delivery.
    pub async fn add_twins(&mut self, source: i32, twins: &Twins) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO twins (source, day, n) VALUES ($1, $2, $3) \
             ON CONFLICT (source, day) DO UPDATE SET n = twins.n + excluded.n";
        for (day, n) in twins.found() {
            execute!(self, "write repeated rows", SQL, source, day.0, n)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(id: usize, received: Millis, day: i32, topic: TopicId) -> Ticket {
        Ticket {
            id: id.to_string().into(),
            version: 0,
            received,
            day: Day(day),
            topic,
            district: 1,
            closed: None,
            is_repeat: false,
        }
    }

    #[test]
    fn a_row_is_repeated_when_second_topic_and_district_are() {
        let mut twins = Twins::default();
        for (id, (received, topic)) in [(5, 1), (5, 1), (5, 2), (6, 1), (5, 1)].into_iter().enumerate() {
            twins.look(&ticket(id, received, 3, topic));
        }
        assert_eq!(twins.found().collect::<Vec<_>>(), [(Day(3), 2)]);
    }

    #[test]
    fn memory_is_that_of_a_few_days() {
        let mut twins = Twins::default();
        for day in 0..1000 {
            (0..5).for_each(|k| twins.look(&ticket(k, k as i64, day, 1)));
        }
        assert!(twins.seen.len() <= DAYS && twins.found().next().is_none());
    }
}
