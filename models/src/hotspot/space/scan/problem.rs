//! The four scans in the two forms a sweep knows: counts, and weighted counts.
use ndarray::Array2;

use super::data::{Data, Null};
use super::draw::{self, Draw, late};
use super::score::{Counted, Score, Weighted};
use super::sweep::{Grid, LANES, Table};

/// What to score, and how to draw data like it without a cluster.
pub(super) struct Setup<S: Score> {
    pub score: S,
    /// Data as summed, districts x looked-at periods.
    pub cells: Vec<S::Sum>,
    /// The counts themselves, of the same cells.
    pub counts: Vec<i32>,
    pub draw: Draw<'static, S::Sum>,
}

/// A scan of one of the two forms.
pub(super) enum Problem {
    Counted(Setup<Counted>),
    Weighted(Setup<Weighted>),
}

impl Problem {
    pub(super) fn new(data: &Data, grid: Grid<'_>, min_cases: u32) -> Self {
        let total = data.total();
        let counts: Vec<i32> = late(&data.counts, grid).into_iter().map(|y| y as i32).collect();
        let counted = |total, draw| {
            let min_cases = i32::try_from(min_cases).unwrap_or(i32::MAX);
            let score = Counted { expected: expected(data, grid), total, min_cases };
            Self::Counted(Setup { score, cells: counts.clone(), counts: counts.clone(), draw })
        };
        match &data.null {
            Null::Permutation => counted(total, draw::permuted(&data.counts, grid)),
            Null::Conditional(expected) => counted(total, draw::scattered(expected, total, grid)),
            Null::Poisson(baseline) => counted(f64::INFINITY, draw::poisson(baseline, grid)),
            Null::NegativeBinomial(baseline, size) => Self::weighted(counts, baseline, size, grid),
        }
    }

    fn weighted(counts: Vec<i32>, baseline: &Array2<f64>, size: &[f64], grid: Grid<'_>) -> Self {
        let sizes = size.iter().flat_map(|size| std::iter::repeat_n(*size, grid.width()));
        let baselines = late(baseline, grid);
        let over: Vec<f64> = baselines.iter().zip(sizes).map(|(b, size)| 1.0 + b / size).collect();
        let weighted: Vec<f64> = baselines.iter().zip(&over).map(|(b, over)| b / over).collect();
        let cells = counts.iter().zip(&over).map(|(y, over)| f64::from(*y) / over).collect();
        let draw = draw::negative_binomial(baseline, size, grid);
        Self::Weighted(Setup { score: Weighted { baseline: grid.sums(&weighted) }, cells, counts, draw })
    }
}

/// Cases expected in each window.
pub(super) fn expected(data: &Data, grid: Grid<'_>) -> Table<f64> {
    match &data.null {
        Null::Permutation => margins(data, grid),
        Null::Conditional(e) | Null::Poisson(e) | Null::NegativeBinomial(e, _) => grid.sums(&late(e, grid)),
    }
}

/// Expectation of each window from its districts' and its periods' cases. Products of whole numbers, so that
/// windows that expect the same tie to the last bit.
fn margins(data: &Data, grid: Grid<'_>) -> Table<f64> {
    let (cases, total) = (data.cases(), data.total().max(1.0));
    let columns = data.counts.columns().into_iter();
    let periods: Vec<f64> = columns.map(|c| c.iter().map(|y| f64::from(*y)).sum()).collect();
    let spans: Vec<f64> = grid.spans.as_slice().iter().map(|(a, b)| periods[*a..=*b].iter().sum()).collect();
    let zones: Vec<f64> = (0..grid.zones.len())
        .map(|zone| grid.zones.members(zone).iter().map(|d| cases[*d as usize]).sum())
        .collect();
    let lanes = |spans: &[f64], zone: f64| {
        let mut lanes = [0.0; LANES];
        lanes.iter_mut().zip(spans).for_each(|(lane, span)| *lane = zone * span / total);
        lanes
    };
    spans.chunks(LANES).flat_map(|spans| zones.iter().map(move |zone| lanes(spans, *zone))).collect()
}
