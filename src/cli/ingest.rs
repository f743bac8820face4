//! `weisu ingest FILE…`: read ticket files into the store, or only count them.
use std::{fmt::Write, path::PathBuf};

use anyhow::{Context, bail};

use super::{Global, text};
use crate::{
    config::Config,
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
        choose(&mut config, name, &args.files)?;
    }
    if args.dry_run {
        return dry(global, args, &config);
    }
    let cx = global.cx(config).await?;
    let ran = activate(&cx, Stage::Ingest, "by hand", Some(&args.files)).await;
    cx.store.close().await;
    match ran? {
        Activation::Ran { summary, .. } => text::result(global.format, &summary, || accounts(&summary)),
        Activation::Busy { owner } => Err(Busy { what: "stage ingest".to_owned(), owner }.into()),
        Activation::NotDue => Ok(()),
    }
}

/// Makes the files belong to the source of this name. The other sources stay known: the depth of the trees is that
/// of the deepest.
fn choose(config: &mut Config, name: &str, files: &[PathBuf]) -> anyhow::Result<()> {
    let names: Vec<String> = config.source.iter().map(|s| s.name.clone()).collect();
    if !names.iter().any(|n| n == name) {
        bail!("no source {name:?} in the configuration; it has {}", names.join(", "));
    }
    for source in &mut config.source {
        let is_it = source.name == name;
        let its = files.iter().filter(|_| is_it);
        source.files = its.map(|file| glob::Pattern::escape(&file.to_string_lossy())).collect();
    }
    Ok(())
}

fn dry(global: &Global, args: &Args, config: &Config) -> anyhow::Result<()> {
    let source = match &config.source[..] {
        [only] => only,
        all => match &args.source {
            Some(name) => all.iter().find(|s| s.name == *name).context("no such source")?,
            None => bail!("several sources: say which with --source"),
        },
    };
    let mapping = source.mapping();
    let context = ingest::Context { mapping: &mapping, zone: config.city.zone.0, now: global.clock().now() };
    let (mut values, mut out, mut refused) = (Vec::new(), String::new(), 0);
    for file in &args.files {
        let dry = ingest::count(file, context)?;
        let rejected: u64 = dry.rejected.values().sum();
        let share = rejected as f64 / (rejected + dry.accepted).max(1) as f64;
        refused += usize::from(share > source.max_reject_share);
        let _ = writeln!(
            out,
            "{}: {} tickets in {} cell-days, rejected {:?} (dry run, nothing written)",
            file.display(),
            dry.accepted,
            dry.counts.len(),
            dry.rejected
        );
        values.push(serde_json::json!({
            "file": file, "accepted": dry.accepted, "rejected": dry.rejected, "cell_days": dry.counts.len()
        }));
    }
    text::result(global.format, &values, || out)?;
    if refused > 0 {
        bail!("{refused} of {} files would be refused: too many rejected rows", args.files.len());
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
