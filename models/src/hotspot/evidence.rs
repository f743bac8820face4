//! How surprising a count is: tail probability under the expected distribution, joined with last period's.
//!
//! The tail is the mid-p, `P(X > y) + P(X = y) / 2`, of a negative binomial whose variance holds the spread of
//! counts and the uncertainty of the fitted mean; the uncertainty of the dispersion enters by a three-point
//! mixture. A week of slight excess after another week of slight excess is stronger than either: the weighted
//! harmonic mean of the one-period and the two-period probability keeps both its validity and most of the power
//! of the better one (D. Wilson, *The harmonic mean p-value*, PNAS 2019).
//!
//! Constants are those of the surveillance study this detector follows: lag weight 0.7, equal weights of the two
//! probabilities, factor 0.9 that sets the nominal level, cap of last period's score at 3, and no alarm of a
//! period that is not itself high (one-period p at least 0.1) on last period's spike.
//!
//! Days have windows of one, three, seven and fourteen days instead ([`Days`]): a rise that lasts a fortnight is seldom
//! high on any one day. Real days are not independent, because what no calendar explains lasts for days; how much more
//! their sums vary for it is measured on the past of each series. On the São Paulo hotline of 2018 (`examples/calibration`)
//! cells of 2 to 10 tickets a day fell below .005 6.0 times as often as that without it and topics 16 times; with it, and
//! a level that is as uncertain as levels are ([`super::level`]), 2.3 and 1.5 times.
use crate::intervals::NegativeBinomial;
use crate::numeric::normal::upper_tail;

/// Weight of last period's score in the two-period score.
const LAG: f64 = 0.7;
/// Weight of the one-period probability in the harmonic mean.
const SHARE: f64 = 0.5;
/// Calibration of the harmonic mean to its nominal level.
const CALIBRATION: f64 = 0.9;
/// Cap on last period's score.
const LAG_CAP: f64 = 3.0;
/// A period with a one-period probability above this cannot gain from last period's evidence.
const GATE: f64 = 0.1;

/// Days that a window of days may hold besides the newest.
const BEFORE: usize = 13;
/// Lengths of the windows of days. On the simulated syndromes of `examples/syndromes` they find 71 % of the outbreak days
/// at a specificity of 95 %; one, two, three and seven days found 65 %, the day and the one before, which was the rule for
/// days too, 48 %. On the São Paulo hotline (`examples/injections`, 40 rises each) rises of four standard deviations over
/// five days were found in 62 % instead of 47 %, slow ones over two weeks in 60 % instead of 45 %, at equal false alarms.
const WINDOWS: [usize; 4] = [1, 3, 7, 14];
/// Lengths of the windows that hold more than the newest day.
pub(super) const LONGER: [usize; 3] = [WINDOWS[1], WINDOWS[2], WINDOWS[3]];
/// Calibration of the harmonic mean over the windows of days to its nominal level.
const DAYS_CALIBRATION: f64 = 0.9;
/// A day with a one-day probability above this cannot gain from the days before.
const DAYS_GATE: f64 = 0.5;

/// What is expected of a period, with what is not known about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Predictive {
    /// Expected count.
    pub mean: f64,
    /// Variance of the estimated mean over its square.
    pub relative_variance: f64,
    /// Variance over mean of counts, at least 1.
    pub phi: f64,
    /// Mean over the history of 1 / expected count; together with `phi` it gives the kurtosis of the counts.
    pub inverse_mean: f64,
    /// Effective number of periods `phi` was estimated from.
    pub n_eff: f64,
    /// How many times the variance of independent days the sums over [`LONGER`] days have, at least 1.
    pub inflation: [f64; LONGER.len()],
}

/// A mixture of one or three negative binomials.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tail {
    parts: [(f64, NegativeBinomial); 3],
    len: usize,
}

impl Predictive {
    /// The distribution to hold the count against, with the uncertainty of mean and dispersion in it.
    pub(super) fn tail(&self) -> Tail {
        let phi = self.phi.max(1.0);
        // Mean excess kurtosis of the counts, and from it the variance of log(phi estimate).
        let kurtosis = (6.0 * (phi - 1.0) + 1.0 / phi) * self.inverse_mean;
        let variance = (2.0 + kurtosis) / self.n_eff.max(1.0);
        // The robust weights trim honest skewed tails too, most where counts are small and dispersed.
        let corrected = phi * (1.0 + 0.04 * (kurtosis.sqrt() - 1.0).max(0.0));
        // Overdispersion within its own noise is none.
        let phi = if corrected < 1.0 + variance.sqrt() { 1.0 } else { corrected };
        let part = |weight: f64, phi: f64| (weight, self.distribution(phi.max(1.0)));
        if variance < 0.01 {
            return Tail { parts: [part(1.0, phi); 3], len: 1 };
        }
        let spread = (3.0 * variance).sqrt().exp();
        let parts = [part(2.0 / 3.0, phi), part(1.0 / 6.0, phi * spread), part(1.0 / 6.0, phi / spread)];
        Tail { parts, len: 3 }
    }

    fn distribution(&self, phi: f64) -> NegativeBinomial {
        let variance =
            (self.mean * phi + self.mean * self.mean * self.relative_variance).max(1.0005 * self.mean);
        NegativeBinomial::new(self.mean, (variance - self.mean) / (self.mean * self.mean))
    }
}

impl Tail {
    /// One-period probability of a count at least as high as `y` (mid-p).
    pub(super) fn mid_p(&self, y: u64) -> f64 {
        let parts = self.parts[..self.len].iter();
        let p: f64 = parts.map(|(weight, nb)| weight * (nb.upper_tail(y) - 0.5 * nb.pmf(y))).sum();
        p.clamp(1e-14, 1.0 - 1e-9)
    }

    /// Largest standard deviation of the parts, a step for searches.
    fn step(&self) -> u64 {
        let widest = self.parts[..self.len].iter().map(|(_, nb)| nb.variance().sqrt()).fold(1.0, f64::max);
        widest.min(1e15) as u64
    }

    /// The largest count whose probability `p(count)`, which falls with the count, is still at least `alpha`.
    pub(super) fn largest_normal(&self, alpha: f64, p: impl Fn(u64) -> f64) -> u64 {
        let mean = self.parts[0].1.mean();
        let (mut low, mut high) = (mean as u64, mean as u64 + 2 * self.step());
        while p(high) >= alpha {
            (low, high) = (high, high + self.step());
        }
        if p(low) < alpha {
            return low;
        }
        // p(low) >= alpha > p(high)
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if p(middle) >= alpha { low = middle } else { high = middle }
        }
        low
    }
}

/// Normal score of a one-period probability, kept for the next period.
pub(super) fn score(p: f64) -> f64 {
    std::f64::consts::SQRT_2 * statrs::function::erf::erfc_inv(2.0 * p)
}

/// Joins the one-period probability `p` with the score of the period before (0 where there is none).
pub(super) fn joined(p: f64, previous: f64) -> f64 {
    let previous = previous.clamp(-LAG_CAP, LAG_CAP);
    let two = upper_tail((score(p) + LAG * previous) / (1.0 + LAG * LAG).sqrt()).max(1e-300);
    let harmonic = CALIBRATION / (SHARE / p + (1.0 - SHARE) / two);
    if p < GATE { harmonic } else { harmonic.max(p) }
}

/// The evidence of one day.
#[derive(Debug, Clone, Copy, Default)]
struct OfDay {
    /// Normal score of the count, capped.
    score: f64,
    /// Standard deviation of the count, as far as it is Poisson: how much the day counts in a window.
    weight: f64,
    /// Square root of the share of the score's variance that the days of a window have in common, because it is that
    /// of the estimated mean.
    common: f64,
}

impl OfDay {
    fn new(p: f64, expected: &Predictive) -> Self {
        let estimated = expected.relative_variance * expected.mean;
        let common = (estimated / (expected.phi.max(1.0) + estimated)).sqrt();
        Self { score: score(p), weight: expected.mean.sqrt(), common }
    }
}

/// The evidence of the newest days, newest first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Days([OfDay; BEFORE]);

impl Days {
    /// Takes note of a day with the one-day probability `p`.
    pub(super) fn push(&mut self, p: f64, expected: &Predictive) {
        let day = OfDay::new(p, expected);
        self.shift(OfDay { score: day.score.clamp(-LAG_CAP, LAG_CAP), ..day });
    }

    /// Takes note of a day without a count: it has no weight.
    pub(super) fn skip(&mut self) {
        self.shift(OfDay::default());
    }

    fn shift(&mut self, newest: OfDay) {
        self.0.rotate_right(1);
        self.0[0] = newest;
    }

    /// Joins the one-day probability `p` with the days before: the harmonic mean over the windows.
    ///
    /// The score of a window is `sum w z / sqrt(k [sum w^2 (1 - c^2) + (sum w c)^2])` with the days' scores z, weights w
    /// and common parts c, and k the inflation of sums over so many days.
    pub(super) fn joined(&self, p: f64, expected: &Predictive) -> f64 {
        let newest = OfDay::new(p, expected);
        let (mut sum, mut own, mut common) = (0.0, 0.0, 0.0);
        let (mut inverse, mut windows) = (0.0, WINDOWS.iter().peekable());
        let mut inflation = std::iter::once(1.0).chain(expected.inflation);
        for (i, day) in std::iter::once(&newest).chain(&self.0).enumerate() {
            sum += day.weight * day.score;
            own += day.weight.powi(2) * (1.0 - day.common.powi(2));
            common += day.weight * day.common;
            if windows.next_if_eq(&&(i + 1)).is_some() {
                let variance = (own + common.powi(2)) * inflation.next().unwrap_or(1.0);
                inverse += 1.0 / upper_tail(sum / variance.sqrt()).max(1e-300);
            }
        }
        let harmonic = (DAYS_CALIBRATION * WINDOWS.len() as f64 / inverse).min(1.0);
        if p < DAYS_GATE { harmonic } else { harmonic.max(p) }
    }
}
