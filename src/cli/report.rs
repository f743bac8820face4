//! `weisu report`: the monthly report (月报) or the weekly digest (周报) of a period that has gone by.
use std::path::PathBuf;

use anyhow::Context;
use chrono::NaiveDate;

use super::{Global, text};
use crate::{
    config::{Config, Lang},
    publish::{
        export::Month,
        report::{self, Period, Request, Summary},
    },
    stages,
    store::Store,
};

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Month to report on [default: the last whole month of the data]
    #[arg(long, value_name = "YYYY-MM", conflicts_with = "week")]
    month: Option<Month>,
    /// Week to report on instead, by any of its days
    #[arg(long, value_name = "DATE")]
    week: Option<NaiveDate>,
    /// Language, or several with commas [default: city.lang of the configuration]
    #[arg(long, value_enum, value_delimiter = ',')]
    lang: Vec<Lang>,
    /// Folder to write into [default: publish.exports of the configuration]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Show counts below publish.small_cell too; such a file must not leave the unit
    #[arg(long)]
    allow_small: bool,
}

/// Runs it.
pub async fn run(global: &Global, args: &Args) -> anyhow::Result<()> {
    let config = global.load()?;
    let store = Store::open(&config.store.options()).await?;
    let written = write(&config, &store, args).await;
    store.close().await;
    let written = written?;
    text::result(global.format, &written, || {
        let mut lines = Vec::new();
        for summary in &written {
            let entry = &summary.entry;
            lines.push(format!(
                "{} {}: {} rows of tables, {} small counts taken out, data run {}",
                entry.kind, entry.month, entry.rows, entry.small_cells, entry.run
            ));
            let folder = summary.manifest.parent().unwrap_or(std::path::Path::new(""));
            lines.extend(entry.files.values().map(|f| {
                format!("{}  {} bytes  sha256 {}", folder.join(&f.name).display(), f.bytes, f.sha256)
            }));
        }
        lines.join("\n")
    })
}

async fn write(config: &Config, store: &Store, args: &Args) -> anyhow::Result<Vec<Summary>> {
    let period = match (args.month, args.week) {
        (_, Some(date)) => Period::week_of(date),
        (Some(month), None) => Period::Month(month),
        (None, None) => {
            let last = store.last_closed_day().await?;
            Period::last_month(last.context("no complete day is in the store: run `weisu once` first")?)
        }
    };
    let languages = if args.lang.is_empty() { vec![config.city.lang] } else { args.lang.clone() };
    let (from, to) = period.days();
    let calendar = stages::city::calendar(config, from, to)?;
    let sources: Vec<String> = config.source.iter().map(|source| source.name.clone()).collect();
    let mut written = Vec::new();
    for lang in languages {
        let request = Request {
            city: &config.city,
            calendar: &calendar,
            sources: &sources,
            period,
            lang,
            small_cell: if args.allow_small { 0 } else { config.publish.small_cell },
        };
        let folder = args.out.as_deref().unwrap_or(&config.publish.exports);
        written.push(report::write(store, &request, folder).await?);
    }
    Ok(written)
}
