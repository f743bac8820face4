//! The seasonal naive forecast: the bar that a model has to clear.
//!
//! Up to [`SHORT_DAYS`] ahead: the count of the same weekday in the last week in which it is known. Further
//! ahead: the same weekday of the same week last year (364 days before) where that day is known.
use super::level::FAST_DAYS;

/// Leads up to this use last week, later leads last year.
pub const SHORT_DAYS: usize = FAST_DAYS;

const WEEK: usize = 7;
const YEAR: usize = 364;
/// Weeks searched backwards for a known day.
const WEEKS_BACK: usize = 8;

/// Forecasts for leads 1 ..= `leads` from the counts up to the origin (the last element of `y`).
///
/// Without a known day on that weekday the mean of all known days is used, and 0 where nothing is known.
pub fn forecast(y: &[f32], leads: usize) -> Vec<f32> {
    let week: [f32; WEEK] = std::array::from_fn(|k| last_week(y, k + 1));
    (1..=leads)
        .map(|lead| {
            let weekly = week[(lead - 1) % WEEK];
            if lead <= SHORT_DAYS { weekly } else { last_year(y, lead).unwrap_or(weekly) }
        })
        .collect()
}

fn last_week(y: &[f32], lead: usize) -> f32 {
    (1..=WEEKS_BACK)
        .filter_map(|weeks| (y.len() + lead - 1).checked_sub(weeks * WEEK))
        .map(|t| y[t])
        .find(|count| !count.is_nan())
        .unwrap_or_else(|| mean_of_known(y))
}

fn last_year(y: &[f32], lead: usize) -> Option<f32> {
    let target = y.len() + lead - 1;
    (1..=2)
        .filter_map(|years| target.checked_sub(years * YEAR))
        .find_map(|t| y.get(t).filter(|v| !v.is_nan()))
        .copied()
}

fn mean_of_known(y: &[f32]) -> f32 {
    let (sum, n) =
        y.iter().filter(|v| !v.is_nan()).fold((0.0_f64, 0_u32), |(s, n), v| (s + f64::from(*v), n + 1));
    if n == 0 { 0.0 } else { (sum / f64::from(n)) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_the_last_week_and_then_last_year() {
        let y: Vec<f32> = (0..400).map(|t| t as f32).collect();
        let forecast = forecast(&y, 40);
        assert_eq!(&forecast[..8], [393.0, 394.0, 395.0, 396.0, 397.0, 398.0, 399.0, 393.0]);
        assert_eq!(forecast[28], (400 + 28 - 364) as f32);
    }

    #[test]
    fn skips_missing_days_week_by_week() {
        let mut y: Vec<f32> = (0..30).map(|t| t as f32).collect();
        y[23] = f32::NAN;
        assert_eq!(forecast(&y, 1), [16.0]);
    }

    #[test]
    fn almost_no_history_still_gives_a_number() {
        assert_eq!(forecast(&[4.0], 3), [4.0, 4.0, 4.0]);
        assert_eq!(forecast(&[f32::NAN], 2), [0.0, 0.0]);
        assert_eq!(forecast(&[], 1), [0.0]);
    }
}
