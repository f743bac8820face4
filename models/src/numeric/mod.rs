//! Small dense linear algebra and special functions that the models share.
pub mod cholesky;
pub mod scalar_minimum;
