//! Daily counts as sums of calendar weeks, Monday to Sunday.
use chrono::{Datelike, Days, NaiveDate};

/// Days in a week.
pub const WEEK: usize = 7;
/// Known days a week needs; its sum is scaled to seven.
const ENOUGH_DAYS: usize = 5;

/// Sums of whole weeks, and what is known of the week that is under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Weekly {
    /// Monday of week 0.
    pub start: NaiveDate,
    /// Tickets of each whole week; `NaN` with fewer than five known days, scaled to seven with five or six.
    pub sums: Vec<f64>,
    /// Tickets of the known days of the week under way.
    pub open: f64,
    /// Days of that week that are over, 0 to 6.
    pub open_days: usize,
}

impl Weekly {
    /// From daily counts (`NaN` = missing) beginning on `start`; days before the first Monday are left out.
    pub fn new(start: NaiveDate, counts: &[f32]) -> Self {
        let skip = (WEEK - start.weekday().num_days_from_monday() as usize) % WEEK;
        let days = counts.get(skip..).unwrap_or_default();
        let (whole, rest) = days.split_at(days.len() - days.len() % WEEK);
        Self {
            start: start + Days::new(skip as u64),
            sums: whole.chunks_exact(WEEK).map(sum).collect(),
            open: rest.iter().filter(|y| !y.is_nan()).map(|y| f64::from(*y)).sum(),
            open_days: rest.len(),
        }
    }

    /// Monday of week `k`, also of one to come.
    pub fn monday(&self, k: usize) -> NaiveDate {
        self.start + Days::new((WEEK * k) as u64)
    }

    /// The week that a day lies in, also of one to come; 0 before the first.
    pub fn position(&self, day: NaiveDate) -> usize {
        usize::try_from((day - self.start).num_days()).unwrap_or(0) / WEEK
    }
}

fn sum(days: &[f32]) -> f64 {
    let known = days.iter().filter(|y| !y.is_nan());
    let (n, sum) = known.fold((0, 0.0), |(n, sum), y| (n + 1, sum + f64::from(*y)));
    if n < ENOUGH_DAYS { f64::NAN } else { sum * WEEK as f64 / n as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_monday_and_the_open_one_is_apart() {
        // 2024-01-03 is a Wednesday: five days are left out, then two weeks and three days.
        let mut counts = vec![100.0; 5];
        counts.extend([1.0; 7]);
        counts.extend([f32::NAN, f32::NAN, 2.0, 2.0, 2.0, 2.0, 2.0]);
        counts.extend([3.0, f32::NAN, 3.0]);
        let weekly = Weekly::new("2024-01-03".parse().unwrap(), &counts);
        assert_eq!(weekly.sums, [7.0, 14.0]);
        assert_eq!((weekly.open, weekly.open_days), (6.0, 3));
        assert_eq!(weekly.monday(2), "2024-01-22".parse().unwrap());
        counts[12..15].fill(f32::NAN);
        assert!(Weekly::new("2024-01-03".parse().unwrap(), &counts).sums[1].is_nan());
        assert!(Weekly::new("2024-01-03".parse().unwrap(), &[1.0; 3]).sums.is_empty());
    }
}
