//! Count panels: one row a bottom cell, one column a period.
use chrono::NaiveDate;
use ndarray::{Array2, ArrayView1};

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
