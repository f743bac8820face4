//! Makes cells agree with their margins: weighted least squares without a summing matrix.
//!
//! The coherent cells minimise sum_i (b_i - m_i)^2 / v_i over cells plus sum_a (S_a b - m_a)^2 / v_a over
//! margins (Hyndman, Lee and Wang 2016, with variance weights). With D = diag(v_i) the solution is
//! b = m + D S' (S D S' + V)^-1 (m_a - S m): one small system per city, of the order of the number of margins,
//! and a few additions per cell and day. Negative cells are set to 0; aggregates are then plain sums.
//!
//! Errors of cells share the level of the whole, which their own variances do not show, so the margins'
//! variances are multiplied by [`TAU_TOTAL`] and [`TAU_MARGIN`].
use rayon::prelude::*;

use super::base::Base;
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

/// The weights of one panel, ready to adjust any number of days.
#[derive(Debug)]
pub struct Reconciler {
    /// Positions in `Base::margins`.
    margins: Vec<usize>,
    /// Margins (positions in `margins`) that cell i belongs to: `of_cell[starts[i]..starts[i + 1]]`.
    of_cell: Vec<u32>,
    starts: Vec<usize>,
    variance: Vec<f64>,
    factor: Cholesky,
}

impl Reconciler {
    /// Weights from mean squared errors by node: of the cells' nodes and of the margins.
    ///
    /// `None` when there is nothing to agree with or the system has no solution.
    pub fn new(hierarchy: &Hierarchy, base: &Base, mse: impl Fn(usize) -> f64) -> Option<Self> {
        let margins = chosen_margins(hierarchy, base);
        if margins.is_empty() {
            return None;
        }
        let mut lists = vec![Vec::new(); hierarchy.cells.len()];
        for (a, at) in margins.iter().enumerate() {
            for i in &hierarchy.nodes[base.margins[*at].0].members {
                lists[*i as usize].push(a as u32);
            }
        }
        let variance: Vec<f64> =
            hierarchy.cells.iter().map(|c| mse(c.own).max(0.0) + VARIANCE_FLOOR).collect();
        let n = margins.len();
        let mut system = vec![0.0; n * n];
        for (list, v) in lists.iter().zip(&variance) {
            for a in list {
                for b in list.iter().take_while(|b| *b <= a) {
                    system[*a as usize * n + *b as usize] += v;
                }
            }
        }
        for (a, at) in margins.iter().enumerate() {
            let node = base.margins[*at].0;
            let tau = if hierarchy.nodes[node].level == (Level { topic: 0, district: 0 }) {
                TAU_TOTAL
            } else {
                TAU_MARGIN
            };
            system[a * n + a] += tau * mse(node).max(0.0) + VARIANCE_FLOOR;
        }
        let factor = Cholesky::with_ridge(&system, n)?;
        let starts = std::iter::once(0)
            .chain(lists.iter().scan(0, |end, list| {
                *end += list.len();
                Some(*end)
            }))
            .collect();
        Some(Self { margins, of_cell: lists.concat(), starts, variance, factor })
    }

    /// Adjusts the cells' means in place, every origin and lead alike.
    pub fn apply(&self, hierarchy: &Hierarchy, base: &mut Base) {
        let width = base.cells.first().map_or(0, |c| c.means.len());
        let gaps: Vec<Vec<f64>> =
            self.margins.par_iter().map(|at| gap(hierarchy, base, *at, width)).collect();
        let shifts: Vec<Vec<f64>> = (0..width)
            .into_par_iter()
            .map(|c| {
                let mut column: Vec<f64> = gaps.iter().map(|gap| gap[c]).collect();
                self.factor.solve(&mut column);
                column
            })
            .collect();
        base.cells.par_iter_mut().enumerate().for_each(|(i, cell)| {
            let list = &self.of_cell[self.starts[i]..self.starts[i + 1]];
            for (mean, shift) in cell.means.iter_mut().zip(&shifts) {
                let sum: f64 = list.iter().map(|a| shift[*a as usize]).sum();
                *mean = (f64::from(*mean) + self.variance[i] * sum).max(0.0) as f32;
            }
        });
    }
}

/// Margins of at least two cells, the largest [`MAX_MARGINS`] by expected volume, in node order.
fn chosen_margins(hierarchy: &Hierarchy, base: &Base) -> Vec<usize> {
    let mut chosen: Vec<usize> =
        (0..base.margins.len()).filter(|at| hierarchy.nodes[base.margins[*at].0].members.len() > 1).collect();
    if chosen.len() > MAX_MARGINS {
        let volume = |at: &usize| base.margins[*at].1.means.iter().map(|m| f64::from(*m)).sum::<f64>();
        chosen.sort_by(|a, b| volume(b).total_cmp(&volume(a)).then(a.cmp(b)));
        chosen.truncate(MAX_MARGINS);
        chosen.sort_unstable();
    }
    chosen
}

/// The margin's own forecast minus the sum of its cells.
fn gap(hierarchy: &Hierarchy, base: &Base, at: usize, width: usize) -> Vec<f64> {
    let (node, outcome) = &base.margins[at];
    let mut sum = vec![0.0; width];
    for i in &hierarchy.nodes[*node].members {
        for (s, mean) in sum.iter_mut().zip(&base.cells[*i as usize].means) {
            *s += f64::from(*mean);
        }
    }
    outcome.means.iter().zip(sum).map(|(own, sum)| f64::from(*own) - sum).collect()
}
