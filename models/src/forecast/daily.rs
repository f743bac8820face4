//! The daily step: one forecast at the newest origin, coherent over cells, days and months.
use chrono::{Datelike, Months, NaiveDate};
use rayon::prelude::*;

use super::{
    Horizon, NodeFit, NodeForecast, PanelFit, PanelForecast, QUANTILES,
    base::{self, Base, Choice},
    plan::Plan,
    reconcile::Reconciler,
    track::{Boosting, Context},
};
use crate::{
    calendar::Calendar,
    hierarchy::Hierarchy,
    intervals::{
        Predictive,
        dispersion::{BLOCK, growth_at},
    },
    regressors::Design,
    series::Panel,
};

/// Cells' means are rounded to multiples of 2^-24, so that sums up to 5e8 are exact in any order: totals equal
/// the sum of their parts to the last bit, over cells, days and months alike.
const GRID: f64 = (1_u64 << 24) as f64;

/// Least growth of the monthly dispersion per 28 days of lead: between the first and the sixth month ahead the
/// squared errors of topics and districts of a large city grew by a third to double.
const MONTHLY_DRIFT: f64 = 0.15;

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
    let months = panel.origin().map_or_else(Vec::new, |origin| months_after(origin, horizon.months));
    let leads = horizon.days.max(months.last().map_or(0, |last| lead_of_end(panel, *last)));
    let fits = &fitted.nodes;
    let design = Design::new(panel.start, panel.days() + leads, calendar);
    let boosting = fitted.boost.as_ref().map_or(Boosting::Off, Boosting::Use);
    let context = Context::new(design, Plan::newest(panel.days(), leads), boosting);
    let mut base = base::forecasts(&context, panel, hierarchy, |k| Choice::Fixed(fits.get(k)), progress);
    let weight = |k: usize| fits.get(k).map_or(0.0, |fit| fit.mse);
    if let Some(reconciler) = Reconciler::new(hierarchy, &base, weight) {
        reconciler.apply(hierarchy, &mut base);
    }
    let spans: Vec<(usize, usize)> =
        months.iter().map(|first| (lead_of_start(panel, *first), lead_of_end(panel, *first))).collect();
    let nodes: Vec<(NodeForecast, NodeForecast)> = (0..hierarchy.nodes.len())
        .into_par_iter()
        .map(|k| {
            let means = means(hierarchy, &base, k, leads);
            let unknown = NodeFit::unknown();
            let fit = fits.get(k).unwrap_or(&unknown);
            (by_day(&means[..horizon.days.min(leads)], fit), by_month(&means, &spans, fit))
        })
        .collect();
    progress(hierarchy.nodes.len());
    let (daily, monthly) = nodes.into_iter().unzip();
    PanelForecast { daily, months, monthly }
}

/// First days of the `n` calendar months that lie wholly after `origin`.
fn months_after(origin: NaiveDate, n: usize) -> Vec<NaiveDate> {
    let next = origin + chrono::Days::new(1);
    let first = next.with_day(1).unwrap_or(next);
    let skip = u32::from(first < next);
    (0..n as u32).map(|k| first + Months::new(k + skip)).collect()
}

/// Lead of the month's first day.
fn lead_of_start(panel: &Panel, first: NaiveDate) -> usize {
    let last_day = panel.days().saturating_sub(1);
    (first - panel.date(last_day)).num_days().max(0) as usize
}

/// Lead of the month's last day.
fn lead_of_end(panel: &Panel, first: NaiveDate) -> usize {
    lead_of_start(panel, first + Months::new(1)).saturating_sub(1)
}

fn means(hierarchy: &Hierarchy, base: &Base, k: usize, leads: usize) -> Vec<f64> {
    let mut sum = vec![0.0; leads];
    for i in &hierarchy.nodes[k].members {
        for (s, mean) in sum.iter_mut().zip(&base.cells[*i as usize].means) {
            *s += (f64::from(*mean) * GRID).round() / GRID;
        }
    }
    sum
}

fn by_day(means: &[f64], fit: &NodeFit) -> NodeForecast {
    let quantiles = (1..).zip(means).map(|(lead, mean)| {
        let alpha = fit.alpha * growth_at(&fit.growth, lead);
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
