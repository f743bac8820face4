//! A calendar month, as the export names it.
use chrono::{Datelike, Days, Months, NaiveDate};

use crate::ticket::Day;

/// A calendar month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(NaiveDate);

/// A text that is not a month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a month: write it as YYYY-MM, such as 2024-11")]
pub struct NotAMonth(String);

impl std::str::FromStr for Month {
    type Err = NotAMonth;

    fn from_str(text: &str) -> Result<Self, NotAMonth> {
        let plain = text.len() == 7 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let date = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok();
        date.filter(|_| plain).map(Self).ok_or_else(|| NotAMonth(text.to_owned()))
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m"))
    }
}

impl Month {
    /// The month a date lies in.
    pub fn of(date: NaiveDate) -> Self {
        Self(date.with_day(1).unwrap_or(date))
    }

    /// First day.
    pub fn first(self) -> NaiveDate {
        self.0
    }

    /// Last day.
    pub fn last(self) -> NaiveDate {
        self.0
            .checked_add_months(Months::new(1))
            .and_then(|d| d.checked_sub_days(Days::new(1)))
            .unwrap_or(self.0)
    }

    /// First and last local day.
    pub fn days(self) -> (Day, Day) {
        (self.first().into(), self.last().into())
    }

    /// The month before.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0.checked_sub_months(Months::new(1)).unwrap_or(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_read_strictly() {
        let month: Month = "2024-02".parse().unwrap();
        assert_eq!((month.last().to_string(), month.to_string()), ("2024-02-29".into(), "2024-02".into()));
        assert_eq!(month.before().to_string(), "2024-01");
        for bad in ["", "2024", "2024-13", "2024-00", "2024-1", "24-01", "2024/01", "2024-01-01", "+024-01"] {
            assert!(bad.parse::<Month>().is_err(), "{bad}");
        }
    }
}
