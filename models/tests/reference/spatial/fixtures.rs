//! The shared spatial tables and what several tests read from them.
use ndarray::Array2;
use weisu_models::hotspot::space::{
    Places, Zones,
    scan::{self, Data, Spans, Window},
};

use crate::reference::table;

/// Rows of a spatial table as text.
pub fn rows(file: &str) -> Option<Vec<csv::StringRecord>> {
    table::rows_of("spatial", file)
}

/// Fields of the lines of a text file without a header, split at white space.
pub fn fields(file: &str) -> Option<Vec<Vec<String>>> {
    let text = std::fs::read_to_string(table::folder("spatial")?.join(file)).unwrap();
    let fields = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    Some(text.lines().map(fields).filter(|fields| !fields.is_empty()).collect())
}

pub fn number(row: &csv::StringRecord, column: usize) -> f64 {
    row[column].parse().unwrap()
}

pub fn whole(row: &csv::StringRecord, column: usize) -> usize {
    row[column].parse().unwrap()
}

/// A table of numbers, one row a line, without the first `skipped` columns.
pub fn matrix(file: &str, skipped: usize) -> Option<Array2<f64>> {
    let rows = rows(file)?;
    let (n, m) = (rows.len(), rows[0].len() - skipped);
    Some(Array2::from_shape_fn((n, m), |(i, j)| number(&rows[i], j + skipped)))
}

/// Members of the numbered zones of R, sorted, from 0.
pub fn zones_of_r(file: &str) -> Option<Vec<Vec<usize>>> {
    let mut zones: Vec<Vec<usize>> = vec![];
    for row in &rows(file)? {
        let zone = whole(row, 0);
        zones.resize(zone.max(zones.len()), vec![]);
        zones[zone - 1].push(whole(row, 1) - 1);
    }
    zones.iter_mut().for_each(|zone| zone.sort_unstable());
    Some(zones)
}

/// Sorted members of a zone.
pub fn members(zones: &Zones, zone: usize) -> Vec<usize> {
    let mut members: Vec<usize> = zones.members(zone).iter().map(|d| *d as usize).collect();
    members.sort_unstable();
    members
}

/// All windows by (sorted districts, first period, last period).
pub type Windows = std::collections::HashMap<(Vec<usize>, usize, usize), Window>;

pub fn windows(data: &Data, zones: &Zones, spans: &Spans, min_cases: u32) -> Windows {
    let all = scan::windows(data, zones, spans, min_cases).unwrap();
    let key = |w: &Window| (members(zones, w.zone), w.first, w.last);
    let windows: Windows = all.iter().map(|w| (key(w), *w)).collect();
    assert_eq!(windows.len(), zones.len() * spans.as_slice().len(), "every window once");
    windows
}

/// Districts by their distance from a centre, itself first.
pub fn nearest(places: &Places, centre: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|a, b| places.distance(centre, *a).total_cmp(&places.distance(centre, *b)));
    order
}

/// Districts nearest to a centre, sorted.
pub fn circle(places: &Places, centre: usize, n: usize) -> Vec<usize> {
    let mut circle = nearest(places, centre);
    circle.truncate(n);
    circle.sort_unstable();
    circle
}

/// Asserts that two numbers are equal up to a tolerance.
pub fn check(got: f64, want: f64, tolerance: f64, what: &dyn std::fmt::Debug) {
    assert!((got - want).abs() <= tolerance, "{got} for {want}: {what:?}");
}
