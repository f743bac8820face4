//! The weekly detector on the 42 simulated scenarios of A. Noufaily et al. (2013), *An improved algorithm for outbreak
//! detection in multiple surveillance systems*, Statistics in Medicine 32(7):1206-1222: 3,780 series that no constant of
//! the structure was chosen on.
//!
//! `cargo run --release -p weisu-models --example noufaily -- FOLDER`: the folder holds `baseline_counts.csv.gz` and
//! `outbreak_counts.csv.gz`, one row a series: `scenario,rep,w1,…,w624`. Ends with an error where a bar is missed.
#![allow(clippy::print_stdout)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use rayon::prelude::*;
use weisu_models::{
    calendar::Calendar,
    hotspot::{Detector, Frequency},
};

const WEEKS: usize = 624;
/// First week, from 0, whose outbreak counts.
const CURRENT: usize = 575;
/// Repetitions scored; the first ten are an easy draw.
const REPS: std::ops::RangeInclusive<u32> = 11..=100;
/// Scenarios of each of the seven base sets.
const PER_SET: u32 = 6;

type Counts = BTreeMap<(u32, u32), Vec<f32>>;

/// Judgements of the newest weeks of one series, with the cases of its outbreak.
struct Judged {
    set: u32,
    p: Vec<f64>,
    outbreak: Vec<f32>,
}

fn wide(folder: &str, file: &str) -> Counts {
    let open = std::fs::File::open(std::path::Path::new(folder).join(file)).expect(file);
    let row = |row: csv::StringRecord| {
        let key = (row[0].parse().unwrap(), row[1].parse().unwrap());
        (key, row.iter().skip(2).map(|count| count.parse().unwrap()).collect())
    };
    let rows = csv::Reader::from_reader(flate2::read::GzDecoder::new(open)).into_records();
    rows.map(|read| row(read.expect(file))).filter(|((_, rep), _)| REPS.contains(rep)).collect()
}

fn judge(folder: &str) -> Vec<Judged> {
    let (baseline, outbreaks) =
        (wide(folder, "baseline_counts.csv.gz"), wide(folder, "outbreak_counts.csv.gz"));
    let start = chrono::NaiveDate::from_ymd_opt(2000, 1, 3).unwrap();
    let detector = Detector::new(Frequency::Weekly, 0.005).unwrap();
    let prepared = detector.prepare(start, WEEKS, &Calendar::new());
    let one = |(key, base): (&(u32, u32), &Vec<f32>)| {
        let outbreak = &outbreaks[key];
        let counts: Vec<f32> = base.iter().zip(outbreak).map(|(y, z)| y + z).collect();
        let p = prepared.judge(&counts, CURRENT).iter().map(|j| j.unwrap().p_value).collect();
        Judged { set: (key.0 - 1) / PER_SET, p, outbreak: outbreak[CURRENT..].to_vec() }
    };
    baseline.par_iter().map(one).collect()
}

/// P-values of weeks without outbreak, ascending.
fn null<'a>(judged: impl Iterator<Item = &'a Judged>) -> Vec<f64> {
    let quiet = |j: &'a Judged| j.p.iter().zip(&j.outbreak).filter(|(_, z)| **z == 0.0).map(|(p, _)| *p);
    let mut p: Vec<f64> = judged.flat_map(quiet).collect();
    p.sort_unstable_by(f64::total_cmp);
    p
}

fn share_below(p: &[f64], cut: f64) -> f64 {
    p.partition_point(|p| *p < cut) as f64 / p.len() as f64
}

/// Share of outbreaks with an alarm between their first and last week, and in the first.
fn found(judged: &[Judged], cut: f64) -> (f64, f64) {
    let (mut outbreaks, mut found, mut at_once) = (0.0, 0.0, 0.0);
    for j in judged {
        let Some(first) = j.outbreak.iter().position(|z| *z > 0.0) else { continue };
        let last = j.outbreak.iter().rposition(|z| *z > 0.0).unwrap();
        outbreaks += 1.0;
        found += f64::from(u8::from(j.p[first..=last].iter().any(|p| *p < cut)));
        at_once += f64::from(u8::from(j.p[first] < cut));
    }
    (found / outbreaks, at_once / outbreaks)
}

fn main() -> Result<(), String> {
    let Some(folder) = std::env::args().nth(1) else {
        return Err("name the folder of the counts".to_owned());
    };
    let judged = judge(&folder);
    let quiet = null(judged.iter());
    let mut missed = Vec::new();
    let mut say = |what: String, met: bool| {
        println!("{what}{}", if met { "" } else { "  MISSED" });
        missed.extend((!met).then_some(what));
    };
    let rate = share_below(&quiet, 0.005);
    let holds = |rate: f64| (0.004..0.006).contains(&rate);
    say(
        format!("{} series: {rate:.5} of the quiet weeks below .005 (.004 to .006)", judged.len()),
        holds(rate),
    );
    for cut in [0.01, 0.001, 0.0001] {
        let factor = share_below(&quiet, cut) / cut;
        say(format!("tail at {cut}: {factor:.2} of nominal (1.5)"), factor < 1.5);
    }
    for (fpr, least) in [(0.005, 0.52), (0.001, 0.37)] {
        let (pod, first) = found(&judged, quiet[(fpr * quiet.len() as f64) as usize]);
        let what = format!("found {pod:.3} ({least}), in the first week {first:.3}");
        say(format!("at a share of false alarms of {fpr}: {what}"), pod >= least);
    }
    for set in 0..7 {
        let rate = share_below(&null(judged.iter().filter(|j| j.set == set)), 0.005);
        say(format!("base set {}: {rate:.5} of the quiet weeks below .005", set + 1), holds(rate));
    }
    if missed.is_empty() { Ok(()) } else { Err(missed.join("; ")) }
}
