//! Widespread rises: a topic that is up in many districts at once, although in none of them by enough to alarm.
use rayon::prelude::*;
use weisu_models::hotspot::{
    Prepared, drivers,
    widespread::{self, Part, Widespread},
};

use super::{Finding, Found, Scene};
use crate::{
    stages::Progress,
    store::{
        alarms::Kind,
        alerts::Compare,
        details::{Details, Spread},
    },
};

/// Days of the window.
const DAYS: usize = 3;
/// Newest days that the baselines do not see.
const UNSEEN: usize = 7;
/// A rise of all districts together by less than this factor is told by nobody.
const LEAST: f64 = 1.2;
/// Districts named with an alarm.
const DRIVERS: usize = 5;

/// Judges every topic over the districts of the whole city.
pub fn find(scene: &Scene, _: &dyn Progress) -> anyhow::Result<Found> {
    let prepared = scene.prepared(Kind::Widespread)?;
    let nodes = &scene.city.hierarchy.nodes;
    let topics: Vec<usize> =
        (0..nodes.len()).filter(|k| nodes[*k].level.district == 0 && nodes[*k].level.topic > 0).collect();
    let found = topics.par_iter().filter_map(|node| judge(scene, &prepared, *node)).collect();
    Ok(Found { findings: found, tested: vec![(Kind::Widespread, topics.len())], ..Found::default() })
}

fn judge(scene: &Scene, prepared: &Prepared, node: usize) -> Option<Finding> {
    let districts = scene.kin.children(node);
    let days = scene.city.panel.days();
    let seen = days.checked_sub(UNSEEN.max(DAYS))?;
    let series: Vec<Vec<f32>> = districts.iter().map(|d| scene.series(*d as usize)).collect();
    let up = series.iter().filter(|s| looks_up(s)).count();
    if up * 5 < districts.len() * 2 {
        return None;
    }
    let part = |(district, series): (&u32, &Vec<f32>)| {
        let baseline = prepared.baseline(series, seen, &scene.factors(*district as usize))?;
        let window = baseline.window(series, days - DAYS..days, |_| true)?;
        Some((*district, Part { window, residuals: baseline.residuals(series, DAYS) }))
    };
    let parts: Vec<(u32, Part)> = districts.iter().zip(&series).filter_map(part).collect();
    let alpha = scene.alpha(Kind::Widespread);
    let (nodes, parts): (Vec<u32>, Vec<Part>) = parts.into_iter().unzip();
    let whole = widespread::judge(&parts, alpha)?;
    let enough = whole.observed >= f64::from(scene.settings.min_count) * DAYS as f64;
    let large = whole.observed >= LEAST * whole.expected;
    (whole.score > 1.0 && whole.p_value < alpha && enough && large)
        .then(|| finding(scene, node, &nodes, &parts, &whole))
}

/// A first look without a regression: more than in the same days of the four weeks before.
fn looks_up(series: &[f32]) -> bool {
    let sum =
        |to: usize| series[to - DAYS..to].iter().map(|y| f64::from(*y)).filter(|y| !y.is_nan()).sum::<f64>();
    let days = series.len();
    if days < 28 + DAYS {
        return false;
    }
    let usual = (1..=4).map(|week| sum(days - 7 * week)).sum::<f64>() / 4.0;
    sum(days) > 1.05 * usual
}

fn finding(scene: &Scene, node: usize, nodes: &[u32], parts: &[Part], whole: &Widespread) -> Finding {
    let counts: Vec<drivers::Part> = parts
        .iter()
        .map(|p| drivers::Part { observed: p.window.observed, expected: p.window.expected })
        .collect();
    let drivers = drivers::drivers(&counts, DRIVERS)
        .into_iter()
        .map(|d| (nodes[d.child] as usize, d.observed, d.observed - d.excess, d.share))
        .collect();
    Finding {
        node,
        window: (scene.origin.plus(1 - DAYS as i32), scene.origin),
        kind: Kind::Widespread,
        method: "stouffer",
        observed: Some(whole.observed),
        expected: whole.expected,
        normal: whole.expected,
        lower: None,
        bound: whole.upper,
        p_value: whole.p_value,
        score: whole.score,
        lead_days: 0,
        drivers,
        compare: Compare::default(),
        details: Details {
            spread: Some(Spread { up: whole.up as u32, of: whole.of as u32 }),
            ..Details::default()
        },
    }
}
