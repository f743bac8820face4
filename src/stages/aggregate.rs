//! Aggregate: what is known of each day of each source.
use serde::Serialize;

use super::{Cx, Done};
use crate::{
    aggregate::{source_days, watermark},
    store::DayStatus,
    ticket::Day,
};

/// What is known.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Complete days.
    pub closed: usize,
    /// Gaps.
    pub missing: Vec<Day>,
    /// Days still filling.
    pub open: usize,
    /// Last day that every living source has closed.
    pub watermark: Option<chrono::NaiveDate>,
}

/// Runs the stage.
pub async fn run(cx: &Cx) -> anyhow::Result<Done> {
    let days = source_days(&cx.store.tickets_per_day().await?, cx.today());
    let count = |status| days.iter().filter(|d| d.status == status).count();
    let mark = watermark(&days);
    let summary = Summary {
        closed: count(DayStatus::Closed),
        missing: days.iter().filter(|d| d.status == DayStatus::Missing).map(|d| d.day).collect(),
        open: count(DayStatus::Open),
        watermark: mark.map(Day::date),
    };
    let mut tx = cx.store.begin().await?;
    tx.put_source_days(&days).await?;
    Done::new(tx, mark, &summary)
}
