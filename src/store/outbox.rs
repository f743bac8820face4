//! The outbox: deliveries wait here from the transaction that wrote their alert until a receiver has taken them.
//!
//! A deliverer claims a delivery by pushing `next_attempt` past the longest time one attempt can take, and commits that
//! before it sends. A crash in between therefore repeats the delivery later, with the same id, and never loses it;
//! and two deliverers on one database never hold the same delivery, because PostgreSQL skips the rows another one is
//! claiming and SQLite has one writer. The pushed time is also the proof of the claim: an outcome that comes after the
//! claim ran out and was taken over changes nothing.
use uuid::Uuid;

use super::{Doing, Store, StoreError, Tx, execute, on_read, on_tx};
use crate::ticket::Millis;

/// Why a delivery goes out when it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// At once.
    Immediate,
    /// When the receiver's quiet hours end.
    Quiet,
    /// With the daily digest.
    Digest,
    /// With the daily digest, because the receiver has had its share of the day.
    Budget,
    /// At once, because nobody has acknowledged in time.
    Escalation,
}

impl How {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Immediate, Self::Quiet, Self::Digest, Self::Budget, Self::Escalation];

    /// Stable name in tables and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Immediate => "immediate",
            Self::Quiet => "quiet",
            Self::Digest => "digest",
            Self::Budget => "budget",
            Self::Escalation => "escalation",
        }
    }

    /// Comes with the daily digest.
    pub fn is_digest(self) -> bool {
        matches!(self, Self::Digest | Self::Budget)
    }
}

/// A delivery to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// The webhook-id, the same over all attempts.
    pub id: Uuid,
    /// What it is about.
    pub alert: Uuid,
    /// Name of the receiver.
    pub receiver: String,
    /// CloudEvents type.
    pub event: String,
    /// The CloudEvent, JSON.
    pub body: String,
    /// Not before then.
    pub not_before: Millis,
    /// Why then.
    pub how: How,
    /// Who said that this receiver gets it: a line of the routing table, or `filter`.
    pub rule: String,
    /// Whether it is to be put into a message with others when its hour has come.
    pub is_part: bool,
}

/// A delivery claimed for one attempt.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Claim {
    /// The webhook-id.
    pub id: String,
    /// Id of the alert.
    pub alert: String,
    /// Name of the receiver.
    pub receiver: String,
    /// CloudEvents type.
    pub event: String,
    /// The CloudEvent, JSON.
    pub body: String,
    /// Attempts counted so far, this one included.
    pub attempts: i32,
    /// When it was enqueued.
    pub created: Millis,
    /// Until when the claim holds.
    pub next_attempt: Millis,
    /// Parts of a long message that were taken already.
    pub parts: i32,
}

/// What is recorded of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// Try again at `at`; an attempt the receiver only put off (`counted = false`) does not use up the schedule.
    Retry {
        /// When.
        at: Millis,
        /// Whether the attempt counts.
        counted: bool,
        /// Why.
        error: String,
    },
    /// Given up; the operator can replay it.
    Dead {
        /// Why.
        error: String,
    },
}

/// A delivery as pages and commands show it, without its body.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize, utoipa::ToSchema)]
pub struct DeliveryRow {
    /// The webhook-id.
    pub id: String,
    /// Id of the alert.
    pub alert: String,
    /// Name of the receiver.
    pub receiver: String,
    /// CloudEvents type.
    pub event: String,
    /// `waiting` for its hour, `pending`, `delivered`, `dead`, or `bundled` into another.
    pub status: String,
    /// Attempts counted.
    pub attempts: i32,
    /// Next attempt, ms since the epoch.
    pub next_attempt: Millis,
    /// When it was enqueued.
    pub created: Millis,
    /// When it was delivered or given up.
    pub finished: Option<Millis>,
    /// Last HTTP status.
    pub http_status: Option<i32>,
    /// Last error.
    pub last_error: Option<String>,
}

/// Deliveries of one receiver in one status, for the metrics.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DeliveryCount {
    /// Name of the receiver.
    pub receiver: String,
    /// As in [`DeliveryRow`].
    pub status: String,
    /// How many.
    pub n: i64,
    /// When the oldest of them was enqueued.
    pub oldest: Millis,
}

/// A receiver that answered 410 Gone.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize, utoipa::ToSchema)]
pub struct DisabledReceiver {
    /// Its name.
    pub name: String,
    /// Since when, ms since the epoch.
    pub since: Millis,
    /// Why.
    pub reason: String,
}

/// The first delivery of a receiver that is due; one alert's deliveries go out in the order they were enqueued.
macro_rules! claim_sql {
    ($lock:literal) => {
        concat!(
            "WITH picked AS (SELECT d.id FROM deliveries d WHERE d.status = 'pending' AND d.receiver = $1 \
             AND d.next_attempt <= $2 AND NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.alert = d.alert \
             AND e.receiver = d.receiver AND e.status = 'pending' AND e.created < d.created) \
             ORDER BY d.created, d.id LIMIT 1",
            $lock,
            ") UPDATE deliveries SET next_attempt = $3, attempts = attempts + 1 WHERE id IN (SELECT id FROM picked) \
             RETURNING id, alert, receiver, event, body, attempts, created, next_attempt, parts"
        )
    };
}

impl Store {
    /// Claims the next due delivery of a receiver until `until`, which must lie past the end of the attempt.
    pub async fn claim(
        &self,
        receiver: &str,
        now: Millis,
        until: Millis,
    ) -> Result<Option<Claim>, StoreError> {
        // Mostly nothing is due, and looking needs no writer.
        if !self.waits(receiver, now).await? {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        let sql = match tx {
            Tx::Sqlite(_) => claim_sql!(""),
            Tx::Postgres(_) => claim_sql!(" FOR UPDATE OF d SKIP LOCKED"),
        };
        let claimed: Option<Claim> = on_tx!(&mut tx, c => sqlx::query_as(sql)
            .bind(receiver).bind(now).bind(until).fetch_optional(c))
        .doing("claim a delivery")?;
        tx.commit().await?;
        Ok(claimed)
    }

    /// Whether anything of a receiver has its next attempt by `until`.
    pub async fn waits(&self, receiver: &str, until: Millis) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT id FROM deliveries WHERE status = 'pending' AND receiver = $1 AND next_attempt <= $2 LIMIT 1";
        let row: Option<(String,)> =
            on_read!(self, c => sqlx::query_as(SQL).bind(receiver).bind(until).fetch_optional(c))
                .doing("look into the outbox")?;
        Ok(row.is_some())
    }

    /// Who has deliveries waiting, and how many.
    pub async fn waiting_receivers(&self) -> Result<Vec<(String, i64)>, StoreError> {
        const SQL: &str = "SELECT receiver, COUNT(*) FROM deliveries WHERE status IN ('pending', 'waiting') \
             GROUP BY receiver ORDER BY receiver";
        on_read!(self, c => sqlx::query_as(SQL).fetch_all(c)).doing("look into the outbox")
    }

    /// Records what came of a claimed attempt, and how many parts of it were taken so far; `false` if the claim had run
    /// out and someone else holds it now.
    pub async fn record(
        &self,
        claim: &Claim,
        http_status: Option<u16>,
        outcome: &Outcome,
        parts: i32,
        now: Millis,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE deliveries SET status = $3, next_attempt = $4, attempts = attempts - $5, finished = $6, \
             http_status = $7, last_error = $8, parts = $9 WHERE id = $1 AND next_attempt = $2 AND status = 'pending'";
        let (status, next, back, finished, error) = match outcome {
            Outcome::Delivered => ("delivered", claim.next_attempt, 0, Some(now), None),
            Outcome::Retry { at, counted, error } => {
                ("pending", *at, i32::from(!*counted), None, Some(error.as_str()))
            }
            Outcome::Dead { error } => ("dead", claim.next_attempt, 0, Some(now), Some(error.as_str())),
        };
        let mut tx = self.begin().await?;
        let n = execute!(
            &mut tx,
            "record an attempt",
            SQL,
            &claim.id,
            claim.next_attempt,
            status,
            next,
            back,
            finished,
            http_status.map(i32::from),
            error,
            parts
        )?;
        if n == 1 && *outcome == Outcome::Delivered {
            tx.told(&claim.id, now).await?;
        }
        tx.commit().await?;
        Ok(n == 1)
    }

    /// Puts off what is due for a receiver until `until`; what another deliverer has claimed is left to it.
    pub async fn hold_receiver(&self, receiver: &str, now: Millis, until: Millis) -> Result<u64, StoreError> {
        const SQL: &str = "UPDATE deliveries SET next_attempt = $3 WHERE receiver = $1 AND status = 'pending' AND next_attempt <= $2";
        let mut tx = self.begin().await?;
        let n = execute!(&mut tx, "put off deliveries", SQL, receiver, now, until)?;
        tx.commit().await?;
        Ok(n)
    }

    /// Gives up what has waited for a receiver since before `before`.
    pub async fn bury(
        &self,
        receiver: &str,
        before: Millis,
        reason: &str,
        now: Millis,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "UPDATE deliveries SET status = 'dead', finished = $4, last_error = $3 \
             WHERE receiver = $1 AND status IN ('pending', 'waiting') AND created < $2";
        let mut tx = self.begin().await?;
        let n = execute!(&mut tx, "give deliveries up", SQL, receiver, before, reason, now)?;
        tx.commit().await?;
        Ok(n)
    }

    /// Puts the dead letters of a receiver back under their old ids, or only the one of id `only`; returns how many.
    pub async fn replay(&self, receiver: &str, only: Option<&str>, now: Millis) -> Result<u64, StoreError> {
        const SQL: &str = "UPDATE deliveries SET status = 'pending', attempts = 0, next_attempt = $2, finished = NULL \
             WHERE receiver = $1 AND status = 'dead' AND ($3 IS NULL OR id = $3)";
        let mut tx = self.begin().await?;
        let n = execute!(&mut tx, "replay dead letters", SQL, receiver, now, only)?;
        tx.commit().await?;
        Ok(n)
    }

    /// Whether a delivery is due, was claimed by somebody who did not come back, or waits for an hour that has come; or
    /// whether an alert was to be acknowledged by now, a silence has come to its end, or a person has ended an alert.
    pub async fn deliveries_due(&self, now: Millis) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT id FROM deliveries WHERE status = 'pending' AND next_attempt <= $1 \
             UNION ALL SELECT id FROM deliveries WHERE status = 'waiting' AND not_before <= $1 \
             UNION ALL SELECT alert FROM escalations WHERE done IS NULL AND paused IS NULL AND due + held <= $1 \
             UNION ALL SELECT id FROM silences WHERE lifted IS NULL AND until <= $1 \
             UNION ALL SELECT alert FROM endings WHERE since <= $1 LIMIT 1";
        let row: Option<(String,)> = on_read!(self, c => sqlx::query_as(SQL).bind(now).fetch_optional(c))
            .doing("look for deliveries")?;
        Ok(row.is_some())
    }

    /// Deliveries by receiver and status.
    pub async fn delivery_counts(&self) -> Result<Vec<DeliveryCount>, StoreError> {
        const SQL: &str = "SELECT receiver, status, COUNT(*) AS n, MIN(created) AS oldest FROM deliveries \
             GROUP BY receiver, status ORDER BY receiver, status";
        on_read!(self, c => sqlx::query_as(SQL).fetch_all(c)).doing("count deliveries")
    }

    /// The newest deliveries with a status, newest first.
    pub async fn deliveries(&self, status: &str, limit: i64) -> Result<Vec<DeliveryRow>, StoreError> {
        const SQL: &str = "SELECT id, alert, receiver, event, status, attempts, next_attempt, created, finished, http_status, \
             last_error FROM deliveries WHERE status = $1 ORDER BY created DESC, id LIMIT $2";
        on_read!(self, c => sqlx::query_as(SQL).bind(status).bind(limit).fetch_all(c))
            .doing("read deliveries")
    }

    /// Sends nothing more to a receiver.
    pub async fn disable_receiver(&self, name: &str, since: Millis, reason: &str) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO disabled_receivers (name, since, reason) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO NOTHING";
        let mut tx = self.begin().await?;
        execute!(&mut tx, "disable a receiver", SQL, name, since, reason)?;
        tx.commit().await
    }

    /// Sends to a receiver again; `false` if it was not disabled.
    pub async fn enable_receiver(&self, name: &str) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let n =
            execute!(&mut tx, "enable a receiver", "DELETE FROM disabled_receivers WHERE name = $1", name)?;
        tx.commit().await?;
        Ok(n == 1)
    }

    /// Receivers that get nothing more.
    pub async fn disabled_receivers(&self) -> Result<Vec<DisabledReceiver>, StoreError> {
        const SQL: &str = "SELECT name, since, reason FROM disabled_receivers ORDER BY name";
        on_read!(self, c => sqlx::query_as(SQL).fetch_all(c)).doing("read disabled receivers")
    }
}

impl Tx {
    /// Enqueues deliveries; returns how many are new. An id that is there already stays as it is. What goes at once takes
    /// along what the same alert has held back for quiet hours, so that it is not told backwards; and what of it waits for
    /// a digest is old news then.
    pub async fn enqueue(&mut self, deliveries: &[NewDelivery], now: Millis) -> Result<u64, StoreError> {
        // Later than anything of the same alert to the same receiver, even when the clock stands still: `created` is the
        // order in which they go out.
        const SQL: &str = "INSERT INTO deliveries (id, alert, receiver, event, body, status, attempts, next_attempt, created, \
             not_before, how, rule) \
             SELECT $1, $2, $3, $4, $5, $7, 0, $8, CASE WHEN COALESCE(MAX(created), -1) < $6 THEN $6 \
             ELSE MAX(created) + 1 END, $8, $9, $10 FROM deliveries WHERE alert = $2 AND receiver = $3 \
             ON CONFLICT (id) DO NOTHING";
        const RELEASE: &str = "UPDATE deliveries SET not_before = $3, next_attempt = $3 WHERE alert = $1 AND receiver = $2 \
             AND how = 'quiet' AND status IN ('pending', 'waiting') AND attempts = 0 AND not_before > $3";
        const OLD_NEWS: &str = "UPDATE deliveries SET status = 'bundled', finished = $3, message = $4 WHERE alert = $1 \
             AND receiver = $2 AND status = 'waiting' AND how IN ('digest', 'budget')";
        let mut new = 0;
        for d in deliveries {
            let (id, alert) = (d.id.to_string(), d.alert.to_string());
            let status = if d.is_part { "waiting" } else { "pending" };
            let is_new = execute!(
                self,
                "enqueue deliveries",
                SQL,
                &id,
                &alert,
                &d.receiver,
                &d.event,
                &d.body,
                now,
                status,
                d.not_before,
                d.how.name(),
                &d.rule
            )?;
            new += is_new;
            if d.not_before <= now {
                execute!(self, "release deliveries", RELEASE, &alert, &d.receiver, now)?;
            }
            if is_new > 0 && !d.how.is_digest() {
                execute!(self, "enqueue deliveries", OLD_NEWS, &alert, &d.receiver, now, &id)?;
            }
        }
        Ok(new)
    }
}
