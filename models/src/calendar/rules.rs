//! Built-in holiday rules of the United States and of Brazil (with the city and state of São Paulo).
//!
//! A rule is a fixed date, the n-th or last weekday of a month, or a distance from Easter Sunday, valid from the
//! year it became law. All days are [`Status::Announced`]: the law itself is the announcement.
//! Sources: 5 U.S.C. 6103 and Executive Order 11582 (observed days); Brazil's laws 662/1949, 6.802/1980, 14.759/2023,
//! São Paulo state law 9.497/1997, city laws 13.707/2004 and 14.485/2007; Carnival Monday and Tuesday are optional
//! days by custom, but the city's offices are closed.
use std::ops::RangeInclusive;

use chrono::{Datelike, Duration, NaiveDate, Weekday};

use super::{Calendar, Event, Status};

/// When a holiday falls.
enum When {
    /// Month and day.
    On(u32, u32),
    /// The n-th weekday of a month, from 1.
    Nth(u32, Weekday, u8),
    /// The last weekday of a month.
    Last(u32, Weekday),
    /// Days after Easter Sunday.
    Easter(i64),
}

/// A holiday: name, first year, rule.
type Rule = (&'static str, i32, When);

const UNITED_STATES: [Rule; 11] = [
    ("New Year's Day", 1870, When::On(1, 1)),
    ("Martin Luther King Jr. Day", 1986, When::Nth(1, Weekday::Mon, 3)),
    ("Washington's Birthday", 1971, When::Nth(2, Weekday::Mon, 3)),
    ("Memorial Day", 1971, When::Last(5, Weekday::Mon)),
    ("Juneteenth", 2021, When::On(6, 19)),
    ("Independence Day", 1870, When::On(7, 4)),
    ("Labor Day", 1894, When::Nth(9, Weekday::Mon, 1)),
    ("Columbus Day", 1971, When::Nth(10, Weekday::Mon, 2)),
    ("Veterans Day", 1978, When::On(11, 11)),
    ("Thanksgiving", 1942, When::Nth(11, Weekday::Thu, 4)),
    ("Christmas Day", 1870, When::On(12, 25)),
];

const BRAZIL: [Rule; 15] = [
    ("Universal Fraternization Day", 1950, When::On(1, 1)),
    ("City of São Paulo Anniversary", 1968, When::On(1, 25)),
    ("Carnival", 1950, When::Easter(-48)),
    ("Carnival", 1950, When::Easter(-47)),
    ("Good Friday", 1950, When::Easter(-2)),
    ("Tiradentes' Day", 1950, When::On(4, 21)),
    ("Worker's Day", 1950, When::On(5, 1)),
    ("Corpus Christi", 1968, When::Easter(60)),
    ("Constitutionalist Revolution", 1997, When::On(7, 9)),
    ("Independence Day", 1950, When::On(9, 7)),
    ("Our Lady of Aparecida", 1980, When::On(10, 12)),
    ("All Souls' Day", 1950, When::On(11, 2)),
    ("Republic Proclamation Day", 1950, When::On(11, 15)),
    ("Black Awareness Day", 2004, When::On(11, 20)),
    ("Christmas Day", 1950, When::On(12, 25)),
];

/// Federal holidays of the United States in `years`; one that falls on a weekend also gives its observed day.
pub fn united_states(years: &RangeInclusive<i32>) -> Calendar {
    let mut calendar = Calendar::new();
    // One year more: 1 January on a Saturday is observed on 31 December before.
    for (name, date) in dates(&UNITED_STATES, &(*years.start()..=years.end() + 1)) {
        let observed = match date.weekday() {
            Weekday::Sat => date.pred_opt(),
            Weekday::Sun => date.succ_opt(),
            _ => None,
        };
        for (date, name) in [(Some(date), name.to_owned()), (observed, format!("{name} (observed)"))] {
            if let Some(date) = date.filter(|date| years.contains(&date.year())) {
                calendar.insert(date, Event { name, off: true, status: Status::Announced });
            }
        }
    }
    calendar
}

/// National holidays of Brazil and those of the city and state of São Paulo in `years`.
pub fn brazil(years: &RangeInclusive<i32>) -> Calendar {
    let mut calendar = Calendar::new();
    for (name, date) in dates(&BRAZIL, years) {
        calendar.insert(date, Event { name: name.to_owned(), off: true, status: Status::Announced });
    }
    calendar
}

fn dates<'a>(rules: &'a [Rule], years: &RangeInclusive<i32>) -> impl Iterator<Item = (&'a str, NaiveDate)> {
    years.clone().flat_map(move |year| {
        let valid = rules.iter().filter(move |(_, since, _)| *since <= year);
        valid.filter_map(move |(name, _, when)| Some((*name, date(year, when)?)))
    })
}

fn date(year: i32, when: &When) -> Option<NaiveDate> {
    match *when {
        When::On(month, day) => NaiveDate::from_ymd_opt(year, month, day),
        When::Nth(month, weekday, n) => NaiveDate::from_weekday_of_month_opt(year, month, weekday, n),
        When::Last(month, weekday) => NaiveDate::from_weekday_of_month_opt(year, month, weekday, 5)
            .or_else(|| NaiveDate::from_weekday_of_month_opt(year, month, weekday, 4)),
        When::Easter(days) => easter(year).map(|sunday| sunday + Duration::days(days)),
    }
}

/// Easter Sunday of the Gregorian calendar (anonymous algorithm, Meeus 1991, Astronomical Algorithms, ch. 8).
pub fn easter(year: i32) -> Option<NaiveDate> {
    let (a, b, c) = (year.rem_euclid(19), year.div_euclid(100), year.rem_euclid(100));
    let g = (8 * b + 13) / 25;
    let h = (19 * a + b - b / 4 - g + 15).rem_euclid(30);
    let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4).rem_euclid(7);
    let m = (a + 11 * h + 19 * l) / 433;
    let month = (h + l - 7 * m + 90) / 25;
    let day = (h + l - 7 * m + 33 * month + 19) % 32;
    NaiveDate::from_ymd_opt(year, u32::try_from(month).ok()?, u32::try_from(day).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).unwrap()
    }

    #[test]
    fn easter_sundays() {
        for (y, m, d) in [
            (1961, 4, 2),
            (2000, 4, 23),
            (2008, 3, 23),
            (2011, 4, 24),
            (2018, 4, 1),
            (2024, 3, 31),
            (2038, 4, 25),
        ] {
            assert_eq!(easter(y), Some(day(y, m, d)));
        }
    }

    #[test]
    fn united_states_federal_holidays() {
        let calendar = united_states(&(2020..=2024));
        for (date, name) in [
            (day(2024, 11, 28), "Thanksgiving"),
            (day(2024, 5, 27), "Memorial Day"),
            (day(2024, 1, 15), "Martin Luther King Jr. Day"),
            (day(2021, 7, 5), "Independence Day (observed)"),
            (day(2021, 7, 4), "Independence Day"),
            (day(2021, 12, 31), "New Year's Day (observed)"),
        ] {
            assert_eq!(calendar.holiday(date), Some(name));
        }
        assert_eq!(calendar.holiday(day(2020, 6, 19)), None, "Juneteenth is law since 2021");
        assert!(calendar.is_workday(day(2024, 11, 29)));
    }

    #[test]
    fn brazil_and_sao_paulo() {
        let calendar = brazil(&(2018..=2018));
        for (date, name) in [
            (day(2018, 2, 13), "Carnival"),
            (day(2018, 2, 12), "Carnival"),
            (day(2018, 5, 31), "Corpus Christi"),
            (day(2018, 1, 25), "City of São Paulo Anniversary"),
            (day(2018, 7, 9), "Constitutionalist Revolution"),
        ] {
            assert_eq!(calendar.holiday(date), Some(name));
        }
    }

    #[test]
    fn brazil_agrees_with_the_published_list() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/panel_dev/holidays.csv");
        let Ok(mut rows) = csv::Reader::from_path(path) else {
            println!("skipped: no {path}");
            return;
        };
        let calendar = brazil(&(2015..=2019));
        for row in rows.records() {
            let row = row.unwrap();
            let date: NaiveDate = row[0].parse().unwrap();
            assert_eq!(calendar.holiday(date), Some(&row[1]), "{date}");
        }
    }
}
