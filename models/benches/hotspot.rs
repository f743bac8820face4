//! Speed on one core of the detectors, in whole judgements (one refit, one p-value, one bound each), and of scans in
//! space and time, zones not counted.
//!
//! `cargo bench -p weisu-models --bench hotspot`; `elem/s` are judged periods per second.
use std::hint::black_box;

use chrono::NaiveDate;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, Poisson};
use weisu_models::calendar::{Calendar, Region};
use weisu_models::hotspot::farrington::{Bound, Farrington, Power, Series, Settings, Step};
use weisu_models::hotspot::space::{Places, ZoneLimits, Zones, scan};
use weisu_models::hotspot::{Detector, Frequency, Memory};

const WEEKS: usize = 624;
const DAYS: usize = 1461;

/// Seeded negative binomial counts with a season, variance 1.5 times the mean.
fn series(seed: u64, len: usize, period: f64, mean: f64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..len)
        .map(|t| {
            let mean = mean * (1.0 + 0.5 * (std::f64::consts::TAU * t as f64 / period).sin());
            let rate = Gamma::new(2.0 * mean, 0.5).map_or(mean, |gamma| gamma.sample(&mut rng));
            Poisson::new(rate.max(1e-9)).map_or(0.0, |poisson| poisson.sample(&mut rng)) as f32
        })
        .collect()
}

fn weekly(c: &mut Criterion) {
    let start = NaiveDate::default();
    let mut group = c.benchmark_group("weekly, 624 weeks of history, one refit a week");
    let judged = 104;
    group.throughput(Throughput::Elements(judged));
    for (name, memory) in [("stable, 6 coefficients", Memory::Stable), ("drifting, 8", Memory::Drifting)] {
        for mean in [0.5, 8.0] {
            let len = WEEKS + judged as usize;
            let counts = series(1, len, 52.0, mean);
            let Ok(detector) = Detector::new(Frequency::Weekly, 0.005) else { return };
            let prepared = detector.with_memory(memory).prepare(start, len, &Calendar::new());
            group.bench_function(format!("{name}, mean {mean}"), |b| {
                b.iter(|| prepared.judge(black_box(&counts), WEEKS));
            });
        }
    }
    group.finish();
}

fn daily(c: &mut Criterion) {
    let Some(start) = NaiveDate::from_ymd_opt(2021, 1, 1) else { return };
    let calendar = Calendar::for_region(Region::China, 2021, 2025);
    let counts = series(2, DAYS, 365.25, 3.0);
    let Ok(detector) = Detector::new(Frequency::Daily, 0.005) else { return };
    let prepared = detector.prepare(start, DAYS, &calendar);
    let mut group = c.benchmark_group("daily, 4 years of history");
    for judged in [1_u64, 90] {
        group.throughput(Throughput::Elements(judged));
        group.bench_function(format!("{judged} days from a cold start"), |b| {
            b.iter(|| prepared.judge(black_box(&counts), DAYS - judged as usize));
        });
    }
    group.finish();
}

/// A city of 340 districts with half a case a day each, or eight, over 28 days; zones hold up to half of the cases.
fn scans(c: &mut Criterion) {
    const DISTRICTS: usize = 340;
    const DAYS: usize = 28;
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let centroids: Vec<(f64, f64)> = (0..DISTRICTS).map(|_| (rng.random(), rng.random())).collect();
    let Ok(places) = Places::on_plane(&centroids) else { return };
    let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(1).build() else { return };
    let mut group = c.benchmark_group("scan, 999 replicates");
    group.sample_size(10);
    for mean in [0.5, 8.0] {
        let baseline = Array2::from_elem((DISTRICTS, DAYS), mean);
        let counts = baseline.mapv(|b| Poisson::new(b).map_or(0.0, |poisson| poisson.sample(&mut rng)));
        let size = [4.0; DISTRICTS];
        let scans = [
            ("permutation", scan::Data::permutation(&counts)),
            ("Poisson", scan::Data::expectation_poisson(&counts, &baseline)),
            ("negative binomial", scan::Data::expectation_negative_binomial(&counts, &baseline, &size)),
        ];
        for (name, data) in scans {
            let Ok(data) = data else { return };
            let Ok(zones) = Zones::circles(&places, &data.cases(), ZoneLimits::default()) else { return };
            for longest in [7, DAYS] {
                let Ok(spans) = scan::Spans::prospective(DAYS, 1, longest) else { return };
                group.bench_function(format!("{name}, {mean} a day, to {longest} days"), |b| {
                    b.iter(|| pool.install(|| scan::scan(&data, &zones, &spans, &scan::Settings::default())));
                });
            }
        }
    }
    group.finish();
}

fn farrington(c: &mut Criterion) {
    let counts: Vec<Vec<f64>> =
        (0..50).map(|seed| series(seed, WEEKS, 52.0, 8.0).into_iter().map(f64::from).collect()).collect();
    let flexible = Settings::flexible(Step::Week);
    let mut group = c.benchmark_group("Farrington, 624 weeks, the last one judged");
    group.throughput(Throughput::Elements(counts.len() as u64));
    let settings = [
        ("flexible, nbPlugin", flexible),
        ("flexible, muan", Settings { bound: Bound::Muan, ..flexible }),
        ("flexible, delta", Settings { bound: Bound::Delta(Power::TwoThirds), ..flexible }),
        ("original", Settings::original(Step::Week)),
    ];
    for (name, settings) in settings {
        let Ok(farrington) = Farrington::new(settings) else { return };
        group.bench_function(name, |b| {
            b.iter(|| {
                let verdicts = counts.iter().map(|y| farrington.judge(&Series::new(black_box(y)), WEEKS - 1));
                verdicts.filter(Result::is_ok).count()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, weekly, daily, farrington, scans);
criterion_main!(benches);
