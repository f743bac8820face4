//! The daily detectors of ESSENCE, the syndromic surveillance system of the United States.
//!
//! | detector | what it does |
//! |---|---|
//! | [`Essence::ewma`] | two exponentially weighted averages (0.4 for slow, 0.9 for sudden rises) against a baseline of four weeks |
//! | [`Essence::regression`] | weekday and straight line over four weeks, extrapolated over the guard |
//! | [`Essence::switch`] | the regression where it explains the baseline (adjusted R² of 0.60), else the averages |
//!
//! Sources: pynssp (CDC, Apache-2.0), `alert_ewma`, `alert_regression`, `alert_switch`; H. Burkom, S. Murphy and G.
//! Shmueli (2007), *Automated time series forecasting for biosurveillance*, Statistics in Medicine 26(22):4202-4218.
//! Against pynssp 0.1.0 on six series of 400 days, all three detectors: expected, statistic, p-value, sigma and
//! adjusted R² 1e-10, every alert level.
//!
//! Its oddities are kept: the baseline of the averages is one day longer than that of the regression, and the least
//! sigma of the regression is that of one degree of freedom more. Not kept: a missing day is left out of baselines
//! and averages (there it makes all later averages missing).
use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

mod ewma;
mod regression;
#[cfg(test)]
mod tests;
pub(in crate::hotspot) mod tier;

/// Fewest days of a first baseline.
const FIRST_BASELINE: usize = 11;
/// Adjusted R² from which the regression is used.
const EXPLAINED: f64 = 0.60;

/// Checked settings.
///
/// ```
/// use weisu_models::hotspot::essence::{Essence, Level};
/// let mut days = vec![3.0; 60];
/// days[59] = 15.0;
/// let verdicts = Essence::default().switch(&days, chrono::NaiveDate::from_ymd_opt(2024, 1, 1).unwrap());
/// assert_eq!(verdicts[12], None);
/// assert_eq!(verdicts[59].unwrap().level(), Level::Alert);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Essence {
    baseline: usize,
    guard: usize,
    slow: f64,
    sudden: f64,
}

impl Default for Essence {
    /// Four weeks of baseline, two days of guard, weights 0.4 and 0.9.
    fn default() -> Self {
        Self { baseline: 28, guard: 2, slow: 0.4, sudden: 0.9 }
    }
}

/// Why settings are no detector.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidEssence {
    /// Not whole weeks, or too few.
    #[error("a baseline of {0} days; whole weeks from 2 to 52 are possible")]
    Baseline(usize),
    /// The weight of the newest day.
    #[error("weight {0} is not between 0 and 1")]
    Weight(f64),
}

/// Level of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// P-value of 0.05 or more (blue).
    Normal,
    /// P-value under 0.05 (yellow).
    Warning,
    /// P-value under 0.01 (red).
    Alert,
}

/// How one day looks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Count of the day.
    pub observed: f64,
    /// Expected count.
    pub expected: f64,
    /// Excess over its standard error.
    pub statistic: f64,
    /// Probability of a statistic at least as high, Student's t.
    pub p_value: f64,
    /// Standard error of the excess.
    pub sigma: f64,
    /// Adjusted share of the baseline's variance the regression explains; the averages have none.
    pub explained: Option<f64>,
    /// Degrees of freedom of the statistic.
    pub freedom: f64,
    /// Weight of the count in what the statistic is of: 1, or that of the average that says most.
    pub weight: f64,
}

impl Verdict {
    /// The level of its p-value.
    pub fn level(&self) -> Level {
        match self.p_value {
            p if p < 0.01 => Level::Alert,
            p if p < 0.05 => Level::Warning,
            _ => Level::Normal,
        }
    }

    /// The count that would have had a probability of `alpha`.
    pub fn upper(&self, alpha: f64) -> f64 {
        self.observed + (t_quantile(1.0 - alpha, self.freedom) - self.statistic) * self.sigma / self.weight
    }
}

impl Essence {
    /// Checks the settings: days of baseline and guard, and the newest day's weight in the slow and the sudden average.
    ///
    /// # Errors
    /// [`InvalidEssence`] says which setting is out of range.
    pub fn new(baseline: usize, guard: usize, slow: f64, sudden: f64) -> Result<Self, InvalidEssence> {
        if !baseline.is_multiple_of(7) || !(14..=364).contains(&baseline) {
            return Err(InvalidEssence::Baseline(baseline));
        }
        match [slow, sudden].into_iter().find(|w| !(*w > 0.0 && *w < 1.0)) {
            Some(weight) => Err(InvalidEssence::Weight(weight)),
            None => Ok(Self { baseline, guard, slow, sudden }),
        }
    }

    /// Judges every day by exponentially weighted averages: `counts` with NaN where missing, one entry a day, `None`
    /// where there is no count or no baseline yet.
    pub fn ewma(&self, counts: &[f64]) -> Vec<Option<Verdict>> {
        ewma::judge(self, counts)
    }

    /// Judges every day by regression; entries as [`Essence::ewma`], the first day being `start`.
    pub fn regression(&self, counts: &[f64], start: NaiveDate) -> Vec<Option<Verdict>> {
        let first = start.weekday().num_days_from_monday() as usize;
        (0..counts.len()).map(|t| regression::judge(self, counts, |day| (first + day) % 7, t)).collect()
    }

    /// Judges every day by the regression where it explains the baseline, else by the averages.
    pub fn switch(&self, counts: &[f64], start: NaiveDate) -> Vec<Option<Verdict>> {
        let explained = |v: &Verdict| v.explained.is_some_and(|share| share >= EXPLAINED);
        let regression = self.regression(counts, start).into_iter();
        regression.zip(self.ewma(counts)).map(|(line, average)| line.filter(explained).or(average)).collect()
    }

    /// First and one past the last day of the baseline of day `t`, `longest` days or all there are.
    fn window(&self, t: usize, longest: usize) -> Option<std::ops::Range<usize>> {
        let end = t.checked_sub(self.guard).filter(|end| *end >= FIRST_BASELINE)?;
        Some(end.saturating_sub(longest)..end)
    }
}

/// Quantile of Student's t, to the five digits the detectors take it at.
fn t_quantile(level: f64, freedom: f64) -> f64 {
    use statrs::distribution::{ContinuousCDF, StudentsT};
    let t = StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |t| t.inverse_cdf(level));
    (t * 1e5).round() / 1e5
}

/// P(T > t) of Student's t.
fn t_upper_tail(t: f64, freedom: f64) -> f64 {
    use statrs::distribution::{ContinuousCDF, StudentsT};
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |student| student.sf(t))
}
