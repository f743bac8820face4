//! Forecasts above the seasonal norm: which coming weeks will be busier than the same weeks of past years.
//!
//! The *norm* of a coming week is the mean of the same weeks of past years, as [`crate::calendar::align`] finds
//! them: with the same weekdays, and around Spring Festival at the same distance to Lunar New Year's Day. An alarm needs the lower bound of the forecast, not
//! only its mean, above the norm by a margin: then the rise is large against both the norm and the uncertainty of
//! the forecast. Weeks of few tickets never alarm.
use chrono::{Days, NaiveDate};

use crate::calendar::{Alignment, By};
use crate::intervals::NegativeBinomial;

/// Days in a week.
const WEEK: usize = 7;
/// Known days a past week needs; its sum is scaled to seven.
const ENOUGH_DAYS: f64 = 5.0;
/// Years looked back.
const YEARS: u32 = 3;

/// When a forecast above the norm becomes an alarm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Level of the lower bound of the forecast: 0.1 is the lower end of an 80 % band.
    pub lower_level: f64,
    /// Rise over the norm that matters, as a share of it.
    pub margin: f64,
    /// Smallest lower bound that alarms, in tickets a week.
    pub min_count: f64,
}

impl Default for Rule {
    fn default() -> Self {
        Self { lower_level: 0.1, margin: 0.2, min_count: 10.0 }
    }
}

/// How a forecast week stands against its norm.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Exceedance {
    /// Expected count of the week.
    pub forecast: f64,
    /// Lower bound of the forecast.
    pub lower: f64,
    /// The norm.
    pub norm: f64,
    /// The bound the lower end has to pass: the norm with its margin, at least the minimum count.
    pub bound: f64,
    /// Probability of a count above the norm.
    pub probability: f64,
    /// `lower / bound`: above 1 is abnormal.
    pub score: f64,
}

impl Exceedance {
    /// Whether the week alarms.
    pub fn alarms(&self) -> bool {
        self.score > 1.0
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

/// Holds a forecast week against the mean of the `same_weeks` of past years.
///
/// `forecast` is the distribution of the week's sum. `None` when no past year is known: without a norm nothing
/// exceeds it. With `level` the rule's lower level, the alarm is
/// `quantile(level) > max(norm * (1 + margin), min_count)`.
pub fn exceedance(forecast: &NegativeBinomial, same_weeks: &[f64], rule: Rule) -> Option<Exceedance> {
    if same_weeks.is_empty() {
        return None;
    }
    let norm = same_weeks.iter().sum::<f64>() / same_weeks.len() as f64;
    let bound = (norm * (1.0 + rule.margin)).max(rule.min_count.max(1.0));
    let lower = forecast.quantile(rule.lower_level) as f64;
    let probability = forecast.upper_tail(norm.floor() as u64 + 1);
    Some(Exceedance { forecast: forecast.mean(), lower, norm, bound, probability, score: lower / bound })
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn an_alarm_needs_the_lower_bound_above_norm_margin_and_minimum() {
        let judge = |mean, alpha, past: &[f64]| {
            exceedance(&NegativeBinomial::new(mean, alpha), past, Rule::default()).unwrap()
        };
        let clear = judge(200.0, 0.01, &[100.0, 110.0, 90.0]);
        assert!(clear.alarms() && clear.probability > 0.99 && clear.norm == 100.0 && clear.bound == 120.0);
        assert!(!judge(130.0, 0.01, &[100.0]).alarms(), "mean above, lower bound not");
        assert!(!judge(200.0, 1.0, &[100.0]).alarms(), "uncertain");
        assert!(!judge(8.0, 0.0, &[1.0]).alarms(), "few tickets");
        assert!(judge(40.0, 0.0, &[0.0]).alarms());
        assert_eq!(exceedance(&NegativeBinomial::new(40.0, 0.0), &[], Rule::default()), None);
    }
}
