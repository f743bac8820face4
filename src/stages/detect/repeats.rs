//! Repeats piling up: more of a cell's tickets of the last week are about matters already reported than usual.
use rustc_hash::FxHashMap;
use weisu_models::{
    hotspot::{
        drivers::{self, Part},
        repeats::{self, Counts},
    },
    series::Panel,
};

use super::{Finding, Found, Scene};
use crate::{
    stages::Progress,
    store::{
        alarms::Kind,
        alerts::Compare,
        details::{Details, RepeatShare},
    },
};

/// Days of a window.
const DAYS: usize = 7;
/// Windows looked back.
pub const PAST: usize = 26;
/// Repeats an alarm needs, in units of the least number of an alarm.
const LEAST: f64 = 2.0;
/// Children named with an alarm.
const DRIVERS: usize = 5;

/// Repeats and tickets of a node by window, the newest first.
struct Windows<'a> {
    scene: &'a Scene,
    repeats: &'a Panel,
}

impl Windows<'_> {
    fn of(&self, node: usize) -> Vec<Counts> {
        let hierarchy = &self.scene.city.hierarchy;
        let (repeats, tickets) = (hierarchy.series(self.repeats, node), self.scene.series(node));
        let n = repeats.len().min(tickets.len());
        let newest_first =
            |all: &[f32]| all[all.len() - n..].rchunks_exact(DAYS).map(sum).collect::<Vec<_>>();
        newest_first(&repeats)
            .into_iter()
            .zip(newest_first(&tickets))
            .map(|(repeats, tickets)| Counts { repeats, tickets })
            .collect()
    }
}

/// Sum of the days that are known.
fn sum(days: &[f32]) -> f64 {
    days.iter().filter(|y| !y.is_nan()).map(|y| f64::from(*y)).sum()
}

/// Judges the newest week of every node.
pub fn find(scene: &Scene, _: &dyn Progress) -> anyhow::Result<Found> {
    let Some(repeats) = &scene.grounds.repeats else { return Ok(Found::default()) };
    let (nodes, windows) = (&scene.city.hierarchy.nodes, Windows { scene, repeats });
    let least = LEAST * f64::from(scene.settings.min_count);
    let mut shares: FxHashMap<u32, f64> = FxHashMap::default();
    let mut findings = Vec::new();
    for (node, of) in nodes.iter().enumerate() {
        // Nodes of the whole city come before their districts.
        let topic = shares.get(&of.topic).copied();
        if topic.is_some() && !has(scene, repeats, node, least) {
            continue;
        }
        let weeks = windows.of(node);
        let share = topic.unwrap_or_else(|| usual(weeks.get(1..).unwrap_or_default()));
        shares.entry(of.topic).or_insert(share);
        findings.extend(judge(scene, &windows, node, &weeks, share, least));
    }
    Ok(Found { findings, tested: vec![(Kind::RepeatCluster, nodes.len())], ..Found::default() })
}

/// Whether a node has enough repeats in the newest week to alarm.
fn has(scene: &Scene, repeats: &Panel, node: usize, least: f64) -> bool {
    let from = repeats.days().saturating_sub(DAYS);
    let members = &scene.city.hierarchy.nodes[node].members;
    members.iter().map(|cell| repeats.cell(*cell as usize).iter().skip(from).sum::<f32>()).sum::<f32>()
        >= least as f32
}

/// Share of repeats over some windows.
fn usual(windows: &[Counts]) -> f64 {
    let (repeats, tickets) = windows.iter().fold((0.0, 0.0), |(r, t), w| (r + w.repeats, t + w.tickets));
    repeats / f64::max(tickets, 1.0)
}

fn judge(
    scene: &Scene,
    windows: &Windows<'_>,
    node: usize,
    weeks: &[Counts],
    topic: f64,
    least: f64,
) -> Option<Finding> {
    let alpha = scene.alpha(Kind::RepeatCluster);
    let (now, past) = weeks.split_first()?;
    if now.repeats < least || now.repeats <= now.tickets * usual(past) {
        return None;
    }
    let found = repeats::judge(*now, past, topic, alpha)?;
    (found.p_value < alpha && found.score > 1.0).then(|| Finding {
        node,
        window: (scene.origin.plus(1 - DAYS as i32), scene.origin),
        kind: Kind::RepeatCluster,
        method: "beta_binomial",
        observed: Some(now.repeats),
        expected: found.expected,
        normal: found.expected,
        lower: None,
        bound: found.upper,
        p_value: found.p_value,
        score: found.score,
        lead_days: 0,
        drivers: explain(scene, windows, node),
        compare: Compare { last_week: past.first().map(|w| w.repeats), ..Compare::default() },
        details: Details {
            repeats: Some(RepeatShare {
                tickets: now.tickets,
                share: now.repeats / now.tickets.max(1.0),
                usual: found.share,
            }),
            ..Details::default()
        },
    })
}

/// The children with most repeats above their usual share.
fn explain(scene: &Scene, windows: &Windows<'_>, node: usize) -> Vec<(usize, f64, f64, f64)> {
    let children = scene.kin.children(node);
    let part = |child: &u32| {
        let weeks = windows.of(*child as usize);
        let now = weeks.first().copied().unwrap_or_default();
        Part { observed: now.repeats, expected: now.tickets * usual(weeks.get(1..).unwrap_or_default()) }
    };
    let parts: Vec<Part> = children.iter().map(part).collect();
    drivers::drivers(&parts, DRIVERS)
        .into_iter()
        .map(|d| (children[d.child] as usize, d.observed, d.observed - d.excess, d.share))
        .collect()
}
