//! Writing tickets, idempotent by (source, ticket id), and moving their daily counts in the same transaction.
//!
//! A batch is first inserted as if every id were new, which is true for nearly every batch ever ingested. When
//! the database reports fewer inserted rows than the batch holds, the batch is undone to its savepoint and
//! sorted against what is stored: an unseen id is added, a newer version replaces the older and moves its
//! count, anything else is a duplicate.
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::{Doing, StoreError, Twins, Tx, execute, on_read};
use crate::ticket::{Day, DistrictId, Ticket, TopicId};

/// Tickets in one statement: nine bind variables each, and SQLite takes 32,766.
const ROWS_A_STATEMENT: usize = 3000;

/// What became of the tickets of an ingest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// New ids.
    pub added: u64,
    /// Ids whose newer version replaced the stored one.
    pub replaced: u64,
    /// Ids already stored in this or a newer version.
    pub duplicates: u64,
}

/// What a stored ticket contributes to the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
struct Stored {
    version: i64,
    day: i32,
    topic: TopicId,
    district: DistrictId,
    is_repeat: bool,
}

/// What a cell-day gains or loses: (topic, district, day) and (raw, dedup).
type Delta = ((TopicId, DistrictId, i32), (i32, i32));

/// A transaction that takes tickets of one source and keeps the counts in step.
#[derive(Debug)]
pub struct IngestTx {
    tx: Tx,
    source: i32,
    /// The local day it is, where arrivals are to be kept.
    arrived: Option<Day>,
    deltas: FxHashMap<(TopicId, DistrictId, i32), (i32, i32)>,
    tally: Tally,
    twins: Twins,
}

impl IngestTx {
    /// Takes over a transaction for tickets of `source`.
    pub fn new(tx: Tx, source: i32) -> Self {
        Self {
            tx,
            source,
            arrived: None,
            deltas: FxHashMap::default(),
            tally: Tally::default(),
            twins: Twins::default(),
        }
    }

    /// Keeps that what comes arrived on a local day.
    #[must_use]
    pub fn arriving(self, day: Day) -> Self {
        Self { arrived: Some(day), ..self }
    }

    /// The transaction, for the taxonomy.
    pub fn tx(&mut self) -> &mut Tx {
        &mut self.tx
    }

    /// What became of the tickets so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Adds a batch of any size.
    pub async fn put(&mut self, batch: &[Ticket]) -> Result<(), StoreError> {
        for part in batch.chunks(ROWS_A_STATEMENT) {
            self.put_part(part).await?;
        }
        Ok(())
    }

    async fn put_part(&mut self, batch: &[Ticket]) -> Result<(), StoreError> {
        batch.iter().for_each(|ticket| self.twins.look(ticket));
        let (batch, repeated) = newest_of_each_id(batch);
        self.tally.duplicates += repeated;
        execute!(&mut self.tx, "add tickets", "SAVEPOINT batch")?;
        if self.insert(&batch).await? == batch.len() as u64 {
            self.tally.added += batch.len() as u64;
            batch.iter().for_each(|t| self.count(t.topic, t.district, t.day.0, t.is_repeat, 1));
        } else {
            execute!(&mut self.tx, "add tickets", "ROLLBACK TO SAVEPOINT batch")?;
            self.merge(&batch).await?;
        }
        execute!(&mut self.tx, "add tickets", "RELEASE SAVEPOINT batch").map(|_| ())
    }

    /// Writes the counts and hands the transaction back, to be committed with the run.
    pub async fn finish(mut self) -> Result<(Tx, Tally), StoreError> {
        let mut deltas: Vec<_> = self.deltas.drain().filter(|(_, n)| *n != (0, 0)).collect();
        // Key order: the B-tree fills page by page, and the same input writes the same file.
        deltas.sort_unstable_by_key(|(key, _)| *key);
        for chunk in deltas.chunks(1000) {
            self.add_counts(chunk).await?;
        }
        if let Some(arrived) = self.arrived {
            let mut by_day: BTreeMap<i32, i64> = BTreeMap::new();
            deltas
                .iter()
                .for_each(|((_, _, day), (raw, _))| *by_day.entry(*day).or_default() += i64::from(*raw));
            let by_day: Vec<(i32, i64)> = by_day.into_iter().filter(|(_, n)| *n != 0).collect();
            self.tx.add_arrivals(self.source, arrived, &by_day).await?;
        }
        self.tx.add_twins(self.source, &self.twins).await?;
        Ok((self.tx, self.tally))
    }

    async fn merge(&mut self, batch: &[&Ticket]) -> Result<(), StoreError> {
        let stored = self.stored(batch).await?;
        let mut fresh = Vec::new();
        for &ticket in batch {
            match stored.get(&*ticket.id) {
                None => fresh.push(ticket),
                Some(old) if ticket.version > old.version => self.replace(ticket, *old).await?,
                Some(_) => self.tally.duplicates += 1,
            }
        }
        self.insert(&fresh).await?;
        self.tally.added += fresh.len() as u64;
        fresh.iter().for_each(|t| self.count(t.topic, t.district, t.day.0, t.is_repeat, 1));
        Ok(())
    }

    async fn replace(&mut self, new: &Ticket, old: Stored) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE tickets SET version = $3, received = $4, day = $5, topic = $6, district = $7, \
             closed = $8, is_repeat = $9 WHERE source = $1 AND id = $2";
        execute!(
            &mut self.tx,
            "replace a ticket",
            SQL,
            self.source,
            &*new.id,
            new.version,
            new.received,
            new.day.0,
            new.topic,
            new.district,
            new.closed,
            new.is_repeat
        )?;
        self.count(old.topic, old.district, old.day, old.is_repeat, -1);
        self.count(new.topic, new.district, new.day.0, new.is_repeat, 1);
        self.tally.replaced += 1;
        Ok(())
    }

    fn count(&mut self, topic: TopicId, district: DistrictId, day: i32, is_repeat: bool, n: i32) {
        let delta = self.deltas.entry((topic, district, day)).or_default();
        delta.0 += n;
        delta.1 += if is_repeat { 0 } else { n };
    }

    /// What is stored under the ids of the batch.
    async fn stored(&mut self, batch: &[&Ticket]) -> Result<FxHashMap<String, Stored>, StoreError> {
        macro_rules! select {
            ($t:expr, $db:ty) => {{
                let mut q = sqlx::QueryBuilder::<$db>::new(
                    "SELECT id, version, day, topic, district, is_repeat FROM tickets WHERE source = ",
                );
                q.push_bind(self.source).push(" AND id IN (");
                let mut ids = q.separated(", ");
                batch.iter().for_each(|t| {
                    ids.push_bind(&*t.id);
                });
                q.push(")");
                let rows = q.build().fetch_all(&mut **$t).await.doing("look up tickets")?;
                rows.iter()
                    .map(|row| Ok((sqlx::Row::try_get(row, 0)?, sqlx::FromRow::from_row(row)?)))
                    .collect::<Result<FxHashMap<String, Stored>, sqlx::Error>>()
            }};
        }
        match &mut self.tx {
            Tx::Sqlite(t) => select!(t, sqlx::Sqlite),
            Tx::Postgres(t) => select!(t, sqlx::Postgres),
        }
        .doing("look up tickets")
    }

    /// Inserts what is not there yet; returns how many rows went in.
    async fn insert(&mut self, batch: &[&Ticket]) -> Result<u64, StoreError> {
        if batch.is_empty() {
            return Ok(0);
        }
        let source = self.source;
        match &mut self.tx {
            Tx::Sqlite(t) => {
                let mut q = sqlx::QueryBuilder::<sqlx::Sqlite>::new(
                    "INSERT INTO tickets (source, id, version, received, day, topic, district, closed, is_repeat) ",
                );
                q.push_values(batch, |mut row, t| {
                    row.push_bind(source).push_bind(&*t.id).push_bind(t.version).push_bind(t.received).push_bind(t.day.0);
                    row.push_bind(t.topic).push_bind(t.district).push_bind(t.closed).push_bind(t.is_repeat);
                });
                q.push(" ON CONFLICT (source, id) DO NOTHING");
                q.build().execute(&mut **t).await.map(|r| r.rows_affected())
            }
            Tx::Postgres(t) => {
                let columns = Columns::of(batch);
                sqlx::query(
                    "INSERT INTO tickets (source, id, version, received, day, topic, district, closed, is_repeat) \
                     SELECT $1, * FROM UNNEST($2::text[], $3::int8[], $4::int8[], $5::int4[], $6::int4[], $7::int4[], \
                     $8::int8[], $9::bool[]) ON CONFLICT (source, id) DO NOTHING",
                )
                .bind(source)
                .bind(columns.id)
                .bind(columns.version)
                .bind(columns.received)
                .bind(columns.day)
                .bind(columns.topic)
                .bind(columns.district)
                .bind(columns.closed)
                .bind(columns.is_repeat)
                .execute(&mut **t)
                .await
                .map(|r| r.rows_affected())
            }
        }
        .doing("add tickets")
    }

    async fn add_counts(&mut self, chunk: &[Delta]) -> Result<(), StoreError> {
        let source = self.source;
        macro_rules! upsert {
            ($t:expr, $db:ty) => {{
                let mut q = sqlx::QueryBuilder::<$db>::new(
                    "INSERT INTO counts (source, topic, district, day, raw, dedup) ",
                );
                q.push_values(chunk, |mut row, ((topic, district, day), (raw, dedup))| {
                    row.push_bind(source).push_bind(*topic).push_bind(*district).push_bind(*day);
                    row.push_bind(*raw).push_bind(*dedup);
                });
                q.push(
                    " ON CONFLICT (source, topic, district, day) DO UPDATE \
                     SET raw = counts.raw + excluded.raw, dedup = counts.dedup + excluded.dedup",
                );
                q.build().execute(&mut **$t).await.map(|_| ())
            }};
        }
        match &mut self.tx {
            Tx::Sqlite(t) => upsert!(t, sqlx::Sqlite),
            Tx::Postgres(t) => upsert!(t, sqlx::Postgres),
        }
        .doing("move counts")
    }
}

/// The batch as columns, for UNNEST.
#[derive(Default)]
struct Columns<'a> {
    id: Vec<&'a str>,
    version: Vec<i64>,
    received: Vec<i64>,
    day: Vec<i32>,
    topic: Vec<i32>,
    district: Vec<i32>,
    closed: Vec<Option<i64>>,
    is_repeat: Vec<bool>,
}

impl<'a> Columns<'a> {
    fn of(batch: &[&'a Ticket]) -> Self {
        let mut c = Self::default();
        for t in batch {
            c.id.push(&t.id);
            c.version.push(t.version);
            c.received.push(t.received);
            c.day.push(t.day.0);
            c.topic.push(t.topic);
            c.district.push(t.district);
            c.closed.push(t.closed);
            c.is_repeat.push(t.is_repeat);
        }
        c
    }
}

/// Within a batch the newest version of an id wins, the earlier row on a tie as against the store; returns how many were passed over.
fn newest_of_each_id(batch: &[Ticket]) -> (Vec<&Ticket>, u64) {
    let mut at: FxHashMap<&str, usize> = FxHashMap::default();
    let mut out: Vec<&Ticket> = Vec::with_capacity(batch.len());
    for ticket in batch {
        match at.get(&*ticket.id) {
            Some(&i) => {
                if ticket.version > out[i].version {
                    out[i] = ticket;
                }
            }
            None => {
                at.insert(&ticket.id, out.len());
                out.push(ticket);
            }
        }
    }
    let repeated = (batch.len() - out.len()) as u64;
    (out, repeated)
}

impl super::Store {
    /// The newest run that took a file; 0 when none has.
    pub async fn newest_file_run(&self) -> Result<i64, StoreError> {
        let (run,): (i64,) =
            on_read!(self, c => sqlx::query_as("SELECT COALESCE(MAX(run), 0) FROM files").fetch_one(c))
                .doing("read known files")?;
        Ok(run)
    }

    /// Whether a file with these bytes was taken for a source.
    pub async fn file_known(&self, source: &str, sha256: &str) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT f.name FROM files f JOIN sources s ON s.id = f.source WHERE s.name = $1 AND f.sha256 = $2";
        let row: Option<(String,)> =
            on_read!(self, c => sqlx::query_as(SQL).bind(source).bind(sha256).fetch_optional(c))
                .doing("read known files")?;
        Ok(row.is_some())
    }
}

impl Tx {
    /// Remembers that a file was taken.
    pub async fn put_file(
        &mut self,
        source: &str,
        name: &str,
        sha256: &str,
        run: i64,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO files (source, name, sha256, run) SELECT id, $2, $3, $4 FROM sources WHERE name = $1 \
             ON CONFLICT (source, sha256) DO NOTHING";
        execute!(self, "remember a file", SQL, source, name, sha256, run).map(|_| ())
    }
}
