//! A report as one HTML file that needs nothing else and prints on A4. It is well-formed XML too, so that programs read it.
use minijinja::{Environment, Value, context};

use super::{
    ReportError,
    cell::Cell,
    draw,
    table::{Piece, Report, Section, Table},
    words::Words,
};

/// Rows from which a table may break over pages.
const LONG: usize = 12;

/// The file.
pub fn render(report: &Report, words: Words) -> Result<String, ReportError> {
    let mut sections = Vec::with_capacity(report.sections.len());
    for section in &report.sections {
        sections.push(section_value(section, words)?);
    }
    let values = context! {
        lang => words.tag(),
        title => report.title.clone(),
        css => Value::from_safe_string(include_str!("report.css").to_owned()),
        lead => pieces(&report.lead),
        sections,
    };
    let mut env = Environment::new();
    let added = env.add_template("report.html", include_str!("report.html"));
    let rendered = added.and_then(|()| env.get_template("report.html")?.render(values));
    rendered.map_err(ReportError::Html)
}

fn section_value(section: &Section, words: Words) -> Result<Value, ReportError> {
    let mut charts = Vec::new();
    for chart in &section.charts {
        let Some(table) = section.tables.iter().find(|table| table.id == chart.table) else { continue };
        let drawn = draw::svg(chart, table, words.lang);
        let svg = drawn.map_err(|reason| ReportError::Chart { chart: chart.table, reason })?;
        charts.push(context! { title => chart.title.clone(), svg => Value::from_safe_string(svg) });
    }
    let prose: Vec<Value> = section.prose.iter().map(|paragraph| pieces(paragraph)).collect();
    let tables: Vec<Value> = section.tables.iter().map(|table| table_value(table, words)).collect();
    Ok(context! { id => section.id, title => section.title.clone(), prose, charts, tables })
}

fn pieces(paragraph: &[Piece]) -> Value {
    let piece = |piece: &Piece| match piece {
        Piece::Words(text) => context! { text => text.clone() },
        Piece::Cell { anchor, shown } => context! { text => shown.clone(), anchor => anchor.clone() },
    };
    paragraph.iter().map(piece).collect()
}

fn table_value(table: &Table, words: Words) -> Value {
    let is_number = |i: usize| table.rows.iter().filter_map(|row| row.cells.get(i)).all(Cell::is_number);
    let columns: Vec<Value> = (table.columns.iter().enumerate())
        .map(|(i, column)| context! { title => column.title.clone(), number => is_number(i) })
        .collect();
    let rows: Vec<Value> = (table.rows.iter())
        .map(|row| {
            let cells = table.columns.iter().zip(&row.cells).map(|(column, cell)| {
                context! {
                    anchor => table.anchor(row, column),
                    text => cell.shown(words.lang),
                    number => cell.is_number(),
                }
            });
            cells.collect()
        })
        .collect();
    context! { id => table.id, title => table.title.clone(), columns, rows, long => table.rows.len() > LONG }
}
