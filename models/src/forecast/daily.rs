//! The daily step: one forecast at the newest origin, coherent over cells, days and months.
//!
//! With the profiles of the weekly step nothing is fitted: the level filter runs over the newest days along the stored
//! coefficients. The days since that fit are forecast from its last day as well, and their errors update the
//! dispersion of every node ([`updated`]). Without profiles, and for a series that has none, the GLM is fitted anew.
//! Six days after a fit the update lost nothing against a refit on the development panel (quantile loss 28.73 against
//! 28.76 for cells, 7.08 against 7.09 for the total, 5 origins; bench `update`) and took 0.31 instead of 0.45 ms a
//! series (bench `engine`).
use std::convert::Infallible;

use chrono::{Datelike, Days, Months, NaiveDate};
use rustc_hash::FxHashMap;

use super::{
    City, Horizon, NodeFit, NodeForecast, PanelFit, PanelForecast, QUANTILES, SHARD,
    base::{self, Choice, Margins, Outcome},
    passes::{Passes, Ticks},
    plan::{MIN_DAYS, Plan},
    reconcile::{Gaps, Reconciler},
    spill::{InMemory, Spill},
    sums::{Passing, Sums},
    track::{Boosting, Context, Kept},
};
use crate::{
    calendar::Calendar,
    hierarchy::Hierarchy,
    intervals::{
        Predictive,
        dispersion::{BLOCK, growth_at, updated},
    },
    regressors::Design,
    series::{Panel, Sharded},
};

/// Cells' means are rounded to multiples of 2^-24, so that sums up to 5e8 are exact in any order: totals equal
/// the sum of their parts to the last bit, over cells, days and months alike.
const GRID: f64 = (1_u64 << 24) as f64;

/// Least growth of the monthly dispersion per 28 days of lead: between the first and the sixth month ahead the
/// squared errors of topics and districts of a large city grew by a third to double.
const MONTHLY_DRIFT: f64 = 0.15;

/// Days since the fit whose errors are looked at, at most: a fit is meant to be a week old.
const MOST_SINCE: i64 = 28;

/// What the weekly step learned about nodes, wherever it is kept.
pub trait Fits {
    /// Why it could not be read.
    type Error;

    /// The fits of some nodes, in their order; `None` where there is none.
    ///
    /// # Errors
    /// Those of where fits are kept.
    fn load(&self, nodes: &[usize]) -> Result<Vec<Option<NodeFit>>, Self::Error>;
}

impl Fits for PanelFit {
    type Error = Infallible;

    fn load(&self, nodes: &[usize]) -> Result<Vec<Option<NodeFit>>, Infallible> {
        Ok(nodes.iter().map(|k| self.nodes.get(*k).cloned()).collect())
    }
}

/// One fit at the panel's last day with what the weekly step found, coherent and with quantiles.
///
/// `fitted` holds one entry per node of `hierarchy`, from [`super::fit`]; a node without one gets the GLM and a
/// wide band. A panel without days or cells gives empty forecasts.
pub fn forecast(
    panel: &Panel,
    hierarchy: &Hierarchy,
    calendar: &Calendar,
    fitted: &PanelFit,
    horizon: Horizon,
    progress: &(dyn Fn(usize) + Sync),
) -> PanelForecast {
    let city = City { cells: &Sharded::new(panel, SHARD), hierarchy, calendar };
    let shared =
        PanelFit { nodes: Vec::new(), boost: fitted.boost.clone(), profiles: fitted.profiles.clone() };
    let mut nodes: Vec<Option<(NodeForecast, NodeForecast)>> = vec![None; hierarchy.nodes.len()];
    let mut keep = |node: usize, made| {
        nodes[node] = Some(made);
        Ok(())
    };
    let Ok(months) = forecast_by_shard(
        &city,
        &Issue { fits: fitted, shared: &shared, horizon },
        &mut InMemory::default(),
        &mut keep,
        progress,
    );
    let (daily, monthly) = nodes.into_iter().flatten().unzip();
    PanelForecast { daily, months, monthly }
}

/// What to forecast with, and how far.
#[derive(Clone, Copy)]
pub struct Issue<'a, E> {
    /// Fits of the nodes.
    pub fits: &'a dyn Fits<Error = E>,
    /// What the nodes have in common; its nodes are not read.
    pub shared: &'a PanelFit,
    /// How far.
    pub horizon: Horizon,
}

impl<E> std::fmt::Debug for Issue<'_, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Issue of {:?}", self.horizon)
    }
}

/// [`forecast`] of a panel that is larger than memory: `spill` keeps the cells' forecasts meanwhile, `keep` takes every
/// node's daily and monthly forecast as it is ready, in any order. The result holds the first days of the months.
///
/// # Errors
/// Those of the cells, the fits, the spill and of `keep`; what was kept is then worth nothing.
pub fn forecast_by_shard<E>(
    city: &City<'_, E>,
    issue: &Issue<'_, E>,
    spill: &mut dyn Spill<Error = E>,
    keep: &mut dyn FnMut(usize, (NodeForecast, NodeForecast)) -> Result<(), E>,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Vec<NaiveDate>, E> {
    let City { cells, hierarchy, calendar } = *city;
    let (start, days, horizon) = (cells.start(), cells.days(), issue.horizon);
    let newest = start + Days::new(days.saturating_sub(1) as u64);
    let months = if days == 0 { Vec::new() } else { months_after(newest, horizon.months) };
    let leads = horizon.days.max(months.last().map_or(0, |last| lead_of_end(newest, *last)));
    let design = Design::new(start, days + leads, calendar);
    let contexts = contexts(issue.shared, &design, newest, Plan::newest(days, leads));
    let passes = Passes::new(city);
    let ticks = Ticks::new(hierarchy.nodes.len(), 2, progress);
    let mut base = Base::forecast(&passes, &contexts, issue.fits, spill, &ticks)?;
    let gaps = std::mem::take(&mut base.gaps);
    let (shards, mse) = (&passes.shards, |k: usize| base.mse[k]);
    let reconciler = Reconciler::new(hierarchy, &base.margins(), gaps, shards, mse);
    let spans: Vec<(usize, usize)> =
        months.iter().map(|first| (lead_of_start(newest, *first), lead_of_end(newest, *first))).collect();
    let unknown = NodeFit::unknown();
    let width = contexts.iter().map(|c| c.plan.width()).sum();
    let mut sums = Sums::new(hierarchy, shards, |_| true);
    for (shard, range) in shards.iter().enumerate() {
        let (counts, mut block) = (cells.load(shard)?, spill.get(shard)?);
        if let Some(reconciler) = &reconciler {
            reconciler.apply(hierarchy, range, &mut block, width);
        }
        let fits = Loaded::new(issue.fits, sums.ending(shard))?;
        let passing = Passing { shard, counts: counts.view(), values: &block, width, stride: width };
        let rounded = |mean: f32| (f64::from(mean) * GRID).round() / GRID;
        let made = sums.pass(passing, rounded, |k, y, means| {
            let fit = fits.get(k).unwrap_or(&unknown);
            ticks.tick();
            // Without a day there is no origin and no mean.
            let means = if means.is_empty() { &vec![0.0; leads][..] } else { means };
            let (means, past) = means.split_at(leads);
            let alpha = updated(fit.alpha, fit.evidence, &fit.growth, &y[days - past.len()..], past);
            (by_day(&means[..horizon.days.min(leads)], fit, alpha), by_month(means, &spans, fit))
        });
        for (k, made) in made {
            keep(k, made)?;
        }
    }
    progress(hierarchy.nodes.len());
    Ok(months)
}

/// Forecasts from the newest day, and from the fit's last day over the days since, where profiles were kept.
pub fn contexts<'a>(
    shared: &'a PanelFit,
    design: &Design,
    newest: NaiveDate,
    plan: Plan,
) -> Vec<Context<'a>> {
    let boosting = shared.boost.as_ref().map_or(Boosting::Off, Boosting::Use);
    let context = |plan| Context::new(design.clone(), plan, boosting);
    let Some(profiles) = &shared.profiles else { return vec![context(plan)] };
    let at = |name: &String| profiles.columns.iter().position(|column| column == name);
    let columns: Vec<Option<usize>> = design.names().iter().map(at).collect();
    let since = (newest - profiles.origin).num_days().clamp(0, MOST_SINCE) as usize;
    let past = plan.origins.first().and_then(|origin| origin.checked_sub(since));
    let past = past.filter(|origin| since > 0 && origin + 1 >= MIN_DAYS).map(|origin| Plan {
        origins: vec![origin],
        profiles: plan.profiles.clone(),
        leads: since,
    });
    let measured = past.map(|plan| Context { kept: Kept::Measure(columns.clone()), ..context(plan) });
    std::iter::once(Context { kept: Kept::Use(columns), ..context(plan) }).chain(measured).collect()
}

/// Fits of some nodes.
struct Loaded(FxHashMap<usize, NodeFit>);

impl Loaded {
    fn new<E>(fits: &dyn Fits<Error = E>, nodes: Vec<usize>) -> Result<Self, E> {
        let loaded = fits.load(&nodes)?;
        Ok(Self(nodes.into_iter().zip(loaded).filter_map(|(k, fit)| Some((k, fit?))).collect()))
    }

    fn get(&self, node: usize) -> Option<&NodeFit> {
        self.0.get(&node)
    }
}

/// The series' own forecasts: the cells' are in the spill.
#[derive(Debug)]
struct Base {
    /// The margins' means of all contexts, one after the other, by node.
    margins: Vec<(usize, Vec<f32>)>,
    gaps: Gaps,
    /// Mean squared errors in the fit, of margins and cells, by node.
    mse: Vec<f64>,
}

impl Base {
    fn forecast<E>(
        passes: &Passes<'_, E>,
        contexts: &[Context<'_>],
        fits: &dyn Fits<Error = E>,
        spill: &mut dyn Spill<Error = E>,
        ticks: &Ticks<'_>,
    ) -> Result<Self, E> {
        let (hierarchy, tick) = (passes.hierarchy, || ticks.tick());
        let counts = passes.margins()?;
        let loaded = Loaded::new(fits, counts.iter().map(|(k, _)| *k).collect())?;
        let mut mse = vec![0.0; hierarchy.nodes.len()];
        loaded.0.iter().for_each(|(k, fit)| mse[*k] = fit.mse);
        let choice = |k: usize| Choice::Fixed(loaded.get(k));
        let of = |context| base::margins(context, hierarchy, counts.clone(), choice, &tick);
        let all: Vec<Margins> = contexts.iter().map(of).collect();
        let mut margins: Vec<(usize, Vec<f32>)> = counts.iter().map(|(k, _)| (*k, Vec::new())).collect();
        margins.sort_unstable_by_key(|(k, _)| *k);
        for of in &all {
            for ((_, means), margin) in margins.iter_mut().zip(&of.all) {
                means.extend_from_slice(&margin.outcome.means);
            }
        }
        let width = contexts.iter().map(|c| c.plan.width()).sum();
        let mut this = Self { gaps: Gaps::default(), margins, mse };
        this.gaps = Gaps::new(hierarchy, &this.margins(), width);
        for (shard, range) in passes.shards.iter().enumerate() {
            let counts = passes.cells.load(shard)?;
            let own = hierarchy.cells[range.clone()].iter().map(|c| c.own).collect();
            let loaded = Loaded::new(fits, own)?;
            loaded.0.iter().for_each(|(k, fit)| this.mse[*k] = fit.mse);
            let choice = |k: usize| Choice::Fixed(loaded.get(k));
            let run = (range, counts.view());
            let of = |(context, margins)| base::cells(context, hierarchy, margins, run, choice, &tick);
            let outcomes: Vec<Vec<Outcome>> = contexts.iter().zip(&all).map(of).collect();
            let rows = (0..range.len()).flat_map(|row| outcomes.iter().map(move |of| &of[row].means));
            let block: Vec<f32> = rows.flatten().copied().collect();
            this.gaps.add(hierarchy, range, &block, width);
            spill.put(shard, block)?;
        }
        Ok(this)
    }

    fn margins(&self) -> Vec<(usize, &[f32])> {
        self.margins.iter().map(|(k, means)| (*k, means.as_slice())).collect()
    }
}

/// First days of the `n` calendar months that lie wholly after `origin`.
fn months_after(origin: NaiveDate, n: usize) -> Vec<NaiveDate> {
    let next = origin + Days::new(1);
    let first = next.with_day(1).unwrap_or(next);
    let skip = u32::from(first < next);
    (0..n as u32).map(|k| first + Months::new(k + skip)).collect()
}

/// Lead of the month's first day from the newest day.
fn lead_of_start(newest: NaiveDate, first: NaiveDate) -> usize {
    (first - newest).num_days().max(0) as usize
}

/// Lead of the month's last day.
fn lead_of_end(newest: NaiveDate, first: NaiveDate) -> usize {
    lead_of_start(newest, first + Months::new(1)).saturating_sub(1)
}

fn by_day(means: &[f64], fit: &NodeFit, alpha: f64) -> NodeForecast {
    let quantiles = (1..).zip(means).map(|(lead, mean)| {
        let alpha = alpha * growth_at(&fit.growth, lead);
        Predictive::new(fit.values, *mean, alpha).quantiles(fit.levels)
    });
    NodeForecast { quantiles: quantiles.collect(), mean: means.to_vec() }
}

/// Months as sums of days. Their dispersion grows like the daily one from the middle of the first block on, but at
/// least by [`MONTHLY_DRIFT`]: independent days average out in a month, the drift of the level does not.
fn by_month(means: &[f64], spans: &[(usize, usize)], fit: &NodeFit) -> NodeForecast {
    let first = growth_at(&fit.growth, BLOCK / 2);
    let mean: Vec<f64> = spans.iter().map(|(from, to)| means[from - 1..*to].iter().sum()).collect();
    let quantiles = mean.iter().zip(spans).map(|(mean, (from, to))| {
        let middle = (from + to) / 2;
        let drift = 1.0 + MONTHLY_DRIFT * middle.saturating_sub(BLOCK / 2) as f64 / BLOCK as f64;
        let growth = growth_at(&fit.growth, middle) / first;
        Predictive::new(fit.values, *mean, fit.alpha_month * growth.max(drift)).quantiles(QUANTILES)
    });
    NodeForecast { quantiles: quantiles.collect(), mean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_start_after_the_origin() {
        let months = |day: &str| {
            months_after(day.parse().unwrap(), 2).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(months("2024-01-31"), ["2024-02-01", "2024-03-01"]);
        assert_eq!(months("2024-02-01"), ["2024-03-01", "2024-04-01"]);
        assert_eq!(months("2024-12-30"), ["2025-01-01", "2025-02-01"]);
    }
}
