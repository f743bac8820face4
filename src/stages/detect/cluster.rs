//! Clusters: neighbouring districts in which a topic rises together over the last days.
//!
//! Each topic is scanned over zones of neighbours and the last 1 to `detect.scan_days` days. By `detect.scan` counts are
//! held against the detectors' own expectations with what such sums stray from them (expectation-based negative binomial),
//! or against their own margins (space-time permutation). A cell with a ticket a day has a regression of its own; a
//! smaller one has its share of the topic's. A cluster is told from a recurrence interval of `detect.recurrence_days` on,
//! and keeps its identity from day to day for as long as it shares districts and days with itself.
use ndarray::{Array2, s};
use rayon::prelude::*;
use weisu_models::hotspot::{
    Prepared,
    space::{
        Zones,
        ongoing::{Extent, matched},
        rise::{Rise, Watch, rises},
        scan::Settings,
    },
};

use super::{
    Finding, Found, Scene,
    ground::{Ground, TopicCells, course},
    grounds::KnownCluster,
};
use crate::{
    config::Scan,
    stages::Progress,
    store::{
        alarms::Kind,
        alerts::Compare,
        details::{ClusterDetails, Details},
    },
    ticket::Day,
};

/// Replicates of a scan; smaller probabilities than their ranks tell come from a Gumbel distribution.
const REPLICATES: usize = 999;
/// Clusters of one topic and day.
const CLUSTERS: usize = 3;
/// Tickets a day from which on a cell has a regression of its own.
const OWN: f64 = 1.0;
/// Days of the permutation scan.
const PERMUTED: usize = 91;
/// Days of the sums that the spread is measured on, how many, and how many a cell's own weigh as much as all cells'.
const WEEK: usize = 7;
const WEEKS: usize = 26;
const POOLED: f64 = 10.0;
/// Cells of a week that say something of the spread expect at least so many.
const TELLING: f64 = 0.5;

/// Scans every topic.
pub fn find(scene: &Scene, _: &dyn Progress) -> anyhow::Result<Found> {
    let ground = match Ground::new(scene) {
        Ok(ground) => ground,
        Err(reason) => return Ok(Found { skipped: vec![(Kind::Cluster, reason)], ..Found::default() }),
    };
    // No zone holds more than half of the districts: a rise of most is one of the city.
    let most = scene.settings.scan_districts.min(ground.districts() / 2).max(1);
    let zones = Zones::connected(&ground.neighbours()?, most)?;
    let prepared = scene.prepared(Kind::Cluster)?;
    let topics = Ground::topics(scene);
    let scanner = Scanner { scene, ground, zones, prepared };
    let found: Vec<Vec<Finding>> =
        topics.par_iter().map(|topic| scanner.scan(*topic)).collect::<anyhow::Result<_>>()?;
    let tested = vec![(Kind::Cluster, topics.len())];
    Ok(Found { findings: found.into_iter().flatten().collect(), tested, ..Found::default() })
}

struct Scanner<'a> {
    scene: &'a Scene,
    ground: Ground<'a>,
    zones: Zones,
    prepared: Prepared,
}

impl Scanner<'_> {
    fn scan(&self, topic: usize) -> anyhow::Result<Vec<Finding>> {
        let (days, longest) = (self.scene.city.panel.days(), self.scene.settings.scan_days);
        let few = 2.0 * f64::from(self.scene.settings.min_count);
        let series = self.scene.series(topic);
        let late: f64 =
            series.iter().rev().take(longest).filter(|y| !y.is_nan()).map(|y| f64::from(*y)).sum();
        if late < few || days < longest + PERMUTED {
            return Ok(Vec::new());
        }
        let settings = Settings {
            replicates: REPLICATES,
            seed: self.seed(topic),
            min_cases: self.scene.settings.min_count,
            clusters: CLUSTERS,
        };
        let cells = self.ground.cells(self.scene, topic);
        let found = match self.scene.settings.scan {
            Scan::Permutation => {
                let counts = known(cells.counts.slice(s![.., days - PERMUTED..]).to_owned());
                rises(&Watch::Permutation { counts, longest }, &self.zones, &settings)?
            }
            Scan::Expectation => self.against_expectation(topic, &cells, &settings)?,
        };
        let least = self.least();
        let told: Vec<Rise> =
            found.into_iter().filter(|rise| rise.p_value < least && rise.observed >= few).collect();
        Ok(self.findings(topic, &cells, &told))
    }

    /// Rises above what the detectors expect: first by shares alone, then what may be one by regressions of the cells.
    fn against_expectation(
        &self,
        topic: usize,
        cells: &TopicCells,
        settings: &Settings,
    ) -> anyhow::Result<Vec<Rise>> {
        let (days, longest) = (self.scene.city.panel.days(), self.scene.settings.scan_days);
        let seen = days - longest;
        let Some(course) = course(self.scene, &self.prepared, topic, seen) else { return Ok(Vec::new()) };
        let from = seen.saturating_sub(WEEK * WEEKS);
        let mut expected = cells.by_shares(course.expected(), seen, from);
        let watch = |expected: &Array2<f64>| {
            let counts = cells.counts.slice(s![.., from..]);
            let size = sizes(&counts.to_owned(), expected, seen - from);
            let late = |all: Array2<f64>| all.slice(s![.., seen - from..]).to_owned();
            let mut expected = late(expected.clone());
            let counts = late(counts.to_owned());
            expected.zip_mut_with(&counts, |e, y| *e = if y.is_nan() { 0.0 } else { *e });
            Watch::Expectation { counts: known(counts), expected, size }
        };
        let look = Settings { replicates: REPLICATES / 10, ..*settings };
        if rises(&watch(&expected), &self.zones, &look)?.is_empty() {
            return Ok(Vec::new());
        }
        let own: Vec<(usize, Vec<f64>)> = (0..cells.nodes.len())
            .into_par_iter()
            .filter_map(|d| {
                let node = cells.nodes[d].filter(|_| cells.mean(d, seen) >= OWN)?;
                let baseline =
                    self.prepared.baseline(&self.scene.series(node), seen, &self.scene.factors(node))?;
                Some((d, baseline.expected()[from..].to_vec()))
            })
            .collect();
        for (d, by_itself) in own {
            expected.row_mut(d).iter_mut().zip(by_itself).for_each(|(e, own)| *e = own);
        }
        Ok(rises(&watch(&expected), &self.zones, settings)?)
    }

    /// The probability below which a cluster is told: chosen from verdicts, or as configured.
    fn least(&self) -> f64 {
        let chosen = self.scene.grounds.alphas.get(&Kind::Cluster).copied();
        chosen.unwrap_or(1.0 / f64::from(self.scene.settings.recurrence_days))
    }

    fn seed(&self, topic: usize) -> u64 {
        let key = self.scene.city.keys[topic];
        (u64::from(self.scene.origin.0.unsigned_abs()) << 32) | u64::from(key.topic.unsigned_abs())
    }

    fn findings(&self, topic: usize, cells: &TopicCells, rises: &[Rise]) -> Vec<Finding> {
        let first = match self.scene.settings.scan {
            Scan::Expectation => self.scene.origin.plus(1 - self.scene.settings.scan_days as i32),
            Scan::Permutation => self.scene.origin.plus(1 - PERMUTED as i32),
        };
        let key = self.scene.city.keys[topic].topic;
        let known: Vec<&KnownCluster> =
            self.scene.grounds.clusters.iter().filter(|c| c.topic == key).collect();
        let before: Vec<Extent> =
            known.iter().map(|c| extent(&c.districts, (c.window.0, c.window.1))).collect();
        let districts = |rise: &Rise| -> Vec<i32> {
            rise.parts.iter().map(|part| self.ground.district(part.district)).collect()
        };
        let window = |rise: &Rise| (first.plus(rise.first as i32), first.plus(rise.last as i32));
        let now: Vec<Extent> = rises.iter().map(|rise| extent(&districts(rise), window(rise))).collect();
        let mut taken = vec![false; known.len()];
        let ongoing = matched(&now, &before).into_iter().map(|k| {
            // Of a cluster that has split the more likely part goes on.
            k.filter(|k| !std::mem::replace(&mut taken[*k], true)).map(|k| known[k])
        });
        rises
            .iter()
            .zip(ongoing)
            .filter_map(|(rise, before)| {
                self.finding(topic, cells, rise, (districts(rise), window(rise)), before)
            })
            .collect()
    }

    fn finding(
        &self,
        topic: usize,
        cells: &TopicCells,
        rise: &Rise,
        (districts, window): (Vec<i32>, (Day, Day)),
        before: Option<&KnownCluster>,
    ) -> Option<Finding> {
        let zone: Vec<usize> = rise.parts.iter().filter_map(|part| cells.nodes[part.district]).collect();
        let excess = rise.observed - rise.expected;
        // How many times rarer than asked for, in orders of magnitude.
        let score = rise.p_value.ln() / self.least().ln();
        let drivers = rise.parts.iter().filter_map(|part| {
            let share = (part.observed - part.expected) / excess;
            Some((cells.nodes[part.district]?, part.observed, part.expected, share))
        });
        let details = ClusterDetails {
            anchor: before.map_or_else(|| districts.first().copied(), |c| Some(c.anchor))?,
            districts,
            names: Vec::new(),
            recurrence_days: rise.recurrence_days(),
            ongoing: before.is_some(),
            since: before.map_or(window.0, |c| c.since.min(window.0)).date(),
        };
        Some(Finding {
            node: around(self.scene, topic, &zone),
            window,
            kind: Kind::Cluster,
            method: match self.scene.settings.scan {
                Scan::Expectation => "expectation_scan",
                Scan::Permutation => "permutation_scan",
            },
            observed: Some(rise.observed),
            expected: rise.expected,
            normal: rise.expected,
            lower: None,
            bound: rise.expected + excess / score,
            p_value: rise.p_value,
            score,
            lead_days: 0,
            drivers: drivers.collect(),
            compare: Compare::default(),
            details: Details { cluster: Some(details), ..Details::default() },
        })
    }
}

/// The smallest node of the topic that contains all districts of a zone.
fn around(scene: &Scene, topic: usize, zone: &[usize]) -> usize {
    let Some(first) = zone.first() else { return topic };
    let up = std::iter::successors(Some(*first), |k| {
        scene.kin.parent(*k).filter(|up| scene.kin.contains(topic, *up))
    });
    up.into_iter().find(|node| zone.iter().all(|k| scene.kin.contains(*node, *k))).unwrap_or(topic)
}

fn extent(districts: &[i32], window: (Day, Day)) -> Extent {
    let districts = districts.iter().filter_map(|d| usize::try_from(*d).ok()).collect();
    Extent { districts, first: window.0.0.into(), last: window.1.0.into() }
}

/// What is missing counts as nothing.
fn known(mut counts: Array2<f64>) -> Array2<f64> {
    counts.mapv_inplace(|y| if y.is_nan() { 0.0 } else { y });
    counts
}

/// Size of each district's daily negative binomial distribution from what its weekly sums before day `seen` strayed from
/// their expectation: days that go up and down together vary as much as their sum does.
fn sizes(counts: &Array2<f64>, expected: &Array2<f64>, seen: usize) -> Vec<f64> {
    // Sum of the squared standardised residuals, and their number.
    let spread = |d: usize| {
        (1..=seen / WEEK)
            .filter_map(|back| {
                let days = s![d, seen - back * WEEK..seen - (back - 1) * WEEK];
                let (y, e) = (counts.slice(days).sum(), expected.slice(days).sum());
                (!y.is_nan() && e >= TELLING).then(|| (y - e).powi(2) / e)
            })
            .fold((0.0, 0.0), |(sum, n), square| (sum + square, n + 1.0))
    };
    let spreads: Vec<(f64, f64)> = (0..counts.nrows()).map(spread).collect();
    let (sum, n) = spreads.iter().fold((0.0, 0.0), |all, one| (all.0 + one.0, all.1 + one.1));
    let pooled = (sum + POOLED) / (n + POOLED);
    let size = |(d, (sum, n)): (usize, &(f64, f64))| {
        let phi = (sum + POOLED * pooled) / (n + POOLED);
        let mean = expected.row(d).mean().unwrap_or(0.0);
        (mean / (phi - 1.0).max(1e-3)).clamp(0.02, 1e6)
    };
    spreads.iter().enumerate().map(size).collect()
}
