//! When the coming season is expected to begin, how sure that is, and how high it rises.
//!
//! Weeks ahead are independent given an error that all of them share ([`Ahead::exceeds_at`]). Given it, the onset in week w
//! needs weeks w and w + 1 above the threshold and no such pair before: a chain of two states (was the week before
//! above or not) gives its probability exactly. The mean over [`LEVELS`] equally likely common errors is
//! the distribution, without a random number. It is pooled with what past years say of the weeks of this row
//! ([`super::usual`]), which also dates what lies beyond the forecast.
use chrono::NaiveDate;

use super::{
    Ahead, WEEK, Weekly, Yearly,
    episodes::walk,
    profile::YEAR,
    usual::{FORECAST_WEIGHT, Usual, onsets, pool},
};
use crate::calendar::{Alignment, By};

/// Common errors that the distribution is the mean over: quantiles of equal weight.
const LEVELS: usize = 41;
/// Weeks around the announced one that count as near.
pub const NEAR_WEEKS: usize = 2;
/// Ends of the 80 % interval.
const INTERVAL: [f64; 2] = [0.1, 0.9];
/// Days from the usual date that are still usual: onsets are known by the week.
const USUAL_DAYS: i64 = 7;
/// Weeks after the onset in which the peak is looked for.
const PEAK_WITHIN: usize = 26;

/// Early or late against past years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// More than a week before.
    Early,
    /// Within a week.
    Usual,
    /// More than a week after.
    Late,
}

/// What is known of the season of this year.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrival {
    /// It has begun in the week from this Monday on.
    Begun {
        /// Monday of its first week.
        first: NaiveDate,
        /// Two weeks below the threshold have ended it.
        over: bool,
    },
    /// It is still to come, within the forecast or later.
    Ahead(Onset),
    /// The quiet time before has not been reached: weeks were above the threshold all along.
    Above,
}

/// P(the season begins in a week), for consecutive weeks; what is missing to 1 lies after them or never comes.
#[derive(Debug, Clone, PartialEq)]
pub struct Onset {
    /// Monday of the first week: the last one known, which may turn out to have been the first of two.
    pub from: NaiveDate,
    /// Probability of each week.
    pub chances: Vec<f64>,
    /// How many of them the forecast has a say in.
    pub reach: usize,
    /// The mean date by past years alone.
    pub usual: NaiveDate,
}

/// What is told of a coming season.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// Monday of the week in which it is expected to begin: the median.
    pub date: NaiveDate,
    /// First and last day of an 80 % interval.
    pub interval: (NaiveDate, NaiveDate),
    /// P(it begins within [`NEAR_WEEKS`] weeks of the date).
    pub near: f64,
    /// Whether the date lies within the forecast; else past years alone say it.
    pub by_forecast: bool,
    /// The mean date by past years alone, laid into this year by the calendar.
    pub usual: NaiveDate,
    /// Monday of the busiest week.
    pub peak: NaiveDate,
    /// Tickets expected in that week.
    pub height: f64,
    /// Days from the mean of past onsets, laid beside this year's by the calendar; negative = early.
    pub shift: i64,
    /// Early or late.
    pub timing: Timing,
}

/// Where the season stands: weeks since the cut as they came, then those ahead.
pub fn outlook(weekly: &Weekly, yearly: &Yearly, ahead: &[Ahead], alignment: Alignment) -> Arrival {
    outlook_by(weekly, yearly, ahead, alignment, FORECAST_WEIGHT)
}

/// The same with another weight of the forecast: 1 = the forecast alone as far as it reaches, 0 = past years alone.
pub fn outlook_by(
    weekly: &Weekly,
    yearly: &Yearly,
    ahead: &[Ahead],
    alignment: Alignment,
    weight: f64,
) -> Arrival {
    let known = weekly.sums.get(yearly.cut..).unwrap_or_default();
    let above = known.iter().map(|y| (!y.is_nan()).then_some(*y > yearly.threshold));
    let (begun, state) = walk(above);
    if let Some(first) = begun.first() {
        return Arrival::Begun { first: weekly.monday(yearly.cut + first.from), over: !state.inside };
    }
    if state.inside {
        return Arrival::Above;
    }
    let row = weekly.monday(yearly.cut);
    let from = weekly.sums.len().saturating_sub(1).max(yearly.cut);
    // The first chance is that of the last known week: without one, the forecast's weeks begin the row.
    let skip = usize::from(weekly.sums.len() <= yearly.cut);
    let forecast = &chances(ahead, yearly.threshold, state.against > 0)[skip..];
    let usual = Usual::new(&onsets(&yearly.past), row, yearly.years, alignment);
    let weeks = usual.map_or_else(Vec::new, |usual| usual.weeks(from - yearly.cut));
    Arrival::Ahead(Onset {
        from: weekly.monday(from),
        chances: if weeks.is_empty() { forecast.to_vec() } else { pool(&weeks, forecast, weight) },
        reach: forecast.len(),
        usual: usual.map_or(row, |usual| usual.date(row)),
    })
}

/// The season after this one, as past years and the one that has begun say it; `None` without any onset.
pub fn following(
    weekly: &Weekly,
    yearly: &Yearly,
    begun: Option<NaiveDate>,
    alignment: Alignment,
) -> Option<Onset> {
    let row = weekly.monday(yearly.cut + YEAR);
    let dates: Vec<NaiveDate> = begun.into_iter().chain(onsets(&yearly.past)).collect();
    let usual = Usual::new(&dates, row, yearly.years + usize::from(begun.is_some()), alignment)?;
    Some(Onset { from: row, chances: usual.weeks(0), reach: 0, usual: usual.date(row) })
}

/// P(onset) in the last known week, which was above the threshold or not, and in each week ahead.
fn chances(ahead: &[Ahead], threshold: f64, was_above: bool) -> Vec<f64> {
    let mut out = vec![0.0; ahead.len() + 1];
    for k in 0..LEVELS {
        let level = (k as f64 + 0.5) / LEVELS as f64;
        let (mut above, mut below) = if was_above { (1.0, 0.0) } else { (0.0, 1.0) };
        for (week, one) in ahead.iter().enumerate() {
            let p = one.exceeds_at(threshold, level);
            out[week] += above * p / LEVELS as f64;
            (above, below) = (below * p, (above + below) * (1.0 - p));
        }
    }
    out
}

impl Onset {
    /// The first week by whose end the season has begun with probability `level`.
    fn quantile(&self, level: f64) -> Option<usize> {
        let mut sum = 0.0;
        self.chances.iter().position(|p| {
            sum += p;
            sum >= level
        })
    }

    /// P(it begins within the weeks that `chances` holds).
    pub fn within(&self) -> f64 {
        self.chances.iter().sum()
    }

    fn monday(&self, week: usize) -> NaiveDate {
        self.from + chrono::Days::new((WEEK * week) as u64)
    }

    /// What is told; `None` while it is more likely not to begin in these weeks.
    pub fn told(
        &self,
        yearly: &Yearly,
        weekly: &Weekly,
        ahead: &[Ahead],
        alignment: Alignment,
    ) -> Option<Outlook> {
        let median = self.quantile(0.5)?;
        let ends = INTERVAL.map(|level| self.quantile(level).unwrap_or(self.chances.len() - 1));
        let near = median.saturating_sub(NEAR_WEEKS)..(median + NEAR_WEEKS + 1).min(self.chances.len());
        let date = self.monday(median);
        let shift = shift(date, yearly, alignment);
        let (peak, height) = peak(yearly, weekly, ahead, weekly.position(date));
        Some(Outlook {
            date,
            interval: (self.monday(ends[0]), self.monday(ends[1]) + chrono::Days::new(WEEK as u64 - 1)),
            near: self.chances[near].iter().sum(),
            by_forecast: median < self.reach,
            usual: self.usual,
            peak,
            height,
            shift,
            timing: match shift {
                d if d < -USUAL_DAYS => Timing::Early,
                d if d > USUAL_DAYS => Timing::Late,
                _ => Timing::Usual,
            },
        })
    }
}

/// Mean days between `date` and the onsets of past years, each held against the same date of its own year.
fn shift(date: NaiveDate, yearly: &Yearly, alignment: Alignment) -> i64 {
    let days: Vec<i64> = yearly.past.iter().filter_map(|past| away(date, past.onset, alignment)).collect();
    if days.is_empty() { 0 } else { (days.iter().sum::<i64>() as f64 / days.len() as f64).round() as i64 }
}

/// Days from a past onset to the counterpart of `date` in its year: the year whose counterpart is nearest.
fn away(date: NaiveDate, onset: NaiveDate, alignment: Alignment) -> Option<i64> {
    let years = ((date - onset).num_days() as f64 / 365.25).round().max(0.0) as u32;
    let (same, _) = alignment.past((date, date), years, By::Date)?;
    Some((same - onset).num_days())
}

/// The busiest week to come from week `onset` on, over half a year, with the tickets expected in it.
pub(super) fn peak(yearly: &Yearly, weekly: &Weekly, ahead: &[Ahead], onset: usize) -> (NaiveDate, f64) {
    let from = onset.max(weekly.sums.len());
    let best = (from..from + PEAK_WITHIN)
        .map(|week| (week, expected(yearly, weekly, ahead, week)))
        .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
    let (week, height) = best.unwrap_or((from, 0.0));
    (weekly.monday(week), height)
}

/// Tickets expected in a week to come: by the forecast, and by the profile beyond it, scaled so that both agree on the
/// weeks that they share.
pub(super) fn expected(yearly: &Yearly, weekly: &Weekly, ahead: &[Ahead], week: usize) -> f64 {
    let first = weekly.sums.len();
    let usual = |week: usize| yearly.level * yearly.profile[(week + YEAR - yearly.cut % YEAR) % YEAR];
    if let Some(one) = week.checked_sub(first).and_then(|k| ahead.get(k)) {
        return one.expected();
    }
    let (made, shared) = ahead
        .iter()
        .enumerate()
        .fold((0.0, 0.0), |(a, b), (k, one)| (a + one.expected(), b + usual(first + k)));
    usual(week) * if shared > 0.0 { made / shared } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hotspot::season::{Past, Spread};

    const SPREAD: Spread = Spread { common: 0.01, own: 0.05 };

    fn week(mean: f64) -> Ahead {
        Ahead { known: 0.0, mean, days: 7, spread: SPREAD }
    }

    /// Known weeks with a threshold of 100, the row beginning at week 0, last year's onset on a date.
    fn known(sums: &[f64], past: &str) -> (Weekly, Yearly) {
        let weekly =
            Weekly { start: "2024-09-02".parse().unwrap(), sums: sums.to_vec(), open: 0.0, open_days: 0 };
        let past = Past { onset: past.parse().unwrap(), peak: past.parse().unwrap(), height: 300.0 };
        let yearly = Yearly {
            cut: 0,
            level: 100.0,
            threshold: 100.0,
            profile: vec![1.0; YEAR],
            past: vec![past],
            years: 1,
            strength: 0.9,
            p_value: 0.0,
        };
        (weekly, yearly)
    }

    fn told(sums: &[f64], past: &str, ahead: &[Ahead]) -> Option<Outlook> {
        let (weekly, yearly) = known(sums, past);
        match outlook(&weekly, &yearly, ahead, Alignment::Solar) {
            Arrival::Ahead(onset) => onset.told(&yearly, &weekly, ahead, Alignment::Solar),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_clear_rise_is_dated_to_its_week_with_its_peak() {
        let ahead = [30.0, 40.0, 60.0, 200.0, 260.0, 320.0, 250.0].map(week);
        // Weeks 0 to 3 are known, so the rise is in week 7.
        let said = told(&[30.0; 4], "2023-10-23", &ahead).unwrap();
        assert_eq!(said.date, "2024-10-21".parse().unwrap());
        assert_eq!(said.interval, ("2024-10-21".parse().unwrap(), "2024-10-27".parse().unwrap()));
        assert!(said.near > 0.99, "{said:?}");
        assert_eq!((said.peak, said.height), ("2024-11-04".parse().unwrap(), 320.0));
        assert_eq!((said.timing, said.shift), (Timing::Usual, -2));
    }

    #[test]
    fn early_and_late_are_against_past_years() {
        let ahead = [30.0, 40.0, 60.0, 200.0, 260.0, 320.0].map(week);
        for (past, timing) in [("2023-11-06", Timing::Early), ("2023-10-02", Timing::Late)] {
            assert_eq!(told(&[30.0; 4], past, &ahead).unwrap().timing, timing, "{past}");
        }
    }

    #[test]
    fn around_spring_festival_the_moon_says_what_is_usual() {
        // Lunar New Year: 2024-02-10, 2025-01-29.
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let by = |alignment| away(day("2025-01-27"), day("2024-02-05"), alignment).unwrap();
        assert_eq!(by(Alignment::SpringFestival), 3);
        assert_eq!(by(Alignment::Solar), -9);
        assert_eq!(away(day("2025-01-01"), day("2023-12-31"), Alignment::Solar), Some(1));
    }

    #[test]
    fn weeks_that_the_forecast_rules_out_are_not_told() {
        // Six quiet weeks to 10 November, and one loud week, which is no season: the usual October has passed, later is left.
        for ahead in [[40.0; 6], [40.0, 400.0, 40.0, 40.0, 40.0, 40.0]] {
            let said = told(&[30.0; 4], "2023-10-23", &ahead.map(week));
            let after = "2024-11-10".parse().unwrap();
            assert!(said.as_ref().is_none_or(|s| !s.by_forecast && s.date > after), "{said:?}");
        }
        // Without a forecast, past years say it.
        let said = told(&[30.0; 4], "2023-10-23", &[]).unwrap();
        assert!((said.date - said.usual).num_days().abs() <= 7 && !said.by_forecast, "{said:?}");
    }

    #[test]
    fn the_last_known_week_may_be_the_first_of_two() {
        let said = told(&[30.0, 30.0, 30.0, 150.0], "2023-09-25", &[week(300.0), week(300.0)]).unwrap();
        assert_eq!(said.date, "2024-09-23".parse().unwrap());
    }

    #[test]
    fn a_season_that_has_begun_is_not_announced() {
        let (weekly, yearly) = known(&[30.0, 150.0, 150.0, 150.0], "2023-09-25");
        let first = "2024-09-09".parse().unwrap();
        assert_eq!(outlook(&weekly, &yearly, &[], Alignment::Solar), Arrival::Begun { first, over: false });
        let (weekly, yearly) = known(&[150.0; 4], "2023-09-25");
        assert_eq!(outlook(&weekly, &yearly, &[], Alignment::Solar), Arrival::Above);
    }

    #[test]
    fn what_is_not_known_widens_the_interval() {
        let ahead = |common| {
            let spread = Spread { common, own: 0.05 };
            [60.0, 75.0, 90.0, 105.0, 120.0, 140.0, 160.0, 180.0].map(|mean| Ahead { spread, ..week(mean) })
        };
        let days = |common| {
            let (from, to) = told(&[30.0; 4], "2023-10-23", &ahead(common)).unwrap().interval;
            (to - from).num_days()
        };
        assert!(days(0.0) < days(0.1), "{} {}", days(0.0), days(0.1));
    }

    #[test]
    fn a_peak_beyond_the_forecast_follows_the_profile() {
        let (weekly, mut yearly) = known(&[30.0; 4], "2023-10-23");
        yearly.profile = (0..YEAR).map(|k| if k == 12 { 4.0 } else { 1.0 }).collect();
        // The forecast is half of what the profile says of its weeks.
        let (peak, height) = peak(&yearly, &weekly, &[week(50.0), week(50.0)], 4);
        assert_eq!((peak, height), (weekly.monday(12), 200.0));
    }

    proptest! {
        /// Chances are a distribution, and a higher threshold is passed no earlier.
        #[test]
        fn chances_add_up_and_fall_with_the_threshold(
            means in prop::collection::vec(1.0..400.0_f64, 1..14), threshold in 20.0..300.0_f64, more in 0.0..100.0_f64, above: bool,
        ) {
            let ahead: Vec<Ahead> = means.iter().map(|m| week(*m)).collect();
            let low = chances(&ahead, threshold, above);
            let high = chances(&ahead, threshold + more, above);
            prop_assert!(low.iter().all(|p| *p >= 0.0) && low.iter().sum::<f64>() <= 1.0 + 1e-9, "{low:?}");
            let by = |chances: &[f64], week: usize| chances[..=week].iter().sum::<f64>();
            for week in 0..low.len() {
                prop_assert!(by(&high, week) <= by(&low, week) + 1e-9);
            }
        }
    }
}
