//! Bound from the same weeks of past years, as the Robert Koch Institute had it: mean and two standard deviations,
//! or of a mean of 20 and less the 95 % bound of a Poisson mean from Crow and Gardner's table.
//!
//! Sources: E. L. Crow and R. S. Gardner (1959), *Confidence intervals for the expectation of a Poisson variable*,
//! Biometrika 46:441-453; R `rki`.
use super::{Signal, compared};

/// Upper 95 % bound of a Poisson mean after a count of 0 to 20 (Crow and Gardner 1959, table 1).
const UPPER: [f64; 21] = [
    3.285, 5.323, 6.686, 8.102, 9.598, 11.177, 12.817, 13.765, 14.921, 16.768, 17.633, 19.050, 20.335,
    21.364, 22.945, 23.762, 25.400, 26.306, 27.735, 28.966, 30.017,
];

/// Judges period `t` from those within `half` periods of its place in each of `years` past years of `period` periods
/// (R's `actY = FALSE`).
///
/// `None` where a count is missing or the series too short.
pub fn judge(counts: &[f64], t: usize, years: usize, half: usize, period: usize) -> Option<Signal> {
    let observed = counts.get(t).filter(|y| y.is_finite())?;
    let past = compared(counts, t, 0, years, half, period)?;
    let n = past.len() as f64;
    let mean = past.iter().sum::<f64>() / n;
    let spread = || (past.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    let value = if mean > 20.0 { mean + 2.0 * spread() } else { *UPPER.get(mean.max(0.0) as usize)? };
    value.is_finite().then_some(Signal { value, alarm: *observed > value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intervals::NegativeBinomial;

    /// Of the shortest runs of counts with 95 % of the probability Crow and Gardner take the highest; the bound of a
    /// count is the largest mean whose run holds it.
    #[test]
    fn the_table_is_that_of_the_shortest_acceptance_regions() {
        let first = |mean: f64| {
            let poisson = NegativeBinomial::new(mean, 0.0);
            let below: Vec<f64> = std::iter::once(0.0).chain((0..90).map(|y| poisson.cdf(y))).collect();
            let enough =
                |length: usize| (0..90 - length).rev().find(|a| below[a + length] - below[*a] >= 0.95);
            (1..90).find_map(enough).unwrap()
        };
        for (count, bound) in UPPER.iter().enumerate() {
            assert!(first(bound - 0.002) <= count && first(bound + 0.002) > count, "{count}");
        }
    }

    #[test]
    fn few_and_many_counts() {
        let years = |level: f64| (0..120).map(|t| level + f64::from(t % 3)).collect::<Vec<_>>();
        let signal = judge(&years(0.0), 119, 2, 4, 52).unwrap();
        assert!(signal.value == UPPER[1] && !signal.alarm);
        assert!((judge(&years(50.0), 119, 2, 4, 52).unwrap().value - 52.7).abs() < 0.1);
        assert_eq!(judge(&years(0.0), 100, 2, 4, 52), None);
        assert_eq!(judge(&[], 0, 2, 4, 52), None);
    }
}
