//! What announcements would have been worth: from rolling origins, the probability that coming weeks exceed their norm,
//! and the onset of seasons.
//!
//! As in [`super::rolling`], nothing is learned from a day that is scored: each origin sees the panel cut off there.
//! Fits are renewed every [`Setup::refit`] origins, as they are weekly in a city's daily life, and their forecasts stay
//! as good for some weeks.
use std::collections::BTreeMap;

use chrono::NaiveDate;
use rayon::prelude::*;
use serde::Serialize;

use crate::{
    calendar::{Alignment, Calendar},
    forecast::{self, Horizon, NodeFit, PanelFit, Params},
    hierarchy::{Hierarchy, Level},
    hotspot::{
        exceedance::{Exceedance, Rule, exceedance, same_weeks},
        season::{Ahead, Arrival, WEEK, Weekly, Yearly, outlook},
    },
    series::Panel,
};

pub mod chance;
mod report;
pub mod seasons;

use chance::{Chances, Score};
pub use report::{ByDepth, Report};
use seasons::{Said, Seasons};

/// Origins between two fits, where origins are weeks: four weeks.
pub const REFIT: usize = 4;
/// Weeks ahead whose probability is scored.
pub const WEEKS: usize = 6;
/// Probabilities from which on alarms are counted.
pub const FROM: [f64; 8] = [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.99];
/// Tickets expected in a week that is worth a probability.
const LEAST_MEAN: f64 = 1.0;

/// What is backtested.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// Counts, also those after the origins.
    pub panel: &'a Panel,
    /// Nodes over the panel's cells.
    pub hierarchy: &'a Hierarchy,
    /// Known over the panel and the horizon.
    pub calendar: &'a Calendar,
    /// Settings of the engine.
    pub params: &'a Params,
    /// How years are laid beside each other.
    pub alignment: Alignment,
    /// When a week exceeds its norm.
    pub rule: Rule,
    /// Days forecast.
    pub days: usize,
    /// Origins between two fits.
    pub refit: usize,
}

/// Alarms from a probability on, and how many were right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Alarms {
    /// First weeks of a node that alarm, over all origins.
    pub single: [usize; 2],
    /// Of them, those that a second week or the origin before agrees with.
    pub agreed: [usize; 2],
}

/// Scores so far.
#[derive(Debug, Clone, Default)]
pub struct Anticipation {
    chances: BTreeMap<(Level, usize), Chances>,
    alarms: [Alarms; FROM.len()],
    /// Nodes that alarmed at the origin before, by probability.
    before: Vec<[bool; FROM.len()]>,
    /// Origins seen.
    pub origins: Vec<NaiveDate>,
    /// Onsets said and come, of topics over all districts.
    pub seasons: Seasons,
}

/// Forecasts from each of `origins` (positions of the last known day, ascending) and scores what came.
///
/// `progress` is called with the steps done and their number.
pub fn run(setup: &Setup<'_>, origins: &[usize], progress: &(dyn Fn(u64, u64) + Sync)) -> Anticipation {
    let count = setup.hierarchy.nodes.len();
    let mut out = Anticipation { before: vec![[false; FROM.len()]; count], ..Anticipation::default() };
    let Some(first) = origins.first() else { return out };
    let topics: Vec<(usize, Weekly)> = topics(setup.hierarchy)
        .map(|k| (k, Weekly::new(setup.panel.start, &setup.hierarchy.series(setup.panel, k))))
        .collect();
    for (node, weekly) in &topics {
        let first = setup.panel.date(*first);
        out.seasons.truths.extend(seasons::truths(*node, weekly, first, setup.alignment));
    }
    let mut fits = PanelFit::default();
    for (k, origin) in origins.iter().enumerate() {
        let date = setup.panel.date(*origin);
        let panel = setup.panel.until(date);
        if k % setup.refit.max(1) == 0 {
            fits = forecast::fit(&panel, setup.hierarchy, setup.calendar, setup.params, &|_| ());
        }
        let horizon = Horizon { days: setup.days, months: 0 };
        let made = forecast::forecast(&panel, setup.hierarchy, setup.calendar, &fits, horizon, &|_| ());
        let at = At { setup, origin: *origin, date, fits: &fits, made: &made };
        at.weeks(&mut out);
        let said: Vec<Said> = topics.par_iter().filter_map(|(node, all)| at.season(*node, all)).collect();
        out.seasons.said.extend(said);
        out.origins.push(date);
        progress(k as u64 + 1, origins.len() as u64);
    }
    out
}

/// Topics over all districts.
fn topics(hierarchy: &Hierarchy) -> impl Iterator<Item = usize> {
    let is = |level: Level| level.district == 0 && (level.topic > 0 || hierarchy.depth.topic == 0);
    (0..hierarchy.nodes.len()).filter(move |k| is(hierarchy.nodes[*k].level))
}

/// One origin's forecasts.
struct At<'a> {
    setup: &'a Setup<'a>,
    origin: usize,
    date: NaiveDate,
    fits: &'a PanelFit,
    made: &'a forecast::PanelForecast,
}

impl At<'_> {
    /// Scores the coming weeks of every node.
    fn weeks(&self, out: &mut Anticipation) {
        let nodes = &self.setup.hierarchy.nodes;
        let weeks: Vec<_> = (0..nodes.len()).into_par_iter().map(|k| self.coming(k)).collect();
        for (node, weeks) in weeks.iter().enumerate() {
            for (lead, week) in weeks.iter().enumerate() {
                if let Some((e, Some(came))) = week {
                    out.chances.entry((nodes[node].level, lead)).or_default().push(e.probability, *came);
                }
            }
            for (i, from) in FROM.iter().enumerate() {
                count(weeks, *from, &mut out.alarms[i], &mut out.before[node][i]);
            }
        }
    }

    /// Each coming week's exceedance and, where it is known, whether it came.
    fn coming(&self, node: usize) -> Vec<Option<(Exceedance, Option<bool>)>> {
        let Some(fit) = self.fits.nodes.get(node) else { return Vec::new() };
        let weeks = Ahead::weeks(&self.made.daily[node].mean, fit, 0.0, 0);
        if weeks.iter().take(WEEKS).all(|w| w.mean < LEAST_MEAN) {
            return Vec::new();
        }
        let y = self.setup.hierarchy.series(self.setup.panel, node);
        let known = &y[..=self.origin];
        weeks
            .iter()
            .take(WEEKS)
            .enumerate()
            .map(|(lead, week)| {
                let from = self.origin + 1 + lead * WEEK;
                let date = self.setup.panel.date(from);
                let past = same_weeks(self.setup.panel.start, known, date, self.setup.alignment);
                let e = exceedance(week, &past, self.setup.rule).filter(|_| week.mean >= LEAST_MEAN)?;
                let sum =
                    y.get(from..from + WEEK).map(|days| days.iter().map(|y| f64::from(*y)).sum::<f64>());
                Some((e, sum.filter(|s| !s.is_nan()).map(|s| s > e.bound)))
            })
            .collect()
    }

    /// What is said of a node's season, whatever its probability; `all` is its whole record.
    fn season(&self, node: usize, all: &Weekly) -> Option<Said> {
        let y = self.setup.hierarchy.series(self.setup.panel, node);
        let weekly = Weekly::new(self.setup.panel.start, &y[..=self.origin]);
        let yearly = Yearly::new(&weekly)?;
        let unknown = NodeFit::unknown();
        let fit = self.fits.nodes.get(node).unwrap_or(&unknown);
        let ahead = Ahead::weeks(&self.made.daily[node].mean, fit, weekly.open, weekly.open_days);
        let Arrival::Ahead(onset) = outlook(&weekly, &yearly, &ahead, self.setup.alignment) else {
            return None;
        };
        let told = onset.told(&yearly, &weekly, &ahead, self.setup.alignment)?;
        let end = all.monday(all.sums.len());
        Some(Said {
            node,
            origin: self.date,
            date: told.date,
            near: told.near,
            came: seasons::came(all, yearly.cut, yearly.threshold),
            // Two weeks late, and a week to see that it stays.
            decided: told.date + chrono::Days::new(4 * WEEK as u64) <= end,
        })
    }
}

/// Counts the first week that alarms from a probability on; `before` says whether the origin before alarmed.
fn count(weeks: &[Option<(Exceedance, Option<bool>)>], from: f64, alarms: &mut Alarms, before: &mut bool) {
    let over = |k: usize| weeks.get(k).copied().flatten().is_some_and(|(e, _)| e.probability >= from);
    let first = (0..weeks.len()).find(|k| over(*k));
    let was = std::mem::replace(before, first.is_some());
    let Some(first) = first else { return };
    let Some((_, Some(came))) = weeks[first] else { return };
    let add = |cell: &mut [usize; 2]| {
        cell[0] += 1;
        cell[1] += usize::from(came);
    };
    add(&mut alarms.single);
    if was || (first..weeks.len()).any(|k| over(k) && over(k + 1)) {
        add(&mut alarms.agreed);
    }
}

impl Anticipation {
    /// Scores of the probabilities over the levels that `of` chooses, one a lead of 1, 2, … weeks, then all together.
    pub fn scores(&self, of: &dyn Fn(Level) -> bool) -> Vec<Score> {
        let mut all = Chances::default();
        let mut out = Vec::new();
        for lead in 0..WEEKS {
            let mut at = Chances::default();
            self.chances
                .iter()
                .filter(|((level, l), _)| *l == lead && of(*level))
                .for_each(|(_, chances)| at.merge(chances));
            all.merge(&at);
            out.extend(at.score());
        }
        out.extend(all.score());
        out
    }

    /// Alarms by the probability that they are raised from.
    pub fn alarms(&self) -> impl Iterator<Item = (f64, Alarms)> {
        FROM.into_iter().zip(self.alarms)
    }
}
