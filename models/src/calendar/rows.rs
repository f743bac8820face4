//! A city's own calendar from rows `ds,name[,off,status]`.
use chrono::NaiveDate;
use serde::Deserialize;

use super::{Calendar, Event, Status};

/// One row of a holidays file; the reader of the file lives outside this crate.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Row {
    /// The date.
    pub ds: NaiveDate,
    /// Name of the holiday, the same every year.
    pub name: String,
    /// A day off (the default) or a make-up workday.
    #[serde(default)]
    pub off: Option<bool>,
    /// Announced (the default) or predicted.
    #[serde(default)]
    pub status: Option<Status>,
}

/// The calendar of `rows`; of two rows on one date the later one wins.
pub fn from_rows(rows: impl IntoIterator<Item = Row>) -> Calendar {
    let mut calendar = Calendar::new();
    for row in rows {
        let off = row.off.unwrap_or(true);
        let status = row.status.unwrap_or(Status::Announced);
        calendar.insert(row.ds, Event { name: row.name.trim().to_owned(), off, status });
    }
    calendar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Calendar {
        from_rows(csv::Reader::from_reader(text.as_bytes()).deserialize().map(|row| row.unwrap()))
    }

    #[test]
    fn two_columns_are_enough() {
        let calendar = read("ds,name\n2018-01-25,Anniversary\n");
        assert_eq!(calendar.holiday("2018-01-25".parse().unwrap()), Some("Anniversary"));
    }

    #[test]
    fn off_and_status_are_read_and_may_be_empty() {
        let calendar = read(
            "ds,name,off,status\n2027-02-06,春节,true,predicted\n2027-02-07,春节,false,\n2027-02-08,春节,,\n",
        );
        let event = |text: &str| calendar.event(text.parse().unwrap()).unwrap();
        assert_eq!((event("2027-02-06").off, event("2027-02-06").status), (true, Status::Predicted));
        assert!(calendar.is_makeup_workday("2027-02-07".parse().unwrap()));
        assert_eq!((event("2027-02-08").off, event("2027-02-08").status), (true, Status::Announced));
    }
}
