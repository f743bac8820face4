//! Telling the service manager: READY, STATUS, RELOADING, STOPPING, WATCHDOG. Without one these do nothing.
use sd_notify::NotifyState;

use crate::{config::Config, store::Store};

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager was not told");
    }
}

/// The daemon is up.
pub fn ready(config: &Config) {
    tell(&[NotifyState::Ready, NotifyState::Status(&format!("waiting; page on {}", config.http.listen))]);
}

/// The configuration is being read again.
pub fn reloading() {
    tell(&[NotifyState::Reloading]);
}

/// What it does.
pub fn status(text: &str) {
    tell(&[NotifyState::Status(text)]);
}

/// It is about to end.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("finishing what is under way")]);
}

/// Pets the watchdog while the store answers: a daemon that cannot reach its store for long is restarted.
pub async fn watchdog(store: Store) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    loop {
        tokio::time::sleep(limit / 3).await;
        match tokio::time::timeout(limit / 3, store.ping()).await {
            Ok(Ok(())) => tell(&[NotifyState::Watchdog]),
            Ok(Err(error)) => tracing::warn!(%error, "store does not answer, watchdog not petted"),
            Err(_) => {
                tracing::warn!(after = ?(limit / 3), "store is slow, watchdog not petted");
            }
        }
    }
}
