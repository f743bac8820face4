//! Seconds and memory of one whole daily cycle on a city the size of a capital, store included:
//! `cargo bench --bench cycle -- [topics] [districts] [days] [tickets] [--keep FOLDER]`.
//!
//! By default 100 topics x 340 street offices (34,000 cells, 39,738 series with every aggregate) over 1,461 days with
//! five million tickets, most of them in few cells. One cycle takes minutes, so it is run once and timed by stage: the
//! weekly one with its fit, then the next morning's without one. `--keep` leaves configuration, tickets and store in an
//! empty folder, for `tests/compare/load.sh`.
#![allow(clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::{
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use chrono::{Days, NaiveDate};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal, Poisson};
use weisu::{
    config::Config,
    metrics::Metrics,
    stages::{Activation, Cx, Owner, Silent, Stage, activate},
    store::Store,
};

const CONFIG: &str = r#"
[city]
zone = "Asia/Shanghai"
calendar = "CN"
adjacency = "neighbours.csv"

[forecast]
district_depth = 2

[[source]]
name = "hotline"
files = ["tickets-*.csv"]
[source.mapping]
id = "id"
received = ["received"]
topic = ["topic", "subtopic"]
district = ["district", "office"]
"#;

/// A Monday, so that the year begins with a whole week.
const START: NaiveDate = NaiveDate::from_ymd_opt(2021, 1, 4).expect("a date");

struct City {
    topics: usize,
    districts: usize,
    days: usize,
    /// Expected tickets of each cell a day.
    rates: Vec<f64>,
}

impl City {
    fn new([topics, districts, days, tickets]: [usize; 4]) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut weights = |n: usize, spread: f64| -> Vec<f64> {
            let size = LogNormal::new(0.0, spread).expect("a distribution");
            (0..n).map(|_| size.sample(&mut rng)).collect()
        };
        let (topic, district) = (weights(topics, 1.5), weights(districts, 0.8));
        let scale = tickets as f64 / days as f64 / topic.iter().sum::<f64>() / district.iter().sum::<f64>();
        let rates = topic.iter().flat_map(|t| district.iter().map(move |d| scale * t * d)).collect();
        Self { topics, districts, days, rates }
    }

    /// Writes the tickets of the days `[from, to)`.
    fn write(&self, path: &Path, from: usize, to: usize) -> usize {
        let mut rng = ChaCha8Rng::seed_from_u64(from as u64);
        let mut out = BufWriter::new(std::fs::File::create(path).expect("a file"));
        writeln!(out, "id,received,topic,subtopic,district,office").expect("a header");
        let mut rows = 0;
        for t in from..to {
            let day = START + Days::new(t as u64);
            let week = if t % 7 < 5 { 1.2 } else { 0.5 };
            let year = 1.0 + 0.4 * (t as f64 / 365.25 * std::f64::consts::TAU).sin();
            for (cell, rate) in self.rates.iter().enumerate() {
                let (topic, district) = (cell / self.districts, cell % self.districts);
                let n = Poisson::new(rate * week * year).map_or(0.0, |p| p.sample(&mut rng)) as usize;
                for _ in 0..n {
                    let (hour, minute) = (rng.random_range(7..22), rng.random_range(0..60));
                    writeln!(
                        out,
                        "{from}-{rows},{day} {hour:02}:{minute:02}:00,T{},T{topic},D{},S{district}",
                        topic % 10,
                        district % 17
                    )
                    .expect("a row");
                    rows += 1;
                }
            }
        }
        out.flush().expect("rows");
        rows
    }
}

/// Offices lie on a grid, each with up to four neighbours.
fn neighbours(districts: usize) -> String {
    const WIDTH: usize = 20;
    let beside = (1..districts).filter(|d| d % WIDTH > 0).map(|d| (d - 1, d));
    let above = (WIDTH..districts).map(|d| (d - WIDTH, d));
    let lines = beside.chain(above).map(|(a, b)| format!("S{a},S{b}\n"));
    std::iter::once("a,b\n".to_owned()).chain(lines).collect()
}

async fn cycle(config: &Arc<Config>, morning: NaiveDate) {
    let cx = Cx {
        store: Store::open(&config.store.options()).await.expect("a store"),
        config: config.clone(),
        now: morning.and_hms_opt(1, 0, 0).expect("a time").and_utc(),
        owner: Owner::this_process(),
        progress: Arc::new(Silent),
        metrics: Metrics::new().expect("metrics"),
    };
    let whole = Instant::now();
    for stage in Stage::DAILY {
        let started = Instant::now();
        let ran = activate(&cx, stage, "bench", None).await.expect("a stage");
        let Activation::Ran { summary, .. } = ran else { continue };
        let figures = ["series", "rows", "alarms", "raised"].map(|key| match &summary[key] {
            serde_json::Value::Null => String::new(),
            value => format!(" {key} {value}"),
        });
        println!(
            "  {:<10}{:>7.1} s  peak {}{}",
            stage.name(),
            started.elapsed().as_secs_f64(),
            peak_memory(),
            figures.concat()
        );
    }
    println!("  {:<10}{:>7.1} s  peak {}", "all", whole.elapsed().as_secs_f64(), peak_memory());
    cx.store.close().await;
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
    let args: Vec<String> = std::env::args().skip(1).collect();
    let sizes: Vec<usize> = args.iter().filter_map(|a| a.parse().ok()).collect();
    let keep = args.iter().position(|a| a == "--keep").and_then(|at| args.get(at + 1));
    let city =
        City::new(std::array::from_fn(|k| sizes.get(k).copied().unwrap_or([100, 340, 1461, 5_000_000][k])));
    let scratch = tempfile::TempDir::new().expect("a folder");
    let dir = keep.map_or_else(|| scratch.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&dir).expect("a folder");
    assert!(!dir.join("weisu.db").exists(), "{} holds a store already", dir.display());
    let started = Instant::now();
    let path = dir.join("weisu.toml");
    std::fs::write(&path, CONFIG).expect("a configuration");
    std::fs::write(dir.join("neighbours.csv"), neighbours(city.districts)).expect("a list");
    let config = Arc::new(Config::load(&path).expect("a sound configuration"));
    let tickets = city.write(&dir.join("tickets-1.csv"), 0, city.days);
    println!(
        "{} topics x {} districts = {} cells, {} days, {tickets} tickets, written in {:.1} s; {} threads",
        city.topics,
        city.districts,
        city.rates.len(),
        city.days,
        started.elapsed().as_secs_f64(),
        std::thread::available_parallelism().map_or(1, usize::from)
    );
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let morning = START + Days::new(city.days as u64);
    println!("first cycle, with its fit:");
    runtime.block_on(cycle(&config, morning));
    city.write(&dir.join("tickets-2.csv"), city.days, city.days + 1);
    println!("the next morning:");
    runtime.block_on(cycle(&config, morning + Days::new(1)));
    let last = morning + Days::new(1);
    std::fs::write(dir.join("morning.txt"), format!("{last}T01:00:00Z")).expect("a file");
    let bytes = std::fs::metadata(dir.join("weisu.db")).map_or(0, |m| m.len());
    println!("store: {} MiB", bytes >> 20);
}
