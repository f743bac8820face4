//! `weisu forecast`: the stored panel, or files in and files out.
use std::path::PathBuf;

use chrono::NaiveDate;

use super::{Global, progress, text};
use crate::files::{self, forecast::Job};

/// Label of the progress bar.
const WHAT: &str = "forecast";

/// Arguments of `forecast`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Panel file (CSV, also .gz) of days, weeks, months or quarters with columns unique_id,ds,y; without it the store of --config is forecast
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Hierarchy file with columns unique_id,level,topic,district
    #[arg(long, value_name = "FILE", requires = "input")]
    pub series: Option<PathBuf>,
    /// Holiday file with columns ds,name
    #[arg(long, value_name = "FILE", requires = "input")]
    pub holidays: Option<PathBuf>,
    /// Last known days to forecast from, comma separated; by default the last day of the input
    #[arg(long, value_delimiter = ',', value_name = "DATE", requires = "input")]
    pub origins: Vec<NaiveDate>,
    /// Periods ahead [default: 28 days, or a year of weeks, months or quarters]
    #[arg(long, value_name = "N", requires = "input")]
    pub horizon: Option<usize>,
    /// Publish a panel of days as whole calendar months
    #[arg(long, requires = "input")]
    pub months: bool,
    /// Where to write the forecasts
    #[arg(long, value_name = "FILE", requires = "input")]
    pub out: Option<PathBuf>,
}

/// Runs the files mode; the store mode is the stage.
pub fn run(global: &Global, args: &Args) -> anyhow::Result<()> {
    let (Some(input), Some(out)) = (&args.input, &args.out) else {
        anyhow::bail!("--input and --out belong together: the panel file to read and the file to write")
    };
    let job = Job {
        input: input.clone(),
        series: args.series.clone(),
        holidays: args.holidays.clone(),
        origins: args.origins.clone(),
        horizon: args.horizon,
        months: args.months,
        out: out.clone(),
    };
    let bars = progress::bars(global.quiet);
    let summary = files::forecast::run(&job, &|done, steps| bars.at(WHAT, done, steps));
    bars.done(WHAT);
    let summary = summary?;
    text::result(global.format, &summary, || {
        format!(
            "{} series from {} origins, {} rows written to {}; last season's same period where nothing beat it: {}",
            summary.series,
            summary.origins.len(),
            summary.rows,
            out.display(),
            summary.naive
        )
    })
}
