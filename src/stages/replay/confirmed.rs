//! Whether what came bears an alert out.
use weisu_models::{hotspot::exceedance::same_weeks, intervals::NegativeBinomial};

use super::{Episode, History};
use crate::{stages::city::alignment, ticket::Day};

/// Level of the norm's upper bound.
const UPPER: f64 = 0.9;

/// Whether the seven days after an alert was told (for an alert about a coming week, that week) had more tickets than
/// the upper bound of their seasonal norm: the 90 % quantile of a negative binomial with the mean of the same weeks of
/// up to three past years and their variance, at least that of a Poisson count.
///
/// `None` where those days are not all known, or no past year is. A burst of a single day is not borne out by this
/// rule, real as it may be.
pub fn confirmed(history: &History, episode: &Episode) -> Option<bool> {
    let panel = &history.city.panel;
    let series = history.city.hierarchy.series(panel, episode.node);
    let from =
        if episode.kind.is_ahead() { Day::from(episode.window.0) } else { Day::from(episode.told).plus(1) };
    let at = usize::try_from(from.0 - Day::from(panel.start).0).ok()?;
    let days = series.get(at..at + 7)?;
    let came: f64 = days.iter().map(|y| f64::from(*y)).sum();
    let past = same_weeks(panel.start, &series[..at], from.date(), alignment(&history.config));
    (came.is_finite() && !past.is_empty()).then(|| came > upper(&past))
}

fn upper(past: &[f64]) -> f64 {
    let n = past.len() as f64;
    let mean = (past.iter().sum::<f64>() / n).max(0.1);
    let spread = past.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    NegativeBinomial::new(mean, ((spread - mean) / (mean * mean)).max(0.0)).quantile(UPPER) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_widens_with_the_spread_of_past_years() {
        assert_eq!(upper(&[100.0]), upper(&[100.0, 100.0, 100.0]));
        assert!((110.0..116.0).contains(&upper(&[100.0])), "{}", upper(&[100.0]));
        assert!(upper(&[60.0, 100.0, 140.0]) > 140.0);
    }
}
