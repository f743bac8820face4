//! The local level: how a series stands now against its calendar profile.
//!
//! For half-lives H the level is r_H = (a_H + prior) / (b_H + prior) with a_H, b_H the exponentially weighted
//! sums of counts and fitted means, and a prior of at least a quarter of a usual day. Counts are winsorised at four standard deviations around the current level
//! (half-life 28 days), so a burst does not become the new normal. The forecast uses the plain mean of r_H over
//! a fixed mix of half-lives: selecting them from past errors gained nothing on the panels tried. Beyond
//! [`FAST_DAYS`] the level drifts to the slow one, because what has been so for three months lasts longer than
//! what has been so for a week.
use super::glm;
use crate::{intervals::dispersion::alpha_within_reach, regressors::Design};

/// Half-lives in days: three fast ones whose mean is the level, and the slow one of long leads.
pub const HALF_LIVES: [f64; 4] = [5.0, 10.0, 20.0, 112.0];
/// Position of the slow one.
pub const SLOW: usize = 3;
/// Days ahead for which the fast level alone is used.
pub const FAST_DAYS: usize = 28;

/// Days before the origin from which the filter starts.
const WARM_UP: usize = 400;
/// Days before the profile's origin from which its dispersion is measured.
const DISPERSION_DAYS: usize = 365;
/// Half-life of the level that counts are winsorised around.
const WINSOR_HALF_LIFE: f64 = 28.0;
/// Days in which the weight of the fast level falls to 1/e beyond [`FAST_DAYS`].
const DRIFT_DAYS: f64 = 60.0;
/// Least prior of a series that stands on its own, in tickets.
const PRIOR_ALONE: f64 = 2.0;
/// The same in usual days: the few tickets of a topic out of season say little of the season that comes.
const PRIOR_DAYS: f64 = 0.25;
/// Tickets that a cell's topic and district count for.
const PRIOR_POOLED: f64 = 10.0;
const FLOOR: f64 = 0.02;

/// Levels r_H of one series at one origin, one per half-life.
pub type Levels = [f64; 4];

/// Exponentially weighted sums of counts and fitted means at one origin, one pair per half-life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sums {
    counts: [f64; 4],
    means: [f64; 4],
    /// Mean fitted count of a day over the filter's whole run.
    usual: f64,
}

impl Sums {
    /// Levels of a series that stands on its own.
    pub fn alone(&self) -> Levels {
        let prior = PRIOR_ALONE.max(PRIOR_DAYS * self.usual);
        std::array::from_fn(|k| ((self.counts[k] + prior) / (self.means[k] + prior)).max(FLOOR))
    }

    /// Levels of a cell, pulled to what its topic and district say together.
    pub fn pooled(&self, topic: &Levels, district: &Levels, total: &Levels) -> Levels {
        std::array::from_fn(|k| {
            let expected = (topic[k] * district[k] / total[k]).clamp((-2.0_f64).exp(), 2.0_f64.exp());
            (self.counts[k] + PRIOR_POOLED * expected) / (self.means[k] + PRIOR_POOLED)
        })
    }
}

/// Factor on the profile at `lead` days after the origin.
pub fn factor(levels: &Levels, lead: usize) -> f64 {
    let fast = (levels[0] + levels[1] + levels[2]) / 3.0;
    let beyond = lead.saturating_sub(FAST_DAYS) as f64;
    let weight = (-beyond / DRIFT_DAYS).exp();
    weight * fast + (1.0 - weight) * levels[SLOW]
}

/// Runs the level filter over the days of a series up to each of `origins` (ascending; a profile fitted at or before the
/// first of them) and returns the sums at each.
pub fn filter(design: &Design, y: &[f32], beta: &[f64], fitted_at: usize, origins: &[usize]) -> Vec<Sums> {
    let (Some(&first), Some(&last)) = (origins.first(), origins.last()) else { return Vec::new() };
    let from = first.saturating_sub(WARM_UP).max(begin(&y[..=first]));
    let means: Vec<f64> = (from..=last).map(|t| glm::mean(design, t, beta)).collect();
    let alpha = dispersion(&y[from..=fitted_at.max(from)], &means);
    let decay = HALF_LIVES.map(decay_of);
    let slow = decay_of(WINSOR_HALF_LIFE);
    let usual = means.iter().sum::<f64>() / means.len().max(1) as f64;
    let mut sums = Sums { counts: [0.0; 4], means: [0.0; 4], usual };
    let (mut a, mut b) = (0.0, 0.0);
    let mut out = Vec::with_capacity(origins.len());
    let mut next = origins.iter().peekable();
    for (t, mu) in (from..=last).zip(&means) {
        let count = f64::from(y[t]);
        let known = !count.is_nan();
        let expected = mu * (a + 2.0) / (b + 2.0);
        let reach = 4.0 * (expected + alpha * expected * expected).sqrt();
        let (count, mu) = if known {
            (count.clamp((expected - reach).max(0.0), expected + reach), *mu)
        } else {
            (0.0, 0.0)
        };
        (a, b) = (a * slow + count, b * slow + mu);
        for ((c, m), decay) in sums.counts.iter_mut().zip(&mut sums.means).zip(decay) {
            (*c, *m) = (*c * decay + count, *m * decay + mu);
        }
        while next.next_if_eq(&&t).is_some() {
            out.push(sums);
        }
    }
    out
}

/// The day of the first ticket, from which the profile was fitted: the days before it say nothing of a series that is
/// new. 0 where so few tickets came since that their first day says nothing either.
fn begin(y: &[f32]) -> usize {
    let first = y.iter().position(|count| *count > 0.0).unwrap_or(0);
    let known = y[first..].iter().filter(|count| !count.is_nan());
    let count: f64 = known.map(|count| f64::from(*count)).sum();
    if count < glm::MIN_COUNT { 0 } else { first }
}

/// Factor on yesterday's weight for a half-life in days.
pub fn decay_of(half_life: f64) -> f64 {
    (-std::f64::consts::LN_2 / half_life).exp()
}

/// Moment estimate of alpha over the last year before the profile's origin.
pub fn dispersion(y: &[f32], means: &[f64]) -> f64 {
    let skip = y.len().saturating_sub(DISPERSION_DAYS);
    let days = || y.iter().zip(means).skip(skip).filter(|(count, _)| !count.is_nan());
    alpha_within_reach(|| days().map(|(count, mean)| (f64::from(*count), *mean)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Calendar;

    fn flat_design(days: usize) -> (Design, Vec<f64>) {
        let start = chrono::NaiveDate::from_ymd_opt(2023, 1, 2).unwrap();
        let design = Design::new(start, days, &Calendar::new());
        let mut beta = vec![0.0; design.kinds().len()];
        beta[0] = 10.0_f64.ln();
        (design, beta)
    }

    #[test]
    fn a_lasting_change_becomes_the_level_and_a_burst_does_not() {
        let (design, beta) = flat_design(400);
        let mut y = vec![10.0_f32; 400];
        y[340..].fill(20.0);
        let level = filter(&design, &y, &beta, 300, &[399])[0].alone();
        assert!(factor(&level, 1) > 1.8, "{level:?}");
        let mut burst = vec![10.0_f32; 400];
        burst[399] = 500.0;
        let level = filter(&design, &burst, &beta, 300, &[399])[0].alone();
        assert!(factor(&level, 1) < 1.15, "{level:?}");
    }

    #[test]
    fn the_dead_season_is_not_carried_into_the_next() {
        let (design, mut beta) = flat_design(400);
        beta[0] = 100.0_f64.ln();
        let mut sums = filter(&design, &[100.0; 400], &beta, 300, &[399])[0];
        // The profile saw one ticket in the last weeks, and it did not come.
        sums.counts = [0.0; 4];
        sums.means = [1.0; 4];
        assert!(factor(&sums.alone(), 1) > 0.9, "{:?}", sums.alone());
    }

    #[test]
    fn missing_days_leave_the_level_where_it_was() {
        let (design, beta) = flat_design(400);
        let mut y = vec![15.0_f32; 400];
        y[380..].fill(f32::NAN);
        let level = filter(&design, &y, &beta, 379, &[399])[0].alone();
        assert!((level[3] - 1.5).abs() < 0.02, "{level:?}");
    }

    #[test]
    fn long_leads_follow_the_slow_level() {
        let levels = [2.0, 2.0, 2.0, 1.0];
        assert_eq!(factor(&levels, 28), 2.0);
        assert!(factor(&levels, 300) < 1.02);
    }
}
