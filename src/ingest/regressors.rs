//! Values of exogenous regressors: CSV with a column `ds` and one of values.
use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, bail};
use chrono::NaiveDate;

/// Column of values where none is named.
const VALUE: &str = "value";

/// Reads the values of a file; an error names file, line and what is wrong. An empty value is a day without one.
pub fn values(file: &Path, column: &str) -> anyhow::Result<BTreeMap<NaiveDate, f64>> {
    read(file, column).with_context(|| file.display().to_string())
}

fn read(file: &Path, column: &str) -> anyhow::Result<BTreeMap<NaiveDate, f64>> {
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(file).context("cannot be read")?;
    let headers = reader.headers().context("the first line is no header")?.clone();
    let column = if column.is_empty() { VALUE } else { column };
    let at = |name: &str| {
        let found = headers.iter().position(|h| h.trim_start_matches('\u{feff}') == name);
        found.with_context(|| {
            format!("no column {name:?} among {}", headers.iter().collect::<Vec<_>>().join(", "))
        })
    };
    let (date, value) = (at("ds")?, at(column)?);
    let mut values = BTreeMap::new();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        let (ds, text) = (record.get(date).unwrap_or_default(), record.get(value).unwrap_or_default());
        let day: NaiveDate =
            ds.parse().with_context(|| format!("line {line}: {ds:?} is no date such as 2024-02-10"))?;
        if text.is_empty() {
            continue;
        }
        let number: f64 = text.parse().with_context(|| format!("line {line}: {text:?} is no number"))?;
        if !number.is_finite() {
            bail!("line {line}: {text:?} is no number");
        }
        if values.insert(day, number).is_some() {
            bail!("line {line}: {day} is there twice");
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, column: &str) -> Result<BTreeMap<NaiveDate, f64>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("weather.csv");
        std::fs::write(&file, text).unwrap();
        values(&file, column).map_err(|e| format!("{e:#}"))
    }

    #[test]
    fn values_are_read_by_date_and_column() {
        let read = read("\u{feff}ds,value,tmax\n2024-01-02,1,-3.5\n2024-01-01,2,\n", "tmax").unwrap();
        assert_eq!(
            read.into_iter().map(|(d, v)| (d.to_string(), v)).collect::<Vec<_>>(),
            [("2024-01-02".to_owned(), -3.5)]
        );
    }

    #[test]
    fn mistakes_are_named_with_file_and_line() {
        for (text, problem) in [
            ("ds,temperature\n2024-01-01,1\n", "no column \"value\" among ds, temperature"),
            ("ds,value\n1.1.2024,1\n", "line 2: \"1.1.2024\" is no date"),
            ("ds,value\n2024-01-01,1\n2024-01-02,cold\n", "line 3: \"cold\" is no number"),
            ("ds,value\n2024-01-01,inf\n", "line 2: \"inf\" is no number"),
            ("ds,value\n2024-01-01,1\n2024-01-01,2\n", "line 3: 2024-01-01 is there twice"),
        ] {
            let error = read(text, "").unwrap_err();
            assert!(error.contains("weather.csv") && error.contains(problem), "{error}");
        }
    }
}
