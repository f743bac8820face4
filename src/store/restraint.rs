//! What waits for its hour: members of coming messages, deadlines to acknowledge, and alerts that nobody gets.
//!
//! A member is `waiting` until its hour. Then one transaction takes the members that are due, writes the message that
//! they make and marks them `bundled`: whoever is killed in between has changed nothing, and two at once cannot take the
//! same member.
use uuid::Uuid;

use super::{Doing, Store, StoreError, Tx, execute, on_read, on_tx, outbox::How};
use crate::ticket::Millis;

/// A delivery that waits for its hour.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// Id of the alert.
    pub alert: String,
    /// CloudEvents type.
    pub event: String,
    /// The CloudEvent, JSON.
    pub body: String,
    /// Why it waits, see [`How`].
    pub how: String,
    /// When it was enqueued.
    pub created: Millis,
    /// Its hour.
    pub not_before: Millis,
}

impl Member {
    /// Why it waits.
    pub fn how(&self) -> How {
        How::ALL.into_iter().find(|how| how.name() == self.how).unwrap_or(How::Digest)
    }
}

/// A message made of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// The webhook-id.
    pub id: Uuid,
    /// Name of the receiver.
    pub receiver: String,
    /// CloudEvents type.
    pub event: String,
    /// The CloudEvent, JSON.
    pub body: String,
    /// Why it goes now.
    pub how: How,
    /// Ids of its members.
    pub members: Vec<String>,
}

/// An alert to be acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Deadline {
    /// Id of the alert.
    pub alert: String,
    /// Who is told when nobody has.
    pub receiver: String,
    /// Until when.
    pub due: Millis,
    /// The line of the routing table that says so.
    pub rule: String,
}

/// A delivery that is not finished, as plans show it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Unfinished {
    /// Its id.
    pub id: String,
    /// Id of the alert; of a message of several, its own.
    pub alert: String,
    /// Name of the receiver.
    pub receiver: String,
    /// CloudEvents type.
    pub event: String,
    /// `waiting` or `pending`.
    pub status: String,
    /// Why it goes out when it does.
    pub how: String,
    /// Who said that this receiver gets it.
    pub rule: String,
    /// When it goes out at the earliest.
    pub at: Millis,
    /// Attempts counted.
    pub attempts: i32,
}

impl Store {
    /// Receivers with members whose hour has come, each with how many.
    pub async fn members_due(&self, now: Millis) -> Result<Vec<(String, i64)>, StoreError> {
        const SQL: &str = "SELECT receiver, COUNT(*) FROM deliveries WHERE status = 'waiting' AND not_before <= $1 \
             GROUP BY receiver ORDER BY receiver";
        on_read!(self, c => sqlx::query_as(SQL).bind(now).fetch_all(c)).doing("look for messages")
    }

    /// Receiver and hour of everything that went, or will go, at once and not before `from`.
    pub async fn told_at_once(&self, from: Millis) -> Result<Vec<(String, Millis)>, StoreError> {
        const SQL: &str = "SELECT receiver, not_before FROM deliveries WHERE not_before >= $1 \
             AND how IN ('immediate', 'quiet') AND alert <> id";
        on_read!(self, c => sqlx::query_as(SQL).bind(from).fetch_all(c)).doing("count what was told")
    }

    /// Deadlines that nobody has looked at yet and no silence holds, earliest first.
    pub async fn deadlines(&self, until: Millis) -> Result<Vec<Deadline>, StoreError> {
        const SQL: &str = "SELECT alert, receiver, due + held AS due, rule FROM escalations \
             WHERE done IS NULL AND paused IS NULL AND due + held <= $1 ORDER BY 3, alert";
        on_read!(self, c => sqlx::query_as(SQL).bind(until).fetch_all(c)).doing("read deadlines")
    }

    /// Until when an alert is to be acknowledged; nothing once that was looked at, and while it is silenced.
    pub async fn deadline_of(&self, alert: Uuid) -> Result<Option<Millis>, StoreError> {
        const SQL: &str =
            "SELECT due + held FROM escalations WHERE alert = $1 AND done IS NULL AND paused IS NULL";
        let row: Option<(Millis,)> =
            on_read!(self, c => sqlx::query_as(SQL).bind(alert.to_string()).fetch_optional(c))
                .doing("read deadlines")?;
        Ok(row.map(|(due,)| due))
    }

    /// Open alerts that nobody gets, oldest first: id and since when.
    pub async fn unrouted(&self) -> Result<Vec<(String, Millis)>, StoreError> {
        const SQL: &str = "SELECT u.alert, u.since FROM unrouted u JOIN alerts a ON a.id = u.alert \
             WHERE a.state NOT IN ('resolved', 'closed', 'superseded', 'expired') ORDER BY u.since, u.alert";
        on_read!(self, c => sqlx::query_as(SQL).fetch_all(c)).doing("read alerts without a receiver")
    }

    /// What is not finished, in the order it goes out.
    pub async fn unfinished(&self, limit: i64) -> Result<Vec<Unfinished>, StoreError> {
        const SQL: &str = "SELECT id, alert, receiver, event, status, how, rule, next_attempt AS at, attempts \
             FROM deliveries WHERE status IN ('waiting', 'pending') ORDER BY next_attempt, receiver, created, id LIMIT $1";
        on_read!(self, c => sqlx::query_as(SQL).bind(limit).fetch_all(c)).doing("read the outbox")
    }
}

impl Tx {
    /// Takes the members of a receiver whose hour has come, oldest first; nobody else gets them until the end of the
    /// transaction, and then only if it was rolled back.
    pub async fn take_members(&mut self, receiver: &str, now: Millis) -> Result<Vec<Member>, StoreError> {
        const SQL: &str = "UPDATE deliveries SET status = 'bundled', finished = $2 WHERE status = 'waiting' \
             AND receiver = $1 AND not_before <= $2 RETURNING id, alert, event, body, how, created, not_before";
        let mut members: Vec<Member> =
            on_tx!(self, c => sqlx::query_as(SQL).bind(receiver).bind(now).fetch_all(c))
                .doing("take what a message is made of")?;
        members.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Ok(members)
    }

    /// Writes a message and whose members are in it; a message of one member and nothing else is that member itself.
    pub async fn put_message(&mut self, message: &NewMessage, now: Millis) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO deliveries (id, alert, receiver, event, body, status, attempts, next_attempt, created, \
             not_before, how, rule) VALUES ($1, $1, $2, $3, $4, 'pending', 0, $5, $5, $5, $6, '') ON CONFLICT (id) DO NOTHING";
        const MEMBER: &str = "UPDATE deliveries SET message = $2 WHERE id = $1";
        let id = message.id.to_string();
        let how = message.how.name();
        execute!(
            self,
            "write a message",
            SQL,
            &id,
            &message.receiver,
            &message.event,
            &message.body,
            now,
            how
        )?;
        for member in &message.members {
            execute!(self, "write a message", MEMBER, member, &id)?;
        }
        Ok(())
    }

    /// Lets a taken member go out by itself.
    pub async fn let_go(&mut self, id: &str, now: Millis) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE deliveries SET status = 'pending', finished = NULL, next_attempt = $2 WHERE id = $1 AND status = 'bundled'";
        execute!(self, "let a delivery go", SQL, id, now).map(drop)
    }

    /// Notes by when alerts are to be acknowledged; an alert keeps its first deadline.
    pub async fn put_deadlines(&mut self, deadlines: &[Deadline]) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO escalations (alert, receiver, due, rule) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (alert) DO NOTHING";
        for d in deadlines {
            execute!(self, "write deadlines", SQL, &d.alert, &d.receiver, d.due, &d.rule)?;
        }
        Ok(())
    }

    /// Marks a deadline as looked at; `false` if somebody else has.
    pub async fn pass_deadline(&mut self, alert: &str, now: Millis) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE escalations SET done = $2 WHERE alert = $1 AND done IS NULL";
        Ok(execute!(self, "pass a deadline", SQL, alert, now)? == 1)
    }

    /// Notes which alerts nobody gets, and which of those somebody gets now.
    pub async fn put_unrouted(
        &mut self,
        nobody: &[Uuid],
        somebody: &[Uuid],
        now: Millis,
    ) -> Result<(), StoreError> {
        const ADD: &str =
            "INSERT INTO unrouted (alert, since) VALUES ($1, $2) ON CONFLICT (alert) DO NOTHING";
        for alert in nobody {
            execute!(self, "note alerts without a receiver", ADD, alert.to_string(), now)?;
        }
        for alert in somebody {
            let sql = "DELETE FROM unrouted WHERE alert = $1";
            execute!(self, "note alerts without a receiver", sql, alert.to_string())?;
        }
        Ok(())
    }
}
