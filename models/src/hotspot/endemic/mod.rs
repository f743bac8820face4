//! The endemic-epidemic model of counts in several places: what a place counts follows its own last period, its
//! neighbours' last period, and a level with a season.
//!
//! `mean(i, t) = exp(a) y(i, t-1) + exp(n) sum over neighbours j of y(j, t-1) + e(i) exp(b0 + b1 t + sum over k of [s(k)
//! sin(2 pi k t / period) + c(k) cos(2 pi k t / period)])`, with `e(i)` the offset of a place, its share of the population
//! say, and `t` from 0. Counts are Poisson or negative binomial with variance `mean (1 + psi mean)`, one `psi` for all.
//! The first period is only looked back on.
//!
//! L. Held, M. Höhle and M. Hofmann (2005), *A statistical framework for the analysis of multivariate infectious disease
//! surveillance counts*, Statistical Modelling 5(3):187-199; S. Meyer, L. Held and M. Höhle (2017), *Spatio-temporal
//! analysis of epidemic phenomena using the R package surveillance*, J. Stat. Softw. 77(11). Against R `hhh4` (family
//! `NegBin1`, fixed effects): coefficients, standard errors, log-likelihood and one-step-ahead scores of three data sets.
use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

mod likelihood;

/// Newton steps at most.
const STEPS: usize = 200;
/// Gain of the log-likelihood under which nothing more is to be had.
const GAIN: f64 = 1e-12;
/// Longest move of a coefficient in one step: one on the log scale is a factor of 2.7.
const LONGEST: f64 = 1.0;
/// Periods that a fit needs for each coefficient.
const PERIODS_EACH: usize = 4;

/// What is in the model besides its own past and a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Whether a place follows its neighbours.
    pub neighbours: bool,
    /// Whether the level has a trend.
    pub trend: bool,
    /// Pairs of sine and cosine of the season.
    pub harmonics: usize,
    /// Periods in a year, at least 1.
    pub period: usize,
    /// Whether counts spread more than Poisson.
    pub overdispersed: bool,
}

/// Counts and what is known of the places.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// Periods x places.
    pub counts: ArrayView2<'a, f64>,
    /// Neighbours of each place; empty lists where nobody has any.
    pub neighbours: &'a [Vec<usize>],
    /// Positive factor on the level of each place.
    pub offsets: &'a [f64],
}

/// Why there is no fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotFitted {
    /// Too few periods for so many coefficients.
    #[error("{periods} periods, {needed} are needed")]
    TooShort {
        /// Periods there are.
        periods: usize,
        /// Periods needed.
        needed: usize,
    },
    /// Lists of another length than places, a count or an offset that is none, or a neighbour that is not there.
    #[error("counts, neighbours and offsets do not fit each other")]
    Irregular,
    /// No count at all: any small level is as good as any other.
    #[error("there is no case")]
    NoCases,
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Endemic {
    settings: Settings,
    /// Own past, neighbours, constant, trend, sine and cosine of each harmonic, log of psi, as far as they are there.
    parameters: Vec<f64>,
    errors: Vec<f64>,
    log_likelihood: f64,
}

impl Endemic {
    /// Fits the model to counts without gaps.
    ///
    /// # Errors
    /// [`NotFitted`] says what is missing; a place or a season of zeros alone is none of it.
    pub fn fit(settings: Settings, places: &Places<'_>) -> Result<Self, NotFitted> {
        check(settings, places)?;
        let mut parameters = start(settings, places);
        let mut now = likelihood::at(settings, places, &parameters);
        for _ in 0..STEPS {
            let Some((next, there)) = improve(settings, places, &parameters, &now) else { break };
            let gain = there.value - now.value;
            (parameters, now) = (next, there);
            if gain < GAIN * now.value.abs() {
                break;
            }
        }
        let errors = now.errors();
        Ok(Self { settings, parameters, errors, log_likelihood: now.value })
    }

    /// Coefficients on the log scale in the order own past, neighbours, constant, trend, sine and cosine of each harmonic,
    /// as far as they are in the model.
    pub fn coefficients(&self) -> &[f64] {
        &self.parameters[..self.parameters.len() - usize::from(self.settings.overdispersed)]
    }

    /// Standard errors of the coefficients, then that of psi where there is one; from the curvature of the likelihood.
    pub fn standard_errors(&self) -> Vec<f64> {
        let mut errors = self.errors.clone();
        if let (Some(psi), Some(last)) = (self.psi(), errors.last_mut()) {
            *last *= psi;
        }
        errors
    }

    /// Variance is `mean (1 + psi mean)`; `None` of Poisson counts.
    pub fn psi(&self) -> Option<f64> {
        self.settings.overdispersed.then(|| self.parameters.last().map_or(0.0, |log| log.exp()))
    }

    /// Log-likelihood with all constants.
    pub fn log_likelihood(&self) -> f64 {
        self.log_likelihood
    }

    /// Akaike's criterion.
    pub fn aic(&self) -> f64 {
        2.0 * self.parameters.len() as f64 - 2.0 * self.log_likelihood
    }

    /// Expected counts of period `t`, at least 1, from the period before it, one a place. The period itself need not be
    /// among the counts.
    pub fn expected(&self, places: &Places<'_>, t: usize) -> Vec<f64> {
        (0..places.offsets.len())
            .map(|i| likelihood::Parts::new(self.settings, places, &self.parameters, t, i).mean())
            .collect()
    }
}

fn check(settings: Settings, places: &Places<'_>) -> Result<(), NotFitted> {
    let (periods, n) = places.counts.dim();
    let needed = PERIODS_EACH * number(settings);
    if periods < needed {
        return Err(NotFitted::TooShort { periods, needed });
    }
    let is_count = |y: &f64| *y >= 0.0 && y.is_finite() && y.fract() == 0.0;
    let fits = places.neighbours.len() == n
        && places.offsets.len() == n
        && settings.period > 0
        && places.neighbours.iter().flatten().all(|j| *j < n)
        && places.offsets.iter().all(|e| *e > 0.0 && e.is_finite())
        && places.counts.iter().all(is_count);
    if !fits {
        return Err(NotFitted::Irregular);
    }
    if places.counts.sum() > 0.0 { Ok(()) } else { Err(NotFitted::NoCases) }
}

fn number(s: Settings) -> usize {
    2 + usize::from(s.neighbours) + usize::from(s.trend) + 2 * s.harmonics + usize::from(s.overdispersed)
}

/// A third of the mean from the own past, little from neighbours, the rest from the level.
fn start(settings: Settings, places: &Places<'_>) -> Vec<f64> {
    let a_period = places.counts.sum_axis(Axis(1)).mean().unwrap_or(1.0);
    let level = (0.6 * a_period / places.offsets.iter().sum::<f64>()).ln();
    let mut parameters = vec![0.0; number(settings)];
    parameters[0] = -1.0;
    if settings.neighbours {
        parameters[1] = -4.0;
    }
    parameters[1 + usize::from(settings.neighbours)] = level;
    if settings.overdispersed
        && let Some(last) = parameters.last_mut()
    {
        *last = -0.7;
    }
    parameters
}

/// A Newton step that raises the likelihood, halved until it does; `None` where none does.
fn improve(
    settings: Settings,
    places: &Places<'_>,
    parameters: &[f64],
    now: &likelihood::Point,
) -> Option<(Vec<f64>, likelihood::Point)> {
    let mut step = now.step()?;
    let longest = step.iter().fold(0.0_f64, |most, s| most.max(s.abs()));
    step.iter_mut().for_each(|s| *s *= (LONGEST / longest).min(1.0));
    for _ in 0..30 {
        let next: Vec<f64> = parameters.iter().zip(&step).map(|(p, s)| p + s).collect();
        let there = likelihood::at(settings, places, &next);
        if there.value.is_finite() && there.value > now.value {
            return Some((next, there));
        }
        step.iter_mut().for_each(|s| *s *= 0.5);
    }
    None
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Poisson};

    use super::*;

    const POISSON: Settings =
        Settings { neighbours: true, trend: false, harmonics: 1, period: 52, overdispersed: false };

    /// Three places in a row over 600 weeks.
    fn row(own: f64, near: f64) -> (Array2<f64>, Vec<Vec<usize>>) {
        let neighbours = vec![vec![1], vec![0, 2], vec![1]];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = Array2::zeros((600, 3));
        for t in 1..600 {
            for i in 0..3 {
                let around: f64 = neighbours[i].iter().map(|j| counts[(t - 1, *j)]).sum();
                let season = (std::f64::consts::TAU * t as f64 / 52.0).sin();
                let mean = own * counts[(t - 1, i)] + near * around + 2.0 * (0.5 * season).exp();
                counts[(t, i)] = Poisson::new(mean).unwrap().sample(&mut rng);
            }
        }
        (counts, neighbours)
    }

    #[test]
    fn what_was_simulated_is_found_again() {
        let (counts, neighbours) = row(0.4, 0.1);
        let places = Places { counts: counts.view(), neighbours: &neighbours, offsets: &[1.0; 3] };
        let fitted = Endemic::fit(POISSON, &places).unwrap();
        let want = [0.4_f64.ln(), 0.1_f64.ln(), 2.0_f64.ln(), 0.5, 0.0];
        for ((got, want), error) in fitted.coefficients().iter().zip(want).zip(fitted.standard_errors()) {
            assert!((got - want).abs() < 3.0 * error && error < 0.3, "{fitted:?}");
        }
        let wide = Endemic::fit(Settings { overdispersed: true, ..POISSON }, &places).unwrap();
        assert!(wide.psi().unwrap() < 0.02 && wide.log_likelihood() >= fitted.log_likelihood() - 1e-3);
        assert!(wide.aic() > fitted.aic());
        let expected = fitted.expected(&places, 600);
        assert!(expected.iter().all(|mean| (1.0..20.0).contains(mean)), "{expected:?}");
    }

    #[test]
    fn places_of_zeros_alone_are_no_error_and_what_does_not_fit_is() {
        let (mut counts, neighbours) = row(0.4, 0.1);
        counts.column_mut(2).fill(0.0);
        let places = Places { counts: counts.view(), neighbours: &neighbours, offsets: &[1.0; 3] };
        let fitted = Endemic::fit(Settings { overdispersed: true, ..POISSON }, &places).unwrap();
        assert!(fitted.coefficients().iter().all(|c| c.is_finite()), "{fitted:?}");
        let zeros = Array2::zeros((600, 3));
        let fit = |counts: &Array2<f64>, offsets: &[f64]| {
            Endemic::fit(POISSON, &Places { counts: counts.view(), neighbours: &neighbours, offsets })
        };
        assert_eq!(fit(&zeros, &[1.0; 3]), Err(NotFitted::NoCases));
        assert_eq!(fit(&counts, &[1.0; 2]), Err(NotFitted::Irregular));
        assert_eq!(
            fit(&Array2::ones((9, 3)), &[1.0; 3]),
            Err(NotFitted::TooShort { periods: 9, needed: 20 })
        );
        counts[(3, 1)] = 0.5;
        assert_eq!(fit(&counts, &[1.0; 3]), Err(NotFitted::Irregular));
    }
}
