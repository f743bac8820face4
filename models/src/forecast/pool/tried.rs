//! One series forecast by every candidate, from past origins and from the newest.
use super::{Candidate, weights::Products};
use crate::forecast::classic::{Moments, ets, naive};

/// Past origins that are tried.
const ORIGINS: usize = 6;
/// Least known history at an origin, in seasons and in periods.
const LEAST_SEASONS: usize = 2;
const LEAST_PERIODS: usize = 8;

const MODELS: usize = Candidate::ALL.len();

/// Forecasts of every candidate from one origin; `None` for a model without an answer.
pub type Answers = [Option<Moments>; MODELS];

/// A past origin with what came after it.
#[derive(Debug, Clone)]
pub struct Past {
    /// Forecasts of the leads scored.
    pub answers: Answers,
    /// Last season's same period.
    pub naive: Option<Moments>,
    /// What came, by lead; NaN where missing.
    pub came: Vec<f64>,
}

/// A series with its candidates' forecasts.
#[derive(Debug, Clone)]
pub struct Tried {
    /// Mean absolute change over a season, or mean absolute value where that is 0: the unit of its errors.
    pub scale: f64,
    /// Mean known value.
    pub mean: f64,
    /// Past origins, newest first.
    pub past: Vec<Past>,
    /// Forecasts of the future.
    pub newest: Answers,
    /// Last season's same period, of the future.
    pub naive: Option<Moments>,
}

impl Tried {
    /// Forecasts `y` with seasons of `m` periods `h` leads ahead; gaps are NaN.
    pub fn new(y: &[f64], m: usize, h: usize) -> Self {
        let first = y.iter().position(|v| *v > 0.0).unwrap_or(0);
        let y = &y[first..];
        let origins = origins(y.len(), m, h);
        let form = origins.last().and_then(|n| Some(ets::auto(&y[..*n], m).ok()?.form()));
        let scored = h.min(m.max(LEAST_PERIODS));
        let past = origins
            .into_iter()
            .map(|n| Past {
                answers: Candidate::ALL.map(|c| c.forecast(&y[..n], m, scored, form).ok().filter(finite)),
                naive: naive::seasonal_naive(&y[..n], m, scored).ok(),
                came: y[n..].iter().copied().take(scored).collect(),
            })
            .collect();
        let newest = Candidate::ALL.map(|c| c.forecast(y, m, h, None).ok().filter(finite));
        Self {
            scale: scale(y, m),
            mean: mean(y.iter().copied()).unwrap_or(0.0),
            past,
            newest,
            naive: naive::seasonal_naive(y, m, h).ok(),
        }
    }

    /// Products of the candidates' errors; an origin where one of them has no answer is left out.
    pub fn products(&self) -> Products {
        let mut products = Products::new(MODELS);
        for past in &self.past {
            let weight = 1.0 / past.came.len().max(1) as f64;
            for (lead, y) in past.came.iter().enumerate().filter(|(_, y)| y.is_finite()) {
                let errors: Vec<f64> = past
                    .answers
                    .iter()
                    .filter_map(|a| Some((y - a.as_ref()?.mean[lead]) / self.scale))
                    .collect();
                if errors.len() == MODELS {
                    products.push(&errors, weight);
                }
            }
        }
        products
    }
}

/// Numbers of known periods at past origins, newest first.
fn origins(n: usize, m: usize, h: usize) -> Vec<usize> {
    let least = (LEAST_SEASONS * m + 1).max(LEAST_PERIODS);
    let step = (m / 4).max(1);
    let scored = h.min(m.max(LEAST_PERIODS));
    (0..ORIGINS).filter_map(|j| n.checked_sub(scored + j * step)).filter(|n| *n >= least).collect()
}

fn finite(moments: &Moments) -> bool {
    moments.mean.iter().chain(&moments.variance).all(|v| v.is_finite())
}

fn scale(y: &[f64], m: usize) -> f64 {
    let changes = y.iter().zip(y.iter().skip(m)).map(|(a, b)| (b - a).abs());
    let level = mean(y.iter().map(|v| v.abs())).unwrap_or(0.0);
    mean(changes).filter(|s| *s > 0.0).unwrap_or(level).max(f64::MIN_POSITIVE)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.filter(|v| v.is_finite()).fold((0.0, 0_u32), |(s, n), v| (s + v, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}
