//! Small dense linear algebra and special functions that the models share.
pub mod cholesky;
pub mod nelder_mead;
pub mod normal;
pub mod scalar_minimum;
