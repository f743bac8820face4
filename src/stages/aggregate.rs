//! Aggregate: what is known of each day of each source, and the daily counts of what holds many cells.
use std::collections::BTreeMap;

use serde::Serialize;
use weisu_models::nowcast::{Increment, Nowcast};

use super::{Cx, Done};
use crate::{
    aggregate::{histories::Summing, source_days, watermark},
    store::{DayStatus, History, SourceDay, Tree},
    ticket::{Day, TopicId},
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

/// Sums of what holds many cells, over every day that anything is known of.
async fn histories(cx: &Cx, days: &[SourceDay]) -> anyhow::Result<Vec<History>> {
    let all = days.iter().map(|d| d.day);
    let Some(span) = all.clone().min().zip(all.max()) else { return Ok(Vec::new()) };
    let topics = cx.store.tree(Tree::Topics).await?;
    let mut summing = Summing::new(span, &cx.store.tree(Tree::Districts).await?);
    let mut children: BTreeMap<TopicId, Vec<TopicId>> = BTreeMap::new();
    topics.iter().for_each(|n| children.entry(n.parent).or_default().push(n.id));
    let mut out = Vec::new();
    let mut todo = vec![Step::Down(0)];
    while let Some(step) = todo.pop() {
        match step {
            Step::Up => out.extend(summing.leave()),
            Step::Down(topic) => {
                summing.enter(topic);
                summing.count(&cx.store.counts_of_topic(topic).await?);
                todo.push(Step::Up);
                todo.extend(children.remove(&topic).into_iter().flatten().map(Step::Down));
            }
        }
    }
    Ok(out)
}

/// A step of the walk over the topic tree.
enum Step {
    Down(TopicId),
    Up,
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
    let histories = histories(cx, &days).await?;
    let mut tx = cx.store.begin().await?;
    tx.put_source_days(&days).await?;
    tx.put_histories(&histories).await?;
    Done::new(tx, mark, &summary)
}
