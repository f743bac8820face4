//! What has come due: deadlines that nobody kept, and messages of what waited for its hour.
//!
//! Each deadline and each receiver's messages are one transaction. The publishing stage calls this before it empties the
//! outbox, so its schedule is the only one there is.
use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::{
    acts, bundle,
    dispatch::{Desk, ending, escalation},
    lifecycle::{Event, EventKind},
    links::Links,
};
use crate::{
    store::{
        Store, StoreError, Tx,
        alerts::{Alert, State},
        audit::Entry,
        restraint::{Deadline, Member},
    },
    ticket::{Day, Millis},
};

/// What was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Composed {
    /// Digests.
    pub digests: u64,
    /// Messages of several alerts of a run.
    pub groups: u64,
    /// Alerts that go by themselves.
    pub singles: u64,
    /// Alerts handed on because nobody acknowledged them in time.
    pub escalated: u64,
    /// Alerts that a person has ended, of which others are told so.
    pub ended: u64,
    /// Alerts that are heard again because their silence has come to its end.
    pub unsilenced: u64,
}

/// Makes everything that is due at `now`.
pub async fn compose(store: &Store, desk: Desk<'_>, now: Millis) -> Result<Composed, StoreError> {
    let mut made = Composed { unsilenced: acts::lapse(store, now).await?, ..Composed::default() };
    for deadline in store.deadlines(now).await? {
        made.escalated += u64::from(escalate(store, desk, &deadline, now).await?);
    }
    for alert in store.endings().await? {
        made.ended += u64::from(end(store, desk, &alert, now).await?);
    }
    for (receiver, _) in store.members_due(now).await? {
        // What waits for a receiver that is gone from the configuration is counted by the deliverer.
        if desk.receiver(&receiver).is_some() {
            messages(store, desk, &receiver, now, &mut made).await?;
        }
    }
    Ok(made)
}

async fn escalate(
    store: &Store,
    desk: Desk<'_>,
    deadline: &Deadline,
    now: Millis,
) -> Result<bool, StoreError> {
    let alert = match Uuid::parse_str(&deadline.alert) {
        Ok(id) => store.alert(id).await?,
        Err(_) => None,
    };
    let receiver = desk.receiver(&deadline.receiver);
    if receiver.is_none() {
        tracing::warn!(
            alert = deadline.alert,
            receiver = deadline.receiver,
            rule = deadline.rule,
            "nobody of this name is configured: the alert is not handed on"
        );
    }
    let mut tx = store.begin().await?;
    if !tx.pass_deadline(&deadline.alert, now).await? {
        return Ok(false);
    }
    // Whatever else it is than pending or firing, somebody has seen to it.
    let waits = |alert: &Alert| matches!(alert.state, State::Pending | State::Firing);
    let told = match (alert.filter(waits), receiver) {
        (Some(alert), Some(receiver)) => {
            let day: Day = Day(alert.last_day.0);
            let mut entry = Entry::of_program(alert.id, "escalate", now);
            entry.detail = serde_json::json!({ "receiver": receiver.name, "rule": deadline.rule });
            tx.audit(&entry).await?;
            let event = Event { kind: EventKind::Escalated, alert, before: None, day };
            let delivery = escalation(desk, &event, receiver, &deadline.rule, now);
            tx.enqueue(&[delivery], now).await? > 0
        }
        _ => false,
    };
    tx.commit().await?;
    Ok(told)
}

/// Tells whoever has a message about an alert that a person has ended it.
async fn end(store: &Store, desk: Desk<'_>, id: &str, now: Millis) -> Result<bool, StoreError> {
    let alert = match Uuid::parse_str(id) {
        Ok(id) => store.alert(id).await?,
        Err(_) => None,
    };
    let told = store.told_of(id).await?;
    let mut tx = store.begin().await?;
    if !tx.take_ending(id).await? {
        return Ok(false);
    }
    let mut n = 0;
    if let Some(alert) = alert {
        let day = alert.last_day;
        let event = Event { kind: EventKind::Closed, alert, before: None, day };
        let receivers = told.iter().filter_map(|name| desk.receiver(name));
        let all: Vec<_> = receivers.map(|receiver| ending(desk, &event, receiver, now)).collect();
        n = tx.enqueue(&all, now).await?;
    }
    tx.commit().await?;
    Ok(n > 0)
}

async fn messages(
    store: &Store,
    desk: Desk<'_>,
    receiver: &str,
    now: Millis,
    made: &mut Composed,
) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    let members = tx.take_members(receiver, now).await?;
    let (digest, at_once): (Vec<Member>, Vec<Member>) =
        members.into_iter().partition(|member| member.how().is_digest());
    if at_once.len() == 1 {
        tx.let_go(&at_once[0].id, now).await?;
        made.singles += 1;
    } else if !at_once.is_empty() {
        put(&mut tx, desk, receiver, &at_once, false, now).await?;
        made.groups += 1;
    }
    if !digest.is_empty() {
        put(&mut tx, desk, receiver, &digest, true, now).await?;
        made.digests += 1;
    }
    tx.commit().await
}

async fn put(
    tx: &mut Tx,
    desk: Desk<'_>,
    receiver: &str,
    members: &[Member],
    is_digest: bool,
    now: Millis,
) -> Result<(), StoreError> {
    let at = DateTime::<Utc>::from_timestamp_millis(now).unwrap_or_default();
    let day = at.with_timezone(&desk.zone).date_naive();
    match bundle::message(
        receiver,
        members,
        is_digest,
        day,
        desk.sender,
        desk.sender.links.map(Links::alerts),
        now,
    ) {
        Some(message) => tx.put_message(&message, now).await,
        // None of them can be read: each becomes a dead letter of its own, with the reason.
        None => {
            for member in members {
                tx.let_go(&member.id, now).await?;
            }
            Ok(())
        }
    }
}
