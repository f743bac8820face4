//! A city's own holidays: CSV with columns ds,name and, if wanted, off and status, or iCalendar.
use std::{ops::RangeInclusive, path::Path};

use anyhow::Context;
use weisu_models::calendar::{Calendar, Row, from_rows};

use super::ical;

/// Reads a holidays file, iCalendar if its name ends in `.ics`, else CSV; an error names the line or the event.
///
/// Days that return every year are laid out over `years`.
pub fn read(path: &Path, years: &RangeInclusive<i32>) -> anyhow::Result<Calendar> {
    let is_ical = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("ics"));
    let rows = if is_ical {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        ical::rows(&text, years).with_context(|| path.display().to_string())?
    } else {
        csv_rows(path)?
    };
    Ok(from_rows(rows))
}

fn csv_rows(path: &Path) -> anyhow::Result<Vec<Row>> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    reader.deserialize().collect::<Result<_, _>>().with_context(|| {
        format!("{}: expected columns ds,name[,off,status] with ds as 2024-02-10", path.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_file_says_how_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            read(&folder.path().join(name), &(2024..=2024)).map_err(|e| format!("{e:#}"))
        };
        let day = "2024-05-10".parse().unwrap();
        let ics =
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Fair\nDTSTART:20240510\nEND:VEVENT\nEND:VCALENDAR\n";
        for (name, text) in [("a.csv", "ds,name\n2024-05-10,Fair\n"), ("a.ics", ics), ("a.ICS", ics)] {
            assert_eq!(read(name, text).unwrap().holiday(day), Some("Fair"), "{name}");
        }
        let error = read("b.csv", ics).unwrap_err();
        assert!(error.contains("b.csv: expected columns ds,name"), "{error}");
        let error = read("c.ics", &ics.replace("20240510", "20240510T090000Z")).unwrap_err();
        assert!(error.contains("c.ics: event \"Fair\" (20240510T090000Z): has hours"), "{error}");
    }
}
