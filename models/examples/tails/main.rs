//! Whether p-values of real days mean what they say: how often they fall below a nominal level, over that level, by level
//! of the hierarchy and by density.
//!
//! `cargo run --release -p weisu-models --example tails -- COUNTS.csv.gz REGION [days [first]]`: counts by
//! `date,topic,district,count` (non-zero days), the region of the built-in holidays (CN, US, BR, none), how many of the
//! newest days are judged (365), and the first day that history begins with (the first of the file). Real days hold
//! real bursts: a ratio of 1 is not to be had in the far tail, and what is under it says that the detector sleeps. So
//! rises are planted too, five days of Poisson(k sd) cases every eight weeks in series of half a ticket a day and more, and
//! found at the threshold that .5 % of the undisturbed days pass.
#![allow(clippy::print_stdout)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};
use rayon::prelude::*;
use weisu_models::{
    calendar::Calendar,
    hotspot::{Detector, Frequency, Judgement, Method, Prepared},
};

/// Nominal levels.
const LEVELS: [f64; 4] = [1e-2, 5e-3, 1e-3, 1e-4];
/// Upper ends of the classes of density, in tickets a day.
const DENSITIES: [(f64, &str); 5] =
    [(0.1, "below .1"), (0.5, ".1 to .5"), (2.0, ".5 to 2"), (10.0, "2 to 10"), (f64::INFINITY, "above 10")];

/// Days between planted rises, and of one.
const EVERY: usize = 56;
const LENGTH: usize = 5;
/// Share of undisturbed days under the threshold of planted rises.
const FALSE_ALARMS: f64 = 0.005;

/// A series of the file.
struct Series {
    level: &'static str,
    counts: Vec<f32>,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [counts, region, rest @ ..] = &args[..] else {
        println!("usage: tails COUNTS.csv.gz REGION [days [first]]");
        return;
    };
    let judged = rest.first().and_then(|n| n.parse().ok()).unwrap_or(365);
    let (start, series) = read(counts, rest.get(1).and_then(|day| day.parse().ok()));
    let days = series[0].counts.len();
    let calendar =
        Calendar::for_region(region.parse().expect("a region"), start.year() - 1, start.year() + 9);
    println!("{} series, {days} days from {start}, the last {judged} judged", series.len());
    for (name, best) in
        [("default", Method::RobustGlm), ("moving baseline", Method::EarsC2), ("prior", Method::Prior)]
    {
        let detector = Detector::new(Frequency::Daily, 0.005).unwrap().limited_to(best);
        let prepared = detector.prepare(start, days, &calendar);
        let all: Vec<Vec<Option<Judgement>>> =
            series.par_iter().map(|s| prepared.judge(&s.counts, days - judged)).collect();
        table(name, &series, &all);
        planted(&series, &all, days - judged, &prepared);
    }
}

/// Share of the planted rises with a day under the threshold of .5 % of the undisturbed days, and with their first day.
fn planted(series: &[Series], quiet: &[Vec<Option<Judgement>>], first: usize, prepared: &Prepared) {
    let busy = |i: &usize| {
        density(&series[*i].counts) != DENSITIES[0].1 && density(&series[*i].counts) != DENSITIES[1].1
    };
    let busy: Vec<usize> = (0..series.len()).filter(busy).collect();
    let mut p: Vec<f64> = busy.iter().flat_map(|i| quiet[*i].iter().flatten().map(|j| j.p_value)).collect();
    p.sort_unstable_by(f64::total_cmp);
    let cut = p[(FALSE_ALARMS * p.len() as f64) as usize];
    for k in [2.0, 4.0] {
        let found: Vec<(bool, bool)> = busy
            .par_iter()
            .flat_map_iter(|i| {
                let counts = &series[*i].counts;
                let mut rng = ChaCha8Rng::seed_from_u64(*i as u64);
                let begins: Vec<usize> = (first + *i % EVERY..counts.len() - LENGTH).step_by(EVERY).collect();
                let of_one = |begin: &usize| {
                    let mut raised = counts[..begin + LENGTH].to_vec();
                    let past = &counts[begin.saturating_sub(EVERY)..*begin];
                    let mean = past.iter().sum::<f32>() / past.len() as f32;
                    let sd =
                        (past.iter().map(|y| (y - mean).powi(2)).sum::<f32>() / past.len() as f32).sqrt();
                    for y in &mut raised[*begin..] {
                        let extra =
                            Poisson::new(k * f64::from(sd).max(0.3)).map_or(0.0, |d| d.sample(&mut rng));
                        *y += extra as f32;
                    }
                    let judged = prepared.judge(&raised, *begin);
                    let passed: Vec<bool> =
                        judged.iter().map(|j| j.is_some_and(|j| j.p_value < cut)).collect();
                    (passed.contains(&true), passed[0])
                };
                begins.iter().map(of_one).collect::<Vec<_>>()
            })
            .collect();
        let share = |of: fn(&(bool, bool)) -> bool| {
            found.iter().filter(|f| of(f)).count() as f64 / found.len() as f64
        };
        println!(
            "  planted, {k} sd: found {:.3}, on the first day {:.3} of {} at p < {cut:.2e}",
            share(|f| f.0),
            share(|f| f.1),
            found.len()
        );
    }
}

/// Every series of the file with the sums of its topics, of its districts and of all.
fn read(path: &str, first: Option<NaiveDate>) -> (NaiveDate, Vec<Series>) {
    let file = flate2::read::GzDecoder::new(std::fs::File::open(path).expect(path));
    let rows = csv::Reader::from_reader(file).into_records().map(Result::unwrap);
    let rows: Vec<(NaiveDate, String, String, f32)> = rows
        .map(|r| (r[0].parse().unwrap(), r[1].to_owned(), r[2].to_owned(), r[3].parse().unwrap()))
        .filter(|r: &(NaiveDate, String, String, f32)| first.is_none_or(|first| r.0 >= first))
        .collect();
    let (start, end) = (rows.iter().map(|r| r.0).min().unwrap(), rows.iter().map(|r| r.0).max().unwrap());
    let days = (end - start).num_days() as usize + 1;
    let mut sums: BTreeMap<(&'static str, String, String), Vec<f32>> = BTreeMap::new();
    for (date, topic, district, n) in rows {
        let none = String::new;
        for (level, topic, district) in [
            ("total", none(), none()),
            ("topic", topic.clone(), none()),
            ("district", none(), district.clone()),
            ("cell", topic, district),
        ] {
            let counts = sums.entry((level, topic, district)).or_insert_with(|| vec![0.0; days]);
            counts[(date - start).num_days() as usize] += n;
        }
    }
    (start, sums.into_iter().map(|((level, ..), counts)| Series { level, counts }).collect())
}

fn density(counts: &[f32]) -> &'static str {
    let mean = f64::from(counts.iter().sum::<f32>()) / counts.len() as f64;
    DENSITIES.iter().find(|(below, _)| mean < *below).map_or("", |(_, name)| name)
}

fn table(name: &str, series: &[Series], judged: &[Vec<Option<Judgement>>]) {
    let mut groups: BTreeMap<(&str, &str), Vec<&Judgement>> = BTreeMap::new();
    for (s, days) in series.iter().zip(judged) {
        for j in days.iter().flatten() {
            for group in [("", "all"), (s.level, ""), (s.level, density(&s.counts))] {
                groups.entry(group).or_default().push(j);
            }
            groups.entry(("by", j.method.name())).or_default().push(j);
        }
    }
    println!("\n{name}: share of p-values below {LEVELS:?}, over that level; days judged; score above 1");
    for ((level, class), all) in groups {
        let share = |cut: f64| all.iter().filter(|j| j.p_value < cut).count() as f64 / all.len() as f64;
        let ratios: String = LEVELS.iter().map(|cut| format!("{:>7.2}", share(*cut) / cut)).collect();
        println!("  {level:<9}{class:<12}{ratios} {:>9}", all.len());
    }
}
