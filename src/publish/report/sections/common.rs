//! 共性问题治理建议: topics that stay among the largest, are spread over the districts and come again: candidates for
//! 每月一题.
use rustc_hash::{FxHashMap, FxHashSet};

use super::Part;
use crate::{
    publish::report::{
        cell::Cell,
        facts::Facts,
        table::{Chart, Shape, Table},
    },
    ticket::Basis,
};

/// Periods looked back on.
const PERIODS: usize = 12;
/// How many topics are the largest of a period.
const LARGEST: usize = 10;
/// Candidates shown.
const CANDIDATES: usize = 8;
/// Share of the districts with a ticket of a topic from which it is spread over the city.
const SPREAD: f64 = 0.6;
/// Share of repeats from which settling comes first.
const REPEATS: f64 = 0.2;

pub(super) fn part(facts: &Facts) -> Part {
    let mut part = Part::default();
    part.table(candidates(facts));
    part.chart(Chart::new(facts.words, "common", Shape::Bars, &["raw"]));
    part
}

fn candidates(facts: &Facts) -> Table {
    let columns = [
        "name",
        "raw",
        "share",
        "months_large",
        "months",
        "districts_with",
        "districts",
        "repeat_share",
        "advice",
    ];
    let mut table = Table::new(facts.words, "common", &columns);
    let (large, periods) = times_large(facts);
    let spread = spread(facts);
    let districts = facts.districts.at_depth(1).len();
    let whole = Cell::tickets(Some(facts.topic(0, Basis::Raw, facts.period.days()).n), facts.threshold);
    let mut ids: Vec<(usize, u64, i32)> = (large.iter())
        .map(|(id, times)| (*times, facts.topic(*id, Basis::Raw, facts.period.days()).n, *id))
        .filter(|(times, n, _)| *times * 2 >= periods && *n >= u64::from(facts.threshold.max(1)))
        .collect();
    ids.sort_by_key(|(times, n, id)| (std::cmp::Reverse((*times, *n)), *id));
    for (times, n, id) in ids.into_iter().take(CANDIDATES) {
        let raw = Cell::tickets(Some(n), facts.threshold);
        let repeats = n.saturating_sub(facts.topic(id, Basis::Dedup, facts.period.days()).n);
        let repeats = Cell::share(&Cell::tickets(Some(repeats), facts.threshold), &raw);
        let with = spread.get(&id).copied().unwrap_or(0);
        let advice = advice(repeats.number(), with, districts);
        table.push(
            format!("n{id}"),
            vec![
                Cell::text(facts.topics.path(id)),
                raw.clone(),
                Cell::share(&raw, &whole),
                Cell::Count(times as u64),
                Cell::Count(periods as u64),
                Cell::Count(with as u64),
                Cell::Count(districts as u64),
                repeats,
                Cell::text(facts.words.say("advice", advice)),
            ],
        );
    }
    table
}

/// What to do first about a topic.
fn advice(repeats: Option<f64>, with: usize, districts: usize) -> &'static str {
    if repeats.is_some_and(|share| share >= REPEATS) {
        "settle"
    } else if with as f64 >= SPREAD * districts as f64 {
        "citywide"
    } else {
        "local"
    }
}

/// In how many of the last periods a second-level topic was among the largest, and how many periods are known.
fn times_large(facts: &Facts) -> (FxHashMap<i32, usize>, usize) {
    let ids = facts.topics.at_depth(facts.topics.deepest(2));
    let (mut times, mut known) = (FxHashMap::default(), 0);
    for period in facts.period.trail(PERIODS) {
        let of = |id: &i32| facts.topic(*id, Basis::Raw, period.days());
        if of(&0).known == 0 {
            continue;
        }
        known += 1;
        let mut sizes: Vec<(u64, i32)> =
            ids.iter().map(|id| (of(id).n, *id)).filter(|(n, _)| *n > 0).collect();
        sizes.sort_by_key(|(n, id)| (std::cmp::Reverse(*n), *id));
        sizes.iter().take(LARGEST).for_each(|(_, id)| *times.entry(*id).or_default() += 1);
    }
    (times, known)
}

/// In how many top-level districts a second-level topic has enough tickets to be shown.
fn spread(facts: &Facts) -> FxHashMap<i32, usize> {
    let depth = facts.topics.deepest(2);
    let mut sums: FxHashMap<(i32, i32), i64> = FxHashMap::default();
    for cell in &facts.cells[0] {
        let at = (facts.topics.up_to(cell.topic, depth), facts.districts.up_to(cell.district, 1));
        *sums.entry(at).or_default() += cell.raw;
    }
    let mut with: FxHashMap<i32, FxHashSet<i32>> = FxHashMap::default();
    for ((topic, district), n) in sums {
        if n >= i64::from(facts.threshold.max(1)) {
            with.entry(topic).or_default().insert(district);
        }
    }
    with.into_iter().map(|(topic, districts)| (topic, districts.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_come_before_spread_and_spread_before_the_place() {
        for (repeats, with, wanted) in [
            (Some(0.25), 10, "settle"),
            (Some(0.1), 10, "citywide"),
            (None, 6, "citywide"),
            (None, 5, "local"),
        ] {
            assert_eq!(advice(repeats, with, 10), wanted, "{repeats:?} {with}");
        }
    }
}
