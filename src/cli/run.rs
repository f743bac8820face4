//! `weisu run`: the daemon.
use super::Global;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it.
pub async fn run(global: &Global, _: &Args) -> anyhow::Result<()> {
    let config = global.load()?;
    let _cx = global.cx(config).await?;
    Ok(())
}
