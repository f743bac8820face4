//! Charts as inline SVG. The backend measures no fonts, so the same table gives the same bytes on any machine; room for
//! labels is reckoned from their width in columns of a terminal.
use plotters::{
    coord::{Shift, ranged1d::SegmentValue},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{
    cell::Cell,
    table::{Chart, Shape, Table},
};
use crate::config::Lang;

/// Width of every chart, in the units of the SVG; the page scales it.
const WIDTH: u32 = 720;
/// Height of charts over time.
const HEIGHT: u32 = 230;
/// Height of a bar with its gap.
const BAR: u32 = 22;
/// Bars drawn; the table has all rows.
const BARS: usize = 24;
/// Size of labels.
const SIZE: u32 = 11;
/// Width of a terminal column at that size.
const COLUMN: f64 = 6.4;
/// Widest label of a bar, in terminal columns.
const LABEL: usize = 34;
/// Colours of series, apart in grey print too.
const COLOURS: [RGBColor; 3] = [RGBColor(31, 90, 150), RGBColor(214, 122, 30), RGBColor(150, 150, 150)];
/// Grid and axes.
const GREY: RGBColor = RGBColor(200, 204, 210);
/// Labels.
const INK: RGBColor = RGBColor(40, 44, 52);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// A chart of a table as SVG.
pub fn svg(chart: &Chart, table: &Table, lang: Lang) -> Result<String, String> {
    let mut out = String::new();
    let height = match chart.shape {
        Shape::Bars => BAR * table.rows.len().min(BARS) as u32 + 34,
        Shape::Lines | Shape::Columns => HEIGHT,
    };
    {
        let area = SVGBackend::with_string(&mut out, (WIDTH, height)).into_drawing_area();
        let drawn = match chart.shape {
            Shape::Bars => bars(&area, chart, table, lang),
            Shape::Lines => over_time(&area, chart, table, lang, false),
            Shape::Columns => over_time(&area, chart, table, lang, true),
        };
        drawn.and_then(|()| area.present()).map_err(|error| error.to_string())?;
    }
    Ok(out)
}

fn label() -> TextStyle<'static> {
    ("sans-serif", SIZE).into_font().color(&INK)
}

/// Largest number of the columns, with some room above.
fn top(chart: &Chart, table: &Table) -> f64 {
    let numbers = chart.columns.iter().flat_map(|column| table.numbers(column)).flatten();
    (numbers.fold(0.0, f64::max) * 1.08).max(1.0)
}

fn whole(x: f64) -> String {
    Cell::Count(x.round().max(0.0) as u64).shown(Lang::En)
}

/// First cell of a row: what the row is called.
fn name(table: &Table, row: usize, lang: Lang) -> String {
    table.rows.get(row).and_then(|r| r.cells.first()).map_or(String::new(), |cell| cell.shown(lang))
}

/// Lines or columns over rows in time.
fn over_time(area: &Area<'_>, chart: &Chart, table: &Table, lang: Lang, as_columns: bool) -> Drawn {
    let n = table.rows.len() as f64;
    let top = top(chart, table);
    let mut plot = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(26)
        .y_label_area_size((whole(top).width() as f64 * COLUMN) as u32 + 14)
        .build_cartesian_2d(-0.5..n - 0.5, 0.0..top)?;
    // A label a row while there is room for it.
    let labels = table.rows.len().min(13);
    let step = table.rows.len().div_ceil(labels.max(1)).max(1);
    plot.configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .y_labels(5)
        .y_label_formatter(&|y| whole(*y))
        .y_label_style(label())
        .light_line_style(TRANSPARENT)
        .bold_line_style(GREY)
        .axis_style(GREY)
        .draw()?;
    for (column, colour) in chart.columns.iter().zip(COLOURS) {
        let numbers = table.numbers(column);
        let points = numbers.iter().enumerate().filter_map(|(i, y)| Some((i as f64, (*y)?)));
        if as_columns {
            let bar = |(x, y)| Rectangle::new([(x - 0.36, 0.0), (x + 0.36, y)], colour.filled());
            plot.draw_series(points.map(bar))?;
            continue;
        }
        for line in runs(&numbers) {
            plot.draw_series([PathElement::new(line, colour.stroke_width(2))])?;
        }
        plot.draw_series(points.map(|at| Circle::new(at, 2, colour.filled())))?;
    }
    let style = label().pos(Pos::new(HPos::Center, VPos::Top));
    for i in (0..table.rows.len()).step_by(step) {
        let (x, y) = plot.backend_coord(&(i as f64, 0.0));
        area.draw_text(&short(&name(table, i, lang)), &style, (x, y + 7))?;
    }
    legend(area, chart, table)
}

/// Points of each stretch without a gap: a gap in the numbers is a gap in the line.
fn runs(numbers: &[Option<f64>]) -> Vec<Vec<(f64, f64)>> {
    let mut out = vec![Vec::new()];
    for (i, number) in numbers.iter().enumerate() {
        match (number, out.last_mut()) {
            (Some(y), Some(line)) => line.push((i as f64, *y)),
            _ => out.push(Vec::new()),
        }
    }
    out.retain(|line| line.len() > 1);
    out
}

/// A date without its year, anything else as it is.
fn short(text: &str) -> String {
    if text.len() == 10 && text.is_char_boundary(5) && text.as_bytes()[4] == b'-' {
        text[5..].to_owned()
    } else {
        text.to_owned()
    }
}

/// Names of the series, where there are several.
fn legend(area: &Area<'_>, chart: &Chart, table: &Table) -> Drawn {
    if chart.columns.len() < 2 {
        return Ok(());
    }
    let mut right = WIDTH as i32 - 12;
    for (column, colour) in chart.columns.iter().zip(COLOURS).rev() {
        let title = table.column(column).map_or("", |i| table.columns[i].title.as_str());
        right -= (title.width() as f64 * COLUMN) as i32 + 6;
        area.draw_text(title, &label(), (right, 2))?;
        area.draw(&Rectangle::new([(right - 14, 4), (right - 4, 12)], colour.filled()))?;
        right -= 24;
    }
    Ok(())
}

/// Level bars, one a row, the number at the end and the interval as a line.
fn bars(area: &Area<'_>, chart: &Chart, table: &Table, lang: Lang) -> Drawn {
    // A segmented range holds its end.
    let rows = table.rows.len().min(BARS);
    let names: Vec<String> = (0..rows).map(|i| cut(&bar_name(table, i, lang))).collect();
    let widest = names.iter().map(|name| name.width()).max().unwrap_or(0);
    let top = top(chart, table);
    let mut plot = ChartBuilder::on(area)
        .margin(6)
        .margin_right(64)
        .x_label_area_size(20)
        .y_label_area_size((widest as f64 * COLUMN) as u32 + 12)
        .build_cartesian_2d(0.0..top, (0..rows.max(1) - 1).into_segmented())?;
    let named = |value: &SegmentValue<usize>| match value {
        SegmentValue::CenterOf(i) | SegmentValue::Exact(i) => {
            names.get(rows.saturating_sub(*i + 1)).cloned().unwrap_or_default()
        }
        SegmentValue::Last => String::new(),
    };
    plot.configure_mesh()
        .disable_y_mesh()
        .x_labels(6)
        .y_labels(rows)
        .x_label_formatter(&|x| whole(*x))
        .y_label_formatter(&named)
        .x_label_style(label())
        .y_label_style(label())
        .light_line_style(TRANSPARENT)
        .bold_line_style(GREY)
        .axis_style(GREY)
        .draw()?;
    let columns: Vec<Vec<Option<f64>>> = chart.columns.iter().map(|column| table.numbers(column)).collect();
    let style = label().pos(Pos::new(HPos::Left, VPos::Center));
    for i in 0..rows {
        let at = |x: f64| plot.backend_coord(&(x, SegmentValue::CenterOf(rows - i - 1)));
        let number = |column: usize| columns.get(column).and_then(|c| c.get(i)).copied().flatten();
        let Some(n) = number(0) else { continue };
        let ((left, y), (right, _)) = (at(0.0), at(n));
        let half = BAR as i32 / 2 - 5;
        area.draw(&Rectangle::new([(left, y - half), (right, y + half)], COLOURS[0].mix(0.75).filled()))?;
        let mut end = right;
        if let (Some(lower), Some(upper)) = (number(1), number(2)) {
            let ((from, _), (to, _)) = (at(lower), at(upper));
            area.draw(&PathElement::new(vec![(from, y), (to, y)], INK.stroke_width(2)))?;
            end = end.max(to);
        }
        area.draw_text(&whole(n), &style, (end + 5, y))?;
    }
    Ok(())
}

/// What a bar is called: its name, and its district where the table has one.
fn bar_name(table: &Table, row: usize, lang: Lang) -> String {
    let district = table.column("district").and_then(|i| table.rows[row].cells.get(i));
    match district {
        Some(district) => format!("{} {}", name(table, row, lang), district.shown(lang)),
        None => name(table, row, lang),
    }
}

/// Cut to the widest label.
fn cut(text: &str) -> String {
    if text.width() <= LABEL {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        // A character may be two wide, and the ellipsis needs its place.
        if out.width() + c.width().unwrap_or(0) + 1 > LABEL {
            break;
        }
        out.push(c);
    }
    out + "…"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::report::{table::Table, words::Words};

    fn table() -> Table {
        let mut table = Table::new(Words { lang: Lang::Zh }, "topics", &["name", "raw"]);
        for (i, n) in [120, 80, 3].into_iter().enumerate() {
            table.push(i.to_string(), vec![Cell::text(format!("类别<{i}>")), Cell::tickets(Some(n), 5)]);
        }
        table
    }

    #[test]
    fn every_shape_is_drawn_escaped_and_the_same_twice() {
        let words = Words { lang: Lang::Zh };
        for shape in [Shape::Lines, Shape::Columns, Shape::Bars] {
            let chart = Chart::new(words, "topics", shape, &["raw"]);
            let one = svg(&chart, &table(), Lang::Zh).unwrap();
            assert_eq!(one, svg(&chart, &table(), Lang::Zh).unwrap());
            let read = roxmltree::Document::parse(&one).unwrap();
            let texts: Vec<&str> = read.descendants().filter_map(|n| n.text()).map(str::trim).collect();
            assert!(texts.contains(&"类别<0>"), "{shape:?} {texts:?}");
            assert!(!one.contains("<script") && !one.contains("href"), "{shape:?}");
        }
    }

    #[test]
    fn a_gap_in_the_numbers_is_a_gap_in_the_line() {
        let lines = runs(&[Some(1.0), Some(2.0), None, Some(3.0), None, Some(4.0), Some(5.0)]);
        assert_eq!(lines, [vec![(0.0, 1.0), (1.0, 2.0)], vec![(5.0, 4.0), (6.0, 5.0)]]);
    }

    #[test]
    fn long_labels_are_cut_by_their_width() {
        assert_eq!(cut("short"), "short");
        assert!(cut(&"长".repeat(40)).width() <= LABEL);
    }
}
