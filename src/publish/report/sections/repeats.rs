//! 重复与异常诉求: where repeats gather, and what is wrong with the data. Repeats are labelled by the source, never deleted,
//! and nobody is scored by them.
use super::{
    Part,
    hotspots::{self, OF_DATA},
};
use crate::{
    publish::report::{cell::Cell, facts::Facts, table::Table},
    store::alerts::Alert,
    ticket::Basis,
};

/// Topics shown.
const TOPICS: usize = 10;

pub(super) fn part(facts: &Facts) -> Part {
    let mut part = Part::default();
    part.table(whole(facts));
    part.table(topics(facts));
    let faults: Vec<&Alert> =
        hotspots::of_period(facts).filter(|alert| OF_DATA.contains(&alert.body.kind)).collect();
    part.table(hotspots::list(facts, "faults", &faults));
    part
}

/// Cells of one topic: every ticket, repeats merged, repeats and their share.
fn cells(facts: &Facts, topic: i32) -> Vec<Cell> {
    let of = |basis| facts.topic(topic, basis, facts.period.days()).n;
    let (raw, dedup) = (of(Basis::Raw), of(Basis::Dedup));
    let [raw, dedup, repeats] =
        [raw, dedup, raw.saturating_sub(dedup)].map(|n| Cell::tickets(Some(n), facts.threshold));
    let share = Cell::share(&repeats, &raw);
    vec![Cell::text(facts.topics.path(topic)), raw, dedup, repeats, share]
}

const COLUMNS: [&str; 5] = ["name", "raw", "dedup", "repeats", "repeat_share"];

/// The whole city; nothing where the source labels no repeats.
fn whole(facts: &Facts) -> Table {
    let mut table = Table::new(facts.words, "repeats_total", &COLUMNS);
    let cells = cells(facts, 0);
    if cells.get(3) != Some(&Cell::Count(0)) {
        table.push("all", cells);
    }
    table
}

fn topics(facts: &Facts) -> Table {
    let mut table = Table::new(facts.words, "repeats", &COLUMNS);
    let depth = facts.topics.deepest(2);
    let mut found: Vec<(u64, i32)> = (facts.topics.at_depth(depth).into_iter())
        .map(|id| {
            let of = |basis| facts.topic(id, basis, facts.period.days()).n;
            (of(Basis::Raw).saturating_sub(of(Basis::Dedup)), id)
        })
        .filter(|(repeats, _)| *repeats >= u64::from(facts.threshold.max(1)))
        .collect();
    found.sort_by_key(|(repeats, id)| (std::cmp::Reverse(*repeats), *id));
    for (_, id) in found.into_iter().take(TOPICS) {
        table.push(format!("n{id}"), cells(facts, id));
    }
    table
}
