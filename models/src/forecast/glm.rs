//! Penalised quasi-Poisson regression with log link on the shared calendar design.
//!
//! Minimises sum_t w_t (mu_t - y_t log mu_t) + sum_c ridge_c (beta_c - center_c)^2 / 2 with mu_t = exp(x_t beta)
//! by Newton steps (equal to IRLS for this link). The weight halves every [`HALF_LIFE`] days and is zero on
//! missing days and before the series' first ticket. A non-zero `center` pulls a sparse series towards the
//! profile of its topic and district; without data the fit is exactly that profile.
use std::ops::Range;

use crate::{
    numeric::cholesky::Cholesky,
    regressors::{DENSE, Design, Kind, PRODUCTS, RARE},
};

/// Days in which the weight of a day halves.
pub const HALF_LIFE: f64 = 730.0;
/// Days of history used at most.
pub const WINDOW: usize = 1461;
/// A series with fewer tickets in its window keeps its center's shape and gets only a rate.
pub const MIN_COUNT: f64 = 5.0;

/// Roots of the fitted dispersion beyond which a day says no more: a fault of the data at fifty times the usual count
/// would else be a tenth of its weekday for years.
const REACH: f64 = 8.0;
/// Tickets above the mean that are never out of reach.
const FREE: f64 = 4.0;
/// Means below this count as this in the dispersion.
const LEAST_MEAN: f64 = 0.01;
const MAX_STEPS: usize = 10;
const STEP_CAP: f64 = 1.5;
const TOLERANCE: f64 = 1e-3;
/// Shrinkage of harmonic k by about 1 / (1 + kappa_k) whatever the size of the series.
const KAPPA: [f64; 3] = [0.1, 0.4, 1.0];

/// Why a fit failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlmError {
    /// The penalised normal equations could not be solved.
    #[error("normal equations are not positive definite at step {step}")]
    Singular {
        /// Newton step, from 1.
        step: usize,
    },
    /// The linear predictor left the finite range.
    #[error("coefficients are not finite at step {step}")]
    Diverged {
        /// Newton step, from 1.
        step: usize,
    },
}

/// Where coefficients are pulled to, and how hard.
#[derive(Debug, Clone, PartialEq)]
pub struct Prior {
    /// Value without data, one per column.
    pub center: Vec<f64>,
    /// Precision, one per column.
    pub ridge: Vec<f64>,
}

impl Prior {
    /// For a series that stands on its own: weak ridges towards zero, harmonics shrunk by volume.
    ///
    /// `volume` is the weighted sum of the series' counts.
    pub fn alone(design: &Design, volume: f64) -> Self {
        let ridge = design.kinds().iter().map(|kind| match kind {
            Kind::Intercept => 1e-6,
            Kind::Harmonic(k) => 2.0 + KAPPA[usize::from(*k) - 1] * volume / 2.0,
            Kind::Weekday | Kind::Day | Kind::Season => 2.0,
            Kind::Name | Kind::Exogenous { .. } => 15.0,
        });
        Self { center: vec![0.0; design.kinds().len()], ridge: ridge.collect() }
    }

    /// For a cell: deviations from `center`, the profile pooled over its topic and district.
    pub fn pooled(design: &Design, center: Vec<f64>) -> Self {
        let ridge = design.kinds().iter().map(|kind| match kind {
            Kind::Intercept => 1e-6,
            Kind::Weekday => 12.0,
            Kind::Harmonic(_) | Kind::Day | Kind::Season | Kind::Exogenous { .. } => 60.0,
            Kind::Name => 120.0,
        });
        Self { center, ridge: ridge.collect() }
    }
}

/// Counts with the weight of each day; days with weight zero are not read.
#[derive(Debug, Clone, Copy)]
pub struct Weighted<'a> {
    /// Counts by design row.
    pub y: &'a [f32],
    /// First and last (exclusive) row used.
    pub from: usize,
    /// Row after the origin.
    pub end: usize,
    /// Weight by age in days; empty means 1 everywhere.
    pub by_age: &'a [f64],
}

impl Weighted<'_> {
    /// Rows that count, with count and weight.
    fn rows(&self) -> impl Iterator<Item = (usize, f64, f64)> {
        let Self { y, from, end, by_age } = *self;
        (from..end).filter(move |t| !y[*t].is_nan()).map(move |t| {
            let weight = if by_age.is_empty() { 1.0 } else { by_age[end - 1 - t] };
            (t, f64::from(y[t]), weight)
        })
    }

    /// Weighted sum of counts.
    pub fn volume(&self) -> f64 {
        self.rows().map(|(_, y, w)| w * y).sum()
    }
}

/// Weights 0.5^(age / [`HALF_LIFE`]) for ages up to [`WINDOW`].
pub fn weights_by_age() -> Vec<f64> {
    (0..WINDOW).map(|age| (-(age as f64) / HALF_LIFE * std::f64::consts::LN_2).exp()).collect()
}

/// Rows of the training window that ends before row `end`: from the first ticket, [`WINDOW`] days at most.
pub fn window(y: &[f32], end: usize) -> Range<usize> {
    let from = end.saturating_sub(WINDOW);
    let first = y[from..end].iter().position(|v| *v > 0.0).map_or(end, |k| from + k);
    first..end
}

/// Coefficients that minimise the penalised deviance, starting at `start` or at the rate over the center.
///
/// # Errors
/// When the normal equations cannot be solved or the coefficients are not finite.
pub fn fit(
    design: &Design,
    data: Weighted<'_>,
    prior: &Prior,
    start: Option<&[f64]>,
) -> Result<Vec<f64>, GlmError> {
    let mut beta = match start {
        Some(start) => start.to_vec(),
        None => rate_over_center(design, data, &prior.center),
    };
    let mut normal = Normal::new(beta.len());
    let mut reach = f64::INFINITY;
    for step in 1..=MAX_STEPS {
        reach = normal.accumulate(design, data, &beta, reach);
        normal.penalise(prior, &beta);
        let chol = Cholesky::with_ridge(&normal.hessian, beta.len()).ok_or(GlmError::Singular { step })?;
        chol.solve(&mut normal.gradient);
        let longest = normal.gradient.iter().fold(0.0_f64, |m, d| m.max(d.abs()));
        let scale = if longest > STEP_CAP { STEP_CAP / longest } else { 1.0 };
        for (b, d) in beta.iter_mut().zip(&normal.gradient) {
            *b += scale * d;
        }
        if beta.iter().any(|b| !b.is_finite()) {
            return Err(GlmError::Diverged { step });
        }
        // The first step does not know yet what is out of reach.
        if longest < TOLERANCE && step > 1 {
            break;
        }
    }
    Ok(beta)
}

/// The center's shape with the intercept that matches the weighted sum of counts (at least half a ticket).
pub fn rate_over_center(design: &Design, data: Weighted<'_>, center: &[f64]) -> Vec<f64> {
    let mut beta = center.to_vec();
    beta[0] = 0.0;
    let (mut counts, mut shape) = (0.0, 0.0);
    for (t, y, w) in data.rows() {
        counts += w * y;
        shape += w * mean(design, t, &beta);
    }
    beta[0] = if shape > 0.0 { (counts.max(0.5) / shape).ln() } else { 0.0 };
    beta
}

/// The center's shape at the cautious rate (n + 1/2) / (days + 365) of a series with next to no tickets.
pub fn rare_rate(design: &Design, data: Weighted<'_>, center: &[f64]) -> Vec<f64> {
    let mut beta = center.to_vec();
    beta[0] = 0.0;
    let (mut counts, mut shape, mut days) = (0.0, 0.0, 0.0);
    for (t, y, _) in data.rows() {
        counts += y;
        shape += mean(design, t, &beta);
        days += 1.0;
    }
    let mean_shape = if days > 0.0 { shape / days } else { 1.0 };
    beta[0] = ((counts + 0.5) / (days + 365.0) / mean_shape).ln();
    beta
}

/// Fitted mean of row `t`.
pub fn mean(design: &Design, t: usize, beta: &[f64]) -> f64 {
    bounded(design.eta(t, beta))
}

/// Mean of row `t` as forecast from an origin before it.
pub fn mean_ahead(design: &Design, t: usize, beta: &[f64]) -> f64 {
    bounded(design.eta_ahead(t, beta))
}

fn bounded(eta: f64) -> f64 {
    eta.clamp(-12.0, 15.0).exp()
}

/// Gradient and Hessian of the penalised log-likelihood at one point.
struct Normal {
    n: usize,
    gradient: Vec<f64>,
    hessian: Vec<f64>,
}

impl Normal {
    fn new(n: usize) -> Self {
        Self { n, gradient: vec![0.0; n], hessian: vec![0.0; n * n] }
    }

    /// Sums over days. Weekdays partition the days, so sums of the dense products by weekday hold every dense
    /// and weekday entry; rare columns are added on the few days where they are not zero.
    ///
    /// Counts further than `reach` roots of their mean above it count as that far away (a Huber function of Pearson
    /// residuals, Cantoni and Ronchetti 2001); returns the reach for the next step.
    fn accumulate(&mut self, design: &Design, data: Weighted<'_>, beta: &[f64], reach: f64) -> f64 {
        let (mut pearson, mut days) = (0.0, 0.0);
        self.gradient.fill(0.0);
        self.hessian.fill(0.0);
        let mut squares = [[0.0; PRODUCTS]; 7];
        let mut linear = [[0.0; DENSE]; 7];
        for (t, y, weight) in data.rows() {
            let mu = mean(design, t, beta);
            let root = mu.sqrt();
            let residual = (y - mu).min(reach * root + FREE);
            pearson += weight * residual * residual / mu.max(LEAST_MEAN);
            days += weight;
            let (w, residual) = (weight * mu, weight * residual);
            let g = design.weekday(t);
            for (s, p) in squares[g].iter_mut().zip(design.products(t)) {
                *s += w * p;
            }
            for (s, x) in linear[g].iter_mut().zip(design.dense(t)) {
                *s += residual * x;
            }
            self.add_rare(design, t, w, residual);
        }
        self.add_dense(&squares, &linear);
        REACH * (pearson / days.max(1.0)).max(1.0).sqrt()
    }

    fn add_rare(&mut self, design: &Design, t: usize, w: f64, residual: f64) {
        let rare = design.rare(t);
        let weekday = design.weekday(t);
        for (k, (column, value)) in rare.iter().enumerate() {
            let column = usize::from(*column);
            let row = &mut self.hessian[column * self.n..][..self.n];
            let wv = w * value;
            self.gradient[column] += residual * value;
            row[0] += wv;
            if weekday > 0 {
                row[weekday] += wv;
            }
            for (h, x) in row[7..RARE].iter_mut().zip(&design.dense(t)[1..]) {
                *h += wv * x;
            }
            for (other, other_value) in &rare[..=k] {
                row[usize::from(*other)] += wv * other_value;
            }
        }
    }

    fn add_dense(&mut self, squares: &[[f64; PRODUCTS]; 7], linear: &[[f64; DENSE]; 7]) {
        let n = self.n;
        // Dense value 0 is the intercept, dense value k the harmonic in column 6 + k.
        let column = |k: usize| if k == 0 { 0 } else { 6 + k };
        for (g, (square, line)) in squares.iter().zip(linear).enumerate() {
            for a in 0..DENSE {
                let row = column(a) * n;
                self.gradient[column(a)] += line[a];
                for b in 0..=a {
                    self.hessian[row + column(b)] += square[a * (a + 1) / 2 + b];
                }
            }
            if g > 0 {
                self.gradient[g] += line[0];
                self.hessian[g * n] += square[0];
                self.hessian[g * n + g] += square[0];
                for a in 1..DENSE {
                    self.hessian[column(a) * n + g] += square[a * (a + 1) / 2];
                }
            }
        }
    }

    fn penalise(&mut self, prior: &Prior, beta: &[f64]) {
        let pulls = prior.ridge.iter().zip(&prior.center).zip(beta);
        for (c, ((ridge, center), b)) in pulls.enumerate() {
            self.gradient[c] -= ridge * (b - center);
            self.hessian[c * self.n + c] += ridge;
        }
    }
}
