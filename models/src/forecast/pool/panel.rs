//! All series of a panel of periods, reconciled, with quantiles.
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use ndarray::Array2;
use rayon::prelude::*;

use super::{
    combination::{Combined, MODELS, Used, distribution},
    tried::Tried,
    weights::Products,
};
use crate::{
    forecast::{
        NodeForecast, QUANTILES,
        base::is_margin,
        classic::Moments,
        reconcile::{Gaps, Reconciler},
    },
    hierarchy::{Hierarchy, Level},
    intervals::Values,
};

/// Mean counts a period at which series are told apart.
const DENSITIES: [f64; 2] = [1.0, 10.0];
/// Origins at which the weights found count as much as equal ones.
const STRENGTH: f64 = 20.0;

/// Series of months, quarters or weeks.
#[derive(Debug, Clone, PartialEq)]
pub struct Periods {
    /// Values, shape (cells, periods); NaN where missing.
    pub counts: Array2<f32>,
    /// Periods in a year: 12, 4 or 52.
    pub season: usize,
}

/// Forecasts of the nodes with how they came about.
#[derive(Debug, Clone, PartialEq)]
pub struct PeriodForecast {
    /// One per node, or per row without a hierarchy.
    pub nodes: Vec<NodeForecast>,
    /// Weights of exponential smoothing, theta and STL in each group of series, most series first.
    pub weights: Vec<(usize, Vec<f64>)>,
    /// What each of them rests on.
    pub used: Vec<Used>,
}

/// Level of the hierarchy and density of the values: what weights are learned by.
type Group = (Option<Level>, usize);

/// One series to forecast.
struct One {
    group: Group,
    values: Values,
    tried: Tried,
}

/// Forecasts every node of `hierarchy`, or every row on its own without one, `h` periods ahead.
///
/// Means of a hierarchy add up: a node's is the sum of its cells'. `progress` is called with the number of series
/// done, from any thread.
pub fn forecast(
    panel: &Periods,
    hierarchy: Option<&Hierarchy>,
    h: usize,
    progress: &(dyn Fn(usize) + Sync),
) -> PeriodForecast {
    let n = hierarchy.map_or(panel.counts.nrows(), |tree| tree.nodes.len());
    let done = AtomicUsize::new(0);
    let all: Vec<One> = (0..n)
        .into_par_iter()
        .map(|k| {
            let one = one(panel, hierarchy, k, h);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            one
        })
        .collect();
    let groups = groups(&all);
    let combined: Vec<Combined<'_>> =
        all.iter().map(|one| Combined::new(&one.tried, &groups[&one.group].1)).collect();
    let mut moments: Vec<Moments> = combined.iter().map(|c| c.newest(h)).collect();
    if let Some(tree) = hierarchy {
        reconcile(tree, &mut moments, &combined);
    }
    let nodes = all.iter().zip(&moments).map(|(one, m)| published(one.values, m)).collect();
    let used = combined.iter().map(|c| c.used).collect();
    let mut weights: Vec<(usize, Vec<f64>)> = groups.values().cloned().collect();
    weights.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
    PeriodForecast { nodes, weights, used }
}

fn one(panel: &Periods, hierarchy: Option<&Hierarchy>, k: usize, h: usize) -> One {
    let mut y = vec![0.0_f64; panel.counts.ncols()];
    let rows: Vec<usize> = match hierarchy {
        Some(tree) => tree.nodes[k].members.iter().map(|i| *i as usize).collect(),
        None => vec![k],
    };
    let mut values = Values::Counts;
    for row in rows {
        let row = panel.counts.row(row);
        if Values::of(row) == Values::Measures {
            values = Values::Measures;
        }
        y.iter_mut().zip(row).for_each(|(sum, v)| *sum += f64::from(*v));
    }
    let tried = Tried::new(&y, panel.season, h);
    let density = DENSITIES.iter().filter(|least| tried.mean >= **least).count();
    One { group: (hierarchy.map(|tree| tree.nodes[k].level), density), values, tried }
}

/// Number of series and weights by group.
fn groups(all: &[One]) -> BTreeMap<Group, (usize, Vec<f64>)> {
    let mut products: BTreeMap<Group, (usize, Products)> = BTreeMap::new();
    for one in all {
        let (n, sum) = products.entry(one.group).or_insert_with(|| (0, Products::new(MODELS)));
        *n += 1;
        sum.add(&one.tried.products());
    }
    let equal = [1.0 / MODELS as f64; MODELS];
    products.into_iter().map(|(group, (n, sum))| (group, (n, sum.weights(&equal, STRENGTH)))).collect()
}

fn published(values: Values, moments: &Moments) -> NodeForecast {
    let quantiles = moments
        .mean
        .iter()
        .zip(&moments.variance)
        .map(|(mean, variance)| distribution(values, *mean, *variance).quantiles(QUANTILES));
    NodeForecast { quantiles: quantiles.collect(), mean: moments.mean.iter().map(|m| m.max(0.0)).collect() }
}

/// Makes the means of cells agree with those of their margins and sums them up; deviations keep their share of the
/// mean. A node without a forecast of its own has its cells' deviations, taken as independent.
fn reconcile(tree: &Hierarchy, moments: &mut [Moments], combined: &[Combined<'_>]) {
    let own = |k: usize| moments[k].mean.iter().map(|m| m.max(0.0) as f32).collect::<Vec<f32>>();
    let margins: Vec<(usize, Vec<f32>)> =
        (0..tree.nodes.len()).filter(|k| is_margin(tree, *k)).map(|k| (k, own(k))).collect();
    let margins: Vec<(usize, &[f32])> = margins.iter().map(|(k, means)| (*k, means.as_slice())).collect();
    let (width, all) = (moments.first().map_or(0, |of| of.mean.len()), 0..tree.cells.len());
    let mut cells: Vec<f32> = tree.cells.iter().flat_map(|nodes| own(nodes.own)).collect();
    let mut gaps = Gaps::new(tree, &margins, width);
    gaps.add(tree, &all, &cells, width);
    let mse = |k: usize| combined[k].squared_error();
    if let Some(reconciler) = Reconciler::new(tree, &margins, gaps, std::slice::from_ref(&all), mse) {
        reconciler.apply(tree, &all, &mut cells, width);
    }
    for (k, node) in tree.nodes.iter().enumerate() {
        for lead in 0..moments[k].mean.len() {
            let sum: f64 = node.members.iter().map(|i| f64::from(cells[*i as usize * width + lead])).sum();
            let own = moments[k].mean[lead];
            if own > 0.0 {
                moments[k].variance[lead] *= (sum / own).powi(2);
            }
            moments[k].mean[lead] = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hierarchy::CellPath;

    /// Three cells over `n` months with a season, the last month of one missing.
    fn panel(n: usize) -> (Periods, Hierarchy) {
        let value = |(i, t): (usize, usize)| ((t % 12 + 1) * (i + 3) + (t * t * 7 + i * 5 + t) % 11) as f32;
        let mut counts = Array2::from_shape_fn((3, n), value);
        if n > 1 {
            counts[(2, n - 2)] = f32::NAN;
        }
        let paths = [(1, 10), (1, 11), (2, 10)].map(|(t, d)| CellPath { topic: vec![t], district: vec![d] });
        (Periods { counts, season: 12 }, Hierarchy::new(&paths))
    }

    #[test]
    fn a_season_comes_back_and_nodes_add_up() {
        let (panel, tree) = panel(60);
        let done = forecast(&panel, Some(&tree), 12, &|_| ());
        let own = |i: usize| &done.nodes[tree.cells[i].own];
        assert!(done.used.contains(&Used::Combination));
        for lead in 0..12 {
            let years = (0..5).map(|year| f64::from(panel.counts[(0, 12 * year + lead)]));
            let expected = years.sum::<f64>() / 5.0;
            assert!(
                (own(0).mean[lead] - expected).abs() < 4.0,
                "{lead}: {} not {expected}",
                own(0).mean[lead]
            );
            let sum: f64 = (0..3).map(|i| own(i).mean[lead]).sum();
            assert!((done.nodes[0].mean[lead] - sum).abs() < 1e-9);
        }
        for node in &done.nodes {
            assert!(node.quantiles.iter().all(|q| q.is_sorted() && q[0] >= 0.0));
        }
    }

    #[test]
    fn any_length_has_a_forecast() {
        for n in [0, 1, 2, 5, 13, 25, 30] {
            let (panel, tree) = panel(n);
            for done in [forecast(&panel, Some(&tree), 3, &|_| ()), forecast(&panel, None, 3, &|_| ())] {
                let finite =
                    |f: &NodeForecast| f.mean.len() == 3 && f.mean.iter().all(|m| m.is_finite() && *m >= 0.0);
                assert!(done.nodes.iter().all(finite), "{n} months: {done:?}");
            }
        }
    }

    #[test]
    fn the_same_input_gives_the_same_bytes_on_any_number_of_threads() {
        let (panel, tree) = panel(40);
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| forecast(&panel, Some(&tree), 6, &|_| ()))
        };
        assert_eq!(on(1), on(2));
    }
}
