//! Aggregate: what is known of each day of each source.
use serde::Serialize;
use weisu_models::nowcast::{Increment, Nowcast};

use super::{Cx, Done};
use crate::{
    aggregate::{source_days, watermark},
    store::{DayStatus, SourceDay},
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

/// Share of a day's tickets under which it is still open: of less than half, nothing is to be said.
const HALF: f64 = 0.5;
/// Days whose arrivals are looked at.
const ARRIVALS: i32 = 120;

/// Opens the days of which less than half can be known by now, by how late tickets of their source usually arrive.
async fn hold_open(cx: &Cx, days: &mut [SourceDay]) -> anyhow::Result<()> {
    let arrivals = cx.store.arrivals(cx.today().plus(-ARRIVALS)).await?;
    for of_source in arrivals.chunk_by(|a, b| a.source == b.source) {
        let increments: Vec<Increment> =
            of_source.iter().map(|a| Increment { day: a.day, arrived: a.arrived, n: a.n }).collect();
        let Some(nowcast) = Nowcast::new(&increments) else { continue };
        let late = |d: &&mut SourceDay| {
            d.source == of_source[0].source && d.status == DayStatus::Closed && nowcast.share(d.day.0) < HALF
        };
        days.iter_mut().filter(late).for_each(|day| day.status = DayStatus::Open);
    }
    Ok(())
}

/// Runs the stage.
pub async fn run(cx: &Cx) -> anyhow::Result<Done> {
    let mut days = source_days(&cx.store.tickets_per_day().await?, cx.today());
    hold_open(cx, &mut days).await?;
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
