//! Simple exponential smoothing started at the first value, with a given or a chosen constant.
//!
//! l_0 = y_1, l_t = l_(t-1) + alpha (y_t - l_(t-1)); the forecast is the last level at every lead. This is the
//! form of Gardner (1985) that the intermittent-demand methods build on; the form with a free starting level
//! is ETS(A,N,N). A missing value leaves the level as it was.
//!
//! Source: statsforecast `SimpleExponentialSmoothing` and `SimpleExponentialSmoothingOptimized`.
use std::ops::Range;

use super::{ClassicError, at_least};
use crate::numeric::scalar_minimum::bounded;

/// Where [`Ses::optimised`] looks for its constant when nothing narrower is wanted.
pub const BOUNDS: Range<f64> = 0.01..0.99;

/// A series smoothed to its last level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ses {
    alpha: f64,
    level: f64,
}

impl Ses {
    /// Smooths with a given constant in 0 ..= 1.
    ///
    /// # Errors
    /// [`ClassicError::TooShort`] when nothing is known, [`ClassicError::NotFinite`] for a constant outside 0 ..= 1.
    pub fn fixed(y: &[f64], alpha: f64) -> Result<Self, ClassicError> {
        if !(0.0..=1.0).contains(&alpha) {
            return Err(ClassicError::NotFinite);
        }
        let values = at_least(y, 1)?;
        Ok(Self { alpha, level: smooth(&values, alpha).level })
    }

    /// Smooths with the constant in `bounds` that has the least sum of squared one-step errors.
    ///
    /// # Errors
    /// [`ClassicError::TooShort`] when nothing is known.
    pub fn optimised(y: &[f64], bounds: Range<f64>) -> Result<Self, ClassicError> {
        let values = at_least(y, 1)?;
        let alpha = bounded(|alpha| smooth(&values, alpha).squares, bounds.start, bounds.end);
        Self::fixed(&values, alpha)
    }

    /// The smoothing constant.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The forecast at every lead.
    pub fn level(&self) -> f64 {
        self.level
    }
}

struct Smoothed {
    level: f64,
    squares: f64,
}

fn smooth(values: &[f64], alpha: f64) -> Smoothed {
    let start = Smoothed { level: values[0], squares: 0.0 };
    values[1..].iter().fold(start, |Smoothed { level, squares }, v| {
        let error = v - level;
        Smoothed { level: level + alpha * error, squares: squares + error * error }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_moves_by_alpha_and_stays_over_a_gap() {
        assert_eq!(Ses::fixed(&[2.0, 4.0, f64::NAN, 5.0], 0.5).unwrap().level(), 4.0);
    }

    #[test]
    fn a_random_walk_wants_a_large_constant_and_noise_a_small_one() {
        let walk: Vec<f64> = (0..60).map(|t| f64::from(t * t)).collect();
        let noise: Vec<f64> = (0..60).map(|t| if t == 0 { 0.5 } else { f64::from(t % 2) }).collect();
        assert!(Ses::optimised(&walk, BOUNDS).unwrap().alpha() > 0.98);
        assert!(Ses::optimised(&noise, BOUNDS).unwrap().alpha() < 0.02);
    }

    #[test]
    fn nothing_known_or_a_constant_out_of_range_is_an_error() {
        assert_eq!(Ses::fixed(&[f64::NAN], 0.1), Err(ClassicError::TooShort { known: 0, needed: 1 }));
        assert!(Ses::optimised(&[], BOUNDS).is_err());
        assert_eq!(Ses::fixed(&[1.0], 1.5), Err(ClassicError::NotFinite));
        assert_eq!(Ses::optimised(&[3.0; 5], BOUNDS).unwrap().level(), 3.0);
    }
}
