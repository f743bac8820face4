//! `weisu export`: the forecasts of a month as CSV and Parquet, or the calendar of seasons as CSV.
use std::path::PathBuf;

use clap::ValueEnum;

use super::{Global, text};
use crate::{
    publish::export::{CalendarRequest, Month, Request, export, export_calendar},
    store::Store,
    ticket::Basis,
};

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Month to export
    #[arg(long, value_name = "YYYY-MM", required_unless_present = "calendar")]
    month: Option<Month>,
    /// Export the newest calendar of seasons instead
    #[arg(long, conflicts_with_all = ["month", "run", "basis"])]
    calendar: bool,
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
    let folder = args.out.as_deref().unwrap_or(&config.publish.exports);
    let small_cell = if args.allow_small { 0 } else { config.publish.small_cell };
    let summary = match args.month {
        Some(month) => {
            let basis = match args.basis {
                Chosen::Raw => Some(Basis::Raw),
                Chosen::Dedup => Some(Basis::Dedup),
                Chosen::Both => None,
            };
            export(&store, &Request { city: &config.city, month, run: args.run, basis, folder, small_cell })
                .await
        }
        None => {
            let plans = config.plans();
            let request = CalendarRequest { city: &config.city, folder, small_cell, plans: &plans };
            export_calendar(&store, &request).await
        }
    };
    store.close().await;
    let summary = summary?;
    text::result(global.format, &summary, || {
        let entry = &summary.entry;
        let mut lines = vec![format!(
            "{} rows of {} run {} (issued {}, last known day {}), {} small counts taken out",
            entry.rows,
            if args.calendar { "detect" } else { "forecast" },
            entry.run,
            entry.issued_at,
            entry.origin,
            entry.small_cells
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
