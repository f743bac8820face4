//! How good past forecasts were: the published ones held against what came, and the backtest of the newest fit.
//!
//! *Published* follows the last months from day to day: forecasts are immutable, and each is held against the counts as
//! they stand now once its day is closed, at most 28 days ahead, city total and top level. What was scored for good
//! stands in the ledger ([`crate::store::LedgerRow`]). *Backtest* covers every level, from the rolling origins of the fit.
use std::{collections::BTreeMap, sync::Arc};

use chrono::NaiveDate;
use serde::Serialize;

use super::{
    AppState,
    board::{Base, Board, Daily},
};
use crate::{
    store::{
        StoreError, Tree,
        board::{LevelScore, PastRow, Scope},
    },
    ticket::{Basis, Day},
};

/// Days back from the last closed day whose forecasts are scored.
const LOOK_BACK: i32 = 120;

/// Published forecasts held against what came.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Published {
    /// Depth in the topic tree.
    pub topic_depth: i32,
    /// Depth in the district tree.
    pub district_depth: i32,
    /// Number of origins scored.
    pub origins: usize,
    /// First and last day scored.
    pub from: NaiveDate,
    /// Last day scored.
    pub to: NaiveDate,
    /// Number of (series, origin, day) scored.
    pub scored: usize,
    /// How many of them fell into the 80 % band.
    pub inside_80: usize,
    /// How many of them fell into the 95 % band.
    pub inside_95: usize,
    /// Share inside the 80 % band.
    pub coverage_80: f64,
    /// Share inside the 95 % band.
    pub coverage_95: f64,
    /// Sum of |actual - expected| / sum of actual.
    pub wape: Option<f64>,
    /// The same for the naive forecast: the last known count of the weekday.
    pub wape_naive: Option<f64>,
    /// 1 - wape / `wape_naive`: above 0 is better than naive.
    pub skill: Option<f64>,
    /// Sum of expected / sum of actual - 1: above 0 means too many were expected.
    pub bias: Option<f64>,
}

/// Backtest scores of one level.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Backtest {
    /// Depth in the topic tree.
    pub topic_depth: i32,
    /// Depth in the district tree.
    pub district_depth: i32,
    /// Number of series scored.
    pub series: i64,
    /// Mean absolute scaled error, below 1 is better than the seasonal naive in sample.
    pub mase: Option<f64>,
    /// 1 - quantile loss / loss of the seasonal naive.
    pub skill: Option<f64>,
    /// Mean share of days inside the 80 % band.
    pub coverage_80: Option<f64>,
    /// Mean share of days inside the 95 % band.
    pub coverage_95: Option<f64>,
}

/// How good past forecasts were.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Scoreboard {
    /// What was counted.
    pub basis: Basis,
    /// Published forecasts, by level; empty until the first forecast day is closed.
    pub published: Vec<Published>,
    /// Backtest of the newest fit, by level.
    pub backtest: Vec<Backtest>,
    /// Run of that fit.
    pub fit_run: Option<i64>,
}

#[derive(Debug, Default)]
struct Tally {
    origins: std::collections::BTreeSet<i32>,
    days: Option<(i32, i32)>,
    scored: usize,
    inside_80: usize,
    inside_95: usize,
    error: f64,
    naive_error: f64,
    naive_actual: f64,
    naive_ours: f64,
    expected: f64,
    actual: f64,
}

impl Tally {
    fn add(&mut self, row: &PastRow, actual: f64, naive: Option<f64>) {
        self.origins.insert(row.origin);
        let (from, to) = self.days.unwrap_or((row.target, row.target));
        self.days = Some((from.min(row.target), to.max(row.target)));
        self.scored += 1;
        self.inside_80 += usize::from((row.q10..=row.q90).contains(&actual));
        self.inside_95 += usize::from((row.q025..=row.q975).contains(&actual));
        let error = (actual - row.mean).abs();
        self.error += error;
        self.expected += row.mean;
        self.actual += actual;
        if let Some(naive) = naive {
            self.naive_error += (actual - naive).abs();
            self.naive_ours += error;
            self.naive_actual += actual;
        }
    }

    fn finish(self, (topic_depth, district_depth): (i32, i32)) -> Option<Published> {
        let (from, to) = self.days?;
        let share = |n: usize| n as f64 / self.scored as f64;
        let ratio = |a: f64, b: f64| (b > 0.0).then(|| a / b);
        Some(Published {
            topic_depth,
            district_depth,
            origins: self.origins.len(),
            from: Day(from).date(),
            to: Day(to).date(),
            scored: self.scored,
            inside_80: self.inside_80,
            inside_95: self.inside_95,
            coverage_80: share(self.inside_80),
            coverage_95: share(self.inside_95),
            wape: ratio(self.error, self.actual),
            wape_naive: ratio(self.naive_error, self.naive_actual),
            skill: ratio(self.naive_ours, self.naive_error).map(|r| 1.0 - r),
            bias: ratio(self.expected, self.actual).map(|r| r - 1.0),
        })
    }
}

/// The scoreboard of a basis.
pub async fn scoreboard(state: &AppState, basis: Basis) -> Result<Arc<Scoreboard>, StoreError> {
    state.boards.scores.get(&state.store, basis, async || read(state, basis).await).await
}

async fn read(state: &AppState, basis: Basis) -> Result<Scoreboard, StoreError> {
    let base = state.boards.base(&state.store).await?;
    let fit_run = base.fit.as_ref().map(|r| r.id);
    let backtest = match fit_run {
        Some(run) => state.store.level_scores(run, basis).await?.iter().map(backtest).collect(),
        None => Vec::new(),
    };
    Ok(Scoreboard { basis, published: published(state, &base, basis).await?, backtest, fit_run })
}

fn backtest(level: &LevelScore) -> Backtest {
    let skill = level.wql.zip(level.wql_naive).filter(|(_, naive)| *naive > 0.0).map(|(a, b)| 1.0 - a / b);
    Backtest {
        topic_depth: level.topic_depth,
        district_depth: level.district_depth,
        series: level.series,
        mase: level.mase,
        skill,
        coverage_80: level.coverage_80,
        coverage_95: level.coverage_95,
    }
}

async fn published(state: &AppState, base: &Arc<Base>, basis: Basis) -> Result<Vec<Published>, StoreError> {
    let Some(last) = base.last_closed() else { return Ok(Vec::new()) };
    let rows = state.store.past_forecasts(basis, last.plus(-LOOK_BACK), last).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let board = async |of| state.boards.board(&state.store, Scope { of, within: 0 }, basis).await;
    let (topics, districts) = (board(Tree::Topics).await?, board(Tree::Districts).await?);
    let mut levels: BTreeMap<(i32, i32), Tally> = BTreeMap::new();
    for row in &rows {
        let at = |day: Day| count(&topics, &districts, row, day);
        if let Some(actual) = at(Day(row.target)) {
            let weeks = (row.target - row.origin + 6) / 7;
            let level = levels.entry((i32::from(row.topic != 0), i32::from(row.district != 0))).or_default();
            level.add(row, actual, at(Day(row.target - 7 * weeks)));
        }
    }
    Ok(levels.into_iter().filter_map(|(level, tally)| tally.finish(level)).collect())
}

/// What was counted in the series of a row; the total is the sum over topics.
fn count(topics: &Board, districts: &Board, row: &PastRow, day: Day) -> Option<f64> {
    let of = |board: &Board, node: i32| -> Option<f64> {
        let member = board.members.iter().find(|m| m.node == node)?;
        at(&member.actual, day)
    };
    match (row.topic, row.district) {
        (0, 0) => topics.members.iter().map(|m| at(&m.actual, day)).sum(),
        (topic, 0) => of(topics, topic),
        (_, district) => of(districts, district),
    }
}

fn at(daily: &Daily, day: Day) -> Option<f64> {
    daily.at(day).map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_on_the_edge_is_inside_and_skill_uses_the_same_days() {
        let row = |target| PastRow {
            origin: 0,
            target,
            topic: 0,
            district: 0,
            mean: 10.0,
            q025: 6.0,
            q10: 8.0,
            q90: 12.0,
            q975: 14.0,
        };
        let mut tally = Tally::default();
        tally.add(&row(1), 12.0, Some(16.0));
        tally.add(&row(2), 14.0, Some(10.0));
        tally.add(&row(3), 20.0, None);
        let done = tally.finish((0, 0)).unwrap();
        assert_eq!((done.scored, done.inside_80, done.inside_95), (3, 1, 2));
        assert_eq!(done.skill, Some(1.0 - 6.0 / 8.0));
        assert_eq!(done.bias, Some(30.0 / 46.0 - 1.0));
    }
}
