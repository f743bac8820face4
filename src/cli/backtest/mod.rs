//! `weisu backtest`: how good forecasts would have been from past days, beside the forecasts to beat; with `--ledger` what
//! the published ones were worth, with `--anticipation` what announcements would have been.
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::ValueEnum;
use serde::Serialize;
use weisu_models::{
    evaluation::{Origins, anticipation::Report},
    forecast::Horizon,
};

use super::{Global, once, progress, text};
use crate::{
    config::{Detect, Forecast},
    files::{
        self,
        backtest::{Job, Telling},
    },
    stages::{
        backtest::{self, Request, Scores},
        city::Names,
    },
    store::{BacktestRow, BacktestSummary, LedgerSum},
    ticket::{Basis, Day},
};

mod anticipation;
mod ledger;
mod table;

/// Label of the progress bar.
const WHAT: &str = "backtest";
/// Origins of a backtest of announcements: two years of weeks.
const WEEKLY: usize = 104;

/// Arguments of `backtest`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Past days to forecast from: how many of the newest, or dates, comma separated [default: 6; 104 with --anticipation]
    #[arg(long, value_name = "N|DATE,…", value_parser = chosen)]
    origins: Option<Chosen>,
    /// Days between two origins [default: 28; 7 with --anticipation]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=366))]
    step: Option<u16>,
    /// Days scored from each
    #[arg(long, default_value_t = 28, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=366))]
    horizon: u16,
    /// Whole months scored from each, as far as they are over
    #[arg(long, default_value_t = 3, value_name = "MONTHS", value_parser = clap::value_parser!(u16).range(0..=24))]
    months: u16,
    /// What is counted
    #[arg(long, value_enum, default_value_t = Counted::Raw, conflicts_with = "input")]
    basis: Counted,
    /// Panel file (CSV, also .gz) with columns unique_id,ds,y; without it the store of --config is used
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Hierarchy file with columns unique_id,level,topic,district
    #[arg(long, value_name = "FILE", requires = "input")]
    series: Option<PathBuf>,
    /// Holiday file with columns ds,name
    #[arg(long, value_name = "FILE", requires = "input")]
    holidays: Option<PathBuf>,
    /// Do not keep the scores in the store
    #[arg(long, conflicts_with = "input")]
    no_store: bool,
    /// Show what published forecasts were worth instead
    #[arg(long, conflicts_with_all = ["input", "no_store"])]
    ledger: bool,
    /// Score announced seasons and weeks above their norm instead: what people would have been told, and what came
    #[arg(long, conflicts_with_all = ["ledger", "no_store"])]
    anticipation: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Counted {
    /// Every ticket
    Raw,
    /// Repeats merged
    Dedup,
}

/// What `--origins` says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Chosen {
    Newest(usize),
    On(Vec<NaiveDate>),
}

fn chosen(text: &str) -> Result<Chosen, String> {
    match text.parse() {
        Ok(n @ 1..=120) => return Ok(Chosen::Newest(n)),
        Ok(n) => return Err(format!("{n} origins; choose 1 to 120")),
        Err(_) => {}
    }
    let day = |day: &str| {
        day.trim().parse().map_err(|_| format!("{day:?} is neither a number nor a date such as 2025-03-31"))
    };
    text.split(',').map(day).collect::<Result<_, _>>().map(Chosen::On)
}

/// What is printed for programs.
#[derive(Debug, Serialize)]
struct Scored<'a> {
    /// Run that keeps it in the store.
    run: Option<i64>,
    #[serde(flatten)]
    summary: &'a BacktestSummary,
    scores: &'a [BacktestRow],
}

impl Args {
    fn origins(&self) -> Origins {
        let (n, step) = if self.anticipation { (WEEKLY, 7) } else { (6, 28) };
        match &self.origins {
            Some(Chosen::On(days)) => Origins::On(days.clone()),
            Some(Chosen::Newest(n)) => Origins::Newest { n: *n, step: self.step.unwrap_or(step).into() },
            None => Origins::Newest { n, step: self.step.unwrap_or(step).into() },
        }
    }

    fn horizon(&self) -> Horizon {
        Horizon { days: self.horizon.into(), months: self.months.into() }
    }

    fn basis(&self) -> Basis {
        match self.basis {
            Counted::Raw => Basis::Raw,
            Counted::Dedup => Basis::Dedup,
        }
    }
}

/// Runs it on the store.
pub async fn run(global: &Global, args: &Args) -> anyhow::Result<()> {
    let cx = global.cx(global.load()?).await?;
    if args.ledger {
        let (rows, names) =
            tokio::try_join!(async { Ok(cx.store.ledger(args.basis()).await?) }, Names::load(&cx))?;
        cx.store.close().await;
        return ledger(global, &rows, &names);
    }
    if args.anticipation {
        let report = backtest::announcements(&cx, args.origins(), args.basis()).await;
        cx.store.close().await;
        return announcements(global, &report?);
    }
    let request = Request { origins: args.origins(), horizon: args.horizon(), basis: args.basis() };
    let done = match args.no_store {
        true => backtest::scores(&cx, &request).await.map(|(scores, _)| (None, scores)),
        false => {
            backtest::run(&cx, &once::slot(&cx), &request).await.map(|(run, scores)| (Some(run), scores))
        }
    };
    cx.store.close().await;
    let (run, scores) = done?;
    report(global, run, &scores)
}

/// Runs it on files.
pub fn files(global: &Global, args: &Args) -> anyhow::Result<()> {
    let Some(input) = args.input.clone() else { anyhow::bail!("--input names the panel file to read") };
    let job = Job {
        input,
        series: args.series.clone(),
        holidays: args.holidays.clone(),
        origins: args.origins(),
        horizon: args.horizon(),
    };
    let bars = progress::bars(global.quiet);
    if args.anticipation {
        // Files come without a configuration: the rules are the defaults.
        let (detect, forecast) = (Detect::default(), Forecast::default());
        let telling = Telling { rule: detect.rule(), days: forecast.days, most_days: detect.onset_ahead() };
        let report = files::backtest::announcements(&job, telling, &|done, steps| bars.at(WHAT, done, steps));
        bars.done(WHAT);
        return announcements(global, &report?);
    }
    let done = files::backtest::run(&job, &|done, steps| bars.at(WHAT, done, steps));
    bars.done(WHAT);
    let done = done?;
    report(global, None, &backtest::of(&done.backtest, done.origins, job.horizon, done.series))
}

fn report(global: &Global, run: Option<i64>, scores: &Scores) -> anyhow::Result<()> {
    let report = Scored { run, summary: &scores.summary, scores: &scores.rows };
    text::result(global.format, &report, || table::write(run, scores))
}

fn announcements(global: &Global, report: &Report) -> anyhow::Result<()> {
    text::result(global.format, report, || anticipation::write(report))
}

fn ledger(global: &Global, rows: &[LedgerSum], names: &Names) -> anyhow::Result<()> {
    let lines: Vec<ledger::Line> = rows.iter().map(|sum| ledger::Line::new(sum, names)).collect();
    text::result(global.format, &lines, || ledger::write(&lines))
}

/// A level as people name it.
fn level(topic: i32, district: i32) -> String {
    match (topic, district) {
        (..0, _) => "all levels".to_owned(),
        (0, 0) => "total".to_owned(),
        (t, 0) => format!("topic {t}"),
        (0, d) => format!("district {d}"),
        (t, d) => format!("topic {t} x district {d}"),
    }
}

/// The days of an origin.
fn date(day: i32) -> NaiveDate {
    Day(day).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_a_number_or_dates() {
        assert_eq!(chosen("6"), Ok(Chosen::Newest(6)));
        let days = ["2025-03-31", "2025-05-01"].map(|d| d.parse().unwrap());
        assert_eq!(chosen("2025-03-31, 2025-05-01"), Ok(Chosen::On(days.to_vec())));
        assert!(chosen("0").unwrap_err().contains("1 to 120"));
        assert!(chosen("spring").unwrap_err().contains("neither a number nor a date"));
    }
}
