//! A lasting change of level: when the counts of a series began to run at another multiple of what is expected.
//!
//! Over the last `n` periods let `y` be counts and `m` what a regression that has seen none of them expects. For a
//! changepoint `k` the likelihood ratio of two levels against one, under Poisson counts with dispersion `phi`, is
//! `Z(k)^2 = 2 [A ln(A / (r a)) + B ln(B / (r b))] / phi` with `B`, `b` the sums of `y` and `m` before `k`, `A`, `a` those
//! from `k` on, and `r = (A + B) / (a + b)`. The changepoint is where it is largest, and the largest of many is judged by
//! R. Miller and D. Siegmund, *Maximally selected chi square statistics*, Biometrics 1982:
//! `P(max Z > z) = f(z) [(z - 1/z) ln(t2 (1 - t1) / (t1 (1 - t2))) + 4/z]`, `f` the normal density, `t1` and `t2` the shares of
//! the expected counts before the first and the last candidate. The dates within `x = -ln(1 - sqrt(0.95))` of the largest
//! log likelihood form its interval (Y.-C. Yao, *Approximating the distribution of the maximum likelihood estimate of the
//! change-point*, Ann. Stat. 1987: both sides of the peak are walks whose maximum is exponential).
//!
//! `phi` holds more than the scatter of days, because levels drift: it is measured on the log ratios of neighbouring
//! four-week blocks of the past, `d^2 / (1/a + 1/b)`, without the twentieth that is furthest off.
//!
//! It is itself uncertain, so that Z is rather Student's t with as many degrees of freedom as the blocks are worth
//! (neighbouring differences share a block: two thirds of their number); it is brought to the normal scale by
//! `Z (1 - 1/(4 d)) / sqrt(1 + Z^2/(2 d))`.
//!
//! A rise that grows, and a burst within the last days, are no level: the change must hold, at half its size or more, in
//! the first half and in the second half of the time since, and a changepoint at the edge of the candidates is not
//! known yet to last.
use std::ops::Range;

use super::Baseline;
use super::baseline::trimmed_mean;
use crate::numeric::normal::upper_tail;

/// Log likelihood below the largest that is still within the 95 % interval of the date.
const INTERVAL: f64 = 3.676;
/// Length of the blocks that drift is measured on.
const BLOCK: usize = 28;
/// Blocks looked back at most.
const BLOCKS: usize = 52;

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Search {
    /// Periods looked at: the regression must not have seen them.
    pub periods: usize,
    /// Periods before the first candidate, at least.
    pub before: usize,
    /// Periods since the last candidate, at least.
    pub since: usize,
}

impl Default for Search {
    /// Twenty weeks of days, six of them before the change and two since.
    fn default() -> Self {
        Self { periods: 140, before: 42, since: 14 }
    }
}

/// A change of level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// First period at the new level.
    pub at: usize,
    /// Earliest and latest period in the 95 % interval of `at`.
    pub interval: (usize, usize),
    /// Counts a period before, from the beginning of the search.
    pub before: f64,
    /// Counts a period since.
    pub after: f64,
    /// Level since over level before, seasons and weekdays taken out.
    pub ratio: f64,
    /// Counts since.
    pub observed: f64,
    /// Counts expected since at the level before.
    pub expected: f64,
    /// Standard error of the logarithm of the ratio.
    pub error: f64,
    /// Signed largest Z; negative for a fall.
    pub z: f64,
    /// P(a Z so large anywhere | no change), two-sided.
    pub p_value: f64,
    /// |Z| that is passed with the probability asked for.
    pub bound: f64,
}

/// Sums of counts and expected counts over known periods.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    y: f64,
    m: f64,
    n: f64,
}

impl Sums {
    fn of(series: &[f32], means: &[f64], range: Range<usize>) -> Self {
        let known = range.filter(|t| !series[*t].is_nan());
        known.fold(Self::default(), |s, t| Self {
            y: s.y + f64::from(series[t]),
            m: s.m + means[t],
            n: s.n + 1.0,
        })
    }

    /// Logarithm of the level; half a count stands for none.
    fn level(&self) -> f64 {
        ((self.y + 0.5) / (self.m + 0.5)).ln()
    }
}

/// The most likely change of level of `series` in its last periods, whether or not it is significant at `alpha`; `None`
/// where counts are missing or few, or the change does not hold over the time since.
///
/// `baseline` must have seen all but the last `search.periods` periods and no more.
pub fn shift(baseline: &Baseline, series: &[f32], search: Search, alpha: f64) -> Option<Shift> {
    let (n, means) = (series.len(), baseline.means());
    let first = n.checked_sub(search.periods)?;
    let (phi, freedom) = drift(series, means, first)?;
    let total = Sums::of(series, means, first..n);
    let mut before = Sums::of(series, means, first..first + search.before);
    let candidates = first + search.before..n - search.since;
    let shares = (before.m / total.m, Sums::of(series, means, first..candidates.end).m / total.m);
    let mut logs = Vec::with_capacity(candidates.len());
    for k in candidates.clone() {
        logs.push(log_likelihood(before, total) / phi);
        let next = Sums::of(series, means, k..k + 1);
        before = Sums { y: before.y + next.y, m: before.m + next.m, n: before.n + next.n };
    }
    let best = (0..logs.len()).max_by(|a, b| logs[*a].total_cmp(&logs[*b]))?;
    let at = candidates.start + best;
    if best == 0 || best + 1 == logs.len() || !holds(series, means, first, at) {
        return None;
    }
    let (old, new) = (Sums::of(series, means, first..at), Sums::of(series, means, at..n));
    let within = |i: &usize| logs[*i] >= logs[best] - INTERVAL;
    let interval = (
        candidates.start + (0..logs.len()).find(within)?,
        candidates.start + (0..logs.len()).rev().find(within)?,
    );
    let change = new.level() - old.level();
    let t = (2.0 * logs[best]).max(0.0).sqrt();
    let z = t * (1.0 - 0.25 / freedom) / (1.0 + 0.5 * t * t / freedom).sqrt();
    let wider = if z > 0.0 { t / z } else { 1.0 };
    Some(Shift {
        at,
        interval,
        before: old.y / old.n.max(1.0),
        after: new.y / new.n.max(1.0),
        ratio: change.exp(),
        observed: new.y,
        expected: new.m * old.level().exp(),
        error: wider * (phi * (1.0 / old.m + 1.0 / new.m) / old.level().exp()).sqrt(),
        z: z.copysign(change),
        p_value: p_of_largest(z, shares),
        bound: largest_normal(alpha, shares),
    })
}

/// Half of Z^2 times the dispersion.
fn log_likelihood(before: Sums, total: Sums) -> f64 {
    let (y, m) = (total.y - before.y, total.m - before.m);
    let level = total.y / total.m;
    let part = |y: f64, m: f64| if y > 0.0 { y * (y / (level * m)).ln() } else { 0.0 };
    let log = part(before.y, before.m) + part(y, m);
    if log.is_finite() { log.max(0.0) } else { 0.0 }
}

/// Dispersion of the levels of four-week blocks before `until`, at least 1, and its degrees of freedom.
fn drift(series: &[f32], means: &[f64], until: usize) -> Option<(f64, f64)> {
    let ends = (0..BLOCKS).map_while(|i| until.checked_sub(i * BLOCK)).filter(|end| *end >= BLOCK);
    let blocks: Vec<Sums> = ends.map(|end| Sums::of(series, means, end - BLOCK..end)).collect();
    let steps = blocks.windows(2).filter(|w| w[0].n > 0.0 && w[1].n > 0.0 && w[0].m > 0.5 && w[1].m > 0.5);
    let squares: Vec<f64> =
        steps.map(|w| (w[0].level() - w[1].level()).powi(2) / (1.0 / w[0].m + 1.0 / w[1].m)).collect();
    // Of a year of blocks the mean itself is all there is to have.
    let mean = squares.iter().sum::<f64>() / squares.len().max(1) as f64;
    let freedom = squares.len() as f64 / 1.5;
    (squares.len() >= 8).then(|| (trimmed_mean(squares).unwrap_or(mean).max(1.0), freedom))
}

/// Whether the change at `at` is there in both halves of the time since, at half its size or more.
fn holds(series: &[f32], means: &[f64], first: usize, at: usize) -> bool {
    let old = Sums::of(series, means, first..at).level();
    let middle = usize::midpoint(at, series.len());
    let whole = Sums::of(series, means, at..series.len()).level() - old;
    [at..middle, middle..series.len()].into_iter().all(|half| {
        let part = Sums::of(series, means, half);
        part.n > 0.0 && (part.level() - old) / whole >= 0.5
    })
}

/// P(the largest |Z| of the candidates > z), at most 1.
fn p_of_largest(z: f64, (t1, t2): (f64, f64)) -> f64 {
    if z < 1.0 {
        return 1.0;
    }
    let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    let odds = (t2 * (1.0 - t1)) / (t1 * (1.0 - t2));
    let p = density * ((z - 1.0 / z) * odds.max(1.0).ln() + 4.0 / z);
    // One candidate alone is never less surprising than the largest of many.
    p.clamp(2.0 * upper_tail(z), 1.0).max(1e-14)
}

/// The Z whose probability is `alpha`.
fn largest_normal(alpha: f64, shares: (f64, f64)) -> f64 {
    let (mut low, mut high) = (1.0, 12.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if p_of_largest(middle, shares) > alpha { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Normal, Poisson};

    use super::*;
    use crate::calendar::Calendar;
    use crate::hotspot::{Detector, Frequency, Prepared};

    const DAYS: usize = 1200;

    fn prepared() -> Prepared {
        let start = NaiveDate::from_ymd_opt(2021, 1, 4).unwrap();
        Detector::new(Frequency::Daily, 0.005).unwrap().prepare(start, DAYS, &Calendar::new())
    }

    /// Poisson counts around a mean that wanders with a memory of five days, times what `factor` says of a day.
    fn series(rng: &mut ChaCha8Rng, mean: f64, factor: impl Fn(usize) -> f64) -> Vec<f32> {
        let step = Normal::new(0.0, 0.04).unwrap();
        let mut mood = 0.0;
        (0..DAYS)
            .map(|t| {
                mood = 0.8 * mood + step.sample(rng);
                Poisson::new(mean * f64::exp(mood) * factor(t)).unwrap().sample(rng) as f32
            })
            .collect()
    }

    fn judge(prepared: &Prepared, series: &[f32]) -> Option<Shift> {
        let search = Search::default();
        let baseline = prepared.baseline(series, DAYS - search.periods, &[])?;
        shift(&baseline, series, search, 0.005)
    }

    #[test]
    fn a_shift_of_weeks_ago_is_found_with_its_date_and_size() {
        let (prepared, mut rng) = (prepared(), ChaCha8Rng::seed_from_u64(1));
        let (mut covered, mut found) = (0, 0);
        for (i, ratio) in [1.6, 0.55, 2.0].into_iter().cycle().take(60).enumerate() {
            let at = DAYS - 20 - i % 40;
            let series = series(&mut rng, 8.0, |t| if t >= at { ratio } else { 1.0 });
            let Some(shift) = judge(&prepared, &series).filter(|s| s.p_value < 0.005) else { continue };
            found += 1;
            assert!((shift.z > 0.0) == (ratio > 1.0) && (shift.ratio / ratio).ln().abs() < 0.4, "{shift:?}");
            assert!(shift.z.abs() > shift.bound);
            covered += usize::from((shift.interval.0..=shift.interval.1).contains(&at));
        }
        assert!(found >= 54, "{found}");
        assert!(covered * 100 >= found * 88, "{covered} of {found}");
    }

    #[test]
    fn quiet_series_shift_no_more_often_than_nominal() {
        let (prepared, mut rng) = (prepared(), ChaCha8Rng::seed_from_u64(2));
        let n = 400;
        let at = |alpha: f64, p: &[f64]| p.iter().filter(|p| **p < alpha).count();
        let p: Vec<f64> = (0..n)
            .filter_map(|i| judge(&prepared, &series(&mut rng, [2.0, 8.0, 40.0, 150.0][i % 4], |_| 1.0)))
            .map(|s| s.p_value)
            .collect();
        assert!(at(0.05, &p) <= 28 && at(0.005, &p) <= 5, "{} {} of {n}", at(0.05, &p), at(0.005, &p));
    }

    #[test]
    fn neither_a_growing_rise_nor_a_burst_is_a_level() {
        let (prepared, mut rng) = (prepared(), ChaCha8Rng::seed_from_u64(3));
        let growing = |t: usize| if t + 10 >= DAYS { 1.0 + 5.0 * (t + 11 - DAYS) as f64 / 10.0 } else { 1.0 };
        let burst = |t: usize| if (DAYS - 24..DAYS - 20).contains(&t) { 6.0 } else { 1.0 };
        for _ in 0..10 {
            let rise = judge(&prepared, &series(&mut rng, 8.0, growing));
            assert!(rise.is_none_or(|s| s.p_value > 0.005), "{rise:?}");
            let past = judge(&prepared, &series(&mut rng, 8.0, burst));
            assert!(past.is_none_or(|s| s.p_value > 0.005), "{past:?}");
        }
    }

    #[test]
    fn a_known_shift_ends_the_spikes_on_it() {
        let (prepared, mut rng) = (prepared(), ChaCha8Rng::seed_from_u64(4));
        let at = DAYS - 20;
        let series = series(&mut rng, 300.0, |t| if t >= at { 1.9 } else { 1.0 });
        let spikes = |factors: &[f64]| {
            let judged = prepared.judge_knowing(&series, DAYS - 12, factors);
            judged.iter().flatten().filter(|j| j.p_value < 0.005).count()
        };
        let found = judge(&prepared, &series).unwrap();
        let factors: Vec<f64> = (0..DAYS).map(|t| if t >= found.at { found.ratio } else { 1.0 }).collect();
        let (without, with) = (spikes(&[]), spikes(&factors));
        assert!(without >= 10 && with <= 4, "{without} {with}");
    }
}
