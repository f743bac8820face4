//! Nowcasting: how much of a recent day is known by now.
//!
//! Tickets of a day become known over the days after it. The *reporting triangle* counts them by their day and by the
//! day they arrived. A lag is counted from the first reading of the source after the day: what is read after a pause was
//! not late, nobody had looked. With `n(d, l)` the tickets of day `d` that arrived `l` days later, the share of those known up to lag
//! `l` that came with it is `q(l) = sum n(d, l) / sum n(d, <= l)` over the days old enough to have reached the lag, shrunk to
//! 0 by a few tickets, and the share known after `l` days is `F(l) = product over j > l of (1 - q(j))`: the multiplicative
//! chain ladder (T. Mack, ASTIN Bulletin 1993) in the reverse hazards of J. Lawless (*Adjustments for reporting delays*, Can.
//! J. Stat. 1994). What is still to come of a day of which `n` are known is negative binomial with mean
//! `(n + 1/2) (1 - F) / F` (M. Höhle and M. an der Heiden, *Bayesian nowcasting during the STEC O104:H4 outbreak*, Biometrics 2014),
//! with a variance that also holds how far the share itself varies from day to day.
use std::collections::{BTreeMap, BTreeSet};

use crate::intervals::NegativeBinomial;

/// Longest delay that is looked at, in days; what arrives later is a correction of history.
pub const LONGEST: usize = 28;
/// Days of the triangle that are used: delays change.
const MEMORY: i32 = 90;
/// Tickets that the prior "nothing arrives so late" is worth.
const STRENGTH: f64 = 5.0;
/// Days of the triangle without which every day counts as complete.
const FEWEST: usize = 5;

/// Tickets of one day that arrived on one day; days as numbers of any one calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Increment {
    /// Day the tickets are of.
    pub day: i32,
    /// Day they became known.
    pub arrived: i32,
    /// How many; corrections may be negative.
    pub n: i64,
}

/// What is known of delays.
#[derive(Debug, Clone, PartialEq)]
pub struct Nowcast {
    /// Last day on which anything arrived.
    pub now: i32,
    /// Days on which anything arrived.
    reads: BTreeSet<i32>,
    /// Share known after 0, 1, … days.
    known: [f64; LONGEST + 1],
    /// Standard deviation of that share from day to day.
    spread: [f64; LONGEST + 1],
}

impl Nowcast {
    /// Learns the delays of a source from all its increments.
    ///
    /// Only days since the first arrival are used: before it, history was loaded at once and says nothing of delays.
    /// `None` where nothing arrived or too few days are known; then every day counts as complete.
    pub fn new(increments: &[Increment]) -> Option<Self> {
        let first = increments.iter().map(|i| i.arrived).min()?;
        let now = increments.iter().map(|i| i.arrived).max()?;
        let from = first.max(now - MEMORY);
        let reads: BTreeSet<i32> = increments.iter().map(|i| i.arrived).collect();
        let mut days: BTreeMap<i32, [f64; LONGEST + 1]> = BTreeMap::new();
        for i in increments.iter().filter(|i| (from..now).contains(&i.day)) {
            let lag = usize::try_from(i.arrived - first_read(&reads, i.day).unwrap_or(now)).unwrap_or(0);
            if lag <= LONGEST {
                days.entry(i.day).or_insert([0.0; LONGEST + 1])[lag] += i.n as f64;
            }
        }
        if days.len() < FEWEST {
            return None;
        }
        let age = |day: i32| first_read(&reads, day).map_or(0, |read| (now - read) as usize);
        let days: Vec<Day> = days.into_iter().map(|(day, by_lag)| Day { age: age(day), by_lag }).collect();
        let known = known(&days);
        Some(Self { now, spread: spread(&days, &known), known, reads })
    }

    /// Share of a day's tickets that is known by now, in (0, 1]; 1 for days longer ago than any delay, and for days that
    /// were not read yet, of which there is nothing to say.
    pub fn share(&self, day: i32) -> f64 {
        self.lag(day).map_or(1.0, |l| self.known[l])
    }

    /// The largest share that may be known by now: two standard deviations above [`Self::share`], at most 1. A rise is
    /// to be tested against this much of what is expected.
    pub fn largest_share(&self, day: i32) -> f64 {
        self.lag(day).map_or(1.0, |l| (self.known[l] + 2.0 * self.spread[l]).min(1.0))
    }

    /// The final number of a day of which `n` are known by now: `n` plus a value of this distribution.
    pub fn to_come(&self, day: i32, n: f64) -> NegativeBinomial {
        let Some(lag) = self.lag(day) else { return NegativeBinomial::new(0.0, 0.0) };
        let (share, spread) = (self.known[lag].max(1e-3), self.spread[lag]);
        let mean = (n + 0.5) * (1.0 - share) / share;
        let variance = mean / share + (n * spread / (share * share)).powi(2);
        NegativeBinomial::new(mean, ((variance - mean) / (mean * mean).max(1e-12)).max(0.0))
    }

    /// Mean and 95 % interval of the final number of a day of which `n` are known by now.
    pub fn final_count(&self, day: i32, n: f64) -> (f64, f64, f64) {
        let to_come = self.to_come(day, n);
        let [low, high] = to_come.quantiles([0.025, 0.975]);
        (n + to_come.mean(), n + low as f64, n + high as f64)
    }

    fn lag(&self, day: i32) -> Option<usize> {
        let read = first_read(&self.reads, day)?;
        usize::try_from(self.now - read).ok().filter(|l| *l <= LONGEST)
    }
}

/// A day of the triangle.
struct Day {
    /// Days since its first reading.
    age: usize,
    /// Tickets by lag.
    by_lag: [f64; LONGEST + 1],
}

/// The first reading after a day.
fn first_read(reads: &BTreeSet<i32>, day: i32) -> Option<i32> {
    reads.range(day + 1..).next().copied()
}

fn known(days: &[Day]) -> [f64; LONGEST + 1] {
    let mut known = [1.0; LONGEST + 1];
    for lag in (1..=LONGEST).rev() {
        let (mut with, mut up_to) = (0.0, 0.0);
        for day in days.iter().filter(|day| day.age >= lag) {
            with += day.by_lag[lag];
            up_to += day.by_lag[..=lag].iter().sum::<f64>();
        }
        let share = (with / (up_to + STRENGTH)).clamp(0.0, 0.999);
        known[lag - 1] = known[lag] * (1.0 - share);
    }
    known
}

/// How far the share known after each lag varies between the days that are complete but for what the model says.
fn spread(days: &[Day], known: &[f64; LONGEST + 1]) -> [f64; LONGEST + 1] {
    std::array::from_fn(|lag| {
        let (mut squares, mut n) = (0.0, 0.0);
        for Day { age, by_lag } in days {
            let last = (*age).min(LONGEST);
            let all = by_lag[..=last].iter().sum::<f64>() / known[last];
            // A day that has not gone on since this lag says nothing of it.
            if known[last] < 0.97 || last <= lag || all < 5.0 {
                continue;
            }
            let share = by_lag[..=lag].iter().sum::<f64>() / all;
            // Beyond what drawing `all` tickets gives.
            squares += (share - known[lag]).powi(2) - known[lag] * (1.0 - known[lag]) / all;
            n += 1.0;
        }
        if n < 2.0 { 0.0 } else { f64::max(squares / n, 0.0).sqrt() }
    })
}

#[cfg(test)]
mod tests {
    use rand::{Rng, RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Normal, Poisson};

    use super::*;

    /// Tickets of the days `-days ..= 0` and when they arrive, up to day 0: half the next day, then less; the share of
    /// the first day varies.
    fn triangle(rng: &mut impl Rng, mean: f64, days: i32) -> (Vec<Increment>, BTreeMap<i32, f64>) {
        let (mut all, mut totals) = (Vec::new(), BTreeMap::new());
        for day in -days..=0 {
            let n = Poisson::new(mean).unwrap().sample(rng) as i64;
            totals.insert(day, n as f64);
            let first = f64::clamp(0.5 + Normal::new(0.0, 0.05).unwrap().sample(rng), 0.1, 0.9);
            for _ in 0..n {
                let lag = if rng.random::<f64>() < first {
                    1
                } else {
                    2 + (-3.0 * (1.0 - rng.random::<f64>()).ln()) as i32
                };
                if day + lag <= 0 {
                    all.push(Increment { day, arrived: day + lag, n: 1 });
                }
            }
        }
        (all, totals)
    }

    #[test]
    fn the_final_number_is_unbiased_and_its_interval_covers() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut inside, mut of, mut said, mut came) = (0, 0, 0.0, 0.0);
        for _ in 0..150 {
            let (increments, totals) = triangle(&mut rng, 60.0, 80);
            let nowcast = Nowcast::new(&increments).unwrap();
            assert_eq!(nowcast.now, 0);
            for day in [-1, -2, -4] {
                let n: i64 = increments.iter().filter(|i| i.day == day).map(|i| i.n).sum();
                let (mean, low, high) = nowcast.final_count(day, n as f64);
                inside += usize::from((low..=high).contains(&totals[&day]));
                of += 1;
                said += mean;
                came += totals[&day];
            }
        }
        let coverage = inside as f64 / of as f64;
        assert!((0.92..=0.99).contains(&coverage), "{coverage}");
        assert!((said / came - 1.0).abs() < 0.02, "{}", said / came);
    }

    #[test]
    fn shares_grow_with_the_days_and_end_at_one() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let nowcast = Nowcast::new(&triangle(&mut rng, 200.0, 80).0).unwrap();
        let shares: Vec<f64> = (0..40).map(|back| nowcast.share(-back)).collect();
        assert!(shares[1..].windows(2).all(|w| w[0] <= w[1]), "{shares:?}");
        assert_eq!(shares[0], 1.0, "not read yet");
        assert!((shares[1] - 0.5).abs() < 0.04, "{}", shares[1]);
        // 0.5 + 0.5 (1 - exp(-1/3))
        assert!((shares[2] - 0.642).abs() < 0.04, "{}", shares[2]);
        assert_eq!(shares[35], 1.0);
        let spread = nowcast.largest_share(-1) - nowcast.share(-1);
        assert!((0.05..0.16).contains(&spread), "{spread}");
    }

    fn daily_of(days: std::ops::Range<i32>) -> Vec<Increment> {
        days.map(|day| Increment { day, arrived: day + 1, n: 50 }).collect()
    }

    #[test]
    fn history_loaded_at_once_is_complete() {
        let bulk: Vec<Increment> = (-400..0).map(|day| Increment { day, arrived: 0, n: 50 }).collect();
        assert_eq!(Nowcast::new(&bulk), None);
        assert_eq!(Nowcast::new(&[]), None);
        // A pause in which nobody read the source is no delay.
        let mut paused = daily_of(0..10);
        paused.extend((10..40).map(|day| Increment { day, arrived: 40, n: 50 }));
        let nowcast = Nowcast::new(&paused).unwrap();
        assert!((0..40).all(|day| nowcast.share(day) > 0.999), "{nowcast:?}");
        // Then whole days arrive each the next morning.
        let mut daily = bulk;
        daily.extend(daily_of(0..30));
        let nowcast = Nowcast::new(&daily).unwrap();
        assert!(nowcast.share(29) > 0.999 && nowcast.share(-3) == 1.0, "{nowcast:?}");
        assert_eq!(nowcast.final_count(29, 50.0).2, 50.0);
    }
}
