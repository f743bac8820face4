//! Exponential smoothing in state-space form, fitted by maximum likelihood.
//!
//! The likelihood is that of R's `forecast::ets`: with n known values log L = -(n log sum e^2 + 2 sum log f) / 2,
//! where the second term belongs to multiplicative errors, without the constants. Bounds of the smoothing
//! parameters are R's "usual" ones. For additive forms the starting states are solved exactly (`linear`) and a
//! simplex searches the smoothing parameters; for the others it searches both together, from the additive answer.
//! So the likelihood found is R's or a higher one.
//!
//! Source: Hyndman, Koehler, Ord and Snyder (2008), *Forecasting with Exponential Smoothing*; R `forecast::ets`;
//! statsforecast `AutoETS`.
//!
//! ```
//! use weisu_models::forecast::classic::ets::{Ets, Form};
//! let y: Vec<f64> = (0..70).map(|t| if t % 7 < 5 { 30.0 } else { 5.0 } + f64::from(t % 3)).collect();
//! let week = Ets::new(7, Form::ANA)?.fit(&y)?.forecast(7);
//! assert!((week.mean[0] - 31.0).abs() < 1.5 && (week.mean[6] - 6.0).abs() < 1.5);
//! # Ok::<(), weisu_models::forecast::classic::ClassicError>(())
//! ```
mod filter;
mod form;
mod linear;
mod search;
mod variance;

pub use filter::MAX_PERIOD;
pub use form::{Error, Form, Season, Smoothing, Trend};

use self::filter::States;
use super::{ClassicError, Moments, known};

/// States before the first period.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// Level, in the unit of the series.
    pub level: f64,
    /// Slope per period; not read by a form without trend.
    pub slope: f64,
    /// One season per period from the first one on: added to the level or multiplied with it; not read by a form
    /// without season.
    pub season: Vec<f64>,
}

/// A form for a season length, not fitted yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ets {
    m: usize,
    form: Form,
}

impl Ets {
    /// The form `form` with `m` periods in a season.
    ///
    /// # Errors
    /// [`ClassicError::Period`] unless a seasonal form has 2 ..= [`MAX_PERIOD`] periods.
    pub fn new(m: usize, form: Form) -> Result<Self, ClassicError> {
        if form.season() == Season::None {
            return Ok(Self { m: 1, form });
        }
        if (2..=MAX_PERIOD).contains(&m) {
            Ok(Self { m, form })
        } else {
            Err(ClassicError::Period { period: m })
        }
    }

    /// Fits by maximum likelihood.
    ///
    /// # Errors
    /// [`ClassicError::TooShort`] with fewer known values than parameters and three more,
    /// [`ClassicError::NotPositive`] for a multiplicative form on a value of zero or less,
    /// [`ClassicError::NotFinite`] when no point of the search has a likelihood.
    pub fn fit(self, y: &[f64]) -> Result<FittedEts, ClassicError> {
        self.check(y)?;
        let (by, start) = search::optimise(self.form, y, self.m).ok_or(ClassicError::NotFinite)?;
        self.fitted(y, by, start, self.form.smoothing())
    }

    /// Fits the starting states alone, for given smoothing parameters; those that the form has not are ignored.
    ///
    /// # Errors
    /// As [`Ets::fit`].
    pub fn fit_states(self, y: &[f64], by: Smoothing) -> Result<FittedEts, ClassicError> {
        self.check(y)?;
        let by = search::restrict(self.form, by);
        let start = search::start(self.form, by, y, self.m).ok_or(ClassicError::NotFinite)?;
        self.fitted(y, by, start, 0)
    }

    /// Takes all parameters as given: runs through the series and fits nothing but the error's variance.
    ///
    /// # Errors
    /// As [`Ets::fit`], and [`ClassicError::Period`] when `start` has not one season per period.
    pub fn given(self, y: &[f64], by: Smoothing, start: &Start) -> Result<FittedEts, ClassicError> {
        self.check(y)?;
        let mut states = States { level: start.level, slope: start.slope, season: [0.0; MAX_PERIOD] };
        if self.form.season() != Season::None {
            if start.season.len() != self.m {
                return Err(ClassicError::Period { period: start.season.len() });
            }
            states.season[..self.m].copy_from_slice(&start.season);
        }
        self.fitted(y, search::restrict(self.form, by), states, self.form.smoothing())
    }

    /// Parameters that count in the information criterion when all are fitted: the error's variance is one.
    fn parameters(self) -> usize {
        self.form.smoothing() + self.form.states(self.m) + 1
    }

    fn check(self, y: &[f64]) -> Result<(), ClassicError> {
        let (n, needed) = (known(y).count(), self.parameters() + 3);
        if n < needed {
            return Err(ClassicError::TooShort { known: n, needed });
        }
        if self.form.needs_positive() && known(y).any(|(_, v)| v <= 0.0) {
            return Err(ClassicError::NotPositive);
        }
        Ok(())
    }

    fn fitted(self, y: &[f64], by: Smoothing, start: States, free: usize) -> Result<FittedEts, ClassicError> {
        let pass = filter::pass(self.form, by, start, y, self.m).ok_or(ClassicError::NotFinite)?;
        let n = known(y).count();
        let states = self.form.states(self.m);
        Ok(FittedEts {
            ets: self,
            by,
            last: pass.last,
            next: y.len() % self.m,
            known: n,
            parameters: free + states + 1,
            sigma2: pass.squares / n.saturating_sub(free + states).max(1) as f64,
            log_likelihood: -0.5 * search::deviance(n, pass.squares, pass.logs),
        })
    }
}

/// The form with the least corrected information criterion, fitted.
///
/// Tries all 15 forms, as R's `ets` and statsforecast's `AutoETS` do, but only additive ones where the series has
/// a value of zero or less, and only those without season where `m` is 1 or above [`MAX_PERIOD`].
///
/// # Errors
/// The error of ETS(A,N,N) when no form can be fitted.
pub fn auto(y: &[f64], m: usize) -> Result<FittedEts, ClassicError> {
    let simplest = Ets::new(1, Form::ANN)?.fit(y)?;
    let seasonal = (2..=MAX_PERIOD).contains(&m);
    let others = Form::all().filter(|form| *form != Form::ANN && (seasonal || form.season() == Season::None));
    Ok(others
        .filter_map(|form| Ets::new(m, form).ok()?.fit(y).ok())
        .fold(simplest, |best, fit| if fit.aicc() < best.aicc() { fit } else { best }))
}

/// A fitted form: its parameters and the states after the last period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FittedEts {
    ets: Ets,
    by: Smoothing,
    last: States,
    /// Position in the season of the first lead.
    next: usize,
    known: usize,
    parameters: usize,
    sigma2: f64,
    log_likelihood: f64,
}

impl FittedEts {
    /// The form.
    pub fn form(&self) -> Form {
        self.ets.form
    }

    /// The smoothing parameters.
    pub fn smoothing(&self) -> Smoothing {
        self.by
    }

    /// Variance of the error, relative to the forecast where it is multiplicative; degrees of freedom are the
    /// known values less the fitted parameters.
    pub fn sigma2(&self) -> f64 {
        self.sigma2
    }

    /// Log-likelihood without its constants, comparable with that of R's `ets`.
    pub fn log_likelihood(&self) -> f64 {
        self.log_likelihood
    }

    /// Akaike's criterion corrected for short series: -2 log L + 2 k + 2 k (k + 1) / (n - k - 1).
    pub fn aicc(&self) -> f64 {
        let (k, n) = (self.parameters as f64, self.known as f64);
        -2.0 * self.log_likelihood + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0)
    }

    /// Mean and variance at leads 1 ..= `h`, exact for every form (see `variance.rs`).
    pub fn forecast(&self, h: usize) -> Moments {
        let (mut level, mut slope) = (self.last.level, self.last.slope);
        let m = self.ets.m;
        if self.ets.form.season() == Season::Multiplicative {
            let season = (0..m).map(|back| self.last.season[(self.next + m - 1 - back) % m]).collect();
            let last = variance::Last { level, slope, season };
            return variance::products(self.ets.form, self.by, self.sigma2, &last, h);
        }
        let mut base = Vec::with_capacity(h);
        for _ in 0..h {
            slope *= self.by.phi;
            level += slope;
            base.push(level);
        }
        let season: Vec<f64> = (0..h).map(|k| self.last.season[(self.next + k) % m]).collect();
        let mean = base.iter().zip(&season).map(|(b, s)| b + s).collect();
        let variance = variance::by_lead(self.ets.form, self.by, self.sigma2, m, &base, &season);
        Moments { mean, variance }
    }
}

#[cfg(test)]
mod tests;
