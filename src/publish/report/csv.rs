//! Every cell of a report as one long CSV: UTF-8 with BOM, CRLF, no cell that a spreadsheet would run.
use super::{cell::Cell, table::Report};
use crate::{config::Lang, publish::export::inert};

/// The columns, in order; stable names that programs rely on.
const COLUMNS: [&str; 7] = ["section", "table", "row", "column", "heading", "value", "number"];

/// The lines with their header.
pub fn lines(report: &Report, lang: Lang) -> Result<Vec<u8>, ::csv::Error> {
    let out = "\u{feff}".as_bytes().to_vec();
    let mut csv = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(out);
    csv.write_record(COLUMNS)?;
    for section in &report.sections {
        for table in &section.tables {
            for row in &table.rows {
                for (column, cell) in table.columns.iter().zip(&row.cells) {
                    let keys = [section.id, table.id, &row.key, column.id].map(str::to_owned);
                    let texts = [inert(&column.title), inert(&cell.shown(lang)), number(cell)];
                    csv.write_record(keys.into_iter().chain(texts))?;
                }
            }
        }
    }
    csv.into_inner().map_err(|e| e.into_error().into())
}

/// Shares and changes as fractions; nothing where a count was taken out.
fn number(cell: &Cell) -> String {
    match cell {
        Cell::Count(n) => n.to_string(),
        other => other.number().map(|x| format!("{x:.4}")).unwrap_or_default(),
    }
}
