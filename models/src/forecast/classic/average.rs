//! Forecasts that average: the historic mean, the last window, and the last window season by season.
//!
//! Source: R `forecast::meanf`; statsforecast `WindowAverage` and `SeasonalWindowAverage`.
use super::{ClassicError, Moments, at_least, known};

/// The mean of all known values at every lead.
///
/// Variance s^2 (1 + 1 / n) with the unbiased s^2. R's intervals take their quantiles from Student's t with
/// n - 1 degrees of freedom.
///
/// # Errors
/// [`ClassicError::TooShort`] with fewer than two known values.
pub fn historic(y: &[f64], h: usize) -> Result<Moments, ClassicError> {
    let values = at_least(y, 2)?;
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let s2 = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Ok(Moments { mean: vec![mean; h], variance: vec![s2 * (1.0 + 1.0 / n); h] })
}

/// The mean of the known values among the last `window`: one number for every lead.
///
/// # Errors
/// [`ClassicError::TooShort`] when the series is shorter than the window or nothing in it is known.
pub fn window(y: &[f64], window: usize) -> Result<f64, ClassicError> {
    let recent = y.len().checked_sub(window).map_or(&[][..], |from| &y[from..]);
    mean(recent).ok_or(ClassicError::TooShort { known: known(y).count(), needed: window.max(1) })
}

/// For each season the mean of its known values in the last `seasons` seasons, at leads 1 ..= `h`.
///
/// # Errors
/// [`ClassicError::Period`] for a season of 0; [`ClassicError::TooShort`] when the series is shorter than the
/// window or one of the seasons holds no known value.
pub fn seasonal_window(y: &[f64], m: usize, seasons: usize, h: usize) -> Result<Vec<f64>, ClassicError> {
    if m == 0 {
        return Err(ClassicError::Period { period: m });
    }
    let needed = (m * seasons).max(1);
    let short = ClassicError::TooShort { known: known(y).count(), needed };
    let recent = y.len().checked_sub(needed).map(|from| &y[from..]).ok_or(short)?;
    let season = |k: usize| mean(recent.iter().skip(k).step_by(m)).ok_or(short);
    let profile = (0..m).map(season).collect::<Result<Vec<f64>, _>>()?;
    Ok((0..h).map(|lead| profile[lead % m]).collect())
}

fn mean<'a>(values: impl IntoIterator<Item = &'a f64>) -> Option<f64> {
    let known = values.into_iter().filter(|v| v.is_finite());
    let (sum, n) = known.fold((0.0, 0_u32), |(s, n), v| (s + v, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_leave_missing_values_out() {
        let y = [9.0, 1.0, f64::NAN, 3.0, 5.0];
        assert_eq!(historic(&y, 1).unwrap().mean, [4.5]);
        assert_eq!(window(&y, 3), Ok(4.0));
        assert_eq!(seasonal_window(&y, 2, 2, 3), Ok(vec![2.0, 5.0, 2.0]));
    }

    #[test]
    fn a_window_longer_than_the_series_is_an_error() {
        assert_eq!(window(&[1.0, 2.0], 3), Err(ClassicError::TooShort { known: 2, needed: 3 }));
        let short = Err(ClassicError::TooShort { known: 2, needed: 4 });
        assert_eq!(seasonal_window(&[1.0, 2.0], 2, 2, 1), short);
        assert!(historic(&[1.0], 1).is_err());
        assert!(window(&[], 0).is_err() && seasonal_window(&[], 0, 1, 1).is_err());
    }
}
