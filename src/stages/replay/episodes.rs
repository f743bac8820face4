//! The lives of alerts as people would have seen them.
use std::collections::BTreeMap;

use chrono::NaiveDate;
use rustc_hash::FxHashMap;
use serde::Serialize;
use uuid::Uuid;

use super::{super::detect::grounds::KnownCluster, History};
use crate::{
    publish::lifecycle::{self, Candidate, Rules},
    store::{
        SeriesKey,
        alarms::{Kind, Severity},
        alerts::Alert,
    },
    ticket::{Day, Millis},
};

const DAY_MILLIS: Millis = 86_400_000;

/// An alert from the day it was first told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Episode {
    /// What kind of deviation.
    pub kind: Kind,
    /// Names from the top-level topic down; empty = all topics.
    pub topic: Vec<String>,
    /// Names from the top-level district down; empty = the whole city.
    pub district: Vec<String>,
    /// Last day known when it was first told.
    pub told: NaiveDate,
    /// Last day known when it was last seen.
    pub last: NaiveDate,
    /// Whether it was still open at the end.
    pub open: bool,
    /// First window told of.
    pub window: (NaiveDate, NaiveDate),
    /// Days from the day it was told to that window; 0 for what has happened.
    pub lead_days: i32,
    /// Highest severity.
    pub severity: Severity,
    /// Highest score; above 1 = abnormal.
    pub peak_score: f64,
    /// Key of its district; 0 = the whole city.
    #[serde(skip)]
    pub office: i32,
    /// Node of the whole history.
    #[serde(skip)]
    pub node: usize,
}

/// Open alerts, and what became of all.
#[derive(Debug)]
pub struct Alerts<'a> {
    history: &'a History,
    ids: FxHashMap<SeriesKey, i32>,
    open: Vec<Alert>,
    episodes: BTreeMap<(Day, Uuid), Episode>,
    /// Day on which each alert was told.
    told: FxHashMap<Uuid, Day>,
}

impl<'a> Alerts<'a> {
    /// No alert yet.
    pub fn new(history: &'a History) -> Self {
        let ids = (0..).zip(&history.city.keys).map(|(id, key)| (*key, id)).collect();
        let (episodes, told) = (BTreeMap::new(), FxHashMap::default());
        Self { history, ids, open: Vec::new(), episodes, told }
    }

    /// Stands for the store's keys of the series: positions in the whole history.
    pub fn ids(&self) -> &FxHashMap<SeriesKey, i32> {
        &self.ids
    }

    /// The clusters that are known from the day before.
    pub fn clusters(&self) -> Vec<KnownCluster> {
        let topic = |series: i32| Some(self.history.city.keys.get(usize::try_from(series).ok()?)?.topic);
        KnownCluster::among(&self.open, topic)
    }

    /// What the alarms of a day mean for the alerts.
    pub fn plan(&mut self, candidates: &[Candidate], day: Day) {
        let now = Millis::from(day.0) * DAY_MILLIS;
        let rules = Rules { resolve_after: self.history.config.detect.resolve_after, silences: &[] };
        let plan = lifecycle::plan(&self.open, candidates, day, now, rules);
        for alert in &plan.changed {
            self.follow(alert);
        }
        let changed: FxHashMap<Uuid, &Alert> = plan.changed.iter().map(|a| (a.id, a)).collect();
        for alert in &mut self.open {
            if let Some(after) = changed.get(&alert.id) {
                alert.clone_from(after);
            }
        }
        self.open.retain(|alert| alert.state.is_open());
        for alert in plan.raised {
            self.told.insert(alert.id, day);
            self.episodes.insert((day, alert.id), self.episode(&alert, day));
            self.open.push(alert);
        }
    }

    fn episode(&self, alert: &Alert, day: Day) -> Episode {
        let body = &alert.body;
        let node = usize::try_from(alert.series).unwrap_or(0);
        Episode {
            kind: body.kind,
            topic: body.topic.clone(),
            district: body.district.clone(),
            told: day.date(),
            last: alert.last_day.date(),
            open: true,
            window: body.window,
            lead_days: body.lead_days,
            severity: body.severity,
            peak_score: body.score,
            office: self.history.city.keys[node].district,
            node,
        }
    }

    fn follow(&mut self, alert: &Alert) {
        let Some(told) = self.told.get(&alert.id) else { return };
        let Some(episode) = self.episodes.get_mut(&(*told, alert.id)) else { return };
        episode.last = alert.last_day.date();
        episode.open = alert.state.is_open();
        episode.severity = episode.severity.max(alert.body.severity);
        episode.peak_score = episode.peak_score.max(alert.body.score);
    }

    /// All episodes, by the day they were told.
    pub fn end(self) -> Vec<Episode> {
        self.episodes.into_values().collect()
    }
}
