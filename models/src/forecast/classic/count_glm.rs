//! Regression of counts with log link on any dense design, unpenalised: Poisson and negative binomial.
//!
//! Iterated weighted least squares with variance mu + mu^2 / theta; for the negative binomial, coefficients and
//! theta are improved in turn until both stay, which is the joint maximum of the likelihood.
//!
//! Source: McCullagh and Nelder (1989), *Generalized Linear Models*; Venables and Ripley (2002), *Modern Applied
//! Statistics with S*, section 7.4; R `glm(family = poisson)`, `summary` of `quasipoisson`, `MASS::glm.nb`.
use statrs::function::gamma::{digamma, ln_gamma};

use super::ClassicError;
use crate::numeric::cholesky::{Cholesky, dot};

const MAX_STEPS: usize = 100;
const TOLERANCE: f64 = 1e-9;
/// A linear predictor beyond this belongs to a column whose best coefficient is infinite.
const ETA_MAX: f64 = 30.0;
/// log theta is searched between these; above the upper one the counts are as good as Poisson.
const LOG_THETA: [f64; 2] = [-9.0, 16.0];

/// A fitted regression.
#[derive(Debug, Clone, PartialEq)]
pub struct CountGlm {
    coefficients: Vec<f64>,
    theta: f64,
    y: Vec<f64>,
    means: Vec<f64>,
    /// Factor of the information of the coefficients.
    information: Cholesky,
}

impl CountGlm {
    /// Fits a Poisson regression. `design` is row-major with `columns` values a row, one row for each value of `y`;
    /// rows of missing values are left out.
    ///
    /// # Errors
    /// [`ClassicError::TooShort`] with fewer known values than columns or a design of another length,
    /// [`ClassicError::NotFinite`] for a design without full rank or a negative value.
    pub fn poisson(design: &[f64], columns: usize, y: &[f64]) -> Result<Self, ClassicError> {
        Known::new(design, columns, y)?.fit(f64::INFINITY, None)
    }

    /// Fits a negative binomial regression. Arguments and errors as [`CountGlm::poisson`]; theta is infinite where
    /// the counts spread no more than Poisson.
    ///
    /// # Errors
    /// As [`CountGlm::poisson`].
    pub fn negative_binomial(design: &[f64], columns: usize, y: &[f64]) -> Result<Self, ClassicError> {
        let known = Known::new(design, columns, y)?;
        let mut fit = known.fit(f64::INFINITY, None)?;
        for _ in 0..MAX_STEPS {
            let theta = theta(&fit.y, &fit.means);
            let same = theta == fit.theta || (theta - fit.theta).abs() < TOLERANCE * theta;
            if same {
                break;
            }
            fit = known.fit(theta, Some(&fit.coefficients))?;
        }
        Ok(fit)
    }

    /// Coefficients on the log scale, one a column.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// Variance is mu + mu^2 / theta; infinite for Poisson.
    pub fn theta(&self) -> f64 {
        self.theta
    }

    /// The expected count at a row of the design.
    pub fn mean(&self, row: &[f64]) -> f64 {
        dot(row, &self.coefficients).exp()
    }

    /// Standard error of the linear predictor at a row of the design, theta taken as known.
    pub fn error(&self, row: &[f64]) -> f64 {
        let mut solved = row.to_vec();
        self.information.solve(&mut solved);
        dot(row, &solved).max(0.0).sqrt()
    }

    /// Log-likelihood with all constants.
    pub fn log_likelihood(&self) -> f64 {
        let one = |(y, mu): (&f64, &f64)| {
            let count = y * mu.ln() - ln_gamma(y + 1.0);
            if self.theta.is_infinite() {
                return count - mu;
            }
            let theta = self.theta;
            count + ln_gamma(y + theta) - ln_gamma(theta) + theta * theta.ln()
                - (theta + y) * (theta + mu).ln()
        };
        self.y.iter().zip(&self.means).map(one).sum()
    }

    /// Poisson deviance 2 sum (y log(y / mu) - (y - mu)).
    pub fn deviance(&self) -> f64 {
        let one = |(y, mu): (&f64, &f64)| if *y > 0.0 { y * (y / mu).ln() - (y - mu) } else { *mu };
        2.0 * self.y.iter().zip(&self.means).map(one).sum::<f64>()
    }

    /// Pearson's sum (y - mu)^2 / mu over the degrees of freedom: the dispersion of the quasi-Poisson model.
    pub fn dispersion(&self) -> f64 {
        let squares: f64 = self.y.iter().zip(&self.means).map(|(y, mu)| (y - mu).powi(2) / mu).sum();
        squares / self.y.len().saturating_sub(self.coefficients.len()).max(1) as f64
    }
}

/// Rows with a known value.
struct Known {
    design: Vec<f64>,
    columns: usize,
    y: Vec<f64>,
}

impl Known {
    fn new(design: &[f64], columns: usize, y: &[f64]) -> Result<Self, ClassicError> {
        let rows = design.chunks_exact(columns.max(1)).zip(y).filter(|(_, v)| v.is_finite());
        let (design_known, values): (Vec<&[f64]>, Vec<f64>) = rows.unzip();
        if columns == 0 || design.len() != columns * y.len() || values.len() < columns {
            return Err(ClassicError::TooShort { known: values.len(), needed: columns });
        }
        if values.iter().any(|v| *v < 0.0) {
            return Err(ClassicError::NotFinite);
        }
        Ok(Self { design: design_known.concat(), columns, y: values })
    }

    /// Coefficients for a given theta, from a start or from the counts themselves.
    fn fit(&self, theta: f64, start: Option<&[f64]>) -> Result<CountGlm, ClassicError> {
        let eta = |row: &[f64], beta: &[f64]| dot(row, beta).clamp(-ETA_MAX, ETA_MAX);
        let mut beta = start.map(<[f64]>::to_vec);
        for _ in 0..MAX_STEPS {
            let etas = self.rows().zip(&self.y).map(|(row, y)| match &beta {
                Some(beta) => eta(row, beta),
                None => (y + 0.1).ln(),
            });
            let next = self.step(etas, theta)?;
            let moved = beta.as_ref().is_none_or(|beta| {
                beta.iter().zip(&next).any(|(a, b)| (a - b).abs() > TOLERANCE * b.abs().max(1.0))
            });
            beta = Some(next);
            if !moved {
                break;
            }
        }
        let coefficients = beta.unwrap_or_default();
        let means: Vec<f64> = self.rows().map(|row| eta(row, &coefficients).exp()).collect();
        let gram = self.gram(means.iter().map(|mu| mu / (1.0 + mu / theta)));
        let information = Cholesky::with_ridge(&gram, self.columns).ok_or(ClassicError::NotFinite)?;
        Ok(CountGlm { coefficients, theta, y: self.y.clone(), means, information })
    }

    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.design.chunks_exact(self.columns)
    }

    /// Sum of the weighted squares and products of the columns, lower triangle.
    fn gram(&self, weights: impl Iterator<Item = f64>) -> Vec<f64> {
        let p = self.columns;
        let mut gram = vec![0.0; p * p];
        for (row, weight) in self.rows().zip(weights) {
            for (i, x) in row.iter().enumerate() {
                let weighted = weight * x;
                gram[i * p..=i * p + i].iter_mut().zip(row).for_each(|(g, v)| *g += weighted * v);
            }
        }
        gram
    }

    /// One weighted least-squares step from the linear predictors.
    fn step(&self, etas: impl Iterator<Item = f64>, theta: f64) -> Result<Vec<f64>, ClassicError> {
        let p = self.columns;
        let (mut weights, mut right) = (Vec::with_capacity(self.y.len()), vec![0.0; p]);
        for ((row, y), eta) in self.rows().zip(&self.y).zip(etas) {
            let mu = eta.exp();
            let weight = mu / (1.0 + mu / theta);
            let target = eta + (y - mu) / mu;
            right.iter_mut().zip(row).for_each(|(r, x)| *r += weight * x * target);
            weights.push(weight);
        }
        let gram = self.gram(weights.into_iter());
        Cholesky::new(&gram, p).ok_or(ClassicError::NotFinite)?.solve(&mut right);
        if right.iter().all(|v| v.is_finite()) { Ok(right) } else { Err(ClassicError::NotFinite) }
    }
}

/// The theta at which the likelihood's slope is zero, by halving on its logarithm.
fn theta(y: &[f64], means: &[f64]) -> f64 {
    let slope = |theta: f64| -> f64 {
        let start = 1.0 + theta.ln() - digamma(theta);
        y.iter()
            .zip(means)
            .map(|(y, mu)| start + digamma(y + theta) - (theta + mu).ln() - (y + theta) / (mu + theta))
            .sum()
    };
    let [mut low, mut high] = LOG_THETA;
    // A variance below the mean leaves the slope positive all the way; far out it drowns in rounding.
    let excess: f64 = y.iter().zip(means).map(|(y, mu)| (y - mu).powi(2) - mu).sum();
    if excess <= 0.0 && slope(1e3) >= 0.0 {
        return f64::INFINITY;
    }
    while high - low > 1e-11 {
        let middle = 0.5 * (low + high);
        if slope(middle.exp()) > 0.0 { low = middle } else { high = middle }
    }
    (0.5 * (low + high)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_column_gives_the_mean() {
        let y = [1.0, 4.0, f64::NAN, 0.0, 7.0];
        let fit = CountGlm::poisson(&[1.0; 5], 1, &y).unwrap();
        assert!((fit.mean(&[1.0]) - 3.0).abs() < 1e-9);
        let wide = CountGlm::negative_binomial(&[1.0; 5], 1, &y).unwrap();
        assert!((wide.mean(&[1.0]) - 3.0).abs() < 1e-9 && wide.theta() < 10.0);
        assert!(wide.log_likelihood() > fit.log_likelihood());
    }

    #[test]
    fn even_counts_are_poisson_at_best() {
        let fit = CountGlm::negative_binomial(&[1.0; 6], 1, &[3.0, 4.0, 3.0, 4.0, 3.0, 4.0]).unwrap();
        assert_eq!(fit.theta(), f64::INFINITY);
        assert!(fit.dispersion() < 0.2);
    }

    #[test]
    fn awkward_input_is_an_error_or_a_number() {
        assert!(CountGlm::poisson(&[1.0, 1.0], 2, &[3.0]).is_err());
        assert!(CountGlm::poisson(&[1.0], 1, &[f64::NAN]).is_err());
        assert!(CountGlm::poisson(&[], 0, &[]).is_err());
        assert_eq!(CountGlm::poisson(&[1.0; 2], 1, &[3.0, -1.0]), Err(ClassicError::NotFinite));
        assert_eq!(CountGlm::poisson(&[1.0; 8], 2, &[1.0; 4]), Err(ClassicError::NotFinite));
        let zeros = CountGlm::negative_binomial(&[1.0; 9], 1, &[0.0; 9]).unwrap();
        assert!(zeros.mean(&[1.0]) < 1e-9);
    }
}
