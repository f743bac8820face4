//! Drops: abnormally few tickets over two days or a week, where enough are expected to say so.
//!
//! Few tickets are not good news as such: a line is down, a source delivers half, or people have given up. So a drop is
//! told as a data or a trust problem. Holidays, the days beside them and days of which not all is known yet are left
//! out of the windows.
use rayon::prelude::*;
use weisu_models::hotspot::{
    Baseline, Prepared, Window,
    drivers::{self, Part},
};

use super::{Finding, Found, Scene};
use crate::{
    stages::Progress,
    store::{alarms::Kind, alerts::Compare, details::Details},
};

/// Lengths of the windows in days; both are tested, so each gets half of the threshold.
const LENGTHS: [usize; 2] = [2, 7];
/// Newest days that the baseline does not see.
const UNSEEN: usize = 7;
/// Expected tickets a window needs, in units of the least number of an alarm.
const EXPECTED: f64 = 4.0;
/// Share of the expected below which a window is a drop.
const SHARE: f64 = 0.6;
/// A day with more than this share of its own expected count is none of a drop.
const DAY: f64 = 0.8;
/// Share of a day's tickets that must be known for few of them to mean anything.
const COMPLETE: f64 = 0.98;
/// Children named with an alarm.
const DRIVERS: usize = 5;

/// Judges the windows that end on the last known day.
pub fn find(scene: &Scene, _: &dyn Progress) -> anyhow::Result<Found> {
    let nodes = scene.city.hierarchy.nodes.len();
    let (prepared, usable) = (scene.prepared(Kind::Drop)?, usable_days(scene));
    let judged: Vec<Finding> =
        (0..nodes).into_par_iter().filter_map(|node| judge(scene, &prepared, &usable, node)).collect();
    Ok(Found { findings: judged, tested: vec![(Kind::Drop, nodes)], ..Found::default() })
}

/// Which days may count: no holiday nor its neighbour, and complete.
fn usable_days(scene: &Scene) -> Vec<bool> {
    let panel = &scene.city.panel;
    let is_off = |t: i64| {
        let date = panel.start + chrono::Duration::days(t);
        scene.calendar.event(date).is_some()
    };
    (0..panel.days() as i64)
        .map(|t| (-1..=1).all(|by| !is_off(t + by)) && scene.known(t as usize) >= COMPLETE)
        .collect()
}

fn judge(scene: &Scene, prepared: &Prepared, usable: &[bool], node: usize) -> Option<Finding> {
    let series = scene.series(node);
    let days = series.len();
    let seen = days.checked_sub(UNSEEN)?;
    let least = EXPECTED * f64::from(scene.settings.min_count);
    if !LENGTHS.into_iter().any(|n| looks_low(&series, n, least)) {
        return None;
    }
    let baseline = prepared.baseline(&series, seen, &scene.factors(node))?;
    let alpha = scene.alpha(Kind::Drop);
    let counts = |t: usize| usable[t];
    let windows = LENGTHS.into_iter().filter_map(|n| {
        let window = baseline.window(&series, days - n..days, counts)?;
        let (mut of, mut low) = (0, 0);
        for t in (days - n..days).filter(|t| counts(*t) && !series[*t].is_nan()) {
            of += 1;
            low += usize::from(f64::from(series[t]) <= DAY * baseline.expected()[t]);
        }
        // Both of two days; of a week most, so that one empty day is not a week.
        let lasts = of >= 2 && if n == 2 { low == of } else { 2 * low > of };
        let few = window.expected >= least && window.observed <= SHARE * window.expected;
        (lasts && few).then_some((n, window))
    });
    let tests = LENGTHS.len() as f64;
    let (n, window) = windows.min_by(|a, b| a.1.lower_p().total_cmp(&b.1.lower_p()))?;
    let p_value = (tests * window.lower_p()).min(1.0);
    let (lower, upper) = window.bounds(alpha / tests);
    let bound = lower.min(window.observed.max(window.expected - 1.0));
    let score = (window.expected - window.observed) / (window.expected - bound);
    (p_value < alpha && score > 1.0).then(|| Finding {
        node,
        window: (scene.origin.plus(1 - n as i32), scene.origin),
        kind: Kind::Drop,
        method: "robust_glm_low",
        observed: Some(window.observed),
        expected: window.expected,
        normal: window.expected,
        lower: Some(upper),
        bound,
        p_value,
        score,
        lead_days: 0,
        drivers: explain(scene, node, n, &window, &baseline, usable),
        compare: Compare::default(),
        details: Details::default(),
    })
}

/// A first look without a regression: clearly less than in the same days of the four weeks before.
fn looks_low(series: &[f32], n: usize, least: f64) -> bool {
    let days = series.len();
    let Some(now) = sum(series, days - n.min(days)..days) else { return false };
    let past: Vec<f64> = (1..=4)
        .filter_map(|week| {
            let to = days.checked_sub(7 * week)?;
            sum(series, to.checked_sub(n)?..to)
        })
        .collect();
    let usual = past.iter().sum::<f64>() / past.len().max(1) as f64;
    usual >= 0.7 * least && now <= 0.75 * usual
}

/// Sum of the known days; `None` where none is.
fn sum(series: &[f32], days: std::ops::Range<usize>) -> Option<f64> {
    let known: Vec<f64> = series[days].iter().filter(|y| !y.is_nan()).map(|y| f64::from(*y)).collect();
    (!known.is_empty()).then(|| known.iter().sum())
}

/// The children that miss most, each against its share of what was expected of the node.
fn explain(
    scene: &Scene,
    node: usize,
    n: usize,
    window: &Window,
    baseline: &Baseline,
    usable: &[bool],
) -> Vec<(usize, f64, f64, f64)> {
    let children = scene.kin.children(node);
    let days = scene.city.panel.days();
    let seen = days - UNSEEN;
    let past = seen.saturating_sub(56)..seen;
    let usual: f64 = baseline.expected()[past.clone()].iter().sum();
    let counts: Vec<(f64, f64)> = children
        .iter()
        .map(|child| {
            let series = scene.series(*child as usize);
            let now = (days - n..days).filter(|t| usable[*t] && !series[*t].is_nan());
            let observed = now.map(|t| f64::from(series[t])).sum();
            (observed, sum(&series, past.clone()).unwrap_or(0.0) / usual.max(0.5) * window.expected)
        })
        .collect();
    let parts: Vec<Part> = counts.iter().map(|(o, e)| Part { observed: -o, expected: -e }).collect();
    drivers::drivers(&parts, DRIVERS)
        .into_iter()
        .map(|d| (children[d.child] as usize, counts[d.child].0, counts[d.child].1, d.share))
        .collect()
}
