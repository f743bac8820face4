//! `weisu plan`: what would be sent, to whom, by which row of the table, when and why. Sends nothing, changes nothing.
use std::fmt::Write;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Global, text};
use crate::{
    config::Config,
    publish::{
        bundle,
        dispatch::{self, Desk},
        event::{Sender, rfc3339},
        lifecycle::{Event, EventKind},
        restraint::Told,
    },
    store::{
        Store,
        alerts::{Alert, State},
        restraint::Unfinished,
    },
    ticket::Millis,
};

/// Deliveries shown at most.
const MOST: i64 = 10_000;

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show what each open alert would mean if it came up now, instead of what waits in the outbox
    #[arg(long)]
    alerts: bool,
}

/// One alert for one receiver.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Line {
    /// When it goes out at the earliest, RFC 3339; none when nobody gets it.
    at: Option<String>,
    /// Who gets it; none when nobody does.
    receiver: Option<String>,
    /// By which channel.
    channel: Option<&'static str>,
    /// Who says so: a line of the routing table, or the receiver's filter.
    rule: String,
    /// `immediate`, `quiet`, `digest`, `budget`, `escalation`, `retry` or `unrouted`.
    why: String,
    /// What it says, or of how many alerts the message is.
    what: String,
    /// Id of the alert, or of the message.
    id: String,
}

/// Runs it.
pub async fn run(global: &Global, args: &Args) -> anyhow::Result<()> {
    let config = global.load()?;
    let table = config.routing()?;
    let store = Store::open(&config.store.options()).await?;
    let now = global.clock().now().timestamp_millis();
    let desk = Desk::of(&config, table.as_ref(), Sender::of(&config));
    let lines = if args.alerts { alerts(&store, desk, now).await } else { outbox(&store, desk, now).await };
    store.close().await;
    let lines = lines?;
    text::result(global.format, &lines, || report(&config, &lines))
}

/// What waits, and what nobody gets.
async fn outbox(store: &Store, desk: Desk<'_>, now: Millis) -> anyhow::Result<Vec<Line>> {
    let open = store.open_alerts().await?;
    let title = |id: &str| {
        open.iter().find(|a| a.id.to_string() == id).map_or_else(String::new, |a| a.body.title.clone())
    };
    let mut lines: Vec<Line> =
        store.unfinished(MOST).await?.iter().map(|row| waiting(row, desk, &title, now)).collect();
    for deadline in store.deadlines(Millis::MAX).await? {
        let firing = open
            .iter()
            .any(|a| a.id.to_string() == deadline.alert && matches!(a.state, State::Pending | State::Firing));
        if firing {
            lines.push(Line {
                at: Some(rfc3339(deadline.due.max(now))),
                channel: desk.receiver(&deadline.receiver).map(|r| r.kind.name()),
                receiver: Some(deadline.receiver),
                rule: deadline.rule,
                why: "escalation".to_owned(),
                what: title(&deadline.alert),
                id: deadline.alert,
            });
        }
    }
    lines.sort_by(|a, b| (&a.at, &a.receiver, &a.id).cmp(&(&b.at, &b.receiver, &b.id)));
    let nobody = store.unrouted().await?;
    lines.extend(nobody.into_iter().map(|(id, _)| unrouted(title(&id), id)));
    Ok(lines)
}

fn waiting(row: &Unfinished, desk: Desk<'_>, title: &impl Fn(&str) -> String, now: Millis) -> Line {
    let what = match row.event.as_str() {
        bundle::GROUP => "several alerts".to_owned(),
        bundle::DIGEST => "daily digest".to_owned(),
        _ => title(&row.alert),
    };
    Line {
        at: Some(rfc3339(row.at.max(now))),
        channel: desk.receiver(&row.receiver).map(|r| r.kind.name()),
        receiver: Some(row.receiver.clone()),
        rule: row.rule.clone(),
        why: if row.attempts > 0 { format!("retry, {} so far", row.attempts) } else { row.how.clone() },
        what,
        id: if row.id == row.alert { row.id.clone() } else { row.alert.clone() },
    }
}

fn unrouted(what: String, id: String) -> Line {
    Line {
        at: None,
        receiver: None,
        channel: None,
        rule: String::new(),
        why: "unrouted".to_owned(),
        what,
        id,
    }
}

/// What the open alerts would mean if each came up now.
async fn alerts(store: &Store, desk: Desk<'_>, now: Millis) -> anyhow::Result<Vec<Line>> {
    let open: Vec<Alert> = store.open_alerts().await?;
    let rows = store.told_at_once(dispatch::told_since(now)).await?;
    let mut told = Told::new(&rows, desk.zone);
    let title =
        |id: uuid::Uuid| open.iter().find(|a| a.id == id).map_or_else(String::new, |a| a.body.title.clone());
    let events: Vec<Event> = open
        .iter()
        .map(|alert| Event {
            kind: EventKind::Firing,
            alert: alert.clone(),
            before: None,
            day: alert.last_day,
        })
        .collect();
    let dispatched = dispatch::dispatch(desk, &events, &mut told, now);
    let mut lines: Vec<Line> = dispatched
        .deliveries
        .into_iter()
        .map(|d| Line {
            at: Some(rfc3339(d.not_before)),
            channel: desk.receiver(&d.receiver).map(|r| r.kind.name()),
            receiver: Some(d.receiver),
            rule: d.rule,
            why: d.how.name().to_owned(),
            what: title(d.alert),
            id: d.alert.to_string(),
        })
        .collect();
    lines.extend(dispatched.unrouted.into_iter().map(|id| unrouted(title(id), id.to_string())));
    Ok(lines)
}

fn report(config: &Config, lines: &[Line]) -> String {
    let zone = config.city.zone.0;
    let local = |at: &str| {
        at.parse::<DateTime<Utc>>()
            .map_or_else(|_| at.to_owned(), |at| at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string())
    };
    let mut out = String::new();
    for line in lines {
        let at = line.at.as_deref().map_or_else(|| format!("{:<16}", "-"), local);
        let receiver = line.receiver.as_deref().unwrap_or("nobody");
        let channel = line.channel.unwrap_or("-");
        let rule = if line.rule.is_empty() { "-" } else { &line.rule };
        let _ = writeln!(out, "{at}  {receiver} ({channel})  {}  {rule}  {}", line.why, line.what);
    }
    if out.is_empty() {
        out.push_str("nothing waits\n");
    }
    out
}
