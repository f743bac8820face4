//! 月报 and 周报: the monthly report and the weekly digest, as HTML that prints, as a workbook and as one long CSV.
//!
//! [`facts`] reads the store once; everything after it is pure, so the same store gives the same bytes. [`sections`] lays
//! the facts out as tables, [`prose`] writes sentences from their cells by rules, and the writers ([`html`], [`xlsx`],
//! [`csv`]) only show what stands in the [`Report`]. Every instant is that of the run that made the data.
use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    path::Path,
};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use weisu_models::calendar::Calendar;

mod cell;
mod csv;
mod draw;
mod facts;
mod grid;
mod html;
mod names;
mod period;
mod prose;
mod sections;
mod table;
mod words;
mod xlsx;

pub use period::Period;
pub use table::{Piece, Report};

use super::export::files::{self, Entry, FileEntry};
use crate::{
    config::{City, Lang},
    publish::export::ExportError,
    store::{Store, StoreError},
    ticket::{Basis, Day},
};
use facts::Facts;
use table::{Section, Table};
use words::Words;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// No day of the period is known.
    #[error("no complete day of {period} is in the store{}", known(ends))]
    NothingKnown {
        /// What was asked for.
        period: Period,
        /// First and last known day.
        ends: Option<(Day, Day)>,
    },
    /// A template does not fit what is there: our own mistake.
    #[error("the report of {period} could not be written from its templates")]
    Template {
        /// What was asked for.
        period: Period,
        /// The library's error.
        source: minijinja::Error,
    },
    /// The page could not be laid out: our own mistake.
    #[error("the HTML of the report could not be written")]
    Html(#[source] minijinja::Error),
    /// A chart could not be drawn: our own mistake.
    #[error("chart {chart} of the report could not be drawn: {reason}")]
    Chart {
        /// Which.
        chart: &'static str,
        /// Why.
        reason: String,
    },
    /// The workbook could not be written.
    #[error("the workbook of {period} could not be written")]
    Workbook {
        /// What was asked for.
        period: Period,
        /// The library's error.
        source: rust_xlsxwriter::XlsxError,
    },
    /// The CSV could not be written.
    #[error("the CSV of {period} could not be written")]
    Csv {
        /// What was asked for.
        period: Period,
        /// The library's error.
        source: ::csv::Error,
    },
    /// A file could not be written.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn known(ends: &Option<(Day, Day)>) -> String {
    match ends {
        Some((from, to)) => format!(": choose a month or week between {from} and {to}"),
        None => ": read tickets first with `weisu ingest` or `weisu once`".to_owned(),
    }
}

/// What to report.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The city.
    pub city: &'a City,
    /// Its calendar, over the period and two years around it.
    pub calendar: &'a Calendar,
    /// Names of the sources.
    pub sources: &'a [String],
    /// About what.
    pub period: Period,
    /// In which language.
    pub lang: Lang,
    /// Counts from 1 to this less one are taken out; 0 shows all.
    pub small_cell: u32,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The manifest, which lists the files.
    pub manifest: std::path::PathBuf,
    /// File name without ending.
    pub stem: String,
    /// Its entry in the manifest.
    pub entry: Entry,
}

/// A report with the run it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The report.
    pub report: Report,
    /// The newest run that wrote counts, fits or forecasts.
    pub run: i64,
    /// When that ended, in the city's zone.
    pub made: DateTime<Tz>,
    /// The last day that is known.
    pub last_known: Day,
}

/// Makes a report from the store.
pub async fn make(store: &Store, request: &Request<'_>) -> Result<Made, ReportError> {
    let period = request.period;
    let Some(facts) = Facts::read(store, request).await? else {
        let ends = grid::Known::of(&store.days_known().await?).ends();
        return Err(ReportError::NothingKnown { period, ends });
    };
    let ended = facts.run.finished.unwrap_or(facts.run.started);
    let made: DateTime<Utc> = DateTime::from_timestamp_millis(ended).unwrap_or_default();
    let report = assemble(&facts, request).map_err(|source| ReportError::Template { period, source })?;
    Ok(Made {
        report,
        run: facts.run.id,
        made: made.with_timezone(&request.city.zone.0),
        last_known: facts.known.ends().map_or(period.days().1, |ends| ends.1),
    })
}

/// Tables first, then the prose that speaks of them.
fn assemble(facts: &Facts, request: &Request<'_>) -> Result<Report, minijinja::Error> {
    let words = facts.words;
    let ids = sections::of(facts.period);
    let parts: Vec<sections::Part> =
        ids.iter().map(|id| sections::part(id, facts, request.calendar, request.sources)).collect();
    let tables: Vec<&Table> = parts.iter().flat_map(|part| &part.tables).collect();
    let writer = prose::Writer::new(facts, &tables)?;
    let prose = ids.iter().map(|id| writer.section(id)).collect::<Result<Vec<_>, _>>()?;
    let lead = writer.section("lead")?.into_iter().flatten().collect();
    let sections = ids.iter().zip(parts).zip(prose).map(|((id, part), prose)| {
        let weekly = matches!(facts.period, Period::Week(_)).then(|| format!("{id}_week"));
        let name = weekly.filter(|name| words.knows("section", name)).unwrap_or_else(|| (*id).to_owned());
        Section { id, title: words.say("section", &name), prose, tables: part.tables, charts: part.charts }
    });
    let kind = match facts.period {
        Period::Month(_) => "month",
        Period::Week(_) => "week",
    };
    Ok(Report {
        title: format!("{} {}", facts.city, words.say("title", kind)),
        lead,
        sections: sections.collect(),
    })
}

/// Makes a report and writes it into a folder as HTML, workbook and CSV, with its entry in the manifest.
pub async fn write(store: &Store, request: &Request<'_>, folder: &Path) -> Result<Summary, ReportError> {
    let made = make(store, request).await?;
    let (period, words) = (request.period, Words { lang: request.lang });
    let kind = match period {
        Period::Month(_) => format!("report-{}", words.short()),
        Period::Week(_) => format!("weekly-{}", words.short()),
    };
    let stem = format!("{}_{kind}_{period}_{}", request.city.code, made.run);
    let html = html::render(&made.report, words)?;
    let workbook = xlsx::workbook(&made, words).map_err(|source| ReportError::Workbook { period, source })?;
    let csv = csv::lines(&made.report, words.lang).map_err(|source| ReportError::Csv { period, source })?;
    let mut entries: BTreeMap<String, FileEntry> = BTreeMap::new();
    for (ending, bytes) in [("html", html.as_bytes()), ("xlsx", &workbook), ("csv", &csv)] {
        entries.insert(ending.to_owned(), put(folder, &format!("{stem}.{ending}"), bytes)?);
    }
    let tables: Vec<&Table> = made.report.tables().collect();
    let entry = Entry {
        city: request.city.code.clone(),
        kind,
        month: period.to_string(),
        run: made.run,
        issued_at: made.made.to_rfc3339(),
        origin: made.last_known.to_string(),
        basis: Basis::ALL.map(|basis| basis.name().to_owned()).to_vec(),
        rows: tables.iter().map(|table| table.rows.len() as u64).sum(),
        small_cell: request.small_cell,
        small_cells: tables.iter().map(|table| table.small_cells() as u64).sum(),
        files: entries,
    };
    let manifest = files::list(folder, &stem, entry.clone())?;
    Ok(Summary { manifest, stem, entry })
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> Result<FileEntry, ExportError> {
    let (draft, mut out) = files::Draft::begin(folder, name)?;
    let written: io::Result<()> = out.write_all(bytes);
    written.map_err(|source| ExportError::write(folder.join(name), source))?;
    draft.publish(out)
}
