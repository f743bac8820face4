//! Changing where an alert is in its life, inside the transaction that also writes the audit.
//!
//! Whoever decides on a change reads the alert here, in the transaction that writes it: SQLite has one writer, and
//! PostgreSQL locks the rows, so that nobody decides on what somebody else has just changed.
use uuid::Uuid;

use super::{
    Doing, Store, StoreError, Tx,
    alerts::{Alert, OPEN, Row, SELECT, State},
    execute, on_read, on_tx,
};
use crate::ticket::Millis;

impl Store {
    /// Alerts that a person has ended and nobody was told so, oldest first.
    pub async fn endings(&self) -> Result<Vec<String>, StoreError> {
        const SQL: &str = "SELECT alert FROM endings ORDER BY since, alert";
        let rows: Vec<(String,)> =
            on_read!(self, c => sqlx::query_as(SQL).fetch_all(c)).doing("read endings")?;
        Ok(rows.into_iter().map(|(alert,)| alert).collect())
    }

    /// Names of the receivers that have a message about an alert.
    pub async fn told_of(&self, alert: &str) -> Result<Vec<String>, StoreError> {
        const SQL: &str = "SELECT DISTINCT receiver FROM deliveries WHERE alert = $1 \
             AND (status = 'delivered' OR (status = 'bundled' AND message IS NOT NULL)) ORDER BY receiver";
        let rows: Vec<(String,)> =
            on_read!(self, c => sqlx::query_as(SQL).bind(alert).fetch_all(c)).doing("read who was told")?;
        Ok(rows.into_iter().map(|(receiver,)| receiver).collect())
    }
}

impl Tx {
    /// What a locking read ends in.
    fn locks(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "",
            Self::Postgres(_) => " FOR UPDATE",
        }
    }

    /// All open alerts, oldest first, kept from others until the end of the transaction.
    pub async fn open_alerts(&mut self) -> Result<Vec<Alert>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} WHERE {OPEN} ORDER BY created, id{}", self.locks()));
        let rows: Vec<Row> = on_tx!(self, c => sqlx::query_as(sql).fetch_all(c)).doing("read alerts")?;
        rows.into_iter().map(Alert::try_from).collect()
    }

    /// One alert, kept from others until the end of the transaction.
    pub async fn alert(&mut self, id: Uuid) -> Result<Option<Alert>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} WHERE id = $1{}", self.locks()));
        let row: Option<Row> = on_tx!(self, c => sqlx::query_as(sql).bind(id.to_string()).fetch_optional(c))
            .doing("read alerts")?;
        row.map(Alert::try_from).transpose()
    }

    /// Writes where an alert is in its life.
    pub async fn put_state(&mut self, alert: &Alert) -> Result<(), StoreError> {
        const SQL: &str =
            "UPDATE alerts SET state = $2, updated = $3, resolved = $4, silenced_from = $5 WHERE id = $1";
        execute!(
            self,
            "change an alert",
            SQL,
            alert.id.to_string(),
            alert.state.name(),
            alert.updated,
            alert.resolved,
            alert.silenced_from.map(State::name)
        )
        .map(drop)
    }

    /// Drops what waits to be told of an alert, because nobody is to be told or nobody needs to be any more.
    pub async fn withhold(&mut self, alert: Uuid, reason: &str, now: Millis) -> Result<u64, StoreError> {
        const DEADLINE: &str = "UPDATE escalations SET done = $2 WHERE alert = $1 AND done IS NULL";
        execute!(self, "withhold deliveries", DEADLINE, alert.to_string(), now)?;
        self.drop_waiting(alert, reason, now).await
    }

    async fn drop_waiting(&mut self, alert: Uuid, reason: &str, now: Millis) -> Result<u64, StoreError> {
        const WAITING: &str = "UPDATE deliveries SET status = 'bundled', finished = $2, last_error = $3 WHERE alert = $1 \
             AND status IN ('waiting', 'pending') AND attempts = 0";
        execute!(self, "withhold deliveries", WAITING, alert.to_string(), now, reason)
    }

    /// Drops what waits to be told of an alert that is silenced from a state on, and holds its deadline. One that nobody was
    /// told of yet loses it: when it is told after all, another one begins.
    pub async fn hush(&mut self, alert: Uuid, from: State, now: Millis) -> Result<(), StoreError> {
        const FORGET: &str = "DELETE FROM escalations WHERE alert = $1 AND done IS NULL";
        const HOLD: &str =
            "UPDATE escalations SET paused = $2 WHERE alert = $1 AND done IS NULL AND paused IS NULL";
        let id = alert.to_string();
        if from == State::Pending {
            execute!(self, "forget a deadline", FORGET, &id)?;
        } else {
            execute!(self, "hold a deadline", HOLD, &id, now)?;
        }
        self.drop_waiting(alert, "silenced", now).await.map(drop)
    }

    /// The silence of an alert is over: as much time as was left is left to acknowledge it.
    pub async fn unhush(&mut self, alert: Uuid, now: Millis) -> Result<(), StoreError> {
        const GO_ON: &str = "UPDATE escalations SET held = held + ($2 - paused), paused = NULL \
             WHERE alert = $1 AND paused IS NOT NULL";
        execute!(self, "give a deadline back", GO_ON, alert.to_string(), now).map(drop)
    }

    /// Notes that a person has ended an alert.
    pub async fn put_ending(&mut self, alert: Uuid, now: Millis) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO endings (alert, since) VALUES ($1, $2) ON CONFLICT (alert) DO NOTHING";
        execute!(self, "note an ending", SQL, alert.to_string(), now).map(drop)
    }

    /// Takes the note that a person has ended an alert; `false` if somebody else has.
    pub async fn take_ending(&mut self, alert: &str) -> Result<bool, StoreError> {
        Ok(execute!(self, "take an ending", "DELETE FROM endings WHERE alert = $1", alert)? == 1)
    }

    /// A delivery was taken: the alerts in it that nobody had been told of are firing from now on.
    pub(super) async fn told(&mut self, delivery: &str, now: Millis) -> Result<(), StoreError> {
        const AUDIT: &str = "INSERT INTO audit (at, author, via, about, subject, action, from_state, to_state, detail) \
             SELECT $2, 'weisu', 'stage', 'alert', id, 'tell', 'pending', 'firing', '{}' FROM alerts WHERE state = 'pending' \
             AND id IN (SELECT alert FROM deliveries WHERE id = $1 UNION SELECT alert FROM deliveries WHERE message = $1)";
        const FIRE: &str = "UPDATE alerts SET state = 'firing', updated = $2 WHERE state = 'pending' \
             AND id IN (SELECT alert FROM deliveries WHERE id = $1 UNION SELECT alert FROM deliveries WHERE message = $1)";
        if execute!(self, "note who was told", AUDIT, delivery, now)? > 0 {
            execute!(self, "note who was told", FIRE, delivery, now)?;
        }
        Ok(())
    }
}
