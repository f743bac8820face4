//! Forecasts of count panels: models (one a file), selection by rolling origin, and the panel engine.
//!
//! The engine works in two steps, because they run at different paces. [`fit`] is the weekly step: it
//! forecasts from several past origins with every candidate model, picks one per cell, learns what share simpler
//! models get beside it, and measures the dispersion of the coherent forecasts at every node. [`forecast`] is the
//! daily step: one fit at the newest origin with the chosen models, summed bottom-up, with count quantiles from the
//! stored dispersion.
//!
//! | file | what it decides |
//! |---|---|
//! | `plan` | which origins, and where profiles are fitted anew |
//! | `seasonal_naive`, `mstl`, `glm` + `level` | the models |
//! | `track` | one series through the GLM over all origins |
//! | `boost` | what all series have in common that their own forecasts miss |
//! | `classic` | the textbook models, of one series each |
//! | `blend` | the GLM's share beside exponential smoothing and theta |
//! | `tame` | impossible days taken out before a model that would chase them |
//! | `pool` | panels of months, quarters and weeks |
//! | `base` | all series, each with its chosen model |
//! | `reconcile` | cells and margins made to agree |
//! | `sums`, `spill`, `passes` | panels larger than memory: shards that stream by |
//! | `backtest` | errors and scores of one node's past forecasts |
//! | `weekly`, `daily` | [`fit`] and [`forecast`] |
//! | `explain` | the parts that a published mean is the product of |
use serde::{Deserialize, Serialize};

use crate::intervals::{Values, dispersion::ALPHA_UNKNOWN};

mod backtest;
mod base;
mod blend;
pub mod boost;
pub mod classic;
mod daily;
pub mod explain;
pub mod glm;
pub mod level;
pub mod mstl;
mod passes;
mod plan;
pub mod pool;
mod reconcile;
pub mod seasonal_naive;
mod spill;
mod sums;
mod tame;
mod track;
mod weekly;

pub use boost::Boost;
pub use daily::{Fits, Issue, forecast, forecast_by_shard};
pub use passes::{City, Series, series_by_shard};
pub(crate) use plan::MIN_DAYS;
pub use spill::{InMemory, Spill};
pub use weekly::{fit, fit_by_shard};

/// Cells of a shard where the whole panel is in memory.
const SHARD: usize = 1024;

/// The published quantile levels: the median, an 80 % and a 95 % band.
pub const QUANTILES: [f64; 5] = [0.025, 0.1, 0.5, 0.9, 0.975];

/// A model that can be chosen for a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Last week's same weekday, and last year's same period for months.
    SeasonalNaive,
    /// STL decomposition with the weekly (and yearly) season, cheap trend (augurs).
    Mstl,
    /// Count GLM with calendar profile pooled over topic and district, and a local level.
    Glm,
}

impl Model {
    /// Stable name in tables, columns and labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::SeasonalNaive => "seasonal_naive",
            Self::Mstl => "mstl",
            Self::Glm => "glm",
        }
    }
}

/// Why a series did not get the model that was tried for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Fallback {
    /// No ticket in the whole window: forecast zero with a prior rate.
    AllZero,
    /// Fewer known days than the model needs.
    ShortHistory {
        /// Days known.
        days: usize,
    },
    /// Nothing beat last year's same period or the seasonal naive.
    NotBetter,
    /// The numerical fit failed.
    FitFailed {
        /// The model's own words.
        message: String,
    },
}

impl Fallback {
    /// Stable name in tables, columns and labels.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AllZero => "all_zero",
            Self::ShortHistory { .. } => "short_history",
            Self::NotBetter => "not_better",
            Self::FitFailed { .. } => "fit_failed",
        }
    }
}

/// Backtest scores of one node, means over the rolling origins; formulas in [`crate::evaluation`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Scores {
    /// Mean absolute scaled error of the median; `None` where the scale is zero.
    pub mase: Option<f64>,
    /// Root mean squared scaled error of the mean.
    pub rmsse: Option<f64>,
    /// Weighted quantile loss.
    pub wql: Option<f64>,
    /// WQL of the seasonal naive on the same days, for the skill.
    pub wql_naive: Option<f64>,
    /// Share of days inside the 80 % band.
    pub coverage_80: Option<f64>,
    /// Share of days inside the 95 % band.
    pub coverage_95: Option<f64>,
    /// Number of (origin, day) pairs scored.
    pub n: usize,
}

/// What the weekly step learned about one node. Stored as it is between runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeFit {
    /// Chosen model; for an aggregate, the model most of its expected volume comes from.
    pub model: Model,
    /// Why the model is not the one that was tried first.
    pub fallback: Option<Fallback>,
    /// Dispersion alpha of the daily forecasts, Var = m + alpha m^2, at lead 1.
    pub alpha: f64,
    /// Whether the series counts or measures.
    #[serde(default)]
    pub values: Values,
    /// Levels asked of the distribution for [`QUANTILES`] of daily forecasts, recalibrated on the level's past.
    #[serde(default = "nominal")]
    pub levels: [f64; 5],
    /// Growth of alpha with the lead: alpha_h = alpha * growth(h), as knots at leads 1, 29, 57, 85.
    pub growth: [f64; 4],
    /// Dispersion of monthly sums.
    pub alpha_month: f64,
    /// Mean squared error of the node's own forecasts over the rolling origins, before aggregates and cells
    /// were reconciled: the weight of its own forecast against its cells' sum.
    pub mse: f64,
    /// Weights of exponential smoothing and theta (of TSB and the moving average where counts are sparse) beside the
    /// GLM, which has the rest.
    #[serde(default)]
    pub companions: [f64; 2],
    /// Scores over the rolling origins.
    pub scores: Scores,
    /// What `alpha` rests on, in squared means of days counted once; 0 where that is not known.
    #[serde(default)]
    pub evidence: f64,
    /// Coefficients at the fit's last day, one per name of [`Profiles::columns`]; empty where none are kept. They are
    /// many, so they are stored apart.
    #[serde(skip)]
    pub profile: Vec<f32>,
}

/// What the profiles of a fit have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profiles {
    /// Names of the design's columns.
    pub columns: Vec<String>,
    /// The fit's last day.
    pub origin: chrono::NaiveDate,
}

/// What the weekly step learned about a panel. Stored as it is between runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PanelFit {
    /// One per node of the hierarchy.
    pub nodes: Vec<NodeFit>,
    /// What the series have in common beyond that, where it helps.
    pub boost: Option<Boost>,
    /// Where profiles were kept: the daily step then follows the level along them, without fitting them anew.
    #[serde(default)]
    pub profiles: Option<Profiles>,
}

impl NodeFit {
    /// Of a node that no fit has seen: the GLM with a wide band.
    pub fn unknown() -> Self {
        Self {
            model: Model::Glm,
            fallback: None,
            alpha: ALPHA_UNKNOWN,
            values: Values::Counts,
            levels: QUANTILES,
            growth: [1.0; 4],
            alpha_month: ALPHA_UNKNOWN,
            mse: 0.0,
            companions: [0.0; 2],
            scores: Scores::default(),
            evidence: 0.0,
            profile: Vec::new(),
        }
    }
}

fn nominal() -> [f64; 5] {
    QUANTILES
}

/// Settings of the engine, checked once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// Number of rolling origins in [`fit`] that errors are measured at.
    pub origins: usize,
    /// Number of rolling origins that boosting learns from; 0 for no boosting.
    pub boosted: usize,
    /// Days between rolling origins.
    pub step: usize,
    /// Days scored from each rolling origin.
    pub horizon: usize,
    /// Whether the profile of every series at the last day is kept, so that the daily step need not fit it anew.
    pub profiles: bool,
}

impl Default for Params {
    /// Every other week of the past year: fewer origins cost calibration (with 8, the 80 % band of a topic's
    /// month held 74 to 79 % instead of 81 to 83 %), more cost time and gain nothing. Boosting learns from two years:
    /// from one it takes the year's accidents for its seasons.
    fn default() -> Self {
        Self { origins: 27, boosted: 51, step: 14, horizon: 28, profiles: false }
    }
}

/// The forecast of one node.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeForecast {
    /// Expected count, one per period.
    pub mean: Vec<f64>,
    /// Quantiles at [`QUANTILES`], one array per period, non-decreasing, never negative.
    pub quantiles: Vec<[f64; 5]>,
}

/// Forecasts of every node of a hierarchy from one origin. Means are coherent: a node's mean is the sum of its
/// cells' means in member order, and a month's mean is the sum of its days' means.
#[derive(Debug, Clone, PartialEq)]
pub struct PanelForecast {
    /// Daily forecasts per node for days origin+1 ..= origin+days.
    pub daily: Vec<NodeForecast>,
    /// First day of each forecast month (the months wholly after the origin).
    pub months: Vec<chrono::NaiveDate>,
    /// Monthly forecasts per node.
    pub monthly: Vec<NodeForecast>,
}

/// How far to forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// Days ahead published by day.
    pub days: usize,
    /// Whole calendar months ahead published by month.
    pub months: usize,
}
