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
    /// Whether the neighbouring districts rise too; absent for the whole city and where no neighbours are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighbours: Option<Neighbours>,
    /// When a season is expected to begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onset: Option<OnsetDetails>,
    /// How likely a coming week exceeds what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exceedance: Option<ExceedanceDetails>,
    /// A lasting change of level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<LevelChange>,
    /// In how many districts a topic rises.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// Neighbouring districts that rise together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterDetails>,
    /// Repeats among the tickets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<RepeatShare>,
    /// What is wrong with the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<DataFault>,
}

/// What the neighbours of a district do in the window, in the same topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Neighbours {
    /// Those that are high too (of a drop: low too) at one in ten, the furthest first.
    pub up: Vec<String>,
    /// Neighbours that can be judged.
    pub of: u32,
}

/// Early or late against the same dates of past years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnsetStatus {
    /// More than a week before.
    Early,
    /// Within a week.
    Usual,
    /// More than a week after.
    Late,
}

impl OnsetStatus {
    /// Stable name in texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Early => "early",
            Self::Usual => "usual",
            Self::Late => "late",
        }
    }
}

/// A season that is expected to begin: the first of two weeks above a threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OnsetDetails {
    /// Monday of the week in which it is expected to begin.
    #[schema(value_type = String, format = Date)]
    pub date: NaiveDate,
    /// First day of the 80 % interval.
    #[schema(value_type = String, format = Date)]
    pub from: NaiveDate,
    /// Last day of the 80 % interval.
    #[schema(value_type = String, format = Date)]
    pub to: NaiveDate,
    /// P(it begins within two weeks of the date).
    pub probability: f64,
    /// Tickets a week from which on a week belongs to the season.
    pub threshold: f64,
    /// Monday of the busiest week.
    #[schema(value_type = String, format = Date)]
    pub peak_week: NaiveDate,
    /// Tickets expected in that week.
    pub peak_expected: f64,
    /// When it began in past years, newest first.
    #[schema(value_type = Vec<String>)]
    pub past: Vec<NaiveDate>,
    /// Against past years, by the calendar.
    pub status: OnsetStatus,
    /// Days later than in past years on average; negative = earlier.
    pub shift_days: i64,
    /// Days from the last known day to the date.
    pub lead_days: i64,
    /// The stage it is announced at: days ahead as configured.
    pub stage: u32,
}

/// A coming week that exceeds a bound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ExceedanceDetails {
    /// Tickets a week: the norm with its margin, or the capacity.
    pub bound: f64,
    /// P(week > bound).
    pub probability: f64,
    /// P(week > the same week of last year), where that is known.
    pub above_last_year: Option<f64>,
    /// A second coming week, or the run before, says so too.
    pub agreed: bool,
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

/// Neighbouring districts that rise together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ClusterDetails {
    /// Keys of its districts, largest excess first.
    pub districts: Vec<i32>,
    /// Their names, each from the top-level district down.
    pub names: Vec<Vec<String>>,
    /// Key of the district that it keeps its identity by while it moves and grows.
    pub anchor: i32,
    /// Days until something as unlikely is expected by chance in one topic.
    pub recurrence_days: f64,
    /// It was told before and goes on.
    pub ongoing: bool,
    /// First day of all.
    #[schema(value_type = String, format = Date)]
    pub since: NaiveDate,
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
    /// Many rows of a day came twice.
    DoubledRows,
    /// A source has delivered nothing for longer than it usually takes.
    LateSource,
}

impl ClusterDetails {
    /// Years until something as unlikely is expected by chance, as far as they mean something.
    pub fn years(&self) -> String {
        let years = self.recurrence_days / 365.25;
        if years >= 100.0 { "> 100".to_owned() } else { format!("{years:.1}") }
    }
}

impl Details {
    /// Nothing beyond counts.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
