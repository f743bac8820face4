//! `weisu export`: the forecasts of a month as CSV and Parquet.
use std::path::PathBuf;

use clap::ValueEnum;

use super::{Global, text};
use crate::{
    publish::export::{Month, Request, export},
    store::Store,
    ticket::Basis,
};

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Month to export
    #[arg(long, value_name = "YYYY-MM")]
    month: Month,
    /// Folder to write into [default: publish.exports of the configuration]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Forecast run to export [default: the newest that holds the whole month]
    #[arg(long, value_name = "ID")]
    run: Option<i64>,
    /// What is counted
    #[arg(long, value_enum, default_value_t = Chosen::Both)]
    basis: Chosen,
    /// Show counts below publish.small_cell too; such a file must not leave the unit
    #[arg(long)]
    allow_small: bool,
}

/// Which basis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Chosen {
    /// Every ticket
    Raw,
    /// Repeats merged
    Dedup,
    /// Both
    Both,
}

/// Runs it.
pub async fn run(global: &Global, args: &Args) -> anyhow::Result<()> {
    let config = global.load()?;
    let store = Store::open(&config.store.options()).await?;
    let request = Request {
        city: &config.city,
        month: args.month,
        run: args.run,
        basis: match args.basis {
            Chosen::Raw => Some(Basis::Raw),
            Chosen::Dedup => Some(Basis::Dedup),
            Chosen::Both => None,
        },
        folder: args.out.as_deref().unwrap_or(&config.publish.exports),
        small_cell: if args.allow_small { 0 } else { config.publish.small_cell },
    };
    let summary = export(&store, &request).await;
    store.close().await;
    let summary = summary?;
    text::result(global.format, &summary, || {
        let entry = &summary.entry;
        let mut lines = vec![format!(
            "{} rows of forecast run {} (issued {}, last known day {}), {} small counts taken out",
            entry.rows, entry.run, entry.issued_at, entry.origin, entry.small_cells
        )];
        let folder = summary.manifest.parent().unwrap_or(std::path::Path::new(""));
        lines.extend(
            entry.files.values().map(|f| {
                format!("{}  {} bytes  sha256 {}", folder.join(&f.name).display(), f.bytes, f.sha256)
            }),
        );
        lines.push(summary.manifest.display().to_string());
        lines.join("\n")
    })
}
