//! Base forecasts: every cell and every margin (all districts of a topic, all topics of a district, the total)
//! by its own model, before they are made to add up.
use std::ops::Range;

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::{
    Fallback, Model, NodeFit, blend,
    boost::{self, Around, Boost, Class, Sample, Sampling},
    mstl,
    plan::{MIN_DAYS, Plan},
    seasonal_naive,
    tame::{tame, usual_for_impossible},
    track::{Boosting, Context, Parents, Track, track},
};
use crate::{
    hierarchy::Hierarchy,
    intervals::dispersion::{alpha_within_reach, within, within_reach},
};

/// Mean daily count below which a decomposition is not tried: it cannot tell a weekday pattern from noise.
const MSTL_MIN_RATE: f64 = 1.0;
/// The decomposition must beat the GLM by this factor in squared error to be chosen over it.
const MSTL_MARGIN: f64 = 0.95;
/// With fewer tickets in the scored days a comparison says nothing, and the pooled model stays.
const MIN_SCORED_COUNT: f64 = 10.0;
/// The same where the scored days have less than this share of the usual count: a dead season does not tell which
/// model knows the coming one.
const MIN_SCORED_SHARE: f64 = 0.5;

/// Newest days in which the seasonal naive looks for impossible ones, which it would repeat week after week.
const NAIVE_DAYS: usize = 70;

/// Standard deviations beyond which nothing is learned from how far a day is off. Rises happen, so that a nearer bound
/// would teach that forecasts are too high: at 6, the four official origins of the development panel lost 1 %.
const IMPOSSIBLE: f64 = 20.0;

/// Base forecasts of one series.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The model used.
    pub model: Model,
    /// Why it is not another one.
    pub fallback: Option<Fallback>,
    /// Mean squared error over the plan's origins; the mean count where nothing could be scored.
    pub mse: f64,
    /// Forecast means, origin by origin, lead by lead.
    pub means: Vec<f32>,
    /// Some of them with what came, where boosting learns.
    pub samples: Vec<Sample>,
    /// Coefficients at the last day, where they are to be kept.
    pub profile: Vec<f32>,
    /// The GLM, where it was fitted.
    pub track: Option<Track>,
}

/// Nodes that have a forecast of their own, ascending, with their counts and it.
#[derive(Debug)]
pub struct Margins {
    /// By node.
    pub all: Vec<Margin>,
}

/// All districts of a topic, all topics of a district, or the total.
#[derive(Debug)]
pub struct Margin {
    /// Its node.
    pub node: usize,
    /// Its counts.
    pub y: Vec<f32>,
    /// Its forecasts.
    pub outcome: Outcome,
}

impl Margins {
    /// Nodes with their own means, ascending.
    pub fn means(&self) -> Vec<(usize, &[f32])> {
        self.all.iter().map(|m| (m.node, m.outcome.means.as_slice())).collect()
    }

    /// A margin by its node.
    pub fn get(&self, node: usize) -> Option<&Margin> {
        self.all.binary_search_by_key(&node, |m| m.node).ok().map(|at| &self.all[at])
    }
}

/// How a series gets its model.
#[derive(Debug, Clone, Copy)]
pub enum Choice<'a> {
    /// By its errors at the plan's origins.
    Backtest,
    /// As the weekly step found.
    Fixed(Option<&'a NodeFit>),
}

/// Forecasts the margins from their counts, in parallel; `choice` says how node `k` gets its model.
pub fn margins<'a>(
    context: &Context<'_>,
    hierarchy: &Hierarchy,
    counts: Vec<(usize, Vec<f32>)>,
    choice: impl Fn(usize) -> Choice<'a> + Sync,
    tick: &(dyn Fn() + Sync),
) -> Margins {
    let forecast = |(node, y): (usize, Vec<f32>)| {
        let place = Place { node, class: hierarchy.nodes[node].level.into(), parents: None };
        let outcome = series(context, &y, place, choice(node));
        tick();
        Margin { node, y, outcome }
    };
    let mut all: Vec<Margin> = counts.into_par_iter().map(forecast).collect();
    all.sort_unstable_by_key(|m| m.node);
    Margins { all }
}

/// Forecasts a run of cells from their counts (one row each), in parallel.
pub fn cells<'a>(
    context: &Context<'_>,
    hierarchy: &Hierarchy,
    margins: &Margins,
    (range, counts): (&Range<usize>, ArrayView2<'_, f32>),
    choice: impl Fn(usize) -> Choice<'a> + Sync,
    tick: &(dyn Fn() + Sync),
) -> Vec<Outcome> {
    let forecast = |i: usize| {
        let own = hierarchy.cells[i].own;
        if let Some(margin) = margins.get(own) {
            let outcome = &margin.outcome;
            return Outcome { track: None, samples: Vec::new(), ..outcome.clone() };
        }
        let y = counts.row(i - range.start).to_vec();
        let place = Place { node: own, class: Class::Cell, parents: parents(margins, hierarchy, i) };
        let mut outcome = series(context, &y, place, choice(own));
        outcome.track = None;
        tick();
        outcome
    };
    range.clone().into_par_iter().map(forecast).collect()
}

/// How much of a panel's past forecasts boosting learns from.
pub fn sampling(hierarchy: &Hierarchy, plan: &Plan) -> Sampling {
    let margins = (0..hierarchy.nodes.len()).filter(|k| is_margin(hierarchy, *k)).count();
    Sampling::new(hierarchy.cells.len(), margins, plan.width())
}

/// Whether a node is one over all districts or over all topics.
pub fn is_margin(hierarchy: &Hierarchy, node: usize) -> bool {
    let level = hierarchy.nodes[node].level;
    level.topic == 0 || level.district == 0
}

fn parents<'a>(margins: &'a Margins, hierarchy: &Hierarchy, cell: usize) -> Option<Parents<'a>> {
    let track = |node| margins.get(node).and_then(|margin| margin.outcome.track.as_ref());
    let nodes = hierarchy.cells[cell];
    Some(Parents { topic: track(nodes.topic)?, district: track(nodes.district)?, total: track(0)? })
}

/// Where a series stands, and what it borrows from.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Its node.
    pub node: usize,
    /// What boosting takes it for.
    pub class: Class,
    /// What it borrows from.
    pub parents: Option<Parents<'a>>,
}

/// One series: its model's forecasts, then what boosting asks for.
fn series(context: &Context<'_>, y: &[f32], place: Place<'_>, choice: Choice<'_>) -> Outcome {
    let mut outcome = own_forecast(context, y, place.parents, choice);
    if let Some(track) = &outcome.track {
        outcome.profile = track.newest().iter().map(|b| *b as f32).collect();
    }
    // What is published because nothing beat it is published as it is.
    if outcome.model == Model::SeasonalNaive {
        return outcome;
    }
    let Some(mut track) = outcome.track.take() else { return outcome };
    match context.boosting {
        Boosting::Off => {}
        Boosting::Learn(sampling) => {
            outcome.samples = samples(context, y, place, sampling, &mut track, &outcome.means);
        }
        Boosting::Use(boost) => boosted(context, y, place, boost, &mut track, &mut outcome.means),
    }
    if let Choice::Fixed(Some(NodeFit { model: Model::Glm, companions, .. })) = choice
        && !context.kept.is_measured()
    {
        let known = context.plan.origins.last().map_or(0, |origin| origin + 1);
        blend::mix(companions, &y[..known], &mut outcome.means);
    }
    outcome.track = Some(track);
    outcome
}

/// Multiplies the means by what the series have in common; the levels are kept for cells.
pub fn boosted(
    context: &Context<'_>,
    y: &[f32],
    place: Place<'_>,
    boost: &Boost,
    track: &mut Track,
    means: &mut [f32],
) {
    for (at, means) in means.chunks_exact_mut(context.plan.leads.max(1)).enumerate() {
        let own = track.signals_at(context, y, at);
        let around =
            Around { class: place.class, own: &own, parents: place.parents.and_then(|p| p.signals(at)) };
        let profile = |lead| track.profile(context, at, lead);
        let factors = boost.factors(&context.design, &context.special, &around, means.len(), profile);
        for (mean, factor) in means.iter_mut().zip(factors) {
            *mean = (f64::from(*mean) * factor) as f32;
        }
        track.signals.push(own.levels);
    }
}

/// Forecasts of the past to learn from; a margin's levels are kept for its cells.
fn samples(
    context: &Context<'_>,
    y: &[f32],
    place: Place<'_>,
    sampling: Sampling,
    track: &mut Track,
    means: &[f32],
) -> Vec<Sample> {
    let plan = &context.plan;
    let mut out = Vec::new();
    for (at, origin) in plan.origins.iter().enumerate() {
        let taken: Vec<usize> =
            (1..=plan.leads).filter(|lead| sampling.takes(place.class, place.node, at, *lead)).collect();
        if taken.is_empty() && place.parents.is_some() {
            continue;
        }
        let own = track.signals_at(context, y, at);
        let around =
            Around { class: place.class, own: &own, parents: place.parents.and_then(|p| p.signals(at)) };
        for lead in taken {
            let (count, mean) = (y[origin + lead], means[at * plan.leads + lead - 1]);
            if Sampling::is_usable(mean, count) {
                let profile = track.profile(context, at, lead);
                let x = boost::row(&context.design, &context.special, &around, lead, profile);
                let y = within(IMPOSSIBLE, f64::from(count), f64::from(mean), own.alpha) as f32;
                out.push(Sample { x, origin: at, class: place.class, y, mean });
            }
        }
        if place.parents.is_none() {
            track.signals.push(own.levels);
        }
    }
    out
}

/// The forecast by the chosen model, before anything is shared or mixed in.
pub fn own_forecast(
    context: &Context<'_>,
    y: &[f32],
    parents: Option<Parents<'_>>,
    choice: Choice<'_>,
) -> Outcome {
    let known = y.iter().filter(|v| !v.is_nan());
    let (days, count) = known.fold((0, 0.0), |(n, sum), v| (n + 1, sum + f64::from(*v)));
    let given = match choice {
        Choice::Fixed(Some(fit)) => context.kept.beta(&fit.profile),
        _ => None,
    };
    let fitted = match choice {
        _ if days < MIN_DAYS => Err(Fallback::ShortHistory { days }),
        Choice::Fixed(Some(fit)) if fit.model == Model::SeasonalNaive && parents.is_some() => {
            Err(Fallback::NotBetter)
        }
        _ => track(context, y, parents, given.as_deref())
            .map_err(|e| Fallback::FitFailed { message: e.to_string() }),
    };
    let rate = count / days.max(1) as f64;
    let plan = &context.plan;
    let counts = within_reach_of(fitted.as_ref().ok().map(|track| &track.means[..]), plan, y);
    let candidates = Candidates { plan, y, counts, naive: naive(plan, y), rate };
    match (choice, fitted) {
        (Choice::Backtest, Ok(track)) => candidates.select(track),
        (Choice::Backtest, Err(fallback)) => candidates.naive(Some(fallback), None),
        (Choice::Fixed(fit), fitted) => {
            let model = fit.map_or(Model::Glm, |f| f.model);
            let alone = model == Model::Mstl && context.kept.is_measured();
            candidates.fixed(if alone { Model::Glm } else { model }, fitted.ok())
        }
    }
}

fn naive(plan: &Plan, y: &[f32]) -> Vec<f32> {
    let of = |origin: &usize| {
        let mut known = y[..=*origin].to_vec();
        let newest = known.len().saturating_sub(NAIVE_DAYS);
        let usual = usual_for_impossible(&known[newest..]);
        known[newest..].copy_from_slice(&usual);
        seasonal_naive::forecast(&known, plan.leads)
    };
    plan.origins.iter().flat_map(of).collect()
}

fn decomposition<'a>(
    plan: &Plan,
    y: &[f32],
    origins: impl Iterator<Item = &'a usize>,
) -> Result<Vec<f32>, String> {
    let mut means = Vec::with_capacity(plan.width());
    for origin in origins {
        means.extend(mstl::forecast(&tame(&y[..=*origin]), plan.leads)?);
    }
    Ok(means)
}

/// The count of every target day, NaN where it is not known. What is out of reach of the GLM's forecasts is brought within it:
/// one fault of the data would else choose the model, and leave the series to be whatever its neighbours add up to.
fn within_reach_of(glm: Option<&[f32]>, plan: &Plan, y: &[f32]) -> Vec<f64> {
    let mut counts: Vec<f64> = plan.targets().map(|t| y.get(t).map_or(f64::NAN, |y| f64::from(*y))).collect();
    if let Some(glm) = glm {
        let days = || counts.iter().zip(glm).filter(|(y, _)| !y.is_nan());
        let alpha = alpha_within_reach(|| days().map(|(y, mean)| (*y, f64::from(*mean))));
        counts.iter_mut().zip(glm).for_each(|(y, mean)| *y = within_reach(*y, f64::from(*mean), alpha));
    }
    counts
}

/// One series with what is needed to choose among its models.
struct Candidates<'a> {
    plan: &'a Plan,
    y: &'a [f32],
    /// See [`within_reach_of`].
    counts: Vec<f64>,
    naive: Vec<f32>,
    rate: f64,
}

impl Candidates<'_> {
    /// The GLM unless the decomposition is clearly better; the seasonal naive where neither beats it.
    fn select(self, track: Track) -> Outcome {
        if self.rate == 0.0 {
            let means = track.means.clone();
            return self.outcome(Model::Glm, Some(Fallback::AllZero), means, Some(track));
        }
        let known = self.counts.iter().filter(|y| !y.is_nan());
        let (days, scored) = known.fold((0.0, 0.0), |(n, sum), y| (n + 1.0, sum + y));
        if scored < MIN_SCORED_COUNT || scored < MIN_SCORED_SHARE * self.rate * days {
            let means = track.means.clone();
            return self.outcome(Model::Glm, None, means, Some(track));
        }
        let (model, means) = match self.better_decomposition(&track) {
            Some(means) => (Model::Mstl, means),
            None => (Model::Glm, track.means.clone()),
        };
        if self.mse(&means) < self.mse(&self.naive) {
            self.outcome(model, None, means, Some(track))
        } else {
            self.naive(Some(Fallback::NotBetter), Some(track))
        }
    }

    /// The decomposition's forecasts if it beats the GLM where profiles are fitted.
    fn better_decomposition(&self, track: &Track) -> Option<Vec<f32>> {
        if self.rate < MSTL_MIN_RATE {
            return None;
        }
        let firsts: Vec<usize> = self.plan.profiles.iter().map(|range| range.start).collect();
        let tried = decomposition(self.plan, self.y, firsts.iter().map(|at| &self.plan.origins[*at])).ok()?;
        let (mut own, mut glm) = (0.0, 0.0);
        for (k, at) in firsts.iter().enumerate() {
            for lead in 1..=self.plan.leads {
                let y = self.counts[at * self.plan.leads + lead - 1];
                if !y.is_nan() {
                    own += (y - f64::from(tried[k * self.plan.leads + lead - 1])).powi(2);
                    glm += (y - f64::from(track.means[at * self.plan.leads + lead - 1])).powi(2);
                }
            }
        }
        if own >= MSTL_MARGIN * glm {
            return None;
        }
        decomposition(self.plan, self.y, self.plan.origins.iter()).ok()
    }

    /// The model the weekly step chose, at the newest origin; nothing to compare with.
    fn fixed(self, model: Model, track: Option<Track>) -> Outcome {
        let means = match (model, &track) {
            (Model::Glm, Some(track)) => track.means.clone(),
            (Model::Mstl, Some(track)) => match decomposition(self.plan, self.y, self.plan.origins.iter()) {
                Ok(means) => blend::with_seasons_of(means, &track.means),
                Err(_) => track.means.clone(),
            },
            _ => return self.naive(None, track),
        };
        Outcome { model, fallback: None, mse: 0.0, means, samples: Vec::new(), profile: Vec::new(), track }
    }

    fn naive(mut self, fallback: Option<Fallback>, track: Option<Track>) -> Outcome {
        let means = std::mem::take(&mut self.naive);
        self.outcome(Model::SeasonalNaive, fallback, means, track)
    }

    fn outcome(
        &self,
        model: Model,
        fallback: Option<Fallback>,
        means: Vec<f32>,
        track: Option<Track>,
    ) -> Outcome {
        let mse = self.mse(&means);
        Outcome { model, fallback, mse, means, samples: Vec::new(), profile: Vec::new(), track }
    }

    fn mse(&self, means: &[f32]) -> f64 {
        let errors = self.counts.iter().zip(means).filter(|(y, _)| !y.is_nan());
        let (sum, n) =
            errors.fold((0.0, 0_usize), |(sum, n), (y, mean)| (sum + (y - f64::from(*mean)).powi(2), n + 1));
        if n == 0 { self.rate } else { sum / n as f64 }
    }
}
