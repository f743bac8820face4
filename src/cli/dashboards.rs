//! `weisu dashboards`: writes the Grafana boards for a city's zone.
use std::path::PathBuf;

use anyhow::Context as _;
use chrono_tz::Tz;

/// Arguments of `weisu dashboards`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder to write to
    #[arg(long, value_name = "FOLDER", default_value = "dashboards/grafana")]
    out: PathBuf,
    /// IANA zone of the city: days begin in it
    #[arg(long, default_value = "UTC")]
    zone: Tz,
}

/// Writes every file; the same arguments write the same bytes.
pub fn run(args: &Args) -> anyhow::Result<()> {
    for (name, text) in crate::dashboards::files(args.zone.name())? {
        let path = args.out.join(name);
        let folder = path.parent().unwrap_or(&args.out);
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
