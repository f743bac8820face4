//! `weisu ingest FILE…`: read ticket files into the store, or only count them.
use std::{fmt::Write, path::PathBuf};

use anyhow::bail;

use super::{Global, text};
use crate::{
    ingest,
    stages::{Activation, Busy, Stage, activate},
};

/// Arguments of `ingest`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files to read (.csv, .tsv, .jsonl, .parquet; text also as .gz, .zst, .zip)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Source the files belong to, by its name in the configuration
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Read and count, write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
pub async fn run(global: &Global, args: &Args) -> anyhow::Result<()> {
    let mut config = global.load()?;
    if let Some(name) = &args.source {
        config.source.retain(|s| s.name == *name);
        if config.source.is_empty() {
            bail!("no source {name:?} in the configuration");
        }
    }
    if args.dry_run {
        return dry(global, args, &config);
    }
    let cx = global.cx(config).await?;
    let ran = activate(&cx, Stage::Ingest, "by hand", Some(&args.files)).await;
    cx.store.close().await;
    match ran? {
        Activation::Ran { summary, .. } => text::result(global.format, &summary, || accounts(&summary)),
        Activation::Busy { owner } => Err(Busy { stage: "ingest", owner }.into()),
        Activation::NotDue => Ok(()),
    }
}

fn dry(global: &Global, args: &Args, config: &crate::config::Config) -> anyhow::Result<()> {
    let [source] = &config.source[..] else { bail!("several sources: say which with --source") };
    let mapping = source.mapping();
    let context = ingest::Context { mapping: &mapping, zone: config.city.zone.0, now: global.clock().now() };
    for file in &args.files {
        let dry = ingest::count(file, context)?;
        let value = serde_json::json!({
            "file": file, "accepted": dry.accepted, "rejected": dry.rejected, "cell_days": dry.counts.len()
        });
        text::result(global.format, &value, || {
            format!(
                "{}: {} tickets in {} cell-days, rejected {:?} (dry run, nothing written)",
                file.display(),
                dry.accepted,
                dry.counts.len(),
                dry.rejected
            )
        })?;
    }
    Ok(())
}

/// The accounts of an ingest, which add up: rows = added + replaced + duplicates + rejected.
pub fn accounts(summary: &serde_json::Value) -> String {
    let mut out = String::new();
    for file in summary["files"].as_array().into_iter().flatten() {
        let n = |key: &str| file[key].as_u64().unwrap_or(0);
        let _ = writeln!(
            out,
            "{}: {} rows = {} added + {} replaced + {} duplicates + {} rejected",
            file["file"].as_str().unwrap_or_default(),
            n("rows"),
            n("added"),
            n("replaced"),
            n("duplicates"),
            n("rejected"),
        );
        if n("rejected") > 0 {
            let _ = writeln!(
                out,
                "  rejected by reason {}, listed in {}",
                file["reasons"],
                file["rejects_file"].as_str().unwrap_or("-")
            );
        }
        let dropped: Vec<&str> =
            file["dropped_columns"].as_array().into_iter().flatten().filter_map(|c| c.as_str()).collect();
        if !dropped.is_empty() {
            let _ = writeln!(out, "  personal columns never read: {}", dropped.join(", "));
        }
    }
    if let Some(known) = summary["known_files"].as_u64().filter(|n| *n > 0) {
        let _ = writeln!(out, "{known} files already taken");
    }
    out
}
