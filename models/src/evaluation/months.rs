//! The whole calendar months of a panel.
use std::ops::Range;

use chrono::{Datelike, Days, NaiveDate};

use crate::series::Panel;

/// Columns of each whole month, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Months(Vec<Range<usize>>);

impl Months {
    /// The months that lie wholly within a panel.
    pub fn of(panel: &Panel) -> Self {
        Self::spanning(panel.start, panel.days())
    }

    /// The months that lie wholly within so many days from `start` on.
    pub fn spanning(start: NaiveDate, days: usize) -> Self {
        let firsts: Vec<usize> = (0..=days).filter(|t| (start + Days::new(*t as u64)).day() == 1).collect();
        Self(firsts.windows(2).map(|pair| pair[0]..pair[1]).collect())
    }

    /// Months that lie wholly after the day at `origin`.
    pub fn after(&self, origin: usize) -> &[Range<usize>] {
        &self.0[self.0.partition_point(|month| month.start <= origin)..]
    }

    /// How many months have ended by the day at `origin`.
    pub fn known(&self, origin: usize) -> usize {
        self.0.partition_point(|month| month.end <= origin + 1)
    }

    /// Which month begins at a column.
    pub fn beginning(&self, column: usize) -> Option<usize> {
        self.0.binary_search_by_key(&column, |month| month.start).ok()
    }

    /// Sums of daily counts; NaN where a day is unknown. Exact up to 2^24 a month.
    pub fn sums(&self, y: &[f32]) -> Vec<f32> {
        let sum = |month: &Range<usize>| y[month.clone()].iter().map(|n| f64::from(*n)).sum::<f64>() as f32;
        self.0.iter().map(sum).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_months_only_and_one_under_way_is_neither_known_nor_to_come() {
        let start = "2024-01-31".parse().unwrap();
        let panel = Panel { start, counts: ndarray::Array2::ones((1, 1 + 29 + 31 + 29)) };
        let months = Months::of(&panel);
        assert_eq!(months.0, [1..30, 30..61]);
        assert_eq!(months.sums(&panel.cell(0).to_vec()), [29.0, 31.0]);
        // The last day of February, the first of March, the last of March.
        assert_eq!([29, 30, 60].map(|o| (months.known(o), months.after(o).len())), [(1, 1), (1, 0), (2, 0)]);
        assert_eq!((months.known(0), months.after(0).len()), (0, 2));
        assert_eq!([1, 2, 30, 61].map(|column| months.beginning(column)), [Some(0), None, Some(1), None]);
    }
}
