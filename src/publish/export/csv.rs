//! The export as CSV for spreadsheets: UTF-8 with BOM, CRLF, ISO dates, no cell that a spreadsheet would run.
use std::io::Write;

use super::row::{COLUMNS, Common, Count, Row};

/// Spreadsheets tell UTF-8 by it.
const BOM: &[u8] = "\u{feff}".as_bytes();

/// A table with BOM, CRLF and its header.
pub fn table<W: Write>(mut out: W, columns: &[&str]) -> Result<csv::Writer<W>, csv::Error> {
    out.write_all(BOM)?;
    let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    csv.write_record(columns)?;
    Ok(csv)
}

/// Writes lines of CSV.
pub struct Writer<W: Write> {
    csv: csv::Writer<W>,
    common: Common,
}

impl<W: Write> Writer<W> {
    /// Writes BOM and header.
    pub fn new(out: W, common: Common) -> Result<Self, csv::Error> {
        Ok(Self { csv: table(out, &COLUMNS)?, common })
    }

    /// Writes lines.
    pub fn write(&mut self, rows: &[Row]) -> Result<(), csv::Error> {
        let issued = self.common.issued_at.to_rfc3339();
        let as_of = self.common.data_as_of.to_rfc3339();
        let (run, origin) = (self.common.run.to_string(), self.common.origin.to_string());
        for r in rows {
            let number = |x: Option<f64>| x.map(|x| x.to_string()).unwrap_or_default();
            let mut cells = vec![run.clone(), issued.clone(), origin.clone()];
            cells.extend([r.from.to_string(), r.to.to_string(), r.grain.to_owned()]);
            cells.extend([r.topic_code.to_string(), inert(&r.topic)]);
            cells.extend([r.district_code.to_string(), inert(&r.district), r.basis.to_owned()]);
            cells.extend(r.forecast.iter().map(f64::to_string));
            for (count_, change) in [r.last_year, r.lunar, r.previous].into_iter().zip(r.changes) {
                cells.extend([count(count_), number(change)]);
            }
            cells.extend([inert(&r.model), inert(r.fallback.as_deref().unwrap_or_default())]);
            cells.extend(r.quality.map(number));
            cells.push(as_of.clone());
            self.csv.write_record(&cells)?;
        }
        Ok(())
    }

    /// Flushes and hands the file back.
    pub fn finish(self) -> std::io::Result<W> {
        self.csv.into_inner().map_err(|e| e.into_error())
    }
}

fn count(count: Count) -> String {
    match count {
        Count::Unknown => String::new(),
        Count::Below(n) => format!("<{n}"),
        Count::Exactly(n) => n.to_string(),
    }
}

/// A text that a spreadsheet would take for a formula, behind an apostrophe.
pub fn inert(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_made_inert() {
        for (text, wanted) in [
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(1)", "'@SUM(1)"),
            ("\t=1", "'\t=1"),
            ("供暖/a=b", "供暖/a=b"),
        ] {
            assert_eq!(inert(text), wanted);
        }
    }
}
