//! Expected sums over windows of periods, and how far sums of that length usually stray from them.
//!
//! A single day says little of a small cell; two days or a week say more. The spread of such a sum is not that of
//! independent days, because what no calendar explains lasts for days. So it is measured: every past window of the
//! same length is forecast as the judged one is, from the level known at its beginning, and
//! `phi = mean of (sum - expected)^2 / expected` over them, without the twentieth that is furthest off (past
//! outbreaks), corrected for what a normal distribution loses by that. The sum is then negative binomial with
//! variance `phi m + v m^2`, with `v` the variance of the estimated mean over its square.
use std::ops::Range;

use super::robust_glm::RobustGlm;
use crate::intervals::NegativeBinomial;

/// Past windows that the spread is measured on at most.
const WINDOWS: usize = 150;
/// Past windows that it needs.
const FEWEST: usize = 20;
/// Share of the windows that is kept, and what it keeps of the variance of a normal distribution:
/// `1 - 2 z f(z) / 0.95` at z = 1.96.
const KEPT: (f64, f64) = (0.95, 0.7589);

/// What the regression expects of a series, from its first periods alone; see [`super::Prepared::baseline`].
#[derive(Debug, Clone)]
pub struct Baseline {
    /// By the regression, one a period.
    means: Vec<f64>,
    /// The same times the level that was known before each period.
    levelled: Vec<f64>,
    /// Periods it was fitted to.
    known: usize,
    /// Variance of the mean over its square after the last known period.
    relative_variance: f64,
}

/// A sum over some periods beside what was expected of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Sum of the counts.
    pub observed: f64,
    /// Expected sum.
    pub expected: f64,
    /// Variance over mean of such sums, at least 1.
    pub phi: f64,
    /// Variance of the expected sum over its square.
    pub relative_variance: f64,
}

impl Baseline {
    pub(super) fn new<const K: usize>(
        glm: &RobustGlm<K>,
        series: &[f32],
        known: usize,
        factors: &[f64],
    ) -> Self {
        let mut fitted = glm.fit(&series[..known], factors);
        let next = known.min(series.len().saturating_sub(1));
        let predicted = glm.predict(&fitted, next);
        let levelled = fitted.means().1.to_vec();
        // The regression runs on over the periods it has not seen; their level is that of the last known one.
        let mut unseen = series.to_vec();
        unseen[known..].fill(f32::NAN);
        glm.follow(&mut fitted, &unseen);
        let means = fitted.means().0.to_vec();
        let level = if next < known { 1.0 } else { predicted.mean / means[next] };
        let ahead = means[known..].iter().map(|m| m * level).collect::<Vec<_>>();
        Self {
            levelled: [levelled, ahead].concat(),
            means,
            known,
            relative_variance: predicted.relative_variance,
        }
    }

    /// Expected counts by the regression alone, one a period, without the local level.
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// Expected counts at the local level; beyond the known periods that of the last of them.
    pub fn expected(&self) -> &[f64] {
        &self.levelled
    }

    /// The sum of `series` over those of the periods `window` that count (`counts(t)`) and are known, beside what was
    /// expected; `None` where none is, or the past holds too few windows of that length to know their spread.
    pub fn window(
        &self,
        series: &[f32],
        window: Range<usize>,
        counts: impl Fn(usize) -> bool,
    ) -> Option<Window> {
        let (observed, expected, n) = self.sum(series, window, &counts)?;
        Some(Window {
            observed,
            expected,
            phi: self.spread(series, n, &counts)?,
            relative_variance: self.relative_variance,
        })
    }

    /// Standardised residuals of the sums over past windows of `length` periods, newest first; NaN where a window has a
    /// missing period. Windows of two baselines of one panel with the same known periods lie on the same days.
    pub fn residuals(&self, series: &[f32], length: usize) -> Vec<f64> {
        let ends =
            (0..WINDOWS).map_while(|i| self.known.checked_sub(i * length)).filter(|e| *e > length + 30);
        ends.map(|end| {
            let from = end - length;
            let level = self.levelled[from] / self.means[from];
            let expected: f64 = self.means[from..end].iter().sum::<f64>() * level;
            let observed: f64 = series[from..end].iter().map(|y| f64::from(*y)).sum();
            (observed - expected) / expected.sqrt()
        })
        .collect()
    }

    fn sum(
        &self,
        series: &[f32],
        window: Range<usize>,
        counts: &impl Fn(usize) -> bool,
    ) -> Option<(f64, f64, usize)> {
        let (mut observed, mut expected, mut n) = (0.0, 0.0, 0);
        for t in window.filter(|t| *t < series.len() && !series[*t].is_nan() && counts(*t)) {
            observed += f64::from(series[t]);
            expected += self.levelled[t];
            n += 1;
        }
        (n > 0).then_some((observed, expected, n))
    }

    /// Variance over mean of sums over `length` periods, at least 1.
    fn spread(&self, series: &[f32], length: usize, counts: &impl Fn(usize) -> bool) -> Option<f64> {
        let residuals = self.residuals(series, length);
        let normal = |i: &usize| (self.known - (i + 1) * length..self.known - i * length).all(counts);
        let squares = residuals.iter().enumerate().filter(|(i, r)| r.is_finite() && normal(i));
        trimmed_mean(squares.map(|(_, r)| r * r).collect()).map(|phi| phi.max(1.0))
    }
}

/// Mean of squared normal residuals without the largest twentieth of them; `None` of too few.
pub(super) fn trimmed_mean(mut squares: Vec<f64>) -> Option<f64> {
    if squares.len() < FEWEST {
        return None;
    }
    squares.sort_by(f64::total_cmp);
    let kept = (KEPT.0 * squares.len() as f64) as usize;
    Some(squares[..kept].iter().sum::<f64>() / kept as f64 / KEPT.1)
}

impl Window {
    /// P(a sum at most as large | as expected), mid-p.
    pub fn lower_p(&self) -> f64 {
        let nb = self.distribution();
        let y = self.observed.max(0.0) as u64;
        (nb.cdf(y) - 0.5 * nb.pmf(y)).clamp(1e-14, 1.0)
    }

    /// P(a sum at least as large | as expected), mid-p.
    pub fn upper_p(&self) -> f64 {
        let nb = self.distribution();
        let y = self.observed.max(0.0) as u64;
        (nb.upper_tail(y) - 0.5 * nb.pmf(y)).clamp(1e-14, 1.0)
    }

    /// The sums that are exceeded, or fallen below, with probability `alpha` each: (lower, upper).
    pub fn bounds(&self, alpha: f64) -> (f64, f64) {
        let [low, high] = self.distribution().quantiles([alpha, 1.0 - alpha]);
        (low as f64, high as f64)
    }

    /// The distribution of the sum if nothing unusual happens.
    pub fn distribution(&self) -> NegativeBinomial {
        let m = self.expected.max(1e-9);
        NegativeBinomial::new(m, (self.phi - 1.0) / m + self.relative_variance)
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Gamma, Poisson};

    use crate::calendar::Calendar;
    use crate::hotspot::{Detector, Frequency};

    fn counts(rng: &mut impl Rng, mean: f64, days: usize) -> Vec<f32> {
        let spread = Gamma::new(8.0, 1.0 / 8.0).unwrap();
        let day = |t: usize| mean * if t % 7 > 4 { 0.5 } else { 1.0 };
        (0..days).map(|t| Poisson::new(day(t) * spread.sample(rng)).unwrap().sample(rng) as f32).collect()
    }

    #[test]
    fn sums_of_quiet_weeks_have_uniform_probabilities() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let start = NaiveDate::from_ymd_opt(2022, 1, 3).unwrap();
        let days = 1000;
        let prepared = Detector::new(Frequency::Daily, 0.005).unwrap().prepare(start, days, &Calendar::new());
        let (mut low, mut high, mut all) = (0, 0, 0);
        for i in 0..240 {
            let series = counts(&mut rng, [3.0, 12.0, 60.0][i % 3], days);
            let baseline = prepared.baseline(&series, days - 7, &[]).unwrap();
            let week = baseline.window(&series, days - 7..days, |_| true).unwrap();
            low += usize::from(week.lower_p() < 0.1);
            high += usize::from(week.upper_p() < 0.1);
            all += 1;
            assert!((week.lower_p() + week.upper_p() - 1.0).abs() < 1e-6);
        }
        // 24 of 240 are expected, give or take 4.6.
        assert!((10..=38).contains(&low) && (10..=38).contains(&high), "{low} {high} of {all}");
    }

    #[test]
    fn what_is_after_the_known_periods_does_not_enter() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let start = NaiveDate::from_ymd_opt(2022, 1, 3).unwrap();
        let mut series = counts(&mut rng, 20.0, 600);
        let prepared = Detector::new(Frequency::Daily, 0.005).unwrap().prepare(start, 600, &Calendar::new());
        let before = prepared.baseline(&series, 590, &[]).unwrap();
        series[590..].fill(500.0);
        series[595] = f32::NAN;
        let after = prepared.baseline(&series, 590, &[]).unwrap();
        assert_eq!(before.expected(), after.expected());
        assert_eq!(before.expected().len(), 600);
        let window = after.window(&series, 590..600, |t| t != 591).unwrap();
        assert_eq!(window.observed, 4000.0, "neither the missing day nor the one left out");
        assert!(prepared.baseline(&series, 300, &[]).is_none(), "too short");
    }
}
