//! `weisu detect`: the stored counts, or files in and files out.
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::NaiveDate;
use clap::ValueEnum;
use indicatif::ProgressBar;
use weisu_models::calendar::Region;
use weisu_models::hotspot::{self, Detector, Memory};

use crate::files::{
    detect,
    panel::{self, Step},
};

/// Arguments of `detect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Counts file (CSV, also .gz) with columns unique_id,ds,y; without it the store of --config is judged
    #[arg(long, value_name = "FILE", requires = "out")]
    pub input: Option<PathBuf>,
    /// Length of a period of the counts file
    #[arg(long, value_enum, default_value_t = Frequency::Daily)]
    pub frequency: Frequency,
    /// First period to judge; by default the first of the input
    #[arg(long, value_name = "DATE")]
    pub from: Option<NaiveDate>,
    /// Last period to judge; by default the last of the input
    #[arg(long, value_name = "DATE")]
    pub to: Option<NaiveDate>,
    /// Best detector to use; shorter histories fall back to the next ones
    #[arg(long, value_enum, default_value_t = Method::RobustGlm)]
    pub method: Method,
    /// Alarm threshold of the p-value
    #[arg(long, default_value_t = 0.005)]
    pub alpha: f64,
    /// Region of the built-in holidays (daily counts): CN, US, BR or none
    #[arg(long, default_value = "none")]
    pub region: Region,
    /// Where to write the alarms (CSV, gzipped when the name ends in .gz)
    #[arg(long, value_name = "FILE", requires = "input")]
    pub out: Option<PathBuf>,
}

/// Length of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Frequency {
    /// Days.
    Daily,
    /// Weeks; ds is the first day of the week.
    Weekly,
}

/// Detectors that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Method {
    /// Robust regression on the whole history, all weeks alike
    RobustGlm,
    /// For weekly counts that drift: a third harmonic, weeks that fade, and a local level
    RobustGlmDrifting,
    /// Moving baseline of up to 28 periods
    EarsC2,
    /// Mean so far
    Prior,
}

/// Runs it.
pub fn run(args: &Args) -> anyhow::Result<()> {
    match (&args.input, &args.out) {
        (Some(input), Some(out)) => files(args, input, out),
        _ => anyhow::bail!("no --input: {args:?}"),
    }
}

fn files(args: &Args, input: &Path, out: &Path) -> anyhow::Result<()> {
    let (frequency, step) = match args.frequency {
        Frequency::Daily => (hotspot::Frequency::Daily, Step::Day),
        Frequency::Weekly => (hotspot::Frequency::Weekly, Step::Week),
    };
    let detector = Detector::new(frequency, args.alpha).context("--alpha")?;
    let detector = match args.method {
        Method::RobustGlm => detector,
        Method::RobustGlmDrifting => detector.with_memory(Memory::Drifting),
        Method::EarsC2 => detector.limited_to(hotspot::Method::EarsC2),
        Method::Prior => detector.limited_to(hotspot::Method::Prior),
    };
    let panel = panel::read(input, Some(step))?;
    let options = detect::Options { detector, from: args.from, to: args.to, region: args.region };
    let bar = ProgressBar::new(panel.ids.len() as u64);
    let summary = detect::run(&panel, &options, out, &|| bar.inc(1));
    bar.finish_and_clear();
    let summary = summary?;
    tracing::info!(?summary, out = %out.display(), "judged");
    Ok(())
}
