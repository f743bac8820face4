//! What every detector looks at: counts, kinships, calendar, forecasts, and the days to judge.
use rustc_hash::{FxHashMap, FxHashSet};
use weisu_models::{
    calendar::{Alignment, Calendar},
    forecast::NodeFit,
};

use super::{Finding, Kin, coming::Coming};
use crate::{aggregate::CityPanel, config::Detect, stages::Progress, store::alarms::Kind, ticket::Day};

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
    /// Nodes of which an earlier run said that a week which is not over exceeds, told or not.
    pub exceeding: FxHashSet<usize>,
    /// Tickets a week that nodes can handle, where that is stated.
    pub capacity: FxHashMap<usize, f64>,
    /// Daily means of the forecast and the fit of topics over the whole city.
    pub days: FxHashMap<usize, (Vec<f64>, NodeFit)>,
    /// How years are laid beside each other.
    pub alignment: Alignment,
    /// First day to judge.
    pub from: Day,
    /// Last day known.
    pub origin: Day,
}

impl Scene {
    /// Position of the first day to judge.
    pub fn first(&self) -> usize {
        usize::try_from(self.from.0 - Day::from(self.city.panel.start).0).unwrap_or(0)
    }

    /// Counts of a node, day by day.
    pub fn series(&self, node: usize) -> Vec<f32> {
        self.city.hierarchy.series(&self.city.panel, node)
    }
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
