//! Slots and leases: each stage runs once for a local slot, one at a time, over restarts and instances.
//!
//! A lease is a row with an owner, an expiry and a fence. Taking it over raises the fence; a transaction that
//! carries an old fence fails in [`Tx::hold`] before it commits, so a stalled instance that wakes up late
//! writes nothing.
use super::{Doing, Store, StoreError, Tx, execute, on_read, on_tx};
use crate::ticket::Millis;

/// The right to run, as of `fence`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What it is on: the name of a stage.
    pub name: String,
    /// Raised with each change of owner.
    pub fence: i64,
}

impl Store {
    /// Takes or renews the lease on `name` until `expires`; `None` while another owner holds it.
    pub async fn lease(
        &self,
        name: &str,
        owner: &str,
        now: Millis,
        expires: Millis,
    ) -> Result<Option<Lease>, StoreError> {
        const SQL: &str = "INSERT INTO leases (name, owner, fence, expires) VALUES ($1, $2, 1, $4) \
             ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires = excluded.expires, \
             fence = leases.fence + CASE WHEN leases.owner = excluded.owner THEN 0 ELSE 1 END \
             WHERE leases.owner = excluded.owner OR leases.expires <= $3 RETURNING fence";
        let mut tx = self.begin().await?;
        let row: Option<(i64,)> = on_tx!(&mut tx, c => sqlx::query_as(SQL)
            .bind(name).bind(owner).bind(now).bind(expires).fetch_optional(c))
        .doing("take a lease")?;
        tx.commit().await?;
        Ok(row.map(|(fence,)| Lease { name: name.to_owned(), fence }))
    }

    /// Gives the lease back, if still held.
    pub async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE leases SET expires = 0, owner = '' WHERE name = $1 AND fence = $2";
        let mut tx = self.begin().await?;
        execute!(&mut tx, "give a lease back", SQL, &lease.name, lease.fence)?;
        tx.commit().await
    }

    /// Who holds the lease on `name`, if anybody does.
    pub async fn lease_owner(&self, name: &str) -> Result<Option<String>, StoreError> {
        const SQL: &str = "SELECT owner FROM leases WHERE name = $1 AND owner <> ''";
        let row: Option<(String,)> =
            on_read!(self, c => sqlx::query_as(SQL).bind(name).fetch_optional(c)).doing("read leases")?;
        Ok(row.map(|(owner,)| owner))
    }

    /// Lets the lease of `owner` run out now; for owners that have certainly ended.
    pub async fn break_lease(&self, name: &str, owner: &str) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE leases SET expires = 0 WHERE name = $1 AND owner = $2";
        let mut tx = self.begin().await?;
        execute!(&mut tx, "break a lease", SQL, name, owner)?;
        tx.commit().await
    }

    /// The newest slot of a stage that is done, as (local slot, due).
    pub async fn last_slot(&self, stage: &str) -> Result<Option<(String, Millis)>, StoreError> {
        const SQL: &str =
            "SELECT slot, due FROM slots WHERE stage = $1 AND status = 'done' ORDER BY due DESC LIMIT 1";
        on_read!(self, c => sqlx::query_as(SQL).bind(stage).fetch_optional(c)).doing("read slots")
    }

    /// Whether a slot is done.
    pub async fn slot_done(&self, stage: &str, slot: &str) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT slot FROM slots WHERE stage = $1 AND slot = $2 AND status = 'done'";
        let row: Option<(String,)> =
            on_read!(self, c => sqlx::query_as(SQL).bind(stage).bind(slot).fetch_optional(c))
                .doing("read slots")?;
        Ok(row.is_some())
    }

    /// Records a slot as done (or as `skipped`, with nothing run).
    pub async fn finish_slot(
        &self,
        stage: &str,
        slot: &str,
        due: Millis,
        status: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO slots (stage, slot, due, status, finished) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (stage, slot) DO UPDATE SET status = excluded.status, finished = excluded.finished";
        let mut tx = self.begin().await?;
        execute!(&mut tx, "finish a slot", SQL, stage, slot, due, status, now)?;
        tx.commit().await
    }
}

impl Tx {
    /// Fails unless `lease` is still the newest: call it last, before commit. It locks the row, so that nobody
    /// takes the lease over in between.
    pub async fn hold(&mut self, lease: &Lease) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE leases SET expires = expires WHERE name = $1 AND fence = $2";
        let held = execute!(self, "check a lease", SQL, &lease.name, lease.fence)?;
        if held == 1 { Ok(()) } else { Err(StoreError::Fenced { name: lease.name.clone() }) }
    }
}
