//! Trends without a model: the Mann-Kendall test (H. B. Mann, Econometrica 1945; M. G. Kendall 1975) and the slope
//! of P. K. Sen (J. Am. Stat. Assoc. 1968).
//!
//! The test asks for independent values. Scores of overlapping windows are not: there its p-values are too small,
//! which is how the classes of emerging hot spots are defined all the same.
use crate::numeric::normal::two_sided;

/// Direction of a trend at a level of significance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Significantly rising.
    Up,
    /// Significantly falling.
    Down,
}

/// A tested trend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// `S = sum over i < j of sign(x_j - x_i)`.
    pub s: f64,
    /// Variance of S without a trend, corrected for ties:
    /// `(n (n-1) (2n+5) - sum over ties t (t-1) (2t+5)) / 18`.
    pub variance: f64,
    /// Standard score with continuity correction, `(S - sign(S)) / sqrt(variance)`; 0 when S is.
    pub z: f64,
    /// Two-sided probability of a score at least as far from 0.
    pub p: f64,
    /// Kendall's tau: S over the number of pairs.
    pub tau: f64,
    /// Sen's slope: median of `(x_j - x_i) / (j - i)`, in units of x a period.
    pub slope: f64,
    /// Median of x less slope times the median period, periods counted from 0.
    pub intercept: f64,
}

impl Trend {
    /// The direction, when the trend is significant at `alpha`.
    pub fn direction(&self, alpha: f64) -> Option<Direction> {
        let up = if self.z > 0.0 { Direction::Up } else { Direction::Down };
        (self.p < alpha).then_some(up)
    }
}

/// Tests `series` for a monotonic trend; missing (NaN) periods are left out and keep their place in time. `None`
/// with fewer than two known values.
pub fn mann_kendall(series: &[f64]) -> Option<Trend> {
    let known: Vec<(f64, f64)> = (0..).map(f64::from).zip(series.iter().copied()).collect();
    let known: Vec<(f64, f64)> = known.into_iter().filter(|(_, x)| !x.is_nan()).collect();
    if known.len() < 2 {
        return None;
    }
    let n = known.len() as f64;
    let pairs = n * (n - 1.0) / 2.0;
    let (mut s, mut slopes) = (0.0, Vec::with_capacity(pairs as usize));
    for (k, (t, x)) in known.iter().enumerate() {
        for (later, y) in &known[k + 1..] {
            s += f64::from(i8::from(y > x) - i8::from(y < x));
            slopes.push((y - x) / (later - t));
        }
    }
    let variance = variance(&known);
    let z = if s == 0.0 { 0.0 } else { (s - s.signum()) / variance.sqrt() };
    let slope = median(slopes);
    let middle = |of: fn(&(f64, f64)) -> f64| median(known.iter().map(of).collect());
    let intercept = middle(|(_, x)| *x) - middle(|(t, _)| *t) * slope;
    Some(Trend { s, variance, z, p: two_sided(z), tau: s / pairs, slope, intercept })
}

fn variance(known: &[(f64, f64)]) -> f64 {
    let term = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let mut values: Vec<f64> = known.iter().map(|(_, x)| *x).collect();
    values.sort_by(f64::total_cmp);
    let ties: f64 = values.chunk_by(|a, b| a == b).map(|tie| term(tie.len() as f64)).sum();
    (term(known.len() as f64) - ties) / 18.0
}

fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if below.len() < middle || values.len() % 2 == 1 {
        return upper;
    }
    let lower = values[..middle].iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(lower, upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // 1 3 2 4: five pairs rise, one falls.
        let trend = mann_kendall(&[1.0, 3.0, 2.0, 4.0]).unwrap();
        assert_eq!((trend.s, trend.tau), (4.0, 4.0 / 6.0));
        assert!((trend.variance - 4.0 * 3.0 * 13.0 / 18.0).abs() < 1e-12);
        assert!((trend.z - 3.0 / trend.variance.sqrt()).abs() < 1e-12);
        // Slopes 2, 0.5, 1, -1, 0.5, 2.
        assert_eq!((trend.slope, trend.intercept), (0.75, 2.5 - 1.5 * 0.75));
    }

    #[test]
    fn a_gap_keeps_the_place_in_time() {
        let trend = mann_kendall(&[0.0, f64::NAN, 2.0, 3.0]).unwrap();
        assert_eq!((trend.s, trend.slope, trend.intercept), (3.0, 1.0, 0.0));
    }

    #[test]
    fn constant_and_short_series_have_no_trend() {
        let flat = mann_kendall(&[2.0; 9]).unwrap();
        assert_eq!((flat.s, flat.variance, flat.z, flat.p, flat.slope), (0.0, 0.0, 0.0, 1.0, 0.0));
        assert_eq!(flat.direction(0.05), None);
        assert_eq!(mann_kendall(&[1.0, f64::NAN]), None);
        assert_eq!(mann_kendall(&[]), None);
    }

    #[test]
    fn significance_has_a_direction() {
        let rise: Vec<f64> = (0..10).map(f64::from).collect();
        let fall: Vec<f64> = rise.iter().map(|x| -x).collect();
        assert_eq!(mann_kendall(&rise).unwrap().direction(0.05), Some(Direction::Up));
        assert_eq!(mann_kendall(&fall).unwrap().direction(0.05), Some(Direction::Down));
        assert_eq!(mann_kendall(&rise[..3]).unwrap().direction(0.05), None);
    }
}
