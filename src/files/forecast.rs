//! `weisu forecast --input`: backtest, fit and forecast a panel file at each origin.
use std::{io::Write, path::PathBuf, time::Duration};

use chrono::{Days, NaiveDate};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rayon::prelude::*;
use weisu_models::{
    calendar::Calendar,
    forecast::{Horizon, Params, fit, forecast},
};

use super::{
    cells::{self, Named},
    output::write_whole,
    panel,
};

/// Rolling origins of the backtest before each origin: about a year, every other week.
const BACKTEST: Params = Params { origins: 27, step: 14, horizon: 28 };
/// A run shorter than this shows no progress bar.
const QUIET: Duration = Duration::from_secs(1);

/// Columns of the output.
const HEADER: [&str; 9] = ["unique_id", "cutoff", "ds", "mean", "q0.025", "q0.1", "q0.5", "q0.9", "q0.975"];

/// What to forecast.
#[derive(Debug, Clone)]
pub struct Job {
    /// Panel file with columns `unique_id,ds,y`.
    pub input: PathBuf,
    /// Hierarchy file with columns `unique_id,level,topic,district`; without it each series stands alone.
    pub series: Option<PathBuf>,
    /// Holiday file with columns `ds,name`.
    pub holidays: Option<PathBuf>,
    /// Last known days to forecast from; empty for the last day of the input.
    pub origins: Vec<NaiveDate>,
    /// Days ahead.
    pub horizon: usize,
    /// File to write.
    pub out: PathBuf,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Series forecast.
    pub series: usize,
    /// Origins forecast from.
    pub origins: Vec<NaiveDate>,
    /// Rows written.
    pub rows: usize,
}

/// Forecasts of one series from one origin.
struct Rows {
    id: String,
    origin: NaiveDate,
    forecast: weisu_models::forecast::NodeForecast,
}

/// Reads, forecasts at every origin from what was known then, and writes.
///
/// # Errors
/// When a file cannot be read or written, or an origin lies outside the input's days.
pub fn run(job: &Job) -> anyhow::Result<Summary> {
    let counts = panel::read(&job.input, 1)?;
    let end = counts.date(counts.periods() - 1);
    let origins = if job.origins.is_empty() { vec![end] } else { job.origins.clone() };
    for origin in &origins {
        anyhow::ensure!(
            (counts.start..=end).contains(origin),
            "origin {origin} lies outside the days of {} ({} to {}); choose a day between them",
            job.input.display(),
            counts.start,
            end
        );
    }
    let calendar = match &job.holidays {
        Some(path) => cells::read_holidays(path)?,
        None => Calendar::new(),
    };
    let panels = match &job.series {
        Some(path) => vec![cells::with_series(&counts, path)?],
        None => cells::alone(&counts),
    };
    let bar = Progress::new(&panels, origins.len());
    let mut rows = Vec::new();
    for origin in &origins {
        let done: Vec<Vec<Rows>> =
            panels.par_iter().map(|named| at_origin(named, &calendar, *origin, job.horizon, &bar)).collect();
        rows.extend(done.into_iter().flatten());
    }
    bar.finish();
    write_whole(&job.out, |file| write_rows(&rows, file))?;
    let written = rows.iter().map(|r| r.forecast.mean.len()).sum();
    Ok(Summary { series: panels.iter().map(|p| p.series.len()).sum(), origins, rows: written })
}

fn at_origin(
    named: &Named,
    calendar: &Calendar,
    origin: NaiveDate,
    horizon: usize,
    bar: &Progress,
) -> Vec<Rows> {
    let panel = named.panel.until(origin);
    let fits = fit(&panel, &named.hierarchy, calendar, &BACKTEST, &|_| bar.tick());
    let horizon = Horizon { days: horizon, months: 0 };
    let done = forecast(&panel, &named.hierarchy, calendar, &fits, horizon, &|_| bar.tick());
    named
        .series
        .iter()
        .map(|(id, node)| Rows { id: id.clone(), origin, forecast: done.daily[*node].clone() })
        .collect()
}

fn write_rows(rows: &[Rows], file: &mut dyn Write) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(file);
    writer.write_record(HEADER)?;
    for row in rows {
        let cutoff = row.origin.to_string();
        for (lead, (mean, quantiles)) in (1..).zip(row.forecast.mean.iter().zip(&row.forecast.quantiles)) {
            let (ds, mean) = ((row.origin + Days::new(lead)).to_string(), mean.to_string());
            let quantiles = quantiles.map(|q| q.to_string());
            let fields = [&row.id, &cutoff, &ds, &mean].into_iter().chain(&quantiles);
            writer.write_record(fields.map(String::as_bytes))?;
        }
    }
    writer.flush()?;
    Ok(())
}

/// A bar on stderr that shows itself once the run has taken a second.
struct Progress {
    bar: ProgressBar,
}

impl Progress {
    fn new(panels: &[Named], origins: usize) -> Self {
        // Every node is reported once by the backtest and once by the forecast.
        let nodes: usize = panels.iter().map(|p| p.hierarchy.nodes.len()).sum();
        let bar =
            ProgressBar::with_draw_target(Some((2 * nodes * origins) as u64), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3} % of the series, {eta} left") {
            bar.set_style(style);
        }
        Self { bar }
    }

    fn tick(&self) {
        self.bar.inc(1);
        if self.bar.is_hidden() && self.bar.elapsed() > QUIET {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
