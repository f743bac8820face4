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
    /// A change that in per cent would say more than it is: from so many to so many.
    Leap {
        /// Before.
        from: u64,
        /// Now.
        to: u64,
        /// The relative change.
        change: f64,
    },
    /// A local day.
    Date(NaiveDate),
    /// Not known, or not to be told.
    Unknown,
}

/// A base below this is small for a percentage.
const FEW: u64 = 30;
/// A change on a small base from which on it is told by counts.
const LARGE: f64 = 0.5;
/// A change on any base from which on it is told by counts.
const BEYOND: f64 = 10.0;

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

    /// A change between counts that are shown. One that is large because little was there before, or beyond all
    /// measure, is told by its counts.
    pub fn change(change: Option<f64>, now: &Self, then: &Self) -> Self {
        match (Self::deviation(change, now, then), now, then) {
            (Self::Change(change), Self::Count(to), Self::Count(from))
                if change.abs() >= LARGE && *from < FEW || change >= BEYOND =>
            {
                Self::Leap { from: *from, to: *to, change }
            }
            (cell, ..) => cell,
        }
    }

    /// How far what came is from what was expected, both of them shown.
    pub fn deviation(change: Option<f64>, now: &Self, then: &Self) -> Self {
        match (change, now, then) {
            (Some(change), Self::Count(_), Self::Count(_)) => Self::Change(change),
            _ => Self::Unknown,
        }
    }

    /// Its number: shares and changes as fractions.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Count(n) => Some(*n as f64),
            Self::Decimal(x) | Self::Share(x) | Self::Change(x) | Self::Leap { change: x, .. } => Some(*x),
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
            Self::Leap { from, to, .. } => match lang {
                Lang::Zh => format!("由 {} 到 {}", grouped(*from), grouped(*to)),
                Lang::En => format!("from {} to {}", grouped(*from), grouped(*to)),
            },
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
        assert_eq!(Cell::change(Some(0.4), &large, &large), Cell::Change(0.4));
    }

    #[test]
    fn a_change_of_little_is_told_by_its_counts() {
        for (from, to, zh, en) in [
            (3, 400, "由 3 到 400", "from 3 to 400"),
            (29, 1_450, "由 29 到 1,450", "from 29 to 1,450"),
            (20, 8, "由 20 到 8", "from 20 to 8"),
            (29, 40, "+37.9%", "+37.9\u{a0}%"),
            (30, 90, "+200.0%", "+200.0\u{a0}%"),
            (500, 6_000, "由 500 到 6,000", "from 500 to 6,000"),
        ] {
            let change = to as f64 / from as f64 - 1.0;
            let cell = Cell::change(Some(change), &Cell::Count(to), &Cell::Count(from));
            assert_eq!((cell.shown(Lang::Zh), cell.shown(Lang::En)), (zh.to_owned(), en.to_owned()));
            assert_eq!(cell.number(), Some(change), "tables are sorted by it");
        }
        let (came, expected) = (Cell::Count(400), Cell::Count(3));
        assert_eq!(Cell::deviation(Some(132.3), &came, &expected), Cell::Change(132.3));
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
