//! Panels from a folder with `panel.csv.gz`, `series.csv` and `holidays.csv`.
use std::{collections::BTreeMap, io::Read, path::Path};

use chrono::NaiveDate;
use ndarray::Array2;
use weisu_models::{
    calendar::{Calendar, Event, Status},
    hierarchy::{CellPath, Hierarchy},
    series::Panel,
};

/// A panel with its nodes and its holidays.
pub type City = (Panel, Hierarchy, Calendar);

/// The cells (level `topic_x_district`) of a folder; `None` where a file is absent or holds something else.
pub fn read(folder: &Path) -> Option<City> {
    let mut text = String::new();
    let file = std::fs::File::open(folder.join("panel.csv.gz")).ok()?;
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).ok()?;
    let mut series: BTreeMap<String, BTreeMap<NaiveDate, f32>> = BTreeMap::new();
    for row in csv::Reader::from_reader(text.as_bytes()).into_records().flatten() {
        let (Ok(day), Ok(y)) = (row[1].parse(), row[2].parse()) else { continue };
        series.entry(row[0].to_owned()).or_default().insert(day, y);
    }
    let mut cells = Vec::new();
    for row in csv::Reader::from_path(folder.join("series.csv")).ok()?.into_records().flatten() {
        if &row[1] == "topic_x_district" {
            cells.push((row[2].to_owned(), row[3].to_owned(), row[0].to_owned()));
        }
    }
    cells.sort();
    let number = |of: BTreeMap<&String, u32>| -> BTreeMap<String, u32> {
        (1..).zip(of.into_keys()).map(|(k, n)| (n.clone(), k)).collect()
    };
    let (topics, districts) = (
        number(cells.iter().map(|c| (&c.0, 0)).collect()),
        number(cells.iter().map(|c| (&c.1, 0)).collect()),
    );
    let path = |c: &(String, String, String)| CellPath {
        topic: vec![topics[&c.0]],
        district: vec![districts[&c.1]],
    };
    let start = *series.values().next()?.keys().next()?;
    let days = series.values().next()?.len();
    let at = |i: usize, t: usize| series[&cells[i].2].get(&(start + chrono::Days::new(t as u64))).copied();
    let counts = Array2::from_shape_fn((cells.len(), days), |(i, t)| at(i, t).unwrap_or(0.0));
    let mut calendar = Calendar::new();
    for row in csv::Reader::from_path(folder.join("holidays.csv")).ok()?.into_records().flatten() {
        let event = Event { name: row[1].to_owned(), off: true, status: Status::Announced };
        calendar.insert(row[0].parse().ok()?, event);
    }
    let hierarchy = Hierarchy::new(&cells.iter().map(path).collect::<Vec<_>>());
    Some((Panel { start, counts }, hierarchy, calendar))
}
