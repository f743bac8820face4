//! Months, quarters and weeks: a combination of classical models.
//!
//! Panels of days go through the calendar GLM ([`super::fit`]); coarser ones have too few periods for it. Each
//! series is forecast by exponential smoothing, the dynamic optimised theta method and STL, from up to six past
//! origins and from the newest. The models' weights are learned over all series of a level and density and pulled
//! towards equal ones ([`Products`]); where last year's same period did better than the combination on a series,
//! it is published instead. Bands are the models' own: recalibrating them by what the past ones held, with histories
//! half as long, lost 2 to 3 % of the quantile loss on both sets below. Cells are reconciled with their margins as
//! those of a daily panel are.
//!
//! On two public sets of monthly series and against the models of statsforecast 2.1.1 on the same split, with
//! MASE over all series / weighted quantile loss at [`super::QUANTILES`] (lower is better;
//! `tests/compare/peers.py` measures it again):
//!
//! | set | this engine | `AutoETS` | `DynamicOptimizedTheta` | seasonal naive |
//! |---|---|---|---|---|
//! | M3, 1,428 monthly series, 18 months | .843 / .0535 | .863 / .0555 | .850 / .0569 | 1.146 / .0712 |
//! | hospital, 767 monthly series, 12 months | .747 / .0298 | .770 / .0311 | .756 / .0320 | .921 / .0371 |
//!
//! Daily series that stand alone go through the GLM: NN5, 111 series, 56 days: .859 / .0923, `AutoETS` .877 / .0979,
//! `DynamicOptimizedTheta` .887 / .1100, seasonal naive 1.018 / .1485.
mod candidate;
mod combination;
mod panel;
mod tried;
mod weights;

pub use candidate::Candidate;
pub use combination::Used;
pub use panel::{PeriodForecast, Periods, forecast};
pub use weights::Products;
