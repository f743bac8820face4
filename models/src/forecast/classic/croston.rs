//! Croston's method for intermittent demand: smoothed size of a demand over the smoothed time between demands.
//!
//! Source: Croston (1972), *Forecasting and stock control for intermittent demands*; Syntetos and Boylan
//! (2005) for the factor against its bias; R `forecast::croston`, statsforecast `CrostonClassic`, `CrostonSBA`
//! and `CrostonOptimized`.
use std::ops::Range;

use super::{ClassicError, at_least, ses::Ses};

/// How the smoothing constants are set.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// One constant in 0 ..= 1 for sizes and intervals.
    Fixed(f64),
    /// For each of both the best in a range.
    Optimised(Range<f64>),
}

/// The range that statsforecast searches.
pub const BOUNDS: Range<f64> = 0.1..0.3;
/// Syntetos and Boylan's factor for a constant of 0.1: 1 - alpha / 2.
pub const SBA_FACTOR: f64 = 0.95;

/// The forecast at every lead. Missing periods are left out; a series of zeros gives 0.
///
/// # Errors
/// [`ClassicError::TooShort`] when nothing is known, [`ClassicError::NotFinite`] for a constant out of range.
pub fn forecast(y: &[f64], constant: &Constant) -> Result<f64, ClassicError> {
    let values = at_least(y, 1)?;
    let intervals = intervals(&values);
    if intervals.is_empty() {
        return Ok(0.0);
    }
    let sizes: Vec<f64> = values.into_iter().filter(|v| *v != 0.0).collect();
    let level = |series: &[f64]| match constant {
        Constant::Fixed(alpha) => Ses::fixed(series, *alpha),
        Constant::Optimised(bounds) => Ses::optimised(series, bounds.clone()),
    };
    Ok(level(&sizes)?.level() / level(&intervals)?.level())
}

/// Periods from one demand to the next; the first counts from the start of the series.
pub(super) fn intervals(values: &[f64]) -> Vec<f64> {
    let mut last = 0;
    let mut out = Vec::new();
    for (t, _) in values.iter().enumerate().filter(|(_, v)| **v != 0.0) {
        out.push((t + 1 - last) as f64);
        last = t + 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divides_the_size_by_the_interval() {
        assert_eq!(intervals(&[0.0, 3.0, 0.0, 0.0, 5.0]), [2.0, 3.0]);
        assert_eq!(forecast(&[0.0, 3.0, 0.0, 0.0, 5.0, 0.0], &Constant::Fixed(0.5)), Ok(4.0 / 2.5));
    }

    #[test]
    fn zeros_give_zero_and_nothing_an_error() {
        assert_eq!(forecast(&[0.0; 4], &Constant::Optimised(BOUNDS)), Ok(0.0));
        assert!(forecast(&[], &Constant::Fixed(0.1)).is_err());
    }
}
