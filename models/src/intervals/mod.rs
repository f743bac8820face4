//! Count quantiles: the negative binomial distribution, dispersion from honest errors, recalibrated levels.
pub mod dispersion;
pub mod negative_binomial;
mod predictive;
pub mod recalibration;

pub use negative_binomial::{NegativeBinomial, normal_quantile};
pub use predictive::{Predictive, Values};
