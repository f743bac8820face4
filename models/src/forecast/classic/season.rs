//! The fixed season of a series: whether there is one, its profile, and filling gaps with it.
//!
//! Source: the classical decomposition by moving averages (R `decompose`, statsmodels `seasonal_decompose`) and the
//! test of R `forecast::thetaf` on the autocorrelation at one season.
use super::{ClassicError, known};

/// The 95 % quantile of the standard normal distribution.
const Z95: f64 = 1.644_853_626_951_472_7;

/// How a season enters a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjustment {
    /// There is none.
    None,
    /// It is added.
    Additive,
    /// It is multiplied.
    Multiplicative,
}

/// The series without gaps: a missing value takes that of the season before, one before any known value of its
/// season the first known value of the series.
///
/// # Errors
/// [`ClassicError::TooShort`] when nothing is known, [`ClassicError::Period`] for a season of 0.
pub fn filled(y: &[f64], m: usize) -> Result<Vec<f64>, ClassicError> {
    let first = known(y).next().ok_or(ClassicError::TooShort { known: 0, needed: 1 })?.1;
    if m == 0 {
        return Err(ClassicError::Period { period: m });
    }
    let mut out: Vec<f64> = Vec::with_capacity(y.len());
    for (t, v) in y.iter().enumerate() {
        let before = t.checked_sub(m).map_or(first, |k| out[k]);
        out.push(if v.is_finite() { *v } else { before });
    }
    Ok(out)
}

/// Whether the autocorrelation at lag `m` stands out at 90 % from what the lags before it explain: with Bartlett's
/// variance, |r_m| > 1.645 sqrt((1 + 2 sum_{k<m} r_k^2) / n). A series without gaps is expected; a constant one has
/// no season.
pub fn stands_out(y: &[f64], m: usize) -> bool {
    let n = y.len() as f64;
    let mean = y.iter().sum::<f64>() / n;
    let deviations: Vec<f64> = y.iter().map(|v| v - mean).collect();
    let lagged = |k: usize| deviations.iter().zip(&deviations[k..]).map(|(a, b)| a * b).sum::<f64>();
    if m < 2 || y.len() <= m || lagged(0) <= 0.0 {
        return false;
    }
    let r: Vec<f64> = (1..=m).map(|k| lagged(k) / lagged(0)).collect();
    let before: f64 = r[..m - 1].iter().map(|v| v * v).sum();
    r[m - 1].abs() > Z95 * ((1.0 + 2.0 * before) / n).sqrt()
}

/// The mean season by position from the start of the series, around 0 or 1: means of what the centred moving
/// average over one season leaves. `None` without two whole seasons or when a multiplicative one is not finite.
pub fn profile(y: &[f64], m: usize, adjustment: Adjustment) -> Option<Vec<f64>> {
    if adjustment == Adjustment::None || m < 2 || y.len() < 2 * m {
        return None;
    }
    let multiplicative = adjustment == Adjustment::Multiplicative;
    let mut sums = vec![(0.0, 0.0); m];
    for t in m / 2..y.len() - m / 2 {
        let trend = centred_mean(y, t, m);
        // Nothing over nothing says nothing, as in R.
        if multiplicative && trend == 0.0 {
            continue;
        }
        let rest = if multiplicative { y[t] / trend } else { y[t] - trend };
        sums[t % m].0 += rest;
        sums[t % m].1 += 1.0;
    }
    let means: Vec<f64> = sums.into_iter().map(|(sum, n)| sum / n).collect();
    let centre = means.iter().sum::<f64>() / m as f64;
    let around = |v: f64| if multiplicative { v / centre } else { v - centre };
    let out: Vec<f64> = means.into_iter().map(around).collect();
    out.iter().all(|v| v.is_finite()).then_some(out)
}

/// The mean over one season around `t`; the two ends of an even one count half.
fn centred_mean(y: &[f64], t: usize, m: usize) -> f64 {
    let window = &y[t - m / 2..=t + m / 2];
    let ends = if m.is_multiple_of(2) { 0.5 * (window[0] + window[m]) } else { 0.0 };
    (window.iter().sum::<f64>() - ends) / m as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_take_the_season_before() {
        let gap = f64::NAN;
        assert_eq!(filled(&[gap, 2.0, 3.0, gap, gap], 2), Ok(vec![2.0, 2.0, 3.0, 2.0, 3.0]));
        assert!(filled(&[gap], 2).is_err() && filled(&[1.0], 0).is_err());
    }

    #[test]
    fn a_season_on_a_slope_is_found_whatever_its_length() {
        for m in [4_usize, 7] {
            let season: Vec<f64> = (0..m).map(|k| if k == 1 { (m - 1) as f64 } else { -1.0 }).collect();
            let y: Vec<f64> = (0..6 * m).map(|t| 50.0 + 0.5 * t as f64 + season[t % m]).collect();
            for (got, want) in profile(&y, m, Adjustment::Additive).unwrap().iter().zip(&season) {
                assert!((got - want).abs() < 1e-12);
            }
            let y: Vec<f64> = (0..6 * m).map(|t| 50.0 * (1.0 + 0.1 * season[t % m])).collect();
            for (got, want) in profile(&y, m, Adjustment::Multiplicative).unwrap().iter().zip(&season) {
                assert!((got - 1.0 - 0.1 * want).abs() < 1e-12);
            }
            assert!(stands_out(&y, m));
        }
    }

    #[test]
    fn short_or_flat_series_have_no_season() {
        assert!(!stands_out(&[2.0; 30], 7) && !stands_out(&[1.0, 2.0], 7) && !stands_out(&[], 1));
        assert_eq!(profile(&[1.0; 13], 7, Adjustment::Additive), None);
        assert_eq!(profile(&[0.0; 30], 7, Adjustment::Multiplicative), None);
    }
}
