//! What a report is about: a calendar month or a week from Monday to Sunday, and what it is compared with.
use chrono::{Datelike, Days, Months, NaiveDate, Weekday};
use weisu_models::calendar::{Alignment, By, align::Span};

use crate::{publish::export::Month, ticket::Day};

/// First and last local day.
pub type Range = (Day, Day);

/// A calendar month or an ISO week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// 月报
    Month(Month),
    /// 周报, by its Monday.
    Week(NaiveDate),
}

impl std::fmt::Display for Period {
    /// `2018-11` or `2018-W46`, as file names have it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Month(month) => month.fmt(f),
            Self::Week(monday) => write!(f, "{}", monday.format("%G-W%V")),
        }
    }
}

impl Period {
    /// The week that a date lies in.
    pub fn week_of(date: NaiveDate) -> Self {
        Self::Week(date.week(Weekday::Mon).first_day())
    }

    /// The last month that lies wholly before the day after `known`.
    pub fn last_month(known: Day) -> Self {
        Self::Month(Month::of(known.plus(1).date()).before())
    }

    /// The last week that lies wholly before the day after `known`.
    pub fn last_week(known: Day) -> Self {
        Self::week_of(known.plus(-6).date())
    }

    /// First and last day.
    pub fn days(self) -> Range {
        match self {
            Self::Month(month) => month.days(),
            Self::Week(monday) => (monday.into(), Day::from(monday).plus(6)),
        }
    }

    /// The period before.
    #[must_use]
    pub fn before(self) -> Self {
        match self {
            Self::Month(month) => Self::Month(month.before()),
            Self::Week(monday) => Self::Week(Day::from(monday).plus(-7).date()),
        }
    }

    /// The period after.
    #[must_use]
    pub fn after(self) -> Self {
        match self {
            Self::Month(month) => Self::Month(Month::of(month.last() + Days::new(1))),
            Self::Week(monday) => Self::Week(Day::from(monday).plus(7).date()),
        }
    }

    /// The same period last year, by the solar calendar or aligned on Spring Festival.
    pub fn last_year(self, alignment: Alignment) -> Range {
        let (from, to) = self.days();
        let span: Span = (from.date(), to.date());
        let by = match self {
            Self::Month(_) => By::Month,
            Self::Week(_) => By::Week,
        };
        let (from, to) = alignment.past(span, 1, by).unwrap_or(span);
        (from.into(), to.into())
    }

    /// `n` periods that end with this one, oldest first.
    pub fn trail(self, n: usize) -> Vec<Self> {
        let mut all: Vec<Self> = std::iter::successors(Some(self), |p| Some(p.before())).take(n).collect();
        all.reverse();
        all
    }

    /// First day that the report looks at: two years before the month, so that every comparison is known.
    pub fn horizon(self) -> Day {
        let first = self.days().0.date();
        // The festival lies up to a month earlier than a year ago.
        first.checked_sub_months(Months::new(25)).unwrap_or(first).with_day(1).unwrap_or(first).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn periods_are_named_and_follow_each_other() {
        for (period, name, days, before, after) in [
            (
                Period::Month("2018-11".parse().unwrap()),
                "2018-11",
                ("2018-11-01", "2018-11-30"),
                "2018-10",
                "2018-12",
            ),
            (
                Period::week_of(date("2024-12-31")),
                "2025-W01",
                ("2024-12-30", "2025-01-05"),
                "2024-W52",
                "2025-W02",
            ),
            (
                Period::week_of(date("2018-11-18")),
                "2018-W46",
                ("2018-11-12", "2018-11-18"),
                "2018-W45",
                "2018-W47",
            ),
        ] {
            let shown = (period.days().0.to_string(), period.days().1.to_string());
            assert_eq!((period.to_string().as_str(), (shown.0.as_str(), shown.1.as_str())), (name, days));
            assert_eq!(
                (period.before().to_string().as_str(), period.after().to_string().as_str()),
                (before, after)
            );
        }
    }

    #[test]
    fn the_last_whole_period_ends_on_or_before_the_last_known_day() {
        for (known, month, week) in [
            ("2024-01-31", "2024-01", "2024-W04"),
            ("2024-02-01", "2024-01", "2024-W04"),
            ("2024-02-04", "2024-01", "2024-W05"),
        ] {
            let known = Day::from(date(known));
            assert_eq!(Period::last_month(known).to_string(), month);
            assert_eq!(Period::last_week(known).to_string(), week);
        }
    }

    #[test]
    fn last_year_is_the_same_month_the_same_weekdays_or_the_same_moon() {
        let week = Period::week_of(date("2024-02-14"));
        assert_eq!(week.last_year(Alignment::Solar).0.to_string(), "2023-02-13");
        assert_eq!(week.last_year(Alignment::SpringFestival).0.to_string(), "2023-01-24");
        let month = Period::Month("2024-03".parse().unwrap());
        assert_eq!(month.last_year(Alignment::Solar).1.to_string(), "2023-03-31");
        assert_eq!(month.trail(3)[0].to_string(), "2024-01");
        assert_eq!(month.horizon().to_string(), "2022-02-01");
    }
}
