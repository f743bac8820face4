//! Short moving baselines: EARS C1, C2 and C3 as published, and the tiers of the default detector built on C2.
//!
//! | chart | baseline of period t | alarm |
//! |---|---|---|
//! | C1 | t-7 … t-1 | count above mean + z sd |
//! | C2 | t-9 … t-3 | count above mean + z sd |
//! | C3 | as C2 | the C2 statistics of the two periods before, less 1 each where above it, sum to more than z |
//!
//! Sources: L. Hutwagner, W. Thompson, G. M. Seeman and T. Treadwell (2003), *The bioterrorism preparedness and
//! response Early Aberration Reporting System (EARS)*, J Urban Health 80(2 Suppl 1):i89-96; R `earsC` of surveillance
//! 1.20.3, whose C3 leaves the judged period's own statistic out. Against R on 18 data sets with seven settings,
//! 61,933 periods: bounds 1e-9 and every alarm. Where a baseline without spread divides by zero and R's
//! bound is not a number (3,294 periods), there is no verdict here.
use serde::{Deserialize, Serialize};

use crate::{intervals::normal_quantile, numeric::normal::upper_tail};

mod tier;

pub(super) use tier::{c2, prior};

/// Periods between the baseline of C2 and C3 and the judged period.
const LAG: usize = 2;
/// A baseline of fewer periods has no standard deviation to speak of.
const BASELINE_MIN: usize = 3;

/// Which of the three charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chart {
    /// The newest periods are the baseline.
    C1,
    /// The two newest periods are left out of the baseline.
    C2,
    /// C2 of the two periods before.
    C3,
}

impl Chart {
    /// Alpha of the publication: 3 standard deviations, of C3 2.
    pub fn alpha(self) -> f64 {
        if self == Self::C3 { 0.025 } else { 0.001 }
    }
}

/// A checked chart without data.
///
/// ```
/// use weisu_models::hotspot::ears::{Chart, Ears};
/// let days = [4.0, 6.0, 5.0, 5.0, 4.0, 6.0, 5.0, 12.0];
/// let verdict = Ears::new(Chart::C1, 7, 0.0, Chart::C1.alpha())?.judge(&days, 7).unwrap();
/// assert!(verdict.alarm && verdict.expected == 5.0 && verdict.upper < 8.0);
/// # Ok::<(), weisu_models::hotspot::ears::InvalidEars>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ears {
    chart: Chart,
    baseline: usize,
    min_sigma: f64,
    alpha: f64,
}

/// Why settings are no chart.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidEars {
    /// Too few periods for a standard deviation.
    #[error("a baseline of {0} periods; 3 are needed")]
    Baseline(usize),
    /// The least standard deviation is negative or not a number.
    #[error("a least standard deviation of {0}")]
    MinSigma(f64),
    /// Alpha is no small probability.
    #[error("alpha {0} is not between 0 and 0.5")]
    Alpha(f64),
}

/// How one period looks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Count of the period.
    pub observed: f64,
    /// Mean of the baseline.
    pub expected: f64,
    /// Counts above it are alarms, not below 0.
    pub upper: f64,
    /// Standard normal statistic: standard deviations above the mean, of C3 the sum of the two before.
    pub statistic: f64,
    /// Probability of a statistic at least as high.
    pub p_value: f64,
    /// Beyond the bound.
    pub alarm: bool,
}

impl Ears {
    /// Checks the settings: periods of the baseline, the least standard deviation, probability beyond the bound.
    ///
    /// # Errors
    /// [`InvalidEars`] says which setting is out of range.
    pub fn new(chart: Chart, baseline: usize, min_sigma: f64, alpha: f64) -> Result<Self, InvalidEars> {
        if baseline < BASELINE_MIN {
            return Err(InvalidEars::Baseline(baseline));
        }
        if !(min_sigma >= 0.0 && min_sigma.is_finite()) {
            return Err(InvalidEars::MinSigma(min_sigma));
        }
        if !(alpha > 0.0 && alpha < 0.5) {
            return Err(InvalidEars::Alpha(alpha));
        }
        Ok(Self { chart, baseline, min_sigma, alpha })
    }

    /// Judges period `t` (zero-based) of counts with NaN where missing.
    ///
    /// `None` where the count or one of the baseline is missing, the series does not reach back far enough, or a
    /// baseline without spread and without least standard deviation leaves nothing to divide by.
    pub fn judge(&self, counts: &[f64], t: usize) -> Option<Verdict> {
        let observed = *counts.get(t)?;
        let (expected, sigma) = self.baseline(counts, t)?;
        let z = normal_quantile(1.0 - self.alpha);
        let (statistic, upper) = if self.chart == Chart::C3 {
            let earlier = self.excess(counts, t.checked_sub(1)?)? + self.excess(counts, t.checked_sub(2)?)?;
            (earlier, observed + sigma * (z - earlier))
        } else {
            (ratio(observed - expected, sigma).unwrap_or(0.0), expected + z * sigma)
        };
        if observed.is_nan() || upper.is_nan() {
            return None;
        }
        let p_value = upper_tail(statistic);
        let upper = if self.chart == Chart::C3 { upper.max(0.0) } else { upper };
        Some(Verdict { observed, expected, upper, statistic, p_value, alarm: observed > upper })
    }

    /// Mean and standard deviation before period `t`.
    fn baseline(&self, counts: &[f64], t: usize) -> Option<(f64, f64)> {
        let end = t.checked_sub(if self.chart == Chart::C1 { 0 } else { LAG })?;
        let window = counts.get(end.checked_sub(self.baseline)?..end)?;
        let n = self.baseline as f64;
        let mean = window.iter().sum::<f64>() / n;
        let squares: f64 = window.iter().map(|y| (y - mean).powi(2)).sum();
        let sigma = (squares / (n - 1.0)).sqrt();
        (!sigma.is_nan()).then_some((mean, sigma.max(self.min_sigma)))
    }

    /// The C2 statistic of an earlier period less 1, where above it.
    fn excess(&self, counts: &[f64], t: usize) -> Option<f64> {
        let (mean, sigma) = self.baseline(counts, t)?;
        ratio(counts[t] - mean, sigma).map(|c2| (c2 - 1.0).max(0.0))
    }
}

/// None for zero by zero and for missing counts.
fn ratio(distance: f64, sigma: f64) -> Option<f64> {
    let ratio = distance / sigma;
    (!ratio.is_nan()).then_some(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAYS: [f64; 12] = [4.0, 6.0, 5.0, 5.0, 4.0, 6.0, 5.0, 5.0, 5.0, 9.0, 8.0, 6.0];

    fn judge(chart: Chart, t: usize) -> Option<Verdict> {
        Ears::new(chart, 7, 0.0, 0.001).unwrap().judge(&DAYS, t)
    }

    #[test]
    fn each_chart_has_its_window() {
        assert_eq!(judge(Chart::C1, 6), None);
        assert!(judge(Chart::C1, 7).unwrap().expected == 5.0);
        assert_eq!(judge(Chart::C2, 8), None);
        assert!(judge(Chart::C2, 9).unwrap().alarm);
        assert_eq!(judge(Chart::C3, 10), None);
        // The day after two high ones: C3 alarms on what was before, whatever the count.
        let c3 = judge(Chart::C3, 11).unwrap();
        assert!(c3.alarm && c3.upper < 6.0 && !judge(Chart::C2, 11).unwrap().alarm, "{c3:?}");
    }

    #[test]
    fn nothing_to_divide_by_and_nothing_known() {
        let ears = |min_sigma| Ears::new(Chart::C3, 7, min_sigma, 0.025).unwrap();
        assert_eq!(ears(0.0).judge(&[3.0; 20], 19), None);
        assert!(!ears(0.5).judge(&[3.0; 20], 19).unwrap().alarm);
        let mut holed = DAYS;
        holed[3] = f64::NAN;
        assert_eq!(Ears::new(Chart::C2, 7, 0.0, 0.001).unwrap().judge(&holed, 9), None);
        let flat = Ears::new(Chart::C1, 7, 0.0, 0.001).unwrap();
        assert!(!flat.judge(&[3.0; 8], 7).unwrap().alarm);
        assert_eq!(flat.judge(&[], 0), None);
        assert_eq!(flat.judge(&[f64::NAN; 9], 8), None);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert_eq!(Ears::new(Chart::C1, 2, 0.0, 0.01), Err(InvalidEars::Baseline(2)));
        assert_eq!(Ears::new(Chart::C1, 7, -1.0, 0.01), Err(InvalidEars::MinSigma(-1.0)));
        assert_eq!(Ears::new(Chart::C1, 7, 0.0, 0.5), Err(InvalidEars::Alpha(0.5)));
    }
}
