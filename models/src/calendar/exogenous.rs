//! Exogenous regressors: what is measured of each day, such as the temperature or the rain.
//!
//! A regressor enters as the anomaly z_t = (v_t - norm_t) / s against its own yearly norm: the yearly harmonics of the
//! counts keep the season, the regressor says how this week differs from it, and a day without a value is an ordinary
//! day (z = 0). The norm is a constant with two yearly harmonics, least squares over the regressor's first
//! [`NORM_DAYS`] days, so that nothing late enters what is said of earlier days; s is the residuals' standard
//! deviation, and |z| is cut off at [`LIMIT`], because no effect is known beyond what was seen.
//!
//! A `known_future` regressor (a weather forecast, a planned event) counts on forecast days where it has values. A
//! `past_only` one explains the past, so that a heat wave is not taken for a new level, and is at its norm ahead.
use std::{collections::BTreeMap, f64::consts::TAU};

use chrono::{Datelike, Days, NaiveDate};

use crate::numeric::cholesky::Cholesky;

/// Days from a regressor's first value that its norm is learned from.
pub const NORM_DAYS: u64 = 700;
/// Standard deviations at which an anomaly is cut off.
pub const LIMIT: f64 = 4.0;

/// Days without which the norm is a constant.
const MIN_YEAR: usize = 330;
/// Constant and two pairs of harmonics.
const WIDTH: usize = 5;

/// Whether a regressor's values are known ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// Values after the origin may be used, where there are any.
    KnownFuture,
    /// Only values up to the origin are used, whatever the file holds.
    #[default]
    PastOnly,
}

/// How a regressor acts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// Days after which it acts; empty = the same day.
    pub lags: Vec<u8>,
    /// Whether more than usual and less than usual act each in their own way, as heat and cold do.
    pub split: bool,
    /// Whether ln(1 + v) is used instead of v, for skewed amounts such as rain.
    pub log: bool,
}

/// One value a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Exogenous {
    /// What people call it; unique in a city.
    pub name: String,
    /// Whether it is known ahead.
    pub known: Known,
    /// How it acts.
    pub shape: Shape,
    /// Value by day; days without one count as ordinary.
    pub values: BTreeMap<NaiveDate, f64>,
}

/// A column of the design.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Name of the column, made of the regressor's, its part and its lag.
    pub name: String,
    /// Whether it is zero ahead of an origin.
    pub past_only: bool,
    /// One value a day.
    pub values: Vec<f64>,
}

impl Exogenous {
    /// The columns of `days` days from `start` on; none for a regressor that never varies.
    pub fn columns(&self, start: NaiveDate, days: usize) -> Vec<Column> {
        let Some(norm) = self.norm() else { return Vec::new() };
        let lags = if self.shape.lags.is_empty() { &[0][..] } else { &self.shape.lags };
        let whole = ("", f64::NEG_INFINITY, f64::INFINITY);
        let halves = [("+", 0.0, f64::INFINITY), ("-", f64::NEG_INFINITY, 0.0)];
        let parts = if self.shape.split { &halves[..] } else { &[whole][..] };
        let mut columns = Vec::new();
        for lag in lags {
            let anomalies = self.anomalies(&norm, start, *lag, days);
            for (sign, least, most) in parts {
                let suffix = if *lag == 0 { String::new() } else { format!(":lag{lag}") };
                columns.push(Column {
                    name: format!("{}{sign}{suffix}", self.name),
                    past_only: self.known == Known::PastOnly,
                    values: anomalies.iter().map(|z| z.clamp(*least, *most)).collect(),
                });
            }
        }
        columns
    }

    fn anomalies(&self, norm: &Norm, start: NaiveDate, lag: u8, days: usize) -> Vec<f64> {
        (0..days as u64)
            .map(|t| {
                let date = start + Days::new(t) - Days::new(u64::from(lag));
                self.values.get(&date).map_or(0.0, |v| norm.anomaly(date, self.scaled(*v)))
            })
            .collect()
    }

    fn scaled(&self, value: f64) -> f64 {
        if self.shape.log { value.max(0.0).ln_1p() } else { value }
    }

    fn norm(&self) -> Option<Norm> {
        let first = *self.values.keys().next()?;
        let until = first + Days::new(NORM_DAYS);
        let learned = self.values.range(first..until).map(|(date, v)| (*date, self.scaled(*v)));
        Norm::new(&learned.filter(|(_, v)| v.is_finite()).collect::<Vec<_>>())
    }
}

/// What is usual at a time of the year.
struct Norm {
    beta: [f64; WIDTH],
    deviation: f64,
}

impl Norm {
    fn new(days: &[(NaiveDate, f64)]) -> Option<Self> {
        let used = if days.len() < MIN_YEAR { 1 } else { WIDTH };
        let (mut square, mut right) = (vec![0.0; WIDTH * WIDTH], vec![0.0; WIDTH]);
        for (date, value) in days {
            let x = yearly(*date);
            for a in 0..used {
                right[a] += x[a] * value;
                for b in 0..used {
                    square[a * WIDTH + b] += x[a] * x[b];
                }
            }
        }
        // Columns that are not used have a coefficient of 0.
        (used..WIDTH).for_each(|a| square[a * WIDTH + a] = 1.0);
        Cholesky::with_ridge(&square, WIDTH)?.solve(&mut right);
        let mut norm = Self { beta: right.try_into().ok()?, deviation: 1.0 };
        let errors: f64 = days.iter().map(|(date, v)| (v - norm.at(*date)).powi(2)).sum();
        norm.deviation = (errors / days.len() as f64).sqrt();
        (norm.deviation > 1e-9).then_some(norm)
    }

    fn at(&self, date: NaiveDate) -> f64 {
        yearly(date).iter().zip(self.beta).map(|(x, b)| x * b).sum()
    }

    fn anomaly(&self, date: NaiveDate, value: f64) -> f64 {
        let z = (value - self.at(date)) / self.deviation;
        if z.is_finite() { z.clamp(-LIMIT, LIMIT) } else { 0.0 }
    }
}

fn yearly(date: NaiveDate) -> [f64; WIDTH] {
    let angle = TAU * f64::from(date.ordinal0()) / 365.25;
    let ((s1, c1), (s2, c2)) = (angle.sin_cos(), (2.0 * angle).sin_cos());
    [1.0, s1, c1, s2, c2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> NaiveDate {
        NaiveDate::from_ymd_opt(2022, 1, 1).unwrap()
    }

    /// A yearly wave of 10 around 15 with a wave of 3 over nine days.
    fn temperature(days: u64) -> BTreeMap<NaiveDate, f64> {
        let value = |t: u64| {
            let date = start() + Days::new(t);
            let year = TAU * f64::from(date.ordinal0()) / 365.25;
            15.0 + 10.0 * year.sin() + 3.0 * (t as f64 * TAU / 9.0).sin()
        };
        (0..days).map(|t| (start() + Days::new(t), value(t))).collect()
    }

    fn regressor(shape: Shape, values: BTreeMap<NaiveDate, f64>) -> Exogenous {
        Exogenous { name: "temperature".into(), known: Known::PastOnly, shape, values }
    }

    #[test]
    fn the_season_is_taken_out_and_the_rest_is_in_standard_deviations() {
        let columns = regressor(Shape::default(), temperature(1000)).columns(start(), 1000);
        assert_eq!(columns.len(), 1);
        // The wave of nine days has a standard deviation of 3 / sqrt 2.
        for (t, z) in columns[0].values.iter().enumerate() {
            let want = (t as f64 * TAU / 9.0).sin() * 2.0_f64.sqrt();
            assert!((z - want).abs() < 0.02, "{t}: {z} not {want}");
        }
    }

    #[test]
    fn days_without_a_value_are_ordinary_and_far_ones_are_cut_off() {
        let mut values = temperature(800);
        values.remove(&(start() + Days::new(5)));
        values.insert(start() + Days::new(790), 900.0);
        values.insert(start() + Days::new(791), f64::NAN);
        let column = &regressor(Shape::default(), values).columns(start(), 900)[0].values;
        assert_eq!((column[5], column[790], column[791], column[850]), (0.0, LIMIT, 0.0, 0.0));
    }

    #[test]
    fn what_comes_after_the_first_years_does_not_change_the_norm() {
        let mut hotter = temperature(1000);
        hotter.iter_mut().skip(800).for_each(|(_, v)| *v += 20.0);
        let columns = |values| regressor(Shape::default(), values).columns(start(), 800);
        assert_eq!(columns(temperature(1000)), columns(hotter));
    }

    #[test]
    fn lags_and_parts_have_columns_of_their_own() {
        let shape = Shape { lags: vec![0, 2], split: true, log: false };
        let columns = regressor(shape, temperature(800)).columns(start(), 800);
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["temperature+", "temperature-", "temperature+:lag2", "temperature-:lag2"]);
        assert_eq!(columns[0].values[100], columns[2].values[102]);
        assert!(columns[0].values.iter().all(|z| *z >= 0.0) && columns[1].values.iter().all(|z| *z <= 0.0));
    }

    #[test]
    fn a_short_or_constant_regressor_does_no_harm() {
        let short = regressor(Shape::default(), temperature(40)).columns(start(), 60);
        assert!(short[0].values.iter().all(|z| z.is_finite()));
        let constant = temperature(500).into_keys().map(|date| (date, 4.0)).collect();
        assert!(regressor(Shape::default(), constant).columns(start(), 60).is_empty());
        assert!(regressor(Shape::default(), BTreeMap::new()).columns(start(), 60).is_empty());
    }
}
