//! Seconds of the detect stage alone on a city the size of a capital, without a store:
//! `cargo bench --bench detect -- [topics] [districts] [days] [tickets]`.
//!
//! By default 100 topics x 340 street offices (34,000 cells and every aggregate) over 1,461 days with five million tickets,
//! most of them in few cells, on a grid of neighbours. One morning is judged as the daemon does after one new day: with
//! every detector, the scans of space and time among them, and the classes of emerging hot spots.
#![allow(clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::time::Instant;

use chrono::NaiveDate;
use ndarray::Array2;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal, Poisson};
use rustc_hash::FxHashMap;
use weisu::{
    aggregate::CityPanel,
    config::Config,
    map::Neighbourhood,
    stages::{
        Silent,
        detect::{Scene, classes, grounds::Grounds, judge},
    },
    store::SeriesKey,
    ticket::Day,
};
use weisu_models::{
    calendar::{Calendar, Region},
    hierarchy::{CellPath, Hierarchy},
    series::Panel,
};

/// A Monday, so that the year begins with a whole week.
const START: NaiveDate = NaiveDate::from_ymd_opt(2021, 1, 4).expect("a date");
/// Topics and districts of the top level.
const TOPS: (u32, u32) = (10, 17);
/// Districts in a row of the grid.
const WIDTH: usize = 20;

fn city([topics, districts, days, tickets]: [usize; 4]) -> CityPanel {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut weights = |n: usize, spread: f64| -> Vec<f64> {
        let size = LogNormal::new(0.0, spread).expect("a distribution");
        (0..n).map(|_| size.sample(&mut rng)).collect()
    };
    let (topic, district) = (weights(topics, 1.5), weights(districts, 0.8));
    let scale = tickets as f64 / days as f64 / topic.iter().sum::<f64>() / district.iter().sum::<f64>();
    let paths: Vec<CellPath> = (0..topics * districts)
        .map(|cell| {
            let (t, d) = ((cell / districts) as u32, (cell % districts) as u32);
            CellPath { topic: vec![t % TOPS.0 + 1, t + 100], district: vec![d % TOPS.1 + 1, d + 100] }
        })
        .collect();
    let counts = Array2::from_shape_fn((paths.len(), days), |(cell, t)| {
        let week = if t % 7 < 5 { 1.2 } else { 0.5 };
        let year = 1.0 + 0.4 * (t as f64 / 365.25 * std::f64::consts::TAU).sin();
        let mean = scale * topic[cell / districts] * district[cell % districts] * week * year;
        Poisson::new(mean).map_or(0.0, |p| p.sample(&mut rng)) as f32
    });
    let hierarchy = Hierarchy::new(&paths);
    let key = |node: &weisu_models::hierarchy::Node| SeriesKey {
        topic: node.topic as i32,
        district: node.district as i32,
        topic_depth: i32::from(node.level.topic),
        district_depth: i32::from(node.level.district),
    };
    CityPanel {
        keys: hierarchy.nodes.iter().map(key).collect(),
        panel: Panel { start: START, counts },
        hierarchy,
    }
}

fn grid(districts: usize) -> Neighbourhood {
    let beside = (1..districts).filter(|d| d % WIDTH > 0).map(|d| (d - 1, d));
    let above = (WIDTH..districts).map(|d| (d - WIDTH, d));
    Neighbourhood {
        depth: 2,
        districts: (0..districts as i32).map(|d| d + 100).collect(),
        centroids: vec![None; districts],
        pairs: beside.chain(above).collect(),
    }
}

/// Seconds of processor time of this process, where the system tells.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    ticks / 100.0
}

/// Runs it and says what it took.
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (began, before) = (Instant::now(), processor());
    let done = work();
    println!(
        "  {what:<34}{:>7.1} s, {:>7.1} s of processors",
        began.elapsed().as_secs_f64(),
        processor() - before
    );
    done
}

fn scene(city: &CityPanel, neighbourhood: Option<Neighbourhood>) -> Scene {
    let calendar = Calendar::for_region(Region::China, 2019, 2027);
    let origin = Day::from(START).plus(city.panel.days() as i32 - 1);
    Scene {
        grounds: Grounds { neighbourhood, ..Grounds::default() },
        ..Scene::new(&Config::default(), calendar, city.clone(), FxHashMap::default(), (origin, origin))
    }
}

fn main() {
    // Cargo adds `--bench` of its own.
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let sizes = std::array::from_fn(|k| sizes.get(k).copied().unwrap_or([100, 340, 1461, 5_000_000][k]));
    let city = city(sizes);
    println!(
        "{} topics x {} districts, {} series over {} days; {} threads",
        sizes[0],
        sizes[1],
        city.hierarchy.nodes.len(),
        sizes[2],
        std::thread::available_parallelism().map_or(1, usize::from)
    );
    let without = scene(&city, None);
    let quiet = timed("all detectors, no map", || judge(&without, &Silent).expect("a judgement"));
    let scene = scene(&city, Some(grid(sizes[1])));
    let judged = timed("all detectors, with the scans", || judge(&scene, &Silent).expect("a judgement"));
    let classes = timed("classes of emerging hot spots", || classes::classes(&scene, 1).expect("classes"));
    println!(
        "  {} alarms without and {} with a map, {} classes",
        quiet.found.len(),
        judged.found.len(),
        classes.len()
    );
}
