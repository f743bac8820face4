//! Seasons that are about to begin: announced some weeks ahead, where the date is sure enough.
//!
//! A season comes to the whole city, so topics are looked at over all districts; districts are named as drivers. The
//! alert is one from the first announcement on. As the stages of `detect.onset_days` pass, its date and interval
//! are brought up to date and it grows more urgent, which is told; when the season has begun it is
//! resolved.
use rustc_hash::FxHashMap;
use weisu_models::{
    forecast::NodeFit,
    hotspot::{
        drivers::{self, Part},
        season::{Ahead, Arrival, Outlook, Timing, WEEK, Weekly, Yearly, outlook},
    },
};

use super::{Finding, Found, Scene};
use crate::{
    aggregate::CityPanel,
    stages::{Cx, Progress},
    store::{
        Run, SeriesKey,
        alarms::Kind,
        alerts::Compare,
        details::{Details, OnsetDetails, OnsetStatus},
    },
    ticket::Day,
};

/// Children named with an alarm.
const DRIVERS: usize = 5;

/// Daily means and the fit of a series that is forecast.
pub type Days = (Vec<f64>, NodeFit);

/// Nodes of topics over the whole city.
pub fn topics(city: &CityPanel) -> Vec<usize> {
    let is = |key: &SeriesKey| key.district == 0 && key.topic != 0;
    city.keys.iter().enumerate().filter(|(_, key)| is(key)).map(|(k, _)| k).collect()
}

/// Daily means and fits of some nodes, by node; those that are not forecast are left out.
pub async fn read(
    cx: &Cx,
    forecast: &Run,
    origin: Day,
    (city, nodes): (&CityPanel, &[usize]),
    ids: &FxHashMap<SeriesKey, i32>,
) -> anyhow::Result<FxHashMap<usize, Days>> {
    let series: FxHashMap<i32, usize> =
        nodes.iter().filter_map(|k| Some((*ids.get(city.keys.get(*k)?)?, *k))).collect();
    let mut keys: Vec<i32> = series.keys().copied().collect();
    keys.sort_unstable();
    let fit_run = cx.store.fit_of_forecast(forecast).await?;
    let mut fits: FxHashMap<i32, NodeFit> = cx
        .store
        .fits_of(fit_run, &keys)
        .await?
        .into_iter()
        .filter_map(|(series, fit)| Some((series, serde_json::from_str(&fit).ok()?)))
        .collect();
    let mut means: FxHashMap<i32, Vec<f64>> = FxHashMap::default();
    for (series, lead, mean) in cx.store.daily_means(forecast.id, origin, &keys).await? {
        let days = means.entry(series).or_default();
        // Leads follow each other; a hole would move every later day.
        if lead as usize == days.len() + 1 {
            days.push(mean);
        }
    }
    let of =
        |(id, days)| Some((*series.get(&id)?, (days, fits.remove(&id).unwrap_or_else(NodeFit::unknown))));
    Ok(means.into_iter().filter_map(of).collect())
}

/// Seasons whose expected begin is near and sure enough.
pub fn find(scene: &Scene, _: &dyn Progress) -> anyhow::Result<Found> {
    let mut nodes: Vec<(&usize, &Days)> = scene.days.iter().collect();
    nodes.sort_unstable_by_key(|(k, _)| **k);
    let found = nodes.into_iter().filter_map(|(node, (means, fit))| season(scene, *node, means, fit));
    Ok(Found { findings: found.collect(), ..Found::default() })
}

fn season(scene: &Scene, node: usize, means: &[f64], fit: &NodeFit) -> Option<Finding> {
    let weekly = Weekly::new(scene.city.panel.start, &scene.series(node));
    let yearly = Yearly::new(&weekly)?;
    let ahead = Ahead::weeks(means, fit, weekly.open, weekly.open_days);
    let Arrival::Ahead(onset) = outlook(&weekly, &yearly, &ahead, scene.alignment) else { return None };
    let told = onset.told(&yearly, &weekly, &ahead, scene.alignment)?;
    let lead = (told.date - scene.origin.date()).num_days();
    let stage = stage(&scene.settings.onset_days, lead)?;
    let many = yearly.threshold >= f64::from(scene.settings.min_count);
    if told.near < scene.settings.onset_confidence || !many {
        return None;
    }
    // The week that it begins in; the one under way where that is earlier.
    let at = ((told.date - weekly.monday(weekly.sums.len())).num_days().max(0) as usize) / WEEK;
    let week = ahead.get(at)?;
    let [lower, upper] = week.distribution().quantiles([0.1, 0.9]).map(|n| week.known + n as f64);
    let window = (Day::from(told.interval.0), Day::from(told.interval.1));
    Some(Finding {
        node,
        window,
        kind: Kind::SeasonOnset,
        method: "two_in_two_out",
        observed: None,
        expected: week.expected(),
        normal: yearly.level,
        lower: Some(lower),
        bound: upper,
        p_value: (1.0 - told.near).max(1e-12),
        score: told.height / yearly.threshold,
        lead_days: lead as i32,
        drivers: explain(scene, node),
        compare: Compare {
            last_week: weekly.sums.last().copied().filter(|n| n.is_finite()),
            ..Compare::default()
        },
        details: Details { onset: Some(details(&told, &yearly, lead, stage)), ..Details::default() },
    })
}

/// The stage that is reached: the fewest configured days that the lead does not pass; `None` before the first, and from
/// the day on itself.
fn stage(stages: &[u32], lead: i64) -> Option<u32> {
    stages.iter().copied().filter(|days| (1..=i64::from(*days)).contains(&lead)).min()
}

fn details(told: &Outlook, yearly: &Yearly, lead: i64, stage: u32) -> OnsetDetails {
    OnsetDetails {
        date: told.date,
        from: told.interval.0,
        to: told.interval.1,
        probability: told.near,
        threshold: yearly.threshold,
        peak_week: told.peak,
        peak_expected: told.height,
        past: yearly.past.iter().map(|past| past.onset).collect(),
        status: match told.timing {
            Timing::Early => OnsetStatus::Early,
            Timing::Usual => OnsetStatus::Usual,
            Timing::Late => OnsetStatus::Late,
        },
        shift_days: told.shift,
        lead_days: lead,
        stage,
    }
}

/// The children that expect most over the coming weeks, against the weeks before.
fn explain(scene: &Scene, node: usize) -> Vec<(usize, f64, f64, f64)> {
    let children = scene.kin.children(node);
    let part = |child: &u32| {
        let weeks = scene.weeks.get(&(*child as usize)).map_or(&[][..], |coming| &coming.means);
        let observed: f64 = weeks.iter().sum();
        let series = scene.series(*child as usize);
        let before = &series[series.len().saturating_sub(weeks.len() * WEEK)..];
        Part { observed, expected: before.iter().filter(|y| !y.is_nan()).map(|y| f64::from(*y)).sum() }
    };
    let parts: Vec<Part> = children.iter().map(part).collect();
    drivers::drivers(&parts, DRIVERS)
        .into_iter()
        .map(|d| (children[d.child] as usize, d.observed, d.observed - d.excess, d.share))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_pass_as_the_day_comes() {
        let at = |lead| stage(&[45, 15, 3], lead);
        assert_eq!(
            [46, 45, 16, 15, 4, 3, 1, 0, -5].map(at),
            [None, Some(45), Some(45), Some(15), Some(15), Some(3), Some(3), None, None]
        );
    }
}
