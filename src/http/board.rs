//! What several answers share, read once per version of the data: names, known days, daily sums, forecasts.
//!
//! The numbers only change when a run of the daily chain ends, so they are kept until [`Store::data_version`] moves on.
use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
    sync::Arc,
};

use chrono::{Datelike, Months, NaiveDate};
use tokio::sync::{Mutex, OnceCell};

use super::{problem::Problem, scoreboard::Scoreboard};
use crate::{
    explain::{Explanation, Question},
    store::{
        Grain, Run, RunStatus, Store, StoreError, Tree, TreeNode,
        board::{FitLevel, LevelScore, Point, Scope},
    },
    ticket::{Basis, Day},
};

/// Days of history kept in a board: enough for three years before a forecast of the coming year.
const HISTORY: i32 = 4 * 366 + 31;
/// Values of a kind that are kept at most; more are asked for only by a client that tries every address.
const KEEP: usize = 64;

/// Daily counts of one series, with gaps.
#[derive(Debug, Clone, PartialEq)]
pub struct Daily {
    start: Day,
    values: Vec<Option<u32>>,
}

impl Daily {
    /// Counts over the known days; a known day that is not in `counts` is a day without tickets.
    pub fn new(known: &[(Day, bool)], counts: impl IntoIterator<Item = (Day, i64)>) -> Self {
        let (Some((start, _)), Some((end, _))) = (known.first(), known.last()) else {
            return Self { start: Day(0), values: Vec::new() };
        };
        let mut values = vec![None; (end.0 - start.0 + 1).max(0) as usize];
        for (day, _) in known.iter().filter(|(_, closed)| *closed) {
            values[(day.0 - start.0) as usize] = Some(0);
        }
        for (day, n) in counts {
            let at = usize::try_from(day.0 - start.0).ok().and_then(|i| values.get_mut(i));
            if let Some(value @ Some(_)) = at {
                *value = Some(u32::try_from(n).unwrap_or(0));
            }
        }
        Self { start: *start, values }
    }

    /// The count of a day; `None` where it is not known.
    pub fn at(&self, day: Day) -> Option<u32> {
        usize::try_from(day.0 - self.start.0).ok().and_then(|i| self.values.get(i).copied().flatten())
    }

    /// The sum over `[from, to]`, `None` unless nine days in ten are known; the few unknown ones count as average
    /// days of the span.
    pub fn sum(&self, from: Day, to: Day) -> Option<f64> {
        let days = f64::from(to.0 - from.0 + 1);
        let known: Vec<f64> = (from.0..=to.0).filter_map(|d| self.at(Day(d))).map(f64::from).collect();
        let share = known.len() as f64 / days;
        (share >= 0.9).then(|| known.iter().sum::<f64>() / share)
    }

    /// The sum over the calendar month that begins on `first`.
    pub fn month(&self, first: NaiveDate) -> Option<f64> {
        let next = first.checked_add_months(Months::new(1))?;
        self.sum(first.into(), Day::from(next).plus(-1))
    }
}

/// The first of the month of a date.
pub fn first_of_month(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date)
}

/// Names of one tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(BTreeMap<i32, TreeNode>);

impl Names {
    /// Names from the top down to `id`; empty for the root.
    pub fn path(&self, id: i32) -> Vec<String> {
        let mut path: Vec<String> = std::iter::successors(self.0.get(&id), |n| self.0.get(&n.parent))
            .map(|n| n.name.clone())
            .collect();
        path.reverse();
        path
    }

    /// All nodes by key.
    pub fn nodes(&self) -> impl Iterator<Item = &TreeNode> {
        self.0.values()
    }

    /// Whether `id` is the root or a node.
    pub fn has(&self, id: i32) -> bool {
        id == 0 || self.0.contains_key(&id)
    }

    /// Nodes down to a depth, each followed by its children, siblings by key.
    pub fn outline(&self, depth: i32) -> Vec<&TreeNode> {
        let mut children: BTreeMap<i32, Vec<&TreeNode>> = BTreeMap::new();
        self.0
            .values()
            .filter(|n| n.depth <= depth)
            .for_each(|n| children.entry(n.parent).or_default().push(n));
        let mut open: Vec<&TreeNode> = children.remove(&0).unwrap_or_default();
        open.reverse();
        let mut out = Vec::with_capacity(self.0.len());
        while let Some(node) = open.pop() {
            out.push(node);
            open.extend(children.remove(&node.id).unwrap_or_default().into_iter().rev());
        }
        out
    }
}

/// One top-level node of a scope.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Key.
    pub node: i32,
    /// What was counted.
    pub actual: Daily,
    /// Forecasts by day.
    pub daily: Vec<Point>,
    /// Forecasts by month.
    pub monthly: Vec<Point>,
}

/// What is known at one version of the data.
#[derive(Debug, Default)]
pub struct Base {
    /// Topic names.
    pub topics: Names,
    /// District names.
    pub districts: Names,
    /// Greatest depth of the topics and of the districts that are forecast.
    pub depth: (i32, i32),
    /// Every day anything is known of, and whether it is complete.
    pub known: Vec<(Day, bool)>,
    /// The newest finished forecast.
    pub forecast: Option<Run>,
    /// The newest finished fit.
    pub fit: Option<Run>,
}

impl Base {
    /// Names of a tree.
    pub fn names(&self, tree: Tree) -> &Names {
        match tree {
            Tree::Topics => &self.topics,
            Tree::Districts => &self.districts,
        }
    }

    /// The last complete day.
    pub fn last_closed(&self) -> Option<Day> {
        self.known.iter().rev().find(|(_, closed)| *closed).map(|(day, _)| *day)
    }

    /// Days between the first and the last known one that are gaps.
    pub fn gaps(&self) -> usize {
        let last = self.last_closed().unwrap_or(Day(i32::MIN));
        self.known.iter().filter(|(day, closed)| !closed && *day < last).count()
    }

    /// The newest finished forecast, or 404 with what to do.
    pub fn forecast(&self) -> Result<&Run, Problem> {
        self.forecast
            .as_ref()
            .ok_or_else(|| Problem::not_found("no forecast has been finished yet; see /readyz and the runs"))
    }
}

/// The top-level nodes of a scope with their past and forecast.
#[derive(Debug)]
pub struct Board {
    /// What it rests on.
    pub base: Arc<Base>,
    /// One per node that has a forecast or tickets.
    pub members: Vec<Member>,
}

/// What was read at one version of the data, by key. A crowd of browsers after a restart asks the store once a key, and
/// who asks for what is kept never waits for somebody who reads something else.
#[derive(Debug)]
pub struct Kept<K, V>(Mutex<Shelf<K, V>>);

#[derive(Debug)]
struct Shelf<K, V> {
    version: i64,
    asked: u64,
    /// When it was last asked for, and its place.
    values: HashMap<K, (u64, Place<V>)>,
}

/// A value, or where it will be once the first who asked has read it.
type Place<V> = Arc<OnceCell<Arc<V>>>;

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Shelf { version: -1, asked: 0, values: HashMap::new() }))
    }
}

impl<K: Eq + Hash + Copy, V> Kept<K, V> {
    /// What is kept under a key; read when there is nothing of this version.
    pub async fn get<E: From<StoreError>>(
        &self,
        store: &Store,
        key: K,
        read: impl AsyncFnOnce() -> Result<V, E>,
    ) -> Result<Arc<V>, E> {
        let version = store.data_version().await?;
        let place = self.0.lock().await.place(version, key);
        place.get_or_try_init(async || read().await.map(Arc::new)).await.cloned()
    }
}

impl<K: Eq + Hash + Copy, V> Shelf<K, V> {
    /// Where the value of a key stands; what was not asked for the longest makes room for it.
    fn place(&mut self, version: i64, key: K) -> Place<V> {
        if self.version < version {
            self.values.clear();
            self.version = version;
        }
        self.asked += 1;
        if self.values.len() >= KEEP && !self.values.contains_key(&key) {
            let oldest = self.values.iter().min_by_key(|(_, (asked, _))| *asked).map(|(key, _)| *key);
            oldest.and_then(|oldest| self.values.remove(&oldest));
        }
        let (asked, place) = self.values.entry(key).or_default();
        *asked = self.asked;
        place.clone()
    }
}

/// How the fits of the newest run are; counting them is too much for each scrape.
#[derive(Debug, Default)]
pub struct Quality {
    /// How many series got which model, and why.
    pub models: Vec<FitLevel>,
    /// Backtest scores by level, of every ticket.
    pub levels: Vec<LevelScore>,
}

/// Everything that is kept. A reader may ask for what stands above it, never the other way round.
#[derive(Debug, Default)]
pub struct Cache {
    base: Kept<(), Base>,
    boards: Kept<(Scope, Basis), Board>,
    /// How good past forecasts were, by basis.
    pub scores: Kept<Basis, Scoreboard>,
    quality: Kept<(), Quality>,
    /// Why forecasts are what they are.
    pub explained: Kept<Question, Explanation>,
    /// Whose turn it is to keep a processor busy.
    pub turn: Mutex<()>,
}

impl Cache {
    /// Names, known days and newest runs.
    pub async fn base(&self, store: &Store) -> Result<Arc<Base>, StoreError> {
        self.base.get(store, (), async || load(store).await).await
    }

    /// How the newest fits are; nothing before the first.
    pub async fn quality(&self, store: &Store) -> Result<Arc<Quality>, StoreError> {
        let read = async || {
            let Some(run) = self.base(store).await?.fit.as_ref().map(|run| run.id) else {
                return Ok(Quality::default());
            };
            let (models, levels) = (store.models_of(run).await?, store.level_scores(run, Basis::Raw).await?);
            Ok(Quality { models, levels })
        };
        self.quality.get(store, (), read).await
    }

    /// The top-level nodes of a scope.
    pub async fn board(&self, store: &Store, scope: Scope, basis: Basis) -> Result<Arc<Board>, StoreError> {
        let read = async || {
            let base = self.base(store).await?;
            Ok(Board { members: members(store, &base, scope, basis).await?, base })
        };
        self.boards.get(store, (scope, basis), read).await
    }
}

async fn load(store: &Store) -> Result<Base, StoreError> {
    let names = async |tree| {
        let nodes = store.tree(tree).await?;
        Ok::<_, StoreError>(Names(nodes.into_iter().map(|n| (n.id, n)).collect()))
    };
    Ok(Base {
        topics: names(Tree::Topics).await?,
        districts: names(Tree::Districts).await?,
        depth: store.panel_depth().await?,
        known: store.days_known().await?,
        forecast: store.last_run("forecast", RunStatus::Ok).await?,
        fit: store.last_run("fit", RunStatus::Ok).await?,
    })
}

async fn members(store: &Store, base: &Base, scope: Scope, basis: Basis) -> Result<Vec<Member>, StoreError> {
    let Some(last) = base.last_closed() else { return Ok(Vec::new()) };
    let run = base.forecast.as_ref().map_or(0, |r| r.id);
    let node = |r: &Point| if scope.of == Tree::Topics { r.topic } else { r.district };
    let mut counts: BTreeMap<i32, Vec<(Day, i64)>> = BTreeMap::new();
    for row in store.daily_by_top(scope, basis, last.plus(-HISTORY), last).await? {
        counts.entry(row.node).or_default().push((Day(row.day), row.n));
    }
    let mut daily: BTreeMap<i32, Vec<Point>> = BTreeMap::new();
    for row in store.forecasts_by_top(run, scope, basis, Grain::Day).await? {
        daily.entry(node(&row)).or_default().push(row);
    }
    let mut monthly: BTreeMap<i32, Vec<Point>> = BTreeMap::new();
    for row in store.forecasts_by_top(run, scope, basis, Grain::Month).await? {
        monthly.entry(node(&row)).or_default().push(row);
    }
    let first = last.plus(-HISTORY);
    let known: Vec<(Day, bool)> = base.known.iter().copied().filter(|(day, _)| *day >= first).collect();
    let top = base.names(scope.of).nodes().filter(|n| n.depth == 1).map(|n| n.id);
    let seen: Vec<i32> = top.filter(|id| counts.contains_key(id) || daily.contains_key(id)).collect();
    Ok(seen
        .into_iter()
        .map(|id| Member {
            node: id,
            actual: Daily::new(&known, counts.remove(&id).unwrap_or_default()),
            daily: daily.remove(&id).unwrap_or_default(),
            monthly: monthly.remove(&id).unwrap_or_default(),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(days: &[(i32, bool)]) -> Vec<(Day, bool)> {
        days.iter().map(|(d, closed)| (Day(*d), *closed)).collect()
    }

    #[test]
    fn what_is_asked_for_stays_and_a_new_version_drops_everything() {
        let mut shelf: Shelf<usize, usize> = Kept::default().0.into_inner();
        let put = |shelf: &mut Shelf<_, _>, version, key| {
            let place = shelf.place(version, key);
            place.set(Arc::new(key)).is_ok()
        };
        assert!(put(&mut shelf, 1, 0));
        for key in 1..=3 * KEEP {
            assert!(put(&mut shelf, 1, key), "{key} is new");
            assert!(!put(&mut shelf, 1, 0), "0 was asked for just before {key}");
        }
        assert_eq!(shelf.values.len(), KEEP);
        assert!(put(&mut shelf, 1, 1), "nobody asked for 1 any more");
        assert!(put(&mut shelf, 2, 0), "of another version");
        assert_eq!(shelf.values.len(), 1);
    }

    #[test]
    fn a_quiet_day_is_zero_and_a_gap_is_unknown() {
        let daily = Daily::new(&known(&[(10, true), (11, false), (12, true)]), [(Day(12), 7), (Day(11), 3)]);
        assert_eq!([10, 11, 12, 13].map(|d| daily.at(Day(d))), [Some(0), None, Some(7), None]);
    }

    #[test]
    fn a_sum_needs_nine_days_in_ten() {
        let days: Vec<(i32, bool)> = (0..20).map(|d| (d, d != 3)).collect();
        let daily = Daily::new(&known(&days), (0..20).map(|d| (Day(d), 2)));
        assert_eq!(daily.sum(Day(0), Day(19)), Some(40.0));
        assert_eq!(daily.sum(Day(0), Day(4)), None);
        assert_eq!(daily.sum(Day(15), Day(24)), None);
    }
}
