//! A cell of a report's table: what it holds, how people read it, and the rule for small counts.
//!
//! Every count of tickets enters a report through [`Cell::tickets`], which takes out counts from 1 to the threshold less
//! one. Prose shows cells only, so that what is taken out of a table is taken out everywhere.
use chrono::NaiveDate;

use crate::config::Lang;

/// What stands where nothing is known.
pub const UNKNOWN: &str = "—";

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Words: a name, a state.
    Text(String),
    /// So many tickets, alerts, days or anything that is counted.
    Count(u64),
    /// Tickets, from one to this less one.
    Below(u32),
    /// A mean or another number with one decimal.
    Decimal(f64),
    /// A share between 0 and 1.
    Share(f64),
    /// A relative change: 0.1 is ten per cent more.
    Change(f64),
    /// A local day.
    Date(NaiveDate),
    /// Not known, or not to be told.
    Unknown,
}

impl Cell {
    /// Tickets; small counts are taken out.
    pub fn tickets(n: Option<u64>, threshold: u32) -> Self {
        match n {
            None => Self::Unknown,
            Some(n) if n > 0 && n < u64::from(threshold) => Self::Below(threshold),
            Some(n) => Self::Count(n),
        }
    }

    /// Tickets expected, in whole tickets.
    pub fn expected(n: Option<f64>, threshold: u32) -> Self {
        Self::tickets(n.filter(|n| n.is_finite()).map(|n| n.round().max(0.0) as u64), threshold)
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A share of what is shown; unknown where a count that it would give away was taken out.
    pub fn share(part: &Self, whole: &Self) -> Self {
        match (part, whole) {
            (Self::Count(part), Self::Count(whole)) if *whole > 0 => {
                Self::Share(*part as f64 / *whole as f64)
            }
            _ => Self::Unknown,
        }
    }

    /// A change between counts that are shown.
    pub fn change(change: Option<f64>, now: &Self, then: &Self) -> Self {
        match (change, now, then) {
            (Some(change), Self::Count(_), Self::Count(_)) => Self::Change(change),
            _ => Self::Unknown,
        }
    }

    /// Its number: shares and changes as fractions.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Count(n) => Some(*n as f64),
            Self::Decimal(x) | Self::Share(x) | Self::Change(x) => Some(*x),
            Self::Text(_) | Self::Below(_) | Self::Date(_) | Self::Unknown => None,
        }
    }

    /// Whether it is set to the right, as numbers are.
    pub fn is_number(&self) -> bool {
        !matches!(self, Self::Text(_) | Self::Date(_))
    }

    /// As people read it.
    pub fn shown(&self, lang: Lang) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(n) => grouped(*n),
            Self::Below(n) => format!("<{n}"),
            Self::Decimal(x) => decimal(*x),
            Self::Share(x) => percent(lang, *x),
            Self::Change(x) => {
                let tenths = (x * 1000.0).round();
                let sign = if tenths > 0.0 {
                    "+"
                } else if tenths < 0.0 {
                    "−"
                } else {
                    "±"
                };
                format!("{sign}{}", percent(lang, x.abs()))
            }
            Self::Date(date) => date.to_string(),
            Self::Unknown => UNKNOWN.to_owned(),
        }
    }
}

/// A fraction in per cent with one decimal.
pub fn percent(lang: Lang, x: f64) -> String {
    let gap = match lang {
        Lang::Zh => "",
        Lang::En => "\u{a0}",
    };
    format!("{}{gap}%", decimal(x * 100.0))
}

/// One decimal, thousands in groups, never a negative zero.
fn decimal(x: f64) -> String {
    // Databases add up in different orders: what differs in the last bits only must not round apart.
    let tenths = ((x.abs() * 1e7).round() / 1e6).round() as u64;
    let sign = if x < 0.0 && tenths > 0 { "−" } else { "" };
    format!("{sign}{}.{}", grouped(tenths / 10), tenths % 10)
}

/// Groups of three.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_counts_are_taken_out_with_what_would_give_them_away() {
        for (n, threshold, shown) in [
            (None, 5, "—"),
            (Some(0), 5, "0"),
            (Some(1), 5, "<5"),
            (Some(4), 5, "<5"),
            (Some(5), 5, "5"),
            (Some(4), 0, "4"),
            (Some(1_234_567), 5, "1,234,567"),
        ] {
            assert_eq!(Cell::tickets(n, threshold).shown(Lang::Zh), shown, "{n:?} {threshold}");
        }
        let (small, large) = (Cell::tickets(Some(3), 5), Cell::tickets(Some(12), 5));
        assert_eq!(Cell::share(&small, &large), Cell::Unknown);
        assert_eq!(Cell::share(&large, &large), Cell::Share(1.0));
        assert_eq!(Cell::change(Some(0.5), &large, &small), Cell::Unknown);
        assert_eq!(Cell::change(Some(0.5), &large, &large), Cell::Change(0.5));
        assert_eq!(Cell::expected(Some(2.6), 5).shown(Lang::En), "<5");
        assert_eq!(Cell::expected(Some(f64::NAN), 5), Cell::Unknown);
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        for (cell, zh, en) in [
            (Cell::Change(0.1234), "+12.3%", "+12.3\u{a0}%"),
            (Cell::Change(-0.0004), "±0.0%", "±0.0\u{a0}%"),
            (Cell::Change(-0.25), "−25.0%", "−25.0\u{a0}%"),
            (Cell::Change(12.0), "+1,200.0%", "+1,200.0\u{a0}%"),
            (Cell::Share(0.9999), "100.0%", "100.0\u{a0}%"),
            (Cell::Decimal(1234.56), "1,234.6", "1,234.6"),
            (Cell::Decimal(-0.01), "0.0", "0.0"),
            (Cell::Decimal(12.25), "12.3", "12.3"),
            (Cell::Decimal(12.25 - 1e-13), "12.3", "12.3"),
        ] {
            assert_eq!(
                (cell.shown(Lang::Zh), cell.shown(Lang::En)),
                (zh.to_owned(), en.to_owned()),
                "{cell:?}"
            );
        }
    }
}
