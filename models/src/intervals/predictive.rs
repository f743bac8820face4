//! The distribution that is published around a mean: of counts, or of measured values.
use serde::{Deserialize, Serialize};

use super::{NegativeBinomial, normal_quantile, recalibration::Pit};
use crate::numeric::normal::upper_tail;

/// What the values of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// Whole numbers: negative binomial, quantiles are counts.
    #[default]
    Counts,
    /// Anything else, such as amounts or temperatures: normal, cut off at 0.
    Measures,
}

impl Values {
    /// Counts unless a known value is no whole number.
    pub fn of<'a>(y: impl IntoIterator<Item = &'a f32>) -> Self {
        let broken = |v: &&f32| !v.is_nan() && v.fract() != 0.0;
        if y.into_iter().any(|v| broken(&v)) { Self::Measures } else { Self::Counts }
    }
}

/// A distribution with a mean and variance mean + alpha mean^2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Predictive {
    /// Of counts.
    Counts(NegativeBinomial),
    /// Of measured values.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation, above 0.
        sd: f64,
    },
}

impl Predictive {
    /// With dispersion `alpha` >= 0.
    pub fn new(values: Values, mean: f64, alpha: f64) -> Self {
        match values {
            Values::Counts => Self::Counts(NegativeBinomial::new(mean, alpha)),
            Values::Measures => Self::normal(mean, mean + alpha * mean * mean),
        }
    }

    /// Normal; a variance that is not above 0 counts as next to nothing.
    pub fn normal(mean: f64, variance: f64) -> Self {
        Self::Normal { mean, sd: variance.sqrt().max(f64::MIN_POSITIVE.sqrt()) }
    }

    /// Quantiles at `levels`, never below 0.
    pub fn quantiles<const N: usize>(&self, levels: [f64; N]) -> [f64; N] {
        match self {
            Self::Counts(counts) => counts.quantiles(levels).map(|q| q as f64),
            Self::Normal { mean, sd } => levels.map(|p| (mean + sd * normal_quantile(p)).max(0.0)),
        }
    }

    /// The probability integral transform of `y`.
    pub fn pit(&self, y: f64) -> Pit {
        match self {
            Self::Counts(counts) => Pit::of(counts, y as u64),
            Self::Normal { mean, sd } => Pit { below: upper_tail((mean - y) / sd), at: 0.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_counts() {
        assert_eq!(Values::of(&[0.0, 3.0, f32::NAN]), Values::Counts);
        assert_eq!(Values::of(&[0.0, 3.5]), Values::Measures);
    }

    #[test]
    fn measured_values_have_a_symmetric_band_around_the_mean() {
        let measures = Predictive::new(Values::Measures, 20.0, 0.1);
        let [low, median, high] = measures.quantiles([0.1, 0.5, 0.9]);
        assert!((median - 20.0).abs() < 1e-12 && (high - 20.0 - (20.0 - low)).abs() < 1e-9);
        assert!((high - 20.0 - 1.281_551_6 * 60.0_f64.sqrt()).abs() < 1e-5);
        assert!((measures.pit(high).randomised(0.3) - 0.9).abs() < 1e-9);
        assert_eq!(Predictive::normal(1.0, 9.0).quantiles([0.025]), [0.0]);
    }

    #[test]
    fn counts_have_whole_quantiles() {
        let [median] = Predictive::new(Values::Counts, 2.7, 0.5).quantiles([0.5]);
        assert_eq!(median, 2.0);
    }
}
