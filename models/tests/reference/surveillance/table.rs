//! The data sets of R's surveillance package and what its algorithms say of them.
use std::{collections::BTreeMap, path::PathBuf};

use chrono::NaiveDate;

/// One unit of a data set.
#[derive(Debug, Default)]
pub struct Unit {
    /// Counts.
    pub counts: Vec<f64>,
    /// Dates of the periods, where the data set has them.
    pub dates: Option<Vec<NaiveDate>>,
    /// Population.
    pub population: Vec<f64>,
}

/// What R says of one period; NaN where it says nothing.
#[derive(Debug, Clone)]
pub struct Row {
    /// Data set and unit.
    pub unit: (String, String),
    /// Method and setting.
    pub method: (String, String),
    /// The period, zero-based.
    pub t: usize,
    /// Count.
    pub count: f64,
    /// Upper bound, or the statistic.
    pub upper: f64,
    /// Alarm.
    pub alarm: bool,
    /// Expected count.
    pub expected: f64,
    /// Score.
    pub score: f64,
    /// P-value.
    pub p_value: f64,
    /// Mean the bound is taken at.
    pub mu0: f64,
    /// Dispersion.
    pub phi: f64,
    /// Coefficient of time.
    pub trend: f64,
}

/// The data sets.
pub const DATASETS: [&str; 18] = [
    "abattoir",
    "campyDE",
    "h1_nrwrp",
    "ha.sts",
    "hepatitisA",
    "influMen",
    "m1",
    "m2",
    "measlesDE",
    "meningo.age",
    "momo",
    "n1",
    "rotaBB",
    "s1",
    "salmNewport",
    "salmonella.agona",
    "shadar",
    "stsNewport",
];

/// Periods in a year of a data set.
pub fn per_year(dataset: &str) -> usize {
    if ["rotaBB", "meningo.age"].contains(&dataset) { 12 } else { 52 }
}

fn records(file: &str) -> Option<Vec<csv::StringRecord>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/reference/surveillance");
    if !folder.is_dir() {
        println!("skipped: no {}", folder.display());
        return None;
    }
    Some(csv::Reader::from_path(folder.join(file)).unwrap().records().map(Result::unwrap).collect())
}

/// The units of a data set by name.
pub fn units(dataset: &str) -> Option<BTreeMap<String, Unit>> {
    let mut out: BTreeMap<String, Unit> = BTreeMap::new();
    for row in records(&format!("data_{dataset}.csv"))? {
        let unit = out.entry(row[1].to_owned()).or_default();
        unit.counts.push(row[4].parse().unwrap_or(f64::NAN));
        unit.population.push(row[5].parse().unwrap());
        if let Ok(date) = row[3].parse() {
            unit.dates.get_or_insert_default().push(date);
        }
    }
    Some(out)
}

/// R's rows of the methods that begin with `method`.
pub fn rows(dataset: &str, method: &str) -> Option<Vec<Row>> {
    let number = |text: &str| text.parse().unwrap_or(f64::NAN);
    let row = |row: &csv::StringRecord| Row {
        unit: (row[0].to_owned(), row[1].to_owned()),
        method: (row[2].to_owned(), row[3].to_owned()),
        t: row[4].parse::<usize>().unwrap() - 1,
        count: number(&row[5]),
        upper: number(&row[6]),
        alarm: &row[7] == "1",
        expected: number(&row[8]),
        score: number(&row[9]),
        p_value: number(&row[10]),
        mu0: number(&row[11]),
        phi: number(&row[12]),
        trend: number(&row[13]),
    };
    let of_method = |record: &&csv::StringRecord| record[2].starts_with(method);
    Some(records(&format!("ref_{dataset}.csv"))?.iter().filter(of_method).map(row).collect())
}

/// Relative distance; 0 where both are missing or the same, infinite where one is missing.
pub fn off(got: f64, want: f64) -> f64 {
    if got == want || got.is_nan() && want.is_nan() {
        0.0
    } else if got.is_nan() || want.is_nan() {
        f64::INFINITY
    } else {
        (got - want).abs() / want.abs()
    }
}
