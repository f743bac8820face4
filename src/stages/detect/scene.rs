//! What every detector looks at: counts, kinships, calendar, forecasts, and the days to judge.
use rustc_hash::FxHashMap;
use weisu_models::calendar::{Alignment, Calendar};

use super::{Finding, Kin, coming::Coming};
use crate::{
    aggregate::CityPanel,
    config::{Config, Detect},
    stages::Progress,
    store::alarms::Kind,
    ticket::Day,
};

/// The city as it is known at the origin. Detectors read nothing else, so that history can be judged again as it was.
#[derive(Debug)]
pub struct Scene {
    /// Counts up to the origin.
    pub city: CityPanel,
    /// Who is whose parent.
    pub kin: Kin,
    /// Weekdays, holidays and seasons.
    pub calendar: Calendar,
    /// When to raise an alarm.
    pub settings: Detect,
    /// Forecast of the coming weeks by node.
    pub weeks: FxHashMap<usize, Coming>,
    /// How years are laid beside each other.
    pub alignment: Alignment,
    /// First day to judge.
    pub from: Day,
    /// Last day known.
    pub origin: Day,
}

impl Scene {
    /// What is known of a city on the last of `days`, the first of which is the first to judge: the one way to a scene,
    /// live or replayed.
    pub fn new(
        config: &Config,
        calendar: Calendar,
        city: CityPanel,
        weeks: FxHashMap<usize, Coming>,
        days: (Day, Day),
    ) -> Self {
        Self {
            kin: Kin::new(&city.hierarchy),
            city,
            calendar,
            settings: config.detect.clone(),
            weeks,
            alignment: alignment(config),
            from: days.0,
            origin: days.1,
        }
    }

    /// Position of the first day to judge.
    pub fn first(&self) -> usize {
        usize::try_from(self.from.0 - Day::from(self.city.panel.start).0).unwrap_or(0)
    }

    /// Counts of a node, day by day.
    pub fn series(&self, node: usize) -> Vec<f32> {
        self.city.hierarchy.series(&self.city.panel, node)
    }
}

/// How years are laid beside each other where a configuration's city lives.
pub fn alignment(config: &Config) -> Alignment {
    if config.city.calendar == "CN" { Alignment::SpringFestival } else { Alignment::Solar }
}

/// What a detector found.
#[derive(Debug, Default)]
pub struct Found {
    /// What stands out.
    pub findings: Vec<Finding>,
    /// Tests made of each window by kind, for the false discovery rate: quiet cells count as tested. A kind without
    /// an entry bounds its false alarms itself.
    pub tested: Vec<(Kind, usize)>,
    /// Series judged.
    pub judged: usize,
}

impl Found {
    /// Takes in what another detector found.
    pub fn extend(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.tested.extend(other.tested);
        self.judged = self.judged.max(other.judged);
    }
}

/// A detector: one file each.
pub type DetectorFn = fn(&Scene, &dyn Progress) -> anyhow::Result<Found>;
