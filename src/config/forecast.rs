//! `[forecast]`: how far and how to forecast.
use garde::Validate;
use serde::{Deserialize, Serialize};

/// Forecast settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(default)]
pub struct Forecast {
    /// Days ahead published by day.
    #[garde(range(min = 1, max = 400))]
    pub days: usize,
    /// Whole months ahead published by month.
    #[garde(range(min = 0, max = 24))]
    pub months: usize,
    /// Rolling origins in the weekly fit.
    #[garde(range(min = 2, max = 60))]
    pub origins: usize,
    /// Days of history used; older days are kept but not fitted.
    #[garde(range(min = 60, max = 36500))]
    pub history_days: usize,
    /// Depth of the topic tree that is forecast (0 = totals only).
    #[garde(range(min = 0, max = 8))]
    pub topic_depth: usize,
    /// Depth of the district tree that is forecast (0 = the whole city only).
    #[garde(range(min = 0, max = 8))]
    pub district_depth: usize,
    /// Days between two fits; between them the stored choice of models is used.
    #[garde(range(min = 1, max = 366))]
    pub refit_days: u32,
    /// Whether series learn from each other what their own models miss (boosted residuals, from two years of data on).
    #[garde(skip)]
    pub boost: bool,
    /// What happens between two fits.
    #[garde(skip)]
    pub daily: Daily,
    /// Seed of everything random.
    #[garde(skip)]
    pub seed: i64,
}

impl Default for Forecast {
    fn default() -> Self {
        Self {
            days: 90,
            months: 12,
            origins: 27,
            history_days: 1461,
            topic_depth: 2,
            district_depth: 1,
            refit_days: 7,
            boost: true,
            daily: Daily::Update,
            seed: 20_240_101,
        }
    }
}

/// What the daily step does between two fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Daily {
    /// Level and dispersion follow the newest days; the calendar profiles stay those of the fit.
    #[default]
    Update,
    /// Every profile is fitted anew.
    Refit,
}
