//! The engine from rolling origins: at each one it fits and forecasts from what was known then, and is held against
//! what came, beside the forecasts to beat.
//!
//! Nothing is chosen, measured or calibrated on a day that is scored: [`crate::forecast::fit`] sees the panel cut off
//! at the origin. Scores are sums by level and band, added node by node and origin by origin, so that a city of any
//! size needs the memory of one origin's forecasts.
use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::Serialize;

use super::{
    Accuracy, Band, Board, Months, Relative, Row, Tally, WEEK,
    reference::{YEAR_OF_MONTHS, last_year, seasonal_naive},
    scales, seasonal_scales,
};
use crate::{
    calendar::Calendar,
    forecast::{self, Horizon, Model, NodeForecast, PanelFit, PanelForecast, Params},
    hierarchy::{Hierarchy, Level},
    series::Panel,
};

/// Nodes scored by one thread at a time. Fixed, so that sums are added in one order on any number of threads.
const CHUNK: usize = 256;

/// Who forecasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The engine.
    Weisu,
    /// [`seasonal_naive`]: last week's same weekday, last year's same month.
    SeasonalNaive,
    /// [`last_year`]: the same weekday 52 weeks earlier; days only, for months it is the seasonal naive.
    LastYear,
}

impl Method {
    /// Stable name in tables and columns.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weisu => "weisu",
            Self::SeasonalNaive => "seasonal_naive",
            Self::LastYear => "last_year",
        }
    }
}

/// Length of a scored period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A day.
    Day,
    /// A whole calendar month.
    Month,
}

/// Scores of one method in one level and band.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MethodRow {
    /// Length of the periods.
    pub grain: Period,
    /// Who forecast.
    pub model: Method,
    /// Level, band and scores.
    #[serde(flatten)]
    pub row: Row,
}

/// Scores of the engine's daily forecasts where it chose one model, over the whole horizon.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Chosen {
    /// Level of the hierarchy.
    pub level: Level,
    /// The chosen model.
    pub model: Model,
    /// The scores; `n` counts (series, origin) pairs.
    #[serde(flatten)]
    pub accuracy: Accuracy,
    /// Against the seasonal naive in the same pairs.
    #[serde(flatten)]
    pub relative: Relative,
}

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
    /// Nodes that are scored.
    pub nodes: &'a [usize],
    /// How far each origin forecasts.
    pub horizon: Horizon,
}

/// Scores so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Backtest {
    boards: BTreeMap<(Period, Method), Board>,
    /// The engine and the seasonal naive, by level and chosen model.
    chosen: BTreeMap<(Level, Model), [Tally; 2]>,
}

/// Fits and forecasts from each of `origins` (positions of the last known day) and scores what came.
///
/// `progress` is called with the steps done and their number, from any thread. An origin outside the panel is left out.
pub fn run(setup: &Setup<'_>, origins: &[usize], progress: &(dyn Fn(u64, u64) + Sync)) -> Backtest {
    let mut out = Backtest::new(setup.horizon);
    let months = Months::of(setup.panel);
    let nodes = setup.hierarchy.nodes.len() as u64;
    let total = 2 * nodes * origins.len() as u64;
    for (k, origin) in origins.iter().copied().filter(|o| *o < setup.panel.days()).enumerate() {
        let before = 2 * nodes * k as u64;
        let at = |step: u64, done: usize| progress(before + step * nodes + (done as u64).min(nodes), total);
        let panel = setup.panel.until(setup.panel.date(origin));
        let fits = forecast::fit(&panel, setup.hierarchy, setup.calendar, setup.params, &|n| at(0, n));
        let whole = months.after(origin).len().min(setup.horizon.months);
        let horizon = Horizon { months: whole, ..setup.horizon };
        let made = forecast::forecast(&panel, setup.hierarchy, setup.calendar, &fits, horizon, &|n| at(1, n));
        drop(panel);
        let scored = AtOrigin { setup, months: &months, origin, fits: &fits, made: &made };
        let parts: Vec<Backtest> = setup.nodes.par_chunks(CHUNK).map(|nodes| scored.score(nodes)).collect();
        parts.iter().for_each(|part| out.merge(part));
        scored.sums(&mut out);
    }
    out
}

impl Backtest {
    /// Nothing scored yet.
    pub fn new(horizon: Horizon) -> Self {
        let days = || Board::new(Band::days(horizon.days));
        let months = || Board::new(Band::months(horizon.months));
        let boards = [
            ((Period::Day, Method::Weisu), days()),
            ((Period::Day, Method::SeasonalNaive), days()),
            ((Period::Day, Method::LastYear), days()),
            ((Period::Month, Method::Weisu), months()),
            ((Period::Month, Method::SeasonalNaive), months()),
        ];
        Self { boards: boards.into(), chosen: BTreeMap::new() }
    }

    /// Adds what another backtest of the same horizon has seen.
    pub fn merge(&mut self, other: &Self) {
        for (key, board) in &other.boards {
            if let Some(ours) = self.boards.get_mut(key) {
                ours.merge(board);
            }
        }
        for (key, tallies) in &other.chosen {
            let ours = self.chosen.entry(*key).or_default();
            ours.iter_mut().zip(tallies).for_each(|(a, b)| a.merge(b));
        }
    }

    /// Scores by period, method, band and level.
    pub fn rows(&self) -> Vec<MethodRow> {
        let mut out = Vec::new();
        for ((grain, model), board) in &self.boards {
            let naive = &self.boards[&(*grain, Method::SeasonalNaive)];
            out.extend(board.rows(naive).into_iter().map(|row| MethodRow {
                grain: *grain,
                model: *model,
                row,
            }));
        }
        out
    }

    /// Scores by level and chosen model.
    pub fn chosen(&self) -> Vec<Chosen> {
        let row = |((level, model), [ours, naive]): (&(Level, Model), &[Tally; 2])| Chosen {
            level: *level,
            model: *model,
            accuracy: ours.accuracy(),
            relative: Relative::new(&[(ours.accuracy(), naive.accuracy())]),
        };
        self.chosen.iter().map(row).collect()
    }

    fn push(
        &mut self,
        key: (Period, Method),
        level: Level,
        y: &[f64],
        made: &NodeForecast,
        scale: Option<super::Scale>,
    ) {
        if let Some(board) = self.boards.get_mut(&key) {
            board.push(level, y, made, scale);
        }
    }
}

/// One origin's forecasts, to be held against what came.
struct AtOrigin<'a> {
    setup: &'a Setup<'a>,
    months: &'a Months,
    origin: usize,
    fits: &'a PanelFit,
    made: &'a PanelForecast,
}

impl AtOrigin<'_> {
    fn score(&self, nodes: &[usize]) -> Backtest {
        let mut out = Backtest::new(self.setup.horizon);
        for node in nodes {
            let y = self.setup.hierarchy.series(self.setup.panel, *node);
            self.score_days(*node, &y, &mut out);
            self.score_months(*node, &y, &mut out);
        }
        out
    }

    fn score_days(&self, node: usize, y: &[f32], out: &mut Backtest) {
        let level = self.setup.hierarchy.nodes[node].level;
        let leads = self.setup.horizon.days;
        let (known, came) = y.split_at(self.origin + 1);
        let came: Vec<f64> = came.iter().take(leads).map(|n| f64::from(*n)).collect();
        let scale = scales(y, &[self.origin])[0];
        let (ours, naive) = (&self.made.daily[node], seasonal_naive(known, WEEK, 0, leads, scale));
        let [a, b] = out.chosen.entry((level, self.fits.nodes[node].model)).or_default();
        a.push(&came, &ours.mean, &ours.quantiles, scale);
        b.push(&came, &naive.mean, &naive.quantiles, scale);
        out.push((Period::Day, Method::Weisu), level, &came, ours, scale);
        out.push((Period::Day, Method::SeasonalNaive), level, &came, &naive, scale);
        out.push((Period::Day, Method::LastYear), level, &came, &last_year(known, leads, scale), scale);
    }

    fn score_months(&self, node: usize, y: &[f32], out: &mut Backtest) {
        let ours = &self.made.monthly[node];
        if ours.mean.is_empty() {
            return;
        }
        let level = self.setup.hierarchy.nodes[node].level;
        let sums = self.months.sums(y);
        let (known, next) =
            (self.months.known(self.origin), sums.len() - self.months.after(self.origin).len());
        let came: Vec<f64> = sums[next..].iter().take(ours.mean.len()).map(|n| f64::from(*n)).collect();
        let scale = known.checked_sub(1).and_then(|last| seasonal_scales(&sums, YEAR_OF_MONTHS, &[last])[0]);
        let naive = seasonal_naive(&sums[..known], YEAR_OF_MONTHS, next - known, ours.mean.len(), scale);
        out.push((Period::Month, Method::Weisu), level, &came, ours, scale);
        out.push((Period::Month, Method::SeasonalNaive), level, &came, &naive, scale);
    }

    /// Holds the total against the sum of the cells.
    fn sums(&self, out: &mut Backtest) {
        let Hierarchy { nodes, depth, .. } = self.setup.hierarchy;
        let total = Level { topic: 0, district: 0 };
        let is = |level: Level| self.setup.nodes.iter().copied().filter(move |k| nodes[*k].level == level);
        let Some(root) = is(total).next().filter(|_| *depth != total) else { return };
        for (period, made) in [(Period::Day, &self.made.daily), (Period::Month, &self.made.monthly)] {
            let mut cells = vec![0.0; made[root].mean.len()];
            for k in is(*depth) {
                cells.iter_mut().zip(&made[k].mean).for_each(|(sum, mean)| *sum += mean);
            }
            if let Some(board) = out.boards.get_mut(&(period, Method::Weisu)) {
                board.push_sums(&made[root].mean, &cells);
            }
        }
    }
}
