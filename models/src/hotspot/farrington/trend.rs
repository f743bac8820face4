//! The model of one period: fit, weights, fit again; and whether the trend may stay.
//!
//! A trend stays when its p-value is below the threshold, there are three years or more, and it does not carry the
//! prediction above every past count. R: `algo.farrington.fitGLM.flexible`, `algo.farrington.glm`.
use super::NotJudged;
use super::fit::{Fit, Rows};
use super::settings::{Edition, Settings};
use super::weights::weights;

/// A trend over fewer years is not kept.
const TREND_YEARS: usize = 3;

/// A fit with what is taken from it.
pub(super) struct Model {
    /// The last fit.
    pub fit: Fit,
    /// Dispersion of the counts, at least 1.
    pub phi: f64,
    /// Dispersion in the standard error of the mean.
    pub error_dispersion: f64,
    /// Dispersion in the test of the trend.
    test_dispersion: f64,
}

/// The model of the judged period, whose logarithm of the population is `offset`.
pub(super) fn model(settings: &Settings, rows: &Rows, offset: f64) -> Result<Model, NotJudged> {
    let Some(threshold) = settings.trend else { return fitted(settings, rows, false) };
    let model = fitted(settings, rows, true)?;
    if model.fit.slope.is_none() {
        return Ok(model);
    }
    let highest = rows.y.iter().fold(0.0_f64, |a, b| a.max(*b));
    let expected = (offset + model.fit.now(rows.blocks - 1)).exp();
    let stays = settings.years >= TREND_YEARS
        && expected <= highest
        && model.fit.slope_p_value(model.test_dispersion) < threshold;
    if stays { Ok(model) } else { fitted(settings, rows, false) }
}

/// Fits, weighs by the residuals and fits again. A first fit that does not settle is done again without trend.
fn fitted(settings: &Settings, rows: &Rows, trend: bool) -> Result<Model, NotJudged> {
    let equal = vec![1.0; rows.y.len()];
    let mut fit = Fit::new(rows, &equal, trend);
    let mut trend = trend;
    if !fit.converged && trend {
        trend = false;
        fit = Fit::new(rows, &equal, false);
    }
    // R gives up on many zeros and nothing else, though the answer is plain: nothing is expected.
    let settled = fit.converged || rows.y.iter().all(|y| *y == 0.0);
    if !(settled && fit.freedom > 0.0) {
        return Err(NotJudged::NoFit);
    }
    let dispersion = fit.dispersion(rows, &fit.weights);
    let Some(threshold) = settings.reweight_above else {
        return Ok(Model::new(settings, fit, dispersion, dispersion));
    };
    let prior = weights(rows, &fit, dispersion.max(1.0), threshold);
    let fit = Fit::new(rows, &prior, trend);
    let dispersion = fit.dispersion(rows, &fit.weights);
    // R's flexible algorithm puts the prior weights in the place of the working weights, and so takes the standard
    // error of the mean from a dispersion without the means.
    let unweighted = fit.dispersion(rows, &prior);
    Ok(Model::new(settings, fit, dispersion, unweighted))
}

impl Model {
    fn new(settings: &Settings, fit: Fit, dispersion: f64, flexible: f64) -> Self {
        let phi = dispersion.max(1.0);
        let (error_dispersion, test_dispersion) = match settings.edition {
            Edition::Original => (phi, dispersion),
            Edition::Flexible => (flexible, flexible),
        };
        Self { fit, phi, error_dispersion, test_dispersion }
    }
}
