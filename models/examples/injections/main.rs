//! Outbreaks planted into real counts by rolling origin: how many are found and how soon, series by series, by a scan of
//! space and time, and by both together, each at the same share of false alarms.
//!
//! `cargo run --release -p weisu-models --example injections -- COUNTS.csv.gz ADJACENCY.csv [runs]`: counts by `date,
//! topic,district,count` (non-zero days) over three years or more, and pairs `a,b` of neighbouring districts. The last
//! year is judged.
//!
//! # Rules
//! * A rise has Poisson(k sd) cases a day, sd that of the cell over the eight weeks before: in `one` district for 5 days;
//!   in a district and up to three `neighbours` with k/2 sd each for 5 days; as a `ramp` in one district that grows to k sd
//!   over 14 days. Cells with less than half a ticket a day are left alone.
//! * `series`: the smallest p-value of a topic's districts on a day. `scan`: the highest score of an expectation-based
//!   negative binomial scan of the topic over zones of neighbours and the last 1 to 7 days, with the detector's
//!   expectations as the baseline, raised by what all other districts do, and the dispersion of the days before the rise.
//!   `both`: either, each at the same share, the largest at which one or the other passes on 2 % of the days.
//! * Each topic's thresholds are those that its undisturbed days pass on 2 % of the days; a rise is found on the first of
//!   its days that passes.
#![allow(clippy::print_stdout)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use flate2::read::GzDecoder;
use ndarray::{Array2, s};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};
use rayon::prelude::*;
use weisu_models::{
    calendar::{Calendar, Region},
    hotspot::{
        Detector, Frequency, Prepared,
        space::{Neighbours, Zones, rise},
    },
};

/// Days judged.
const YEAR: usize = 365;
/// Longest cluster looked for, in days.
const LONGEST: usize = 7;
/// Days between the end of what dispersions are measured on and the judged day.
const BEFORE: usize = 28;
/// Days that dispersions are measured on.
const MEASURED: usize = 180;
/// Districts of a zone at most.
const ZONE: usize = 6;
/// Share of undisturbed days that pass a threshold.
const FALSE_ALARMS: f64 = 0.02;
/// Fewest tickets a day of a cell that is disturbed.
const LEAST: f64 = 0.5;

/// Counts of a topic, districts x days.
struct Topic {
    name: String,
    counts: Array2<f64>,
    /// The detector's expectations and p-values, from the first measured day on.
    expected: Array2<f64>,
    p: Array2<f64>,
    /// Thresholds of p-value and score: of one alone, and of both together.
    cuts: [(f64, f64); 2],
}

struct City {
    start: NaiveDate,
    days: usize,
    districts: Vec<String>,
    neighbours: Vec<Vec<usize>>,
    zones: Zones,
    prepared: Prepared,
    topics: Vec<Topic>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    One,
    Neighbours,
    Ramp,
}

impl Shape {
    const ALL: [Self; 3] = [Self::One, Self::Neighbours, Self::Ramp];

    fn days(self) -> usize {
        if self == Self::Ramp { 14 } else { 5 }
    }

    /// Cases of a day in standard deviations, of the whole `k`.
    fn height(self, k: f64, day: usize) -> f64 {
        match self {
            Self::One => k,
            Self::Neighbours => k / 2.0,
            Self::Ramp => k * (day + 1) as f64 / self.days() as f64,
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [counts, adjacency, rest @ ..] = &args[..] else {
        println!("usage: injections COUNTS.csv.gz ADJACENCY.csv [runs]");
        return;
    };
    let runs = rest.first().and_then(|n| n.parse().ok()).unwrap_or(60);
    let mut city = read(counts, adjacency);
    undisturbed(&mut city);
    loudest_days(&city);
    planted(&city, runs);
}

fn read(counts: &str, adjacency: &str) -> City {
    let mut rows: Vec<(NaiveDate, String, String, f64)> = Vec::new();
    for row in csv::Reader::from_reader(GzDecoder::new(std::fs::File::open(counts).unwrap())).records() {
        let row = row.unwrap();
        rows.push((row[0].parse().unwrap(), row[1].to_owned(), row[2].to_owned(), row[3].parse().unwrap()));
    }
    let start = rows.iter().map(|r| r.0).min().unwrap();
    let days = (rows.iter().map(|r| r.0).max().unwrap() - start).num_days() as usize + 1;
    let pairs: Vec<(String, String)> = csv::Reader::from_path(adjacency)
        .unwrap()
        .records()
        .map(|row| row.map(|row| (row[0].to_owned(), row[1].to_owned())).unwrap())
        .collect();
    let known: BTreeSet<&String> = pairs.iter().flat_map(|(a, b)| [a, b]).collect();
    let districts: Vec<String> = known.into_iter().cloned().collect();
    let at = |name: &String| districts.binary_search(name).ok();
    let mut neighbours = vec![Vec::new(); districts.len()];
    for (a, b) in &pairs {
        let (a, b) = (at(a).unwrap(), at(b).unwrap());
        neighbours[a].push(b);
        neighbours[b].push(a);
    }
    let mut topics: BTreeMap<String, Array2<f64>> = BTreeMap::new();
    for (date, topic, district, n) in &rows {
        let Some(d) = at(district) else { continue };
        let grid = topics.entry(topic.clone()).or_insert_with(|| Array2::zeros((districts.len(), days)));
        grid[(d, (*date - start).num_days() as usize)] += n;
    }
    let beside: Vec<(usize, usize)> =
        neighbours.iter().enumerate().flat_map(|(a, list)| list.iter().map(move |b| (a, *b))).collect();
    let beside = Neighbours::from_pairs(districts.len(), &beside).unwrap();
    let calendar = Calendar::for_region(Region::Brazil, 2014, 2020);
    City {
        zones: Zones::connected(&beside, ZONE).unwrap(),
        prepared: Detector::new(Frequency::Daily, 0.005).unwrap().prepare(start, days, &calendar),
        start,
        days,
        neighbours,
        districts,
        topics: topics
            .into_iter()
            .map(|(name, counts)| Topic {
                name,
                counts,
                expected: Array2::zeros((0, 0)),
                p: Array2::zeros((0, 0)),
                cuts: [(0.0, f64::INFINITY); 2],
            })
            .collect(),
    }
}

impl City {
    /// First judged day.
    fn first(&self) -> usize {
        self.days - YEAR
    }

    /// First day that anything is expected of.
    fn base(&self) -> usize {
        self.first() - BEFORE - MEASURED
    }

    /// Expectation and p-value of the days `base ..` of a cell.
    fn judge(&self, counts: &[f64], from: usize) -> Vec<(f64, f64)> {
        let series: Vec<f32> = counts.iter().map(|y| *y as f32).collect();
        let judged = self.prepared.judge(&series, from);
        judged.iter().map(|j| j.map_or((0.1, 1.0), |j| (j.expected, j.p_value))).collect()
    }

    /// Highest score of a scan of the days up to `t`; all arrays begin with day `base`, and dispersions are measured up to
    /// `calm`.
    fn score(&self, counts: &Array2<f64>, expected: &Array2<f64>, t: usize, calm: usize) -> f64 {
        let window = s![.., t + 1 - LONGEST..=t];
        let baseline = expected.slice(window).mapv(|e| e.max(0.01));
        let size: Vec<f64> = (0..counts.nrows())
            .map(|d| {
                let (mut squares, mut excess) = (0.0, 1e-3);
                for i in calm.saturating_sub(MEASURED)..calm {
                    let (y, e) = (counts[(d, i)], expected[(d, i)]);
                    squares += e * e;
                    excess += (y - e).powi(2) - e;
                }
                (squares / f64::max(excess, 1e-3)).clamp(0.05, 1e4)
            })
            .collect();
        let seen = counts.slice(window).to_owned();
        rise::highest(&rise::Watch::Expectation { counts: seen, expected: baseline, size }, &self.zones)
            .unwrap()
    }
}

/// Judges everything as it was, and sets the thresholds.
fn undisturbed(city: &mut City) {
    let base = city.base();
    let of_topics: Vec<(Array2<f64>, Array2<f64>)> = city
        .topics
        .par_iter()
        .map(|topic| {
            let rows: Vec<Vec<(f64, f64)>> =
                topic.counts.rows().into_iter().map(|row| city.judge(&row.to_vec(), base)).collect();
            let shape = (rows.len(), city.days - base);
            (
                Array2::from_shape_fn(shape, |(d, t)| rows[d][t].0),
                Array2::from_shape_fn(shape, |(d, t)| rows[d][t].1),
            )
        })
        .collect();
    for (topic, (expected, p)) in city.topics.iter_mut().zip(of_topics) {
        (topic.expected, topic.p) = (expected, p);
    }
    let first = city.first() - base;
    let cuts: Vec<[(f64, f64); 2]> = city
        .topics
        .par_iter()
        .map(|topic| {
            let counts = topic.counts.slice(s![.., base..]).to_owned();
            let days = first..city.days - base;
            let scores: Vec<f64> =
                days.clone().map(|t| city.score(&counts, &topic.expected, t, t - BEFORE)).collect();
            thresholds(&days.map(|t| least(&topic.p, t)).collect::<Vec<_>>(), &scores)
        })
        .collect();
    city.topics.iter_mut().zip(cuts).for_each(|(topic, cuts)| topic.cuts = cuts);
}

/// Thresholds of p-values and scores of the same days: each passed alone on the share of false alarms, and the furthest
/// pair, equally seldom passed each, of which one or the other is passed no more often.
fn thresholds(p: &[f64], scores: &[f64]) -> [(f64, f64); 2] {
    let (mut by_p, mut by_score) = (p.to_vec(), scores.to_vec());
    by_p.sort_unstable_by(f64::total_cmp);
    by_score.sort_unstable_by(|a, b| b.total_cmp(a));
    let most = (FALSE_ALARMS * p.len() as f64) as usize;
    let cuts = |at: usize| (by_p[at], by_score[at]);
    let passed = |(p_cut, score_cut): (f64, f64)| {
        p.iter().zip(scores).filter(|(p, score)| **p < p_cut || **score > score_cut).count()
    };
    let both = (0..=most).rev().find(|at| passed(cuts(*at)) <= most).unwrap_or(0);
    [cuts(most), cuts(both)]
}

fn least(p: &Array2<f64>, t: usize) -> f64 {
    p.column(t).iter().copied().fold(1.0, f64::min)
}

/// What stands out without being planted, and how often cells alarm at p < .005.
fn loudest_days(city: &City) {
    let base = city.base();
    let (mut alarms, mut judged) = (0, 0);
    let mut days: Vec<(f64, String)> = Vec::new();
    for topic in &city.topics {
        for t in city.first() - base..city.days - base {
            let column = topic.p.column(t);
            judged += column.len();
            alarms += column.iter().filter(|p| **p < 0.005).count();
            let many = column.iter().filter(|p| **p < 0.005).count();
            let date = city.start + chrono::Days::new((base + t) as u64);
            let (d, p) = column.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).unwrap();
            let y = topic.counts[(d, base + t)];
            let text = format!(
                "{date} {} in {}: {y} of {:.1} expected, p {p:.1e}; {many} districts alarm",
                topic.name,
                city.districts[d],
                topic.expected[(d, t)]
            );
            days.push((*p, text));
        }
    }
    println!("undisturbed cells with p < .005: {:.4}", f64::from(alarms as u32) / judged as f64);
    days.sort_by(|a, b| a.0.total_cmp(&b.0));
    days.iter().take(10).for_each(|(_, text)| println!("  {text}"));
}

/// Days until each way alarms; `None` where it does not.
type Delays = [Option<usize>; 3];

fn planted(city: &City, runs: u64) {
    println!("\nshare found, mean days to the first alarm of those found; {runs} rises each");
    println!("{:<12} {:>4}  {:>14} {:>14} {:>14}", "rise", "k", "series", "scan", "both");
    for shape in Shape::ALL {
        for k in [1.0, 2.0, 3.0, 4.0, 6.0] {
            let delays: Vec<Delays> =
                (0..runs).into_par_iter().filter_map(|run| plant(city, shape, k, run)).collect();
            let cell = |way: usize| {
                let found: Vec<usize> = delays.iter().filter_map(|d| d[way]).collect();
                let mean = found.iter().sum::<usize>() as f64 / found.len().max(1) as f64;
                format!("{:>8.2} {mean:>5.1}", found.len() as f64 / delays.len().max(1) as f64)
            };
            println!("{:<12} {k:>4}  {} {} {}", format!("{shape:?}"), cell(0), cell(1), cell(2));
        }
    }
}

fn plant(city: &City, shape: Shape, k: f64, run: u64) -> Option<Delays> {
    // The same cells and days for every size.
    let mut rng = ChaCha8Rng::seed_from_u64(100 * run + shape as u64);
    let base = city.base();
    let begin = rng.random_range(city.first()..city.days - shape.days());
    let busy = |topic: &Topic, d: usize| topic.expected[(d, begin - base)] >= LEAST;
    let cells: Vec<(usize, usize)> = (0..city.topics.len())
        .flat_map(|i| (0..city.districts.len()).map(move |d| (i, d)))
        .filter(|(i, d)| busy(&city.topics[*i], *d))
        .collect();
    let (topic, centre) = *cells.get(rng.random_range(0..cells.len().max(1)))?;
    let topic = &city.topics[topic];
    let mut hit = vec![centre];
    if shape == Shape::Neighbours {
        hit.extend(city.neighbours[centre].iter().copied().take(3));
    }
    let mut counts = topic.counts.slice(s![.., base..]).to_owned();
    let (mut expected, mut p) = (topic.expected.clone(), topic.p.clone());
    for d in &hit {
        let mut whole = topic.counts.row(*d).to_vec();
        let sd = deviation(&whole[begin - 56..begin]);
        for day in 0..shape.days() {
            let extra =
                Poisson::new(shape.height(k, day) * sd).map_or(0.0, |poisson| poisson.sample(&mut rng));
            whole[begin + day] += extra;
            counts[(*d, begin + day - base)] += extra;
        }
        let end = begin + shape.days();
        for (t, (mean, value)) in (begin - base..).zip(city.judge(&whole[..end], begin)) {
            (expected[(*d, t)], p[(*d, t)]) = (mean, value);
        }
    }
    let mut delays: Delays = [None; 3];
    for day in 0..shape.days() {
        let t = begin + day - base;
        let (least, score) = (least(&p, t), city.score(&counts, &expected, t, begin - base - BEFORE));
        let [alone, together] = topic.cuts;
        let alarms = [least < alone.0, score > alone.1, least < together.0 || score > together.1];
        for (delay, alarm) in delays.iter_mut().zip(alarms) {
            *delay = delay.or(alarm.then_some(day));
        }
    }
    Some(delays)
}

fn deviation(days: &[f64]) -> f64 {
    let mean = days.iter().sum::<f64>() / days.len() as f64;
    (days.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / (days.len() - 1) as f64).sqrt()
}
