//! Prune: drops forecasts, fits, runs, alarms and finished deliveries past their keep time. Tickets and counts stay.
use serde::Serialize;

use super::{Cx, Done};

/// What was dropped.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Rows by table.
    pub rows: std::collections::BTreeMap<&'static str, u64>,
}

/// Runs the stage.
pub async fn run(cx: &Cx) -> anyhow::Result<Done> {
    let before = cx.millis() - i64::from(cx.config.store.keep_days) * 86_400_000;
    let mut tx = cx.store.begin().await?;
    let rows = tx.prune(before).await?;
    Done::new(tx, None, &Summary { rows: rows.into_iter().collect() })
}
