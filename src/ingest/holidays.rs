//! A city's own calendar: CSV with columns ds,name and, if wanted, off and status.
use std::path::Path;

use anyhow::Context;
use weisu_models::calendar::{Calendar, Row, from_rows};

/// Reads a holidays file; an error names the line.
pub fn read(path: &Path) -> anyhow::Result<Calendar> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let rows: Vec<Row> = reader.deserialize().collect::<Result<_, _>>().with_context(|| {
        format!("{}: expected columns ds,name[,off,status] with ds as 2024-02-10", path.display())
    })?;
    Ok(from_rows(rows))
}
