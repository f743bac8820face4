//! Past outbreaks lose weight, so that they do not raise the baseline.
//!
//! Counts whose standardised Anscombe residual `3/2 (y^(2/3) mu^(-1/6) - mu^(1/2)) / sqrt(phi (1 - h))` is above the
//! threshold weigh by its inverse square, all others alike, and the weights sum to the number of counts. R:
//! `anscombe.residuals`, `algo.farrington.assign.weights`.
use super::fit::{Fit, Rows};

/// Weights for a second fit from the first one and its dispersion.
pub(super) fn weights(rows: &Rows, fit: &Fit, phi: f64, threshold: f64) -> Vec<f64> {
    let residuals = rows.y.iter().zip(&fit.means).zip(fit.leverages(rows)).map(|((y, mu), leverage)| {
        let root = mu.sqrt();
        let anscombe = if *y > 0.0 { 1.5 * (y.cbrt().powi(2) / root.cbrt() - root) } else { -1.5 * root };
        anscombe / (phi * (1.0 - leverage)).sqrt()
    });
    // A count that is alone in its level has leverage 1 and no residual (0 / 0): it is not above.
    let raw: Vec<f64> = residuals.map(|s| if s > threshold { 1.0 / (s * s) } else { 1.0 }).collect();
    let scale = raw.len() as f64 / raw.iter().sum::<f64>();
    raw.into_iter().map(|w| w * scale).collect()
}
