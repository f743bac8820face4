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
