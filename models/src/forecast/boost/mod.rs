//! Boosted residuals: what a city's series have in common that profile and level miss.
//!
//! A small ensemble of trees, shared by all series of a panel, forecasts the factor that is left between a series'
//! own forecast and what came: from its recent levels, its weekdays, the same weeks of last year, its topic and
//! district, and the lead. It is fitted on a sample of the rolling origins' forecasts. Its own errors at origins it
//! has not seen can halve or veto it; they also tell how much wider or narrower the bands become.
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::plan::Plan;
use crate::boosting::{Booster, Params, Rows};

mod sample;
mod signals;

pub use sample::{Sample, Sampling};
use signals::WIDTH;
pub use signals::{Around, Class, LogLevels, Signals, Special, row};

/// Origins of one check.
const CHECKED: usize = 13;
/// Origins that are learned from at least.
const LEARNED: usize = 12;
/// Samples without which nothing is learned.
const MIN_SAMPLES: usize = 5000;
/// Exponents of the factor, the first that stands its check is used.
const POWERS: [f64; 2] = [1.0, 0.5];
/// Loss at unseen origins, as a share of the error to be expected, that speaks against an exponent. A year of checks
/// spoke against the factor by up to 0.02 before origins where it then helped by 3 %: less is no verdict.
const DOUBT: f64 = 0.03;
/// Dispersion that is to be expected of counts.
const USUAL_ALPHA: f64 = 0.05;
/// Days in which the age weight of a sample halves.
const HALF_LIFE: f64 = 365.0;
/// Days beyond the learned leads in which the factor's exponent falls to 1/e.
const FADE_DAYS: f64 = 60.0;
/// Leads at the end of the learned ones whose mean stands for all later ones.
const TAIL: usize = 7;
/// Limits of the change of a dispersion.
const DISPERSION: (f64, f64) = (0.6, 1.1);

/// A fitted ensemble with its use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Boost {
    booster: Booster,
    /// Exponent of the factor, above 0.
    power: f64,
    /// Leads it was fitted on.
    leads: usize,
    /// Factor on the dispersion of total, topics, districts, cells.
    dispersion: [f64; 4],
    /// Share of the expected error it saved at the origins it was checked on, mean over the classes; below 0, lost.
    gain: f64,
}

impl Boost {
    /// Learns from samples of the origins of `plan`, which are `step` days apart; `None` where its check says that it harms.
    pub fn fit(samples: &[Sample], plan: &Plan, step: usize) -> Option<Self> {
        if samples.len() < MIN_SAMPLES {
            return None;
        }
        let n = plan.origins.len();
        // Between the last origin learned from and the first one checked lie the days forecast from the former.
        let gap = plan.leads.div_ceil(step.max(1));
        let checks: Vec<(usize, usize)> = [2 * CHECKED, CHECKED]
            .into_iter()
            .filter_map(|back| Some((n.checked_sub(back)?, CHECKED)))
            .collect();
        let (checked, whole) = rayon::join(
            || {
                let run = |(first, len): &(usize, usize)| {
                    let learn = first.checked_sub(gap).filter(|k| *k >= LEARNED)?;
                    let booster = learn_from(samples, |origin| origin < learn, plan);
                    let range = *first..first + len;
                    let seen = samples.iter().filter(|s| range.contains(&s.origin));
                    Some(seen.map(|s| (s, booster.predict(&s.x))).collect::<Vec<_>>())
                };
                checks.par_iter().filter_map(run).flatten().collect::<Vec<_>>()
            },
            || learn_from(samples, |_| true, plan),
        );
        let (power, gain) = usable_power(&checked)?;
        Some(Self { booster: whole, power, leads: plan.leads, dispersion: dispersion(&checked, power), gain })
    }

    /// Factors on a series' own forecast at the leads `1..=leads`; `profile` gives its fitted mean at a lead.
    pub fn factors(
        &self,
        design: &crate::regressors::Design,
        special: &Special,
        around: &Around<'_>,
        leads: usize,
        profile: impl Fn(usize) -> f64,
    ) -> Vec<f64> {
        let learned: Vec<f64> = (1..=self.leads.min(leads))
            .map(|lead| self.power * self.booster.predict(&row(design, special, around, lead, profile(lead))))
            .collect();
        let tail = &learned[learned.len().saturating_sub(TAIL)..];
        let tail = tail.iter().sum::<f64>() / tail.len().max(1) as f64;
        let beyond = (learned.len() + 1..=leads)
            .map(|lead| tail * (-((lead - learned.len()) as f64) / FADE_DAYS).exp());
        learned.iter().copied().chain(beyond).map(f64::exp).collect()
    }

    /// Factor on the dispersion of a class.
    pub fn dispersion(&self, class: Class) -> f64 {
        self.dispersion[class as usize]
    }

    /// Exponent of the factor: 1 where it is used fully.
    pub fn power(&self) -> f64 {
        self.power
    }

    /// Share of the expected error saved at unseen origins.
    pub fn gain(&self) -> f64 {
        self.gain
    }
}

fn learn_from(samples: &[Sample], wanted: impl Fn(usize) -> bool, plan: &Plan) -> Booster {
    let newest = plan.origins.last().copied().unwrap_or(0);
    let (mut x, mut rate, mut weight) = (Vec::new(), Vec::new(), Vec::new());
    for s in samples.iter().filter(|s| wanted(s.origin)) {
        x.extend_from_slice(&s.x);
        rate.push(s.rate());
        let age = newest.saturating_sub(plan.origins[s.origin]) as f64;
        weight.push(((-age / HALF_LIFE * std::f64::consts::LN_2).exp() * s.weight()) as f32);
    }
    Booster::fit(Rows { values: &x, width: WIDTH }, &rate, &weight, &Params::default())
}

/// The largest exponent whose loss at unseen origins does not speak against it, and its gain; `None` when none.
///
/// Losses are Poisson losses of the rate, which near 1 are half the squared relative error. A class counts by what
/// share of the error to be expected of its counts is saved, so that the many noisy cells do not outvote the few
/// margins.
fn usable_power(checked: &[(&Sample, f64)]) -> Option<(f64, f64)> {
    let mut losses = [[0.0; POWERS.len()]; 4];
    let mut plain = [0.0; 4];
    let mut expected = [0.0; 4];
    for (s, exponent) in checked {
        let (rate, weight, class) = (f64::from(s.rate()), s.weight(), s.class as usize);
        let loss = |power: f64| weight * ((power * exponent).exp() - rate * power * exponent);
        for (sum, power) in losses[class].iter_mut().zip(POWERS) {
            *sum += loss(power);
        }
        plain[class] += loss(0.0);
        expected[class] += weight * (1.0 / f64::from(s.mean) + USUAL_ALPHA) / 2.0;
    }
    let present: Vec<usize> = (0..4).filter(|class| expected[*class] > 0.0).collect();
    let gain = |k: usize| {
        let saved = |class: &usize| (plain[*class] - losses[*class][k]) / expected[*class];
        present.iter().map(saved).sum::<f64>() / present.len().max(1) as f64
    };
    (0..POWERS.len()).map(|k| (POWERS[k], gain(k))).find(|(_, gain)| *gain > -DOUBT)
}

/// Moment estimates of the dispersion with and without the factor, as a ratio by class.
fn dispersion(checked: &[(&Sample, f64)], power: f64) -> [f64; 4] {
    let mut sums = [[0.0; 4]; 4];
    for (s, exponent) in checked {
        let (y, plain) = (f64::from(s.y), f64::from(s.mean));
        let boosted = plain * (power * exponent).exp();
        let sum = &mut sums[s.class as usize];
        for (k, mean) in [plain, boosted].into_iter().enumerate() {
            // Shares of the series' own size, so that the largest series is not the only one heard.
            let size = mean.max(1.0).powi(2);
            sum[2 * k] += ((y - mean).powi(2) - mean) / size;
            sum[2 * k + 1] += mean * mean / size;
        }
    }
    sums.map(|[plain, plain_squares, boosted, boosted_squares]| {
        let (before, after) = (plain / plain_squares, boosted / boosted_squares);
        if before > 0.0 && after.is_finite() {
            (after / before).clamp(DISPERSION.0, DISPERSION.1)
        } else {
            1.0
        }
    })
}

#[cfg(test)]
mod tests;
