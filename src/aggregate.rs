//! From stored counts to panels: complete local days, gaps as missing, every level of both trees.
use std::collections::BTreeMap;

use ndarray::Array2;
use rustc_hash::{FxHashMap, FxHashSet};
use weisu_models::{
    hierarchy::{CellPath, Hierarchy},
    series::Panel,
};

use crate::{
    store::{CountCell, DayStatus, SeriesKey, SourceDay, TreeNode},
    ticket::Day,
};

pub mod histories;

/// A day without tickets is a gap when a usual day of that weekday has at least this many.
const QUIET: f64 = 10.0;
/// The newest day counts as complete from this share of a usual day on.
const COMPLETE: f64 = 0.2;
/// A source that ended this many days before the newest one is over and does not hold the others back.
const OVER: i32 = 60;

/// What is known of each day of each source, from its tickets per day. `today` is still open.
pub fn source_days(per_day: &[(i32, i32, i64)], today: Day) -> Vec<SourceDay> {
    let mut sources: BTreeMap<i32, BTreeMap<i32, i64>> = BTreeMap::new();
    for (source, day, n) in per_day {
        sources.entry(*source).or_default().insert(*day, *n);
    }
    let mut out = Vec::new();
    for (source, days) in sources {
        let (Some(first), Some(last)) = (days.keys().next().copied(), days.keys().next_back().copied())
        else {
            continue;
        };
        for day in first..=last {
            let tickets = days.get(&day).copied().unwrap_or(0);
            let usual = usual(&days, day);
            let status = if day >= today.0 || day == last && (tickets as f64) < COMPLETE * usual {
                DayStatus::Open
            } else if tickets == 0 && usual >= QUIET {
                DayStatus::Missing
            } else {
                DayStatus::Closed
            };
            out.push(SourceDay { source, day: Day(day), tickets, status });
        }
    }
    out
}

/// Median of the nearest four days of the same weekday with tickets on either side of a day; 0 with no such day.
/// However long a gap is, its middle is judged by the days around it.
fn usual(days: &BTreeMap<i32, i64>, day: i32) -> f64 {
    let same_weekday = |(other, n): (&i32, &i64)| ((other - day) % 7 == 0).then_some(*n);
    let before = days.range(..day).rev().filter_map(same_weekday).take(4);
    let after = days.range(day + 1..).filter_map(same_weekday).take(4);
    let mut near: Vec<i64> = before.chain(after).collect();
    near.sort_unstable();
    near.get(near.len() / 2).copied().unwrap_or(0) as f64
}

/// The last day that every living source has closed.
pub fn watermark(days: &[SourceDay]) -> Option<Day> {
    let mut last: BTreeMap<i32, Day> = BTreeMap::new();
    for day in days.iter().filter(|d| d.status == DayStatus::Closed) {
        last.insert(day.source, day.day);
    }
    let newest = last.values().max().copied()?;
    last.values().filter(|day| newest.0 - day.0 < OVER).min().copied()
}

/// A panel with the keys of its nodes.
#[derive(Debug, Clone)]
pub struct CityPanel {
    /// Counts by cell and day.
    pub panel: Panel,
    /// All nodes at every level.
    pub hierarchy: Hierarchy,
    /// Key of each node in the store's registry, in the order of `hierarchy.nodes`.
    pub keys: Vec<SeriesKey>,
}

/// What a panel is made of.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// Counts of leaf cells.
    pub counts: &'a [CountCell],
    /// The topic tree.
    pub topics: &'a [TreeNode],
    /// The district tree.
    pub districts: &'a [TreeNode],
    /// What is known of each day.
    pub days: &'a [SourceDay],
    /// (topic, district, source) of every leaf cell.
    pub cell_sources: &'a [(i32, i32, i32)],
    /// Depth limits of the two trees.
    pub depth: (usize, usize),
}

/// The series of a city, without their counts.
#[derive(Debug, Clone)]
pub struct Index {
    /// All nodes at every level.
    pub hierarchy: Hierarchy,
    /// Key of each node in the store's registry, in the order of `hierarchy.nodes`.
    pub keys: Vec<SeriesKey>,
    /// Cell of each leaf topic in each leaf district; leaves below the depth limits share one.
    cells: FxHashMap<(i32, i32), u32>,
}

impl Index {
    /// Of leaf topics in leaf districts, with the trees they stand in and their depth limits.
    pub fn new(
        leaves: impl Iterator<Item = (i32, i32)> + Clone,
        (topics, districts): (&[TreeNode], &[TreeNode]),
        depth: (usize, usize),
    ) -> Self {
        let topics = paths(topics, leaves.clone().map(|(topic, _)| topic), depth.0);
        let districts = paths(districts, leaves.clone().map(|(_, district)| district), depth.1);
        let mut at: BTreeMap<(&[u32], &[u32]), u32> =
            leaves.clone().map(|(t, d)| ((topics[&t].as_slice(), districts[&d].as_slice()), 0)).collect();
        let mut cell_paths = Vec::with_capacity(at.len());
        for (i, ((topic, district), at)) in (0..).zip(&mut at) {
            *at = i;
            cell_paths.push(CellPath { topic: topic.to_vec(), district: district.to_vec() });
        }
        let cells = leaves.map(|(t, d)| ((t, d), at[&(topics[&t].as_slice(), districts[&d].as_slice())]));
        let cells = cells.collect();
        let hierarchy = Hierarchy::new(&cell_paths);
        let keys = hierarchy
            .nodes
            .iter()
            .map(|node| SeriesKey {
                topic: node.topic as i32,
                district: node.district as i32,
                topic_depth: i32::from(node.level.topic),
                district_depth: i32::from(node.level.district),
            })
            .collect();
        Self { hierarchy, keys, cells }
    }

    /// The cell of a leaf topic in a leaf district.
    pub fn cell(&self, topic: i32, district: i32) -> Option<usize> {
        self.cells.get(&(topic, district)).map(|i| *i as usize)
    }
}

/// Lays counts of days `from ..= to` out as a panel.
pub fn panel(parts: &Parts<'_>, from: Day, to: Day) -> CityPanel {
    let leaves = parts.counts.iter().map(|c| (c.topic, c.district));
    let index = Index::new(leaves, (parts.topics, parts.districts), parts.depth);
    let width = usize::try_from(to.0 - from.0 + 1).unwrap_or(0);
    let mut counts = Array2::<f32>::zeros((index.hierarchy.cells.len(), width));
    for count in parts.counts.iter().filter(|c| (from.0..=to.0).contains(&c.day)) {
        if let Some(i) = index.cell(count.topic, count.district) {
            counts[(i, (count.day - from.0) as usize)] += count.n as f32;
        }
    }
    let gaps = gaps(parts.days, from, to);
    for (topic, district, source) in parts.cell_sources {
        let (Some(cell), Some(columns)) = (index.cell(*topic, *district), gaps.get(source)) else { continue };
        columns.iter().for_each(|column| counts[(cell, *column)] = f32::NAN);
    }
    CityPanel { panel: Panel { start: from.date(), counts }, hierarchy: index.hierarchy, keys: index.keys }
}

/// Counts of days `from ..= to` in the cells of a panel that was laid out before; what is in none of them is left out.
pub fn in_cells_of(city: &CityPanel, parts: &Parts<'_>, from: Day, to: Day) -> Panel {
    let topics = paths(parts.topics, parts.counts.iter().map(|c| c.topic), parts.depth.0);
    let districts = paths(parts.districts, parts.counts.iter().map(|c| c.district), parts.depth.1);
    let last = |path: Option<&Vec<u32>>| path.and_then(|path| path.last().copied());
    let own = |cell: &weisu_models::hierarchy::CellNodes| &city.hierarchy.nodes[cell.own];
    let cells: FxHashMap<(u32, u32), usize> = (city.hierarchy.cells.iter().enumerate())
        .map(|(i, cell)| ((own(cell).topic, own(cell).district), i))
        .collect();
    let width = usize::try_from(to.0 - from.0 + 1).unwrap_or(0);
    let mut counts = Array2::<f32>::zeros((city.panel.cells(), width));
    for count in parts.counts.iter().filter(|c| (from.0..=to.0).contains(&c.day)) {
        let key = last(topics.get(&count.topic)).zip(last(districts.get(&count.district)));
        if let Some(i) = key.and_then(|key| cells.get(&key)) {
            counts[(*i, (count.day - from.0) as usize)] += count.n as f32;
        }
    }
    Panel { start: from.date(), counts }
}

/// Columns of the days `from ..= to` on which a source is missing or still open: they are unknown for its cells.
pub fn gaps(days: &[SourceDay], from: Day, to: Day) -> FxHashMap<i32, Vec<usize>> {
    let mut gaps: FxHashMap<i32, Vec<usize>> = FxHashMap::default();
    let unknown = |d: &&SourceDay| d.status != DayStatus::Closed && (from.0..=to.0).contains(&d.day.0);
    for day in days.iter().filter(unknown) {
        gaps.entry(day.source).or_default().push((day.day.0 - from.0) as usize);
    }
    gaps
}

/// Path of each used leaf from the top down to the depth limit. All paths have one length: that of the
/// shallowest used leaf, if it is less than the limit.
fn paths(tree: &[TreeNode], used: impl Iterator<Item = i32>, limit: usize) -> FxHashMap<i32, Vec<u32>> {
    let nodes: FxHashMap<i32, &TreeNode> = tree.iter().map(|n| (n.id, n)).collect();
    let used: FxHashSet<i32> = used.collect();
    let full: Vec<(i32, Vec<u32>)> = used
        .into_iter()
        .map(|leaf| {
            let mut path = Vec::new();
            let mut at = leaf;
            while let Some(node) = nodes.get(&at) {
                path.push(node.id as u32);
                at = node.parent;
            }
            path.reverse();
            (leaf, path)
        })
        .collect();
    let depth = full.iter().map(|(_, path)| path.len()).min().unwrap_or(0).min(limit);
    full.into_iter()
        .map(|(leaf, mut path)| {
            (leaf, {
                path.truncate(depth);
                path
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weeks(n: i32, skip: i32) -> Vec<(i32, i32, i64)> {
        (0..7 * n).filter(|d| *d != skip).map(|d| (1, d, 20)).collect()
    }

    #[test]
    fn a_silent_day_of_a_busy_source_is_a_gap_and_of_a_quiet_one_is_zero() {
        let status = |per_day: &[(i32, i32, i64)], day: usize| source_days(per_day, Day(1000))[day].status;
        assert_eq!(status(&weeks(10, 33), 33), DayStatus::Missing);
        let quiet: Vec<_> = weeks(10, 33).into_iter().map(|(s, d, _)| (s, d, 3)).collect();
        assert_eq!(status(&quiet, 33), DayStatus::Closed);
    }

    #[test]
    fn today_and_a_half_filled_last_day_are_open() {
        let mut days = weeks(10, -1);
        assert_eq!(source_days(&days, Day(69)).last().unwrap().status, DayStatus::Open);
        assert_eq!(source_days(&days, Day(70)).last().unwrap().status, DayStatus::Closed);
        days.last_mut().unwrap().2 = 2;
        assert_eq!(source_days(&days, Day(70)).last().unwrap().status, DayStatus::Open);
        assert_eq!(watermark(&source_days(&days, Day(70))), Some(Day(68)));
    }

    #[test]
    fn a_source_that_ended_long_ago_does_not_hold_the_others_back() {
        let mut days = weeks(20, -1);
        days.extend((0..14).map(|d| (2, d, 20)));
        assert_eq!(watermark(&source_days(&days, Day(1000))), Some(Day(139)));
    }

    #[test]
    fn cells_below_the_depth_limit_fold_and_gaps_are_missing() {
        let node = |id, parent, depth| TreeNode { id, parent, depth, name: String::new() };
        let topics = [node(1, 0, 1), node(2, 1, 2), node(3, 1, 2)];
        let districts = [node(1, 0, 1)];
        let count = |topic, day, n| CountCell { topic, district: 1, day, n };
        let days = [SourceDay { source: 1, day: Day(1), tickets: 0, status: DayStatus::Missing }];
        let parts = Parts {
            counts: &[count(2, 0, 4), count(3, 0, 5), count(3, 2, 1)],
            topics: &topics,
            districts: &districts,
            days: &days,
            cell_sources: &[(2, 1, 1), (3, 1, 1)],
            depth: (1, 1),
        };
        let city = panel(&parts, Day(0), Day(2));
        assert_eq!(city.panel.cells(), 1);
        assert_eq!(city.panel.cell(0)[0], 9.0);
        assert!(city.panel.cell(0)[1].is_nan());
        assert_eq!(city.panel.cell(0)[2], 1.0);
        assert_eq!(city.keys[0], SeriesKey { topic: 0, district: 0, topic_depth: 0, district_depth: 0 });
    }
}
