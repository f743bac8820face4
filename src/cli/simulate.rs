//! `weisu simulate`: a seeded city's tickets as a CSV file, and what was planted in them.
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use chrono::NaiveDate;
use flate2::{Compression, write::GzEncoder};

use super::Format;
use crate::{
    config::Lang,
    schedule::clock::Clock,
    simulate::{City, Params, Truth, plans},
    stages::Progress,
};

/// Arguments of `simulate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to write the tickets (CSV; compressed if it ends in .gz)
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Language of the city; by default that of the environment
    #[arg(long, value_enum)]
    pub lang: Option<Lang>,
    /// Seed: the same seed and options give the same bytes
    #[arg(long, default_value_t = 12345)]
    pub seed: u64,
    /// The day after the last one; by default today
    #[arg(long, value_name = "DATE")]
    pub until: Option<NaiveDate>,
    /// Years of history
    #[arg(long, default_value_t = 4)]
    pub years: u32,
    /// Districts, at most 16
    #[arg(long, default_value_t = 16)]
    pub districts: usize,
    /// Share of the full number of tickets, about 1.5 million in four years
    #[arg(long, default_value_t = 1.0)]
    pub scale: f64,
    /// Where to write what was planted (JSON)
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// Where to write the map of the districts (GeoJSON)
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// Where to write the city's contingency plans (Markdown), for publish.plans
    #[arg(long, value_name = "DIR")]
    pub plans: Option<PathBuf>,
}

/// Runs it; `clock` says what today is.
pub fn run(args: &Args, format: Format, clock: &dyn Clock) -> anyhow::Result<()> {
    let lang = args.lang.unwrap_or_else(|| super::language(|name| std::env::var(name).ok()));
    let today = clock.now().with_timezone(&chrono_tz::Asia::Shanghai).date_naive();
    let city = City::new(Params {
        lang,
        seed: args.seed,
        until: args.until.unwrap_or(today),
        years: args.years,
        districts: args.districts,
        scale: args.scale,
    })?;
    let truth = write_tickets(&city, &args.out, &*super::progress::bars(false))?;
    if let Some(path) = &args.map {
        std::fs::write(path, city.map()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &args.truth {
        let json = serde_json::to_vec_pretty(&truth)?;
        std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(folder) = &args.plans {
        plans::write(folder, lang).with_context(|| format!("cannot write into {}", folder.display()))?;
    }
    report(&mut io::stdout().lock(), format, &city, &truth, &args.out).context("cannot print the result")
}

/// Writes the city's tickets to `path`, under a temporary name until they are complete.
pub fn write_tickets(city: &City, path: &Path, bars: &dyn Progress) -> anyhow::Result<Truth> {
    let part = path.with_added_extension("part");
    let truth = write_part(city, &part, path.extension().is_some_and(|e| e == "gz"), bars)
        .and_then(|truth| std::fs::rename(&part, path).map(|()| truth));
    truth.with_context(|| {
        std::fs::remove_file(&part).ok();
        format!("cannot write {}", path.display())
    })
}

fn write_part(city: &City, path: &Path, is_gzip: bool, bars: &dyn Progress) -> io::Result<Truth> {
    let file = File::create(path)?;
    let total = city.estimate();
    let progress = |rows: u64| bars.at("simulate", rows.min(total), total);
    let truth = if is_gzip {
        let mut gz = GzEncoder::new(BufWriter::new(file), Compression::fast());
        let truth = city.write(&mut gz, &progress)?;
        gz.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        truth
    } else {
        let mut out = BufWriter::new(file);
        let truth = city.write(&mut out, &progress)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        truth
    };
    bars.done("simulate");
    Ok(truth)
}

fn report(
    out: &mut impl Write,
    format: Format,
    city: &City,
    truth: &Truth,
    path: &Path,
) -> anyhow::Result<()> {
    match format {
        Format::Json => serde_json::to_writer_pretty(&mut *out, truth).map_err(anyhow::Error::from)?,
        Format::Text => write!(
            out,
            "{}: {} tickets ({} repeats) from {} to {} in {}, {} planted events",
            city.name(),
            truth.tickets,
            truth.repeats,
            truth.from,
            truth.to,
            path.display(),
            truth.events.len()
        )?,
    }
    Ok(writeln!(out)?)
}
