//! Older detectors, for comparison: their false alarms on seasonal counts are many (see each).
//!
//! Against R 4.2.2 with surveillance 1.20.3 on its 18 data sets:
//!
//! | detector | R | periods | how close |
//! |---|---|---|---|
//! | [`glr::Glr`], Poisson | `glrpois` | 1,210 | statistic 3e-8, every alarm |
//! | [`glr::Glr`], negative binomial | `glrnb` | 2,269 | every alarm; statistic 1e-5, in four units 1.4e-3 where the counts spread no more than Poisson and R's theta grows until it stops |
//! | [`bayes`] | `bayes` | 1,106 | bound and alarm the same |
//! | [`rki`] | `rki` | 1,106 | bound 4e-15, every alarm |
//! | [`cusum::Cusum`] | `cusum` | 3,630 | bound 1e-7, every alarm |
//! | [`outbreak_p`] | `outbreakP` | 1,057 | statistic 3e-11, every alarm |
//!
//! Left out of these: 128 periods of `glrnb` after a count many times its mean, where R's search leaves the numbers and
//! returns 0 from then on, and 153 of `outbreakP`, whose product sinks below the smallest number on the way. Series of
//! many zeros on which R's regression does not converge have an answer here.
use serde::{Deserialize, Serialize};

pub mod bayes;
pub mod cusum;
pub mod glr;
pub mod outbreak_p;
pub mod rki;

/// What a detector says of one period.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// The upper bound, or the statistic, as each detector has it.
    pub value: f64,
    /// Whether it alarms.
    pub alarm: bool,
}

/// The counts of a moving comparison: `newest` periods before `t`, and those within `half` periods of its place in
/// each of `years` past years of `period` periods. `None` where one is missing or before the series.
fn compared(
    counts: &[f64],
    t: usize,
    newest: usize,
    years: usize,
    half: usize,
    period: usize,
) -> Option<Vec<f64>> {
    let mut all = counts.get(t.checked_sub(newest)?..t)?.to_vec();
    for year in 1..=years {
        let place = t.checked_sub(year * period)?;
        all.extend(counts.get(place.checked_sub(half)?..=place + half)?);
    }
    (!all.is_empty() && all.iter().all(|y| y.is_finite())).then_some(all)
}
