//! Holding back: false discoveries, relatives of what is told already, and what is over the office's budget.
//!
//! What a fault of the data touches is held back first. Then the false discovery rate is kept over the tree of nodes
//! (topics, their districts, their streets; [`tree_fdr`]) for the kinds that test every node, and flat over what they
//! test for the others. Then a part is folded under its whole, and the budget cuts.
//!
//! Nothing is thrown away: a held alarm is stored with its reason, and keeps an alert alive that people were told.
use std::collections::BTreeMap;

use weisu_models::hotspot::{fdr::q_values, tree_fdr};

use super::{Finding, Found, Kin, Scene};
use crate::{store::alarms::Kind, ticket::DistrictId};

/// A relative with this many times the rise of what contains it is news of its own.
const STEEPER: f64 = 1.5;
/// A part with this share of the excess of what contains it explains it.
const EXPLAINS: f64 = 0.5;
/// A cluster with this share of the excess of a rise in many districts is that rise.
const IS: f64 = 0.6;

/// Why an alarm is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Among so many tests it may well be chance.
    FalseDiscovery,
    /// A node that contains it, or that it contains, is told already.
    Folded {
        /// That node.
        into: usize,
        /// What it was told as.
        kind: Kind,
        /// Of a cluster the district that it is known by.
        anchor: Option<DistrictId>,
    },
    /// Only one coming week of one run says so: two have to agree.
    Unconfirmed,
    /// A fault of the data explains it.
    DataFault(&'static str),
    /// The taxonomy has just changed under it.
    TaxonomyChange,
    /// The office has had enough for today.
    Budget,
}

/// Decides for each finding; the order is by kind and then by how surprising.
pub fn hold_back(all: Found, scene: &Scene) -> Vec<(Finding, Option<Held>)> {
    let Found { findings: mut found, tested, faults, .. } = all;
    let settings = &scene.settings;
    let clusters: Vec<Finding> = found.iter().filter(|f| f.kind == Kind::Cluster).cloned().collect();
    found.sort_by(|a, b| {
        (rank(a, &clusters, &scene.kin), a.kind, a.window.0)
            .cmp(&(rank(b, &clusters, &scene.kin), b.kind, b.window.0))
            .then(a.p_value.total_cmp(&b.p_value))
            .then(b.score.total_cmp(&a.score))
            .then(a.node.cmp(&b.node))
    });
    let chance = false_discoveries(&found, &tested, scene);
    let mut told: Vec<usize> = Vec::new();
    let mut spent: BTreeMap<i32, usize> = BTreeMap::new();
    let mut held = Vec::with_capacity(found.len());
    for (i, finding) in found.iter().enumerate() {
        let fault = faults.iter().find(|fault| fault.touches(finding, scene));
        let folded = told.iter().map(|k| &found[*k]).find(|told| is_same_news(told, finding, &scene.kin));
        held.push(if let Some(fault) = fault {
            Some(fault.held)
        } else if chance[i] {
            Some(Held::FalseDiscovery)
        } else if finding.details.exceedance.is_some_and(|e| !e.agreed) {
            Some(Held::Unconfirmed)
        } else if let Some(into) = folded {
            Some(Held::Folded { into: into.node, kind: into.kind, anchor: into.anchor() })
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

/// Which findings speak first: what explains others comes before them. A rise of many districts that is nearly all in
/// one cluster is that cluster.
fn rank(finding: &Finding, clusters: &[Finding], kin: &Kin) -> u8 {
    let is_one =
        || clusters.iter().any(|cluster| overlap(cluster, finding) && explains(cluster, finding, IS, kin));
    match finding.kind {
        Kind::Data => 0,
        Kind::Widespread if !is_one() => 1,
        Kind::Cluster => 2,
        Kind::Widespread => 3,
        _ => 4,
    }
}

/// What may be chance among all nodes tested in a window, those never fitted having p = 1.
fn false_discoveries(found: &[Finding], tested: &[(Kind, usize)], scene: &Scene) -> Vec<bool> {
    let rate = scene.settings.false_discovery_rate;
    let parents: Vec<Option<usize>> =
        (0..scene.city.hierarchy.nodes.len()).map(|k| scene.kin.parent(k)).collect();
    let mut out = vec![false; found.len()];
    for (kind, tested) in tested {
        let mut windows: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (i, finding) in found.iter().enumerate().filter(|(_, f)| f.kind == *kind) {
            windows.entry(finding.window).or_default().push(i);
        }
        for of_window in windows.into_values() {
            if *tested >= parents.len() {
                let mut p = vec![1.0; parents.len()];
                of_window.iter().for_each(|i| p[found[*i].node] = found[*i].p_value);
                let real = tree_fdr::discoveries(&parents, &p, rate);
                of_window.iter().for_each(|i| out[*i] = !real[found[*i].node]);
                continue;
            }
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
    let overlaps = overlap(told, new);
    // A topic that rises in many districts rises in the whole city and here and there in one.
    let as_one = told.kind == new.kind
        || (told.kind, new.kind) == (Kind::Widespread, Kind::Spike)
        || (told.kind, new.kind) == (Kind::Widespread, Kind::Cluster);
    if told.kind == Kind::Cluster {
        return overlaps && !new.is_fall() && is_in_cluster(told, new, kin);
    }
    let twice = told.kind == new.kind && told.node == new.node;
    if !as_one || !overlaps || twice || told.is_fall() != new.is_fall() {
        return false;
    }
    if kin.contains(told.node, new.node) {
        return new.ratio() <= STEEPER * told.ratio();
    }
    kin.contains(new.node, told.node) && told.excess() / told.days() >= EXPLAINS * new.excess() / new.days()
}

/// Whether `new` is one of the districts of a cluster, the same cluster of a topic above or below, or the whole city's rise
/// that the cluster explains.
fn is_in_cluster(cluster: &Finding, new: &Finding, kin: &Kin) -> bool {
    let related = |a: usize, b: usize| kin.contains(a, b) || kin.contains(b, a);
    match new.kind {
        Kind::Cluster => {
            cluster.zone().any(|own| new.zone().any(|other| own != other && related(own, other)))
        }
        Kind::Spike => {
            let within = cluster.zone().any(|own| kin.contains(own, new.node));
            within && new.ratio() <= STEEPER * steepest(cluster) || explains(cluster, new, EXPLAINS, kin)
        }
        Kind::Widespread => explains(cluster, new, IS, kin),
        _ => false,
    }
}

/// Whether what a node contains of a cluster has this share of the node's daily excess.
fn explains(cluster: &Finding, whole: &Finding, share: f64, kin: &Kin) -> bool {
    let within = cluster.drivers.iter().filter(|(own, ..)| kin.contains(whole.node, *own));
    let excess: f64 = within.map(|(_, observed, expected, _)| observed - expected).sum();
    excess > 0.0 && excess / cluster.days() >= share * whole.excess() / whole.days()
}

fn overlap(a: &Finding, b: &Finding) -> bool {
    a.window.0 <= b.window.1 && b.window.0 <= a.window.1
}

/// How many times normal the steepest district of a cluster is: its own alarm says nothing new.
fn steepest(cluster: &Finding) -> f64 {
    let times =
        cluster.drivers.iter().map(|(_, observed, expected, _)| observed.max(0.5) / expected.max(0.5));
    times.fold(cluster.ratio(), f64::max)
}

#[cfg(test)]
mod tests;
