//! Daily counts of every node of a tree on both bases, and which days are known.
use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::period::Range;
use crate::{
    store::{TreeNode, report::LeafDay},
    ticket::{Basis, Day},
};

/// Share of the days of a period that must be known for it to be compared.
const KNOWN: f64 = 0.9;

/// Tickets of a period, and on how many of its days they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measured {
    /// Tickets on the known days.
    pub n: u64,
    /// Days.
    pub days: u32,
    /// Days that are known.
    pub known: u32,
}

impl Measured {
    /// Tickets, where enough of the days are known to say a number.
    pub fn count(self) -> Option<u64> {
        (self.known > 0 && f64::from(self.known) >= KNOWN * f64::from(self.days)).then_some(self.n)
    }

    /// Tickets a known day.
    pub fn daily(self) -> Option<f64> {
        (self.known > 0).then(|| self.n as f64 / f64::from(self.known))
    }

    /// Change against another period: of the totals, or of the daily means where a day of either is unknown.
    pub fn change(self, then: Self) -> Option<f64> {
        let (now, before) = self.count().zip(then.count()).filter(|(_, before)| *before > 0)?;
        let whole = self.known == self.days && then.known == then.days;
        let ratio = if whole { now as f64 / before as f64 } else { self.daily()? / then.daily()? };
        Some(ratio - 1.0)
    }
}

/// Which days are known: closed in every source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known(BTreeSet<Day>);

impl Known {
    /// From what the store says of each day.
    pub fn of(days: &[(Day, bool)]) -> Self {
        Self(days.iter().filter(|(_, closed)| *closed).map(|(day, _)| *day).collect())
    }

    /// First and last known day.
    pub fn ends(&self) -> Option<Range> {
        self.0.first().copied().zip(self.0.last().copied())
    }

    /// Whether a day is known.
    pub fn holds(&self, day: Day) -> bool {
        self.0.contains(&day)
    }

    /// Days of a period and how many are known.
    pub fn within(&self, (from, to): Range) -> (u32, u32) {
        let days = u32::try_from(to.0 - from.0 + 1).unwrap_or(0);
        (days, if from <= to { self.0.range(from..=to).count() as u32 } else { 0 })
    }
}

/// Daily counts of every node of a tree; node 0 is everything.
#[derive(Debug)]
pub struct Grid {
    from: Day,
    width: usize,
    at: FxHashMap<i32, usize>,
    counts: [Vec<u32>; 2],
}

impl Grid {
    /// Adds the days `[from, to]` of leaves up to every node above them.
    pub fn new(nodes: &[TreeNode], rows: &[LeafDay], (from, to): Range) -> Self {
        let parents: FxHashMap<i32, i32> = nodes.iter().map(|n| (n.id, n.parent)).collect();
        let ids = std::iter::once(0).chain(nodes.iter().map(|n| n.id));
        let at: FxHashMap<i32, usize> = ids.zip(0..).collect();
        let width = usize::try_from(to.0 - from.0 + 1).unwrap_or(0);
        let mut counts = [vec![0; width * at.len()], vec![0; width * at.len()]];
        for row in rows {
            let Some(day) = usize::try_from(row.day - from.0).ok().filter(|d| *d < width) else { continue };
            let up = |id: &i32| (*id != 0).then(|| parents.get(id).copied().unwrap_or(0));
            for node in std::iter::successors(Some(row.leaf), up) {
                let Some(i) = at.get(&node) else { continue };
                for (counts, n) in counts.iter_mut().zip([row.raw, row.dedup]) {
                    counts[i * width + day] += u32::try_from(n).unwrap_or(0);
                }
            }
        }
        Self { from, width, at, counts }
    }

    /// Tickets of a node on a day.
    pub fn on(&self, node: i32, basis: Basis, day: Day) -> u64 {
        let column = usize::try_from(day.0 - self.from.0).ok().filter(|d| *d < self.width);
        let cell = self.at.get(&node).zip(column).map(|(i, day)| i * self.width + day);
        let counts = &self.counts[usize::from(basis == Basis::Dedup)];
        cell.and_then(|i| counts.get(i)).copied().map_or(0, u64::from)
    }

    /// Tickets of a node over the known days of a period.
    pub fn measured(&self, known: &Known, node: i32, basis: Basis, (from, to): Range) -> Measured {
        let (days, of_them) = known.within((from, to));
        let n = (from.0..=to.0).map(Day).filter(|d| known.holds(*d)).map(|d| self.on(node, basis, d)).sum();
        Measured { n, days, known: of_them }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: i32, parent: i32) -> TreeNode {
        TreeNode { id, parent, depth: if parent == 0 { 1 } else { 2 }, name: id.to_string() }
    }

    #[test]
    fn leaves_add_up_to_every_node_above_them_and_unknown_days_are_left_out() {
        let nodes = [node(1, 0), node(2, 1), node(3, 1), node(4, 0)];
        let row = |leaf, day, raw, dedup| LeafDay { leaf, day, raw, dedup };
        let rows = [row(2, 10, 5, 4), row(3, 10, 2, 2), row(3, 11, 7, 6), row(4, 12, 1, 1), row(4, 99, 9, 9)];
        let grid = Grid::new(&nodes, &rows, (Day(10), Day(12)));
        let known = Known::of(&[(Day(10), true), (Day(11), false), (Day(12), true)]);
        let of = |node, basis| grid.measured(&known, node, basis, (Day(10), Day(12))).n;
        assert_eq!([0, 1, 2, 3, 4].map(|id| of(id, Basis::Raw)), [8, 7, 5, 2, 1]);
        assert_eq!(of(0, Basis::Dedup), 7);
        assert_eq!(grid.on(1, Basis::Raw, Day(11)), 7);
        assert_eq!(known.within((Day(9), Day(12))), (4, 2));
    }

    #[test]
    fn periods_with_gaps_are_compared_by_the_day_and_hardly_known_ones_not_at_all() {
        let of = |n, days, known| Measured { n, days, known };
        for (now, then, wanted) in [
            (of(60, 30, 30), of(50, 31, 31), Some(0.2)),
            (of(58, 30, 29), of(60, 30, 30), Some(0.0)),
            (of(58, 30, 29), of(40, 30, 20), None),
            (of(58, 30, 30), of(0, 30, 30), None),
            (of(0, 30, 0), of(5, 30, 30), None),
        ] {
            let change = now.change(then).map(|c| (c * 1e9).round() / 1e9);
            assert_eq!(change, wanted, "{now:?} {then:?}");
        }
    }
}
