//! The command line: one file a subcommand. Exit codes: 0 done, 1 failed, 2 usage, 75 try again later, 78 configuration.
use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand, ValueEnum};

mod detect;
mod forecast;

/// Forecasts and early alerts for city hotlines.
#[derive(Debug, Parser)]
#[command(name = "weisu", version, about, propagate_version = true)]
struct Cli {
    /// Configuration file
    #[arg(long, short, global = true, env = "WEISU_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(subcommand)]
    command: Command,
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
    /// Forecast the stored panel, or a panel file with --input
    Forecast(forecast::Args),
    /// Judge the stored counts, or a file of counts with --input
    Detect(detect::Args),
}

/// Parses the command line and runs it.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Forecast(args) => forecast::run(args),
        Command::Detect(args) => detect::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
