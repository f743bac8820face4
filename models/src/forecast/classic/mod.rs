//! The classical forecasting models: pure functions of one regular series.
//!
//! A series is `&[f64]` at equal steps with NaN for a missing value; `m` is the length of its season and `h`
//! the number of leads. Nothing here clips at zero or rounds: these are the textbook models, comparable
//! number by number with R's `forecast` and Python's `statsforecast`.
//!
//! Twelve daily and four monthly series of a city hotline have been forecast with both (R forecast 8.20, MASS,
//! statsforecast 2.1.1). What the models here answer to them, at worst over the series:
//!
//! | model | reference | how close |
//! |---|---|---|
//! | [`naive::naive`], [`naive::seasonal_naive`] | R `naive`, `snaive`; `SeasonalNaive` | means and intervals 1e-14 |
//! | [`naive::drift`] | none | by hand |
//! | [`average`] | R `meanf`; `WindowAverage`, `SeasonalWindowAverage` | means and intervals 3e-13 |
//! | [`ses`] | `SimpleExponentialSmoothing`, `…Optimized` | 1e-15; 5e-8 where the constant is searched |
//! | [`tsb`] | `TSB` | 2e-15 |
//! | [`croston`] | R `croston`; `CrostonClassic`, `…SBA`, `…Optimized` | 2e-15; 2e-8 where searched |
//! | [`aggregation`] | `ADIDA`, `IMAPA` | 3e-8 |
//! | [`ets`] at R's parameters | R `ets` | likelihood, criterion, variance, points, intervals 1e-9, multiplicative seasons too |
//! | [`ets`], smoothing fixed | R `ets(alpha, gamma)` | likelihood R's or higher; points 0.3 % of the mean where it is R's |
//! | [`ets`], fitted | R `ets`, five forms | likelihood R's less 0.0004 or higher; points 1.8 % where it is R's |
//! | [`ets`], fitted, and [`ets::auto`] | `AutoETS` with form ANN, ANA and free | likelihood statsforecast's or higher in 16 of 16, or a form with a lower criterion; points 2 % where both are the same |
//! | [`theta`] standard, dynamic, dynamic optimised | `Theta`, `DynamicTheta`, `DynamicOptimizedTheta` | points 0.02 % of the mean |
//! | [`theta`] optimised, [`theta::auto`] | `OptimizedTheta`, `AutoTheta` | squared error statsforecast's or smaller in 16 of 16; points 0.1 % where it is the same; at its parameters 1e-6 |
//! | [`theta::classical`] | R `thetaf` | points 0.2 % in 15 of 16; in one R's constant stays at its bound, where the likelihood is lower |
//! | [`stl`] | R `stl` | components 1e-14; robust 1e-6 in 13 of 16, and in 16 with the median as R's partial sort takes it, which misses a place now and then |
//! | [`mstl`] | R `mstl`, R `stlm` | components 1e-14; points 0.03 % |
//! | [`mstl`] | `MSTL` | points 2 % in 13 of 16; with the settings of statsmodels, which statsforecast decomposes by, points 2 % or a likelier trend in 16 |
//! | [`count_glm`] | R `glm(poisson)`, `quasipoisson`, `MASS::glm.nb` | 5e-12; dispersion 2e-5; 3e-8 |
//!
//! Not answered: `AutoCES` (complex exponential smoothing), and the simulated intervals of statsforecast's theta
//! models, which are up to a quarter off the analytic ones.
pub mod aggregation;
pub mod average;
pub mod count_glm;
pub mod croston;
pub mod ets;
pub mod mstl;
pub mod naive;
pub mod season;
pub mod ses;
pub mod stl;
pub mod theta;
pub mod tsb;

/// Mean and variance of the forecast at leads 1 ..= h.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Expected value per lead, in the unit of the series.
    pub mean: Vec<f64>,
    /// Variance of the forecast error per lead, in the squared unit of the series.
    pub variance: Vec<f64>,
}

/// Why a model has no answer for a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClassicError {
    /// Fewer known values than the model has to learn from.
    #[error("{known} known values, {needed} needed")]
    TooShort {
        /// Known values in the series.
        known: usize,
        /// The least the model works with.
        needed: usize,
    },
    /// A season length that the model cannot have.
    #[error("a season of {period} periods")]
    Period {
        /// The season length asked for.
        period: usize,
    },
    /// A multiplicative form on a series with a value that is zero or negative.
    #[error("a multiplicative form needs values above zero")]
    NotPositive,
    /// The result left the finite numbers.
    #[error("the fit is not finite")]
    NotFinite,
}

/// The known values with their positions.
fn known(y: &[f64]) -> impl DoubleEndedIterator<Item = (usize, f64)> + Clone + '_ {
    y.iter().copied().enumerate().filter(|(_, v)| v.is_finite())
}

/// The values alone, or an error when there are fewer than `needed`.
fn at_least(y: &[f64], needed: usize) -> Result<Vec<f64>, ClassicError> {
    let values: Vec<f64> = known(y).map(|(_, v)| v).collect();
    if values.len() < needed {
        return Err(ClassicError::TooShort { known: values.len(), needed });
    }
    Ok(values)
}
