//! Coming weeks above a reference: the seasonal norm, last year's same week, or what a unit can handle.
//!
//! The *norm* of a coming week is the mean of the same weeks of past years, as [`crate::calendar::align`] finds
//! them: with the same weekdays, and around Spring Festival at the same distance to Lunar New Year's Day. A week
//! exceeds its norm when it passes it by a margin and has a least number of tickets; from the forecast's distribution
//! follows the probability, and the rule says from which probability on it is an alarm. That asks for a rise that is large against both the norm
//! and the uncertainty of the forecast.
use chrono::{Days, NaiveDate};

use super::season::Ahead;
use crate::calendar::{Alignment, By};

/// Days in a week.
const WEEK: usize = 7;
/// Known days a past week needs; its sum is scaled to seven.
const ENOUGH_DAYS: f64 = 5.0;
/// Years looked back.
const YEARS: u32 = 3;

/// When a forecast above the norm becomes an alarm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Probability from which on it is an alarm: 0.9 asks for the lower end of an 80 % band above the bound.
    pub probability: f64,
    /// Rise over the norm that matters, as a share of it.
    pub margin: f64,
    /// Smallest bound, in tickets a week.
    pub min_count: f64,
}

/// How a forecast week stands against its references.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exceedance {
    /// Expected count of the week.
    pub forecast: f64,
    /// The count that the week passes with the rule's probability.
    pub lower: f64,
    /// The norm.
    pub norm: f64,
    /// What the week has to pass: the norm with its margin, at least the minimum count; or the capacity.
    pub bound: f64,
    /// P(week > bound).
    pub probability: f64,
    /// P(week > last year's same week), where that is known.
    pub above_last_year: Option<f64>,
    /// Whether the probability is that of an alarm.
    pub alarms: bool,
}

impl Exceedance {
    /// `lower / bound`: above 1 is abnormal.
    pub fn score(&self) -> f64 {
        self.lower / self.bound.max(1.0)
    }
}

/// Sums of the same weeks of up to three past years, newest first. `start` is the date of `counts[0]` (daily, NaN =
/// missing); `week` is the first day of the coming week. Years with fewer than five known days are left out.
pub fn same_weeks(start: NaiveDate, counts: &[f32], week: NaiveDate, alignment: Alignment) -> Vec<f64> {
    let Some(last) = week.checked_add_days(Days::new(WEEK as u64 - 1)) else { return Vec::new() };
    let past = |years| Some(alignment.past((week, last), years, By::Week)?.0);
    (1..=YEARS).filter_map(|years| week_sum(start, counts, past(years)?)).collect()
}

fn week_sum(start: NaiveDate, counts: &[f32], week: NaiveDate) -> Option<f64> {
    let first = usize::try_from((week - start).num_days()).ok()?;
    let days = counts.get(first..first + WEEK)?.iter().filter(|y| !y.is_nan());
    let (n, sum) = days.fold((0.0, 0.0), |(n, sum), y| (n + 1.0, sum + f64::from(*y)));
    (n >= ENOUGH_DAYS).then(|| sum * WEEK as f64 / n)
}

/// Holds a forecast week against the mean of the `same_weeks` of past years, newest first.
///
/// `None` when no past year is known: without a norm nothing exceeds it. The bound is
/// `max(norm * (1 + margin), min_count)`, the alarm `P(week > bound) >= probability`.
///
/// ```
/// use weisu_models::hotspot::{exceedance::{Rule, exceedance}, season::{Ahead, Spread}};
/// let week = Ahead { known: 0.0, mean: 200.0, days: 7, spread: Spread { common: 0.01, own: 0.0 } };
/// let rule = Rule { probability: 0.8, margin: 0.2, min_count: 10.0 };
/// let e = exceedance(&week, &[100.0, 120.0], rule).unwrap();
/// assert!(e.alarms && e.bound == 132.0 && e.probability > 0.99);
/// ```
pub fn exceedance(week: &Ahead, same_weeks: &[f64], rule: Rule) -> Option<Exceedance> {
    if same_weeks.is_empty() {
        return None;
    }
    let norm = same_weeks.iter().sum::<f64>() / same_weeks.len() as f64;
    let bound = (norm * (1.0 + rule.margin)).max(rule.min_count.max(1.0));
    Some(against(week, bound, norm, same_weeks, rule.probability))
}

/// Holds a forecast week against what a unit can handle in one; `probability` is that of an alarm.
///
/// Where no past year is known, the norm is the capacity.
pub fn over_capacity(week: &Ahead, same_weeks: &[f64], capacity: f64, probability: f64) -> Exceedance {
    let norm = same_weeks.iter().sum::<f64>() / same_weeks.len() as f64;
    let norm = if same_weeks.is_empty() { capacity } else { norm };
    against(week, capacity, norm, same_weeks, probability)
}

fn against(week: &Ahead, bound: f64, norm: f64, same_weeks: &[f64], needed: f64) -> Exceedance {
    let probability = week.exceeds(bound);
    Exceedance {
        forecast: week.expected(),
        lower: week.known + week.distribution().quantile(1.0 - needed) as f64,
        norm,
        bound,
        probability,
        above_last_year: same_weeks.first().map(|last| week.exceeds(*last)),
        alarms: probability >= needed,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hotspot::season::Spread;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// Each day holds the number of its date since `start`, so that a sum tells which days went into it.
    fn ramp(days: usize) -> Vec<f32> {
        (0..days).map(|t| t as f32).collect()
    }

    #[test]
    fn the_same_weeks_begin_on_the_same_weekday() {
        let start = day("2021-01-01");
        let week = day("2024-06-03");
        let sums = same_weeks(start, &ramp(1000), week, Alignment::Solar);
        let first = |sum: f64| start + Days::new(((sum - 21.0) / 7.0) as u64);
        assert_eq!(
            sums.iter().map(|sum| first(*sum)).collect::<Vec<_>>(),
            [day("2023-06-05"), day("2022-06-06"), day("2021-06-07")]
        );
    }

    #[test]
    fn spring_festival_weeks_move_with_the_lunar_calendar() {
        let start = day("2021-01-01");
        // 2024-02-10 and 2023-01-22 are Lunar New Year's Days.
        let sums = same_weeks(start, &ramp(1150), day("2024-02-10"), Alignment::SpringFestival);
        assert_eq!(start + Days::new(((sums[0] - 21.0) / 7.0) as u64), day("2023-01-22"));
        let summer = day("2024-07-01");
        assert_eq!(
            same_weeks(start, &ramp(1150), summer, Alignment::SpringFestival),
            same_weeks(start, &ramp(1150), summer, Alignment::Solar)
        );
    }

    #[test]
    fn gaps_are_scaled_and_short_weeks_left_out() {
        let start = day("2023-01-02");
        let week = day("2024-01-01");
        let mut counts = vec![10.0; 364];
        (counts[0], counts[1]) = (f32::NAN, f32::NAN);
        assert_eq!(same_weeks(start, &counts, week, Alignment::Solar), [70.0]);
        counts[2] = f32::NAN;
        assert_eq!(same_weeks(start, &counts, week, Alignment::Solar), Vec::<f64>::new());
    }

    fn week(mean: f64, common: f64) -> Ahead {
        Ahead { known: 0.0, mean, days: 7, spread: Spread { common, own: 0.0 } }
    }

    const RULE: Rule = Rule { probability: 0.9, margin: 0.2, min_count: 10.0 };

    #[test]
    fn an_alarm_needs_the_bound_passed_with_the_rules_probability() {
        let judge = |mean, alpha, past: &[f64]| exceedance(&week(mean, alpha), past, RULE).unwrap();
        let clear = judge(200.0, 0.01, &[100.0, 110.0, 90.0]);
        assert!(clear.alarms && clear.probability > 0.99 && clear.norm == 100.0 && clear.bound == 120.0);
        assert!(clear.above_last_year.unwrap() > 0.99 && clear.score() > 1.0);
        let unclear = judge(130.0, 0.01, &[100.0]);
        assert!(!unclear.alarms && unclear.score() <= 1.0, "mean above, not sure enough");
        assert!(!judge(200.0, 1.0, &[100.0]).alarms, "uncertain");
        assert!(!judge(8.0, 0.0, &[1.0]).alarms, "few tickets");
        assert!(judge(40.0, 0.0, &[0.0]).alarms);
        assert_eq!(exceedance(&week(40.0, 0.0), &[], RULE), None);
    }

    #[test]
    fn capacity_needs_no_past() {
        let over = over_capacity(&week(200.0, 0.01), &[], 150.0, 0.8);
        assert!(over.alarms && over.bound == 150.0 && over.norm == 150.0 && over.above_last_year.is_none());
        assert!(!over_capacity(&week(140.0, 0.01), &[90.0], 150.0, 0.8).alarms);
    }

    proptest! {
        /// A wider margin is passed less often, and an alarm is a score of at least 1.
        #[test]
        fn margins_only_lower_the_probability(mean in 1.0..900.0_f64, norm in 1.0..900.0_f64, more in 0.0..1.0_f64) {
            let judge = |margin| exceedance(&week(mean, 0.02), &[norm], Rule { margin, ..RULE }).unwrap();
            let (one, two) = (judge(0.1), judge(0.1 + more));
            prop_assert!(two.probability <= one.probability + 1e-12);
            prop_assert!(!one.alarms || one.lower >= one.bound.floor(), "{one:?}");
        }
    }
}
