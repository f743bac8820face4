//! Forecasts by STL: the season of the last year or week comes back, what is left goes through exponential
//! smoothing without season, its form chosen by the information criterion.
//!
//! Several seasons are taken out one after the other, shortest first, in two rounds, each from the series without
//! the others.
//!
//! Source: Bandara, Hyndman and Bergmeir (2021), *MSTL: a seasonal-trend decomposition algorithm for time series
//! with multiple seasonal patterns*; R `forecast::mstl` and `stlm`; statsforecast `MSTL`.
use super::{
    ClassicError, Moments, at_least, ets,
    season::filled,
    stl::{Parts, Span, Stl},
};

/// Span of the season with the k-th shortest length, k from 1: 7 + 4 k seasons.
fn span(k: usize) -> Span {
    Span::Seasons(7 + 4 * k)
}

/// Trend, remainder and one season a length.
#[derive(Debug, Clone, PartialEq)]
pub struct Decomposition {
    /// Slow part.
    pub trend: Vec<f64>,
    /// Season length and season, shortest first.
    pub seasons: Vec<(usize, Vec<f64>)>,
    /// The rest; NaN where the series is missing.
    pub remainder: Vec<f64>,
}

/// Decomposes a series by season lengths `periods`; those that the series does not hold more than twice are left
/// out. Gaps are filled with the shortest season before.
///
/// # Errors
/// [`ClassicError::TooShort`] when nothing is known or no length is left, [`ClassicError::Period`] for a length below 2.
pub fn decompose(y: &[f64], periods: &[usize]) -> Result<Decomposition, ClassicError> {
    let known = at_least(y, 1)?.len();
    if let Some(period) = periods.iter().copied().find(|m| *m < 2) {
        return Err(ClassicError::Period { period });
    }
    let mut lengths: Vec<usize> = periods.iter().copied().filter(|m| y.len() > 2 * m).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let needed = periods.iter().min().map_or(1, |m| 2 * m + 1);
    let shortest = *lengths.first().ok_or(ClassicError::TooShort { known, needed })?;
    let mut rest = filled(y, shortest)?;
    let mut seasons: Vec<(usize, Vec<f64>)> = lengths.iter().map(|m| (*m, vec![0.0; y.len()])).collect();
    let mut trend = Vec::new();
    let rounds = if seasons.len() == 1 { 1 } else { 2 };
    for _ in 0..rounds {
        for (k, (m, season)) in seasons.iter_mut().enumerate() {
            rest.iter_mut().zip(season.iter()).for_each(|(v, s)| *v += s);
            let stl = Stl { m: *m, season: span(k + 1), trend: None, robust: false };
            let Parts { trend: slow, season: new, .. } = stl.decompose(&rest)?;
            rest.iter_mut().zip(&new).for_each(|(v, s)| *v -= s);
            (trend, *season) = (slow, new);
        }
    }
    let known = |(t, v): (usize, f64)| if y[t].is_finite() { v - trend[t] } else { f64::NAN };
    let remainder = rest.into_iter().enumerate().map(known).collect();
    Ok(Decomposition { trend, seasons, remainder })
}

/// Means and variances at leads 1 ..= `h`; the seasons are taken as known.
///
/// # Errors
/// As [`decompose`] and [`ets::auto`].
pub fn forecast(y: &[f64], periods: &[usize], h: usize) -> Result<Moments, ClassicError> {
    let Decomposition { trend, seasons, remainder } = decompose(y, periods)?;
    let adjusted: Vec<f64> = trend.iter().zip(&remainder).map(|(t, r)| t + r).collect();
    let mut moments = ets::auto(&adjusted, 1)?.forecast(h);
    for (m, season) in seasons {
        let last = &season[season.len() - m..];
        moments.mean.iter_mut().zip(last.iter().cycle()).for_each(|(v, s)| *v += s);
    }
    Ok(moments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seasons_are_told_apart_and_continued() {
        let wave = |t: usize, m: usize| (t as f64 * std::f64::consts::TAU / m as f64).sin();
        let at = |t: usize| 50.0 + 8.0 * wave(t, 7) + 20.0 * wave(t, 60);
        let y: Vec<f64> = (0..300).map(at).collect();
        let parts = decompose(&y, &[60, 7, 200]).unwrap();
        assert_eq!(parts.seasons.iter().map(|(m, _)| *m).collect::<Vec<_>>(), [7, 60]);
        assert!((parts.seasons[0].1[100] - 8.0 * wave(100, 7)).abs() < 0.5);
        for (k, mean) in forecast(&y, &[7, 60], 14).unwrap().mean.iter().enumerate() {
            assert!((mean - at(300 + k)).abs() < 1.5, "{k}: {mean} not {}", at(300 + k));
        }
    }

    #[test]
    fn gaps_stay_gaps_and_short_series_are_an_error() {
        let mut y: Vec<f64> = (0..40).map(|t| f64::from(t % 7)).collect();
        y[10] = f64::NAN;
        let parts = decompose(&y, &[7]).unwrap();
        assert!(parts.remainder[10].is_nan() && parts.remainder[11].is_finite());
        assert!(forecast(&y, &[7], 3).unwrap().mean.iter().all(|v| v.is_finite()));
        assert_eq!(decompose(&y[..14], &[7]), Err(ClassicError::TooShort { known: 13, needed: 15 }));
        assert_eq!(decompose(&y, &[1]), Err(ClassicError::Period { period: 1 }));
        assert!(decompose(&y, &[]).is_err() && decompose(&[], &[7]).is_err());
    }
}
