//! Where a backtest forecasts from.
use chrono::NaiveDate;

use crate::{forecast::MIN_DAYS, series::Panel};

/// Last known days to forecast from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// The newest `n`, `step` days apart, whose whole horizon is known.
    Newest {
        /// How many at most.
        n: usize,
        /// Days between two of them.
        step: usize,
    },
    /// These days.
    On(Vec<NaiveDate>),
}

/// Why a panel cannot be backtested.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// The history is too short for one origin.
    #[error(
        "{days} days are too few: {needed} are needed to know eight weeks and score {horizon} days after them"
    )]
    Short {
        /// Days known.
        days: usize,
        /// Days needed.
        needed: usize,
        /// Days scored.
        horizon: usize,
    },
    /// Nothing is known after an origin, or nothing before it.
    #[error("origin {origin} cannot be scored: choose a day from {first} to {last}")]
    Outside {
        /// The day.
        origin: NaiveDate,
        /// First day that can be one.
        first: NaiveDate,
        /// Last day that can be one.
        last: NaiveDate,
    },
}

impl Origins {
    /// Columns of `panel` to forecast `horizon` days from, ascending, each once.
    ///
    /// # Errors
    /// When the history is too short, or a named day has no known day after it.
    pub fn positions(&self, panel: &Panel, horizon: usize) -> Result<Vec<usize>, OriginError> {
        match self {
            Self::Newest { n, step } => newest(panel.days(), *n, *step, horizon),
            Self::On(days) => on(panel, days),
        }
    }
}

fn newest(days: usize, n: usize, step: usize, horizon: usize) -> Result<Vec<usize>, OriginError> {
    let last = days.checked_sub(1 + horizon);
    let mut origins: Vec<usize> = (0..n.max(1))
        .map_while(|k| last?.checked_sub(k * step.max(1)))
        .take_while(|origin| origin + 1 >= MIN_DAYS)
        .collect();
    origins.reverse();
    if origins.is_empty() {
        return Err(OriginError::Short { days, needed: MIN_DAYS + horizon, horizon });
    }
    Ok(origins)
}

fn on(panel: &Panel, days: &[NaiveDate]) -> Result<Vec<usize>, OriginError> {
    let last = panel.days().saturating_sub(2);
    let position = |day: &NaiveDate| {
        let column = usize::try_from((*day - panel.start).num_days()).ok();
        let outside = || OriginError::Outside { origin: *day, first: panel.start, last: panel.date(last) };
        column.filter(|c| *c <= last && panel.days() > 1).ok_or_else(outside)
    };
    let mut origins = days.iter().map(position).collect::<Result<Vec<_>, _>>()?;
    origins.sort_unstable();
    origins.dedup();
    Ok(origins)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(days: usize) -> Panel {
        Panel { start: "2024-01-01".parse().unwrap(), counts: ndarray::Array2::zeros((1, days)) }
    }

    #[test]
    fn the_newest_end_a_horizon_before_the_last_day_and_know_eight_weeks() {
        let newest = |days, n| Origins::Newest { n, step: 28 }.positions(&panel(days), 28);
        assert_eq!(newest(200, 3).unwrap(), [115, 143, 171]);
        assert_eq!(newest(120, 6).unwrap(), [63, 91]);
        assert_eq!(newest(84, 6).unwrap(), [55]);
        assert_eq!(newest(83, 6), Err(OriginError::Short { days: 83, needed: 84, horizon: 28 }));
        assert!(newest(0, 6).is_err());
    }

    #[test]
    fn named_days_are_found_in_order_and_need_a_day_after_them() {
        let on = |days: &[&str]| {
            Origins::On(days.iter().map(|d| d.parse().unwrap()).collect()).positions(&panel(10), 28)
        };
        assert_eq!(on(&["2024-01-09", "2024-01-02", "2024-01-09"]).unwrap(), [1, 8]);
        for outside in ["2024-01-10", "2023-12-31"] {
            assert!(on(&[outside]).unwrap_err().to_string().contains("2024-01-01 to 2024-01-09"));
        }
    }
}
