//! What every pass over the shards of a city needs: what streams by, the margins, and how far it is.
use std::{
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{base::is_margin, sums::Sums};
use crate::{calendar::Calendar, hierarchy::Hierarchy, series::Cells};

/// A city whose cells are read shard by shard.
#[derive(Clone, Copy)]
pub struct City<'a, E> {
    /// Counts of the cells.
    pub cells: &'a dyn Cells<Error = E>,
    /// What the cells add up to; it stays in memory.
    pub hierarchy: &'a Hierarchy,
    /// Its calendar, over the counts and the days to forecast.
    pub calendar: &'a Calendar,
}

impl<E> std::fmt::Debug for City<'_, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "City of {} cells", self.hierarchy.cells.len())
    }
}

/// Nodes with their counts by day.
pub type Series = Vec<(usize, Vec<f32>)>;

/// Reads a city once and hands over the series of its nodes, some at a time, each node once.
///
/// # Errors
/// Those of the cells and of `each`.
pub fn series_by_shard<E>(
    cells: &dyn Cells<Error = E>,
    hierarchy: &Hierarchy,
    each: &mut dyn FnMut(Series) -> Result<(), E>,
) -> Result<(), E> {
    let shards = cells.shards();
    let mut sums = Sums::new(hierarchy, &shards, |_| true);
    for shard in 0..shards.len() {
        each(sums.counts(shard, cells)?)?;
    }
    Ok(())
}

/// The shards of a city.
pub struct Passes<'a, E> {
    /// Counts of the cells.
    pub cells: &'a dyn Cells<Error = E>,
    /// What the cells add up to.
    pub hierarchy: &'a Hierarchy,
    /// Runs of cells.
    pub shards: Vec<Range<usize>>,
}

impl<'a, E> Passes<'a, E> {
    /// Of a city.
    pub fn new(city: &City<'a, E>) -> Self {
        Self { cells: city.cells, hierarchy: city.hierarchy, shards: city.cells.shards() }
    }

    /// The counts of all margins, in one pass.
    ///
    /// # Errors
    /// Those of the cells.
    pub fn margins(&self) -> Result<Series, E> {
        let mut sums = Sums::new(self.hierarchy, &self.shards, |k| is_margin(self.hierarchy, k));
        let mut out = Vec::new();
        for shard in 0..self.shards.len() {
            out.extend(sums.counts(shard, self.cells)?);
        }
        Ok(out)
    }
}

/// Counts what is done in several rounds over the nodes as series finished.
pub struct Ticks<'a> {
    done: AtomicUsize,
    nodes: usize,
    rounds: usize,
    progress: &'a (dyn Fn(usize) + Sync),
}

impl<'a> Ticks<'a> {
    /// Of so many nodes in so many rounds.
    pub fn new(nodes: usize, rounds: usize, progress: &'a (dyn Fn(usize) + Sync)) -> Self {
        Self { done: AtomicUsize::new(0), nodes, rounds, progress }
    }

    /// A series has had one of its rounds.
    pub fn tick(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        (self.progress)((done / self.rounds).min(self.nodes));
    }
}
