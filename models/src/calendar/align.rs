//! Which past period is "the same" as one of this year: 同比 by the solar calendar (公历) and aligned on Spring
//! Festival (春节对齐).
//!
//! By the solar calendar the counterpart of a day is either the same date, as reports name it, or the same weekday
//! 52 weeks before, as daily counts need it: a weekday's level differs more from a Sunday's than from last year's.
//! Around Lunar New Year, which moves by up to a month from year to year, neither holds; there the counterpart lies
//! as far from its own year's Lunar New Year's Day. Forecasting, detection, exports, page and API compare through
//! this file only, so that one number never has two meanings.
//!
//! ```
//! use weisu_models::calendar::{Alignment, By};
//! let day = |text: &str| text.parse::<chrono::NaiveDate>().unwrap();
//! let february = (day("2024-02-01"), day("2024-02-29"));
//! let solar = Alignment::Solar.past(february, 1, By::Month);
//! assert_eq!(solar, Some((day("2023-02-01"), day("2023-02-28"))));
//! // Lunar New Year's Day was 22 January 2023 and 10 February 2024, 384 days later.
//! let lunar = Alignment::SpringFestival.past(february, 1, By::Month);
//! assert_eq!(lunar, Some((day("2023-01-13"), day("2023-02-10"))));
//! ```
use std::ops::RangeInclusive;

use chrono::{Datelike, Days, Duration, Months, NaiveDate};

use super::lunar;

/// Days between a day and the same weekday a year earlier: 52 weeks.
pub const YEAR_OF_WEEKS: u16 = 364;
/// Days from Lunar New Year's Day in which the lunar calendar rules.
pub const FESTIVAL: RangeInclusive<i64> = -15..=20;

/// First and last day of a period.
pub type Span = (NaiveDate, NaiveDate);

/// Whose year counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alignment {
    /// The solar calendar (公历同比).
    Solar,
    /// Equal distance to Lunar New Year's Day for periods that touch 15 days before to 20 after it (春节对齐同比), else
    /// as [`Alignment::Solar`].
    SpringFestival,
}

/// What stays the same when a period goes back by solar years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Weekdays: 52, 104, … weeks before, nearly the same date.
    Week,
    /// Dates: the same month and day; 29 February becomes the 28th.
    Date,
    /// Whole calendar months: from the first to the last day of the same months.
    Month,
}

impl Alignment {
    /// The counterpart of the period `span` (inclusive) `years` ago; `None` beyond the dates there are.
    ///
    /// A period that the lunar calendar moves keeps its length.
    pub fn past(self, span: Span, years: u32, by: By) -> Option<Span> {
        let festival = match self {
            Self::Solar => None,
            Self::SpringFestival => festival_shift(span, years),
        };
        match festival {
            Some(days) => Some((span.0.checked_sub_days(days)?, span.1.checked_sub_days(days)?)),
            None => solar(span, years, by),
        }
    }
}

impl Alignment {
    /// The date `years` later of which `date` is the counterpart: as far from its own Lunar New Year's Day around the
    /// festival, else the same date; `None` beyond the dates there are.
    ///
    /// ```
    /// use weisu_models::calendar::Alignment;
    /// let day = |text: &str| text.parse::<chrono::NaiveDate>().unwrap();
    /// // Lunar New Year's Day was 10 February 2024 and 29 January 2025.
    /// assert_eq!(Alignment::SpringFestival.future(day("2024-02-05"), 1), Some(day("2025-01-24")));
    /// assert_eq!(Alignment::Solar.future(day("2024-02-05"), 1), Some(day("2025-02-05")));
    /// ```
    pub fn future(self, date: NaiveDate, years: u32) -> Option<NaiveDate> {
        let lunar = match self {
            Self::Solar => None,
            Self::SpringFestival => festival(date),
        };
        match lunar {
            Some((new_year, offset)) => lunar::new_year(new_year.year().checked_add_unsigned(years)?)?
                .checked_add_signed(Duration::days(offset)),
            None => date.checked_add_months(Months::new(years.checked_mul(12)?)),
        }
    }
}

/// The same date `years` ago; 29 February becomes the 28th. Saturates at the first date there is.
pub fn same_date(date: NaiveDate, years: u32) -> NaiveDate {
    date.checked_sub_months(Months::new(years.saturating_mul(12))).unwrap_or(NaiveDate::MIN)
}

/// The New Year's Day whose festival `date` belongs to, and the days from it.
pub fn festival(date: NaiveDate) -> Option<(NaiveDate, i64)> {
    let offset = lunar::days_from_new_year(date).filter(|offset| FESTIVAL.contains(offset))?;
    Some((date.checked_sub_signed(Duration::days(offset))?, offset))
}

/// Days between the Lunar New Year whose festival the period touches and the one `years` before.
fn festival_shift((from, to): Span, years: u32) -> Option<Days> {
    let (new_year, _) = from.iter_days().take_while(|day| *day <= to).find_map(festival)?;
    let before = lunar::new_year(new_year.year().checked_sub(i32::try_from(years).ok()?)?)?;
    Some(Days::new((new_year - before).num_days().unsigned_abs()))
}

fn solar((from, to): Span, years: u32, by: By) -> Option<Span> {
    match by {
        By::Week => {
            let days = Days::new(u64::from(YEAR_OF_WEEKS) * u64::from(years));
            Some((from.checked_sub_days(days)?, to.checked_sub_days(days)?))
        }
        By::Date => Some((same_date(from, years), same_date(to, years))),
        By::Month => {
            let (from, to) = (same_date(from, years).with_day(1)?, same_date(to, years).with_day(1)?);
            Some((from, to.checked_add_months(Months::new(1))?.pred_opt()?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: &str, to: &str) -> Span {
        (from.parse().unwrap(), to.parse().unwrap())
    }

    fn check(alignment: Alignment, by: By, years: u32, period: Span, past: Span) {
        assert_eq!(alignment.past(period, years, by), Some(past), "{alignment:?} {by:?} {period:?}");
    }

    #[test]
    fn solar_years_keep_weekdays_dates_or_whole_months() {
        let leap = span("2024-02-29", "2024-02-29");
        check(Alignment::Solar, By::Week, 1, leap, span("2023-03-02", "2023-03-02"));
        check(Alignment::Solar, By::Week, 3, leap, span("2021-03-04", "2021-03-04"));
        check(Alignment::Solar, By::Date, 1, leap, span("2023-02-28", "2023-02-28"));
        let february = span("2025-02-01", "2025-02-28");
        check(Alignment::Solar, By::Month, 1, february, span("2024-02-01", "2024-02-29"));
        check(Alignment::Solar, By::Date, 1, february, span("2024-02-01", "2024-02-28"));
    }

    #[test]
    fn the_festival_moves_with_the_moon_and_keeps_its_length() {
        // Lunar New Year: 2021-02-12, 2023-01-22, 2024-02-10, 2025-01-29.
        let week = span("2024-02-10", "2024-02-16");
        check(Alignment::SpringFestival, By::Week, 1, week, span("2023-01-22", "2023-01-28"));
        check(Alignment::SpringFestival, By::Week, 3, week, span("2021-02-12", "2021-02-18"));
        let january = span("2025-01-01", "2025-01-31");
        check(Alignment::SpringFestival, By::Month, 1, january, span("2024-01-13", "2024-02-12"));
    }

    #[test]
    fn periods_away_from_the_festival_are_solar() {
        // The first week that no longer touches the 20th day after 10 February 2024.
        for (period, touches) in
            [(span("2024-03-01", "2024-03-07"), true), (span("2024-03-02", "2024-03-08"), false)]
        {
            let lunar = Alignment::SpringFestival.past(period, 1, By::Week);
            assert_eq!(lunar == Alignment::Solar.past(period, 1, By::Week), !touches, "{period:?}");
        }
        let june = span("2024-06-01", "2024-06-30");
        check(Alignment::SpringFestival, By::Month, 2, june, span("2022-06-01", "2022-06-30"));
    }

    #[test]
    fn a_date_knows_its_festival() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(festival(day("2024-02-09")), Some((day("2024-02-10"), -1)));
        assert_eq!(festival(day("2024-01-26")), Some((day("2024-02-10"), -15)));
        assert_eq!(festival(day("2024-01-25")), None);
        assert_eq!(festival(day("1000-02-01")), None);
    }

    #[test]
    fn the_edges_of_time_are_no_panic() {
        for alignment in [Alignment::Solar, Alignment::SpringFestival] {
            for by in [By::Week, By::Date, By::Month] {
                let _ = alignment.past((NaiveDate::MIN, NaiveDate::MIN), 1, by);
                let _ = alignment.past((NaiveDate::MAX, NaiveDate::MAX), u32::MAX, by);
                assert!(alignment.past((NaiveDate::MIN, NaiveDate::MIN), 1, By::Week).is_none());
            }
        }
    }
}
