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

fn folder() -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/reference/forecast");
    if !path.is_dir() {
        println!("skipped: no {}", path.display());
        return None;
    }
    Some(path)
}

/// Rows of one of the tables.
pub fn rows(file: &str) -> Option<Vec<csv::StringRecord>> {
    Some(csv::Reader::from_path(folder()?.join(file)).unwrap().records().map(Result::unwrap).collect())
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
