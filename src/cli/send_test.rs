//! `weisu send-test`: one test event to a receiver, and what came back; dead letters put back on request.
use anyhow::{Context, bail};
use serde::Serialize;
use uuid::Uuid;

use super::{Global, text};
use crate::{
    config::{Config, Receiver},
    publish::{
        channels::Item,
        deliver::{Limits, client, courier},
        event::{CloudEvent, Sender},
        sample,
        secrets::Secrets,
    },
    store::Store,
};

/// Arguments of `send-test`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the receiver in the configuration
    receiver: String,
    /// If the test is taken: end its 410 and send its dead letters again, under their old ids
    #[arg(long)]
    replay: bool,
    /// Only this one of its dead letters
    #[arg(long, requires = "replay", value_name = "WEBHOOK-ID")]
    id: Option<Uuid>,
}

/// What came back.
#[derive(Debug, Serialize)]
struct Report {
    receiver: String,
    webhook_id: String,
    signed: bool,
    taken: bool,
    answer: String,
    milliseconds: u64,
    replayed: Option<u64>,
}

/// Runs it.
pub async fn run(global: &Global, args: &Args) -> anyhow::Result<()> {
    let config = global.load()?;
    let receiver = find(&config, &args.receiver)?;
    let mut report = try_out(global, &config, receiver).await?;
    if report.taken && args.replay {
        let store = Store::open(&config.store.options()).await?;
        store.enable_receiver(&receiver.name).await?;
        let only = args.id.map(|id| id.to_string());
        let now = global.clock().now().timestamp_millis();
        report.replayed = Some(store.replay(&receiver.name, only.as_deref(), now).await?);
        store.close().await;
    }
    text::result(global.format, &report, || {
        let replayed =
            report.replayed.map_or(String::new(), |n| format!("; {n} dead letters wait to be sent again"));
        format!("{}: {} after {} ms{replayed}", report.receiver, report.answer, report.milliseconds)
    })?;
    if report.taken { Ok(()) } else { bail!("{} did not take the test event", receiver.name) }
}

fn find<'a>(config: &'a Config, name: &str) -> anyhow::Result<&'a Receiver> {
    config.receiver.iter().find(|r| r.name == name).with_context(|| {
        let names: Vec<&str> = config.receiver.iter().map(|r| r.name.as_str()).collect();
        format!("no receiver {name:?} in the configuration; it has: {}", names.join(", "))
    })
}

async fn try_out(global: &Global, config: &Config, receiver: &Receiver) -> anyhow::Result<Report> {
    let now = global.clock().now();
    let limits = Limits::of(&config.publish, config.city.lang);
    let secrets = Secrets::load(receiver, limits.credentials.as_deref())?;
    let sender = Sender::of(config);
    let event = sample::event(config.city.lang, now);
    let id: Uuid = event.delivery_id(&receiver.name);
    let body = serde_json::to_string(&CloudEvent::of(&event, sender, now.timestamp_millis()))?;
    let millis = now.timestamp_millis();
    let item = Item { id: &id.to_string(), body: &body, parts: 0 };
    let begun = std::time::Instant::now();
    let answer = courier(&client()?, &limits).attempt(receiver, &secrets, item, millis).await.answer;
    Ok(Report {
        receiver: receiver.name.clone(),
        webhook_id: id.to_string(),
        signed: !secrets.is_empty(),
        taken: answer.is_success(),
        answer: answer.to_string(),
        milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        replayed: None,
    })
}
