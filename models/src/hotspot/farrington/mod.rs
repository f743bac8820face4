//! Farrington's outbreak detection: the algorithms of public health surveillance, as R's `surveillance` runs them.
//!
//! A period is compared with the same time of past years by a quasi-Poisson regression whose past outbreaks lose
//! weight. [`Edition::Original`] is C. P. Farrington, N. J. Andrews, A. D. Beale and M. A. Catchpole (1996), *A
//! statistical algorithm for the early detection of outbreaks of infectious disease*, JRSS A 159(3):547-563, R
//! `farrington`; [`Edition::Flexible`] is A. Noufaily, D. G. Enki, P. Farrington, P. Garthwaite, N. Andrews and A.
//! Charlett (2013), *An improved algorithm for outbreak detection in multiple surveillance systems*, Statistics in
//! Medicine 32(7):1206-1222, R `farringtonFlexible`.
//!
//! | file | what it decides |
//! |---|---|
//! | `window` | which past periods are used, by index or by calendar years, and in which level of the season |
//! | `fit` | the regression |
//! | `weights` | the weights of past outbreaks |
//! | `trend` | whether a trend stays |
//! | `bound` | bound, p-value and score |
//! | `settings` | the settings and their limits: [`Settings`] |
//!
//! Against R 4.2.2 with surveillance 1.20.3 on 18 data sets, weekly and monthly, with and without dates, nine
//! settings of the flexible algorithm and one of the original, 10,578 judged periods:
//!
//! | value | agrees with R |
//! |---|---|
//! | alarm, suppression by few cases | all |
//! | bound, negative binomial and [`Bound::Muan`] | the same integer in all |
//! | bound, delta of three powers; original | 1e-14 relative |
//! | expected count, `mu0` | 1e-11 relative; 4e-8 where past counts are all zero |
//! | `phi` | 3e-13 relative |
//! | p-value | 1e-8 relative |
//! | score, trend | 1e-6 relative |
//!
//! Not the same: where past counts are all zero the fit falls without end, and p-value, score and trend (some
//! 1e-18) are the rounding of its last step. R's `mu0Vector` of the delta bound is the exponential of the expected
//! count itself and is not given; [`Verdict::mu0`] is the expected count there. R stops with an error where a window
//! is cut off by the start of the series; here that is [`NotJudged::TooShort`]. R gives no answer to a past of some
//! hundred zeros, since the fit is still falling after its last step; here nothing is expected of it. Where the
//! quantile of the mean is infinite R has no bound; here the bound is infinite and no count is beyond it. A date of the original that lies
//! before the series is left out, as in R.
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub mod boda;
mod bound;
mod fit;
mod settings;
#[cfg(test)]
mod tests;
mod trend;
mod weights;
mod window;

pub use settings::{Bound, Edition, InvalidFarrington, Power, Settings, Step};

use bound::Predicted;
use fit::Rows;

/// A checked algorithm without data.
///
/// ```
/// use weisu_models::hotspot::farrington::{Farrington, Series, Settings, Step};
/// let mut weeks: Vec<f64> = (0..320).map(|t| 5.0 + f64::from(t % 4)).collect();
/// weeks[319] = 40.0;
/// let farrington = Farrington::new(Settings::flexible(Step::Week))?;
/// let verdict = farrington.judge(&Series::new(&weeks), 319)?;
/// assert!(verdict.alarm && verdict.upper < 40.0 && (verdict.expected - 6.5).abs() < 0.5);
/// assert!(!farrington.judge(&Series::new(&weeks), 318)?.alarm);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Farrington {
    settings: Settings,
}

/// One series of counts with what is known of its periods.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Series<'a> {
    counts: &'a [f64],
    dates: Option<&'a [NaiveDate]>,
    population: Option<&'a [f64]>,
}

impl<'a> Series<'a> {
    /// Counts at equal steps, NaN where missing; a year is a fixed number of steps.
    pub fn new(counts: &'a [f64]) -> Self {
        Self { counts, dates: None, population: None }
    }

    /// Steps back by calendar years instead: `dates` ascend, one a count.
    #[must_use]
    pub fn with_dates(self, dates: &'a [NaiveDate]) -> Self {
        Self { dates: Some(dates), ..self }
    }

    /// Expects counts in proportion to a positive population, one a count.
    #[must_use]
    pub fn with_population(self, population: &'a [f64]) -> Self {
        Self { population: Some(population), ..self }
    }

    fn aligned(&self) -> bool {
        let n = self.counts.len();
        let ascending = |dates: &[NaiveDate]| dates.len() == n && dates.is_sorted();
        self.dates.is_none_or(ascending) && self.population.is_none_or(|p| p.len() == n)
    }

    /// Periods from the judged one to another; of dates in units of the first distance, as in R.
    fn time(&self, from: usize, to: usize, edition: Edition) -> f64 {
        match self.dates {
            Some(dates) if edition == Edition::Flexible && dates.len() > 1 => {
                let days = |a: usize, b: usize| (dates[b] - dates[a]).num_days() as f64;
                days(from, to) / days(0, 1).max(1.0)
            }
            _ => to as f64 - from as f64,
        }
    }

    fn offset(&self, t: usize) -> f64 {
        self.population.map_or(0.0, |population| population[t].ln())
    }
}

/// Why a period has no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NotJudged {
    /// There is no count.
    #[error("the period has no count")]
    Missing,
    /// The series does not reach back as many years, or holds no count of that time of the year.
    #[error("the series does not reach back far enough")]
    TooShort,
    /// Dates and population are not one a count, or the years between the dates are too short.
    #[error("dates or population do not fit the counts")]
    Irregular,
    /// The regression did not settle, or has no more counts than coefficients.
    #[error("the regression has no solution")]
    NoFit,
}

/// How one period looks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Count of the period.
    pub observed: f64,
    /// Expected count.
    pub expected: f64,
    /// Standard error of the logarithm of the expected count.
    pub standard_error: f64,
    /// Mean the bound is taken at: the expected count, or with [`Bound::Muan`] its upper quantile.
    pub mu0: f64,
    /// Variance over mean of the counts, at least 1.
    pub phi: f64,
    /// Change of the logarithm of the expected count a period, where the trend stayed.
    pub trend: Option<f64>,
    /// The largest normal count; of the delta bound not rounded.
    pub upper: f64,
    /// Probability of a count at least as high.
    pub p_value: f64,
    /// (observed - m) / (upper - m), above 1 beyond the bound; as in R, m is the expected count with the delta
    /// bound and its logarithm with the others.
    pub score: f64,
    /// Too few cases lately for an alarm, where R returns no bound.
    pub suppressed: bool,
    /// Beyond the bound and not suppressed.
    pub alarm: bool,
}

impl Farrington {
    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Judges period `t` (zero-based) from those before it.
    ///
    /// # Errors
    /// [`NotJudged`] says what is missing.
    pub fn judge(&self, series: &Series<'_>, t: usize) -> Result<Verdict, NotJudged> {
        let settings = &self.settings;
        if !series.aligned() {
            return Err(NotJudged::Irregular);
        }
        let observed = self.observed(series, t)?;
        let rows = self.rows(series, t)?;
        let model = trend::model(settings, &rows, series.offset(t))?;
        let window = rows.blocks - 1;
        let eta = series.offset(t) + model.fit.now(window);
        let se = (model.error_dispersion * model.fit.unit_variance_now(window)).sqrt();
        if !(eta.is_finite() && se.is_finite() && eta < f64::MAX.ln()) {
            return Err(NotJudged::NoFit);
        }
        let against = Predicted { eta, se, phi: model.phi }.judge(settings, observed);
        let suppressed = self.is_suppressed(series, t);
        Ok(Verdict {
            observed,
            expected: eta.exp(),
            standard_error: se,
            mu0: against.mu0,
            phi: model.phi,
            trend: model.fit.slope,
            upper: against.upper,
            p_value: against.p_value,
            score: against.score,
            suppressed,
            alarm: !suppressed && against.score > 1.0 && observed > 0.0,
        })
    }

    /// The count of period `t`.
    fn observed(&self, series: &Series<'_>, t: usize) -> Result<f64, NotJudged> {
        let observed = *series.counts.get(t).ok_or(NotJudged::Missing)?;
        if observed >= 0.0 && observed.is_finite() { Ok(observed) } else { Err(NotJudged::Missing) }
    }

    /// Whether there are too few cases in the newest periods for an alarm.
    fn is_suppressed(&self, series: &Series<'_>, t: usize) -> bool {
        let newest = &series.counts[(t + 1).saturating_sub(self.settings.few_periods)..=t];
        newest.iter().filter(|y| !y.is_nan()).sum::<f64>() < self.settings.few_cases
    }

    /// What is regressed for period `t`.
    fn rows(&self, series: &Series<'_>, t: usize) -> Result<Rows, NotJudged> {
        let past = window::past(&self.settings, series, t)?;
        let edition = self.settings.edition;
        let column = |value: &dyn Fn(usize) -> f64| past.iter().map(|p| value(p.index)).collect();
        let rows = Rows {
            y: column(&|i| series.counts[i]),
            time: column(&|i| series.time(t, i, edition)),
            block: past.iter().map(|p| p.block).collect(),
            offset: column(&|i| series.offset(i)),
            blocks: self.settings.blocks,
        };
        let known = rows.y.iter().chain(&rows.offset).all(|v| v.is_finite()) && series.offset(t).is_finite();
        if known && rows.y.iter().all(|y| *y >= 0.0) { Ok(rows) } else { Err(NotJudged::Irregular) }
    }
}
