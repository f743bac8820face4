//! A backtest of announcements as tables: by depth of the topic, then all nodes together.
use chrono::NaiveDate;
use serde::Serialize;

use super::{Alarms, Anticipation, chance::Score, seasons::Fared};
use crate::hierarchy::{Hierarchy, Level};

/// Probabilities of an onset within two weeks of its date, from which on announcements are counted.
const CONFIDENCE: [f64; 8] = [0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// Topics of one depth over all districts, or every node where `depth` is missing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ByDepth {
    /// Depth of the topics.
    pub depth: Option<u8>,
    /// Probabilities of weeks above their norm: one a lead of 1, 2, … weeks, then all.
    pub exceedance: Vec<Score>,
    /// Announced onsets by the probability that they are announced from.
    pub onsets: Vec<Fared>,
    /// Last year's date as an announcement.
    pub last_year: Fared,
    /// The probability that an onset lies within two weeks of its date.
    pub near: Option<Score>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Last days known.
    pub origins: Vec<NaiveDate>,
    /// Days that an onset is announced ahead at most.
    pub most_days: i64,
    /// By depth, then over all nodes.
    pub levels: Vec<ByDepth>,
    /// Alarms of weeks above their norm, by probability.
    pub alarms: Vec<(f64, Alarms)>,
}

impl Anticipation {
    /// The tables, for announcements at most `most_days` ahead.
    pub fn report(&self, hierarchy: &Hierarchy, most_days: i64) -> Report {
        let depths = (1..=hierarchy.depth.topic).map(Some).chain([None]);
        Report {
            origins: self.origins.clone(),
            most_days,
            levels: depths.map(|depth| self.by_depth(hierarchy, depth, most_days)).collect(),
            alarms: self.alarms().collect(),
        }
    }

    fn by_depth(&self, hierarchy: &Hierarchy, depth: Option<u8>, most_days: i64) -> ByDepth {
        let is = move |level: Level| depth.is_none_or(|d| level == Level { topic: d, district: 0 });
        let of = |node: usize| is(hierarchy.nodes[node].level);
        ByDepth {
            depth,
            exceedance: self.scores(&is),
            onsets: CONFIDENCE.iter().map(|c| self.seasons.fared(&of, *c, most_days)).collect(),
            last_year: self.seasons.last_year(&of, most_days),
            near: self.seasons.reliability(&of, most_days),
        }
    }
}
