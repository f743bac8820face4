//! Daily detectors on the sixteen simulated syndromes of A. Noufaily, R. A. Morbey, F. J. Colón-González et al. (2019),
//! *Comparison of statistical algorithms for daily syndromic surveillance aberration detection*, Bioinformatics
//! 35(17):3110-3118: seven years of days, an outbreak in the last 49 weeks.
//!
//! `cargo run --release -p weisu-models --example syndromes [-- [reps [slow | null]]]`: `slow` adds Farrington by day,
//! `null` shows the tail of the default detector's p-values on days without outbreak and holiday.
//!
//! # Readings
//! The paper gives the parameters; where it leaves something open this follows the scripts published with it.
//! * An outbreak has Poisson(7 k sd) cases (5 k sd in a 5-day system), k of 2, 3, 5, 10, sd = sqrt(phi mu) on the day it
//!   begins, spread by lognormal(0, 0.5) of which a quarter is one day: two to three weeks with the peak on day 3 to 4.
//!   Of series that are divided by 10 or 100 it is the sd before the division. Syndrome 14 is sized by the parameters of
//!   1, and 15 by those of 14, as there.
//! * Surges (6, 7, 16) come every year, whatever k is, with 0.02 of the lognormal a day.
//! * An outbreak day is one with cases of the outbreak after rounding; empty weekends of 5-day systems are none.
//! * Bank holidays lie where England has them in a year of 52 weeks; 7-day systems count twice as much on them.
//! * Farrington flexible and EARS judge sums of seven days at alpha 0.01, Farrington with 4 years, windows of 3 days on
//!   either side, no further seasonal levels and a guard of 12 days, all as there; the bound is the negative binomial one.
//!   "By day" are counts with the weekly settings times seven.
//! * The default detector judges counts with its calendar of bank holidays.
//! * Sensitivity and specificity are shares of days, POD of outbreaks with an alarm on one of their days; the delay is
//!   in days from the first of them, of the outbreaks found.
#![allow(clippy::print_stdout)]

use rayon::prelude::*;

mod generator;
mod methods;

use generator::{CURRENT, Syndrome};
use methods::{Day, Method};

/// Sizes of outbreaks.
const FACTORS: [f64; 4] = [2.0, 3.0, 5.0, 10.0];

/// What a method made of some series.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    outbreak_days: usize,
    alarmed: usize,
    quiet_days: usize,
    quiet: usize,
    outbreaks: usize,
    found: usize,
    delay: usize,
}

impl Tally {
    fn of(outbreak: &[f32], alarms: impl Iterator<Item = bool>) -> Self {
        let mut tally = Self { outbreaks: 1, ..Self::default() };
        let first = outbreak.iter().position(|y| *y > 0.0);
        for (t, (cases, alarm)) in outbreak.iter().zip(alarms).enumerate() {
            if *cases > 0.0 {
                tally.outbreak_days += 1;
                if alarm && tally.alarmed == 0 {
                    tally.found = 1;
                    tally.delay = t - first.unwrap_or(t);
                }
                tally.alarmed += usize::from(alarm);
            } else {
                tally.quiet_days += 1;
                tally.quiet += usize::from(!alarm);
            }
        }
        tally
    }

    fn add(mut self, other: &Self) -> Self {
        self.outbreak_days += other.outbreak_days;
        self.alarmed += other.alarmed;
        self.quiet_days += other.quiet_days;
        self.quiet += other.quiet;
        self.outbreaks += other.outbreaks;
        self.found += other.found;
        self.delay += other.delay;
        self
    }

    fn cells(&self) -> String {
        let share = |n: usize, of: usize| n as f64 / of.max(1) as f64;
        format!(
            "{:>6.3} {:>6.3} {:>6.3} {:>5.1}",
            share(self.alarmed, self.outbreak_days),
            share(self.quiet, self.quiet_days),
            share(self.found, self.outbreaks),
            share(self.delay, self.found)
        )
    }
}

/// One simulated series of a syndrome, judged by every method.
struct Judged {
    syndrome: usize,
    factor: usize,
    outbreak: Vec<f32>,
    days: Vec<Vec<Day>>,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let reps = args.next().and_then(|n| n.parse().ok()).unwrap_or(10);
    match args.next().as_deref() {
        Some("null") => null_tail(reps),
        mode => compare(reps, mode == Some("slow")),
    }
}

fn compare(reps: u64, slow: bool) {
    let (syndromes, methods) = (generator::all(), methods::all(slow));
    let judged = judge_all(&syndromes, &methods, reps);
    println!("{} series; each cell: sensitivity, specificity, POD, days to detection", judged.len());
    let head: String = methods.iter().map(|(name, _)| format!("  {name:<26}")).collect();
    println!("{:<10}{head}", "syndrome");
    let row = |title: &str, of: &dyn Fn(&Judged) -> bool| {
        let cells: String = (0..methods.len())
            .map(|m| format!("  {}", total(&judged, of, |j, t| j.days[m][t].alarm).cells()))
            .collect();
        println!("{title:<10}{cells}");
    };
    for (i, syndrome) in syndromes.iter().enumerate() {
        row(&format!("{} ({}d)", syndrome.id, syndrome.week), &|j| j.syndrome == i);
    }
    for (i, factor) in FACTORS.iter().enumerate() {
        row(&format!("x{factor}"), &|j| j.factor == i);
    }
    row("all", &|_| true);
    at_equal_specificity(&judged, &methods);
}

fn total(judged: &[Judged], of: &dyn Fn(&Judged) -> bool, alarm: impl Fn(&Judged, usize) -> bool) -> Tally {
    let tallies = judged.iter().filter(|j| of(j));
    tallies
        .map(|j| Tally::of(&j.outbreak, (0..CURRENT).map(|t| alarm(j, t))))
        .fold(Tally::default(), |sum, tally| sum.add(&tally))
}

/// Every method at the threshold that gives it the specificity wanted on these very series.
fn at_equal_specificity(judged: &[Judged], methods: &[(&str, Method)]) {
    for wanted in [0.90, 0.95, 0.97, 0.99, 0.995] {
        for (m, (name, _)) in methods.iter().enumerate() {
            let mut null: Vec<f64> = judged
                .iter()
                .flat_map(|j| j.outbreak.iter().zip(&j.days[m]).filter(|(cases, _)| **cases == 0.0))
                .map(|(_, day)| day.p_value)
                .collect();
            null.sort_unstable_by(f64::total_cmp);
            let cut = null[((1.0 - wanted) * null.len() as f64) as usize];
            let tally = total(judged, &|_| true, |j, t| j.days[m][t].p_value < cut);
            println!("at specificity {wanted:<6} {name:<18} {}  (p < {cut:.2e})", tally.cells());
        }
    }
}

fn judge_all(syndromes: &[Syndrome], methods: &[(&str, Method)], reps: u64) -> Vec<Judged> {
    let runs: Vec<(usize, usize, u64)> = (0..syndromes.len())
        .flat_map(|s| (0..FACTORS.len()).flat_map(move |k| (0..reps).map(move |rep| (s, k, rep))))
        .collect();
    runs.par_iter()
        .map(|&(syndrome, factor, rep)| {
            let seed = rep * 1000 + 10 * syndrome as u64 + factor as u64;
            let series = syndromes[syndrome].simulate(FACTORS[factor], true, seed);
            let days = methods.iter().map(|(_, method)| method.judge(&series.counts)).collect();
            let outbreak = series.outbreak[series.outbreak.len() - CURRENT..].to_vec();
            Judged { syndrome, factor, outbreak, days }
        })
        .collect()
}

/// Observed over nominal share of small p-values, by syndrome.
fn null_tail(reps: u64) {
    const TAILS: [f64; 4] = [0.01, 0.005, 0.001, 0.0001];
    let methods = methods::all(false);
    let Some((name, default)) = methods.first() else { return };
    println!("{name}: share of p-values below {TAILS:?}, over the nominal");
    let mut all = Vec::new();
    for syndrome in generator::all() {
        let p: Vec<f64> = (0..reps)
            .into_par_iter()
            .flat_map_iter(|rep| default.judge(&syndrome.simulate(0.0, false, 7_000 + rep).counts))
            .map(|day| day.p_value)
            .collect();
        println!("{:>4} {}", syndrome.id, ratios(&p, &TAILS));
        all.extend(p);
    }
    println!(" all {}", ratios(&all, &TAILS));
}

fn ratios(p: &[f64], tails: &[f64]) -> String {
    let share = |cut: f64| p.iter().filter(|p| **p < cut).count() as f64 / p.len() as f64;
    tails.iter().map(|cut| format!("{:>6.2}", share(*cut) / cut)).collect()
}
