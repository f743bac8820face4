//! Count panels: one row a bottom cell, one column a period; whole in memory, or a shard at a time.
use std::{convert::Infallible, ops::Range};

use chrono::NaiveDate;
use ndarray::{Array2, ArrayView1, CowArray, Ix2};

/// Counts of the bottom cells of a city, on consecutive local days.
///
/// `counts` has shape (cells, days); entry `(i, t)` is the number of tickets of cell `i` received on day
/// `start + t`. A missing day (a gap in the source, not a quiet day) is `NaN` in every cell it concerns.
/// Counts are exact in `f32` up to 2^24 a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Date of column 0.
    pub start: NaiveDate,
    /// Counts, shape (cells, days).
    pub counts: Array2<f32>,
}

impl Panel {
    /// Number of bottom cells.
    pub fn cells(&self) -> usize {
        self.counts.nrows()
    }

    /// Number of days.
    pub fn days(&self) -> usize {
        self.counts.ncols()
    }

    /// Date of column `t`.
    pub fn date(&self, t: usize) -> NaiveDate {
        self.start + chrono::Days::new(t as u64)
    }

    /// The last day known, the origin of a forecast; `None` for a panel without days.
    pub fn origin(&self) -> Option<NaiveDate> {
        self.days().checked_sub(1).map(|t| self.date(t))
    }

    /// The counts of cell `i`.
    pub fn cell(&self, i: usize) -> ArrayView1<'_, f32> {
        self.counts.row(i)
    }

    /// The panel as it was known on `origin` (inclusive); later days are cut off.
    pub fn until(&self, origin: NaiveDate) -> Self {
        let days = (origin - self.start).num_days().saturating_add(1).clamp(0, self.days() as i64) as usize;
        Self { start: self.start, counts: self.counts.slice(ndarray::s![.., ..days]).to_owned() }
    }
}

/// A panel that is read a shard at a time: a shard is a run of consecutive cells.
///
/// What reads it holds one shard in memory, whatever the number of cells. Where the cells of a shard are whole leaf
/// topics, nearly all nodes are complete within it; any other cut gives the same results.
pub trait Cells {
    /// Why a shard could not be read.
    type Error;

    /// Date of column 0.
    fn start(&self) -> NaiveDate;

    /// Number of days.
    fn days(&self) -> usize;

    /// The runs: ascending, without gap, from cell 0 to the last. A panel without cells has one empty run.
    fn shards(&self) -> Vec<Range<usize>>;

    /// Counts of the cells of a run, shape (cells of the run, days).
    ///
    /// # Errors
    /// Those of where the counts are kept.
    fn load(&self, shard: usize) -> Result<CowArray<'_, f32, Ix2>, Self::Error>;
}

/// A panel in memory, cut into runs of so many cells.
#[derive(Debug, Clone, Copy)]
pub struct Sharded<'a> {
    panel: &'a Panel,
    cells: usize,
}

impl<'a> Sharded<'a> {
    /// Runs of `cells` cells, at least one.
    pub fn new(panel: &'a Panel, cells: usize) -> Self {
        Self { panel, cells: cells.max(1) }
    }
}

impl Cells for Sharded<'_> {
    type Error = Infallible;

    fn start(&self) -> NaiveDate {
        self.panel.start
    }

    fn days(&self) -> usize {
        self.panel.days()
    }

    fn shards(&self) -> Vec<Range<usize>> {
        let n = self.panel.cells();
        (0..n.max(1)).step_by(self.cells).map(|first| first..(first + self.cells).min(n)).collect()
    }

    fn load(&self, shard: usize) -> Result<CowArray<'_, f32, Ix2>, Infallible> {
        let first = (shard * self.cells).min(self.panel.cells());
        let end = (first + self.cells).min(self.panel.cells());
        Ok(self.panel.counts.slice(ndarray::s![first..end, ..]).into())
    }
}
