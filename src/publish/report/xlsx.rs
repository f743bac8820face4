//! A report as a workbook: the prose, then one sheet a table with a frozen header, number formats and native charts.
//!
//! The creation time is that of the run, so that the same report gives the same bytes.
use rust_xlsxwriter::{
    Chart as NativeChart, ChartType, Color, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder,
    Workbook, Worksheet, XlsxError,
};
use unicode_width::UnicodeWidthStr;

use super::{
    Made,
    cell::Cell,
    table::{Chart, Piece, Section, Shape, Table},
    words::Words,
};

/// Longest name of a sheet.
const NAME: usize = 31;
/// Widest column, in characters.
const WIDEST: usize = 60;
/// Width of the column of prose, in characters.
const PROSE: f64 = 84.0;
/// Points of a line of prose.
const LINE: f64 = 16.0;

/// The formats of a workbook.
struct Formats {
    title: Format,
    heading: Format,
    prose: Format,
    header: Format,
    count: Format,
    decimal: Format,
    share: Format,
    change: Format,
    date: Format,
    right: Format,
}

impl Formats {
    fn new() -> Self {
        let with = |format: &str| Format::new().set_num_format(format);
        Self {
            title: Format::new().set_bold().set_font_size(16),
            heading: Format::new().set_bold().set_font_size(12),
            prose: Format::new().set_text_wrap().set_align(FormatAlign::Top),
            header: Format::new()
                .set_bold()
                .set_text_wrap()
                .set_background_color(Color::RGB(0x00DC_E6F1))
                .set_border_bottom(FormatBorder::Thin),
            count: with("#,##0"),
            decimal: with("#,##0.0"),
            share: with("0.0%"),
            change: with("+0.0%;-0.0%;0.0%"),
            date: with("yyyy-mm-dd"),
            right: Format::new().set_align(FormatAlign::Right),
        }
    }
}

/// The bytes of the workbook.
pub fn workbook(made: &Made, words: Words) -> Result<Vec<u8>, XlsxError> {
    let (report, formats) = (&made.report, Formats::new());
    let mut book = Workbook::new();
    let properties = DocProperties::new().set_title(&report.title).set_author("weisu").set_creation_datetime(
        &ExcelDateTime::parse_from_str(&made.made.naive_utc().format("%Y-%m-%dT%H:%M:%S").to_string())?,
    );
    book.set_properties(&properties);
    prose(book.add_worksheet(), made, words, &formats)?;
    let mut names = vec![words.say("title", "sheet")];
    for section in &report.sections {
        for table in &section.tables {
            let name = sheet_name(&table.title, &names);
            let sheet = book.add_worksheet();
            sheet.set_name(&name)?;
            fill(sheet, table, words, &formats)?;
            charts(sheet, section, table, &name)?;
            names.push(name);
        }
    }
    book.save_to_buffer()
}

/// The first sheet: title, headings and paragraphs as plain text.
fn prose(sheet: &mut Worksheet, made: &Made, words: Words, formats: &Formats) -> Result<(), XlsxError> {
    sheet.set_name(words.say("title", "sheet"))?;
    sheet.set_column_width(0, PROSE)?;
    sheet.write_string_with_format(0, 0, &made.report.title, &formats.title)?;
    let mut row = 1;
    let mut line = |sheet: &mut Worksheet, text: &str, format: &Format, is_prose: bool| {
        sheet.write_string_with_format(row, 0, text, format)?;
        if is_prose {
            let lines = (text.width() as f64 / PROSE).ceil().max(1.0);
            sheet.set_row_height(row, LINE * lines)?;
        }
        row += 1;
        Ok::<(), XlsxError>(())
    };
    line(sheet, &plain(&made.report.lead), &formats.prose, true)?;
    for section in &made.report.sections {
        line(sheet, &section.title, &formats.heading, false)?;
        for paragraph in &section.prose {
            line(sheet, &plain(paragraph), &formats.prose, true)?;
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    sheet.set_paper_size(9).set_print_fit_to_pages(1, 0);
    Ok(())
}

fn plain(paragraph: &[Piece]) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Words(text) => text.clone(),
        Piece::Cell { shown, .. } => shown.clone(),
    };
    paragraph.iter().map(text).collect()
}

/// A name that no other sheet has: without characters that sheets may not have in theirs, cut to its longest.
fn sheet_name(title: &str, taken: &[String]) -> String {
    let plain: String =
        title.chars().map(|c| if "[]:*?/\\:'".contains(c) { ' ' } else { c }).take(NAME).collect();
    let mut name = plain.trim().to_owned();
    for n in 2.. {
        if !taken.iter().any(|other| other.eq_ignore_ascii_case(&name)) {
            break;
        }
        name = format!("{} {n}", plain.chars().take(NAME - 4).collect::<String>().trim());
    }
    name
}

fn fill(sheet: &mut Worksheet, table: &Table, words: Words, formats: &Formats) -> Result<(), XlsxError> {
    for (at, column) in (0..).zip(&table.columns) {
        sheet.write_string_with_format(0, at, &column.title, &formats.header)?;
        let shown = table.rows.iter().filter_map(|row| row.cells.get(usize::from(at)));
        let widest = shown.map(|cell| cell.shown(words.lang).width()).max().unwrap_or(0);
        let width = widest.max(column.title.width()).min(WIDEST) + 2;
        sheet.set_column_width(at, width as f64)?;
    }
    for (i, row) in (1..).zip(&table.rows) {
        for (at, cell) in (0..).zip(&row.cells) {
            match cell {
                Cell::Text(text) => sheet.write_string(i, at, text)?,
                Cell::Count(n) => sheet.write_number_with_format(i, at, *n as f64, &formats.count)?,
                Cell::Decimal(x) => sheet.write_number_with_format(i, at, *x, &formats.decimal)?,
                Cell::Share(x) => sheet.write_number_with_format(i, at, *x, &formats.share)?,
                Cell::Change(x) | Cell::Leap { change: x, .. } => {
                    sheet.write_number_with_format(i, at, *x, &formats.change)?
                }
                Cell::Date(date) => sheet.write_datetime_with_format(i, at, date, &formats.date)?,
                Cell::Below(_) | Cell::Unknown => {
                    sheet.write_string_with_format(i, at, cell.shown(words.lang), &formats.right)?
                }
            };
        }
    }
    sheet.set_freeze_panes(1, 1)?;
    sheet.set_landscape().set_paper_size(9).set_print_fit_to_pages(1, 0);
    Ok(())
}

/// Charts of a table, to its right.
fn charts(sheet: &mut Worksheet, section: &Section, table: &Table, name: &str) -> Result<(), XlsxError> {
    let last = table.rows.len() as u32;
    for chart in section.charts.iter().filter(|chart| chart.table == table.id) {
        let mut native = NativeChart::new(match chart.shape {
            Shape::Lines => ChartType::Line,
            Shape::Columns => ChartType::Column,
            Shape::Bars => ChartType::Bar,
        });
        for column in drawn(chart) {
            let Some(at) = table.column(column).and_then(|i| u16::try_from(i).ok()) else { continue };
            native
                .add_series()
                .set_name((name, 0, at))
                .set_categories((name, 1, 0, last, 0))
                .set_values((name, 1, at, last, at));
        }
        native.title().set_name(&chart.title);
        if chart.shape == Shape::Bars {
            // The first row of the table is the uppermost bar.
            native.y_axis().set_reverse();
        }
        native.set_width(720).set_height(if chart.shape == Shape::Bars { 120 + 22 * last } else { 320 });
        sheet.insert_chart(1, table.columns.len() as u16 + 1, &native)?;
    }
    Ok(())
}

/// Columns that the native chart draws: the ends of an interval are in the table, a bar of them would mislead.
fn drawn(chart: &Chart) -> &[&'static str] {
    match chart.shape {
        Shape::Bars => &chart.columns[..1],
        Shape::Lines | Shape::Columns => &chart.columns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheets_have_names_that_programs_take() {
        let taken = vec!["Topics".to_owned()];
        assert_eq!(sheet_name("topics", &taken), "topics 2");
        assert_eq!(sheet_name("a/b [c]: d?", &taken), "a b  c   d");
        assert_eq!(sheet_name(&"长".repeat(40), &taken).chars().count(), NAME);
    }
}
