//! Regressors of the default detector: trend, season, and for days the kind of day.
//!
//! One design serves every series of a panel. The trend is counted in units of six years, the season in
//! harmonics: of 52 periods by index for weeks, of the calendar year for days. A day is of one kind: its weekday,
//! or a holiday on what would be a working day, or a make-up workday; a holiday on a Sunday stays a Sunday.
use std::f64::consts::TAU;

use chrono::{Datelike, NaiveDate};

use crate::calendar::{Calendar, season};

use super::{level, robust_glm::RobustGlm};

/// Coefficients of the weekly design with two harmonics.
pub(super) const WEEKLY: usize = 6;
/// Coefficients of the weekly design with three harmonics.
pub(super) const WEEKLY_DRIFTING: usize = 8;
/// Coefficients of the daily design: constant, trend, three harmonics, eight kinds of day, two seasons.
pub(super) const DAILY: usize = SEASONS + 4;
/// The same with as many seasons as a calendar may have; a design of its own, because columns without entries still
/// cost time.
pub(super) const DAILY_SEASONS: usize = SEASONS + 2 * season::MOST;
/// First column of the seasons; each has "in season" and its onset pulse.
const SEASONS: usize = 16;
/// Days in which the onset pulse of a season falls to 1/e, as in the forecasts' design.
const PULSE_DAYS: f64 = 10.0;

/// Weeks in six years, the unit and the origin of the weekly trend.
const SIX_YEARS_WEEKS: f64 = 312.0;
/// Length of the season in weeks.
const SEASON_WEEKS: f64 = 52.0;
/// Days in six years, the unit of the daily trend.
const SIX_YEARS_DAYS: f64 = 2190.0;
/// Half-life of the drifting weekly profile: six years.
const HALF_LIFE_WEEKS: f64 = 312.0;
/// Half-life of the daily regression: two years. One or four years change the share of outbreaks found on the São
/// Paulo hotline by less than a point once the local level is there.
const HALF_LIFE_DAYS: f64 = 730.0;

/// Prior precisions: none on the constant, sd 1 on the trend, 0.5 on two harmonics, 0.2 on the third.
const HARMONIC_RIDGE: [f64; 6] = [4.0, 4.0, 4.0, 4.0, 25.0, 25.0];

/// Two harmonics, all weeks of equal weight.
pub(super) fn weekly(len: usize) -> RobustGlm<WEEKLY> {
    let rows = (1..=len).map(weekly_row).collect();
    RobustGlm::new(rows, weekly_ridge(), None)
}

/// Three harmonics, the past fades with a half-life of six years, and the mean follows the local level.
pub(super) fn weekly_drifting(len: usize) -> RobustGlm<WEEKLY_DRIFTING> {
    let rows = (1..=len).map(weekly_row).collect();
    RobustGlm::new(rows, weekly_ridge(), Some(HALF_LIFE_WEEKS)).with_level(level::WEEKS)
}

fn weekly_row<const K: usize>(week: usize) -> [f64; K] {
    let t = week as f64;
    let mut row = [0.0; K];
    row[0] = 1.0;
    row[1] = (t - SIX_YEARS_WEEKS) / SIX_YEARS_WEEKS;
    harmonics(&mut row[2..], t / SEASON_WEEKS);
    row
}

fn weekly_ridge<const K: usize>() -> [f64; K] {
    let mut ridge = [0.0; K];
    ridge[1] = 1.0;
    ridge[2..].copy_from_slice(&HARMONIC_RIDGE[..K - 2]);
    ridge
}

/// Daily rows from `start` on, with the days of `calendar`; `K` is [`DAILY`] or [`DAILY_SEASONS`].
pub(super) fn daily<const K: usize>(start: NaiveDate, len: usize, calendar: &Calendar) -> RobustGlm<K> {
    let seasons = calendar.season_names();
    let rows =
        start.iter_days().take(len).enumerate().map(|(t, date)| daily_row(t, date, calendar, &seasons));
    let mut ridge = [1.0; K];
    ridge[0] = 0.0;
    ridge[2..8].copy_from_slice(&HARMONIC_RIDGE);
    RobustGlm::new(rows.collect(), ridge, Some(HALF_LIFE_DAYS)).with_level(level::DAYS)
}

fn daily_row<const K: usize>(t: usize, date: NaiveDate, calendar: &Calendar, seasons: &[&str]) -> [f64; K] {
    let mut row = [0.0; K];
    row[0] = 1.0;
    row[1] = t as f64 / SIX_YEARS_DAYS - 0.5;
    let days = if date.leap_year() { 366.0 } else { 365.0 };
    harmonics(&mut row[2..8], f64::from(date.ordinal0()) / days);
    // Kinds last and Monday without a column, so that the sums over a day's few filled columns are short.
    if let Some(kind) = kind_of_day(date, calendar).checked_sub(1) {
        row[8 + kind] = 1.0;
    }
    // A season that begins with a burst every year (heating) is expected to, harmonics are too smooth for it.
    for (columns, name) in row[SEASONS..].chunks_exact_mut(2).zip(seasons) {
        if let Some(season) = calendar.seasons(date).find(|s| s.name == **name) {
            columns[0] = 1.0;
            columns[1] = (-((date - season.from).num_days() as f64) / PULSE_DAYS).exp();
        }
    }
    row
}

/// 0 to 6 Monday to Sunday, 7 a holiday instead of a working day, 8 a make-up workday.
pub(super) fn kind_of_day(date: NaiveDate, calendar: &Calendar) -> usize {
    let weekday = date.weekday().num_days_from_monday() as usize;
    match calendar.event(date) {
        Some(event) if event.off && weekday < 5 => 7,
        Some(event) if !event.off => 8,
        _ => weekday,
    }
}

fn harmonics(columns: &mut [f64], season: f64) {
    for (j, pair) in columns.chunks_exact_mut(2).enumerate() {
        let angle = TAU * (j + 1) as f64 * season;
        (pair[0], pair[1]) = (angle.cos(), angle.sin());
    }
}
