//! Coming weeks that are forecast above their seasonal norm, or above what a unit can handle.
use rustc_hash::{FxHashMap, FxHashSet};
use weisu_models::{
    forecast::NodeFit,
    hotspot::{
        drivers::{self, Part},
        exceedance::{Exceedance, exceedance, over_capacity, same_weeks},
        season::{Ahead, Spread},
    },
};

use super::{Finding, Found, Scene};
use crate::{
    aggregate::CityPanel,
    config::Capacity,
    stages::{Cx, Progress, city::Names},
    store::{
        Run, SeriesKey,
        alarms::Kind,
        alerts::Compare,
        details::{Details, ExceedanceDetails},
    },
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

/// Nodes of which a run of an earlier day said so for a week that is not over, so that two runs can agree.
pub async fn exceeding(
    cx: &Cx,
    origin: Day,
    city: &CityPanel,
    ids: &FxHashMap<SeriesKey, i32>,
) -> anyhow::Result<FxHashSet<usize>> {
    let alarmed = cx.store.series_alarmed_before(Kind::ForecastExceedance, origin).await?;
    let series: FxHashSet<i32> = alarmed.into_iter().collect();
    let nodes = city.keys.iter().enumerate();
    Ok(nodes.filter(|(_, key)| ids.get(key).is_some_and(|id| series.contains(id))).map(|(k, _)| k).collect())
}

/// Stated capacities by node; a line in the log for one that names nothing that is counted.
pub fn capacity(stated: &[Capacity], city: &CityPanel, names: &Names) -> FxHashMap<usize, f64> {
    let mut out = FxHashMap::default();
    for one in stated {
        let is = |key: &SeriesKey| {
            names.topic(key.topic) == one.topic && names.district(key.district) == one.district
        };
        match city.keys.iter().position(is) {
            Some(node) => drop(out.insert(node, one.per_week)),
            None => tracing::warn!(
                topic = ?one.topic, district = ?one.district,
                "[[capacity]] names no series that is forecast: compare its names with those on the page"
            ),
        }
    }
    out
}

/// Coming weeks that exceed the capacity or the norm and its margin: the first such week of each node.
///
/// Two have to agree before anybody is told: a second coming week, or the run before (Bowman et al. 2016 begin an alarm with
/// two signals in a row and end it after two without, which is `detect.resolve_after`).
pub fn find(scene: &Scene, _: &dyn Progress) -> anyhow::Result<Found> {
    let mut nodes: Vec<(&usize, &Coming)> = scene.weeks.iter().collect();
    nodes.sort_unstable_by_key(|(k, _)| **k);
    let findings = nodes.into_iter().filter_map(|(node, coming)| first(scene, *node, coming)).collect();
    Ok(Found { findings, ..Found::default() })
}

/// A coming week of a node, held against what it must not pass.
struct Judged {
    week: usize,
    from: Day,
    method: &'static str,
    upper: f64,
    e: Exceedance,
}

fn first(scene: &Scene, node: usize, coming: &Coming) -> Option<Finding> {
    let series = scene.series(node);
    let weeks: Vec<Judged> =
        (0..coming.means.len()).filter_map(|week| judge(scene, node, &series, coming, week)).collect();
    let one = weeks.first()?;
    let next = weeks.get(1).is_some_and(|two| two.week == one.week + 1);
    let agreed = next || scene.exceeding.contains(&node);
    let last_week: f64 = series[series.len().saturating_sub(7)..].iter().map(|y| f64::from(*y)).sum();
    let &Judged { week, from, method, upper, ref e } = one;
    Some(Finding {
        node,
        window: (from, from.plus(6)),
        kind: Kind::ForecastExceedance,
        method,
        observed: None,
        expected: e.forecast,
        normal: e.norm,
        lower: Some(e.lower),
        bound: upper,
        p_value: (1.0 - e.probability).max(1e-12),
        score: e.score(),
        lead_days: 1 + 7 * week as i32,
        drivers: explain(scene, node, week, from),
        compare: Compare {
            last_week: Some(last_week).filter(|n| n.is_finite()),
            norm: Some(e.norm),
            ..Compare::default()
        },
        details: Details {
            exceedance: Some(ExceedanceDetails {
                bound: e.bound,
                probability: e.probability,
                above_last_year: e.above_last_year,
                agreed,
            }),
            ..Details::default()
        },
    })
}

/// Holds a coming week against the capacity, where one is stated and passed, else against the norm.
fn judge(scene: &Scene, node: usize, series: &[f32], coming: &Coming, week: usize) -> Option<Judged> {
    let from = scene.origin.plus(1 + 7 * week as i32);
    let past = same_weeks(scene.city.panel.start, series, from.date(), scene.alignment);
    let spread = Spread::new(&coming.fit, 4 + 7 * week);
    let sum = Ahead { known: 0.0, mean: coming.means[week], days: 7, spread };
    let rule = scene.settings.rule();
    let capacity = scene.capacity.get(&node).map(|n| over_capacity(&sum, &past, *n, rule.probability));
    let (method, e) = match capacity.filter(|e| e.alarms) {
        Some(e) => ("capacity", e),
        None => ("seasonal_norm", exceedance(&sum, &past, rule).filter(|e| e.alarms)?),
    };
    let upper = sum.distribution().quantile(rule.probability) as f64;
    Some(Judged { week, from, method, upper, e })
}

/// The children whose coming week rises most over their own norm.
fn explain(scene: &Scene, node: usize, week: usize, from: Day) -> Vec<(usize, f64, f64, f64)> {
    let children = scene.kin.children(node);
    let part = |child: &u32| -> Option<Part> {
        let coming = scene.weeks.get(&(*child as usize))?;
        let series = scene.series(*child as usize);
        let past = same_weeks(scene.city.panel.start, &series, from.date(), scene.alignment);
        let norm = past.iter().sum::<f64>() / past.len().max(1) as f64;
        (!past.is_empty()).then_some(Part { observed: coming.means[week], expected: norm })
    };
    let parts: Vec<Part> =
        children.iter().map(|c| part(c).unwrap_or(Part { observed: f64::NAN, expected: f64::NAN })).collect();
    drivers::drivers(&parts, DRIVERS)
        .into_iter()
        .map(|d| (children[d.child] as usize, d.observed, d.observed - d.excess, d.share))
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::Days;
    use weisu_models::{
        calendar::{Alignment, Calendar},
        hierarchy::{CellPath, Hierarchy},
        series::Panel,
    };

    use super::*;
    use crate::{
        config::Detect,
        stages::{
            Silent,
            detect::{
                Kin,
                control::{Held, hold_back},
            },
        },
    };

    /// One cell with ten tickets a day for two years and a half, and these weeks to come.
    fn scene(means: &[f64]) -> Scene {
        let hierarchy = Hierarchy::new(&[CellPath { topic: vec![1], district: vec![1] }]);
        let start = "2023-01-02".parse().unwrap();
        let panel = Panel { start, counts: ndarray::Array2::from_elem((1, 900), 10.0) };
        let key = |k: usize| SeriesKey {
            topic: hierarchy.nodes[k].topic as i32,
            district: hierarchy.nodes[k].district as i32,
            topic_depth: 1,
            district_depth: 1,
        };
        let keys = (0..hierarchy.nodes.len()).map(key).collect();
        let origin = Day::from(start + Days::new(899));
        let fit = NodeFit { alpha: 0.01, alpha_month: 0.01, ..NodeFit::unknown() };
        let coming = Coming { means: means.to_vec(), fit };
        Scene {
            kin: Kin::new(&hierarchy),
            city: CityPanel { panel, hierarchy, keys },
            calendar: Calendar::new(),
            settings: Detect::default(),
            weeks: [(0, coming)].into_iter().collect(),
            exceeding: FxHashSet::default(),
            capacity: FxHashMap::default(),
            days: FxHashMap::default(),
            alignment: Alignment::Solar,
            from: origin,
            origin,
            grounds: crate::stages::detect::grounds::Grounds::default(),
        }
    }

    /// What is found, and why nobody is told.
    fn found(scene: &Scene) -> Option<(&'static str, i32, Option<Held>)> {
        let found = find(scene, &Silent).unwrap();
        let held = hold_back(found, scene);
        assert!(held.len() <= 1);
        held.first().map(|(finding, held)| (finding.method, finding.lead_days, *held))
    }

    #[test]
    fn one_week_of_one_run_waits_for_another() {
        assert_eq!(found(&scene(&[70.0, 70.0, 70.0])), None, "as in past years");
        let mut lone = scene(&[70.0, 140.0, 70.0, 140.0]);
        assert_eq!(found(&lone), Some(("seasonal_norm", 8, Some(Held::Unconfirmed))));
        lone.exceeding.insert(0);
        assert_eq!(found(&lone), Some(("seasonal_norm", 8, None)), "the run before said so too");
        assert_eq!(found(&scene(&[70.0, 140.0, 140.0])), Some(("seasonal_norm", 8, None)), "two weeks agree");
    }

    #[test]
    fn capacity_is_passed_before_the_norm_is() {
        let mut scene = scene(&[70.0, 72.0, 72.0]);
        scene.capacity.insert(0, 40.0);
        assert_eq!(found(&scene), Some(("capacity", 1, None)));
        let details = find(&scene, &Silent).unwrap().findings[0].details.exceedance.unwrap();
        assert!(details.bound == 40.0 && details.probability > 0.95, "{details:?}");
        scene.capacity.insert(0, 100.0);
        assert_eq!(found(&scene), None);
    }
}
