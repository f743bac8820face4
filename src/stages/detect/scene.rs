//! What every detector looks at: counts, kinships, calendar, forecasts, and the days to judge.
use rustc_hash::{FxHashMap, FxHashSet};
use weisu_models::{
    calendar::{Alignment, Calendar},
    hotspot::{Detector, Frequency, Prepared, shift::Shift},
};

use super::{Finding, Kin, coming::Coming, data::Fault, grounds::Grounds, level_shift, seasons::Days};
use crate::{
    aggregate::CityPanel,
    config::{Config, Detect},
    stages::{Progress, city},
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
    /// Nodes of which an earlier run said that a week which is not over exceeds, told or not.
    pub exceeding: FxHashSet<usize>,
    /// Tickets a week that nodes can handle, where that is stated.
    pub capacity: FxHashMap<usize, f64>,
    /// Daily means of the forecast and the fit of topics over the whole city.
    pub days: FxHashMap<usize, Days>,
    /// How years are laid beside each other.
    pub alignment: Alignment,
    /// First day to judge.
    pub from: Day,
    /// Last day known.
    pub origin: Day,
    /// Repeats, faults, thresholds, and levels that moved.
    pub grounds: Grounds,
}

impl Scene {
    /// What counts and forecasts say of a city on the last of `days`, the first of which is the first to judge: the one
    /// way to a scene, live or replayed. What only a store knows is laid over it.
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
            exceeding: FxHashSet::default(),
            capacity: FxHashMap::default(),
            days: FxHashMap::default(),
            grounds: Grounds::default(),
            alignment: city::alignment(config),
            from: days.0,
            origin: days.1,
        }
    }

    /// Position of the first day to judge.
    pub fn first(&self) -> usize {
        usize::try_from(self.from.0 - Day::from(self.city.panel.start).0).unwrap_or(0)
    }

    /// The threshold of a kind: chosen from verdicts, or as configured.
    pub fn alpha(&self, kind: Kind) -> f64 {
        self.grounds.alphas.get(&kind).copied().unwrap_or(self.settings.alpha)
    }

    /// The regression of the detectors on this scene's days, at the threshold of a kind.
    pub fn prepared(&self, kind: Kind) -> anyhow::Result<Prepared> {
        let (panel, alpha) = (&self.city.panel, self.alpha(kind));
        Ok(Detector::new(Frequency::Daily, alpha)?.prepare(panel.start, panel.days(), &self.calendar))
    }

    /// Share of the tickets of day `t` that may be known by now at most.
    pub fn known(&self, t: usize) -> f64 {
        self.grounds.known.get(t).copied().unwrap_or(1.0)
    }

    /// Nodes whose level has moved for good.
    pub fn shifts(&self) -> &FxHashMap<usize, Shift> {
        self.grounds.shifts.get_or_init(|| level_shift::established(self))
    }

    /// What the means of a node's days are known to be off the regression by: the share known by now, and the new
    /// level since a shift.
    pub fn factors(&self, node: usize) -> Vec<f64> {
        let Some(shift) = self.shifts().get(&node) else { return self.grounds.known.clone() };
        let level = |t| if t >= shift.at { shift.ratio } else { 1.0 };
        (0..self.city.panel.days()).map(|t| level(t) * self.known(t)).collect()
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
    /// Faults of the data, which explain what they touch.
    pub faults: Vec<Fault>,
    /// Series judged.
    pub judged: usize,
    /// Kinds that cannot be looked for, with the reason.
    pub skipped: Vec<(Kind, String)>,
}

impl Found {
    /// Takes in what another detector found.
    pub fn extend(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.tested.extend(other.tested);
        self.faults.extend(other.faults);
        self.judged = self.judged.max(other.judged);
        self.skipped.extend(other.skipped);
    }
}

/// A detector: one file each.
pub type DetectorFn = fn(&Scene, &dyn Progress) -> anyhow::Result<Found>;
