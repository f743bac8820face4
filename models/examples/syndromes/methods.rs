//! The detectors that are compared, as functions from counts to p-values and alarms of the newest days.
use chrono::NaiveDate;
use weisu_models::{
    calendar::{Calendar, Event, Status},
    hotspot::{
        Detector, Frequency, Judgement, Prepared,
        ears::{Chart, Ears},
        farrington::{self, Farrington, Settings, Step},
    },
};

use super::generator::{self, CURRENT, DAYS};

/// Threshold of the published comparison.
pub const PUBLISHED_ALPHA: f64 = 0.01;
/// Baseline of EARS in the published comparison, in days.
const EARS_BASELINE: usize = 7;

/// How a day looks.
#[derive(Debug, Clone, Copy)]
pub struct Day {
    /// P-value; 1 where the day cannot be judged.
    pub p_value: f64,
    /// Whether the method alarms at its own threshold.
    pub alarm: bool,
}

const QUIET: Day = Day { p_value: 1.0, alarm: false };

/// A detector by name.
pub enum Method {
    /// The default daily detector.
    Default(Box<Prepared>, f64),
    /// Farrington flexible, on counts or on sums of seven days.
    Farrington(Box<Farrington>, bool),
    /// EARS on sums of seven days.
    Ears(Ears),
}

/// Names and detectors in the order of the table.
pub fn all(slow: bool) -> Vec<(&'static str, Method)> {
    let mut out = Vec::new();
    for (name, alpha) in [("default a=.005", 0.005), ("default a=.01", PUBLISHED_ALPHA)] {
        if let Ok(detector) = Detector::new(Frequency::Daily, alpha) {
            let prepared = detector.prepare(start(), DAYS, &calendar());
            out.push((name, Method::Default(Box::new(prepared), alpha)));
        }
    }
    let published = Settings {
        years: 4,
        half_window: 3,
        blocks: 1,
        guard: 12,
        few_periods: 4,
        alpha: PUBLISHED_ALPHA,
        ..Settings::flexible(Step::Day)
    };
    let by_day = Settings { alpha: PUBLISHED_ALPHA, ..Settings::flexible(Step::Day) };
    let mut farrington = vec![("FF 7-day sums", published, true)];
    if slow {
        farrington.push(("FF by day", by_day, false));
    }
    for (name, settings, sums) in farrington {
        if let Ok(checked) = Farrington::new(settings) {
            out.push((name, Method::Farrington(Box::new(checked), sums)));
        }
    }
    for (name, chart) in [("EARS C1", Chart::C1), ("EARS C2", Chart::C2), ("EARS C3", Chart::C3)] {
        if let Ok(ears) = Ears::new(chart, EARS_BASELINE, 0.0, PUBLISHED_ALPHA) {
            out.push((name, Method::Ears(ears)));
        }
    }
    out
}

impl Method {
    /// Judges the newest days of a series.
    pub fn judge(&self, counts: &[f32]) -> Vec<Day> {
        let first = counts.len() - CURRENT;
        match self {
            Self::Default(prepared, alpha) => {
                let day = |j: &Judgement| Day { p_value: j.p_value, alarm: j.p_value < *alpha };
                prepared.judge(counts, first).iter().map(|j| j.as_ref().map_or(QUIET, day)).collect()
            }
            Self::Farrington(farrington, sums) => {
                let counts = if *sums { weekly_sums(counts) } else { plain(counts) };
                let series = farrington::Series::new(&counts);
                let judge = |t| farrington.judge(&series, t);
                (first..counts.len())
                    .map(|t| judge(t).map_or(QUIET, |v| Day { p_value: v.p_value, alarm: v.alarm }))
                    .collect()
            }
            Self::Ears(ears) => {
                let sums = weekly_sums(counts);
                let judge = |t| ears.judge(&sums, t);
                (first..sums.len())
                    .map(|t| judge(t).map_or(QUIET, |v| Day { p_value: v.p_value, alarm: v.alarm }))
                    .collect()
            }
        }
    }
}

fn plain(counts: &[f32]) -> Vec<f64> {
    counts.iter().map(|y| f64::from(*y)).collect()
}

/// Sums of each day and the six before it, as the published comparison gives them to both families.
fn weekly_sums(counts: &[f32]) -> Vec<f64> {
    let counts = plain(counts);
    (0..counts.len()).map(|t| counts[t.saturating_sub(6)..=t].iter().sum()).collect()
}

/// A Monday.
fn start() -> NaiveDate {
    NaiveDate::from_ymd_opt(2010, 1, 4).unwrap_or_default()
}

/// Bank holidays, as a city would announce them.
fn calendar() -> Calendar {
    let mut calendar = Calendar::new();
    for day in generator::holidays() {
        let event = Event { name: "bank holiday".to_owned(), off: true, status: Status::Announced };
        calendar.insert(start() + chrono::Days::new(day as u64), event);
    }
    calendar
}
