//! How far a window stands out, and how large a sum it needs to stand out that far.
//!
//! With c cases of C in a window where m are expected, the log-likelihood ratios for c > m (0 otherwise) are
//!
//! ```text
//! given the total    c ln(c / m) + (C - c) ln((C - c) / (C - m))
//! expectation-based  c ln(c / m) + m - c
//! ```
//!
//! The score of the negative binomial is `(u - v) / sqrt(v)`, `u` and `v` the sums of counts and baselines over
//! `1 + b / size` (Tango, Takahashi and Kohriyama, Biometrics 2011, for a constant excess).
use super::sweep::{LANES, Sum, Table};

/// Scores of the windows of a grid, by place and lane.
pub(super) trait Score: Sync {
    /// What is summed over a window.
    type Sum: Sum;
    /// Score of a scan that finds nothing.
    const FLOOR: f64;
    /// The score of a window that holds `sum`.
    fn score(&self, at: usize, lane: usize, sum: Self::Sum) -> f64;
    /// Cheap test that is never wrong when it says that a window cannot score above `best`.
    fn may_exceed(&self, at: usize, lane: usize, sum: Self::Sum, best: f64) -> bool;
    /// The least sums that score `level` (above [`FLOOR`](Self::FLOOR)), to a relative 1e-9 of the level.
    fn least(&self, level: f64) -> Table<Self::Sum>;
}

/// Log-likelihood ratio of counts.
pub(super) struct Counted {
    /// Cases expected in each window.
    pub expected: Table<f64>,
    /// All cases, infinite for an expectation-based scan.
    pub total: f64,
    /// Fewest cases of a cluster.
    pub min_cases: i32,
}

impl Score for Counted {
    type Sum = i32;
    const FLOOR: f64 = 0.0;

    fn score(&self, at: usize, lane: usize, sum: i32) -> f64 {
        if sum < self.min_cases { 0.0 } else { ratio(f64::from(sum), self.expected[at][lane], self.total) }
    }

    fn may_exceed(&self, at: usize, lane: usize, sum: i32, best: f64) -> bool {
        // The ratio is at most Pearson's statistic.
        let expected = self.expected[at][lane];
        let excess = f64::from(sum) - expected;
        excess > 0.0 && excess * excess > best * expected * (1.0 - expected / self.total)
    }

    fn least(&self, level: f64) -> Table<i32> {
        let most = self.expected.iter().flatten().copied().fold(0.0, f64::max);
        let room = room(level, most, self.total);
        let least = |expected: f64| {
            let count = room.partition_point(|room| *room < expected) as i32 + 1;
            let reachable = expected > 0.0 && count as usize <= room.len();
            if reachable { count.max(self.min_cases) } else { i32::NEVER }
        };
        self.expected.iter().map(|lanes| lanes.map(least)).collect()
    }
}

/// Log-likelihood ratio of `count` cases where `expected` are, out of `total` (which may be infinite).
fn ratio(count: f64, expected: f64, total: f64) -> f64 {
    if count <= expected || count == 0.0 {
        return 0.0;
    }
    let inside = count * (count / expected).ln();
    let (left, rest) = (total - count, total - expected);
    let outside = match () {
        () if total.is_infinite() => expected - count,
        () if left > 0.0 => left * (left / rest).ln(),
        () => 0.0,
    };
    (inside + outside).max(0.0)
}

/// For 1, 2, 3 ... cases the largest expectation at which they still reach `level`, until one is above `most` or
/// there are no more cases.
fn room(level: f64, most: f64, total: f64) -> Vec<f64> {
    let (mut room, mut largest) = (Vec::new(), 0.0_f64);
    while largest < most && ((room.len() + 1) as f64) <= total {
        let count = (room.len() + 1) as f64;
        // Below the root: the ratio falls and is convex in the expectation, so Newton's steps never overshoot.
        largest = largest.max(count * (-1.0 - level / count).exp());
        for _ in 0..100 {
            let over = ratio(count, largest, total) - level;
            let slope =
                count / largest - if total.is_infinite() { 1.0 } else { (total - count) / (total - largest) };
            if over <= 1e-9 || slope <= 0.0 {
                break;
            }
            largest += over / slope;
        }
        room.push(largest);
    }
    room
}

/// Efficient score of weighted counts.
pub(super) struct Weighted {
    /// Weighted baseline of each window.
    pub baseline: Table<f64>,
}

impl Score for Weighted {
    type Sum = f64;
    const FLOOR: f64 = f64::NEG_INFINITY;

    fn score(&self, at: usize, lane: usize, sum: f64) -> f64 {
        let baseline = self.baseline[at][lane];
        if baseline > 0.0 { (sum - baseline) / baseline.sqrt() } else { 0.0 }
    }

    fn may_exceed(&self, at: usize, lane: usize, sum: f64, best: f64) -> bool {
        self.score(at, lane, sum) > best
    }

    fn least(&self, level: f64) -> Table<f64> {
        let least = |b: f64| if b > 0.0 { b + level * b.sqrt() - 1e-9 * (1.0 + b) } else { f64::NEVER };
        self.baseline.iter().map(|lanes: &[f64; LANES]| lanes.map(least)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(expected: f64, total: f64) -> Counted {
        Counted { expected: vec![[expected; LANES]], total, min_cases: 1 }
    }

    #[test]
    fn by_hand() {
        let given = 4.0 * 2.0_f64.ln() + 6.0 * (6.0_f64 / 8.0).ln();
        assert!((ratio(4.0, 2.0, 10.0) - given).abs() < 1e-12);
        assert!((ratio(4.0, 2.0, f64::INFINITY) - (4.0 * 2.0_f64.ln() - 2.0)).abs() < 1e-12);
        assert_eq!(ratio(10.0, 2.0, 10.0), 10.0 * 5.0_f64.ln());
        assert_eq!([ratio(2.0, 2.0, 9.0), ratio(1.0, 2.0, 9.0), ratio(0.0, 0.0, 9.0)], [0.0; 3]);
    }

    #[test]
    fn the_least_count_of_a_level_is_the_first_that_reaches_it() {
        for total in [50.0, 2000.0, f64::INFINITY] {
            for expected in [0.01, 0.3, 1.0, 7.7, 40.0] {
                for level in [0.5, 3.0, 9.0] {
                    let score = counted(expected, total);
                    let least = score.least(level)[0][0];
                    let reach = |c: i32| score.score(0, 0, c) >= level;
                    let cap = if total.is_finite() { total as i32 } else { 1000 };
                    let first = (1..=cap).find(|c| reach(*c)).unwrap_or(i32::NEVER);
                    assert_eq!(least, first, "{expected} of {total}, level {level}");
                }
            }
        }
    }

    #[test]
    fn the_cheap_test_is_never_wrong() {
        for total in [60.0, f64::INFINITY] {
            for (count, expected) in (1..60).flat_map(|c| [0.01, 0.5, 3.0, 20.0, 55.0].map(|e| (c, e))) {
                let score = counted(expected, total);
                let own = score.score(0, 0, count);
                assert!(
                    own == 0.0 || score.may_exceed(0, 0, count, own * (1.0 - 1e-9)),
                    "{count} of {expected}"
                );
            }
        }
    }

    #[test]
    fn windows_that_expect_nothing_never_stand_out() {
        let mut mixed = counted(2.0, 9.0);
        mixed.expected[0][0] = 0.0;
        assert!(mixed.least(1.0)[0][0] == i32::NEVER && mixed.least(1.0)[0][1] < 9);
        let empty = Weighted { baseline: vec![[0.0; LANES]] };
        assert_eq!((empty.score(0, 0, 0.0), empty.least(1.0)[0][0]), (0.0, f64::INFINITY));
    }
}
