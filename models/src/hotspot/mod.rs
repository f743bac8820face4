//! Hotspots: what is more than expected now, and what is forecast to be.
//!
//! A *detector* judges one period of one series from what was known before it and says how surprising the
//! count is ([`Judgement`]). The score is one scale for all detectors: at most 1 is normal, above 1 abnormal.
//!
//! | module | what it holds | answers to |
//! |---|---|---|
//! | [`Detector`] | the default: robust regression with tiers for short histories | a study of its own |
//! | [`farrington`] | Farrington flexible and original | R surveillance |
//! | [`ears`] | EARS C1, C2, C3 | R surveillance |
//! | [`essence`] | averages, regression and switch of daily counts | pynssp |
//! | [`Baseline`] | expected sums over windows of days, for drops and rises of many | |
//! | [`shift`] | lasting changes of level | Miller and Siegmund's maximal chi square |
//! | [`widespread`], [`repeats`] | many districts at once; repeats among tickets | |
//! | [`fdr`], [`tree_fdr`], [`tuning`] | false discoveries, flat and over a tree; thresholds from verdicts | |
//! | [`endemic`] | what a place takes over from its own past and its neighbours | R surveillance (hhh4) |
//! | [`classic`] | likelihood ratios, CUSUM, Bayes, RKI, outbreakP | R surveillance |
//! | [`season`] | yearly seasons and when they begin | hand-made seasons |
//! | [`exceedance`] | coming weeks above norm, last year, capacity | |
//! | [`Published`] | Farrington and EARS on the scale of the default | |
use serde::{Deserialize, Serialize};

mod baseline;
#[cfg(test)]
mod check_values;
pub mod classic;
mod design;
mod detector;
pub mod drivers;
pub mod ears;
pub mod endemic;
pub mod essence;
mod evidence;
pub mod exceedance;
pub mod farrington;
pub mod fdr;
mod level;
mod published;
pub mod repeats;
mod robust_glm;
pub mod season;
pub mod shift;
pub mod space;
pub mod tree_fdr;
pub mod tuning;
pub mod widespread;

pub use baseline::{Baseline, Window};
pub use detector::{Detector, InvalidDetector, Memory, Prepared};
pub use published::{InvalidPublished, Published};

/// Length of a period of a series to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frequency {
    /// One period is a day: weekday, season and holidays matter.
    Daily,
    /// One period is a week; the season is 52 weeks long.
    Weekly,
}

/// The detector that judged a period: a tier of the default one, which follows from the length of history, or one of
/// the [`Published`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Robust negative-binomial GLM on the full history with one- and two-period evidence.
    RobustGlm,
    /// The window of EARS C2. Of the default detector, where a history is too short for a season: with weekday means
    /// and a negative binomial tail. Of [`Published`]: mean and standard deviations.
    EarsC2,
    /// Too short for anything but the prior rate.
    Prior,
    /// [`farrington`], flexible edition.
    FarringtonFlexible,
    /// [`farrington`], original edition.
    Farrington,
    /// [`ears`], newest periods as baseline.
    EarsC1,
    /// [`ears`], C2 of the periods before.
    EarsC3,
}

impl Method {
    /// Stable name in tables, columns and labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::RobustGlm => "robust_glm",
            Self::EarsC2 => "ears_c2",
            Self::Prior => "prior",
            Self::FarringtonFlexible => "farrington_flexible",
            Self::Farrington => "farrington",
            Self::EarsC1 => "ears_c1",
            Self::EarsC3 => "ears_c3",
        }
    }
}

/// How one period of one series looks, judged from what was known before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Count of the period.
    pub observed: f64,
    /// Expected count.
    pub expected: f64,
    /// Upper bound: the largest count that is still normal at the alarm threshold.
    pub upper: f64,
    /// P(count at least as high | normal), mid-p, with last period's evidence.
    pub p_value: f64,
    /// (observed - expected) / (upper - expected): above 1 is abnormal.
    pub score: f64,
    /// The detector used.
    pub method: Method,
}
