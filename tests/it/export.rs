//! The monthly export: names, bytes, privacy, and the same numbers in CSV and Parquet, on both stores.
use std::{collections::BTreeMap, fs::File, path::Path};

use arrow_array::{
    Array, Float64Array, RecordBatch, StringArray, UInt32Array, cast::AsArray, types::Date32Type,
};
use chrono::NaiveDate;
use chrono_tz::Tz;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use weisu::{
    config::{City, Lang, Zone},
    publish::export::{COLUMNS, ExportError, MANIFEST, Manifest, Request, Summary, export},
    store::{DayStatus, FitRow, ForecastRow, Grain, IngestTx, NewRun, SeriesKey, SourceDay, Store, Tree},
    ticket::{Basis, Day, Ticket},
};

use crate::support::for_each_database;

/// A name that a spreadsheet would run.
pub(crate) const FORMULA: &str = "=HYPERLINK(\"http://evil\")";

fn day(text: &str) -> Day {
    text.parse::<NaiveDate>().unwrap().into()
}

pub(crate) fn city() -> City {
    City {
        code: "demo".into(),
        zone: Zone(Tz::Asia__Shanghai),
        calendar: "CN".into(),
        lang: Lang::Zh,
        ..City::default()
    }
}

/// Two topics, one district, 2022-12-01 until 2024-01-31, a forecast of February 2024 on both bases.
pub(crate) async fn fill(store: &Store) -> i64 {
    let mut tx = store.begin().await.unwrap();
    let source = tx.source("hotline").await.unwrap();
    let paths = [vec!["供暖".to_owned(), "室温".to_owned()], vec![FORMULA.to_owned()]];
    let topics = tx.intern(Tree::Topics, &paths).await.unwrap();
    let districts = tx.intern(Tree::Districts, &[vec!["朝阳区".to_owned()]]).await.unwrap();
    let mut ingest = IngestTx::new(tx, source);
    let (from, to) = (day("2022-12-01"), day("2024-01-31"));
    for d in from.0..=to.0 {
        // Three a day of the first topic, one of them a repeat; of the second three in the whole February of 2023.
        let rare = (day("2023-02-03").0..=day("2023-02-05").0).contains(&d);
        let batch: Vec<Ticket> = (0..3 + i32::from(rare))
            .map(|n| Ticket {
                id: format!("{d}-{n}").into(),
                version: 0,
                received: i64::from(d) * 86_400_000,
                day: Day(d),
                topic: topics[usize::from(n == 3)],
                district: districts[0],
                closed: None,
                is_repeat: n == 0,
            })
            .collect();
        ingest.put(&batch).await.unwrap();
    }
    let (mut tx, _) = ingest.finish().await.unwrap();
    let days: Vec<SourceDay> = (from.0..=to.0)
        .map(|d| SourceDay { source, day: Day(d), tickets: 3, status: DayStatus::Closed })
        .collect();
    tx.put_source_days(&days).await.unwrap();
    let key = |topic, topic_depth| SeriesKey { topic, district: 0, topic_depth, district_depth: 0 };
    let keys = [key(0, 0), key(topics[0], 2), key(topics[1], 1)];
    let mut series = Vec::new();
    for basis in Basis::ALL {
        series.extend(tx.register_series(basis, &keys).await.unwrap());
    }
    tx.commit().await.unwrap();
    let fit_run = begin(store, "fit").await;
    let run = begin(store, "forecast").await;
    let mut tx = store.begin().await.unwrap();
    let fits: Vec<FitRow> = series.iter().map(|&s| fit(s)).collect();
    tx.put_fits(fit_run, &fits).await.unwrap();
    tx.finish_run(fit_run, 1_706_750_000_000, Some(to.0), "{}").await.unwrap();
    let rows: Vec<ForecastRow> = series
        .iter()
        .zip([93.0, 90.0, 2.6, 62.0, 60.0, 2.6])
        .flat_map(|(&s, month)| month_rows(s, month))
        .collect();
    tx.put_forecasts(run, &rows).await.unwrap();
    tx.finish_run(run, 1_706_755_000_000, Some(to.0), &format!("{{\"fit_run\":{fit_run}}}")).await.unwrap();
    tx.commit().await.unwrap();
    run
}

async fn begin(store: &Store, stage: &str) -> i64 {
    let new =
        NewRun { stage, slot: "2024-02-01T05:10", started: 1_706_740_000_000, seed: 1, config_hash: "c" };
    store.begin_run(&new).await.unwrap()
}

fn fit(series: i32) -> FitRow {
    FitRow {
        series,
        model: "mstl".into(),
        fallback: (series == 3).then(|| "@short history".to_owned()),
        fit: "{}".into(),
        mase: Some(0.812_345),
        rmsse: None,
        wql: None,
        wql_naive: None,
        coverage_80: None,
        coverage_95: None,
        scored: 8,
    }
}

fn month_rows(series: i32, month: f64) -> Vec<ForecastRow> {
    let first = day("2024-02-01").0;
    let row = |grain: Grain, target, mean: f64| ForecastRow {
        series,
        grain: grain.code(),
        target,
        mean,
        q025: mean * 0.5,
        q10: mean * 0.7,
        q50: mean * 0.987_654,
        q90: mean * 1.3,
        q975: mean * 1.5,
    };
    // The last day belongs to the next month.
    let mut rows: Vec<ForecastRow> = (0..30).map(|d| row(Grain::Day, first + d, month / 29.0)).collect();
    rows.push(row(Grain::Month, first, month));
    rows
}

async fn run_export(store: &Store, folder: &Path, small_cell: u32) -> Result<Summary, ExportError> {
    let city = city();
    let month = "2024-02".parse().unwrap();
    export(store, &Request { city: &city, month, run: None, basis: None, folder, small_cell }).await
}

fn read_csv(path: &Path) -> Vec<BTreeMap<String, String>> {
    let bytes = std::fs::read(path).unwrap();
    let mut reader = csv::Reader::from_reader(&bytes[3..]);
    let header = reader.headers().unwrap().clone();
    reader
        .records()
        .map(|r| header.iter().map(str::to_owned).zip(r.unwrap().iter().map(str::to_owned)).collect())
        .collect()
}

fn find<'a>(
    rows: &'a [BTreeMap<String, String>],
    topic: &str,
    basis: &str,
    grain: &str,
) -> &'a BTreeMap<String, String> {
    rows.iter().find(|r| r["topic"] == topic && r["basis"] == basis && r["grain"] == grain).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_store_gives_the_same_bytes_under_the_promised_names() {
    for_each_database(|db| async move {
        let store = db.open().await.unwrap();
        let run = fill(&store).await;
        let (one, two) = (db.folder.join("one"), db.folder.join("two/deep"));
        let summary = run_export(&store, &one, 5).await.unwrap();
        run_export(&store, &two, 5).await.unwrap();
        run_export(&store, &two, 5).await.unwrap();
        let mut names: Vec<String> =
            std::fs::read_dir(&one).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        let stem = format!("demo_forecast_2024-02_{run}");
        assert_eq!(names, [format!("{stem}.csv"), format!("{stem}.parquet"), MANIFEST.to_owned()]);
        for name in &names {
            assert_eq!(
                std::fs::read(one.join(name)).unwrap(),
                std::fs::read(two.join(name)).unwrap(),
                "{name}"
            );
        }
        let manifest: Manifest = serde_json::from_slice(&std::fs::read(&summary.manifest).unwrap()).unwrap();
        let entry = &manifest.exports[&stem];
        assert_eq!(entry.rows, 6 * 30, "29 days and the month");
        use sha2::Digest;
        for file in entry.files.values() {
            let bytes = std::fs::read(one.join(&file.name)).unwrap();
            let sha: String = sha2::Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!((&sha, bytes.len() as u64), (&file.sha256, file.bytes));
        }
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spreadsheets_can_read_the_csv_and_small_counts_stay_inside() {
    for_each_database(|db| async move {
        let store = db.open().await.unwrap();
        fill(&store).await;
        let summary = run_export(&store, &db.folder, 5).await.unwrap();
        let path = db.folder.join(&summary.entry.files["csv"].name);
        let text = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
        assert!(text.starts_with(&format!("\u{feff}{}\r\n", COLUMNS.join(","))));
        assert!(text.ends_with("\r\n") && !text.replace("\r\n", "").contains('\n'));
        let rows = read_csv(&path);
        let month = find(&rows, "供暖/室温", "raw", "month");
        for (column, wanted) in [
            ("issued_at", "2024-02-01T10:36:40+08:00"),
            ("origin", "2024-01-31"),
            ("target_start", "2024-02-01"),
            ("target_end", "2024-02-29"),
            ("district", "全市"),
            ("district_code", "0"),
            ("mean", "90"),
            ("q50", "88.89"),
            // 28 days of February 2023; the moved period of 29 days; 31 days of January.
            ("last_year", "84"),
            ("yoy_pct", "7.1"),
            ("lunar_ref", "87"),
            ("lunar_yoy_pct", "3.4"),
            ("previous", "93"),
            ("mom_pct", "-3.2"),
            ("model", "mstl"),
            ("mase", "0.8123"),
            ("coverage_80", ""),
        ] {
            assert_eq!(month[column], wanted, "{column}");
        }
        assert_eq!(find(&rows, "供暖/室温", "dedup", "month")["last_year"], "56");
        let rare = find(&rows, &format!("'{FORMULA}"), "raw", "month");
        assert_eq!((rare["last_year"].as_str(), rare["yoy_pct"].as_str()), ("<5", ""));
        assert_eq!(
            (rare["mean"].as_str(), rare["previous"].as_str()),
            ("3", "0"),
            "rounded to whole tickets"
        );
        assert_eq!(rare["fallback_reason"], "'@short history");
        let second = rows.iter().filter(|r| r["grain"] == "day" && r["topic"] == "供暖/室温").nth(1).unwrap();
        assert_eq!(
            (second["target_start"].as_str(), second["previous"].as_str()),
            ("2024-02-02", ""),
            "not known yet"
        );
        assert_eq!(second["last_year"], "<5");

        let open = db.folder.join("open");
        let summary = run_export(&store, &open, 0).await.unwrap();
        let rows = read_csv(&open.join(&summary.entry.files["csv"].name));
        let rare = find(&rows, &format!("'{FORMULA}"), "raw", "month");
        assert_eq!(
            (rare["last_year"].as_str(), rare["mean"].as_str(), summary.entry.small_cells),
            ("3", "2.6", 0)
        );
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_reads_back_as_the_csv() {
    for_each_database(|db| async move {
        let store = db.open().await.unwrap();
        fill(&store).await;
        let summary = run_export(&store, &db.folder, 5).await.unwrap();
        let rows = read_csv(&db.folder.join(&summary.entry.files["csv"].name));
        let file = File::open(db.folder.join(&summary.entry.files["parquet"].name)).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        let mut at = 0;
        for batch in reader {
            let batch = batch.unwrap();
            let names: Vec<String> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
            assert_eq!(names, COLUMNS);
            for i in 0..batch.num_rows() {
                compare(&batch, i, &rows[at]);
                at += 1;
            }
        }
        assert_eq!(at, rows.len());
        store.close().await;
    })
    .await;
}

fn compare(batch: &RecordBatch, i: usize, row: &BTreeMap<String, String>) {
    for (column, name) in batch.columns().iter().zip(COLUMNS) {
        let cell = &row[name];
        let plain = cell.strip_prefix('\'').unwrap_or(cell);
        if column.is_null(i) {
            assert!(plain.is_empty() || plain == "<5", "{name}: {plain}");
        } else if let Some(text) = column.as_any().downcast_ref::<StringArray>() {
            assert_eq!(text.value(i), plain, "{name}");
        } else if let Some(number) = column.as_any().downcast_ref::<Float64Array>() {
            assert_eq!(number.value(i), plain.parse::<f64>().unwrap(), "{name}");
        } else if let Some(count) = column.as_any().downcast_ref::<UInt32Array>() {
            assert_eq!(count.value(i).to_string(), plain, "{name}");
        } else if let Some(date) = column.as_primitive_opt::<Date32Type>() {
            assert_eq!(Day(date.value(i)).to_string(), plain, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_exported_says_what_to_do() {
    for_each_database(|db| async move {
        let store = db.open().await.unwrap();
        let error = run_export(&store, &db.folder, 5).await.unwrap_err();
        assert!(
            error.to_string().contains("no finished forecast holds 2024-02: run `weisu once`"),
            "{error}"
        );
        let run = fill(&store).await;
        let city = city();
        let with = |month: &str, run| Request {
            city: &city,
            month: month.parse().unwrap(),
            run,
            basis: None,
            folder: &db.folder,
            small_cell: 5,
        };
        let error = export(&store, &with("2031-01", None)).await.unwrap_err();
        assert!(matches!(error, ExportError::NoForecast { .. }), "{error}");
        let error = export(&store, &with("2024-02", Some(999))).await.unwrap_err();
        assert!(matches!(error, ExportError::NoSuchRun { run: 999 }), "{error}");
        let error = export(&store, &with("2031-01", Some(run))).await.unwrap_err();
        assert!(matches!(error, ExportError::Empty { .. }), "{error}");
        // March has one day of forecast, so the run is found by its days.
        assert_eq!(export(&store, &with("2024-03", None)).await.unwrap().entry.rows, 6);

        let blocked = db.folder.join("blocked");
        std::fs::write(&blocked, "").unwrap();
        let error = run_export(&store, &blocked, 5).await.unwrap_err();
        assert!(error.to_string().contains("a file stands where the folder should be"), "{error}");
        // A file on its way that leads to a device without room stands for a full disk.
        let full = db.folder.join("full");
        std::fs::create_dir(&full).unwrap();
        for ending in ["csv", "parquet"] {
            let part = full.join(format!(".demo_forecast_2024-02_{run}.{ending}.part"));
            std::os::unix::fs::symlink("/dev/full", &part).unwrap();
            let error = run_export(&store, &full, 5).await.unwrap_err();
            assert!(error.to_string().contains("the disk is full; free space and export again"), "{error}");
            assert_eq!(std::fs::read_dir(&full).unwrap().count(), 0, "nothing half-written stays");
        }
        let foreign = db.folder.join("foreign");
        std::fs::create_dir(&foreign).unwrap();
        std::fs::write(foreign.join(MANIFEST), "{\"name\":\"an app\"}").unwrap();
        let error = run_export(&store, &foreign, 5).await.unwrap_err();
        assert!(matches!(error, ExportError::Manifest { .. }), "{error}");
        let left: Vec<_> =
            std::fs::read_dir(blocked.parent().unwrap()).unwrap().map(|f| f.unwrap().file_name()).collect();
        assert!(left.iter().all(|f| !f.to_string_lossy().ends_with(".part")), "{left:?}");
        store.close().await;
    })
    .await;
}
