//! Makes cells agree with their margins: weighted least squares without a summing matrix.
//!
//! The coherent cells minimise sum_i (b_i - m_i)^2 / v_i over cells plus sum_a (S_a b - m_a)^2 / v_a over
//! margins (Hyndman, Lee and Wang 2016, with variance weights). With D = diag(v_i) the solution is
//! b = m + D S' (S D S' + V)^-1 (m_a - S m): one small system per city, of the order of the number of margins,
//! and a few additions per cell and day. Negative cells are set to 0; aggregates are then plain sums.
//!
//! Errors of cells share the level of the whole, which their own variances do not show, so the margins'
//! variances are multiplied by [`TAU_TOTAL`] and [`TAU_MARGIN`].
//! Cells stream by twice: [`Gaps`] sums them up for the margins, [`Reconciler`] shifts them.
use std::ops::Range;

use rayon::prelude::*;

use super::sums::within;
use crate::{
    hierarchy::{Hierarchy, Level},
    numeric::cholesky::Cholesky,
};

const TAU_TOTAL: f64 = 0.05;
const TAU_MARGIN: f64 = 0.2;
/// Added to every variance.
const VARIANCE_FLOOR: f64 = 0.001;
/// Margins beyond this number, the smallest, are left to the sum of their cells: the system costs their cube.
const MAX_MARGINS: usize = 2500;

/// What margins forecast more than their cells, which stream by.
#[derive(Debug, Default)]
pub struct Gaps {
    /// Nodes of the margins that cells have to agree with, ascending.
    nodes: Vec<usize>,
    /// Sums of their cells' means, by margin and column.
    sums: Vec<Vec<f64>>,
}

impl Gaps {
    /// Before any cell; `margins` are nodes with their own means, ascending, `width` each.
    pub fn new(hierarchy: &Hierarchy, margins: &[(usize, &[f32])], width: usize) -> Self {
        let nodes = chosen_margins(hierarchy, margins);
        Self { sums: vec![vec![0.0; width]; nodes.len()], nodes }
    }

    /// Adds the means of a run of cells; runs come in ascending order.
    pub fn add(&mut self, hierarchy: &Hierarchy, range: &Range<usize>, means: &[f32], stride: usize) {
        self.nodes.par_iter().zip(&mut self.sums).for_each(|(node, sums)| {
            for i in within(&hierarchy.nodes[*node].members, range) {
                let row = &means[(*i as usize - range.start) * stride..];
                for (sum, mean) in sums.iter_mut().zip(row) {
                    *sum += f64::from(*mean);
                }
            }
        });
    }
}

/// The weights and shifts of one panel, ready to adjust its cells.
#[derive(Debug)]
pub struct Reconciler {
    /// Nodes of the margins.
    nodes: Vec<usize>,
    /// Variance of each cell's error.
    variance: Vec<f64>,
    /// Per column, the shift that each margin asks for.
    shifts: Vec<Vec<f64>>,
}

impl Reconciler {
    /// Weights from mean squared errors by node: of the cells' nodes and of the margins.
    ///
    /// `None` when there is nothing to agree with or the system has no solution.
    pub fn new(
        hierarchy: &Hierarchy,
        margins: &[(usize, &[f32])],
        gaps: Gaps,
        shards: &[Range<usize>],
        mse: impl Fn(usize) -> f64,
    ) -> Option<Self> {
        let Gaps { nodes, sums } = gaps;
        let n = nodes.len();
        if n == 0 {
            return None;
        }
        let variance: Vec<f64> =
            hierarchy.cells.iter().map(|c| mse(c.own).max(0.0) + VARIANCE_FLOOR).collect();
        let mut system = vec![0.0; n * n];
        for range in shards {
            let belongs = Belongs::new(hierarchy, &nodes, range);
            for (row, v) in variance[range.clone()].iter().enumerate() {
                let list = belongs.to(row);
                for a in list {
                    for b in list.iter().take_while(|b| *b <= a) {
                        system[*a as usize * n + *b as usize] += v;
                    }
                }
            }
        }
        for (a, node) in nodes.iter().enumerate() {
            let tau = if hierarchy.nodes[*node].level == (Level { topic: 0, district: 0 }) {
                TAU_TOTAL
            } else {
                TAU_MARGIN
            };
            system[a * n + a] += tau * mse(*node).max(0.0) + VARIANCE_FLOOR;
        }
        let factor = Cholesky::with_ridge(&system, n)?;
        let own: Vec<&[f32]> = margins
            .iter()
            .filter(|(node, _)| nodes.binary_search(node).is_ok())
            .map(|(_, means)| *means)
            .collect();
        let shifts = (0..sums[0].len())
            .into_par_iter()
            .map(|c| {
                // The margin's own forecast minus the sum of its cells.
                let mut column: Vec<f64> =
                    own.iter().zip(&sums).map(|(own, sum)| f64::from(own[c]) - sum[c]).collect();
                factor.solve(&mut column);
                column
            })
            .collect();
        Some(Self { nodes, variance, shifts })
    }

    /// Adjusts the means of a run of cells in place.
    pub fn apply(&self, hierarchy: &Hierarchy, range: &Range<usize>, means: &mut [f32], stride: usize) {
        let belongs = Belongs::new(hierarchy, &self.nodes, range);
        means.par_chunks_exact_mut(stride.max(1)).enumerate().for_each(|(row, means)| {
            let list = belongs.to(row);
            let variance = self.variance[range.start + row];
            for (mean, shift) in means.iter_mut().zip(&self.shifts) {
                let sum: f64 = list.iter().map(|a| shift[*a as usize]).sum();
                *mean = (f64::from(*mean) + variance * sum).max(0.0) as f32;
            }
        });
    }
}

/// Margins (by position) that each cell of a run belongs to, ascending.
struct Belongs {
    starts: Vec<usize>,
    margins: Vec<u32>,
}

impl Belongs {
    fn new(hierarchy: &Hierarchy, nodes: &[usize], range: &Range<usize>) -> Self {
        let rows = |node: &usize| {
            within(&hierarchy.nodes[*node].members, range).iter().map(|i| *i as usize - range.start)
        };
        let mut starts = vec![0; range.len() + 1];
        nodes.iter().flat_map(rows).for_each(|row| starts[row + 1] += 1);
        for row in 0..range.len() {
            starts[row + 1] += starts[row];
        }
        let mut next = starts.clone();
        let mut margins = vec![0; starts[range.len()]];
        for (a, node) in nodes.iter().enumerate() {
            for row in rows(node) {
                margins[next[row]] = a as u32;
                next[row] += 1;
            }
        }
        Self { starts, margins }
    }

    fn to(&self, row: usize) -> &[u32] {
        &self.margins[self.starts[row]..self.starts[row + 1]]
    }
}

/// Margins of at least two cells, the largest [`MAX_MARGINS`] by expected volume, in node order.
fn chosen_margins(hierarchy: &Hierarchy, margins: &[(usize, &[f32])]) -> Vec<usize> {
    let mut chosen: Vec<&(usize, &[f32])> =
        margins.iter().filter(|(node, _)| hierarchy.nodes[*node].members.len() > 1).collect();
    if chosen.len() > MAX_MARGINS {
        let volume = |of: &(usize, &[f32])| of.1.iter().map(|m| f64::from(*m)).sum::<f64>();
        chosen.sort_by(|a, b| volume(b).total_cmp(&volume(a)).then(a.0.cmp(&b.0)));
        chosen.truncate(MAX_MARGINS);
    }
    let mut nodes: Vec<usize> = chosen.into_iter().map(|(node, _)| *node).collect();
    nodes.sort_unstable();
    nodes
}
