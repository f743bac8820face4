//! The settings of the algorithm, checked once.
use serde::{Deserialize, Serialize};

use super::Farrington;

/// Length of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A day, 365 a year.
    Day,
    /// A week, 52 a year.
    Week,
    /// A month, 12 a year.
    Month,
}

impl Step {
    /// Periods in a year, where there are no dates to step back by.
    pub fn per_year(self) -> usize {
        match self {
            Self::Day => 365,
            Self::Week => 52,
            Self::Month => 12,
        }
    }
}

/// Which of the two published algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edition {
    /// Farrington et al. (1996), R `farrington`: windows of past years alone, two-sided alpha, weights above 1, a
    /// trend at p < 0.05.
    Original,
    /// Noufaily et al. (2013), R `farringtonFlexible`.
    Flexible,
}

/// Scale on which the predicted count is taken as normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Power {
    /// Power 2/3: symmetric for Poisson counts.
    TwoThirds,
    /// Square root: constant variance for Poisson counts.
    Half,
    /// The count itself.
    One,
}

impl Power {
    /// The exponent.
    pub fn exponent(self) -> f64 {
        match self {
            Self::TwoThirds => 2.0 / 3.0,
            Self::Half => 0.5,
            Self::One => 1.0,
        }
    }
}

/// How the upper bound is taken from the fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Quantile of a negative binomial with the fitted mean and variance `phi` times the mean.
    NbPlugin,
    /// The same at the upper quantile of the fitted mean instead of the mean itself.
    Muan,
    /// Normal quantile on a power scale, with the uncertainty of the mean in the variance.
    Delta(Power),
}

/// Settings as they are written down; [`Farrington::new`] checks them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The algorithm.
    pub edition: Edition,
    /// Length of a period.
    pub step: Step,
    /// Years to go back (R's `b`), at least 1.
    pub years: usize,
    /// Periods on either side of the judged one's place in a past year (R's `w`).
    pub half_window: usize,
    /// Levels of the season (R's `noPeriods`), the windows being one; 1 uses the windows alone.
    pub blocks: usize,
    /// Newest periods before the judged one that are left out (R's `pastWeeksNotIncluded`).
    pub guard: usize,
    /// Standardised residual above which past counts lose weight (R's `weightsThreshold`); none does not reweight.
    pub reweight_above: Option<f64>,
    /// P-value under which a trend stays (R's `pThresholdTrend`); none fits no trend.
    pub trend: Option<f64>,
    /// No alarm with fewer cases than this in the newest [`Settings::few_periods`] (R's `limit54`).
    pub few_cases: f64,
    /// Periods the cases are counted in, with the judged one.
    pub few_periods: usize,
    /// Probability beyond the bound; of both bounds together in the original.
    pub alpha: f64,
    /// The bound.
    pub bound: Bound,
}

impl Settings {
    /// As published in 2013 and run by R with all its options set: five years, ten levels of season, half a year
    /// of guard, weights above 2.58, a trend whenever it does not extrapolate beyond all counts, alpha 0.01,
    /// negative binomial bound. Months have four levels; days scale the weeks by seven.
    pub fn flexible(step: Step) -> Self {
        let (half_window, blocks, guard, few_periods) = match step {
            Step::Day => (21, 10, 182, 28),
            Step::Week => (3, 10, 26, 4),
            Step::Month => (1, 4, 6, 4),
        };
        Self {
            edition: Edition::Flexible,
            step,
            years: 5,
            half_window,
            blocks,
            guard,
            reweight_above: Some(2.58),
            trend: Some(1.0),
            few_cases: 5.0,
            few_periods,
            alpha: 0.01,
            bound: Bound::NbPlugin,
        }
    }

    /// As published in 1996: windows of five years, weights above 1, a trend at p < 0.05, alpha 0.01 for both
    /// bounds, normal on the power 2/3.
    pub fn original(step: Step) -> Self {
        let flexible = Self::flexible(step);
        Self {
            edition: Edition::Original,
            blocks: 1,
            guard: flexible.half_window,
            reweight_above: Some(1.0),
            trend: Some(0.05),
            bound: Bound::Delta(Power::TwoThirds),
            ..flexible
        }
    }
}

/// Why settings are no algorithm.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidFarrington {
    /// Without a past year there is nothing to compare with.
    #[error("{0} years back; 1 to 100 are possible")]
    Years(usize),
    /// Neighbouring years' windows would overlap.
    #[error("a window of {0} periods does not fit into a year")]
    Window(usize),
    /// Each level needs a period of each year.
    #[error("{0} levels of season do not fit between the windows of two years")]
    Blocks(usize),
    /// The guard would take the only past year.
    #[error("a guard of {0} periods is a year or longer")]
    Guard(usize),
    /// Alpha is no small probability.
    #[error("alpha {0} is not between 0 and 0.5")]
    Alpha(f64),
    /// A residual or a p-value that is negative or not a number.
    #[error("a threshold of {0} is negative or not a number")]
    Threshold(f64),
    /// Cases over no period.
    #[error("cases have to be counted in one period or more")]
    FewPeriods,
    /// The original knows only normal bounds and windows.
    #[error("the original algorithm has one level of season and the delta bound")]
    NotOriginal,
}

impl Farrington {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`InvalidFarrington`] says which setting is out of range.
    pub fn new(settings: Settings) -> Result<Self, InvalidFarrington> {
        let s = &settings;
        let window = 2 * s.half_window + 1;
        let year = s.step.per_year();
        if !(1..=100).contains(&s.years) {
            return Err(InvalidFarrington::Years(s.years));
        }
        if window >= year {
            return Err(InvalidFarrington::Window(window));
        }
        if s.blocks == 0 || s.blocks - 1 > year - window {
            return Err(InvalidFarrington::Blocks(s.blocks));
        }
        if s.guard >= year {
            return Err(InvalidFarrington::Guard(s.guard));
        }
        if !(s.alpha > 0.0 && s.alpha < 0.5) {
            return Err(InvalidFarrington::Alpha(s.alpha));
        }
        let thresholds = s.reweight_above.into_iter().chain(s.trend).chain([s.few_cases]);
        if let Some(wrong) = thresholds.into_iter().find(|v| v.is_nan() || *v < 0.0) {
            return Err(InvalidFarrington::Threshold(wrong));
        }
        if s.few_periods == 0 {
            return Err(InvalidFarrington::FewPeriods);
        }
        let original = s.blocks == 1 && matches!(s.bound, Bound::Delta(_));
        if s.edition == Edition::Original && !original {
            return Err(InvalidFarrington::NotOriginal);
        }
        Ok(Self { settings })
    }
}
