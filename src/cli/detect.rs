//! `weisu detect`: the stored counts, or files in and files out.
use std::path::PathBuf;

use chrono::NaiveDate;

/// Arguments of `detect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Counts file (CSV, also .gz) with columns unique_id,ds,y; without it the store of --config is judged
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// First period to judge
    #[arg(long, value_name = "DATE")]
    pub from: Option<NaiveDate>,
    /// Last period to judge; by default the last of the input
    #[arg(long, value_name = "DATE")]
    pub to: Option<NaiveDate>,
    /// Where to write the alarms
    #[arg(long, value_name = "FILE", requires = "input")]
    pub out: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: &Args) -> anyhow::Result<()> {
    anyhow::bail!("no --input: {args:?}")
}
