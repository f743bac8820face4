//! What is planted in the last weeks beside the emerging cluster: one event for each kind of alarm, each where no other
//! is, so that each has to be found for what it is.
use chrono::{Days, NaiveDate};

use super::{Kind, events::Lift, map};

/// Topics: road damage, shared bicycles, construction noise, traffic signals. None has a season in which it alone could rise like this.
const MOVED: usize = 16;
const WIDE: usize = 27;
const REPEATED: usize = 10;
const NEIGHBOURED: usize = 28;
/// Districts around the middle of a cluster of neighbours at most.
const AROUND: usize = 2;

/// An event over some topics and districts, all of them where none is named.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Recent {
    pub kind: Kind,
    pub topic: Option<usize>,
    pub district: Option<usize>,
    /// Further districts, of a cluster of neighbours.
    pub neighbours: Vec<usize>,
    pub from: NaiveDate,
    pub to: NaiveDate,
    /// Factor on what the days would otherwise have expected; for repeats, the share of them.
    pub factor: f64,
}

impl Recent {
    fn is_on(&self, date: NaiveDate) -> bool {
        self.from <= date && date <= self.to
    }

    fn is_in(&self, topic: usize, district: usize) -> bool {
        let here = self.district.is_none_or(|d| d == district) || self.neighbours.contains(&district);
        self.topic.is_none_or(|t| t == topic) && here
    }
}

/// The events up to the last day `to`; none in a city without the districts for it. They keep away from the district
/// of the emerging cluster.
pub(super) fn plan(to: NaiveDate, districts: usize, lifts: &[Lift]) -> Vec<Recent> {
    let taken = lifts.iter().find(|lift| lift.kind == Kind::EmergingCluster).map(|lift| lift.district);
    let free: Vec<usize> = (0..districts).filter(|d| Some(*d) != taken).collect();
    let [first, second, third, ..] = free[..] else { return Vec::new() };
    let back = |days: u64| to - Days::new(days);
    let event = |kind, topic, district, days, factor| Recent {
        kind,
        topic,
        district,
        neighbours: Vec::new(),
        from: back(days),
        to,
        factor,
    };
    // Not where everything falls.
    let near =
        |d: usize| map::neighbours(d, districts).into_iter().filter(|d| *d != third && Some(*d) != taken);
    let around: Vec<usize> = near(first).take(AROUND).collect();
    let cluster = Recent {
        neighbours: around,
        ..event(Kind::NeighbourCluster, Some(NEIGHBOURED), Some(first), 3, 3.5)
    };
    let fault = Recent { to: back(9), ..event(Kind::DataFault, None, None, 9, 0.0) };
    vec![
        event(Kind::LevelShift, Some(MOVED), Some(first), 37, 2.2),
        fault,
        event(Kind::RepeatCluster, Some(REPEATED), Some(second), 6, 0.7),
        event(Kind::Widespread, Some(WIDE), None, 2, 1.8),
        cluster,
        event(Kind::Drop, None, Some(third), 2, 0.3),
    ]
}

/// Factor on the expected count of a cell on a day.
pub(super) fn factor(events: &[Recent], date: NaiveDate, topic: usize, district: usize) -> f64 {
    let counts = |e: &&Recent| {
        matches!(e.kind, Kind::LevelShift | Kind::Widespread | Kind::NeighbourCluster | Kind::Drop)
    };
    let here = events.iter().filter(counts).filter(|e| e.is_on(date) && e.is_in(topic, district));
    here.map(|e| e.factor).product()
}

/// Share of repeats of a cell on a day, `usual` unless they pile up.
pub(super) fn repeats(events: &[Recent], date: NaiveDate, topic: usize, district: usize, usual: f64) -> f64 {
    let piles = |e: &&Recent| e.kind == Kind::RepeatCluster && e.is_on(date) && e.is_in(topic, district);
    events.iter().find(piles).map_or(usual, |e| e.factor)
}

/// Whether the source delivers nothing on a day.
pub(super) fn is_missing(events: &[Recent], date: NaiveDate) -> bool {
    events.iter().any(|e| e.kind == Kind::DataFault && e.is_on(date))
}
