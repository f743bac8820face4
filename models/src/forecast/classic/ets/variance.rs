//! Variance of the forecast error by lead, and the mean where it depends on the variance.
//!
//! With c_j = alpha + beta (phi + … + phi^j) + gamma where j is a whole number of seasons, mu_h the mean and s^2
//! the variance of the error (Hyndman, Koehler, Ord and Snyder 2008, chapter 6):
//!
//! * additive error (class 1, exact): s^2 (1 + sum_{j<h} c_j^2). R's `forecast.ets` adds the term of a whole
//!   season one lead early, so its variance at leads m, 2 m, … is a little wider;
//! * multiplicative error, additive or no season (class 2, exact): (1 + s^2) theta_h - mu_h^2 with
//!   theta_h = mu_h^2 + s^2 sum_{j<h} c_j^2 theta_{h-j};
//! * multiplicative season (class 3, exact): [`products`].
use ndarray::{Array2, ArrayView2, linalg::kron};

use super::{
    super::Moments,
    form::{Error, Form, Season, Smoothing, Trend},
};

/// Variances at leads 1 ..= the length of `base` and `season`, the mean without season and what the season adds, by
/// lead; not for a multiplicative season.
pub(super) fn by_lead(
    form: Form,
    by: Smoothing,
    sigma2: f64,
    m: usize,
    base: &[f64],
    season: &[f64],
) -> Vec<f64> {
    let gamma = if form.season() == Season::Additive { by.gamma } else { 0.0 };
    let weights = weights(by, gamma, m, base.len());
    if form.error() == Error::Additive {
        let sums = weights.iter().scan(1.0, |sum, c| {
            let before = *sum;
            *sum += c * c;
            Some(sigma2 * before)
        });
        return sums.collect();
    }
    let mean: Vec<f64> = base.iter().zip(season).map(|(b, s)| b + s).collect();
    let second = second_moments(&mean, &weights, sigma2);
    second.iter().zip(&mean).map(|(t, mu)| (1.0 + sigma2) * t - mu * mu).collect()
}

/// Level and slope, and one season a period, that of the first lead last and the others the newest first.
pub(super) struct Last {
    pub level: f64,
    pub slope: f64,
    pub season: Vec<f64>,
}

/// Moments at leads 1 ..= `h` of a form whose error and season are multiplicative.
///
/// M is the expectation of (level, slope) x season and V the variance of its columns, one below the other; F and G are
/// the steps of both vectors without error and what an error adds, and H picks the coming period (chapter 6.4.3 there).
/// The mean differs from level times season by their covariance.
pub(super) fn products(form: Form, by: Smoothing, sigma2: f64, last: &Last, h: usize) -> Moments {
    let m = last.season.len();
    let (f1, g1, h1, states) = if form.trend() == Trend::None {
        (vec![1.0], vec![by.alpha], vec![1.0], vec![last.level])
    } else {
        let Smoothing { alpha, beta, phi, .. } = by;
        (
            vec![1.0, phi, 0.0, phi],
            vec![alpha, alpha * phi, beta, beta * phi],
            vec![1.0, phi],
            vec![last.level, last.slope],
        )
    };
    let p = states.len();
    let (f1, g1) = (square(p, |i, j| f1[i * p + j]), square(p, |i, j| g1[i * p + j]));
    let f2 = square(m, |i, j| if (i + m - 1) % m == j { 1.0 } else { 0.0 });
    let g2 = square(m, |i, j| if i == 0 && j + 1 == m { by.gamma } else { 0.0 });
    let (f, g, k) = (kron(&f2, &f1), kron(&g2, &g1), kron(&g2, &f1) + kron(&f2, &g1));
    let pick = Array2::from_shape_fn((1, m * p), |(_, c)| if c / p + 1 == m { h1[c % p] } else { 0.0 });
    let mut mean = Array2::from_shape_fn((m * p, 1), |(c, _)| states[c % p] * last.season[c / p]);
    let mut variance = square(m * p, |_, _| 0.0);
    let mut out = Moments { mean: Vec::with_capacity(h), variance: Vec::with_capacity(h) };
    let around = |a: &Array2<f64>, v: &ArrayView2<'_, f64>, b: &Array2<f64>| a.dot(v).dot(&b.t());
    for _ in 0..h {
        let mu = pick.dot(&mean)[(0, 0)];
        let spread = around(&pick, &variance.view(), &pick)[(0, 0)];
        out.mean.push(mu);
        out.variance.push((1.0 + sigma2) * spread + sigma2 * mu * mu);
        let outer = mean.dot(&mean.t());
        let crossed = around(&f, &variance.view(), &g);
        let second = &variance + &outer;
        let fourth = 3.0 * &variance + 2.0 * &outer;
        let added = &crossed
            + &crossed.t()
            + around(&k, &second.view(), &k)
            + sigma2 * around(&g, &fourth.view(), &g);
        variance = around(&f, &variance.view(), &f) + sigma2 * added;
        mean = f.dot(&mean) + sigma2 * g.dot(&mean);
    }
    out
}

fn square(n: usize, of: impl Fn(usize, usize) -> f64) -> Array2<f64> {
    Array2::from_shape_fn((n, n), |(i, j)| of(i, j))
}

/// c_1 ..= c_h.
fn weights(by: Smoothing, gamma: f64, m: usize, h: usize) -> Vec<f64> {
    let mut power = 1.0;
    let mut sum = 0.0;
    (1..=h)
        .map(|j| {
            power *= by.phi;
            sum += power;
            by.alpha + by.beta * sum + if j % m == 0 { gamma } else { 0.0 }
        })
        .collect()
}

fn second_moments(mean: &[f64], weights: &[f64], sigma2: f64) -> Vec<f64> {
    let mut out: Vec<f64> = Vec::with_capacity(mean.len());
    for mu in mean {
        let carried: f64 = weights.iter().zip(out.iter().rev()).map(|(c, t)| c * c * t).sum();
        out.push(mu * mu + sigma2 * carried);
    }
    out
}
