//! `weisu alert`: one alert and its audit, and what people do to it, from the command line.
use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{Global, text};
use crate::{
    publish::{
        acts::{self, Actor, Deed, Hush},
        event::rfc3339,
        life::{self, Action},
    },
    stages::Cx,
    store::{
        alerts::Alert,
        audit::{About, Record, Via},
        silences::Scope,
    },
};

/// Arguments of `alert`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List open alerts with their ids, the oldest first
    List,
    /// Show an alert and everything that was done to it
    Show {
        /// Id of the alert
        alert: Uuid,
    },
    /// Take it (签收)
    Ack(Step),
    /// Work on it
    Start(Step),
    /// Say that it is over
    Resolve(Step),
    /// Be done with it
    Close(Step),
    /// Say something of it
    Note(Step),
    /// Tell nobody of it until a time
    Silence(Silence),
    /// Take its silence back
    Lift(Step),
}

#[derive(Debug, clap::Args)]
struct Step {
    /// Id of the alert
    alert: Uuid,
    /// Who does it: an office or a role
    #[arg(long, value_name = "NAME")]
    by: String,
    /// In your words; no names of callers
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Silence {
    /// Id of the alert
    alert: Uuid,
    /// Who does it: an office or a role
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Until when (RFC 3339)
    #[arg(long, value_name = "TIME")]
    until: DateTime<Utc>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// All alerts of its topic, and below it
    #[arg(long)]
    topic: bool,
    /// All alerts of its district, and below it
    #[arg(long)]
    district: bool,
    /// All alerts of its kind
    #[arg(long)]
    kind: bool,
}

/// Runs it.
pub async fn run(global: &Global, args: &Args) -> anyhow::Result<()> {
    let cx = global.cx(global.load()?).await?;
    let done = dispatch(global, &cx, &args.command).await;
    cx.store.close().await;
    done
}

async fn dispatch(global: &Global, cx: &Cx, command: &Command) -> anyhow::Result<()> {
    let step = async |action, step: &Step| {
        let note = acts::words(step.note.as_deref()).map_err(anyhow::Error::msg)?;
        if action == Action::Note && note.is_none() {
            bail!("--note is empty: write something");
        }
        act(global, cx, step.alert, &step.by, &Deed::Step { action, note }).await
    };
    match command {
        Command::List => list(global, cx).await,
        Command::Show { alert } => show(global, cx, *alert).await,
        Command::Ack(of) => step(Action::Acknowledge, of).await,
        Command::Start(of) => step(Action::Start, of).await,
        Command::Resolve(of) => step(Action::Resolve, of).await,
        Command::Close(of) => step(Action::Close, of).await,
        Command::Note(of) => step(Action::Note, of).await,
        Command::Lift(of) => step(Action::Lift, of).await,
        Command::Silence(of) => silence(global, cx, of).await,
    }
}

/// Who speaks on the command line.
pub fn speaker(by: &str) -> anyhow::Result<Actor> {
    match by.trim() {
        "" => bail!("--by is empty: say which office or role speaks"),
        name => Ok(Actor { name: name.to_owned(), via: Via::Cli }),
    }
}

async fn act(global: &Global, cx: &Cx, alert: Uuid, by: &str, deed: &Deed) -> anyhow::Result<()> {
    acts::act(&cx.store, alert, deed, &speaker(by)?, cx.millis()).await?;
    show(global, cx, alert).await
}

async fn silence(global: &Global, cx: &Cx, of: &Silence) -> anyhow::Result<()> {
    let alert = find(cx, of.alert).await?;
    let until = of.until.timestamp_millis();
    if until <= cx.millis() {
        bail!("--until {} is over already", of.until);
    }
    let reason = acts::words(Some(&of.reason)).map_err(anyhow::Error::msg)?;
    let scope = Scope {
        fingerprint: (!of.topic && !of.district && !of.kind).then(|| alert.fingerprint.clone()),
        topic: if of.topic { alert.body.topic } else { Vec::new() },
        district: if of.district { alert.body.district } else { Vec::new() },
        kind: of.kind.then_some(alert.body.kind),
    };
    if scope.is_empty() {
        bail!("this alert is of everything: a silence of everything is not to be had");
    }
    let hush = Hush { scope, until, reason: reason.context("--reason is empty: say why")? };
    act(global, cx, of.alert, &of.by, &Deed::Silence(hush)).await
}

async fn find(cx: &Cx, id: Uuid) -> anyhow::Result<Alert> {
    let alert = cx.store.alert(id).await?;
    alert.with_context(|| format!("no alert {id}: `weisu alert list` names those that are open"))
}

async fn list(global: &Global, cx: &Cx) -> anyhow::Result<()> {
    let open = cx.store.open_alerts().await?;
    let line =
        |a: &Alert| format!("{} {} [{}] {}", a.id, a.state.name(), a.body.severity.name(), a.body.title);
    text::result(global.format, &open, || open.iter().map(line).collect::<Vec<_>>().join("\n"))
}

async fn show(global: &Global, cx: &Cx, id: Uuid) -> anyhow::Result<()> {
    let alert = find(cx, id).await?;
    let audit = cx.store.audit_of(About::Alert, &id.to_string()).await?;
    let can: Vec<&str> = life::possible(alert.state).into_iter().map(Action::name).collect();
    let all = json!({ "alert": alert, "possible": can, "audit": audit });
    text::result(global.format, &all, || {
        let body = &alert.body;
        let head = format!(
            "[{}] {}\n{}, possible: {}",
            body.severity.name(),
            body.title,
            alert.state.name(),
            can.join(", ")
        );
        let lines = audit.iter().map(line);
        std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
    })
}

fn line(Record { entry, .. }: &Record) -> String {
    let to = entry.to.map_or(String::new(), |to| format!(" -> {}", to.name()));
    let said: Vec<String> = entry
        .detail
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            format!("{key} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        })
        .collect();
    let said = if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) };
    let (at, via) = (rfc3339(entry.at), entry.via.name());
    format!("  {at} {}{to} by {}, {via}{said}", entry.action, entry.author)
}
