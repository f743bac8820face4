//! Holding back: false discoveries, relatives of what is told already, and what is over the office's budget.
//!
//! Nothing is thrown away: a held alarm is stored with its reason, and keeps an alert alive that people were told.
use std::collections::BTreeMap;

use weisu_models::hotspot::fdr::q_values;

use super::{Finding, Found, Kin, Scene};
use crate::store::alarms::Kind;

/// A relative with this many times the rise of what contains it is news of its own.
const STEEPER: f64 = 1.5;
/// A part with this share of the excess of what contains it explains it.
const EXPLAINS: f64 = 0.5;

/// Why an alarm is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Among so many tests it may well be chance.
    FalseDiscovery,
    /// A node that contains it, or that it contains, is told already.
    Folded {
        /// That node.
        into: usize,
    },
    /// Only one coming week of one run says so: two have to agree.
    Unconfirmed,
    /// The office has had enough for today.
    Budget,
}

/// Decides for each finding; the order is by kind and then by how surprising.
pub fn hold_back(all: Found, scene: &Scene) -> Vec<(Finding, Option<Held>)> {
    let Found { findings: mut found, tested, .. } = all;
    let settings = &scene.settings;
    found.sort_by(|a, b| {
        (a.kind, a.window.0)
            .cmp(&(b.kind, b.window.0))
            .then(a.p_value.total_cmp(&b.p_value))
            .then(b.score.total_cmp(&a.score))
            .then(a.node.cmp(&b.node))
    });
    let chance = false_discoveries(&found, &tested, settings.false_discovery_rate);
    let mut told: Vec<usize> = Vec::new();
    let mut spent: BTreeMap<i32, usize> = BTreeMap::new();
    let mut held = Vec::with_capacity(found.len());
    for (i, finding) in found.iter().enumerate() {
        let folded =
            told.iter().find(|k| is_same_news(&found[**k], finding, &scene.kin)).map(|k| found[*k].node);
        held.push(if chance[i] {
            Some(Held::FalseDiscovery)
        } else if finding.details.exceedance.is_some_and(|e| !e.agreed) {
            Some(Held::Unconfirmed)
        } else if let Some(into) = folded {
            Some(Held::Folded { into })
        } else {
            told.push(i);
            // A season comes once a year: it neither waits for the budget nor uses it up.
            if finding.kind == Kind::SeasonOnset {
                held.push(None);
                continue;
            }
            let office = spent.entry(scene.city.keys[finding.node].district).or_default();
            *office += 1;
            (*office > settings.budget_per_district).then_some(Held::Budget)
        });
    }
    found.into_iter().zip(held).collect()
}

/// What may be chance: q-values over all cells tested in a window, those never fitted having p = 1.
fn false_discoveries(found: &[Finding], tested: &[(Kind, usize)], rate: f64) -> Vec<bool> {
    let mut out = vec![false; found.len()];
    for (kind, tested) in tested {
        let mut windows: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (i, finding) in found.iter().enumerate().filter(|(_, f)| f.kind == *kind) {
            windows.entry(finding.window).or_default().push(i);
        }
        for of_window in windows.into_values() {
            let mut p: Vec<f64> = of_window.iter().map(|i| found[*i].p_value).collect();
            p.resize((*tested).max(p.len()), 1.0);
            for (i, q) in of_window.into_iter().zip(q_values(&p)) {
                out[i] = q > rate;
            }
        }
    }
    out
}

/// Whether telling `new` beside `told` would tell the same rise twice.
fn is_same_news(told: &Finding, new: &Finding, kin: &Kin) -> bool {
    let overlaps = told.window.0 <= new.window.1 && new.window.0 <= told.window.1;
    if told.kind != new.kind || !overlaps || told.node == new.node {
        return false;
    }
    if kin.contains(told.node, new.node) {
        return new.ratio() <= STEEPER * told.ratio();
    }
    kin.contains(new.node, told.node) && told.excess() >= EXPLAINS * new.excess()
}
