//! What a ticket and a forecast row cost: `cargo bench --bench pipeline`.
//!
//! The peer in the same run is the same file read by the csv crate's `StringRecord`s into a map keyed by texts, which is
//! how a short program would do it. PostgreSQL is measured when `WEISU_TEST_POSTGRES` names a server.
#![allow(clippy::expect_used, missing_docs)]

use std::{collections::HashMap, hint::black_box, path::Path, sync::Arc};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tempfile::TempDir;
use weisu::{
    config::{Config, Lang},
    ingest,
    metrics::Metrics,
    simulate::{City, Params},
    stages::{Cx, Owner, Silent, Stage, activate},
    store::{ForecastRow, Options, Store},
};

/// 150,000 tickets.
const SCALE: f64 = 0.1;
const ROWS: usize = 500_000;

fn city(dir: &Path) -> (Config, u64) {
    let until = "2024-11-24".parse().expect("a date");
    let city = City::new(Params { scale: SCALE, ..Params::demo(Lang::En, until) }).expect("a city");
    let file = std::fs::File::create(dir.join("tickets.csv")).expect("a file");
    let truth = city.write(&mut std::io::BufWriter::new(file), &|_| ()).expect("tickets");
    let path = dir.join("weisu.toml");
    std::fs::write(&path, city.config_toml("tickets.csv", None, "sqlite://weisu.db"))
        .expect("a configuration");
    (Config::load(&path).expect("a sound configuration"), truth.tickets)
}

fn reading(c: &mut Criterion) {
    let dir = TempDir::new().expect("a folder");
    let (config, tickets) = city(dir.path());
    let file = dir.path().join("tickets.csv");
    let mut group = c.benchmark_group("csv_to_counts");
    group.sample_size(10).throughput(Throughput::Elements(tickets));
    let mapping = config.source[0].mapping();
    let context = ingest::Context {
        mapping: &mapping,
        zone: config.city.zone.0,
        now: "2024-12-01T00:00:00Z".parse().expect("a time"),
    };
    group.bench_function("weisu", |b| {
        b.iter(|| black_box(ingest::count(&file, context).expect("counts")).accepted);
    });
    group.bench_function("string_records", |b| b.iter(|| black_box(string_records(&file))));
    group.finish();
}

fn string_records(file: &Path) -> usize {
    let mut reader = csv::Reader::from_path(file).expect("a file");
    let header = reader.headers().expect("a header").clone();
    let at = |name: &str| header.iter().position(|h| h == name).expect("a column");
    let (time, topic, sub, district) = (at("受理时间"), at("一级分类"), at("二级分类"), at("所属区"));
    let mut counts: HashMap<(String, String, String, chrono::NaiveDate), u32> = HashMap::new();
    for record in reader.records() {
        let r = record.expect("a record");
        let when = chrono::NaiveDateTime::parse_from_str(&r[time], "%Y-%m-%d %H:%M:%S").expect("a time");
        let key = (r[topic].to_owned(), r[sub].to_owned(), r[district].to_owned(), when.date());
        *counts.entry(key).or_default() += 1;
    }
    counts.len()
}

fn storing(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let dir = TempDir::new().expect("a folder");
    let (config, tickets) = city(dir.path());
    let mut group = c.benchmark_group("csv_to_store");
    group.sample_size(10).throughput(Throughput::Elements(tickets));
    group.bench_function("sqlite", |b| {
        b.iter(|| {
            for end in ["", "-wal", "-shm"] {
                std::fs::remove_file(dir.path().join(format!("weisu.db{end}"))).ok();
            }
            runtime.block_on(take(&config, &dir.path().join("tickets.csv")));
        });
    });
    group.finish();
}

async fn take(config: &Config, file: &Path) {
    let cx = Cx {
        store: Store::open(&config.store.options()).await.expect("a store"),
        config: Arc::new(config.clone()),
        now: "2024-12-01T00:00:00Z".parse().expect("a time"),
        owner: Owner::this_process(),
        progress: Arc::new(Silent),
        metrics: Metrics::new().expect("metrics"),
    };
    activate(&cx, Stage::Ingest, "bench", Some(&[file.to_owned()])).await.expect("an ingest");
    cx.store.close().await;
}

fn forecasts(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let row = |i: usize| ForecastRow {
        series: (i / 90) as i32,
        grain: 0,
        target: 20_000 + (i % 90) as i32,
        mean: i as f64 / 7.0,
        q025: 0.0,
        q10: 1.0,
        q50: 2.0,
        q90: 3.0,
        q975: 4.0,
    };
    let rows: Vec<ForecastRow> = (0..ROWS).map(row).collect();
    let dir = TempDir::new().expect("a folder");
    let sqlite = format!("sqlite://{}", dir.path().join("forecasts.db").display());
    let mut group = c.benchmark_group("forecast_rows");
    group.sample_size(10).throughput(Throughput::Elements(ROWS as u64));
    let stores = [("sqlite", Some(sqlite)), ("postgres", std::env::var("WEISU_TEST_POSTGRES").ok())];
    for (name, url) in stores.into_iter().filter_map(|(name, url)| Some((name, url?))) {
        let options = Options { url, wait: std::time::Duration::from_secs(30), connections: 4 };
        let store = runtime.block_on(Store::open(&options)).expect("a store");
        let mut run = unused_run(&runtime, &store);
        group.bench_function(name, |b| {
            b.iter(|| {
                run += 1;
                runtime.block_on(async {
                    let mut tx = store.begin().await.expect("a transaction");
                    tx.put_forecasts(run, &rows).await.expect("rows");
                    tx.commit().await.expect("a commit");
                });
            });
        });
        runtime.block_on(store.close());
    }
    group.finish();
}

/// A run number that no earlier bench on the same database used.
fn unused_run(runtime: &tokio::runtime::Runtime, store: &Store) -> i64 {
    let last = runtime.block_on(store.recent_runs(1)).expect("runs").first().map_or(0, |run| run.id);
    last + i64::from(std::process::id()) * 1000
}

criterion_group!(benches, reading, storing, forecasts);
criterion_main!(benches);
