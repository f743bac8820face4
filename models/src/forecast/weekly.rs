//! The weekly step: models by rolling origin, dispersion and scores of the coherent forecasts.
//!
//! The cells stream by, shard after shard, five times: summed up for the margins; forecast each, after which their
//! forecasts wait in a [`Spill`]; some of them once more, to learn the companions' weights; then made to agree with
//! the margins and summed over all nodes, for the errors and, when what a level has in common is known, for the
//! scores. What stays in memory beside one shard: the margins, the nodes under way (see [`super::sums`]), and some 250
//! bytes a series.
use std::{collections::BTreeMap, ops::Range};

use chrono::Days;
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::{
    Boost, City, Fallback, Model, NodeFit, PanelFit, Params, Profiles, SHARD,
    backtest::Backtest,
    base::{self, Choice, Margins, Outcome},
    blend::{self, Group, Tried, Weights},
    boost::Sample,
    passes::{Passes, Ticks},
    plan::Plan,
    reconcile::{Gaps, Reconciler},
    spill::{InMemory, Spill},
    sums::{Passing, Sums},
    track::{Boosting, Context, Kept},
};
use crate::{
    calendar::Calendar,
    hierarchy::{Hierarchy, Level},
    intervals::{
        Values,
        dispersion::{Centre, Errors},
        recalibration::{self, Edges, Pit},
    },
    regressors::Design,
    series::{Panel, Sharded},
};

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
    let city = City { cells: &Sharded::new(panel, SHARD), hierarchy, calendar };
    let mut nodes = vec![None; hierarchy.nodes.len()];
    let mut keep = |node: usize, fit| {
        nodes[node] = Some(fit);
        Ok(())
    };
    let Ok(shared) = fit_by_shard(&city, params, &mut InMemory::default(), &mut keep, progress);
    PanelFit { nodes: nodes.into_iter().flatten().collect(), ..shared }
}

/// [`fit`] of a panel that is larger than memory: `spill` keeps forecasts meanwhile, `keep` takes the fit of every node
/// as it is ready, in any order. The result holds what the nodes have in common, and no nodes.
///
/// # Errors
/// Those of the cells, the spill and of `keep`; what was kept is then worth nothing.
pub fn fit_by_shard<E>(
    city: &City<'_, E>,
    params: &Params,
    spill: &mut dyn Spill<Error = E>,
    keep: &mut dyn FnMut(usize, NodeFit) -> Result<(), E>,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<PanelFit, E> {
    let hierarchy = city.hierarchy;
    let plan = Plan::rolling(city.cells.days(), params);
    let boosting = match params.boosted {
        0 => Boosting::Off,
        _ => Boosting::Learn(base::sampling(hierarchy, &plan)),
    };
    let design = Design::new(city.cells.start(), city.cells.days(), city.calendar);
    let mut context = Context::new(design, plan, boosting);
    if params.profiles {
        context.kept = Kept::Keep;
    }
    let passes = Passes::new(city);
    let ticks = Ticks::new(hierarchy.nodes.len(), 2, progress);
    let mut base = Base::forecast(&passes, &context, spill, &ticks)?;
    let boost = Boost::fit(&base.take_samples(), &context.plan, params.step);
    let first = context.plan.origins.len().saturating_sub(params.origins);
    let companions = base.companions(&passes, &context.plan, first, spill)?;
    let mse = base.own_errors(hierarchy);
    let gaps = std::mem::take(&mut base.gaps);
    let reconciler = Reconciler::new(hierarchy, &base.margins.means(), gaps, &passes.shards, |k| mse[k]);
    let backtest = Backtest { plan: &context.plan, first };
    let mut measured = Measured { passes: &passes, backtest, reconciler, stride: base.stride, spill };
    let (errors, checked) = measured.errors(&mut base)?;
    let centres = centres(hierarchy, &errors, params.horizon);
    let levels =
        levels(hierarchy, backtest, &checked, |k| centres[&hierarchy.nodes[k].level].daily(&errors[k]));
    drop(checked);
    // A day is ahead of several origins.
    let counted = (params.horizon as f64 / params.step.max(1) as f64).max(1.0);
    let node = |k: usize, y: &[f32], means: &[f64]| {
        let level = hierarchy.nodes[k].level;
        let (alpha, growth) = centres[&level].daily(&errors[k]);
        let boosted = boost.as_ref().map_or(1.0, |b| b.dispersion(level.into()));
        let (model, fallback) = base.model_of(hierarchy, k);
        ticks.tick();
        NodeFit {
            model,
            fallback,
            alpha: alpha * boosted,
            values: Values::of(y),
            levels: levels[&level],
            growth,
            alpha_month: centres[&level].monthly(&errors[k], counted),
            mse: mse[k],
            companions: base.groups[k].map_or(Weights::default(), |group| companions[&group]),
            scores: backtest.scores(y, means, (alpha, &growth), levels[&level]),
            evidence: centres[&level].evidence(&errors[k]) / counted,
            profile: Vec::new(),
        }
    };
    measured.each(&base, &node, keep)?;
    progress(hierarchy.nodes.len());
    let columns = || context.design.names().to_vec();
    let origin = city.cells.start() + Days::new(city.cells.days().saturating_sub(1) as u64);
    let profiles = params.profiles.then(|| Profiles { columns: columns(), origin });
    Ok(PanelFit { nodes: Vec::new(), boost, profiles })
}

/// What is kept of the cells' own forecasts once they have passed.
#[derive(Debug)]
struct Base {
    margins: Margins,
    /// By cell.
    cells: Vec<Passed>,
    /// By node.
    groups: Vec<Option<Group>>,
    gaps: Gaps,
    /// Cells' samples, with their nodes.
    samples: Vec<(usize, Vec<Sample>)>,
    /// Numbers of a cell in the spill.
    stride: usize,
}

/// A cell that has passed.
#[derive(Debug)]
struct Passed {
    model: Model,
    fallback: Option<Fallback>,
    mse: f64,
    /// Sum of its coherent means.
    volume: f64,
}

impl Base {
    /// Forecasts the margins, then the cells, whose means go into the spill.
    fn forecast<E>(
        passes: &Passes<'_, E>,
        context: &Context<'_>,
        spill: &mut dyn Spill<Error = E>,
        ticks: &Ticks<'_>,
    ) -> Result<Self, E> {
        let hierarchy = passes.hierarchy;
        let (tick, choice) = (|| ticks.tick(), |_| Choice::Backtest);
        let margins = base::margins(context, hierarchy, passes.margins()?, choice, &tick);
        let width = context.plan.width();
        let columns = if context.kept == Kept::Keep { context.design.names().len() } else { 0 };
        let mut this = Self {
            gaps: Gaps::new(hierarchy, &margins.means(), width),
            cells: Vec::with_capacity(hierarchy.cells.len()),
            groups: vec![None; hierarchy.nodes.len()],
            samples: Vec::new(),
            margins,
            stride: width + columns,
        };
        for (shard, range) in passes.shards.iter().enumerate() {
            let counts = passes.cells.load(shard)?;
            let run = (range, counts.view());
            let mut outcomes = base::cells(context, hierarchy, &this.margins, run, choice, &tick);
            for (i, outcome) in range.clone().zip(&mut outcomes) {
                this.pass(hierarchy, i, &counts.row(i - range.start).to_vec(), outcome);
            }
            let mut block = Vec::with_capacity(range.len() * this.stride);
            for outcome in outcomes {
                block.extend(outcome.means);
                // A series without profile has none of the numbers.
                block.extend((0..columns).map(|c| outcome.profile.get(c).copied().unwrap_or(f32::NAN)));
            }
            this.gaps.add(hierarchy, range, &block, this.stride);
            spill.put(shard, block)?;
        }
        for margin in this.margins.all.iter().filter(|m| m.outcome.model == Model::Glm) {
            let class = hierarchy.nodes[margin.node].level.into();
            this.groups[margin.node] = Some(Group::of(class, &margin.y));
        }
        Ok(this)
    }

    fn pass(&mut self, hierarchy: &Hierarchy, cell: usize, y: &[f32], outcome: &mut Outcome) {
        let own = hierarchy.cells[cell].own;
        if outcome.model == Model::Glm {
            self.groups[own] = Some(Group::of(hierarchy.nodes[own].level.into(), y));
        }
        let samples = std::mem::take(&mut outcome.samples);
        if !samples.is_empty() {
            self.samples.push((own, samples));
        }
        let (model, fallback) = (outcome.model, outcome.fallback.take());
        self.cells.push(Passed { model, fallback, mse: outcome.mse, volume: 0.0 });
    }

    /// Takes all samples out, margins' first, cells' by node: in any order of the cells they are the same.
    fn take_samples(&mut self) -> Vec<Sample> {
        let mut cells = std::mem::take(&mut self.samples);
        cells.sort_by_key(|(own, _)| *own);
        let margins = self.margins.all.iter_mut();
        let mut samples: Vec<Sample> =
            margins.flat_map(|margin| std::mem::take(&mut margin.outcome.samples)).collect();
        samples.extend(cells.into_iter().flat_map(|(_, samples)| samples));
        samples
    }

    /// Weights of the companions by group, from a few series each; their shards are read once more.
    fn companions<E>(
        &self,
        passes: &Passes<'_, E>,
        plan: &Plan,
        first: usize,
        spill: &dyn Spill<Error = E>,
    ) -> Result<BTreeMap<Group, Weights>, E> {
        let tried = blend::tried(&self.groups);
        let mut found: BTreeMap<usize, Tried> = BTreeMap::new();
        let mut cells: Vec<(usize, usize)> = Vec::new();
        for node in tried.values().flatten() {
            match (self.margins.get(*node), passes.hierarchy.nodes[*node].members.last()) {
                (Some(m), _) => drop(found.insert(*node, (m.y.clone(), m.outcome.means.clone()))),
                (None, Some(cell)) => cells.push((*cell as usize, *node)),
                (None, None) => {}
            }
        }
        cells.sort_unstable();
        for (shard, range) in passes.shards.iter().enumerate() {
            let within: Vec<&(usize, usize)> = cells.iter().filter(|(i, _)| range.contains(i)).collect();
            if within.is_empty() {
                continue;
            }
            let (counts, block) = (passes.cells.load(shard)?, spill.get(shard)?);
            for (cell, node) in within {
                let row = cell - range.start;
                let means = block[row * self.stride..][..plan.width()].to_vec();
                found.insert(*node, (counts.row(row).to_vec(), means));
            }
        }
        let tried = tried
            .into_iter()
            .map(|(group, nodes)| (group, nodes.iter().filter_map(|k| found.remove(k)).collect()))
            .collect();
        Ok(blend::learn(plan, &(first..), &tried))
    }

    /// Mean squared error of each node's own forecast: its margin's, its cell's, else the sum of its cells'.
    fn own_errors(&self, hierarchy: &Hierarchy) -> Vec<f64> {
        hierarchy
            .nodes
            .iter()
            .enumerate()
            .map(|(k, node)| match self.margins.get(k) {
                Some(margin) => margin.outcome.mse,
                None => node.members.iter().map(|i| self.cells[*i as usize].mse).sum(),
            })
            .collect()
    }

    /// A cell's or margin's own model; for other aggregates the model most of the expected volume comes from.
    fn model_of(&self, hierarchy: &Hierarchy, k: usize) -> (Model, Option<Fallback>) {
        if let Some(margin) = self.margins.get(k) {
            return (margin.outcome.model, margin.outcome.fallback.clone());
        }
        if let [cell] = hierarchy.nodes[k].members[..] {
            let kept = &self.cells[cell as usize];
            return (kept.model, kept.fallback.clone());
        }
        let mut volume: BTreeMap<Model, f64> = BTreeMap::new();
        for i in &hierarchy.nodes[k].members {
            let kept = &self.cells[*i as usize];
            *volume.entry(kept.model).or_default() += kept.volume;
        }
        let most = volume.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
        (most.map_or(Model::SeasonalNaive, |(model, _)| model), None)
    }
}

/// A node's counts and coherent means.
type Seen = (Vec<f32>, Vec<f64>);

/// Passes over the coherent forecasts of the past.
struct Measured<'a, 'b, E> {
    passes: &'a Passes<'b, E>,
    backtest: Backtest<'a>,
    reconciler: Option<Reconciler>,
    stride: usize,
    spill: &'a dyn Spill<Error = E>,
}

impl<E> Measured<'_, '_, E> {
    /// The coherent means of a shard.
    fn block(&self, shard: usize, range: &Range<usize>) -> Result<Vec<f32>, E> {
        let mut block = self.spill.get(shard)?;
        if let Some(reconciler) = &self.reconciler {
            reconciler.apply(self.passes.hierarchy, range, &mut block, self.stride);
        }
        Ok(block)
    }

    /// Errors of every node, and those nodes whose PITs are looked at; cells learn their volume.
    fn errors(&mut self, base: &mut Base) -> Result<(Vec<Errors>, BTreeMap<usize, Seen>), E> {
        let hierarchy = self.passes.hierarchy;
        let wanted = checked(hierarchy, self.backtest);
        let (width, stride) = (self.backtest.plan.width(), self.stride);
        let mut sums = Sums::new(hierarchy, &self.passes.shards, |_| true);
        let mut errors = vec![Errors::default(); hierarchy.nodes.len()];
        let mut seen = BTreeMap::new();
        for (shard, range) in self.passes.shards.iter().enumerate() {
            let (counts, block) = (self.passes.cells.load(shard)?, self.block(shard, range)?);
            if width > 0 {
                for (kept, means) in base.cells[range.clone()].iter_mut().zip(block.chunks_exact(stride)) {
                    kept.volume = means[..width].iter().map(|m| f64::from(*m)).sum();
                }
            }
            let passing = Passing { shard, counts: counts.view(), values: &block, width, stride };
            let done = sums.pass(passing, f64::from, |k, y, means| {
                let errors = self.backtest.errors(&y, means);
                (errors, wanted[k].then(|| (y, means.to_vec())))
            });
            for (k, (of, kept)) in done {
                errors[k] = of;
                seen.extend(kept.map(|kept| (k, kept)));
            }
        }
        Ok((errors, seen))
    }

    /// What `node` makes of every node's counts and coherent means, with its profile.
    fn each(
        &self,
        base: &Base,
        node: &(impl Fn(usize, &[f32], &[f64]) -> NodeFit + Sync),
        keep: &mut dyn FnMut(usize, NodeFit) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut sums = Sums::new(self.passes.hierarchy, &self.passes.shards, |_| true);
        let (width, stride) = (self.backtest.plan.width(), self.stride);
        for (shard, range) in self.passes.shards.iter().enumerate() {
            let (counts, block) = (self.passes.cells.load(shard)?, self.block(shard, range)?);
            let passing = Passing { shard, counts: counts.view(), values: &block, width, stride };
            let cell_of: FxHashMap<usize, usize> =
                range.clone().map(|i| (self.passes.hierarchy.cells[i].own, i - range.start)).collect();
            for (k, mut fit) in sums.pass(passing, f64::from, |k, y, means| node(k, &y, means)) {
                let of_margin = base.margins.get(k).map(|m| m.outcome.profile.as_slice());
                let of_cell = || Some(&block[cell_of.get(&k)? * stride..][width..stride]);
                let profile = of_margin.or_else(of_cell).unwrap_or_default();
                if profile.first().is_some_and(|b| !b.is_nan()) {
                    fit.profile = profile.to_vec();
                }
                keep(k, fit)?;
            }
        }
        Ok(())
    }
}

fn nodes_by_level(hierarchy: &Hierarchy) -> BTreeMap<Level, Vec<usize>> {
    let mut nodes: BTreeMap<Level, Vec<usize>> = BTreeMap::new();
    for (k, node) in hierarchy.nodes.iter().enumerate() {
        nodes.entry(node.level).or_default().push(k);
    }
    nodes
}

/// Whether a node's PITs are looked at.
fn checked(hierarchy: &Hierarchy, backtest: Backtest<'_>) -> Vec<bool> {
    let mut checked = vec![false; hierarchy.nodes.len()];
    for nodes in nodes_by_level(hierarchy).into_values() {
        nodes.iter().step_by(backtest.every(nodes.len())).for_each(|k| checked[*k] = true);
    }
    checked
}

fn centres(hierarchy: &Hierarchy, errors: &[Errors], horizon: usize) -> BTreeMap<Level, Centre> {
    let mut by_level: BTreeMap<Level, Vec<&Errors>> = BTreeMap::new();
    for (node, errors) in hierarchy.nodes.iter().zip(errors) {
        by_level.entry(node.level).or_default().push(errors);
    }
    by_level.into_iter().map(|(level, of)| (level, Centre::new(of.iter().copied(), horizon))).collect()
}

/// Levels recalibrated for each level of the hierarchy; `dispersion` gives alpha and growth of a node.
fn levels(
    hierarchy: &Hierarchy,
    backtest: Backtest<'_>,
    seen: &BTreeMap<usize, Seen>,
    dispersion: impl Fn(usize) -> (f64, [f64; 4]) + Sync,
) -> BTreeMap<Level, [f64; 5]> {
    let pits = |k: &usize| {
        let (alpha, growth) = dispersion(*k);
        seen.get(k).map_or_else(Vec::new, |(y, means)| backtest.pits(*k, y, means, alpha, &growth))
    };
    let of_level = |level: Level, nodes: Vec<usize>| {
        let checked: Vec<usize> = nodes.into_iter().filter(|k| seen.contains_key(k)).collect();
        let pits: Vec<(Pit, f64)> = checked.par_iter().flat_map_iter(pits).collect();
        // Cells have so few tickets that no band of whole numbers comes near to what it says.
        let edges = if level.topic == 0 || level.district == 0 { Edges::Half } else { Edges::Randomised };
        let n = (backtest.origins() * checked.len()) as f64;
        recalibration::levels(super::QUANTILES, &pits, n, edges)
    };
    nodes_by_level(hierarchy).into_iter().map(|(level, nodes)| (level, of_level(level, nodes))).collect()
}
