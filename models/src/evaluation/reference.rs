//! The forecasts to beat: the seasonal naive, and last year's same period.
//!
//! Both repeat a count that is known and put a normal band around it whose variance is the mean squared change over the
//! same distance in training, cut off at 0 (Hyndman and Athanasopoulos, Forecasting, 3rd ed., 5.5).
use super::{Scale, WEEK};
use crate::{
    calendar::align::YEAR_OF_WEEKS,
    forecast::{NodeForecast, QUANTILES},
    intervals::normal_quantile,
};

/// Months after which the same month comes again.
pub const YEAR_OF_MONTHS: usize = 12;

const YEAR: usize = YEAR_OF_WEEKS as usize;

/// The newest known count one or more seasons before each period.
///
/// `y` are counts up to the origin (NaN = unknown), the first period forecast is `skip` periods after the next one.
/// The variance is the scale's mean squared change times the seasons ahead; without a scale there is no band. Where
/// no earlier season is known the mean of all known counts is repeated, and 0 where nothing is.
pub fn seasonal_naive(
    y: &[f32],
    season: usize,
    skip: usize,
    leads: usize,
    scale: Option<Scale>,
) -> NodeForecast {
    let mean_known = mean(y);
    let period = |ahead: usize| {
        let target = y.len() + ahead - 1;
        let mean = known_before(y, target, season).map_or(mean_known, f64::from);
        let variance = scale.map_or(0.0, |s| s.squared * ahead.div_ceil(season) as f64);
        (mean, around(mean, variance))
    };
    let (mean, quantiles) = (skip + 1..=skip + leads).map(period).unzip();
    NodeForecast { mean, quantiles }
}

/// The same weekday 52 weeks earlier (104, … where that is unknown), and the seasonal naive where no such day is
/// known. `scale` is that of weeks, for the days that have no year before them.
pub fn last_year(y: &[f32], leads: usize, scale: Option<Scale>) -> NodeForecast {
    let mut out = seasonal_naive(y, WEEK, 0, leads, scale);
    let Some(variance) = yearly_change(y) else { return out };
    for (lead, (mean, quantiles)) in out.mean.iter_mut().zip(&mut out.quantiles).enumerate() {
        if let Some(count) = known_before(y, y.len() + lead, YEAR) {
            *mean = f64::from(count);
            *quantiles = around(*mean, variance);
        }
    }
    out
}

/// The newest known count a whole number of seasons before position `target`.
fn known_before(y: &[f32], target: usize, season: usize) -> Option<f32> {
    let ahead = (target + 1).saturating_sub(y.len()).div_ceil(season.max(1)).max(1);
    (ahead..)
        .map_while(|seasons| target.checked_sub(seasons * season.max(1)))
        .filter_map(|t| y.get(t))
        .find(|count| !count.is_nan())
        .copied()
}

/// Mean squared change from year to year since the first ticket; `None` with less than a year.
fn yearly_change(y: &[f32]) -> Option<f64> {
    let first = y.iter().position(|count| *count > 0.0)?;
    let changes = y[first..].iter().zip(y.get(first + YEAR..)?).map(|(a, b)| f64::from(b - a));
    changes.filter(|c| !c.is_nan()).map(|c| c * c).collect::<super::mean::Mean>().value()
}

fn mean(y: &[f32]) -> f64 {
    let known = y.iter().filter(|count| !count.is_nan()).map(|count| f64::from(*count));
    known.collect::<super::mean::Mean>().value().unwrap_or(0.0)
}

fn around(mean: f64, variance: f64) -> [f64; 5] {
    QUANTILES.map(|level| (mean + normal_quantile(level) * variance.sqrt()).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: Option<Scale> = Some(Scale { absolute: 1.0, squared: 4.0 });

    #[test]
    fn the_week_before_is_repeated_and_its_band_grows_with_the_weeks() {
        let y: Vec<f32> = (0..20).map(|t| t as f32).collect();
        let done = seasonal_naive(&y, WEEK, 0, 15, SCALE);
        assert_eq!(done.mean[..8], [13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0, 13.0]);
        let half = |k: usize| done.quantiles[k][4] - done.mean[k];
        assert!(
            (half(0) - 1.959964 * 2.0).abs() < 1e-5 && (half(7) / half(0) - 2.0_f64.sqrt()).abs() < 1e-12
        );
        assert_eq!(done.quantiles[0][2], 13.0);
    }

    #[test]
    fn a_month_under_way_is_skipped() {
        let y: Vec<f32> = (0..24).map(|t| t as f32).collect();
        assert_eq!(seasonal_naive(&y, YEAR_OF_MONTHS, 1, 12, None).mean[..2], [13.0, 14.0]);
        assert_eq!(seasonal_naive(&y, YEAR_OF_MONTHS, 1, 12, None).mean[11], 12.0);
    }

    #[test]
    fn last_year_is_the_same_weekday_and_unknown_days_fall_back() {
        let mut y: Vec<f32> = (0..800).map(|t| t as f32).collect();
        let done = last_year(&y, 2, SCALE);
        assert_eq!(done.mean, [436.0, 437.0]);
        assert!((done.quantiles[0][4] - 436.0 - 1.959964 * 364.0).abs() < 1e-2);
        y[436] = f32::NAN;
        assert_eq!(last_year(&y, 1, SCALE).mean, [72.0]);
        let short: Vec<f32> = (0..100).map(|t| t as f32).collect();
        assert_eq!(last_year(&short, 9, SCALE), seasonal_naive(&short, WEEK, 0, 9, SCALE));
    }

    #[test]
    fn nothing_known_is_zero_and_no_panic() {
        assert_eq!(last_year(&[], 2, None).mean, [0.0, 0.0]);
        assert_eq!(seasonal_naive(&[f32::NAN, 4.0], WEEK, 0, 2, None).mean, [4.0, 4.0]);
        assert!(seasonal_naive(&[1.0], WEEK, 0, 0, None).mean.is_empty());
    }
}
