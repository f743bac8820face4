//! ESSENCE's switch as a tier of the default detector, for histories of weeks: its baselines with the tail of counts.
//!
//! Where weekdays and a line explain four weeks, their forecast is what is expected, else the mean of those weeks; that
//! is the switch as published. Student's t of a count is not exact, least of all of small ones, so the probability is that of
//! a negative binomial with the spread of the residuals. What the average with weight 0.4 says beside the newest day
//! alone is taken from the days' normal scores ([`super::super::evidence::Days::averaged`]).
use super::{EXPLAINED, Essence, regression};
use crate::hotspot::evidence::{LONGER, Predictive};

/// Known periods before the judged one from which on this tier judges: a baseline and its guard.
pub(in crate::hotspot) const SHORTEST: usize = 30;
/// Days that the regression looks back on, the judged one left out.
const BACK: usize = 30;
/// Least degrees of freedom of the regression.
const FREEDOM: f64 = 12.0;
/// A line that falls to nothing expects this at least.
const LEAST: f64 = 0.1;

/// What the regression expects of the day after `before`; `weekday(t)` is 0 to 6 of a day by its position, and any other
/// number of a day that is none of the week's. `None` where it does not explain its baseline.
pub(in crate::hotspot) fn expected(before: &[f32], weekday: impl Fn(usize) -> usize) -> Option<Predictive> {
    let t = before.len();
    let from = t.checked_sub(BACK)?;
    if weekday(t) > 6 {
        return None;
    }
    // A day that is none of the week's says nothing of weekdays.
    let known = |i: usize| if weekday(i) > 6 { f64::NAN } else { f64::from(before[i]) };
    let mut counts: Vec<f64> = (from..t).map(known).collect();
    let (sum, n) = counts.iter().filter(|y| !y.is_nan()).fold((0.0, 0.0), |(s, n), y| (s + y, n + 1.0));
    counts.push(0.0);
    let verdict = regression::judge(&Essence::default(), &counts, |i| weekday(from + i) % 7, BACK)?;
    if verdict.explained? < EXPLAINED || verdict.freedom < FREEDOM {
        return None;
    }
    let days = verdict.freedom + 8.0;
    let forecast = (days + 7.0) * (days - 4.0) / (days * (days - 7.0));
    let (level, mean) = (f64::max(sum / n, LEAST), verdict.expected.max(LEAST));
    let residual = verdict.sigma.powi(2) / forecast;
    let phi = (residual / level).max(1.0);
    Some(Predictive {
        mean,
        relative_variance: phi * level * (forecast - 1.0) / (mean * mean),
        phi,
        inverse_mean: 1.0 / level,
        n_eff: verdict.freedom,
        inflation: [1.0; LONGER.len()],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weeks with a rhythm and a slow rise.
    fn weeks(days: usize) -> Vec<f32> {
        let week = [30.0, 26.0, 24.0, 25.0, 22.0, 8.0, 5.0];
        (0..days).map(|t| week[t % 7] * (1.0 + t as f32 / 400.0) + ((t * 5) % 3) as f32).collect()
    }

    #[test]
    fn weekdays_and_a_line_are_told_apart_from_noise() {
        let days = weeks(44);
        let monday = expected(&days[..42], |t| t % 7).unwrap();
        let saturday = expected(&days[..40], |t| t % 7).unwrap();
        assert!(
            (monday.mean - 34.0).abs() < 3.0 && (saturday.mean - 10.0).abs() < 3.0,
            "{monday:?} {saturday:?}"
        );
        assert!(monday.phi < 1.5 && monday.relative_variance < 0.05);
        let noise: Vec<f32> = (0..44).map(|t| [4.0, 9.0, 2.0, 7.0, 1.0][(t * 3) % 5]).collect();
        assert_eq!(expected(&noise, |t| t % 7), None);
        assert_eq!(expected(&days[..29], |t| t % 7), None, "too short");
        assert_eq!(expected(&days[..42], |t| if t == 42 { 7 } else { t % 7 }), None, "a holiday");
    }
}
