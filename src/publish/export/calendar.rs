//! The export of the calendar of seasons (民情月历): one line a season, as the newest detect run said it.
//!
//! The rows are cells with a type, so that a spreadsheet writes dates as dates and numbers as numbers, and CSV the same
//! values as text. Small counts follow the rule of the forecast's export: an observed height of 1 to n-1 is written
//! "<n", an expected one below n is rounded to whole tickets.
use std::path::Path;

use chrono::NaiveDate;

use super::{
    Entry, ExportError, Month, Names, Summary, csv, csv_error, files,
    row::{Common, round},
};
use crate::{
    config::{City, Plans},
    store::{
        Store,
        calendar::{CalendarFilter, CalendarRow},
    },
    ticket::{Basis, Day},
};

/// What is exported, in file names.
const KIND: &str = "calendar";
/// Past seasons of a line.
const PAST: usize = 3;

/// The columns, in order; stable names that programs rely on.
pub const COLUMNS: [&str; 41] = [
    "run_id",
    "issued_at",
    "origin",
    "topic_code",
    "topic",
    "district_code",
    "district",
    "basis",
    "season",
    "standing",
    "begun",
    "onset",
    "onset_from",
    "onset_to",
    "probability",
    "said_by",
    "timing",
    "shift_days",
    "lead_days",
    "peak_week",
    "peak_expected",
    "peak_q10",
    "peak_q90",
    "ends",
    "repair_from",
    "repair_to",
    "threshold",
    "dates_of",
    "share",
    "past_onset_1",
    "past_peak_1",
    "past_height_1",
    "past_onset_2",
    "past_peak_2",
    "past_height_2",
    "past_onset_3",
    "past_peak_3",
    "past_height_3",
    "plan",
    "plan_owner",
    "data_as_of",
];

/// One value of a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing is known.
    Empty,
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// A local day.
    Date(NaiveDate),
    /// A count between one and this less one.
    Below(u32),
}

impl Cell {
    fn day(day: Option<Day>) -> Self {
        day.map_or(Self::Empty, |day| Self::Date(day.date()))
    }

    fn text(text: &str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text.to_owned()) }
    }

    /// As CSV writes it.
    fn written(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => csv::inert(text),
            Self::Number(n) => n.to_string(),
            Self::Date(date) => date.to_string(),
            Self::Below(n) => format!("<{n}"),
        }
    }
}

/// What to export.
#[derive(Debug, Clone, Copy)]
pub struct CalendarRequest<'a> {
    /// The city.
    pub city: &'a City,
    /// Where to.
    pub folder: &'a Path,
    /// Counts from 1 to this less one are taken out; 0 shows all.
    pub small_cell: u32,
    /// Contingency plans that lines name.
    pub plans: &'a Plans,
}

/// The calendar as lines under [`COLUMNS`], for any kind of table.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// What all lines have in common.
    pub common: Common,
    /// Lines: seasons under way first, then by begin.
    pub rows: Vec<Vec<Cell>>,
}

/// Reads the calendar as lines; `None` before the first detect run.
pub async fn sheet(store: &Store, request: &CalendarRequest<'_>) -> Result<Option<Sheet>, ExportError> {
    let Some((run, rows)) = store.calendar(CalendarFilter::default()).await? else { return Ok(None) };
    let names = Names::read(store, request.city.lang).await?;
    let common = Common::of(&run, request.city.zone.0);
    let lines = rows.iter().map(|row| line(&common, row, &names, request)).collect();
    Ok(Some(Sheet { common, rows: lines }))
}

fn line(common: &Common, row: &CalendarRow, names: &Names, request: &CalendarRequest<'_>) -> Vec<Cell> {
    let (topic, district) = names.at(row.topic, row.district);
    let path = |joined: &str, key: i32| -> Vec<String> {
        if key == 0 { Vec::new() } else { joined.split('/').map(str::to_owned).collect() }
    };
    let plan = request.plans.of(&path(&topic, row.topic), &path(&district, row.district));
    let small = row.peak_expected < f64::from(request.small_cell);
    let expected = |n: f64| Cell::Number(round(n, if small { 0 } else { 2 }));
    let mut cells = vec![
        Cell::Number(common.run as f64),
        Cell::Text(common.issued_at.to_rfc3339()),
        Cell::Date(common.origin),
        Cell::Number(row.topic.into()),
        Cell::text(&topic),
        Cell::Number(row.district.into()),
        Cell::text(&district),
        Cell::text(Basis::Raw.name()),
        Cell::Number(row.season.into()),
        Cell::text(&row.standing),
        Cell::day(row.begun),
        Cell::Date(row.onset.date()),
        Cell::Date(row.interval.0.date()),
        Cell::Date(row.interval.1.date()),
        Cell::Number(round(row.probability, 3)),
        Cell::text(&row.said_by),
        Cell::text(&row.timing),
        Cell::Number(row.shift_days.into()),
        Cell::Number((row.onset.date() - common.origin).num_days() as f64),
        Cell::Date(row.peak.date()),
        expected(row.peak_expected),
        expected(row.peak_interval.0),
        expected(row.peak_interval.1),
        Cell::day(row.ends),
        Cell::day(row.repair.map(|span| span.0)),
        Cell::day(row.repair.map(|span| span.1)),
        expected(row.threshold),
        Cell::text(&row.dates_of),
        row.share.map_or(Cell::Empty, |share| Cell::Number(round(share, 4))),
    ];
    for k in 0..PAST {
        match row.past.get(k) {
            None => cells.extend([Cell::Empty, Cell::Empty, Cell::Empty]),
            Some(past) => cells.extend([
                Cell::Date(past.onset),
                Cell::Date(past.peak),
                observed(past.height, request.small_cell),
            ]),
        }
    }
    cells.push(plan.map_or(Cell::Empty, |plan| Cell::text(&plan.title)));
    cells.push(plan.map_or(Cell::Empty, |plan| Cell::text(&plan.owner)));
    cells.push(Cell::Text(common.data_as_of.to_rfc3339()));
    cells
}

/// A count of tickets that were received; of a part, a share of those of the whole.
fn observed(n: f64, threshold: u32) -> Cell {
    let whole = n.round();
    if whole > 0.0 && whole < f64::from(threshold) { Cell::Below(threshold) } else { Cell::Number(whole) }
}

/// Exports the calendar as CSV; the month in its name is that in which it was issued.
pub async fn export_calendar(store: &Store, request: &CalendarRequest<'_>) -> Result<Summary, ExportError> {
    let sheet = sheet(store, request).await?.ok_or(ExportError::NoCalendar)?;
    let common = &sheet.common;
    let month = Month::of(common.issued_at.date_naive());
    let stem = format!("{}_{KIND}_{month}_{}", request.city.code, common.run);
    let name = format!("{stem}.csv");
    let path = request.folder.join(&name);
    let (draft, out) = files::Draft::begin(request.folder, &name)?;
    let mut table = csv::table(out, &COLUMNS).map_err(|e| csv_error(&path, e))?;
    for row in &sheet.rows {
        table.write_record(row.iter().map(Cell::written)).map_err(|e| csv_error(&path, e))?;
    }
    let out = table.into_inner().map_err(|e| ExportError::write(path.clone(), e.into_error()))?;
    let small = sheet.rows.iter().flatten().filter(|cell| matches!(cell, Cell::Below(_))).count();
    let entry = Entry {
        city: request.city.code.clone(),
        kind: KIND.to_owned(),
        month: month.to_string(),
        run: common.run,
        issued_at: common.issued_at.to_rfc3339(),
        origin: common.origin.to_string(),
        basis: vec![Basis::Raw.name().to_owned()],
        rows: sheet.rows.len() as u64,
        small_cell: request.small_cell,
        small_cells: small as u64,
        files: [("csv".to_owned(), draft.publish(out)?)].into(),
    };
    let manifest = files::list(request.folder, &stem, entry.clone())?;
    Ok(Summary { manifest, stem, entry })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_heights_are_taken_out_and_zeros_stay() {
        for (n, threshold, wanted) in
            [(0.0, 5, "0"), (0.6, 5, "<5"), (4.4, 5, "<5"), (4.6, 5, "5"), (1.0, 0, "1"), (812.4, 5, "812")]
        {
            assert_eq!(observed(n, threshold).written(), wanted, "{n}");
        }
        assert_eq!(Cell::text("=1+1").written(), "'=1+1");
        assert_eq!([Cell::Empty, Cell::text("")].map(|c| c.written()), ["", ""]);
    }
}
