//! Cumulative sums of standardised counts above a reference value.
//!
//! `C(t) = max(0, C(t-1) + z(t) - k)`, an alarm from `h` on, and no reset. Sources: G. Rossi, L. Lampugnani and M.
//! Marchi (1999), *An approximate CUSUM procedure for surveillance of health events*, Statistics in Medicine
//! 18:2111-2122; R `cusum`. With a trend or a season that the mean does not have the sum never falls: four of ten
//! outbreak-free weeks of the published simulations alarm.
use serde::{Deserialize, Serialize};

use super::Signal;
use super::glr::harmonic_means;

/// How a count is made standard normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standard {
    /// `(x - 3 m + 2 sqrt(x m)) / (2 sqrt(m))`.
    Rossi,
    /// `(x - m) / sqrt(m)`.
    Plain,
}

/// Expected counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mean {
    /// The mean of the counts before the monitored ones.
    Constant,
    /// Poisson regression on one harmonic of a year of so many periods.
    Harmonic(usize),
}

/// A chart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cusum {
    /// Reference value `k`; 1.04 in R.
    pub reference: f64,
    /// Decision value `h`; 2.26 in R.
    pub decision: f64,
    /// Standardisation.
    pub standard: Standard,
    /// Expected counts.
    pub mean: Mean,
}

impl Cusum {
    /// Monitors periods `from ..` of `counts`; the value is the count that would alarm, not below 0.
    ///
    /// `None` for a missing count, which leaves the sum as it is, and throughout where nothing was counted before.
    pub fn monitor(&self, counts: &[f64], from: usize) -> Vec<Option<Signal>> {
        let monitored = counts.get(from..).unwrap_or_default();
        let past = &counts[..counts.len() - monitored.len()];
        let Some(means) = self.means(past, monitored.len()) else { return vec![None; monitored.len()] };
        let mut sum = 0.0;
        let one = |(x, m): (&f64, f64)| {
            let known = *x >= 0.0 && x.is_finite();
            known.then(|| {
                let value = self.bound(m, sum);
                sum = (sum + self.standardise(*x, m) - self.reference).max(0.0);
                Signal { value, alarm: sum >= self.decision }
            })
        };
        monitored.iter().zip(means).map(one).collect()
    }

    fn means(&self, past: &[f64], ahead: usize) -> Option<Vec<f64>> {
        let known = past.iter().filter(|y| y.is_finite());
        let mean = known.clone().sum::<f64>() / known.count() as f64;
        if mean.is_nan() || mean <= 0.0 {
            return None;
        }
        match self.mean {
            Mean::Constant => Some(vec![mean; ahead]),
            Mean::Harmonic(period) => {
                let means = harmonic_means(past, ahead, period, false, false)?;
                Some(means.0)
            }
        }
    }

    fn standardise(&self, x: f64, m: f64) -> f64 {
        match self.standard {
            Standard::Rossi => (x - 3.0 * m + 2.0 * (x * m).sqrt()) / (2.0 * m.sqrt()),
            Standard::Plain => (x - m) / m.sqrt(),
        }
    }

    /// The count at which the sum reaches the decision value.
    fn bound(&self, m: f64, sum: f64) -> f64 {
        let (room, root) = (self.decision + self.reference - sum, m.sqrt());
        let bound = match self.standard {
            Standard::Plain => (root * room + m).ceil(),
            Standard::Rossi => {
                5.0 * m + 2.0 * root * room - 2.0 * (4.0 * m * m + 2.0 * m * root * room).sqrt()
            }
        };
        if bound > 0.0 { bound } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_rise_adds_up() {
        let mut weeks: Vec<f64> = (0..60).map(|t| 4.0 + f64::from(t % 3)).collect();
        weeks.extend([10.0, 10.0, 10.0]);
        let chart =
            Cusum { reference: 1.04, decision: 2.26, standard: Standard::Rossi, mean: Mean::Constant };
        let alarms: Vec<bool> = chart.monitor(&weeks, 57).iter().map(|s| s.unwrap().alarm).collect();
        assert_eq!(alarms, [false, false, false, false, false, true]);
        assert_eq!(chart.monitor(&[0.0; 9], 5), vec![None; 4]);
        assert!(chart.monitor(&weeks, 90).is_empty());
    }
}
