//! `weisu once`: the daily chain one time, the same path that the daemon takes.
use std::fmt::Write;

use super::{Global, ingest::accounts, text};
use crate::stages::{Cx, Stage, chain, one};

/// Arguments of `once`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub async fn run(global: &Global, _: &Args) -> anyhow::Result<()> {
    let cx = global.cx(global.load()?).await?;
    let ran = chain(&cx, &slot(&cx)).await;
    cx.store.close().await;
    let ran = ran?;
    text::result(
        global.format,
        &ran.iter().map(|(s, v)| (s.name(), v)).collect::<std::collections::BTreeMap<_, _>>(),
        || report(&ran),
    )
}

/// Runs one stage by hand.
pub async fn stage(global: &Global, stage: Stage) -> anyhow::Result<()> {
    let cx = global.cx(global.load()?).await?;
    let ran = one(&cx, stage, &slot(&cx)).await;
    cx.store.close().await;
    let summary = ran?;
    text::result(global.format, &summary, || {
        format!(
            "{}: {}",
            stage.name(),
            summary
                .as_ref()
                .map_or("nothing new to do, or no closed day of tickets yet".into(), ToString::to_string)
        )
    })
}

/// The slot of a run by hand: its local minute.
pub fn slot(cx: &Cx) -> String {
    cx.now.with_timezone(&cx.config.city.zone.0).format("%Y-%m-%dT%H:%M").to_string()
}

/// What the stages did, a few lines each.
pub fn report(ran: &[(Stage, serde_json::Value)]) -> String {
    let mut out = String::new();
    for (stage, s) in ran {
        match stage {
            Stage::Ingest => out.push_str(&accounts(s)),
            Stage::Aggregate => {
                let _ = writeln!(
                    out,
                    "days: {} closed until {}, {} missing, {} open",
                    s["closed"],
                    text_of(&s["watermark"]),
                    s["missing"].as_array().map_or(0, Vec::len),
                    s["open"]
                );
            }
            Stage::Fit => {
                let _ = writeln!(
                    out,
                    "fitted {} series: models {}, fallbacks {}",
                    s["series"], s["models"], s["fallbacks"]
                );
            }
            Stage::Forecast => {
                let _ = writeln!(
                    out,
                    "forecast {} series from {}: {} rows",
                    s["series"],
                    text_of(&s["origin"]),
                    s["rows"]
                );
            }
            Stage::Detect => {
                let _ = writeln!(
                    out,
                    "judged {} series: alarms {}, held back {}, {} new alerts, {} resolved, {} deliveries",
                    s["series"], s["alarms"], s["suppressed"], s["raised"], s["resolved"], s["deliveries"]
                );
            }
            _ => {
                let _ = writeln!(out, "{}: {s}", stage.name());
            }
        }
    }
    if out.is_empty() {
        out.push_str("nothing new to do\n");
    }
    out
}

fn text_of(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
