//! What detectors need beyond counts: repeats, what is known of days and thresholds, and lasting changes of level.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use rustc_hash::FxHashMap;
use weisu_models::{hotspot::shift::Shift, series::Panel};

use crate::{
    map::Neighbourhood,
    store::{SourceDay, alarms::Kind, alerts::Alert},
    ticket::{Day, DistrictId, TopicId},
};

/// Grounds of a scene; the default knows nothing, and detectors that need more then stay silent.
#[derive(Debug, Default)]
pub struct Grounds {
    /// Repeats of the last weeks by cell of the city, to its last day.
    pub repeats: Option<Panel>,
    /// What is known of each day of each source.
    pub days: Vec<SourceDay>,
    /// Share of each day's tickets that may be known by now at most, by day of the city's panel; days beyond are
    /// complete.
    pub known: Vec<f64>,
    /// Rows that came twice, by day, since the first day that is known of; `None` where nobody counted.
    pub twins: Option<BTreeMap<Day, i64>>,
    /// Sources that have delivered nothing for longer than they usually take.
    pub late: Vec<Late>,
    /// Topics that a ticket gets when its source names none.
    pub unspecified: BTreeSet<TopicId>,
    /// Thresholds that were chosen from verdicts, in place of the configured one.
    pub alphas: BTreeMap<Kind, f64>,
    /// The districts on the map with their neighbours, where there is one.
    pub neighbourhood: Option<Neighbourhood>,
    /// Clusters that people were told of and that were there on the day before.
    pub clusters: Vec<KnownCluster>,
    /// Lasting changes of level by node, worked out when first asked for.
    pub shifts: OnceLock<FxHashMap<usize, Shift>>,
}

/// A source that is late.
#[derive(Debug, Clone, PartialEq)]
pub struct Late {
    /// First day that nothing is known of, and the last one that something should be by now.
    pub window: (Day, Day),
    /// Tickets a day that it usually has.
    pub usual: f64,
}

/// A cluster that goes on, or is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownCluster {
    /// Its topic.
    pub topic: TopicId,
    /// Its districts when it was last seen.
    pub districts: Vec<DistrictId>,
    /// First and last day.
    pub window: (Day, Day),
    /// The district that it is known by.
    pub anchor: DistrictId,
    /// First day of all.
    pub since: Day,
}

impl KnownCluster {
    /// The clusters among open alerts; `topic` gives the topic of a series.
    pub fn among(open: &[Alert], topic: impl Fn(i32) -> Option<TopicId>) -> Vec<Self> {
        let known = |alert: &Alert| {
            let cluster = alert.body.details.cluster.as_ref()?;
            Some(Self {
                topic: topic(alert.series)?,
                districts: cluster.districts.clone(),
                window: (alert.body.window.0.into(), alert.body.window.1.into()),
                anchor: cluster.anchor,
                since: cluster.since.into(),
            })
        };
        open.iter().filter_map(known).collect()
    }
}
