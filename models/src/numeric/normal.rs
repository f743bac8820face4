//! Tails of the standard normal distribution.
use std::f64::consts::FRAC_1_SQRT_2;

use statrs::function::erf::erfc;

/// P(Z >= z).
pub fn upper_tail(z: f64) -> f64 {
    0.5 * erfc(z * FRAC_1_SQRT_2)
}

/// P(|Z| >= |z|), to about 1e-11; NaN for NaN.
///
/// ```
/// assert!((weisu_models::numeric::normal::two_sided(-1.959_963_984_540_054) - 0.05).abs() < 1e-10);
/// ```
pub fn two_sided(z: f64) -> f64 {
    erfc(z.abs() * FRAC_1_SQRT_2)
}
