//! When a season usually begins, as a distribution, and what a forecast adds to it.
//!
//! Past onsets are few and laid into this year's row of weeks by the calendar. With J of them, mean m and sum of squares
//! S around it, an onset's predictive distribution under a normal with unknown mean and variance, whose variance is
//! known beforehand to be about s0^2 as if from n0 dates, is Student's t (Gelman et al., *Bayesian Data Analysis*, 3.3):
//!
//! `t_v((x - m) / (s sqrt(1 + 1/J))), v = n0 + J - 1, s^2 = (n0 s0^2 + S) / v`
//!
//! so that two dates that happen to agree are not taken for certainty. The forecast's chances of each week are the
//! other opinion. Both are combined by a logarithmic pool, `q_k ~ usual_k^(1-w) forecast_k^w` (Genest and Zidek 1986,
//! *Statistical Science* 1(1)), over every week of the row and "never"; of the weeks that a forecast does not reach
//! it only knows their sum.
use chrono::NaiveDate;
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{Past, WEEK, YEAR};
use crate::calendar::Alignment;

/// Days that onsets of one season lie apart, known beforehand (s0), and the dates that this is worth (n0). Over the 21
/// onsets of São Paulo's topics in its districts of 2017 and 2018, dates by the years before were off by eight weeks on
/// average and s0 of six to eight weeks was the likeliest; one date's worth leaves the word to past years that agree, as
/// those of a season by decree do.
const SPREAD_DAYS: f64 = 42.0;
const SPREAD_DATES: f64 = 1.0;
/// What an onset can at least be off: dates are known by the week.
const LEAST_DAYS: f64 = 5.0;
/// P(a season of past years does not come), known beforehand, and the years that this is worth.
const NEVER: f64 = 0.1;
const NEVER_YEARS: f64 = 2.0;
/// w: weight of the forecast against the dates of past years.
pub const FORECAST_WEIGHT: f64 = 0.5;
/// What no opinion takes for impossible.
const FLOOR: f64 = 1e-6;

/// Past onsets laid into a row of weeks to come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    /// Mean date, in days from the row's first Monday.
    centre: f64,
    /// Scale of Student's t, in days.
    scale: f64,
    /// Its degrees of freedom.
    freedom: f64,
    /// P(no season).
    never: f64,
}

/// Years between the row of weeks in which `onset` lies and the row that begins on `row`.
fn years_before(onset: NaiveDate, row: NaiveDate) -> u32 {
    let days = (row - onset).num_days().max(0) as usize;
    days.div_ceil(WEEK * YEAR) as u32
}

impl Usual {
    /// Of past onsets, for the row of weeks that begins on the Monday `row`; `rows` is the number of past rows, with
    /// an onset or without. `None` without an onset.
    pub fn new(onsets: &[NaiveDate], row: NaiveDate, rows: usize, alignment: Alignment) -> Option<Self> {
        let days: Vec<f64> = onsets
            .iter()
            .filter_map(|onset| alignment.future(*onset, years_before(*onset, row)))
            .map(|date| (date - row).num_days() as f64)
            .collect();
        if days.is_empty() {
            return None;
        }
        let n = days.len() as f64;
        let centre = days.iter().sum::<f64>() / n;
        let squares: f64 = days.iter().map(|d| (d - centre).powi(2)).sum();
        let freedom = SPREAD_DATES + n - 1.0;
        let spread = ((SPREAD_DATES * SPREAD_DAYS.powi(2) + squares) / freedom).sqrt().max(LEAST_DAYS);
        let without = rows.saturating_sub(days.len()) as f64;
        let never = (NEVER * NEVER_YEARS + without) / (NEVER_YEARS + n + without);
        Some(Self { centre, scale: spread * (1.0 + 1.0 / n).sqrt(), freedom, never })
    }

    /// The mean date, for the row that begins on `row`.
    pub fn date(&self, row: NaiveDate) -> NaiveDate {
        row + chrono::TimeDelta::days(self.centre.round() as i64)
    }

    /// P(it begins in week k of the row), k = `from`, …, 51, given that it has not begun before; what is missing to 1
    /// is P(never).
    pub fn weeks(&self, from: usize) -> Vec<f64> {
        let Ok(t) = StudentsT::new(0.0, 1.0, self.freedom) else { return Vec::new() };
        // The date lies on a day of its week, so a week reaches from its Monday to the next.
        let below = |week: usize| t.cdf((week as f64 * WEEK as f64 - self.centre) / self.scale);
        let come: Vec<f64> = (from..YEAR).map(|k| (below(k + 1) - below(k)).max(0.0)).collect();
        let total = come.iter().sum::<f64>() * (1.0 - self.never) + self.never;
        come.into_iter().map(|p| p * (1.0 - self.never) / total).collect()
    }
}

/// The rows of past years that a row of weeks is held against.
pub fn onsets(past: &[Past]) -> Vec<NaiveDate> {
    past.iter().map(|p| p.onset).collect()
}

/// The logarithmic pool of what is usual with a forecast's chances of the first weeks; `weight` is the forecast's.
pub fn pool(usual: &[f64], forecast: &[f64], weight: f64) -> Vec<f64> {
    let reach = forecast.len().min(usual.len());
    let never = (1.0 - usual.iter().sum::<f64>()).max(0.0);
    let after: f64 = usual[reach..].iter().sum::<f64>() + never;
    let left = (1.0 - forecast[..reach].iter().sum::<f64>()).max(0.0);
    let share = if after > 0.0 { left / after } else { 0.0 };
    let of =
        |usual: f64, forecast: f64| usual.max(FLOOR).powf(1.0 - weight) * forecast.max(FLOOR).powf(weight);
    let mut out: Vec<f64> = usual
        .iter()
        .enumerate()
        .map(|(k, p)| of(*p, forecast[..reach].get(k).copied().unwrap_or(p * share)))
        .collect();
    let total = out.iter().sum::<f64>() + of(never, never * share);
    out.iter_mut().for_each(|p| *p /= total);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn usual(onsets: &[&str]) -> Usual {
        let onsets: Vec<NaiveDate> = onsets.iter().map(|text| day(text)).collect();
        Usual::new(&onsets, day("2024-06-03"), onsets.len(), Alignment::Solar).unwrap()
    }

    #[test]
    fn past_onsets_are_laid_into_the_row_by_date() {
        let row = day("2024-06-03");
        assert_eq!(usual(&["2023-11-13", "2022-11-15"]).date(row), day("2024-11-14"));
        assert_eq!(
            [day("2023-06-05"), day("2023-06-04"), day("2024-06-02")].map(|d| years_before(d, row)),
            [1, 2, 1]
        );
        assert_eq!(Usual::new(&[], row, 2, Alignment::Solar), None);
    }

    #[test]
    fn two_dates_that_agree_are_no_certainty_and_more_narrow_it() {
        let two = usual(&["2023-11-13", "2022-11-13"]);
        let five = usual(&["2023-11-13", "2022-11-13", "2021-11-13", "2020-11-13", "2019-11-13"]);
        let apart = usual(&["2023-10-13", "2022-12-13"]);
        assert!(five.scale < two.scale && two.scale < apart.scale, "{five:?} {two:?} {apart:?}");
        let near = |usual: &Usual| usual.weeks(0)[21..26].iter().sum::<f64>();
        assert!((0.25..0.75).contains(&near(&two)), "{}", near(&two));
    }

    #[test]
    fn what_has_not_come_yet_moves_the_rest_up() {
        let one = usual(&["2023-11-13", "2022-11-13"]);
        let (all, late) = (one.weeks(0), one.weeks(26));
        assert!(late[0] > all[26] && late.iter().sum::<f64>() < all.iter().sum(), "some never come");
    }

    #[test]
    fn the_pool_lies_between_both_and_keeps_what_the_forecast_cannot_see() {
        let usual = [0.1, 0.1, 0.6, 0.1, 0.05];
        let forecast = [0.7, 0.2];
        let check = |weight| pool(&usual, &forecast, weight);
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(close(&check(0.0), &usual), "{:?}", check(0.0));
        assert!(close(&check(1.0)[..2], &forecast), "{:?}", check(1.0));
        let (half, rest) = (check(0.5), check(1.0));
        assert!(half[0] > usual[0] && half[0] < forecast[0]);
        assert!((rest[2] / rest[3] - 6.0).abs() < 1e-9, "beyond its reach the usual shape: {rest:?}");
    }

    proptest! {
        #[test]
        fn a_pool_is_a_distribution(usual in prop::collection::vec(0.0..1.0_f64, 3..30), forecast in prop::collection::vec(0.0..1.0_f64, 0..10), weight in 0.0..1.0_f64) {
            let scaled = |v: &[f64]| { let sum = v.iter().sum::<f64>() + 0.1; v.iter().map(|p| p / sum).collect::<Vec<_>>() };
            let pooled = pool(&scaled(&usual), &scaled(&forecast), weight);
            prop_assert!(pooled.iter().all(|p| (0.0..=1.0).contains(p)));
            prop_assert!(pooled.iter().sum::<f64>() <= 1.0 + 1e-9);
        }
    }
}
