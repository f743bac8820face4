//! Logging: one line an event on stderr, for people or as JSON; stdout belongs to results.
//!
//! `error` = somebody must act, `warn` = it went on with less, `info` = a stage began or ended, `debug` = why. Every
//! failure is logged once, where it is handled, with its chain. Nothing personal and no secret is ever a field.
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging at `level` unless the environment variable `WEISU_LOG` says otherwise.
pub fn init(level: &str, format: LogFormat) {
    let filter = EnvFilter::try_from_env("WEISU_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let registry = tracing_subscriber::registry().with(filter);
    let outcome = match format {
        LogFormat::Text => {
            registry.with(fmt::layer().with_writer(std::io::stderr).with_target(false)).try_init()
        }
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init(),
    };
    // Only a second call in one process can fail, and then logging is on already.
    drop(outcome);
}
