//! Small seeded cities.
use chrono::NaiveDate;
use ndarray::Array2;
use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, Poisson};
use weisu_models::{
    calendar::{Calendar, Event, Status},
    hierarchy::{CellPath, Hierarchy},
    series::Panel,
};

/// A panel of topics x districts with weekday, yearly season and holiday, and its hierarchy and calendar.
pub struct City {
    /// Counts.
    pub panel: Panel,
    /// Paths of the cells.
    pub paths: Vec<CellPath>,
    /// Nodes.
    pub hierarchy: Hierarchy,
    /// New Year's Day.
    pub calendar: Calendar,
}

/// A city of `topics` x `districts` cells over `days` days; rates from sparse to dense.
pub fn city(topics: u32, districts: u32, days: usize, seed: u64) -> City {
    let start = NaiveDate::from_ymd_opt(2022, 1, 3).unwrap();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut calendar = Calendar::new();
    for year in 2022..2028 {
        let date = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
        let event = Event { name: "New Year".into(), off: true, status: Status::Announced };
        calendar.insert(date, event);
    }
    let paths: Vec<CellPath> = (0..topics)
        .flat_map(|t| (0..districts).map(move |d| CellPath { topic: vec![t + 1], district: vec![d + 1] }))
        .collect();
    let counts = Array2::from_shape_fn((paths.len(), days), |(i, t)| {
        let week = if t % 7 < 5 { 1.2 } else { 0.5 };
        let year = 1.0 + 0.4 * (t as f64 / 365.25 * std::f64::consts::TAU).sin();
        let rate = 0.02 * 3.0_f64.powi((i % 7) as i32);
        Poisson::new(rate * week * year).unwrap().sample(&mut rng) as f32
    });
    let hierarchy = Hierarchy::new(&paths);
    City { panel: Panel { start, counts }, paths, hierarchy, calendar }
}
