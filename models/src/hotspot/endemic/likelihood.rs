//! Log-likelihood of the model with its slope and curvature.
//!
//! With `l` the log-probability of a count, `m` its mean and `d` the derivative by a parameter, the slope is `l' dm` and
//! the curvature `l'' dm dm + l' ddm`. Each part of the mean is an exponential, so its derivatives are the part itself
//! times the regressors.
use std::f64::consts::TAU;

use statrs::function::gamma::ln_gamma;

use super::{Places, Settings};
use crate::numeric::cholesky::Cholesky;

/// A mean that no count can come from is moved to this.
const LEAST: f64 = 1e-12;

/// The parts of one mean.
pub(super) struct Parts {
    own: f64,
    near: f64,
    level: f64,
    /// Regressors of the level.
    row: Vec<f64>,
}

impl Parts {
    /// Period `t` of place `i`.
    pub(super) fn new(settings: Settings, places: &Places<'_>, p: &[f64], t: usize, i: usize) -> Self {
        let before = places.counts.row(t - 1);
        let near = settings.neighbours.then(|| places.neighbours[i].iter().map(|j| before[*j]).sum::<f64>());
        let row = row(settings, t);
        let level = 1 + usize::from(settings.neighbours);
        let eta: f64 = row.iter().zip(&p[level..]).map(|(x, b)| x * b).sum();
        Self {
            own: p[0].exp() * before[i],
            near: near.map_or(0.0, |sum| p[1].exp() * sum),
            level: places.offsets[i] * eta.exp(),
            row,
        }
    }

    pub(super) fn mean(&self) -> f64 {
        (self.own + self.near + self.level).max(LEAST)
    }
}

fn row(settings: Settings, t: usize) -> Vec<f64> {
    let mut row = vec![1.0];
    if settings.trend {
        row.push(t as f64);
    }
    for k in 1..=settings.harmonics {
        let (sin, cos) = (TAU * k as f64 * t as f64 / settings.period as f64).sin_cos();
        row.extend([sin, cos]);
    }
    row
}

/// The likelihood at some parameters.
pub(super) struct Point {
    pub(super) value: f64,
    slope: Vec<f64>,
    /// Negative second derivatives, row-major.
    curvature: Vec<f64>,
}

impl Point {
    /// The Newton step from here.
    pub(super) fn step(&self) -> Option<Vec<f64>> {
        let mut step = self.slope.clone();
        Cholesky::with_ridge(&self.curvature, step.len())?.solve(&mut step);
        Some(step)
    }

    /// Standard errors of the parameters; infinite where the likelihood is flat.
    pub(super) fn errors(&self) -> Vec<f64> {
        let n = self.slope.len();
        let factor = Cholesky::new(&self.curvature, n);
        let variance = |k: usize| {
            let mut unit = vec![0.0; n];
            unit[k] = 1.0;
            factor.as_ref().map_or(f64::INFINITY, |factor| {
                factor.solve(&mut unit);
                unit[k]
            })
        };
        (0..n).map(|k| variance(k).sqrt()).collect()
    }
}

/// Log-likelihood, slope and curvature at `p`.
pub(super) fn at(settings: Settings, places: &Places<'_>, p: &[f64]) -> Point {
    let n = p.len();
    let mut point = Point { value: 0.0, slope: vec![0.0; n], curvature: vec![0.0; n * n] };
    let log_psi = settings.overdispersed.then(|| p[n - 1]);
    for t in 1..places.counts.nrows() {
        for i in 0..places.counts.ncols() {
            let parts = Parts::new(settings, places, p, t, i);
            point.add(settings, &parts, &Count::new(places.counts[(t, i)], parts.mean(), log_psi));
        }
    }
    point
}

impl Point {
    fn add(&mut self, settings: Settings, parts: &Parts, count: &Count) {
        let n = self.slope.len();
        let level = 1 + usize::from(settings.neighbours);
        let mut first = vec![0.0; n];
        first[0] = parts.own;
        if settings.neighbours {
            first[1] = parts.near;
        }
        for (k, x) in parts.row.iter().enumerate() {
            first[level + k] = parts.level * x;
        }
        self.value += count.log;
        let mut curve = |j: usize, k: usize, by: f64| self.curvature[j * n + k] -= by;
        for j in 0..level + parts.row.len() {
            self.slope[j] += count.by_mean * first[j];
            for k in 0..=j {
                curve(j, k, count.by_mean_twice * first[j] * first[k]);
            }
            // A part's own second derivative.
            if j < level {
                curve(j, j, count.by_mean * first[j]);
            } else {
                for k in level..=j {
                    curve(j, k, count.by_mean * first[j] * parts.row[k - level]);
                }
            }
        }
        if settings.overdispersed {
            self.slope[n - 1] += count.by_psi;
            for (k, by) in first[..n - 1].iter().enumerate() {
                self.curvature[(n - 1) * n + k] -= count.by_both * by;
            }
            self.curvature[n * n - 1] -= count.by_psi_twice;
        }
    }
}

/// Log-probability of one count with its derivatives by the mean and by the logarithm of psi.
struct Count {
    log: f64,
    by_mean: f64,
    by_mean_twice: f64,
    by_psi: f64,
    by_psi_twice: f64,
    by_both: f64,
}

impl Count {
    fn new(y: f64, mean: f64, log_psi: Option<f64>) -> Self {
        let Some(log_psi) = log_psi else {
            return Self {
                log: y * mean.ln() - mean - ln_gamma(y + 1.0),
                by_mean: y / mean - 1.0,
                by_mean_twice: -y / (mean * mean),
                by_psi: 0.0,
                by_psi_twice: 0.0,
                by_both: 0.0,
            };
        };
        let size = (-log_psi).exp();
        let sum = size + mean;
        // Whole counts: the logarithm of a ratio of gamma functions and its derivatives are finite sums.
        let (mut logs, mut inverse, mut squares) = (0.0, 0.0, 0.0);
        let mut k = 0.0;
        while k < y {
            logs += ((size + k) / size).ln();
            inverse += 1.0 / (size + k);
            squares += 1.0 / (size + k).powi(2);
            k += 1.0;
        }
        let log_share = -(mean / size).ln_1p();
        let by_size = inverse + log_share + 1.0 - (y + size) / sum;
        let by_size_twice = -squares + 1.0 / size - 2.0 / sum + (y + size) / (sum * sum);
        Self {
            log: logs + y * (size * mean / sum).ln() - ln_gamma(y + 1.0) + size * log_share,
            by_mean: y / mean - (y + size) / sum,
            by_mean_twice: -y / (mean * mean) + (y + size) / (sum * sum),
            by_psi: -size * by_size,
            by_psi_twice: size * size * by_size_twice + size * by_size,
            by_both: -size * (y - mean) / (sum * sum),
        }
    }
}
