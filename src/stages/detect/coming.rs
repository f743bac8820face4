//! Coming weeks that are forecast above their seasonal norm.
use rustc_hash::FxHashMap;
use weisu_models::{
    forecast::NodeFit,
    hotspot::{
        drivers::{self, Part},
        exceedance::{Rule, exceedance, same_weeks},
    },
    intervals::{NegativeBinomial, dispersion::growth_at},
};

use super::{Finding, Found, Scene};
use crate::{
    aggregate::CityPanel,
    stages::{Cx, Progress},
    store::{Run, SeriesKey, alarms::Kind, alerts::Compare, details::Details},
    ticket::Day,
};

/// Weeks ahead that are looked at.
pub const WEEKS: i32 = 6;
/// Children named with an alarm.
const DRIVERS: usize = 5;

/// Expected sums of the coming weeks of a node, and the dispersion they have.
#[derive(Debug, Clone)]
pub struct Coming {
    /// Expected tickets of week 0, 1, ….
    pub means: Vec<f64>,
    /// What the fit says of the node.
    pub fit: NodeFit,
}

/// Reads the forecast of the coming weeks by node; nodes that expect too few tickets to alarm are left out.
pub async fn read(
    cx: &Cx,
    forecast: &Run,
    origin: Day,
    city: &CityPanel,
    ids: &FxHashMap<SeriesKey, i32>,
) -> anyhow::Result<FxHashMap<usize, Coming>> {
    let fit_run = cx.store.fit_of_forecast(forecast).await?;
    let fits: FxHashMap<i32, NodeFit> = cx
        .store
        .fits(fit_run)
        .await?
        .into_iter()
        .filter_map(|row| Some((row.series, serde_json::from_str(&row.fit).ok()?)))
        .collect();
    let nodes: FxHashMap<i32, usize> =
        city.keys.iter().enumerate().filter_map(|(k, key)| Some((*ids.get(key)?, k))).collect();
    let mut out: FxHashMap<usize, Coming> = FxHashMap::default();
    for (series, week, mean) in cx.store.weekly_means(forecast.id, origin, WEEKS).await? {
        let (Some(node), Some(fit)) = (nodes.get(&series), fits.get(&series)) else { continue };
        let coming =
            out.entry(*node).or_insert_with(|| Coming { means: vec![0.0; WEEKS as usize], fit: fit.clone() });
        coming.means[week as usize] = mean;
    }
    Ok(out)
}

/// Weeks whose lower bound is above the norm and its margin: the first such week of each node.
pub fn find(scene: &Scene, _: &dyn Progress) -> anyhow::Result<Found> {
    let Scene { weeks, settings, origin, alignment, .. } = scene;
    let rule = Rule {
        margin: settings.exceedance_margin,
        min_count: f64::from(settings.min_count),
        ..Rule::default()
    };
    let mut nodes: Vec<(&usize, &Coming)> = weeks.iter().collect();
    nodes.sort_unstable_by_key(|(k, _)| **k);
    let mut found = Vec::new();
    for (node, coming) in nodes {
        let series = scene.series(*node);
        let first = (0..WEEKS).find_map(|week| {
            let mean = coming.means[week as usize];
            let from = origin.plus(1 + 7 * week);
            let past = same_weeks(scene.city.panel.start, &series, from.date(), *alignment);
            let sum = NegativeBinomial::new(mean, alpha_of_week(&coming.fit, week));
            let e = exceedance(&sum, &past, rule).filter(|e| e.alarms())?;
            Some((week, from, past, e, sum))
        });
        let Some((week, from, past, e, sum)) = first else { continue };
        let last_week: f64 = series[series.len().saturating_sub(7)..].iter().map(|y| f64::from(*y)).sum();
        found.push(Finding {
            node: *node,
            window: (from, from.plus(6)),
            kind: Kind::ForecastExceedance,
            method: "seasonal_norm",
            observed: None,
            expected: e.forecast,
            normal: e.norm,
            lower: Some(e.lower),
            bound: sum.quantile(1.0 - rule.lower_level) as f64,
            p_value: (1.0 - e.probability).max(1e-12),
            score: e.score,
            lead_days: 1 + 7 * week,
            drivers: explain(scene, *node, week, from),
            compare: Compare {
                last_week: Some(last_week).filter(|n| n.is_finite()),
                last_year: past.first().copied(),
                norm: Some(e.norm),
            },
            details: Details::default(),
        });
    }
    Ok(Found { findings: found, ..Found::default() })
}

/// Dispersion of a week's sum, between that of a day and that of a month.
///
/// With a part c of the relative error common to all days and a part i of each day's own, a day has alpha = c + i
/// and a sum over n days of about equal size c + i/n; day and month give c and i.
fn alpha_of_week(fit: &NodeFit, week: i32) -> f64 {
    let day = fit.alpha * growth_at(&fit.growth, (4 + 7 * week) as usize);
    let own = ((day - fit.alpha_month) * 28.0 / 27.0).max(0.0);
    (day - own).max(0.0) + own / 7.0
}

/// The children whose coming week rises most over their own norm.
fn explain(scene: &Scene, node: usize, week: i32, from: Day) -> Vec<(usize, f64, f64, f64)> {
    let children = scene.kin.children(node);
    let part = |child: &u32| -> Option<Part> {
        let coming = scene.weeks.get(&(*child as usize))?;
        let series = scene.series(*child as usize);
        let past = same_weeks(scene.city.panel.start, &series, from.date(), scene.alignment);
        let norm = past.iter().sum::<f64>() / past.len().max(1) as f64;
        (!past.is_empty()).then_some(Part { observed: coming.means[week as usize], expected: norm })
    };
    let parts: Vec<Part> =
        children.iter().map(|c| part(c).unwrap_or(Part { observed: f64::NAN, expected: f64::NAN })).collect();
    drivers::drivers(&parts, DRIVERS)
        .into_iter()
        .map(|d| (children[d.child] as usize, d.observed, d.observed - d.excess, d.share))
        .collect()
}
