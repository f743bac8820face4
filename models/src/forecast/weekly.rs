//! The weekly step: models by rolling origin, dispersion and scores of the coherent forecasts.
use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{
    Boost, Fallback, Model, NodeFit, PanelFit, Params, QUANTILES, Scores,
    base::{self, Base, Choice},
    blend,
    plan::Plan,
    reconcile::Reconciler,
    seasonal_naive,
    track::{Boosting, Context},
};
use crate::{
    calendar::Calendar,
    evaluation::{Day, Scale, Scorer, scales},
    hierarchy::{Hierarchy, Level},
    intervals::{
        Predictive, Values,
        dispersion::{Centre, Errors, growth_at},
        normal_quantile, recalibration,
    },
    regressors::Design,
    series::Panel,
};

/// PITs that a level's recalibration rests on at most, about.
const PITS: usize = 50_000;

/// Chooses a model per cell by rolling origin and measures dispersion and scores at every node.
///
/// Each origin's forecasts use nothing after it. Scores are those of the series' own forecasts, before boosting.
/// `progress` is called with the number of series finished so far (nodes of the hierarchy at the end), from any thread.
pub fn fit(
    panel: &Panel,
    hierarchy: &Hierarchy,
    calendar: &Calendar,
    params: &Params,
    progress: &(dyn Fn(usize) + Sync),
) -> PanelFit {
    let plan = Plan::rolling(panel.days(), params);
    let boosting = match params.boosted {
        0 => Boosting::Off,
        _ => Boosting::Learn(base::sampling(hierarchy, &plan)),
    };
    let context = Context::new(Design::new(panel.start, panel.days(), calendar), plan, boosting);
    let mut base = base::forecasts(&context, panel, hierarchy, |_| Choice::Backtest, progress);
    let boost = Boost::fit(&base.take_samples(hierarchy), &context.plan, params.step);
    let measured = context.plan.origins.len().saturating_sub(params.origins)..;
    let companions = blend::learn(&context.plan, measured.clone(), panel, hierarchy, &base);
    let mse = own_errors(hierarchy, &base);
    if let Some(reconciler) = Reconciler::new(hierarchy, &base, |k| mse[k]) {
        reconciler.apply(hierarchy, &mut base);
    }
    let backtest = Backtest { panel, hierarchy, plan: &context.plan, measured, base: &base };
    let nodes = 0..hierarchy.nodes.len();
    let errors: Vec<Errors> = nodes.clone().into_par_iter().map(|k| backtest.errors(k)).collect();
    let centres = centres(hierarchy, &errors, params.horizon);
    let levels = backtest.levels(|k| centres[&hierarchy.nodes[k].level].daily(&errors[k]));
    let nodes = nodes
        .into_par_iter()
        .map(|k| {
            let centre = &centres[&hierarchy.nodes[k].level];
            let (alpha, growth) = centre.daily(&errors[k]);
            let levels = levels[&hierarchy.nodes[k].level];
            let boosted = boost.as_ref().map_or(1.0, |b| b.dispersion(hierarchy.nodes[k].level.into()));
            let (model, fallback) = model_of(hierarchy, &base, k);
            NodeFit {
                model,
                fallback,
                alpha: alpha * boosted,
                values: Values::of(&hierarchy.series(panel, k)),
                levels,
                growth,
                alpha_month: centre.monthly(&errors[k]),
                mse: mse[k],
                companions: companions[k],
                scores: backtest.scores(k, alpha, &growth, levels),
            }
        })
        .collect();
    progress(hierarchy.nodes.len());
    PanelFit { nodes, boost }
}

/// Mean squared error of each node's own forecast: its margin's, its cell's, else the sum of its cells'.
fn own_errors(hierarchy: &Hierarchy, base: &Base) -> Vec<f64> {
    hierarchy
        .nodes
        .iter()
        .enumerate()
        .map(|(k, node)| match base.margin(k) {
            Some(outcome) => outcome.mse,
            None => node.members.iter().map(|i| base.cells[*i as usize].mse).sum(),
        })
        .collect()
}

fn centres(hierarchy: &Hierarchy, errors: &[Errors], horizon: usize) -> BTreeMap<Level, Centre> {
    let mut by_level: BTreeMap<Level, Vec<&Errors>> = BTreeMap::new();
    for (node, errors) in hierarchy.nodes.iter().zip(errors) {
        by_level.entry(node.level).or_default().push(errors);
    }
    by_level.into_iter().map(|(level, of)| (level, Centre::new(of.iter().copied(), horizon))).collect()
}

/// A cell's or margin's own model; for other aggregates the model most of the expected volume comes from.
fn model_of(hierarchy: &Hierarchy, base: &Base, k: usize) -> (Model, Option<Fallback>) {
    if let Some(outcome) = base.margin(k) {
        return (outcome.model, outcome.fallback.clone());
    }
    if let [cell] = hierarchy.nodes[k].members[..] {
        let outcome = &base.cells[cell as usize];
        return (outcome.model, outcome.fallback.clone());
    }
    let mut volume: BTreeMap<Model, f64> = BTreeMap::new();
    for i in &hierarchy.nodes[k].members {
        let outcome = &base.cells[*i as usize];
        *volume.entry(outcome.model).or_default() += outcome.means.iter().map(|m| f64::from(*m)).sum::<f64>();
    }
    let most = volume.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    (most.map_or(Model::SeasonalNaive, |(model, _)| model), None)
}

/// Coherent forecasts of the past, against what came.
struct Backtest<'a> {
    panel: &'a Panel,
    hierarchy: &'a Hierarchy,
    plan: &'a Plan,
    /// Positions of the origins that count.
    measured: std::ops::RangeFrom<usize>,
    base: &'a Base,
}

impl Backtest<'_> {
    /// The origins that count, each with the node's coherent means from it.
    fn forecasts<'b>(&self, means: &'b [f64]) -> impl Iterator<Item = (usize, &'b [f64])> {
        let first = self.measured.start;
        self.plan.origins[first..].iter().copied().zip(means.chunks_exact(self.plan.leads).skip(first))
    }

    /// The node's coherent means, origin by origin.
    fn means(&self, k: usize) -> Vec<f64> {
        let mut sum = vec![0.0; self.plan.width()];
        for i in &self.hierarchy.nodes[k].members {
            for (s, mean) in sum.iter_mut().zip(&self.base.cells[*i as usize].means) {
                *s += f64::from(*mean);
            }
        }
        sum
    }

    fn errors(&self, k: usize) -> Errors {
        let leads = self.plan.leads;
        let mut errors = Errors::new(leads);
        if leads == 0 {
            return errors;
        }
        let y = self.hierarchy.series(self.panel, k);
        for (origin, means) in self.forecasts(&self.means(k)) {
            errors.push_origin(&y[origin + 1..=origin + leads], means);
        }
        errors
    }

    /// Levels recalibrated for each level of the hierarchy; `dispersion` gives alpha and growth of a node.
    fn levels(&self, dispersion: impl Fn(usize) -> (f64, [f64; 4]) + Sync) -> BTreeMap<Level, [f64; 5]> {
        let mut nodes: BTreeMap<Level, Vec<usize>> = BTreeMap::new();
        for (k, node) in self.hierarchy.nodes.iter().enumerate() {
            nodes.entry(node.level).or_default().push(k);
        }
        let origins = self.plan.origins.len() - self.measured.start;
        nodes
            .into_iter()
            .map(|(level, nodes)| {
                // Nodes beyond those that give enough PITs would cost time and tell nothing new.
                let step = (nodes.len() * origins * self.plan.leads).div_ceil(PITS).max(1);
                let checked: Vec<usize> = nodes.iter().copied().step_by(step).collect();
                let pits = checked.par_iter().flat_map_iter(|k| self.pits(*k, dispersion(*k))).collect();
                (level, recalibration::levels(QUANTILES, pits, (origins * checked.len()) as f64))
            })
            .collect()
    }

    /// Randomised PITs of a node's known days.
    fn pits(&self, k: usize, (alpha, growth): (f64, [f64; 4])) -> Vec<f64> {
        if self.plan.leads == 0 {
            return Vec::new();
        }
        let y = self.hierarchy.series(self.panel, k);
        let values = Values::of(&y);
        let mut rng = ChaCha8Rng::seed_from_u64(k as u64);
        let mut pits = Vec::new();
        for (origin, means) in self.forecasts(&self.means(k)) {
            for (lead, mean) in (1..).zip(means) {
                let count = y[origin + lead];
                if !count.is_nan() {
                    let forecast = Predictive::new(values, *mean, alpha * growth_at(&growth, lead));
                    pits.push(forecast.pit(f64::from(count), rng.random()));
                }
            }
        }
        pits
    }

    fn scores(&self, k: usize, alpha: f64, growth: &[f64; 4], levels: [f64; 5]) -> Scores {
        let leads = self.plan.leads;
        let mut scorer = Scorer::default();
        if leads == 0 {
            return scorer.scores();
        }
        let y = self.hierarchy.series(self.panel, k);
        let values = Values::of(&y);
        let scales = scales(&y, &self.plan.origins[self.measured.start..]);
        for ((origin, means), scale) in self.forecasts(&self.means(k)).zip(scales) {
            let naive = seasonal_naive::forecast(&y[..=origin], leads);
            for (lead, mean) in (1..).zip(means) {
                let count = f64::from(y[origin + lead]);
                if !count.is_nan() {
                    let forecast = Predictive::new(values, *mean, alpha * growth_at(growth, lead));
                    let quantiles = forecast.quantiles(levels);
                    let naive = naive_quantiles(f64::from(naive[lead - 1]), scale, lead);
                    scorer.push(&Day { y: count, mean: *mean, quantiles, naive });
                }
            }
            scorer.end_origin(scale);
        }
        scorer.scores()
    }
}

/// The seasonal naive's band: normal with the training changes' variance times the weeks ahead, cut off at 0.
fn naive_quantiles(mean: f64, scale: Option<Scale>, lead: usize) -> [f64; 5] {
    let sd = scale.map_or(0.0, |s| (s.squared * lead.div_ceil(7) as f64).sqrt());
    QUANTILES.map(|level| (mean + normal_quantile(level) * sd).max(0.0))
}
