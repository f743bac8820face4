//! The lunar calendar and the 24 solar terms, from `tyme4rs`, as chrono dates.
//!
//! Only years 1900 to 2199 are answered: every shown date is recent, and inside this range the library's
//! astronomical tables need no range checks of ours. Outside it the functions return `None`.
use chrono::{Datelike, NaiveDate};
use tyme4rs::tyme::lunar::LunarDay;
use tyme4rs::tyme::solar::{SolarDay, SolarTerm};

/// Chinese and English names of the solar terms, from the winter solstice on.
pub const SOLAR_TERMS: [(&str, &str); 24] = [
    ("冬至", "Winter Solstice"),
    ("小寒", "Minor Cold"),
    ("大寒", "Major Cold"),
    ("立春", "Start of Spring"),
    ("雨水", "Rain Water"),
    ("惊蛰", "Awakening of Insects"),
    ("春分", "Spring Equinox"),
    ("清明", "Pure Brightness"),
    ("谷雨", "Grain Rain"),
    ("立夏", "Start of Summer"),
    ("小满", "Grain Buds"),
    ("芒种", "Grain in Ear"),
    ("夏至", "Summer Solstice"),
    ("小暑", "Minor Heat"),
    ("大暑", "Major Heat"),
    ("立秋", "Start of Autumn"),
    ("处暑", "End of Heat"),
    ("白露", "White Dew"),
    ("秋分", "Autumn Equinox"),
    ("寒露", "Cold Dew"),
    ("霜降", "Frost's Descent"),
    ("立冬", "Start of Winter"),
    ("小雪", "Minor Snow"),
    ("大雪", "Major Snow"),
];

/// Index of Qingming among [`SOLAR_TERMS`].
const QINGMING: isize = 7;

fn covered(year: i32) -> bool {
    (1900..2200).contains(&year)
}

fn chrono_date(day: SolarDay) -> Option<NaiveDate> {
    let year = i32::try_from(day.get_year()).ok()?;
    NaiveDate::from_ymd_opt(year, u32::try_from(day.get_month()).ok()?, u32::try_from(day.get_day()).ok()?)
}

/// The solar date of day `day` of (non-leap) lunar month `month` in the lunar year that begins in `year`.
pub fn solar_date(year: i32, month: u8, day: u8) -> Option<NaiveDate> {
    if !covered(year) || !(1..=12).contains(&month) {
        return None;
    }
    let date = LunarDay::new(year as isize, isize::from(month), usize::from(day)).ok()?;
    chrono_date(date.get_solar_day())
}

/// Lunar New Year's Day (正月初一) of `year`.
pub fn new_year(year: i32) -> Option<NaiveDate> {
    solar_date(year, 1, 1)
}

/// Days from the nearest Lunar New Year's Day: 0 on the day, -1 on New Year's Eve (除夕), 14 on the Lantern Festival.
///
/// The year-on-year comparison aligned on Spring Festival (春节对齐同比) matches days of equal offset.
pub fn days_from_new_year(date: NaiveDate) -> Option<i64> {
    (date.year()..=date.year() + 1)
        .chain([date.year() - 1])
        .filter_map(new_year)
        .map(|day| (date - day).num_days())
        .min_by_key(|days| days.abs())
}

/// The day Qingming, the fifth solar term of `year`, begins.
pub fn qingming(year: i32) -> Option<NaiveDate> {
    term_start(year, QINGMING)
}

/// The solar term that begins on `date`, as (Chinese, English).
pub fn solar_term(date: NaiveDate) -> Option<(&'static str, &'static str)> {
    // Terms 2m-1 and 2m (from the winter solstice before the year) begin in month m.
    let month = date.month() as isize;
    [2 * month - 1, 2 * month]
        .into_iter()
        .find(|index| term_start(date.year(), *index) == Some(date))
        .and_then(|index| SOLAR_TERMS.get(index as usize % 24).copied())
}

/// First day of term `index` counted from the winter solstice of the year before; 24 is this year's.
fn term_start(year: i32, index: isize) -> Option<NaiveDate> {
    if !covered(year) {
        return None;
    }
    chrono_date(SolarTerm::from_index(year as isize, index).get_solar_day())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).unwrap()
    }

    #[test]
    fn known_lunar_dates() {
        assert_eq!(new_year(2024), Some(day(2024, 2, 10)));
        assert_eq!(new_year(2023), Some(day(2023, 1, 22)));
        assert_eq!(new_year(2033), Some(day(2033, 1, 31)));
        assert_eq!(solar_date(2023, 5, 5), Some(day(2023, 6, 22)));
        assert_eq!(solar_date(2023, 8, 15), Some(day(2023, 9, 29)));
        assert_eq!(new_year(1800), None);
        assert_eq!(solar_date(2024, 13, 1), None);
    }

    #[test]
    fn offsets_from_new_year_reach_over_the_turn_of_the_year() {
        for (date, offset) in
            [(day(2024, 2, 9), -1), (day(2024, 2, 10), 0), (day(2024, 2, 24), 14), (day(2023, 12, 31), -41)]
        {
            assert_eq!(days_from_new_year(date), Some(offset), "{date}");
        }
    }

    #[test]
    fn solar_terms_begin_on_known_days() {
        assert_eq!(qingming(2024), Some(day(2024, 4, 4)));
        assert_eq!(solar_term(day(2024, 12, 21)), Some(("冬至", "Winter Solstice")));
        assert_eq!(solar_term(day(2024, 2, 4)), Some(("立春", "Start of Spring")));
        assert_eq!(solar_term(day(2024, 2, 5)), None);
        let year = day(2025, 1, 1).iter_days().take(365);
        assert_eq!(year.filter(|date| solar_term(*date).is_some()).count(), 24);
    }
}
