//! What an alert says beyond counts, by kind.
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// Parts that are there where they apply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Details {
    /// Holidays, make-up workdays and seasons of the city's calendar in the window.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// A lasting change of level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<LevelChange>,
    /// In how many districts a topic rises.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// Repeats among the tickets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<RepeatShare>,
    /// What is wrong with the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<DataFault>,
}

/// A lasting change of level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LevelChange {
    /// First day at the new level.
    #[schema(value_type = String, format = Date)]
    pub since: NaiveDate,
    /// Earliest day in the 95 % interval of the first.
    #[schema(value_type = String, format = Date)]
    pub earliest: NaiveDate,
    /// Latest day in it.
    #[schema(value_type = String, format = Date)]
    pub latest: NaiveDate,
    /// Tickets a day before.
    pub before: f64,
    /// Tickets a day since.
    pub after: f64,
    /// Level since over level before, season and weekdays taken out.
    pub ratio: f64,
}

/// In how many districts a topic rises.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Spread {
    /// Districts in their own upper quarter.
    pub up: u32,
    /// Districts judged.
    pub of: u32,
}

/// Repeats among the tickets of a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RepeatShare {
    /// All tickets of the window.
    pub tickets: f64,
    /// Share of repeats among them.
    pub share: f64,
    /// Usual share.
    pub usual: f64,
}

/// What is wrong with the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataFault {
    /// A day without a ticket of a source that usually has some.
    MissingDay,
    /// A day that was delivered twice.
    DoubledDay,
    /// More tickets than usual without a topic.
    UnmappedTopic,
    /// A topic ended as another began.
    TaxonomyChange,
}

impl Details {
    /// Nothing beyond counts.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
