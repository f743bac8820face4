//! What a series costs: the GLM alone, the weekly and the daily step without and with boosting, and whether that stays
//! the same from a thousand series on.
//!
//! `cargo bench -p weisu-models --bench engine -- [cells …]`, 1,000 and 10,000 cells when none are named; a hundred
//! thousand take some minutes. One thread, 1,461 days, 28 days ahead; a step is run once per size and divided by the
//! number of series (cells and all their sums). Peak memory is that of the process so far.
#![allow(clippy::print_stdout)]
use std::{hash::Hasher, time::Instant};

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

/// Milliseconds per item of a step, and what it gave.
fn timed<R>(items: usize, step: impl FnOnce() -> R) -> (f64, R) {
    let begun = Instant::now();
    let out = step();
    (begun.elapsed().as_secs_f64() * 1e3 / items as f64, out)
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
            if let Ok(beta) = glm::fit(&design, data, &prior, None) {
                sum += (DAYS..DAYS + HORIZON.days).map(|t| glm::mean(&design, t, &beta)).sum::<f64>();
            }
        }
        std::hint::black_box(sum)
    });
    ms
}

fn steps(city: &City, boosted: usize) -> (f64, f64) {
    let nodes = city.hierarchy.nodes.len();
    let params = Params { boosted, ..Params::default() };
    let (weekly, fitted) =
        timed(nodes, || fit(&city.panel, &city.hierarchy, &city.calendar, &params, &|_| ()));
    let (daily, made) =
        timed(nodes, || forecast(&city.panel, &city.hierarchy, &city.calendar, &fitted, HORIZON, &|_| ()));
    println!(
        "    digest {:016x} {:016x}",
        digest(&fitted),
        made.daily
            .iter()
            .fold(0, |h, n| { n.mean.iter().fold(h, |h: u64, m| h.rotate_left(5) ^ m.to_bits()) })
    );
    (weekly, daily)
}

fn digest(fitted: &PanelFit) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    for fit in &fitted.nodes {
        hasher.write(serde_json::to_string(fit).unwrap_or_default().as_bytes());
    }
    hasher.write(serde_json::to_string(&fitted.boost).unwrap_or_default().as_bytes());
    hasher.finish()
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
        let city = city((cells / DISTRICTS).max(1) as u32, DISTRICTS as u32, DAYS, 4);
        let nodes = city.hierarchy.nodes.len();
        println!("{} cells, {nodes} series with their sums, {DAYS} days, one thread:", city.panel.cells());
        pool.install(|| {
            println!("  GLM, cold, and 28 days        {:6.3} ms a series", glm_alone(&city));
            for (boosted, name) in [(0, "without boosting"), (Params::default().boosted, "with boosting   ")]
            {
                let (weekly, daily) = steps(&city, boosted);
                println!("  {name}  weekly step {weekly:6.3}, daily step {daily:6.3} ms a series");
            }
        });
        println!("  peak {}", peak_memory());
    }
}
