//! What regressors do to forecasts, and what they must not.
use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use ndarray::Array2;
use weisu_models::{
    calendar::{
        Calendar, Exogenous,
        exogenous::{Known, Shape},
    },
    forecast::{Horizon, PanelFit, forecast},
    hierarchy::{CellPath, Hierarchy},
    series::Panel,
};

const DAYS: usize = 900;
const AHEAD: usize = 28;
const EFFECT: f64 = 0.5;

fn start() -> NaiveDate {
    NaiveDate::from_ymd_opt(2023, 1, 2).unwrap()
}

/// A wave of 11 days, standing high at the end of the history.
fn weather(t: usize) -> f64 {
    (std::f64::consts::TAU * (t as f64 - DAYS as f64 + 3.0) / 11.0).cos() * 2.0_f64.sqrt()
}

fn regressor(known: Known, value: impl Fn(usize) -> f64) -> Exogenous {
    let values: BTreeMap<NaiveDate, f64> =
        (0..DAYS + AHEAD).map(|t| (start() + Days::new(t as u64), value(t))).collect();
    Exogenous { name: "weather".into(), known, shape: Shape::default(), values }
}

fn expected(t: usize) -> f64 {
    40.0 * (EFFECT * weather(t)).exp()
}

/// Means of one series that follows the weather, 28 days ahead.
fn means(regressors: Vec<Exogenous>) -> Vec<f64> {
    let counts = Array2::from_shape_fn((1, DAYS), |(_, t)| expected(t).round() as f32);
    let panel = Panel { start: start(), counts };
    let hierarchy = Hierarchy::new(&[CellPath { topic: vec![1], district: vec![1] }]);
    let calendar = Calendar::new().with_regressors(regressors);
    let fitted = PanelFit::default();
    let horizon = Horizon { days: AHEAD, months: 0 };
    forecast(&panel, &hierarchy, &calendar, &fitted, horizon, &|_| ()).daily.swap_remove(0).mean
}

fn error(means: &[f64]) -> f64 {
    means.iter().zip(DAYS..).map(|(mean, t)| (mean / expected(t)).ln().abs()).sum::<f64>() / AHEAD as f64
}

#[test]
fn weather_that_is_known_ahead_is_forecast_with() {
    let (without, with) = (means(Vec::new()), means(vec![regressor(Known::KnownFuture, weather)]));
    assert!(error(&with) < 0.1, "{}", error(&with));
    assert!(error(&with) < 0.3 * error(&without), "{} {}", error(&with), error(&without));
}

#[test]
fn weather_of_the_past_is_not_taken_for_a_new_level() {
    let (without, with) = (means(Vec::new()), means(vec![regressor(Known::PastOnly, weather)]));
    let usual = 40.0;
    let height = |means: &[f64]| means.iter().sum::<f64>() / AHEAD as f64;
    assert!((height(&with) / usual - 1.0).abs() < 0.06, "{}", height(&with));
    assert!(height(&without) > 1.1 * height(&with), "{} {}", height(&without), height(&with));
}

#[test]
fn what_is_known_of_the_past_alone_is_not_looked_at_ahead() {
    let other = |t: usize| if t < DAYS { weather(t) } else { 50.0 };
    let past = |value: &dyn Fn(usize) -> f64| means(vec![regressor(Known::PastOnly, value)]);
    assert_eq!(past(&weather), past(&other));
    let future = |value: &dyn Fn(usize) -> f64| means(vec![regressor(Known::KnownFuture, value)]);
    assert_ne!(future(&weather), future(&other));
}
