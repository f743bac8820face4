//! `weisu check-config`: every mistake at once, those in other files too, or the settings in force.
use std::time::Duration;

use super::{Format, Global, text};
use crate::{
    config::Config,
    store::{Options, Store, Tree},
};

/// Arguments of `check-config`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print every setting in force, defaults included, without passwords
    #[arg(long)]
    print: bool,
}

/// Runs it.
pub async fn run(global: &Global, args: &Args) -> anyhow::Result<()> {
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
    let map = map(&config).await;
    let ok = serde_json::json!({
        "config": path, "ok": true, "sources": config.source.len(), "receivers": config.receiver.len(), "map": map,
    });
    text::result(global.format, &ok, || {
        let (sources, receivers) = (config.source.len(), config.receiver.len());
        let mut lines =
            vec![format!("{}: no mistakes ({sources} sources, {receivers} receivers)", path.display())];
        lines.extend(map.iter().map(|line| format!("city.map: {line}")));
        lines.join("\n")
    })
}

/// What the map and the districts of the store do not have in common; nothing where there is no map or no store yet.
async fn map(config: &Config) -> Vec<String> {
    let Ok(Some(geography)) = config.city.geography() else { return Vec::new() };
    // A look at it: the store of a running daemon stays as it is, and one that is not there yet is no mistake.
    let options = Options { wait: Duration::from_secs(2), ..config.store.options() };
    let Ok(store) = Store::look(&options).await else { return Vec::new() };
    let tree = store.tree(Tree::Districts).await.unwrap_or_default();
    store.close().await;
    if tree.is_empty() { Vec::new() } else { geography.matched(&tree).left_over() }
}
