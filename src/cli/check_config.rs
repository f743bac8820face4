//! `weisu check-config`: every mistake at once, those in holiday files too, or the settings in force.
use super::{Format, Global, text};

/// Arguments of `check-config`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print every setting in force, defaults included, without passwords
    #[arg(long)]
    print: bool,
}

/// Runs it.
pub fn run(global: &Global, args: &Args) -> anyhow::Result<()> {
    let path = global.config_path()?;
    let config = global.load()?;
    config.check_files(&path)?;
    if args.print {
        return match global.format {
            Format::Json => text::json(&config),
            Format::Text => {
                text::line(toml::to_string_pretty(&config)?);
                Ok(())
            }
        };
    }
    let ok = serde_json::json!({ "config": path, "ok": true, "sources": config.source.len(), "receivers": config.receiver.len() });
    text::result(global.format, &ok, || {
        format!(
            "{}: no mistakes ({} sources, {} receivers)",
            path.display(),
            config.source.len(),
            config.receiver.len()
        )
    })
}
