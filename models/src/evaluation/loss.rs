//! Losses of one forecast period.
use crate::forecast::QUANTILES;

/// Weight of a miss in the interval score of a 95 % band: 2 / (1 - 0.95).
const MISS: f64 = 40.0;

/// Pinball loss of forecast `f` for quantile level `q`.
pub fn pinball(q: f64, y: f64, f: f64) -> f64 {
    (q * (y - f)).max((q - 1.0) * (y - f))
}

/// Mean over [`QUANTILES`] of twice the pinball loss.
pub fn quantile_loss(y: f64, quantiles: &[f64; 5]) -> f64 {
    QUANTILES.iter().zip(quantiles).map(|(q, f)| 2.0 * pinball(*q, y, *f)).sum::<f64>()
        / QUANTILES.len() as f64
}

/// Interval score of the 95 % band: its width, and 40 times what the count lies outside of it (Gneiting and Raftery
/// 2007).
pub fn interval_score(y: f64, quantiles: &[f64; 5]) -> f64 {
    let [low, .., high] = *quantiles;
    (high - low) + MISS * ((low - y).max(0.0) + (y - high).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_miss_costs_forty_times_its_distance() {
        let band = [2.0, 3.0, 4.0, 5.0, 8.0];
        assert_eq!([1.0, 2.0, 8.0, 8.5].map(|y| interval_score(y, &band)), [46.0, 6.0, 6.0, 26.0]);
    }
}
