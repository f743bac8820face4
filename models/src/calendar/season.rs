//! Seasons: named spans of days that return every year, and how a city's own are laid over the built-in ones.
//!
//! A season is known either by rule (month and day, the same each year) or by announcement (exact dates of one year).
//! A city's rule replaces every built-in span of that name; an announcement replaces the spans of its name that it
//! overlaps and leaves the other years to the rule. So heating that an authority moves by a week is said once, in
//! the year it happens.
use std::{collections::BTreeMap, fmt, ops::RangeInclusive, str::FromStr};

use chrono::NaiveDate;

use super::{Calendar, Status};

/// A span of days that returns every year, such as the heating season.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Season {
    /// Name of the season, the same every year.
    pub name: String,
    /// First day.
    pub from: NaiveDate,
    /// Last day, inclusive.
    pub to: NaiveDate,
    /// Announced or predicted.
    pub status: Status,
}

/// What people read for the name of a season.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// First or last day of a season as a config writes it: `11-15` in every year, or `2024-11-08` once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Month and day of every year; never 29 February.
    Yearly(u32, u32),
    /// One date.
    Once(NaiveDate),
}

/// A text that is no [`Bound`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotABound {
    /// Neither form, or a day that no calendar has.
    #[error(
        "{0:?} is not a day -> write month-day for every year, such as \"11-15\", or one date, such as \"2024-11-08\""
    )]
    Form(String),
    /// 29 February of every year.
    #[error("{0:?} is not a day of every year -> write \"02-28\" or \"03-01\"")]
    LeapDay(String),
}

impl FromStr for Bound {
    type Err = NotABound;

    fn from_str(text: &str) -> Result<Self, NotABound> {
        let not = || NotABound::Form(text.to_owned());
        let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
        let parts: Vec<&str> = text.split('-').collect();
        match parts[..] {
            [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2) => {
                text.parse().map(Self::Once).map_err(|_| not())
            }
            ["02", "29"] => Err(NotABound::LeapDay(text.to_owned())),
            [month, day] if digits(month, 2) && digits(day, 2) => {
                let (month, day) = (month.parse().map_err(|_| not())?, day.parse().map_err(|_| not())?);
                // Any year that is no leap year.
                NaiveDate::from_ymd_opt(2023, month, day).map(|_| Self::Yearly(month, day)).ok_or_else(not)
            }
            _ => Err(not()),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yearly(month, day) => write!(f, "{month:02}-{day:02}"),
            Self::Once(date) => write!(f, "{date}"),
        }
    }
}

/// When a season is; both bounds have one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recurrence {
    /// From a month and day to the next such month and day, over the turn of the year if need be.
    Yearly((u32, u32), (u32, u32)),
    /// From one date to another, at most [`LONGEST`] days.
    Once(NaiveDate, NaiveDate),
}

/// Different names of seasons that a calendar may have: detection has a place for so many, and no more.
pub const MOST: usize = 8;
/// Days of the longest season: a longer one would overlap its own next year.
pub const LONGEST: i64 = 366;

/// Two bounds that make no season.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotASeason {
    /// A month-day with a date.
    #[error("from {0} to {1} mixes a day of every year with one date -> write both alike")]
    Mixed(Bound, Bound),
    /// The end lies before the beginning.
    #[error("ends on {1}, before it begins on {0} -> write `to` on or after `from`")]
    Backwards(NaiveDate, NaiveDate),
    /// Longer than a year.
    #[error("lasts more than a year, from {0} to {1} -> write one [[season]] a year")]
    Long(NaiveDate, NaiveDate),
}

impl Recurrence {
    /// The season from `from` to `to`, both inclusive.
    pub fn new(from: Bound, to: Bound) -> Result<Self, NotASeason> {
        match (from, to) {
            (Bound::Yearly(a, b), Bound::Yearly(c, d)) => Ok(Self::Yearly((a, b), (c, d))),
            (Bound::Once(from), Bound::Once(to)) if to < from => Err(NotASeason::Backwards(from, to)),
            (Bound::Once(from), Bound::Once(to)) if (to - from).num_days() >= LONGEST => {
                Err(NotASeason::Long(from, to))
            }
            (Bound::Once(from), Bound::Once(to)) => Ok(Self::Once(from, to)),
            (from, to) => Err(NotASeason::Mixed(from, to)),
        }
    }

    /// The spans that begin in `years`, or in the year before and reach into them.
    fn spans(self, years: &RangeInclusive<i32>) -> Vec<(NaiveDate, NaiveDate)> {
        match self {
            Self::Once(from, to) => vec![(from, to)],
            Self::Yearly(from, to) => (years.start().saturating_sub(1)..=*years.end())
                .filter_map(|year| {
                    let until = if to < from { year.checked_add(1)? } else { year };
                    Some((
                        NaiveDate::from_ymd_opt(year, from.0, from.1)?,
                        NaiveDate::from_ymd_opt(until, to.0, to.1)?,
                    ))
                })
                .collect(),
        }
    }
}

/// A season of a city.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Name: that of a built-in season, or a new one.
    pub name: String,
    /// When it is; `None` takes the season of that name out of the calendar.
    pub when: Option<Recurrence>,
    /// Announced or predicted.
    pub status: Status,
    /// What people read in Chinese, where it is not the built-in text.
    pub zh: Option<String>,
    /// What people read in English, where it is not the built-in text.
    pub en: Option<String>,
}

impl Calendar {
    /// Lays a city's seasons over those there are, for `years`: removals first, then rules, then announcements, each
    /// in their order, so that an announcement wins wherever it stands in the list.
    #[must_use]
    pub fn with_seasons(mut self, rules: &[Rule], years: &RangeInclusive<i32>) -> Self {
        let is_once = |rule: &&Rule| matches!(rule.when, Some(Recurrence::Once(..)));
        for rule in rules.iter().filter(|rule| !is_once(rule)) {
            self.seasons.retain(|season| season.name != rule.name);
        }
        let (announced, ruled): (Vec<&Rule>, Vec<&Rule>) = rules.iter().partition(is_once);
        for rule in ruled.into_iter().chain(announced) {
            for (from, to) in rule.when.into_iter().flat_map(|when| when.spans(years)) {
                self.seasons.retain(|s| s.name != rule.name || s.to < from || to < s.from);
                self.insert_season(Season { name: rule.name.clone(), from, to, status: rule.status });
            }
            let known = self.season_label(&rule.name);
            if rule.zh.is_some() || rule.en.is_some() {
                let zh = rule.zh.as_ref().unwrap_or(&known.zh);
                self.label_season(&rule.name, zh, rule.en.as_ref().unwrap_or(&known.en));
            }
        }
        self
    }

    /// Sets what people read for a season's name.
    pub(super) fn label_season(&mut self, name: &str, zh: &str, en: &str) {
        self.labels.insert(name.to_owned(), Label { zh: zh.to_owned(), en: en.to_owned() });
    }

    /// What people read for a season's name; the name itself where nothing else was said.
    pub fn season_label(&self, name: &str) -> Label {
        self.labels.get(name).cloned().unwrap_or_else(|| Label { zh: name.to_owned(), en: name.to_owned() })
    }

    /// The seasons that share a day with `[from, to]`, by their first day.
    pub fn seasons_between(&self, from: NaiveDate, to: NaiveDate) -> Vec<&Season> {
        let mut found: Vec<&Season> = self.seasons.iter().filter(|s| s.from <= to && from <= s.to).collect();
        found.sort_by(|a, b| (a.from, &a.name).cmp(&(b.from, &b.name)));
        found
    }
}

/// Labels by season name.
pub(super) type Labels = BTreeMap<String, Label>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Region;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn rule(name: &str, from: &str, to: &str, status: Status) -> Rule {
        let when = Recurrence::new(from.parse().unwrap(), to.parse().unwrap()).unwrap();
        Rule { name: name.to_owned(), when: Some(when), status, zh: None, en: None }
    }

    fn spans(calendar: &Calendar, name: &str, from: &str, to: &str) -> Vec<(String, String, Status)> {
        let all = calendar.seasons_between(day(from), day(to)).into_iter().filter(|s| s.name == name);
        all.map(|s| (s.from.to_string(), s.to.to_string(), s.status)).collect()
    }

    fn china(rules: &[Rule]) -> Calendar {
        Calendar::for_region(Region::China, 2023, 2026).with_seasons(rules, &(2023..=2026))
    }

    #[test]
    fn an_announcement_replaces_the_year_it_speaks_of_and_no_other() {
        let told = [rule("heating", "2024-11-08", "2025-03-22", Status::Announced)];
        let want = [
            ("2023-11-15", "2024-03-15", Status::Predicted),
            ("2024-11-08", "2025-03-22", Status::Announced),
            ("2025-11-15", "2026-03-15", Status::Predicted),
        ];
        let want = want.map(|(from, to, status)| (from.to_owned(), to.to_owned(), status));
        assert_eq!(spans(&china(&told), "heating", "2024-01-01", "2026-01-01"), want);
        // Where the city has a rule of its own, the announcement still wins, in whatever order they are written.
        let ruled = rule("heating", "10-20", "04-20", Status::Predicted);
        for rules in [[told[0].clone(), ruled.clone()], [ruled, told[0].clone()]] {
            let got = spans(&china(&rules), "heating", "2024-06-01", "2026-01-01");
            let starts: Vec<&str> = got.iter().map(|(from, _, _)| from.as_str()).collect();
            assert_eq!(starts, ["2024-11-08", "2025-10-20"]);
        }
    }

    #[test]
    fn a_rule_replaces_the_built_in_one_and_covers_the_turn_of_the_year() {
        let calendar = china(&[rule("heating", "10-20", "04-20", Status::Announced)]);
        let in_season = |date: &str| calendar.seasons(day(date)).filter(|s| s.name == "heating").count();
        let expected =
            [("2023-01-01", 1), ("2024-04-20", 1), ("2024-04-21", 0), ("2024-10-19", 0), ("2026-12-31", 1)];
        for (date, n) in expected {
            assert_eq!(in_season(date), n, "{date}");
        }
        let two =
            ["02-20", "09-01"].map(|from| rule("term", from, &from.replace("20", "28"), Status::Predicted));
        assert_eq!(spans(&china(&two), "term", "2024-01-01", "2024-12-31").len(), 2, "two spans a year");
    }

    #[test]
    fn a_season_can_be_taken_out_and_named() {
        let out = Rule { name: "heating".into(), when: None, status: Status::Predicted, zh: None, en: None };
        let calendar = china(&[out]);
        assert!(!calendar.season_names().contains(&"heating"));
        assert!(calendar.season_names().contains(&"flood"));
        let named = |name, zh: Option<&str>| Rule {
            zh: zh.map(str::to_owned),
            en: Some("Harvest".to_owned()),
            ..rule(name, "09-01", "10-15", Status::Predicted)
        };
        let labels = china(&[named("harvest", Some("采摘季")), named("flood", None)]);
        let label = |zh: &str| Label { zh: zh.to_owned(), en: "Harvest".to_owned() };
        assert_eq!(labels.season_label("harvest"), label("采摘季"));
        assert_eq!(labels.season_label("flood"), label("汛期"), "what is not said stays");
        assert_eq!(calendar.season_label("flood").zh, "汛期");
        assert_eq!(calendar.season_label("unheard").en, "unheard");
    }

    #[test]
    fn bounds_are_read_strictly() {
        assert_eq!("11-15".parse(), Ok(Bound::Yearly(11, 15)));
        assert_eq!("2024-02-29".parse(), Ok(Bound::Once(day("2024-02-29"))));
        for text in ["11-15", "2024-11-08"] {
            assert_eq!(text.parse::<Bound>().unwrap().to_string(), text);
        }
        for text in ["", "1-15", "11-31", "13-01", "2023-02-29", "11/15", "+1-15", "2024-11", "24-11-08"] {
            assert!(matches!(text.parse::<Bound>(), Err(NotABound::Form(_))), "{text}");
        }
        assert!(matches!("02-29".parse::<Bound>(), Err(NotABound::LeapDay(_))));
    }

    #[test]
    fn bounds_that_make_no_season_say_why() {
        let new = |from: &str, to: &str| Recurrence::new(from.parse().unwrap(), to.parse().unwrap());
        assert!(matches!(new("11-15", "2024-03-15"), Err(NotASeason::Mixed(..))));
        assert!(matches!(new("2024-11-15", "2024-03-15"), Err(NotASeason::Backwards(..))));
        assert!(matches!(new("2024-01-01", "2025-01-01"), Err(NotASeason::Long(..))));
        assert!(new("2024-01-01", "2024-12-31").is_ok());
        assert!(new("11-15", "11-14").is_ok(), "all the year");
    }
}
