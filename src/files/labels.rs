//! Labelled rises: `topic,district,from,to,label`, one a row.
use std::path::Path;

use chrono::NaiveDate;

use super::table::{Table, TableError, parse_date};

/// A rise that somebody labelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Names from the top-level topic down (`A / B`), or the last of them; empty = all topics.
    pub topic: Vec<String>,
    /// The same of the district; empty = the whole city.
    pub district: Vec<String>,
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// What people call it.
    pub label: String,
    /// Line in the file, from 1.
    pub line: u64,
}

/// Reads a file of labels.
///
/// # Errors
/// With file, line and column for the first value that cannot be used.
pub fn read(path: &Path) -> Result<Vec<Row>, TableError> {
    let mut table = Table::open(path, ["topic", "district", "from", "to", "label"])?;
    let mut out = Vec::new();
    while let Some([topic, district, from, to, label]) = table.next_row()? {
        let (topic, district, label) = (names(topic), names(district), label.trim().to_owned());
        let (from, to) = (parse_date(from), parse_date(to));
        let from = from.map_err(|problem| table.value_error(2, problem))?;
        let to = to.map_err(|problem| table.value_error(3, problem))?;
        if to < from {
            return Err(table.value_error(3, format!("is before the first day {from}; exchange them")));
        }
        out.push(Row { topic, district, from, to, label, line: table.line() });
    }
    if out.is_empty() { Err(table.empty()) } else { Ok(out) }
}

fn names(path: &str) -> Vec<String> {
    path.split(" / ").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<Row>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("labels.csv");
        std::fs::write(&path, text).unwrap();
        read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn rises_are_read_with_their_paths_and_mistakes_are_named() {
        let head = "topic,district,from,to,label\n";
        let rows = read_text(&format!(
            "{head}Heat / Cold rooms,North,2024-11-15,2024-11-20,boiler\n,,2024-01-01,2024-01-01,all\n"
        ));
        let rows = rows.unwrap();
        assert_eq!(rows[0].topic, ["Heat", "Cold rooms"]);
        assert_eq!((rows[1].topic.len(), rows[1].district.len(), rows[1].line), (0, 0, 3));
        let wrong = read_text(&format!("{head}a,b,2024-11-15,2024-11-10,x\n")).unwrap_err();
        assert!(
            wrong.contains("line 2, column to: \"2024-11-10\" is before the first day 2024-11-15"),
            "{wrong}"
        );
        assert!(read_text(&format!("{head}a,b,soon,2024-11-10,x\n")).unwrap_err().contains("column from"));
        assert!(read_text(head).unwrap_err().contains("no rows"));
    }
}
