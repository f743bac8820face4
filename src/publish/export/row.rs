//! One line of the export, rounded and with small counts taken out, before it is a line of CSV or Parquet.
//!
//! The rule for small counts: an observed reference of 1 to n-1 tickets is written "<n" in CSV and null in Parquet, and
//! the percentage that would give it away is left empty; a forecast whose mean is below n is rounded to whole tickets.
//! Zeros stay. With `--allow-small` nothing is taken out.
use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;

use super::{
    month::Month,
    references::{Periods, References},
};
use crate::{
    store::{ForecastRow, Grain, Run, export::ExportSeries},
    ticket::Day,
};

/// The columns, in order; stable names that programs rely on.
pub const COLUMNS: [&str; 28] = [
    "run_id",
    "issued_at",
    "origin",
    "target_start",
    "target_end",
    "grain",
    "topic_code",
    "topic",
    "district_code",
    "district",
    "basis",
    "mean",
    "q025",
    "q10",
    "q50",
    "q90",
    "q975",
    "last_year",
    "yoy_pct",
    "lunar_ref",
    "lunar_yoy_pct",
    "previous",
    "mom_pct",
    "model",
    "fallback_reason",
    "mase",
    "coverage_80",
    "data_as_of",
];

/// A count that may be too small to leave the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Not known.
    Unknown,
    /// Between one and this less one.
    Below(u32),
    /// So many.
    Exactly(u32),
}

impl Count {
    fn of(n: Option<u32>, threshold: u32) -> Self {
        match n {
            None => Self::Unknown,
            Some(n) if n > 0 && n < threshold => Self::Below(threshold),
            Some(n) => Self::Exactly(n),
        }
    }

    /// The count where it may be shown.
    pub fn shown(self) -> Option<u32> {
        match self {
            Self::Exactly(n) => Some(n),
            Self::Unknown | Self::Below(_) => None,
        }
    }
}

/// What all lines have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Common {
    /// The run.
    pub run: i64,
    /// When it was issued, in the city's zone.
    pub issued_at: DateTime<Tz>,
    /// When it read its data, in the city's zone.
    pub data_as_of: DateTime<Tz>,
    /// Last known day.
    pub origin: NaiveDate,
}

impl Common {
    /// Of a run, in the zone of its city.
    pub fn of(run: &Run, zone: Tz) -> Self {
        let local = |at| DateTime::from_timestamp_millis(at).unwrap_or_default().with_timezone(&zone);
        Self {
            run: run.id,
            issued_at: local(run.finished.unwrap_or(run.started)),
            data_as_of: local(run.started),
            origin: Day(run.origin.unwrap_or_default()).date(),
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// First day of the period.
    pub from: NaiveDate,
    /// Last day of the period.
    pub to: NaiveDate,
    /// `day` or `month`.
    pub grain: &'static str,
    /// Key of the topic.
    pub topic_code: i32,
    /// Names from the top-level topic down.
    pub topic: String,
    /// Key of the district.
    pub district_code: i32,
    /// Names from the top-level district down.
    pub district: String,
    /// What is counted.
    pub basis: &'static str,
    /// Mean, then quantiles 0.025, 0.1, 0.5, 0.9, 0.975.
    pub forecast: [f64; 6],
    /// The same dates last year.
    pub last_year: Count,
    /// The same distance to Lunar New Year.
    pub lunar: Count,
    /// The period before.
    pub previous: Count,
    /// Changes of the mean against those, in percent.
    pub changes: [Option<f64>; 3],
    /// Model.
    pub model: String,
    /// Why not a better one.
    pub fallback: Option<String>,
    /// MASE and coverage of the 80 % band in the rolling-origin evaluation.
    pub quality: [Option<f64>; 2],
}

/// How lines are made.
#[derive(Debug)]
pub struct Maker<'a> {
    /// What to compare with.
    pub references: &'a References,
    /// Counts from 1 to this less one are taken out; 0 shows all.
    pub threshold: u32,
    /// Whether the city compares by the lunar calendar.
    pub lunar: bool,
    /// Where the references of the month and of each of its days lie: the same for every series.
    pub periods: MonthPeriods,
}

/// References of a month and of its days.
#[derive(Debug)]
pub struct MonthPeriods {
    month: Month,
    whole: Periods,
    days: Vec<Periods>,
}

impl MonthPeriods {
    /// Of a month.
    pub fn of(month: Month) -> Self {
        let days =
            month.first().iter_days().take_while(|d| *d <= month.last()).map(Periods::of_day).collect();
        Self { month, whole: Periods::of_month(month), days }
    }

    fn day(&self, date: NaiveDate) -> Periods {
        let i = usize::try_from((date - self.month.first()).num_days()).ok();
        i.and_then(|i| self.days.get(i)).copied().unwrap_or_else(|| Periods::of_day(date))
    }
}

impl Maker<'_> {
    /// Makes a line.
    pub fn row(&self, series: &ExportSeries, names: (String, String), forecast: &ForecastRow) -> Row {
        let from = Day(forecast.target).date();
        let (to, grain, periods) = if forecast.grain == Grain::Month.code() {
            (self.periods.month.last(), Grain::Month, self.periods.whole)
        } else {
            (from, Grain::Day, self.periods.day(from))
        };
        let look = |period| Count::of(self.references.sum(series.id, period), self.threshold);
        let lunar = if self.lunar { look(periods.lunar) } else { Count::Unknown };
        let (last_year, previous) = (look(periods.last_year), look(periods.previous));
        let small = forecast.mean < f64::from(self.threshold);
        let digits = if small { 0 } else { 2 };
        let f = forecast;
        let rounded = [f.mean, f.q025, f.q10, f.q50, f.q90, f.q975].map(|x| round(x, digits));
        // Of the rounded mean: two decimals of a percentage would give away what rounding took out.
        let change = |c: Count| {
            c.shown().filter(|n| *n > 0).map(|n| round((rounded[0] / f64::from(n) - 1.0) * 100.0, 1))
        };
        Row {
            from,
            to,
            grain: grain.name(),
            topic_code: series.topic,
            topic: names.0,
            district_code: series.district,
            district: names.1,
            basis: series.basis.name(),
            forecast: rounded,
            changes: [last_year, lunar, previous].map(change),
            last_year,
            lunar,
            previous,
            model: series.model.clone(),
            fallback: series.fallback.clone(),
            quality: [series.mase, series.coverage_80].map(|q| q.map(|q| round(q, 4))),
        }
    }
}

/// Rounded half away from zero, never a negative zero.
pub fn round(x: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (x * scale).round() / scale + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_counts_are_taken_out_and_zeros_stay() {
        for (n, threshold, wanted) in [
            (None, 5, Count::Unknown),
            (Some(0), 5, Count::Exactly(0)),
            (Some(1), 5, Count::Below(5)),
            (Some(4), 5, Count::Below(5)),
            (Some(5), 5, Count::Exactly(5)),
            (Some(1), 0, Count::Exactly(1)),
        ] {
            assert_eq!(Count::of(n, threshold), wanted, "{n:?} {threshold}");
        }
    }

    #[test]
    fn rounding_leaves_no_negative_zero() {
        assert_eq!(round(-0.001, 2).to_string(), "0");
        assert_eq!(round(12.345_678, 2).to_string(), "12.35");
        assert_eq!(round(2.5, 0).to_string(), "3");
    }
}
