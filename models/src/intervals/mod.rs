//! Count quantiles: the negative binomial distribution, dispersion from honest errors.
pub mod dispersion;
pub mod negative_binomial;

pub use negative_binomial::{NegativeBinomial, normal_quantile};
