//! Spikes: days with more tickets than the baseline of the days before allows.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use weisu_models::{
    calendar::{Calendar, align::YEAR_OF_WEEKS},
    hotspot::{
        Detector, Frequency, Judgement, Prepared,
        drivers::{self, Part},
    },
};

use super::{Finding, Kin};
use crate::{
    aggregate::CityPanel,
    config::Detect,
    stages::Progress,
    store::{alarms::Kind, alerts::Compare},
    ticket::Day,
};

/// Children named with an alarm.
const DRIVERS: usize = 5;

/// What was found.
#[derive(Debug)]
pub struct Spikes {
    /// Days above their bound.
    pub findings: Vec<Finding>,
    /// Tests made for each judged day, for the false discovery rate: quiet cells count as tested.
    pub tested: usize,
    /// Series judged.
    pub judged: usize,
}

/// Judges the days from `from` on.
///
/// A cell that cannot alarm, because it has fewer tickets than the minimum on every judged day, is not fitted: it
/// counts as tested with p = 1. On a panel of many sparse cells that is nearly all of them.
pub fn find(
    city: &CityPanel,
    kin: &Kin,
    calendar: &Calendar,
    settings: &Detect,
    from: Day,
    progress: &dyn Progress,
) -> anyhow::Result<Spikes> {
    let panel = &city.panel;
    let first = usize::try_from(from.0 - Day::from(panel.start).0).unwrap_or(0);
    let prepared =
        Detector::new(Frequency::Daily, settings.alpha)?.prepare(panel.start, panel.days(), calendar);
    let least = settings.min_count as f32;
    let nodes: Vec<usize> = (0..city.hierarchy.nodes.len())
        .filter(|k| city.hierarchy.series(panel, *k)[first..].iter().any(|y| *y >= least))
        .collect();
    let done = AtomicU64::new(0);
    let series = |i: usize| {
        progress.at("detect", done.fetch_add(1, Relaxed), nodes.len() as u64);
        city.hierarchy.series(panel, nodes[i])
    };
    let judged = prepared.judge_panel(nodes.len(), series, first);
    let mut findings = Vec::new();
    for (k, days) in nodes.iter().zip(&judged) {
        for (t, judgement) in (first..).zip(days) {
            let Some(j) = judgement else { continue };
            if j.p_value < settings.alpha && j.score > 1.0 && j.observed >= f64::from(settings.min_count) {
                findings.push(finding(city, kin, &prepared, *k, t, j));
            }
        }
    }
    Ok(Spikes { findings, tested: city.hierarchy.nodes.len(), judged: nodes.len() })
}

fn finding(
    city: &CityPanel,
    kin: &Kin,
    prepared: &Prepared,
    node: usize,
    t: usize,
    j: &Judgement,
) -> Finding {
    let series = city.hierarchy.series(&city.panel, node);
    let day = Day::from(city.panel.start).plus(t as i32);
    let before = |days: usize| t.checked_sub(days).map(|i| series[i]).filter(|y| !y.is_nan()).map(f64::from);
    Finding {
        node,
        window: (day, day),
        kind: Kind::Spike,
        method: j.method.name(),
        observed: Some(j.observed),
        expected: j.expected,
        normal: j.expected,
        lower: None,
        bound: j.upper,
        p_value: j.p_value,
        score: j.score,
        lead_days: 0,
        drivers: explain(city, kin, prepared, node, t),
        compare: Compare { last_week: before(7), last_year: before(usize::from(YEAR_OF_WEEKS)), norm: None },
    }
}

/// The children that contribute most to the excess of day `t`.
fn explain(
    city: &CityPanel,
    kin: &Kin,
    prepared: &Prepared,
    node: usize,
    t: usize,
) -> Vec<(usize, f64, f64, f64)> {
    let children = kin.children(node);
    let parts: Vec<Part> = children
        .iter()
        .map(|child| {
            let series = city.hierarchy.series(&city.panel, *child as usize);
            let judged = prepared.judge(&series[..=t], t).first().copied().flatten();
            judged.map_or(Part { observed: f64::NAN, expected: f64::NAN }, |j| Part {
                observed: j.observed,
                expected: j.expected,
            })
        })
        .collect();
    drivers::drivers(&parts, DRIVERS)
        .into_iter()
        .map(|d| (children[d.child] as usize, d.observed, d.observed - d.excess, d.share))
        .collect()
}
