//! Printing for people. The one place that writes to the terminal besides progress bars.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use serde::Serialize;

use super::Format;

/// A line of the result.
pub fn line(text: impl std::fmt::Display) {
    println!("{text}");
}

/// A result for programs.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A result in the wanted format.
pub fn result(format: Format, value: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
    match format {
        Format::Json => json(value),
        Format::Text => {
            line(text().trim_end());
            Ok(())
        }
    }
}

/// An error with its chain.
pub fn error(error: &anyhow::Error) {
    eprintln!("weisu: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
}
