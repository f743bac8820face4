//! Faults of the data themselves: a day missing or doubled, tickets without a topic, topics that go as others come. What is
//! wrong with the delivery of a source is in [`super::delivery`].
//!
//! A fault is told as an alarm of its own, and what it touches is held back with the reason, because a rise that a
//! fault explains is no rise. Each fault is looked for over the last [`BACK`] days.
use weisu_models::hotspot::tuning::Share;

use super::{Finding, Found, Scene, control::Held};
use crate::{
    stages::Progress,
    store::{
        DayStatus,
        alarms::Kind,
        alerts::Compare,
        details::{DataFault, Details},
    },
    ticket::Day,
};

/// Days looked back.
const BACK: usize = 14;
/// Weeks before that say what is usual.
const WEEKS: usize = 4;
/// Tickets a day from which on a district or topic can tell a doubled day from a busy one, or come and go.
pub(super) const SIZABLE: f64 = 8.0;
/// What a doubled day has of a usual one, in nearly every topic and district.
const DOUBLED: (f64, f64) = (1.6, 2.5);
const NEARLY_ALL: f64 = 0.9;
/// Share of the volume of a topic that went which the one that came must have, and at most.
const SAME: (f64, f64) = (0.4, 2.5);

/// What a fault explains.
#[derive(Debug, Clone)]
pub struct Fault {
    /// First and last day.
    pub window: (Day, Day),
    /// Nodes whose rises and drops it explains, with all they contain and are contained in; empty = every node.
    pub nodes: Vec<usize>,
    /// It explains alarms about coming days instead of those about past ones.
    pub is_ahead: bool,
    /// What is said of the alarms that are held back.
    pub held: Held,
}

impl Fault {
    /// Whether it explains a finding; a fault does not explain itself.
    pub fn touches(&self, finding: &Finding, scene: &Scene) -> bool {
        let overlaps = self.window.0 <= finding.window.1 && finding.window.0 <= self.window.1;
        let kin =
            |node: &usize| scene.kin.contains(*node, finding.node) || scene.kin.contains(finding.node, *node);
        finding.kind != Kind::Data
            && finding.kind.is_ahead() == self.is_ahead
            && overlaps
            && (self.nodes.is_empty() || self.nodes.iter().any(kin))
    }
}

/// Looks for every fault.
pub fn find(scene: &Scene, _: &dyn Progress) -> anyhow::Result<Found> {
    let mut out = Found::default();
    missing(scene, &mut out);
    doubled(scene, &mut out);
    unmapped(scene, &mut out);
    taxonomy(scene, &mut out);
    super::delivery::doubled_rows(scene, &mut out);
    super::delivery::late_source(scene, &mut out);
    Ok(out)
}

/// Days without a ticket of a source that usually has some. They are gaps in the panel, so nothing else is touched.
fn missing(scene: &Scene, out: &mut Found) {
    let from = scene.origin.plus(1 - BACK as i32);
    let recent = |d: &&crate::store::SourceDay| {
        d.status == DayStatus::Missing && d.day >= from && d.day <= scene.origin
    };
    let gap: Option<Day> = scene.grounds.days.iter().filter(recent).map(|d| d.day).max();
    if let Some(day) = gap {
        let around = usual(&scene.series(0), position(scene, day));
        out.findings.push(finding(scene, 0, "missing_day", (day, day), (0.0, around), DataFault::MissingDay));
    }
}

/// A day that was delivered twice: about twice the usual number in nearly every sizable topic and district alike.
fn doubled(scene: &Scene, out: &mut Found) {
    let levels = &scene.city.hierarchy.nodes;
    let parts: Vec<Vec<f32>> = (0..levels.len())
        .filter(|k| levels[*k].level.topic + levels[*k].level.district == 1)
        .map(|k| scene.series(k))
        .collect();
    let total = scene.series(0);
    for t in days_back(scene) {
        let (now, around) = (f64::from(total[t]), usual(&total, t));
        if !(now >= DOUBLED.0 * around && around >= SIZABLE) {
            continue;
        }
        let sizable = parts.iter().map(|s| (f64::from(s[t]), usual(s, t))).filter(|(_, u)| *u >= SIZABLE);
        let (twice, of) = sizable.fold((0_u32, 0_u32), |(twice, of), (now, usual)| {
            (twice + u32::from((DOUBLED.0..=DOUBLED.1).contains(&(now / usual))), of + 1)
        });
        if of < 4 || f64::from(twice) < NEARLY_ALL * f64::from(of) {
            continue;
        }
        let day = Day::from(scene.city.panel.start).plus(t as i32);
        out.findings.push(finding(scene, 0, "doubled_day", (day, day), (now, around), DataFault::DoubledDay));
        out.faults.push(Fault {
            window: (day, day),
            nodes: Vec::new(),
            is_ahead: false,
            held: Held::DataFault("doubled_day"),
        });
    }
}

/// More tickets than usual that no topic could be given to.
fn unmapped(scene: &Scene, out: &mut Found) {
    let nodes = &scene.city.hierarchy.nodes;
    let named = |k: &usize| {
        let node = &nodes[*k];
        node.level.district == 0 && scene.grounds.unspecified.contains(&(node.topic as i32))
    };
    let total = scene.series(0);
    let Some(t) = days_back(scene).next_back() else { return };
    for node in (0..nodes.len()).filter(named) {
        let series = scene.series(node);
        let (now, around) = (f64::from(series[t]), usual(&series, t));
        let of = usual(&total, t);
        let share = Share::new(now as usize, f64::from(total[t]).max(0.0) as usize);
        if now >= SIZABLE && now > 3.0 * around && share.lower > 2.0 * around / of.max(1.0) {
            let day = scene.origin;
            out.findings.push(finding(
                scene,
                node,
                "unmapped_topic",
                (day, day),
                (now, around),
                DataFault::UnmappedTopic,
            ));
            // The topics that the tickets belong to have too few now.
            out.faults.push(Fault {
                window: (day, day),
                nodes: vec![node],
                is_ahead: false,
                held: Held::DataFault("unmapped_topic"),
            });
        }
    }
}

/// Topics that end as others begin, within a day and with about the same number: renamed, split, merged or mapped anew.
/// However many they are, it is one change.
fn taxonomy(scene: &Scene, out: &mut Found) {
    let nodes = &scene.city.hierarchy.nodes;
    let deepest = scene.city.hierarchy.depth.topic;
    if deepest == 0 {
        return;
    }
    let leaf = |k: &usize| nodes[*k].level.topic == deepest && nodes[*k].level.district == 0;
    let mut turns: Vec<(usize, Turn)> =
        (0..nodes.len()).filter(leaf).filter_map(|k| Some((k, turn(&scene.series(k))?))).collect();
    turns.sort_by_key(|(k, turn)| (turn.at, *k));
    for change in turns.chunk_by(|a, b| b.1.at - a.1.at <= 1) {
        let mean =
            |comes: bool| -> f64 { change.iter().filter(|t| t.1.comes == comes).map(|t| t.1.mean).sum() };
        let (gone, come) = (mean(false), mean(true));
        let largest = change.iter().filter(|t| t.1.comes).max_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
        let Some((node, _)) = largest.filter(|_| (SAME.0..=SAME.1).contains(&(come / gone))) else {
            continue;
        };
        let from = Day::from(scene.city.panel.start).plus(change[0].1.at as i32);
        let days = (scene.origin.0 - from.0 + 1).max(1);
        let (counts, fault) = ((come * f64::from(days), 0.5), DataFault::TaxonomyChange);
        out.findings.push(finding(scene, *node, "taxonomy_change", (from, scene.origin), counts, fault));
        let touched: Vec<usize> = change.iter().map(|t| t.0).collect();
        let past = Fault {
            window: (from, scene.origin),
            nodes: touched.clone(),
            is_ahead: false,
            held: Held::TaxonomyChange,
        };
        // What they are forecast to have rests on days under another name.
        let ahead = Fault { window: (from, Day(i32::MAX)), is_ahead: true, ..past.clone() };
        out.faults.extend([past, ahead]);
    }
}

/// A series that begins or ends within the last days.
#[derive(Debug, Clone, Copy)]
struct Turn {
    /// First day with, or without.
    at: usize,
    comes: bool,
    /// Tickets a day while there are some.
    mean: f64,
}

fn turn(series: &[f32]) -> Option<Turn> {
    let days = series.len();
    let (first, window) = (days.checked_sub(BACK + 7 * WEEKS)?, days - BACK..days);
    let has = |t: usize| series[t] > 0.0;
    let mean = |range: std::ops::Range<usize>| {
        let n = range.len().max(1) as f64;
        range.map(|t| f64::from(series[t])).filter(|y| !y.is_nan()).sum::<f64>() / n
    };
    let comes = (first..window.start).all(|t| !has(t));
    let at = if comes {
        window.clone().find(|t| has(*t))?
    } else {
        // A day without a ticket is no end: two are, of a topic that has some every day.
        let last = (0..days).rev().find(|t| has(*t))? + 1;
        (window.contains(&last) && last + 2 <= days).then_some(last)?
    };
    let mean = if comes { mean(at..days) } else { mean(first..at) };
    (mean >= SIZABLE / 2.0).then_some(Turn { at, comes, mean })
}

/// Mean of the same weekday in the weeks before; what is missing does not count.
fn usual(series: &[f32], t: usize) -> f64 {
    let known: Vec<f64> = (1..=WEEKS)
        .filter_map(|week| series.get(t.checked_sub(7 * week)?).copied())
        .filter(|y| !y.is_nan())
        .map(f64::from)
        .collect();
    known.iter().sum::<f64>() / known.len().max(1) as f64
}

pub(super) fn days_back(scene: &Scene) -> std::ops::Range<usize> {
    let days = scene.city.panel.days();
    days.saturating_sub(BACK)..days
}

fn position(scene: &Scene, day: Day) -> usize {
    usize::try_from(day.0 - Day::from(scene.city.panel.start).0).unwrap_or(0)
}

pub(super) fn finding(
    scene: &Scene,
    node: usize,
    method: &'static str,
    window: (Day, Day),
    (observed, usual): (f64, f64),
    fault: DataFault,
) -> Finding {
    // There is no chance in it: the pattern is there or not. The score says by how many times the usual it differs.
    let times = (observed.max(0.5) / usual.max(0.5)).max(usual.max(0.5) / observed.max(0.5));
    Finding {
        node,
        window,
        kind: Kind::Data,
        method,
        observed: Some(observed),
        expected: usual,
        normal: usual,
        lower: None,
        bound: if observed < usual { 0.5 * usual } else { 1.5 * usual },
        p_value: 1e-6,
        score: times.clamp(1.05, 2.5) - (scene.origin.0 - window.1.0).max(0) as f64 * 1e-3,
        lead_days: 0,
        drivers: Vec::new(),
        compare: Compare::default(),
        details: Details { data: Some(fault), ..Details::default() },
    }
}
