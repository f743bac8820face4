//! Spikes: days with more tickets than the baseline of the days before allows.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rayon::prelude::*;
use weisu_models::hotspot::{
    Judgement, Prepared,
    drivers::{self, Part},
};

use super::{Finding, Found, Scene};
use crate::{
    stages::Progress,
    store::{alarms::Kind, alerts::Compare, details::Details},
    ticket::Day,
};

/// Children named with an alarm.
const DRIVERS: usize = 5;

/// Judges the days from `from` on.
///
/// A cell that cannot alarm, because it has fewer tickets than the minimum on every judged day, is not fitted: it
/// counts as tested with p = 1. On a panel of many sparse cells that is nearly all of them. A cell whose level has moved
/// for good is judged by its new level, a day of which not all is known yet by what can be known of it.
pub fn find(scene: &Scene, progress: &dyn Progress) -> anyhow::Result<Found> {
    let (hierarchy, settings) = (&scene.city.hierarchy, &scene.settings);
    let first = scene.first();
    let (prepared, alpha) = (scene.prepared(Kind::Spike)?, scene.alpha(Kind::Spike));
    let least = settings.min_count as f32;
    let nodes: Vec<usize> = (0..hierarchy.nodes.len())
        .filter(|k| scene.series(*k)[first..].iter().any(|y| *y >= least))
        .collect();
    let done = AtomicU64::new(0);
    let judge = |node: &usize| {
        progress.at("detect", done.fetch_add(1, Relaxed), nodes.len() as u64);
        prepared.judge_knowing(&scene.series(*node), first, &scene.factors(*node))
    };
    let judged: Vec<_> = nodes.par_iter().map(judge).collect();
    let mut findings = Vec::new();
    for (k, days) in nodes.iter().zip(&judged) {
        for (t, judgement) in (first..).zip(days) {
            let Some(j) = judgement else { continue };
            if j.p_value < alpha && j.score > 1.0 && j.observed >= f64::from(settings.min_count) {
                findings.push(finding(scene, &prepared, *k, t, j));
            }
        }
    }
    let tested = vec![(Kind::Spike, hierarchy.nodes.len())];
    Ok(Found { findings, tested, judged: nodes.len(), ..Found::default() })
}

fn finding(scene: &Scene, prepared: &Prepared, node: usize, t: usize, j: &Judgement) -> Finding {
    let day = Day::from(scene.city.panel.start).plus(t as i32);
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
        drivers: explain(scene, prepared, node, t),
        compare: Compare::default(),
        details: Details::default(),
    }
}

/// The children that contribute most to the excess of day `t`.
fn explain(scene: &Scene, prepared: &Prepared, node: usize, t: usize) -> Vec<(usize, f64, f64, f64)> {
    let children = scene.kin.children(node);
    let parts: Vec<Part> = children
        .iter()
        .map(|child| {
            let series = scene.series(*child as usize);
            let factors = scene.factors(*child as usize);
            let judged = prepared.judge_knowing(&series[..=t], t, &factors).first().copied().flatten();
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
