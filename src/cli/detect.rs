//! `weisu detect`: the stored counts, or files in and files out.
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::NaiveDate;
use clap::ValueEnum;
use indicatif::ProgressBar;
use weisu_models::calendar::Region;
use weisu_models::hotspot::{self, Detector, Memory, Published};

use crate::files::{
    detect::{self, By},
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
    /// Detector to use; with a short history the first two fall back to a regression or averages over four weeks, a moving baseline and the mean so far; each row names what judged it
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
    MovingBaseline,
    /// Mean so far
    Prior,
    /// Farrington flexible (2013) as in R, to compare with: weekly counts, five years or as many as there are
    FarringtonFlexible,
    /// Farrington (1996) as in R, to compare with
    Farrington,
    /// EARS C1 as in R, to compare with: the seven newest periods
    EarsC1,
    /// EARS C2 as in R, to compare with: seven periods, the two newest left out
    EarsC2,
    /// EARS C3 as in R, to compare with: C2 of the two periods before
    EarsC3,
    /// ESSENCE's switch as in pynssp, to compare with: regression or averages over four weeks, days only
    Essence,
}

impl Method {
    fn detector(self, frequency: hotspot::Frequency, alpha: f64) -> anyhow::Result<By> {
        let default = || Detector::new(frequency, alpha).context("--alpha");
        let published =
            |method| Published::new(method, frequency, alpha).map(By::Published).context("--method, --alpha");
        match self {
            Self::RobustGlm => Ok(By::Default(default()?)),
            Self::RobustGlmDrifting => Ok(By::Default(default()?.with_memory(Memory::Drifting))),
            Self::MovingBaseline => Ok(By::Default(default()?.limited_to(hotspot::Method::EarsC2))),
            Self::Prior => Ok(By::Default(default()?.limited_to(hotspot::Method::Prior))),
            Self::FarringtonFlexible => published(hotspot::Method::FarringtonFlexible),
            Self::Farrington => published(hotspot::Method::Farrington),
            Self::EarsC1 => published(hotspot::Method::EarsC1),
            Self::EarsC2 => published(hotspot::Method::EarsC2),
            Self::EarsC3 => published(hotspot::Method::EarsC3),
            Self::Essence => published(hotspot::Method::Essence),
        }
    }
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
    let by = args.method.detector(frequency, args.alpha)?;
    let panel = panel::read(input, Some(step))?;
    let options = detect::Options { by, from: args.from, to: args.to, region: args.region };
    let bar = ProgressBar::new(panel.ids.len() as u64);
    let summary = detect::run(&panel, &options, out, &|| bar.inc(1));
    bar.finish_and_clear();
    let summary = summary?;
    tracing::info!(?summary, out = %out.display(), "judged");
    Ok(())
}
