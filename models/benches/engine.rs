//! What a series costs: the GLM alone, the weekly and the daily step without and with boosting, the daily update in
//! place of a refit, and whether that stays the same from a thousand series on.
//!
//! `cargo bench -p weisu-models --bench engine -- [cells …]`, 1,000 and 10,000 cells when none are named; a hundred
//! thousand take some minutes. One thread, 1,461 days, 28 days ahead; a step is run once per size and its processor
//! time divided by the number of series (cells and all their sums). Rates of the cells are log-normal, as a city's
//! are; a share of them has at least one ticket a day. Peak memory is that of the process so far.
#![allow(clippy::print_stdout)]
use std::time::Instant;

use ndarray::Array2;
use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, LogNormal, Poisson};
use weisu_models::{
    forecast::{
        Horizon, PanelFit, Params, fit, forecast,
        glm::{self, Prior, Weighted},
    },
    regressors::Design,
};

#[allow(dead_code, clippy::unwrap_used)]
#[path = "../tests/support/mod.rs"]
mod support;
use support::{City, city};

const DAYS: usize = 1461;
const HORIZON: Horizon = Horizon { days: 28, months: 0 };
/// Districts of every city; topics grow with its size.
const DISTRICTS: usize = 50;

/// Milliseconds of processor time per item of a step, and what it gave.
fn timed<R>(items: usize, step: impl FnOnce() -> R) -> (f64, R) {
    let (begun, before) = (Instant::now(), processor_seconds());
    let out = step();
    let seconds = match (before, processor_seconds()) {
        (Some(before), Some(after)) => after - before,
        _ => begun.elapsed().as_secs_f64(),
    };
    (seconds * 1e3 / items as f64, out)
}

/// Processor time of this process so far, where the system tells: fields 14 and 15 of its status, in hundredths.
fn processor_seconds() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = status.rsplit(')').next()?.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / 100.0)
}

/// A city whose cells have log-normal rates: a fifth of a ticket a day in the middle.
fn uneven(cells: usize) -> City {
    let mut city = city((cells / DISTRICTS).max(1) as u32, DISTRICTS as u32, 1, 4);
    let mut rng = StdRng::seed_from_u64(5);
    let mut counts = Array2::zeros((city.paths.len(), DAYS));
    for mut row in counts.rows_mut() {
        let rate: f64 = LogNormal::new(-1.6, 1.5).map_or(0.2, |size| size.sample(&mut rng));
        for (t, count) in row.iter_mut().enumerate() {
            let week = if t % 7 < 5 { 1.2 } else { 0.5 };
            let year = 1.0 + 0.4 * (t as f64 / 365.25 * std::f64::consts::TAU).sin();
            *count = Poisson::new(rate * week * year).map_or(0.0, |n| n.sample(&mut rng)) as f32;
        }
    }
    city.panel.counts = counts;
    city
}

fn glm_alone(city: &City) -> f64 {
    let design = Design::new(city.panel.start, DAYS + HORIZON.days, &city.calendar);
    let weights = glm::weights_by_age();
    let (ms, _) = timed(city.panel.cells(), || {
        let mut sum = 0.0;
        for i in 0..city.panel.cells() {
            let y = city.panel.cell(i).to_vec();
            let data = Weighted { y: &y, from: 0, end: DAYS, by_age: &weights };
            let prior = Prior::alone(&design, data.volume());
            if let Ok(beta) = glm::robust_fit(&design, data, &prior, None) {
                sum += (DAYS..DAYS + HORIZON.days).map(|t| glm::mean(&design, t, &beta)).sum::<f64>();
            }
        }
        std::hint::black_box(sum)
    });
    ms
}

/// Milliseconds a series: the weekly step, the daily step with a fit of its own, and as an update of the last week's.
fn steps(city: &City, boosted: usize) -> [f64; 3] {
    let nodes = city.hierarchy.nodes.len();
    let params = Params { boosted, profiles: true, ..Params::default() };
    let past = city.panel.until(city.panel.date(DAYS - 8));
    let (weekly, fitted) = timed(nodes, || fit(&past, &city.hierarchy, &city.calendar, &params, &|_| ()));
    drop(past);
    let daily = |fitted: &PanelFit| {
        timed(nodes, || forecast(&city.panel, &city.hierarchy, &city.calendar, fitted, HORIZON, &|_| ())).0
    };
    let update = daily(&fitted);
    [weekly, daily(&PanelFit { profiles: None, ..fitted }), update]
}

/// Peak resident memory of this process, where the system tells.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|kb| kb.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.map_or_else(|| "unknown".to_owned(), |kib| format!("{} MiB", kib / 1024))
}

fn main() {
    // Cargo adds `--bench` of its own.
    let mut sizes: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 10_000];
    }
    let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(1).build() else { return };
    for cells in sizes {
        let city = uneven(cells);
        let nodes = city.hierarchy.nodes.len();
        let sum = |i: usize| city.panel.cell(i).iter().map(|n| f64::from(*n)).sum::<f64>();
        let dense = (0..city.panel.cells()).filter(|i| sum(*i) >= DAYS as f64).count();
        println!(
            "{} cells ({:.0} % with a ticket a day), {nodes} series with their sums, {DAYS} days, one thread:",
            city.panel.cells(),
            100.0 * dense as f64 / city.panel.cells() as f64
        );
        pool.install(|| {
            println!("  GLM, cold, and 28 days {:6.3} ms a series", glm_alone(&city));
            for (boosted, name) in [(0, "without boosting"), (Params::default().boosted, "with boosting   ")] {
                let [weekly, refit, update] = steps(&city, boosted);
                println!(
                    "  {name}  weekly fit {weekly:6.3}, daily refit {refit:6.3}, daily update {update:6.3} ms a series"
                );
            }
        });
        println!("  peak {}", peak_memory());
    }
}
