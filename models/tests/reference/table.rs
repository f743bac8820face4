//! The shared reference tables: series and other people's results. Absent outside the project's machines.
use std::{collections::BTreeMap, path::PathBuf};

use chrono::NaiveDate;

/// A daily series.
pub struct Daily {
    /// First day.
    pub start: NaiveDate,
    /// Counts.
    pub y: Vec<f32>,
    /// Days marked as holidays.
    pub holidays: Vec<NaiveDate>,
}

/// A folder of the reference tables; says so when it is absent.
pub fn folder(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/reference").join(name);
    if !path.is_dir() {
        println!("skipped: no {}", path.display());
        return None;
    }
    Some(path)
}

/// Rows of one of the forecast tables, compressed or not.
pub fn rows(file: &str) -> Option<Vec<csv::StringRecord>> {
    rows_of("forecast", file)
}

/// Rows of a table in a folder, compressed or not.
pub fn rows_of(name: &str, file: &str) -> Option<Vec<csv::StringRecord>> {
    let table = std::fs::File::open(folder(name)?.join(file)).unwrap();
    let table: Box<dyn std::io::Read> =
        if file.ends_with(".gz") { Box::new(flate2::read::GzDecoder::new(table)) } else { Box::new(table) };
    Some(csv::Reader::from_reader(table).records().map(Result::unwrap).collect())
}

/// The daily series by id.
pub fn daily() -> Option<BTreeMap<String, Daily>> {
    let mut out = BTreeMap::new();
    for row in rows("series.csv")?.iter().filter(|row| &row[1] == "D") {
        let date: NaiveDate = row[4].parse().unwrap();
        let one = out.entry(row[0].to_owned()).or_insert(Daily { start: date, y: vec![], holidays: vec![] });
        one.y.push(row[5].parse().unwrap());
        if &row[6] == "1" {
            one.holidays.push(date);
        }
    }
    Some(out)
}

/// A regular series with its season length, daily or monthly.
pub struct Regular {
    /// Counts.
    pub y: Vec<f64>,
    /// Periods in a season.
    pub m: usize,
}

/// All series by id.
pub fn regular() -> Option<BTreeMap<String, Regular>> {
    let mut out = BTreeMap::new();
    for row in &rows("series.csv")? {
        let one =
            out.entry(row[0].to_owned()).or_insert_with(|| Regular { y: vec![], m: row[2].parse().unwrap() });
        one.y.push(row[5].parse().unwrap());
    }
    Some(out)
}

/// One lead of somebody else's forecast; NaN where the table is empty.
#[derive(Clone, Copy)]
pub struct Lead {
    /// Point forecast.
    pub mean: f64,
    /// Half the width of the 95 % interval.
    pub half_95: f64,
}

/// The forecasts of a method by id of the series, from the table whose name begins like the method's.
pub fn forecasts(method: &str) -> Option<BTreeMap<String, Vec<Lead>>> {
    let file = if method.starts_with("r_") { "r_forecasts.csv" } else { "sf_forecasts.csv" };
    let mut out: BTreeMap<String, Vec<Lead>> = BTreeMap::new();
    for row in rows(file)?.iter().filter(|row| &row[1] == method) {
        let number = |k: usize| row[k].parse().unwrap_or(f64::NAN);
        let leads = out.entry(row[0].to_owned()).or_default();
        leads.push(Lead { mean: number(3), half_95: (number(7) - number(6)) / 2.0 });
        assert_eq!(row[2], leads.len().to_string(), "leads in order");
    }
    assert!(!out.is_empty(), "no {method} in {file}");
    Some(out)
}

/// What one of statsforecast's models found in a series; NaN and empty where the model has no such thing.
pub struct Found {
    /// Exponential smoothing or theta model chosen.
    pub form: String,
    /// Of exponential smoothing.
    pub log_likelihood: f64,
    /// Smoothing constant of a theta model.
    pub alpha: f64,
    /// Its theta.
    pub theta: f64,
    /// Its level before the first value.
    pub start: f64,
}

/// What a method found, by id of the series; `tests/compare/parameters.py` wrote it down.
pub fn found_by_statsforecast(method: &str) -> BTreeMap<String, Found> {
    let table = include_str!("classic/statsforecast.csv");
    let rows = csv::Reader::from_reader(table.as_bytes()).into_records().map(Result::unwrap);
    let found = |row: csv::StringRecord| {
        let number = |k: usize| row[k].parse().unwrap_or(f64::NAN);
        let of = Found {
            form: row[2].to_owned(),
            log_likelihood: number(3),
            alpha: number(4),
            theta: number(5),
            start: number(6),
        };
        (row[0].to_owned(), of)
    };
    rows.filter(|row| &row[1] == method).map(found).collect()
}
