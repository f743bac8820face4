//! The classical forecasting models: pure functions of one regular series.
//!
//! A series is `&[f64]` at equal steps with NaN for a missing value; `m` is the length of its season and `h`
//! the number of leads. Nothing here clips at zero or rounds: these are the textbook models, comparable
//! number by number with R's `forecast` and Python's `statsforecast`.
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
