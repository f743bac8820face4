//! The command line: one file a subcommand. Exit codes: 0 done, 1 failed, 2 usage, 75 try again later, 78 configuration.
use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{config::Lang, schedule::clock::Wall};

mod detect;
mod forecast;
mod simulate;

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
    /// Write the tickets of a seeded, invented city
    Simulate(simulate::Args),
}

/// Parses the command line and runs it.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Forecast(args) => forecast::run(args),
        Command::Detect(args) => detect::run(args),
        Command::Simulate(args) => simulate::run(args, cli.format, &Wall),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The language that the environment asks for: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set.
fn language(variable: impl Fn(&str) -> Option<String>) -> Lang {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|v| !v.is_empty()));
    if set.is_some_and(|value| value.starts_with("zh")) { Lang::Zh } else { Lang::En }
}

/// A bar for work of `total` steps; [`advance`] shows it once the work has taken a second.
fn progress(what: &'static str, total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:12} {bar:40} {human_pos}/{human_len} {eta}");
    ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden())
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(what)
}

/// Moves a bar to `position`; it is drawn on stderr, and only if that is a terminal.
fn advance(bar: &ProgressBar, position: u64) {
    if bar.is_hidden() && bar.elapsed() > Duration::from_secs(1) {
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    }
    bar.set_position(position);
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
