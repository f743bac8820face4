//! The one calendar of a city, used by forecasting, detection, simulation and reports.
//!
//! A calendar answers, for a date: is it a working day (weekend, holiday, make-up workday), which holiday is it,
//! which named seasons (heating, flood, …) is it in, is that announced or only predicted, and what was measured that
//! day ([`exogenous`]).
//!
//! Built-in calendars come from [`Calendar::for_region`]; a city's own list ([`from_rows`]) is laid over it with
//! [`Calendar::overlaid`], its own seasons with [`Calendar::with_seasons`]. What is compared with what of past years
//! is said in [`align`].
//!
//! ```
//! use weisu_models::calendar::{Calendar, Region};
//! let calendar = Calendar::for_region(Region::China, 2023, 2024);
//! let sunday = chrono::NaiveDate::from_ymd_opt(2024, 2, 4).unwrap();
//! assert!(calendar.is_workday(sunday), "a make-up workday for Spring Festival");
//! ```
use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, Weekday};

pub mod align;
pub mod china;
pub mod exogenous;
pub mod lunar;
mod region;
mod rows;
pub mod rules;
pub mod season;

pub use align::{Alignment, By};
pub use exogenous::Exogenous;
pub use region::{Region, UnknownRegion};
pub use rows::{Row, from_rows};
pub use season::Season;

/// Whether a date was announced by an authority or predicted by a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Published by an authority.
    Announced,
    /// Worked out from a rule, may change.
    Predicted,
}

/// What is special about a date.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Event {
    /// Name of the holiday, the same every year.
    pub name: String,
    /// A day off (`true`) or a make-up workday for that holiday (`false`, 调休上班).
    pub off: bool,
    /// Announced or predicted.
    pub status: Status,
}

/// Holidays, make-up workdays and seasons, and what is measured of each day.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calendar {
    events: BTreeMap<NaiveDate, Event>,
    seasons: Vec<Season>,
    labels: season::Labels,
    is_lunar: bool,
    regressors: Vec<Exogenous>,
}

impl Calendar {
    /// A calendar without holidays: only weekends are days off.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces the event on `date`.
    pub fn insert(&mut self, date: NaiveDate, event: Event) {
        self.events.insert(date, event);
    }

    /// Adds a season span.
    pub fn insert_season(&mut self, season: Season) {
        self.seasons.push(season);
    }

    /// Lays `other` over this calendar: its events replace ours on the same date.
    #[must_use]
    pub fn overlaid(mut self, other: Self) -> Self {
        self.events.extend(other.events);
        self.seasons.extend(other.seasons);
        self.labels.extend(other.labels);
        self.is_lunar |= other.is_lunar;
        self.regressors.extend(other.regressors);
        self
    }

    /// Adds what is measured of each day.
    #[must_use]
    pub fn with_regressors(mut self, regressors: impl IntoIterator<Item = Exogenous>) -> Self {
        self.regressors.extend(regressors);
        self
    }

    /// The same calendar without what is measured of each day.
    #[must_use]
    pub fn without_regressors(&self) -> Self {
        Self { regressors: Vec::new(), ..self.clone() }
    }

    /// What is measured of each day.
    pub fn regressors(&self) -> &[Exogenous] {
        &self.regressors
    }

    /// What is special about `date`.
    pub fn event(&self, date: NaiveDate) -> Option<&Event> {
        self.events.get(&date)
    }

    /// The holiday that makes `date` a day off.
    pub fn holiday(&self, date: NaiveDate) -> Option<&str> {
        self.event(date).filter(|e| e.off).map(|e| e.name.as_str())
    }

    /// Whether offices work on `date`: Monday to Friday unless a holiday, and make-up workdays.
    pub fn is_workday(&self, date: NaiveDate) -> bool {
        match self.event(date) {
            Some(event) => !event.off,
            None => !matches!(date.weekday(), Weekday::Sat | Weekday::Sun),
        }
    }

    /// Whether `date` is a weekend day worked for a holiday (调休上班).
    pub fn is_makeup_workday(&self, date: NaiveDate) -> bool {
        self.event(date).is_some_and(|e| !e.off)
    }

    /// Days from the nearest Lunar New Year's Day, where life follows it: in the calendar of China.
    pub fn lunar_offset(&self, date: NaiveDate) -> Option<i64> {
        self.is_lunar.then(|| lunar::days_from_new_year(date)).flatten()
    }

    /// All events in `[from, to]`, by date.
    pub fn events(&self, from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = (NaiveDate, &Event)> {
        self.events.range(from..=to).map(|(date, event)| (*date, event))
    }

    /// Names of all seasons, sorted.
    pub fn season_names(&self) -> Vec<&str> {
        let names: std::collections::BTreeSet<&str> = self.seasons.iter().map(|s| s.name.as_str()).collect();
        names.into_iter().collect()
    }

    /// The seasons that `date` falls in.
    pub fn seasons(&self, date: NaiveDate) -> impl Iterator<Item = &Season> {
        self.seasons.iter().filter(move |s| s.from <= date && date <= s.to)
    }
}
