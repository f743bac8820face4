//! What detectors find.
use crate::{
    store::{alarms::Kind, alerts::Compare, details::Details},
    ticket::{Day, DistrictId},
};

/// Something that stands out, before anybody decides whom to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Node of the panel.
    pub node: usize,
    /// First and last day.
    pub window: (Day, Day),
    /// What kind of deviation.
    pub kind: Kind,
    /// Detector.
    pub method: &'static str,
    /// Tickets in the window; `None` when it lies ahead.
    pub observed: Option<f64>,
    /// Tickets expected in it.
    pub expected: f64,
    /// What the expected is held against: the baseline for a spike, the seasonal norm for a coming week.
    pub normal: f64,
    /// The end of the interval that was not passed: the lower one of a rise, the upper one of a fall.
    pub lower: Option<f64>,
    /// Bound that was passed.
    pub bound: f64,
    /// How surprising.
    pub p_value: f64,
    /// Above 1 = abnormal.
    pub score: f64,
    /// Days until the window begins.
    pub lead_days: i32,
    /// Children that contribute most: (node, observed, expected, share); of a cluster all its districts.
    pub drivers: Vec<(usize, f64, f64, f64)>,
    /// The same window at other times.
    pub compare: Compare,
    /// What its kind has to say beyond counts.
    pub details: Details,
}

impl Finding {
    /// What is coming or has come: the count that stands out.
    pub fn count(&self) -> f64 {
        self.observed.unwrap_or(self.expected)
    }

    /// Tickets above normal, or of a fall below it.
    pub fn excess(&self) -> f64 {
        (self.count() - self.normal).abs()
    }

    /// How many times normal, or of a fall what part of it, turned over.
    pub fn ratio(&self) -> f64 {
        let (count, normal) = (self.count().max(0.5), self.normal.max(0.5));
        if self.is_fall() { normal / count } else { count / normal }
    }

    /// Whether it is below normal.
    pub fn is_fall(&self) -> bool {
        self.count() < self.normal
    }

    /// The district that a cluster is known by.
    pub fn anchor(&self) -> Option<DistrictId> {
        self.details.cluster.as_ref().map(|cluster| cluster.anchor)
    }

    /// Nodes of the districts of a cluster; none of any other kind.
    pub fn zone(&self) -> impl Iterator<Item = usize> {
        self.drivers.iter().filter(|_| self.kind == Kind::Cluster).map(|driver| driver.0)
    }

    /// Days of the window.
    pub fn days(&self) -> f64 {
        f64::from(self.window.1.0 - self.window.0.0 + 1)
    }
}
