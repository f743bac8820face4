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
        season::{Ahead, Arrival, FORECAST_WEIGHT, WEEK, Weekly, Yearly, outlook_by},
    },
    series::Panel,
};

pub mod chance;
mod report;
pub mod seasons;

use chance::{Chances, Score};
pub use report::{ByDepth, Report};
use seasons::{Said, Seasons, Truth};

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

/// Who names the date of an onset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Forecast and past years together, as it is told.
    Both,
    /// The forecast alone.
    Forecast,
    /// The mean of past years' dates alone, given that it has not begun yet.
    PastYears,
    /// Of a district, the topic over the whole city.
    City,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Both, Self::Forecast, Self::PastYears, Self::City];

    fn weight(self) -> f64 {
        match self {
            Self::Both | Self::City => FORECAST_WEIGHT,
            Self::Forecast => 1.0,
            Self::PastYears => 0.0,
        }
    }
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
    /// Onsets said and come, of topics over all districts and in top-level districts, by who says them.
    pub seasons: BTreeMap<By, Seasons>,
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
    let first = setup.panel.date(*first);
    let truths: Vec<Truth> = topics
        .par_iter()
        .flat_map_iter(|(node, weekly)| seasons::truths(*node, weekly, first, setup.alignment))
        .collect();
    for by in By::ALL {
        out.seasons.insert(by, Seasons { truths: truths.clone(), ..Seasons::default() });
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
        at.seasons(&topics, &mut out);
        out.origins.push(date);
        progress(k as u64 + 1, origins.len() as u64);
    }
    out
}

/// Topics over all districts and in top-level districts.
fn topics(hierarchy: &Hierarchy) -> impl Iterator<Item = usize> {
    let is = |level: Level| level.district <= 1 && (level.topic > 0 || hierarchy.depth.topic == 0);
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

    /// What is said of the seasons of nodes, by everybody who says something.
    fn seasons(&self, topics: &[(usize, Weekly)], out: &mut Anticipation) {
        let nodes = &self.setup.hierarchy.nodes;
        let known: Vec<(&Weekly, Known)> =
            topics.par_iter().filter_map(|(node, all)| Some((all, self.known(*node)?))).collect();
        let says = |by: By| -> Vec<Said> {
            known.par_iter().filter_map(|(all, one)| self.season(one, all, by)).collect()
        };
        for by in [By::Both, By::Forecast, By::PastYears] {
            let said = says(by);
            if by == By::Both {
                let lent = known.iter().filter(|(_, one)| nodes[one.node].level.district > 0);
                let lent = lent.filter_map(|(all, one)| {
                    let lender = said.iter().find(|s| {
                        let (a, b) = (&nodes[s.node], &nodes[one.node]);
                        a.level.district == 0 && (a.level.topic, a.topic) == (b.level.topic, b.topic)
                    })?;
                    Some(self.said(one, all, lender.date, lender.near))
                });
                let lent: Vec<Said> = lent.collect();
                out.seasons.entry(By::City).or_default().said.extend(lent);
            }
            out.seasons.entry(by).or_default().said.extend(said);
        }
    }

    /// What is known of a node with a season that has not begun.
    fn known(&self, node: usize) -> Option<Known> {
        let y = self.setup.hierarchy.series(self.setup.panel, node);
        let weekly = Weekly::new(self.setup.panel.start, &y[..=self.origin]);
        Some(Known { node, yearly: Yearly::new(&weekly)?, weekly })
    }

    /// What `by` says of a node's season, whatever its probability; `all` is its whole record.
    fn season(&self, one: &Known, all: &Weekly, by: By) -> Option<Said> {
        let unknown = NodeFit::unknown();
        let fit = self.fits.nodes.get(one.node).unwrap_or(&unknown);
        let (weekly, yearly, alignment) = (&one.weekly, &one.yearly, self.setup.alignment);
        let ahead = Ahead::weeks(&self.made.daily[one.node].mean, fit, weekly.open, weekly.open_days);
        let Arrival::Ahead(onset) = outlook_by(weekly, yearly, &ahead, alignment, by.weight()) else {
            return None;
        };
        let told = onset.told(yearly, weekly, &ahead, alignment)?;
        Some(self.said(one, all, told.date, told.near))
    }

    fn said(&self, one: &Known, all: &Weekly, date: NaiveDate, near: f64) -> Said {
        let end = all.monday(all.sums.len());
        Said {
            node: one.node,
            origin: self.date,
            date,
            near,
            came: seasons::came(all, one.yearly.cut, one.yearly.threshold),
            // Two weeks late, and a week to see that it stays.
            decided: date + chrono::Days::new(4 * WEEK as u64) <= end,
        }
    }
}

/// A node's weeks so far and its season as it is known from them.
struct Known {
    node: usize,
    weekly: Weekly,
    yearly: Yearly,
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
