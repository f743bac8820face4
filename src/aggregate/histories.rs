//! Daily counts of what holds many cells, summed once a day so that nobody who looks has to.
//!
//! A city's total over years is a sum over every count there is, and a district's over all of its topics. The topic
//! tree is walked once, leaf by leaf; in memory are the sums of the topics on the way down to the leaf at hand, each
//! by district.
use rustc_hash::FxHashMap;

use crate::{
    store::{CellCounts, History, TreeNode},
    ticket::{Day, DistrictId, TopicId},
};

/// Leaf cells from which on a node's sums are kept: fewer are quickly summed from the counts.
const LEAST_CELLS: usize = 16;

/// Sums of one topic in one district.
#[derive(Debug, Clone, Default)]
struct Sums {
    raw: Vec<u32>,
    dedup: Vec<u32>,
    cells: usize,
}

impl Sums {
    fn empty(days: usize) -> Self {
        Self { raw: vec![0; days], dedup: vec![0; days], cells: 0 }
    }

    fn add(&mut self, other: &Self) {
        let add = |a: &mut [u32], b: &[u32]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        add(&mut self.raw, &other.raw);
        add(&mut self.dedup, &other.dedup);
        self.cells += other.cells;
    }
}

/// The walk over the topic tree: [`Self::enter`] a topic, [`Self::count`] what it holds itself, [`Self::leave`] it.
#[derive(Debug)]
pub struct Summing {
    span: (Day, Day),
    /// A district, all that contain it, and the whole city.
    districts: FxHashMap<DistrictId, Vec<DistrictId>>,
    /// Topics entered and not left, each with its sums by district.
    open: Vec<(TopicId, FxHashMap<DistrictId, Sums>)>,
}

impl Summing {
    /// Over the days of a span, both included.
    pub fn new(span: (Day, Day), districts: &[TreeNode]) -> Self {
        let parents: FxHashMap<DistrictId, DistrictId> = districts.iter().map(|n| (n.id, n.parent)).collect();
        let up = |id| std::iter::successors(Some(id), |at| (*at != 0).then(|| parents.get(at).copied())?);
        Self {
            span,
            districts: districts.iter().map(|n| (n.id, up(n.id).collect())).collect(),
            open: Vec::new(),
        }
    }

    /// Goes down to a topic; 0 is the root.
    pub fn enter(&mut self, topic: TopicId) {
        self.open.push((topic, FxHashMap::default()));
    }

    /// Adds the counts of the topic at hand, in the order of their districts.
    pub fn count(&mut self, counts: &[CellCounts]) {
        let days = self.days();
        let first = self.span.0.0;
        let Some((_, sums)) = self.open.last_mut() else { return };
        for cell in counts.chunk_by(|a, b| a.district == b.district) {
            for district in self.districts.get(&cell[0].district).into_iter().flatten() {
                let sums = sums.entry(*district).or_insert_with(|| Sums::empty(days));
                sums.cells += 1;
                for day in cell {
                    let Some(at) = usize::try_from(day.day - first).ok().filter(|at| *at < days) else {
                        continue;
                    };
                    sums.raw[at] += day.raw.max(0) as u32;
                    sums.dedup[at] += day.dedup.max(0) as u32;
                }
            }
        }
    }

    /// Comes back from the topic at hand: its sums become part of the one above, and those worth keeping are returned, by
    /// district.
    pub fn leave(&mut self) -> Vec<History> {
        let Some((topic, sums)) = self.open.pop() else { return Vec::new() };
        if let Some((_, above)) = self.open.last_mut() {
            for (district, part) in &sums {
                match above.entry(*district) {
                    std::collections::hash_map::Entry::Occupied(mut sums) => sums.get_mut().add(part),
                    std::collections::hash_map::Entry::Vacant(place) => drop(place.insert(part.clone())),
                }
            }
        }
        let first = self.span.0;
        let mut kept: Vec<History> = sums
            .into_iter()
            .filter(|(_, sums)| sums.cells >= LEAST_CELLS)
            .map(|(district, sums)| History { topic, district, first, raw: sums.raw, dedup: sums.dedup })
            .collect();
        kept.sort_unstable_by_key(|h| h.district);
        kept
    }

    fn days(&self) -> usize {
        usize::try_from(self.span.1.0 - self.span.0.0 + 1).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: i32, parent: i32) -> TreeNode {
        TreeNode { id, parent, depth: if parent == 0 { 1 } else { 2 }, name: String::new() }
    }

    fn counts(district: i32, day: i32, raw: i64) -> CellCounts {
        CellCounts { district, day, raw, dedup: raw - 1 }
    }

    #[test]
    fn sums_climb_both_trees_and_small_ones_are_left_to_the_counts() {
        // Two districts of ten offices each, and one without any.
        let mut districts = vec![node(1, 0), node(2, 0), node(3, 0)];
        districts.extend((10..20).map(|id| node(id, 1)));
        districts.extend((20..30).map(|id| node(id, 2)));
        let mut summing = Summing::new((Day(100), Day(102)), &districts);
        summing.enter(0);
        summing.enter(7);
        let mut kept = Vec::new();
        for leaf in [70, 71] {
            summing.enter(leaf);
            let rows: Vec<CellCounts> =
                (10..30).flat_map(|d| [counts(d, 100, 2), counts(d, 102, 3), counts(d, 103, 99)]).collect();
            summing.count(&rows);
            kept.extend(summing.leave());
        }
        kept.extend(summing.leave());
        kept.extend(summing.leave());
        let view = |h: &History| (h.topic, h.district, h.raw.clone(), h.dedup.clone());
        let all: Vec<_> = kept.iter().map(view).collect();
        let city = |topic, n: u32| (topic, 0, vec![20 * n * 2, 0, 20 * n * 3], vec![20 * n, 0, 20 * n * 2]);
        let half = |topic, district| (topic, district, vec![40, 0, 60], vec![20, 0, 40]);
        assert_eq!(
            all,
            [
                city(70, 1),
                city(71, 1),
                city(7, 2),
                half(7, 1),
                half(7, 2),
                city(0, 2),
                half(0, 1),
                half(0, 2)
            ]
        );
    }

    #[test]
    fn a_district_that_nobody_knows_counts_nowhere() {
        let mut summing = Summing::new((Day(0), Day(0)), &[]);
        summing.enter(0);
        summing.count(&[counts(5, 0, 1)]);
        assert_eq!(summing.leave(), []);
        assert_eq!(summing.leave(), [], "nothing is open any more");
    }
}
