//! The mathematics of weisu: forecasting count panels, detecting hotspots, calendars.
//!
//! Pure and synchronous: no clock, no IO, no SQL, no HTTP. Time and seeds are arguments, so the same input
//! gives the same bytes on any number of threads. A series that cannot be modelled yields an outcome with a
//! reason, never an error that stops the panel.
//!
//! | module | what it holds |
//! |---|---|
//! | [`series`] | count panels: cells x days, missing days as NaN; whole or a shard at a time |
//! | [`hierarchy`] | nodes over topic tree x district tree, bottom-up sums |
//! | [`calendar`] | holidays, make-up workdays, seasons of a city |
//! | [`regressors`] | design matrices from the calendar |
//! | [`forecast`] | models (one a file), selection by rolling origin, the panel engine |
//! | [`intervals`] | count quantiles: negative binomial, dispersion, recalibration |
//! | [`evaluation`] | scores, forecasts to beat, backtests from rolling origins |
//! | [`hotspot`] | surveillance detectors, exceedance of the seasonal norm, false discovery rate, spatial statistics and scans |
//! | [`nowcast`] | how much of a recent day is known by now |
//! | [`numeric`] | small dense solvers, distribution tails |
pub mod boosting;
pub mod calendar;
pub mod evaluation;
pub mod forecast;
pub mod hierarchy;
pub mod hotspot;
pub mod intervals;
pub mod nowcast;
pub mod numeric;
pub mod regressors;
pub mod series;
