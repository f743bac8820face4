//! When a season usually begins, as a distribution, and what a forecast adds to it.
//!
//! Past onsets are few and laid into this year's row of weeks by the calendar. With n of them, mean m and sum of squares
//! S around it, the next is normal around m with variance s^2 (1 + 1/n), where s is not known. Its prior is uniform
//! five and eighty days (Gelman 2006, *Bayesian Analysis* 1(3)), laid out on a geometric row of values, each with the
//! weight of its step and of what the dates say of it,
//!
//! `w(s) ~ s * s^-(n-1) exp(-S / 2 s^2)`
//!
//! so that two dates that happen to agree are not taken for certainty, while the fixed dates of a season by decree soon
//! are. The forecast's chances of each week are the other opinion. Both are combined by a logarithmic pool,
//! `q_k ~ usual_k^(1-w) forecast_k^w` (Genest and Zidek 1986, *Statistical Science* 1(1)), over every week of the row and
//! "never"; of the weeks that a forecast does not reach it only knows their sum.
use chrono::NaiveDate;
use statrs::distribution::{ContinuousCDF, Normal};

use super::{Past, WEEK, YEAR};
use crate::calendar::Alignment;

/// Days that onsets of one season may lie apart from year to year: from a season by decree, whose dates are known by the
/// week, to one that the weather makes. Over the 21 onsets of São Paulo's topics and of topics in its districts in 2017
/// and 2018, dates by the years before were off by eight weeks on average.
const SPREADS: [f64; 5] = [5.0, 10.0, 20.0, 40.0, 80.0];
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
    /// Standard deviations in days, each with its weight.
    spreads: [(f64, f64); SPREADS.len()],
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
        let weight = |s: f64| s.powf(2.0 - n) * (-squares / (2.0 * s * s)).exp();
        let total: f64 = SPREADS.into_iter().map(weight).sum();
        // Dates too far apart for any of them: the widest.
        let share =
            |s: f64| if total > 0.0 { weight(s) / total } else { f64::from(u8::from(s == SPREADS[4])) };
        let spreads = SPREADS.map(|s| (s * (1.0 + 1.0 / n).sqrt(), share(s)));
        let without = rows.saturating_sub(days.len()) as f64;
        let never = (NEVER * NEVER_YEARS + without) / (NEVER_YEARS + n + without);
        Some(Self { centre, spreads, never })
    }

    /// The mean date, for the row that begins on `row`.
    pub fn date(&self, row: NaiveDate) -> NaiveDate {
        row + chrono::TimeDelta::days(self.centre.round() as i64)
    }

    /// P(it begins in week k of the row), k = `from`, …, 51, given that it has not begun before; what is missing to 1
    /// is P(never).
    pub fn weeks(&self, from: usize) -> Vec<f64> {
        let Ok(normal) = Normal::new(0.0, 1.0) else { return Vec::new() };
        // The date lies on a day of its week, so a week reaches from its Monday to the next.
        let below = |week: usize| -> f64 {
            let days = (week * WEEK) as f64 - self.centre;
            self.spreads.iter().map(|(s, weight)| weight * normal.cdf(days / s)).sum()
        };
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
    fn dates_that_agree_narrow_it_and_more_of_them_more() {
        let two = usual(&["2023-11-13", "2022-11-13"]);
        let five = usual(&["2023-11-13", "2022-11-13", "2021-11-13", "2020-11-13", "2019-11-13"]);
        let apart = usual(&["2023-10-13", "2022-12-13"]);
        let near = |usual: &Usual| usual.weeks(0)[21..26].iter().sum::<f64>();
        let (few, many, wide) = (near(&two), near(&five), near(&apart));
        assert!(many > few && few > wide, "{many} {few} {wide}");
        assert!(many > 0.8 && (0.4..0.8).contains(&few) && wide < 0.5, "{many} {few} {wide}");
        let far = usual(&["2023-07-01", "2023-05-01"]);
        assert!(far.weeks(0).iter().all(|p| p.is_finite()), "{far:?}");
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
