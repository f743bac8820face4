//! Seasonal-trend decomposition (augurs MSTL) with an exponentially smoothed level as its trend.
//!
//! augurs' own naive trend repeats the last deseasonalised day, noise included, and its ETS search costs
//! fifty times the decomposition; a fixed smoothing constant is as cheap as the first and steadier. Missing
//! days are filled before the fit, because one NaN spoils augurs' result without an error. Its intervals are
//! not used: they are Gaussian and ignore the season's uncertainty.
use std::{borrow::Cow, error::Error};

use augurs::{
    Fit, Forecast, Predict,
    mstl::{FittedTrendModel, MSTLModel, TrendModel},
};

/// Days of history used at most.
pub const WINDOW: usize = 731;

const WEEK: usize = 7;
/// Smoothing constant of the level, a half-life of about a week.
const SMOOTHING: f64 = 0.1;

/// Forecasts for leads 1 ..= `leads` from the counts up to the origin, clipped at 0.
///
/// # Errors
/// augurs' message when there are fewer than two known weeks or the fit fails.
pub fn forecast(y: &[f32], leads: usize) -> Result<Vec<f32>, String> {
    let recent = &y[y.len().saturating_sub(WINDOW)..];
    let filled = filled(recent).ok_or("no known day")?;
    let fit = MSTLModel::new(vec![WEEK], Level).fit(&filled).map_err(|e| e.to_string())?;
    let forecast = fit.predict(leads, None).map_err(|e| e.to_string())?;
    if forecast.point.iter().any(|v| !v.is_finite()) {
        return Err("the decomposition is not finite".to_owned());
    }
    Ok(forecast.point.iter().map(|v| v.max(0.0) as f32).collect())
}

/// Missing days take the count of the week before, and at the start that of the first known day.
fn filled(y: &[f32]) -> Option<Vec<f64>> {
    let first = y.iter().copied().find(|v| !v.is_nan())?;
    let mut out: Vec<f64> = Vec::with_capacity(y.len());
    for (t, v) in y.iter().enumerate() {
        let before = t.checked_sub(WEEK).map_or(f64::from(first), |k| out[k]);
        out.push(if v.is_nan() { before } else { f64::from(*v) });
    }
    Some(out)
}

type AnyError = Box<dyn Error + Send + Sync + 'static>;

/// A level that moves by [`SMOOTHING`] of each deviation.
#[derive(Debug)]
struct Level;

#[derive(Debug)]
struct FittedLevel {
    fitted: Vec<f64>,
    level: f64,
}

impl TrendModel for Level {
    fn name(&self) -> Cow<'_, str> {
        "Level".into()
    }

    fn fit(&self, y: &[f64]) -> Result<Box<dyn FittedTrendModel + Sync + Send>, AnyError> {
        let mut level = y.first().copied().unwrap_or(0.0);
        let mut fitted = Vec::with_capacity(y.len());
        for v in y {
            fitted.push(level);
            level += SMOOTHING * (v - level);
        }
        Ok(Box::new(FittedLevel { fitted, level }))
    }
}

impl FittedTrendModel for FittedLevel {
    fn predict_inplace(
        &self,
        horizon: usize,
        _: Option<f64>,
        forecast: &mut Forecast,
    ) -> Result<(), AnyError> {
        forecast.point = vec![self.level; horizon];
        Ok(())
    }

    fn predict_in_sample_inplace(&self, _: Option<f64>, forecast: &mut Forecast) -> Result<(), AnyError> {
        forecast.point.clone_from(&self.fitted);
        Ok(())
    }

    fn training_data_size(&self) -> Option<usize> {
        Some(self.fitted.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_a_weekly_pattern_over_missing_days() {
        let mut y: Vec<f32> = (0..140).map(|t| if t % 7 < 5 { 30.0 } else { 5.0 }).collect();
        y[100] = f32::NAN;
        for (lead, value) in forecast(&y, 14).unwrap().iter().enumerate() {
            let want = if lead % 7 < 5 { 30.0 } else { 5.0 };
            assert!((value - want).abs() < 1.0, "{lead}: {value}");
        }
    }

    #[test]
    fn too_little_history_is_an_error_and_never_a_panic() {
        for y in [&[][..], &[1.0][..], &[f32::NAN; 30][..], &[2.0; 13][..]] {
            assert!(forecast(y, 3).is_err(), "{y:?}");
        }
        assert_eq!(forecast(&[0.0; 60], 3), Ok(vec![0.0; 3]));
    }
}
