//! Variance of the forecast error by lead.
//!
//! With c_j = alpha + beta (phi + … + phi^j) + gamma where j is a whole number of seasons, mu_h the mean and s^2
//! the variance of the error (Hyndman, Koehler, Ord and Snyder 2008, chapter 6):
//!
//! * additive error (class 1, exact): s^2 (1 + sum_{j<h} c_j^2). R's `forecast.ets` adds the term of a whole
//!   season one lead early, so its variance at leads m, 2 m, … is a little wider;
//! * multiplicative error, additive or no season (class 2, exact): (1 + s^2) theta_h - mu_h^2 with
//!   theta_h = mu_h^2 + s^2 sum_{j<h} c_j^2 theta_{h-j};
//! * multiplicative season (class 3, an approximation for a small gamma^2 s^2): the mean without season has
//!   class 2's theta, and the season multiplies: S^2 (theta_h (1 + s^2) (1 + gamma^2 s^2)^k - mu_h^2), k whole
//!   seasons before the lead.
use super::form::{Error, Form, Season, Smoothing};

/// Variances at leads 1 ..= the length of `base` and `season`, the mean without season and the season by lead.
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
    if form.season() != Season::Multiplicative {
        let mean: Vec<f64> = base.iter().zip(season).map(|(b, s)| b + s).collect();
        let second = second_moments(&mean, &weights, sigma2);
        return second.iter().zip(&mean).map(|(t, mu)| (1.0 + sigma2) * t - mu * mu).collect();
    }
    let second = second_moments(base, &weights, sigma2);
    let step = 1.0 + by.gamma * by.gamma * sigma2;
    (0..base.len())
        .map(|h| {
            let seasons = i32::try_from(h / m).unwrap_or(i32::MAX);
            season[h].powi(2) * (second[h] * (1.0 + sigma2) * step.powi(seasons) - base[h].powi(2))
        })
        .collect()
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
