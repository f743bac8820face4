//! The command line: one file a subcommand.
//!
//! Exit codes: 0 done, 1 failed, 2 usage, 75 busy or unreachable (try again later), 78 configuration.
use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::{Parser, Subcommand, ValueEnum};

use crate::{
    config::{Config, Lang, Problems},
    metrics::Metrics,
    schedule::clock::{Clock, Fixed, Wall},
    stages::{self, Cx, Owner},
    store::{Store, StoreError},
    telemetry::{self, LogFormat},
};

mod alert;
mod backtest;
mod check_config;
mod dashboards;
mod demo;
mod detect;
mod explain;
mod export;
mod forecast;
mod ingest;
mod once;
mod plan;
pub mod progress;
mod replay;
mod report;
mod run;
mod send_test;
mod simulate;
mod status;
mod text;
mod token;
mod tune;
mod verdict;

/// Configuration files looked for when none is named.
const DEFAULT_CONFIGS: [&str; 2] = ["weisu.toml", "/etc/weisu/weisu.toml"];

/// Forecasts and early alerts for city hotlines: acting before the complaint.
///
/// Exit codes: 0 done, 1 failed, 2 usage, 75 busy or unreachable (try again later), 78 configuration.
#[derive(Debug, Parser)]
#[command(name = "weisu", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every subcommand.
#[derive(Debug, clap::Args)]
pub struct Global {
    /// Configuration file [default: weisu.toml, then /etc/weisu/weisu.toml]
    #[arg(long, short, global = true, env = "WEISU_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// How log lines look
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// Act as if it were this instant (RFC 3339), to replay a day
    #[arg(long, global = true, value_name = "TIME")]
    now: Option<DateTime<Utc>>,
    /// Draw no progress bars
    #[arg(long, short, global = true)]
    quiet: bool,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs, one JSON document.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulate a city, run everything on it, and stay up with page, API and metrics
    Demo(demo::Args),
    /// Simulate a seeded city as a ticket export
    Simulate(simulate::Args),
    /// Read ticket files into the store
    Ingest(ingest::Args),
    /// Run the daily chain once: ingest, aggregate, fit when due, forecast, detect, publish
    Once(once::Args),
    /// Stay up and run everything on schedule
    Run(run::Args),
    /// Forecast the stored panel, or a panel file with --input
    Forecast(forecast::Args),
    /// Judge the stored counts, or a file of counts with --input
    Detect(detect::Args),
    /// Write the Grafana boards for a zone
    Dashboards(dashboards::Args),
    /// Write the forecasts of a month as CSV and Parquet
    Export(export::Args),
    /// Write the report of a month, or the digest of a week, as HTML, workbook and CSV
    Report(report::Args),
    /// What would be sent, to whom, by which row of the table, when and why; sends and changes nothing
    Plan(plan::Args),
    /// Send a test event to a receiver and say what came back
    SendTest(send_test::Args),
    /// How good forecasts would have been from past days, or with --ledger what published ones were worth
    Backtest(backtest::Args),
    /// Why the newest forecast of a series is what it is
    Explain(explain::Args),
    /// Detection day by day over history, as it would have been: alerts, load, lead times, precision
    Replay(replay::Args),
    /// What is stored, what ran, what waits, and how precise each rule is
    Status,
    /// Show an alert with its audit, acknowledge, start, resolve, close, silence or note it
    Alert(alert::Args),
    /// Say what an alert turned out to be
    Verdict(verdict::Args),
    /// Make, list and revoke tokens for page and API
    Token(token::Args),
    /// What verdicts suggest for the alarm thresholds; with --apply, take it
    Tune(tune::Args),
    /// Check the configuration and report every mistake
    CheckConfig(check_config::Args),
}

/// Parses the command line and runs it.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let level = if matches!(cli.command, Command::Run(_)) { "info" } else { "warn" };
    telemetry::init(level, cli.global.log_format);
    match dispatch(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            text::error(&error);
            ExitCode::from(exit_code(&error))
        }
    }
}

fn dispatch(cli: &Cli) -> anyhow::Result<()> {
    let global = &cli.global;
    match &cli.command {
        Command::Simulate(args) => simulate::run(args, global.format, &*global.clock()),
        Command::Forecast(args) if args.input.is_some() => forecast::run(global, args),
        Command::Detect(args) if args.input.is_some() => detect::run(args),
        Command::Dashboards(args) => dashboards::run(args),
        Command::Demo(args) => block_on(demo::run(global, args)),
        Command::CheckConfig(args) => block_on(check_config::run(global, args)),
        Command::Ingest(args) => block_on(ingest::run(global, args)),
        Command::Once(args) => block_on(once::run(global, args)),
        Command::Run(args) => block_on(run::run(global, args)),
        Command::Forecast(_) => block_on(once::stage(global, stages::Stage::Forecast)),
        Command::Detect(_) => block_on(once::stage(global, stages::Stage::Detect)),
        Command::Export(args) => block_on(export::run(global, args)),
        Command::Report(args) => block_on(report::run(global, args)),
        Command::Plan(args) => block_on(plan::run(global, args)),
        Command::SendTest(args) => block_on(send_test::run(global, args)),
        Command::Backtest(args) if args.input.is_some() => backtest::files(global, args),
        Command::Backtest(args) => block_on(backtest::run(global, args)),
        Command::Explain(args) => block_on(explain::run(global, args)),
        Command::Replay(args) if args.input.is_some() => replay::files(global, args),
        Command::Replay(args) => block_on(replay::run(global, args)),
        Command::Status => block_on(status::run(global)),
        Command::Alert(args) => block_on(alert::run(global, args)),
        Command::Verdict(args) => block_on(verdict::run(global, args)),
        Command::Token(args) => block_on(token::run(global, args)),
        Command::Tune(args) => block_on(tune::run(global, args)),
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(work)
}

/// The language that the environment asks for: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set.
fn language(variable: impl Fn(&str) -> Option<String>) -> Lang {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|v| !v.is_empty()));
    if set.is_some_and(|value| value.starts_with("zh")) { Lang::Zh } else { Lang::En }
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if error.chain().any(|e| e.is::<Problems>() || e.is::<NoConfig>()) {
        78
    } else if error.chain().any(|e| {
        e.is::<stages::Busy>() || e.downcast_ref::<StoreError>().is_some_and(StoreError::is_temporary)
    }) {
        75
    } else {
        1
    }
}

/// No configuration file is there.
#[derive(Debug, thiserror::Error)]
#[error("no configuration: looked for {}; name one with --config, or try `weisu demo`", DEFAULT_CONFIGS.join(" and "))]
struct NoConfig;

impl Global {
    /// Path of the configuration.
    fn config_path(&self) -> anyhow::Result<PathBuf> {
        let found = DEFAULT_CONFIGS.iter().map(PathBuf::from).find(|path| path.exists());
        self.config.clone().or(found).ok_or_else(|| NoConfig.into())
    }

    /// Reads and checks the configuration.
    fn load(&self) -> anyhow::Result<Config> {
        Ok(Config::load(&self.config_path()?)?)
    }

    /// Where the time comes from.
    fn clock(&self) -> Arc<dyn Clock> {
        match self.now {
            Some(now) => Arc::new(Fixed(now)),
            None => Arc::new(Wall),
        }
    }

    /// Opens the store and gathers what stages need.
    async fn cx(&self, config: Config) -> anyhow::Result<Cx> {
        Ok(Cx {
            store: Store::open(&config.store.options()).await?,
            config: Arc::new(config),
            now: self.clock().now(),
            owner: Owner::this_process(),
            progress: progress::bars(self.quiet || self.format == Format::Json),
            metrics: Metrics::new()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_chooses_the_language() {
        let with = |pairs: &'static [(&str, &str)]| {
            language(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(with(&[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(with(&[("LC_ALL", "C.UTF-8"), ("LANG", "zh_CN.UTF-8")]), Lang::En);
        assert_eq!(with(&[("LC_ALL", ""), ("LANG", "zh_TW")]), Lang::Zh);
        assert_eq!(with(&[]), Lang::En);
    }
}
