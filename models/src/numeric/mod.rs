//! Small dense linear algebra and special functions that the models share.
pub mod cholesky;
