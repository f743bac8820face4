//! Sums of cells over nodes while the cells stream by, shard after shard.
//!
//! A node whose cells all lie in one shard is summed there; one that reaches over several is kept open until its last
//! cell has passed. Cells stand in the order of their topics, so beside the margins only the nodes of the topics under
//! way are open. Every sum runs over the cells in ascending order: the cut into shards changes no bit of it.
use std::ops::Range;

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::{hierarchy::Hierarchy, series::Cells};

/// One pass over the shards.
#[derive(Debug)]
pub struct Sums<'a> {
    hierarchy: &'a Hierarchy,
    shards: &'a [Range<usize>],
    /// Per shard, nodes that lie in it as a whole.
    whole: Vec<Vec<u32>>,
    /// Per shard, nodes that begin in it and end in a later one, with that one.
    begins: Vec<Vec<(u32, u32)>>,
    open: Vec<Open>,
}

/// A node under way.
#[derive(Debug)]
struct Open {
    node: usize,
    last: usize,
    sum: Sum,
}

/// Sums of counts by day and of values by column.
#[derive(Debug)]
struct Sum {
    counts: Vec<f64>,
    values: Vec<f64>,
}

/// What streams by: counts by cell and day, and values by cell and column (none where `width` is 0).
#[derive(Debug, Clone, Copy)]
pub struct Passing<'a> {
    /// Position of the shard.
    pub shard: usize,
    /// Counts, shape (cells of the shard, days).
    pub counts: ArrayView2<'a, f32>,
    /// Values, cell by cell; at least `width` each.
    pub values: &'a [f32],
    /// Values of a cell that are summed.
    pub width: usize,
    /// Distance of the first values of two cells.
    pub stride: usize,
}

impl<'a> Sums<'a> {
    /// A pass for the nodes that are `wanted`.
    pub fn new(hierarchy: &'a Hierarchy, shards: &'a [Range<usize>], wanted: impl Fn(usize) -> bool) -> Self {
        let shard_of = |cell: u32| shards.partition_point(|range| range.end <= cell as usize);
        let mut whole = vec![Vec::new(); shards.len()];
        let mut begins = vec![Vec::new(); shards.len()];
        for (k, node) in hierarchy.nodes.iter().enumerate().filter(|(k, _)| wanted(*k)) {
            let (first, last) = match (node.members.first(), node.members.last()) {
                (Some(first), Some(last)) => (shard_of(*first), shard_of(*last)),
                _ => (0, 0),
            };
            if first == last {
                whole[first].push(k as u32);
            } else {
                begins[first].push((k as u32, last as u32));
            }
        }
        Self { hierarchy, shards, whole, begins, open: Vec::new() }
    }

    /// Nodes that end in a shard that is about to pass.
    pub fn ending(&self, shard: usize) -> Vec<usize> {
        let open = self.open.iter().filter(|open| open.last == shard).map(|open| open.node);
        self.whole[shard].iter().map(|k| *k as usize).chain(open).collect()
    }

    /// Lets the counts of a shard pass; every node that ends in it with its counts.
    ///
    /// # Errors
    /// Those of the cells.
    pub fn counts<E>(
        &mut self,
        shard: usize,
        cells: &dyn Cells<Error = E>,
    ) -> Result<Vec<(usize, Vec<f32>)>, E> {
        let counts = cells.load(shard)?;
        let passing = Passing { shard, counts: counts.view(), values: &[], width: 0, stride: 0 };
        Ok(self.pass(passing, f64::from, |_, y, _| y))
    }

    /// Lets a shard pass; every node that ends in it with what `done` makes of its counts and its sums of `value`s.
    pub fn pass<R: Send>(
        &mut self,
        passing: Passing<'_>,
        value: impl Fn(f32) -> f64 + Sync,
        done: impl Fn(usize, Vec<f32>, &[f64]) -> R + Sync,
    ) -> Vec<(usize, R)> {
        let days = passing.counts.ncols();
        let zero = || Sum { counts: vec![0.0; days], values: vec![0.0; passing.width] };
        for (node, last) in std::mem::take(&mut self.begins[passing.shard]) {
            self.open.push(Open { node: node as usize, last: last as usize, sum: zero() });
        }
        let range = &self.shards[passing.shard];
        let add = |node: usize, sum: &mut Sum| sum.add(self.hierarchy, node, range, passing, &value);
        self.open.par_iter_mut().for_each(|open| add(open.node, &mut open.sum));
        let finish = |node: usize, sum: Sum| {
            let counts = sum.counts.iter().map(|v| *v as f32).collect();
            (node, done(node, counts, &sum.values))
        };
        let mut out: Vec<(usize, R)> = self.whole[passing.shard]
            .par_iter()
            .map(|node| {
                let mut sum = zero();
                add(*node as usize, &mut sum);
                finish(*node as usize, sum)
            })
            .collect();
        let (ended, open) =
            std::mem::take(&mut self.open).into_iter().partition(|open| open.last == passing.shard);
        self.open = open;
        let ended: Vec<Open> = ended;
        out.par_extend(ended.into_par_iter().map(|open| finish(open.node, open.sum)));
        out
    }
}

impl Sum {
    fn add(
        &mut self,
        hierarchy: &Hierarchy,
        node: usize,
        range: &Range<usize>,
        passing: Passing<'_>,
        value: &impl Fn(f32) -> f64,
    ) {
        for i in within(&hierarchy.nodes[node].members, range) {
            let row = *i as usize - range.start;
            for (sum, y) in self.counts.iter_mut().zip(passing.counts.row(row)) {
                *sum += f64::from(*y);
            }
            if passing.width > 0 {
                let values = &passing.values[row * passing.stride..][..passing.width];
                for (sum, v) in self.values.iter_mut().zip(values) {
                    *sum += value(*v);
                }
            }
        }
    }
}

/// The members (ascending) that lie in a run of cells.
pub fn within<'a>(members: &'a [u32], range: &Range<usize>) -> &'a [u32] {
    let first = members.partition_point(|i| (*i as usize) < range.start);
    let end = members.partition_point(|i| (*i as usize) < range.end);
    &members[first..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hierarchy::CellPath;

    /// Sums of a pass over runs of so many cells, by node.
    fn pass(cells: usize) -> Vec<(Vec<f32>, Vec<f64>)> {
        let paths: Vec<CellPath> =
            (0..12).map(|i| CellPath { topic: vec![1 + i / 4], district: vec![1 + i % 4] }).collect();
        let hierarchy = Hierarchy::new(&paths);
        let counts = ndarray::Array2::from_shape_fn((12, 3), |(i, t)| (i * 3 + t) as f32);
        let values: Vec<f32> = (0..24).map(|v| 0.1 * v as f32).collect();
        let shards: Vec<Range<usize>> = (0..12).step_by(cells).map(|a| a..(a + cells).min(12)).collect();
        let mut sums = Sums::new(&hierarchy, &shards, |_| true);
        let mut out = vec![None; hierarchy.nodes.len()];
        for (shard, range) in shards.iter().enumerate() {
            let passing = Passing {
                shard,
                counts: counts.slice(ndarray::s![range.clone(), ..]),
                values: &values[2 * range.start..2 * range.end],
                width: 1,
                stride: 2,
            };
            for (node, sum) in sums.pass(passing, f64::from, |_, y, means| (y, means.to_vec())) {
                assert_eq!(out[node].replace(sum), None, "node {node} ends once");
            }
        }
        assert!(sums.open.is_empty());
        out.into_iter().map(Option::unwrap).collect()
    }

    #[test]
    fn every_cut_gives_the_same_sums() {
        let whole = pass(12);
        assert_eq!(whole[0].0, [198.0, 210.0, 222.0]);
        for cells in [1, 3, 4, 5, 11] {
            assert_eq!(pass(cells), whole, "{cells}");
        }
    }
}
