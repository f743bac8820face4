//! Mainland China: announced holidays with make-up workdays (放假调休), predicted ones beyond, seasons.
//!
//! Announced days come from the table in `tyme4rs` (notices of the State Council's General Office, 2002 onward).
//! A year the table does not hold is predicted from the standing rule of the regulation on public holidays as
//! revised in November 2024 (国务院令第795号): Spring Festival 8 days from New Year's Eve, Labour Day 5 days from
//! 1 May, National Day 7 days from 1 October (8 when Mid-Autumn falls inside), and for the one-day holidays a
//! three-day weekend, except on a Wednesday, when only the day itself is off. Which weekends pay for the long
//! holidays follows no rule, so those make-up workdays are left out of a prediction rather than guessed.
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use chrono::{Datelike, Days, NaiveDate, Weekday};
use tyme4rs::tyme::holiday::LEGAL_HOLIDAY_DATA;

use super::{Calendar, Event, Season, Status, lunar};

/// Names by the index used in the announcement table; the last but one is National Day joined with Mid-Autumn.
const NAMES: [&str; 9] =
    ["元旦", "春节", "清明节", "劳动节", "端午节", "中秋节", "国庆节", "国庆节", "抗战胜利日"];

/// English names of the holidays above.
const ENGLISH: [(&str, &str); 8] = [
    ("元旦", "New Year's Day"),
    ("春节", "Spring Festival"),
    ("清明节", "Qingming"),
    ("劳动节", "Labour Day"),
    ("端午节", "Dragon Boat Festival"),
    ("中秋节", "Mid-Autumn Festival"),
    ("国庆节", "National Day"),
    ("抗战胜利日", "Victory Day"),
];

/// Built-in seasons: name, and what people read for it.
const SEASONS: [(&str, &str, &str); 5] = [
    ("heating", "供暖季", "Heating season"),
    ("flood", "汛期", "Flood season"),
    ("school", "学期", "School term"),
    ("gaokao", "高考", "College entrance examination"),
    ("zhongkao", "中考", "Senior high school entrance examination"),
];

/// Length of one entry of the announcement table: date (8), off flag, name index, signed offset (3).
const ENTRY: usize = 13;

/// The English name of a Chinese holiday, for messages in English.
pub fn english_name(name: &str) -> Option<&'static str> {
    ENGLISH.iter().find(|(chinese, _)| *chinese == name).map(|(_, english)| *english)
}

/// Holidays, make-up workdays and seasons of every year in `years`.
///
/// Seasons follow the dates of Beijing: `heating` 15 November to 15 March, `flood` 1 June to 15 September, `zhongkao`
/// 24 to 26 June, and `gaokao` as in the whole country 7 to 10 June (7 to 10 July in 2020). Terms (`school`) are set
/// by each province around Spring Festival: here from 1 September to the Friday two weeks before it, and from the
/// Monday after the Lantern Festival to 10 July, within about a week of what most announce. All carry
/// [`Status::Predicted`]; a city says its own.
pub fn calendar(years: &RangeInclusive<i32>) -> Calendar {
    let mut calendar = Calendar::new();
    let mut announced_years = BTreeSet::new();
    for (date, event) in announced().filter(|(date, _)| years.contains(&date.year())) {
        if event.off && date.month() == 10 {
            announced_years.insert(date.year());
        }
        calendar.insert(date, event);
    }
    for year in years.clone().filter(|year| !announced_years.contains(year)) {
        for (date, event) in predicted(year) {
            if calendar.event(date).is_none() {
                calendar.insert(date, event);
            }
        }
    }
    if !years.is_empty() {
        calendar.is_lunar = true;
        SEASONS.iter().for_each(|(name, zh, en)| calendar.label_season(name, zh, en));
        let seasons = (years.start() - 1..=*years.end()).flat_map(seasons);
        seasons.for_each(|season| calendar.insert_season(season));
    }
    calendar
}

/// Every entry of the announcement table; an entry that is not a date is skipped.
fn announced() -> impl Iterator<Item = (NaiveDate, Event)> {
    LEGAL_HOLIDAY_DATA.as_bytes().chunks_exact(ENTRY).filter_map(|entry| {
        let text = std::str::from_utf8(entry).ok()?;
        let date = NaiveDate::parse_from_str(text.get(..8)?, "%Y%m%d").ok()?;
        let name = NAMES.get(usize::from(entry[9].checked_sub(b'0')?))?;
        Some((date, Event { name: (*name).to_owned(), off: entry[8] == b'1', status: Status::Announced }))
    })
}

/// Days off, and the make-up workdays that follow from the rule, of a year without announcement.
fn predicted(year: i32) -> Vec<(NaiveDate, Event)> {
    let mut days = Vec::new();
    for (name, date) in short_holidays(year) {
        let (from, len, makeup) = long_weekend(date);
        span(&mut days, name, from, len);
        if let Some(date) = makeup {
            days.push((date, event(name, false)));
        }
    }
    if let Some(eve) = lunar::new_year(year).and_then(|date| date.pred_opt()) {
        span(&mut days, "春节", eve, 8);
    }
    if let Some(may) = NaiveDate::from_ymd_opt(year, 5, 1) {
        span(&mut days, "劳动节", may, 5);
    }
    if let Some(october) = NaiveDate::from_ymd_opt(year, 10, 1) {
        let joined = lunar::solar_date(year, 8, 15).is_some_and(|moon| moon >= october);
        span(&mut days, "国庆节", october, if joined { 8 } else { 7 });
    }
    days
}

fn event(name: &str, off: bool) -> Event {
    Event { name: name.to_owned(), off, status: Status::Predicted }
}

fn span(days: &mut Vec<(NaiveDate, Event)>, name: &str, from: NaiveDate, len: usize) {
    days.extend(from.iter_days().take(len).map(|date| (date, event(name, true))));
}

/// The holidays of one statutory day. Mid-Autumn is left to National Day when it falls in October.
fn short_holidays(year: i32) -> impl Iterator<Item = (&'static str, NaiveDate)> {
    let mid_autumn = lunar::solar_date(year, 8, 15).filter(|date| date.month() < 10);
    [
        ("元旦", NaiveDate::from_ymd_opt(year, 1, 1)),
        ("清明节", lunar::qingming(year)),
        ("端午节", lunar::solar_date(year, 5, 5)),
        ("中秋节", mid_autumn),
    ]
    .into_iter()
    .filter_map(|(name, date)| Some((name, date?)))
}

/// First day off, number of days off, and the weekend day worked instead, for a one-day holiday on `date`.
fn long_weekend(date: NaiveDate) -> (NaiveDate, usize, Option<NaiveDate>) {
    let (back, len, makeup) = match date.weekday() {
        Weekday::Mon => (2, 3, None),
        Weekday::Tue => (2, 3, Some(-3)),
        Weekday::Wed => (0, 1, None),
        Weekday::Thu => (0, 3, Some(3)),
        Weekday::Fri | Weekday::Sat => (0, 3, None),
        Weekday::Sun => (1, 3, None),
    };
    (date - Days::new(back), len, makeup.map(|days| date + chrono::Duration::days(days)))
}

/// The seasons that begin in `year`.
fn seasons(year: i32) -> Vec<Season> {
    let day = |month, day| NaiveDate::from_ymd_opt(year, month, day);
    let of_next = |month, day| NaiveDate::from_ymd_opt(year + 1, month, day);
    // Put off by a month for the epidemic.
    let gaokao = if year == 2020 { 7 } else { 6 };
    // Friday at least 14 days before the next New Year, Monday after the 15th day of this one.
    let break_from = lunar::new_year(year + 1).map(|d| on_or_before(d - Days::new(14), Weekday::Fri));
    let break_to = lunar::new_year(year).map(|d| on_or_before(d + Days::new(21), Weekday::Mon));
    [
        ("heating", day(11, 15), of_next(3, 15)),
        ("flood", day(6, 1), day(9, 15)),
        ("school", break_to, day(7, 10)),
        ("school", day(9, 1), break_from),
        ("gaokao", day(gaokao, 7), day(gaokao, 10)),
        ("zhongkao", day(6, 24), day(6, 26)),
    ]
    .into_iter()
    .filter_map(|(name, from, to)| {
        Some(Season { name: name.to_owned(), from: from?, to: to?, status: Status::Predicted })
    })
    .collect()
}

fn on_or_before(date: NaiveDate, weekday: Weekday) -> NaiveDate {
    date - Days::new(u64::from(date.weekday().days_since(weekday)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).unwrap()
    }

    #[test]
    fn announced_holidays_and_makeup_workdays() {
        let calendar = calendar(&(2019..=2026));
        let off = [
            (2024, 2, 10, "春节"),
            (2024, 2, 17, "春节"),
            (2023, 9, 29, "中秋节"),
            (2025, 10, 8, "国庆节"),
            (2020, 2, 2, "春节"),
            (2026, 10, 7, "国庆节"),
            (2024, 6, 10, "端午节"),
        ];
        for (y, m, d, name) in off {
            let event = calendar.event(day(y, m, d)).unwrap();
            assert_eq!(
                (event.name.as_str(), event.off, event.status),
                (name, true, Status::Announced),
                "{y}-{m}-{d}"
            );
            assert!(!calendar.is_workday(day(y, m, d)));
        }
        for (y, m, d) in [(2024, 2, 4), (2024, 2, 18), (2023, 10, 7), (2023, 10, 8), (2026, 10, 10)] {
            assert!(calendar.is_workday(day(y, m, d)), "{y}-{m}-{d} is a make-up workday");
            assert!(matches!(day(y, m, d).weekday(), Weekday::Sat | Weekday::Sun));
            assert!(calendar.is_makeup_workday(day(y, m, d)));
        }
    }

    #[test]
    fn the_standing_rule_reproduces_the_announced_working_weekdays() {
        // The rule is of November 2024, so 2025 and 2026 are the years announced under it.
        for year in [2025, 2026] {
            let announced = calendar(&(year..=year));
            let mut rule = Calendar::new();
            predicted(year).into_iter().for_each(|(date, event)| rule.insert(date, event));
            for date in day(year, 1, 1).iter_days().take(365) {
                if !matches!(date.weekday(), Weekday::Sat | Weekday::Sun) {
                    assert_eq!(announced.is_workday(date), rule.is_workday(date), "{date}");
                }
            }
        }
    }

    #[test]
    fn years_without_announcement_are_predicted() {
        let calendar = calendar(&(2026..=2028));
        let event = calendar.event(day(2027, 2, 6)).unwrap();
        assert_eq!((event.name.as_str(), event.off, event.status), ("春节", true, Status::Predicted));
        assert_eq!(calendar.holiday(day(2028, 10, 7)), Some("国庆节"));
        assert_eq!(calendar.holiday(day(2028, 10, 8)), Some("国庆节"), "Mid-Autumn 2028 is 3 October");
    }

    #[test]
    fn seasons_cover_the_turn_of_the_year() {
        let calendar = calendar(&(2024..=2024));
        let names = |date| calendar.seasons(date).map(|s| s.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(day(2024, 1, 10)), ["heating", "school"]);
        assert_eq!(names(day(2024, 2, 10)), ["heating"]);
        assert_eq!(names(day(2024, 11, 15)), ["heating", "school"]);
        assert_eq!(names(day(2024, 3, 16)), ["school"]);
        assert_eq!(names(day(2024, 6, 7)), ["flood", "school", "gaokao"]);
        assert_eq!(names(day(2024, 6, 24)), ["flood", "school", "zhongkao"]);
        assert_eq!(names(day(2024, 8, 15)), ["flood"]);
        assert!(calendar.season_names().len() <= crate::calendar::season::MOST);
    }

    #[test]
    fn terms_leave_the_weeks_of_spring_festival_free() {
        let calendar = calendar(&(2024..=2025));
        let terms: Vec<(String, String)> = calendar
            .seasons_between(day(2024, 1, 1), day(2025, 12, 31))
            .into_iter()
            .filter(|season| season.name == "school")
            .map(|season| (season.from.to_string(), season.to.to_string()))
            .collect();
        let want = [
            ("2023-09-01", "2024-01-26"),
            ("2024-02-26", "2024-07-10"),
            ("2024-09-01", "2025-01-10"),
            ("2025-02-17", "2025-07-10"),
            ("2025-09-01", "2026-01-30"),
        ];
        assert_eq!(terms, want.map(|(from, to)| (from.to_owned(), to.to_owned())));
    }
}
