//! `weisu run`: the daemon.
use tokio_util::sync::CancellationToken;

use super::Global;
use crate::daemon::{self, Start};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs it until SIGTERM or Ctrl-C.
pub async fn run(global: &Global, _: &Args) -> anyhow::Result<()> {
    let config = global.load()?;
    config.check_files(&global.config_path()?)?;
    let start = Start {
        cx: global.cx(config).await?,
        clock: global.clock(),
        config_path: Some(global.config_path()?),
    };
    daemon::run(start, CancellationToken::new()).await
}
