//! Forecasts that repeat what was last seen: naive, drift and seasonal naive.
//!
//! Source: Hyndman and Athanasopoulos, *Forecasting: Principles and Practice*, 3rd ed., sections 5.2 and 5.5;
//! R `forecast::naive`, `rwf(drift = TRUE)` and `snaive`.
use super::{ClassicError, Moments, known};

/// The last known value at every lead.
///
/// The variance is that of a random walk, s^2 (h + g): s^2 is the mean squared step between neighbours, g the
/// number of missing values since the last known one. Without two known neighbours s^2 is 0.
///
/// # Errors
/// [`ClassicError::TooShort`] when nothing is known.
pub fn naive(y: &[f64], h: usize) -> Result<Moments, ClassicError> {
    let (last, value) = last_known(y)?;
    let gap = y.len() - 1 - last;
    let s2 = mean_square(steps(y, 1));
    Ok(Moments { mean: vec![value; h], variance: (1..=h).map(|k| s2 * (k + gap) as f64).collect() })
}

/// The last known value plus the mean step per period: the line through the first and the last known value.
///
/// Variance s^2 k (1 + k / (n - 1)) at k periods after the last known value, where s^2 is the unbiased
/// variance of the steps and n the number of periods between the first and the last known value.
///
/// # Errors
/// [`ClassicError::TooShort`] with fewer than two known values.
///
/// ```
/// use weisu_models::forecast::classic::naive::drift;
/// assert_eq!(drift(&[1.0, 3.0, 5.0], 2).map(|m| m.mean), Ok(vec![7.0, 9.0]));
/// ```
pub fn drift(y: &[f64], h: usize) -> Result<Moments, ClassicError> {
    let (last, end) = last_known(y)?;
    let (first, start) = known(y).next().unwrap_or((last, end));
    if first == last {
        return Err(ClassicError::TooShort { known: 1, needed: 2 });
    }
    let span = (last - first) as f64;
    let slope = (end - start) / span;
    let deviations: Vec<f64> = steps(y, 1).map(|d| d - slope).collect();
    let freedom = deviations.len().saturating_sub(1).max(1) as f64;
    let s2 = deviations.iter().map(|d| d * d).sum::<f64>() / freedom;
    let after = move |lead: usize| (lead + y.len() - 1 - last) as f64;
    Ok(Moments {
        mean: (1..=h).map(|lead| end + slope * after(lead)).collect(),
        variance: (1..=h).map(|lead| s2 * after(lead) * (1.0 + after(lead) / span)).collect(),
    })
}

/// The last known value of the same season.
///
/// Variance s^2 j, where s^2 is the mean squared step over one season and j the number of seasons since the
/// value that is repeated.
///
/// # Errors
/// [`ClassicError::Period`] for a season of 0; [`ClassicError::TooShort`] when a season holds no known value.
pub fn seasonal_naive(y: &[f64], m: usize, h: usize) -> Result<Moments, ClassicError> {
    if m == 0 {
        return Err(ClassicError::Period { period: m });
    }
    let s2 = mean_square(steps(y, m));
    let short = ClassicError::TooShort { known: known(y).count(), needed: m };
    let mut out = Moments { mean: Vec::with_capacity(h), variance: Vec::with_capacity(h) };
    for lead in 0..h {
        let (seasons, value) = (1..)
            .map_while(|j| (y.len() + lead).checked_sub(j * m).map(|t| (j, t)))
            .filter_map(|(j, t)| Some((j, *y.get(t)?)))
            .find(|(_, v)| v.is_finite())
            .ok_or(short)?;
        out.mean.push(value);
        out.variance.push(s2 * seasons as f64);
    }
    Ok(out)
}

fn last_known(y: &[f64]) -> Result<(usize, f64), ClassicError> {
    known(y).next_back().ok_or(ClassicError::TooShort { known: 0, needed: 1 })
}

/// Differences of known values `lag` periods apart.
fn steps(y: &[f64], lag: usize) -> impl Iterator<Item = f64> + '_ {
    y.iter().zip(y.iter().skip(lag)).map(|(a, b)| b - a).filter(|d| d.is_finite())
}

fn mean_square(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0_u32), |(s, n), v| (s + v * v, n + 1));
    sum / f64::from(n.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: f64 = f64::NAN;

    #[test]
    fn a_missing_end_widens_the_random_walk() {
        let full = naive(&[1.0, 2.0, 4.0], 2).unwrap();
        assert_eq!(full, Moments { mean: vec![4.0; 2], variance: vec![2.5, 5.0] });
        let gap = naive(&[1.0, 2.0, 4.0, GAP], 1).unwrap();
        assert_eq!(gap, Moments { mean: vec![4.0], variance: vec![5.0] });
    }

    #[test]
    fn the_drift_runs_on_over_missing_values() {
        let moments = drift(&[GAP, 1.0, GAP, 5.0, GAP], 2).unwrap();
        assert_eq!(moments.mean, [9.0, 11.0]);
        let noisy = drift(&[0.0, 1.0, 4.0], 1).unwrap();
        assert_eq!((noisy.mean[0], noisy.variance[0]), (6.0, 2.0 * 1.5));
    }

    #[test]
    fn the_seasonal_naive_looks_back_to_a_known_season() {
        let moments = seasonal_naive(&[1.0, 2.0, 3.0, GAP], 2, 3).unwrap();
        assert_eq!(moments.mean, [3.0, 2.0, 3.0]);
        assert_eq!(moments.variance, [4.0, 8.0, 8.0]);
    }

    #[test]
    fn without_history_there_is_an_error() {
        let nothing = ClassicError::TooShort { known: 0, needed: 1 };
        assert_eq!(naive(&[GAP; 3], 2), Err(nothing));
        assert_eq!(drift(&[2.0], 2), Err(ClassicError::TooShort { known: 1, needed: 2 }));
        assert_eq!(seasonal_naive(&[1.0; 3], 7, 7), Err(ClassicError::TooShort { known: 3, needed: 7 }));
        assert_eq!(seasonal_naive(&[1.0; 3], 0, 7), Err(ClassicError::Period { period: 0 }));
    }
}
