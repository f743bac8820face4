//! Scores of forecasts against what came.
//!
//! With y the counts of the scored periods, q the quantiles and m the mean forecast of one series from one origin,
//! and training periods from the series' first ticket to the origin:
//!
//! * s = mean |y_t - y_{t-k}| and r = mean (y_t - y_{t-k})^2 over training periods, k = 7 days or 12 months;
//! * MASE = mean |y - q_0.5| / s, RMSSE = sqrt(mean (y - m)^2 / r) (Hyndman and Koehler 2006; the M5 competition);
//! * SQL = mean of mean_q 2 pinball_q / s, with pinball_q(y, f) = max(q (y - f), (q - 1) (y - f));
//! * MSIS = mean of the 95 % band's interval score / s (Gneiting and Raftery 2007; the M4 competition);
//! * WQL = sum of mean_q 2 pinball_q / sum |y| over all series and origins;
//! * coverage = share of periods inside the closed band;
//! * bias = (sum of m - sum of y) / sum of y over all series and origins;
//! * incoherence = the largest |sum of the cells' m - the total's m| / mean of the total's m.
//!
//! A level's MASE, RMSSE, SQL, MSIS and coverage are plain means over its (series, origin) pairs; a pair whose s is 0
//! is left out of the scaled ones. Over all levels every level weighs the same. Relative scores divide by those of
//! the seasonal naive, over levels by their geometric mean, and skill = 1 - relative WQL.
//!
//! | file | what it decides |
//! |---|---|
//! | `loss`, `scale` | the formulas above, one period and one series at a time |
//! | `scorer` | one series over origins, for the weekly step |
//! | `band` | leads that are scored together |
//! | `tally`, `table` | a whole backtest by level and band, in bounded memory |
//! | `reference` | the seasonal naive and last year's same period, the forecasts to beat |
//! | `anticipation` | how good announced onsets and exceedance probabilities would have been |
//! | `rolling` | the engine from rolling origins, each knowing nothing after it |
pub mod anticipation;
mod band;
mod loss;
mod mean;
mod months;
mod origins;
pub mod reference;
pub mod rolling;
mod scale;
mod scorer;
mod table;
mod tally;

pub use band::Band;
pub use loss::{interval_score, pinball, quantile_loss};
pub use months::Months;
pub use origins::{OriginError, Origins};
pub use scale::{Scale, WEEK, scales, seasonal_scales};
pub use scorer::{Day, Scorer};
pub use table::{Board, Row};
pub use tally::{Accuracy, Relative, Tally};
