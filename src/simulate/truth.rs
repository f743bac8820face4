//! What was planted in a simulated city, for tests and scorers to look for.
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// What kind of event was planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A storm of one to three days in a few districts.
    Storm,
    /// A rise over some days in one cell, over by now.
    Cluster,
    /// A rise in one cell over the last days: still live at the end.
    EmergingCluster,
    /// Heating is turned on: a spike that decays.
    SeasonOnset,
    /// A season that begins after the last day.
    ComingRise,
    /// A cell runs at another level since some weeks.
    LevelShift,
    /// One topic rises a little in every district.
    Widespread,
    /// One topic rises in a few neighbouring districts, in none of them by much.
    NeighbourCluster,
    /// Everything falls in one district.
    Drop,
    /// Repeats pile up in one cell; the factor is their share.
    RepeatCluster,
    /// The source has delivered nothing for a day.
    DataFault,
}

/// One planted event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planted {
    /// What it is.
    pub kind: Kind,
    /// Topic path, top level first, under its present name; empty = all topics.
    pub topic: Vec<String>,
    /// District, or the whole city.
    pub district: Option<String>,
    /// Other districts of a cluster of neighbours, `district` being in their middle.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub neighbours: Vec<String>,
    /// First day.
    pub from: NaiveDate,
    /// Last day, inclusive.
    pub to: NaiveDate,
    /// Largest factor over what the day would otherwise have expected; for a coming rise, the mean of its days
    /// over the mean of the four weeks before.
    pub factor: f64,
}

/// A topic that changed its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renamed {
    /// Name before.
    pub old: String,
    /// Name from `on`.
    pub new: String,
    /// First day under the new name.
    pub on: NaiveDate,
}

/// Everything that was planted, and what was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Seed of the city.
    pub seed: u64,
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// Rows written.
    pub tickets: u64,
    /// Of them, repeat callers.
    pub repeats: u64,
    /// Planted events by first day.
    pub events: Vec<Planted>,
    /// The topic that changed its name.
    pub renamed: Renamed,
    /// The day on which the source has a gap.
    pub outage: NaiveDate,
}
