//! Seconds and memory of the weekly and the daily step on a synthetic panel the size of a capital.
//!
//! `cargo run --release -p weisu-models --example city_scale -- [topics] [districts] [days]`, by default 100 x 340
//! cells (34,000) over 1,461 days with rates from one ticket in two months to a few a day.
#![allow(clippy::print_stdout, clippy::expect_used)]
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use ndarray::Array2;
use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, Poisson};
use weisu_models::{
    calendar::Calendar,
    forecast::{Horizon, Model, Params, fit, forecast},
    hierarchy::{CellPath, Hierarchy},
    series::Panel,
};

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().expect("a number")).collect();
    let [topics, districts, days] =
        std::array::from_fn(|k| sizes.get(k).copied().unwrap_or([100, 340, 1461][k]));
    let started = Instant::now();
    let (panel, hierarchy) = city(topics, districts, days);
    let series = hierarchy.nodes.len();
    println!(
        "{} cells, {series} series, {days} days, made in {:.1} s",
        panel.cells(),
        started.elapsed().as_secs_f64()
    );
    println!("memory with the panel: {}", peak_memory());

    let calendar = Calendar::new();
    let done = AtomicUsize::new(0);
    let progress = |n: usize| {
        done.fetch_max(n, Ordering::Relaxed);
    };
    let started = Instant::now();
    let fits = fit(&panel, &hierarchy, &calendar, &Params::default(), &progress);
    report("fit", started, series);
    let named = |model| fits.iter().filter(|f| f.model == model).count();
    println!(
        "  glm {}, mstl {}, seasonal naive {}",
        named(Model::Glm),
        named(Model::Mstl),
        named(Model::SeasonalNaive)
    );
    let started = Instant::now();
    let horizon = Horizon { days: 90, months: 12 };
    let forecast = forecast(&panel, &hierarchy, &calendar, &fits, horizon, &progress);
    report("forecast 90 days, 12 months", started, series);
    println!("  total tomorrow: {:.1} in {:?}", forecast.daily[0].mean[0], forecast.daily[0].quantiles[0]);
    println!("peak memory: {}", peak_memory());
}

fn report(what: &str, started: Instant, series: usize) {
    let seconds = started.elapsed().as_secs_f64();
    let threads = rayon::current_num_threads();
    println!(
        "{what}: {seconds:.1} s on {threads} threads, {:.2} ms a series a thread",
        seconds * 1e3 * threads as f64 / series as f64
    );
}

fn city(topics: usize, districts: usize, days: usize) -> (Panel, Hierarchy) {
    let mut rng = StdRng::seed_from_u64(1);
    let paths: Vec<CellPath> = (0..topics * districts)
        .map(|i| CellPath {
            topic: vec![(i / districts) as u32 + 1],
            district: vec![(i % districts) as u32 + 1],
        })
        .collect();
    let mut counts = Array2::zeros((paths.len(), days));
    for (i, mut row) in counts.rows_mut().into_iter().enumerate() {
        let rate =
            0.015 * 1.06_f64.powi((i / districts % 100) as i32) * (1.0 + (i % districts % 17) as f64 / 8.0);
        for (t, count) in row.iter_mut().enumerate() {
            let week = if t % 7 < 5 { 1.2 } else { 0.5 };
            let year = 1.0 + 0.4 * (t as f64 / 365.25 * std::f64::consts::TAU).sin();
            *count = Poisson::new(rate * week * year).expect("a positive rate").sample(&mut rng) as f32;
        }
    }
    let start = chrono::NaiveDate::from_ymd_opt(2022, 1, 3).expect("a date");
    (Panel { start, counts }, Hierarchy::new(&paths))
}

/// Peak resident memory of this process, where the system tells.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |kb| kb.trim().to_owned())
}
