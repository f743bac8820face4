//! A backtest of announcements as tables: by depth of the topic, over the city and in districts, then all nodes together.
use chrono::NaiveDate;
use serde::Serialize;

use super::{Alarms, Anticipation, By, chance::Score, seasons::Fared};
use crate::hierarchy::{Hierarchy, Level};

/// Probabilities of an onset within two weeks of its date, from which on announcements are counted.
const CONFIDENCE: [f64; 8] = [0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// Topics of one depth over all districts or in top-level districts, or every node where `depth` is missing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ByDepth {
    /// Depth of the topics.
    pub depth: Option<u8>,
    /// Depth of the districts: 0 or 1.
    pub district: u8,
    /// Probabilities of weeks above their norm: one a lead of 1, 2, … weeks, then all.
    pub exceedance: Vec<Score>,
    /// Announced onsets by the probability that they are announced from.
    pub onsets: Vec<Fared>,
    /// The same by others than who is told: the forecast alone, past years alone, and of districts the city.
    pub others: Vec<(By, Vec<Fared>)>,
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
        let depth = hierarchy.depth;
        let places = 0..=depth.district.min(1);
        let levels =
            places.flat_map(|district| (1..=depth.topic).map(move |topic| Some(Level { topic, district })));
        Report {
            origins: self.origins.clone(),
            most_days,
            levels: levels.chain([None]).map(|level| self.by_depth(hierarchy, level, most_days)).collect(),
            alarms: self.alarms().collect(),
        }
    }

    fn by_depth(&self, hierarchy: &Hierarchy, level: Option<Level>, most_days: i64) -> ByDepth {
        let is = move |of: Level| level.is_none_or(|level| level == of);
        let of = |node: usize| is(hierarchy.nodes[node].level);
        let fared = |by: By| {
            let seasons = self.seasons.get(&by).cloned().unwrap_or_default();
            CONFIDENCE.iter().map(|c| seasons.fared(&of, *c, most_days)).collect::<Vec<_>>()
        };
        let both = self.seasons.get(&By::Both).cloned().unwrap_or_default();
        let of_districts = level.is_some_and(|level| level.district > 0);
        let others = [By::Forecast, By::PastYears].into_iter().chain(of_districts.then_some(By::City));
        ByDepth {
            depth: level.map(|level| level.topic),
            district: level.map_or(0, |level| level.district),
            exceedance: self.scores(&is),
            onsets: fared(By::Both),
            others: others.map(|by| (by, fared(by))).collect(),
            last_year: both.last_year(&of, most_days),
            near: both.reliability(&of, most_days),
        }
    }
}
