//! The monthly export: the forecasts of one run for one month, as CSV and Parquet with a manifest; beside it the calendar
//! of seasons ([`calendar`]).
//!
//! The same store gives the same bytes: rows come in key order, every instant is the run's, and nothing else is named
//! that changes between two exports. The month's newest forecast of the whole month is taken, which for a month that
//! has begun is the one issued before it.
use std::{
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
};

use rustc_hash::FxHashMap;
use serde::Serialize;

pub mod calendar;
mod csv;
pub(in crate::publish) mod files;
mod month;
mod parquet;
mod references;
mod row;

pub use calendar::{CalendarRequest, export_calendar};
pub(in crate::publish) use self::csv::inert;
pub use files::{Entry, FileEntry, MANIFEST, Manifest};
pub use month::{Month, NotAMonth};
pub use row::COLUMNS;

use crate::{
    config::{City, Lang},
    store::{Run, Store, StoreError, Tree, TreeNode, export::ExportSeries},
    ticket::{Basis, Day},
};

/// Series read at once: bounds memory, and is a row group.
const CHUNK: usize = 2_000;
/// What is exported, in file names.
const KIND: &str = "forecast";

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No forecast at all for the month.
    #[error(
        "no finished forecast holds {month}: run `weisu once` first, or choose a month within forecast.days or forecast.months of the last tickets"
    )]
    NoForecast {
        /// The month.
        month: Month,
    },
    /// The run asked for is not a committed forecast.
    #[error("run {run} is not a finished forecast: `weisu status` lists them")]
    NoSuchRun {
        /// The run.
        run: i64,
    },
    /// The run holds nothing of the month, or nothing on the basis.
    #[error(
        "forecast run {run} (last known day {origin}) holds nothing of {month} on the chosen basis: choose another --month, --run or --basis"
    )]
    Empty {
        /// The run.
        run: i64,
        /// Its last known day.
        origin: Day,
        /// The month.
        month: Month,
    },
    /// No detect run has laid out a calendar.
    #[error("there is no calendar of seasons yet: run `weisu once` first")]
    NoCalendar,
    /// A file cannot be written.
    #[error("cannot write {path}: {remedy}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What to do.
        remedy: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// `manifest.json` is not ours.
    #[error("{path} is not a manifest of weisu: move it away, or export into another folder with --out")]
    Manifest {
        /// The file.
        path: PathBuf,
    },
    /// Parquet could not be written.
    #[error("cannot write {path} as Parquet")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The library's error.
        source: ::parquet::errors::ParquetError,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ExportError {
    pub(in crate::publish) fn write(path: PathBuf, source: io::Error) -> Self {
        let remedy = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "the disk is full; free space and export again, earlier exports are untouched"
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "the folder is read-only for this user; give it write permission, or choose another with --out"
            }
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                "a file stands where the folder should be; choose another with --out"
            }
            _ => "check the folder, or choose another with --out",
        };
        Self::Write { path, remedy, source }
    }

    fn parquet(path: &Path, source: ::parquet::errors::ParquetError) -> Self {
        match source {
            ::parquet::errors::ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(error) => Self::write(path.to_owned(), *error),
                Err(other) => {
                    let source = ::parquet::errors::ParquetError::External(other);
                    Self::Parquet { path: path.to_owned(), source }
                }
            },
            source => Self::Parquet { path: path.to_owned(), source },
        }
    }
}

/// What to export.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The city.
    pub city: &'a City,
    /// The month.
    pub month: Month,
    /// A forecast run; by default the newest that holds the whole month.
    pub run: Option<i64>,
    /// One basis, or both.
    pub basis: Option<Basis>,
    /// Where to.
    pub folder: &'a Path,
    /// Counts from 1 to this less one are taken out; 0 shows all.
    pub small_cell: u32,
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The manifest, which lists the files.
    pub manifest: PathBuf,
    /// File name without ending.
    pub stem: String,
    /// Its entry in the manifest.
    pub entry: Entry,
}

/// Exports a month.
pub async fn export(store: &Store, request: &Request<'_>) -> Result<Summary, ExportError> {
    let run = choose(store, request).await?;
    let origin = Day(run.origin.unwrap_or_default());
    let fit_run = store.fit_of_forecast(&run).await?;
    let series: Vec<ExportSeries> = store
        .export_series(fit_run)
        .await?
        .into_iter()
        .filter(|s| request.basis.is_none_or(|b| b == s.basis))
        .collect();
    let references = references::References::read(store, &series, request.month, origin).await?;
    let maker = row::Maker {
        references: &references,
        threshold: request.small_cell,
        lunar: request.city.calendar == "CN",
        periods: row::MonthPeriods::of(request.month),
    };
    let names = Names::read(store, request.city.lang).await?;
    let common = row::Common::of(&run, request.city.zone.0);
    let stem = format!("{}_{KIND}_{}_{}", request.city.code, request.month, run.id);
    let mut out = Outputs::begin(request.folder, &stem, &common)?;
    for chunk in series.chunks(CHUNK) {
        let range = (chunk.first().map_or(0, |s| s.id), chunk.last().map_or(0, |s| s.id));
        let by_id: FxHashMap<i32, &ExportSeries> = chunk.iter().map(|s| (s.id, s)).collect();
        let rows: Vec<row::Row> = store
            .export_rows(run.id, range, request.month.days())
            .await?
            .iter()
            .filter_map(|f| by_id.get(&f.series).map(|s| maker.row(s, names.of(s), f)))
            .collect();
        out.write(&rows)?;
    }
    if out.rows == 0 {
        return Err(ExportError::Empty { run: run.id, origin, month: request.month });
    }
    let (rows, small_cells) = (out.rows, out.small_cells);
    let entry = Entry {
        city: request.city.code.clone(),
        kind: KIND.to_owned(),
        month: request.month.to_string(),
        run: run.id,
        issued_at: common.issued_at.to_rfc3339(),
        origin: common.origin.to_string(),
        basis: Basis::ALL
            .into_iter()
            .filter(|b| request.basis.is_none_or(|wanted| wanted == *b))
            .map(|b| b.name().to_owned())
            .collect(),
        rows,
        small_cell: request.small_cell,
        small_cells,
        files: out.finish()?,
    };
    let manifest = files::list(request.folder, &stem, entry.clone())?;
    Ok(Summary { manifest, stem, entry })
}

async fn choose(store: &Store, request: &Request<'_>) -> Result<Run, ExportError> {
    if let Some(run) = request.run {
        return store.forecast_run(run).await?.ok_or(ExportError::NoSuchRun { run });
    }
    let (first, last) = request.month.days();
    store.forecast_run_for(first, last).await?.ok_or(ExportError::NoForecast { month: request.month })
}

/// Names from the top level down, by key.
struct Names {
    topics: FxHashMap<i32, String>,
    districts: FxHashMap<i32, String>,
}

impl Names {
    async fn read(store: &Store, lang: Lang) -> Result<Self, StoreError> {
        let (all, city) = match lang {
            Lang::Zh => ("全部诉求", "全市"),
            Lang::En => ("all topics", "whole city"),
        };
        Ok(Self {
            topics: paths(&store.tree(Tree::Topics).await?, all),
            districts: paths(&store.tree(Tree::Districts).await?, city),
        })
    }

    fn of(&self, series: &ExportSeries) -> (String, String) {
        self.at(series.topic, series.district)
    }

    fn at(&self, topic: i32, district: i32) -> (String, String) {
        let look = |names: &FxHashMap<i32, String>, id| names.get(&id).cloned().unwrap_or_default();
        (look(&self.topics, topic), look(&self.districts, district))
    }
}

fn paths(nodes: &[TreeNode], all: &str) -> FxHashMap<i32, String> {
    let mut out = FxHashMap::default();
    // A parent comes before its children.
    for node in nodes {
        let mut path =
            if node.parent == 0 { String::new() } else { out.get(&node.parent).cloned().unwrap_or_default() };
        if !path.is_empty() {
            path.push('/');
        }
        let _ = write!(path, "{}", node.name);
        out.insert(node.id, path);
    }
    out.insert(0, all.to_owned());
    out
}

/// Both files at once.
struct Outputs {
    csv: (files::Draft, csv::Writer<io::BufWriter<std::fs::File>>),
    parquet: (files::Draft, parquet::Writer<io::BufWriter<std::fs::File>>),
    paths: [PathBuf; 2],
    rows: u64,
    small_cells: u64,
}

impl Outputs {
    fn begin(folder: &Path, stem: &str, common: &row::Common) -> Result<Self, ExportError> {
        let names = ["csv", "parquet"].map(|ending| format!("{stem}.{ending}"));
        let paths = names.clone().map(|name| folder.join(name));
        let (draft, out) = files::Draft::begin(folder, &names[0])?;
        let writer = csv::Writer::new(out, common.clone()).map_err(|e| csv_error(&paths[0], e))?;
        let csv = (draft, writer);
        let (draft, out) = files::Draft::begin(folder, &names[1])?;
        let writer =
            parquet::Writer::new(out, common.clone()).map_err(|e| ExportError::parquet(&paths[1], e))?;
        Ok(Self { csv, parquet: (draft, writer), paths, rows: 0, small_cells: 0 })
    }

    fn write(&mut self, rows: &[row::Row]) -> Result<(), ExportError> {
        self.rows += rows.len() as u64;
        let small = |c: &row::Count| matches!(c, row::Count::Below(_));
        let cells = rows.iter().flat_map(|r| [r.last_year, r.lunar, r.previous]);
        self.small_cells += cells.filter(small).count() as u64;
        self.csv.1.write(rows).map_err(|e| csv_error(&self.paths[0], e))?;
        self.parquet.1.write(rows).map_err(|e| ExportError::parquet(&self.paths[1], e))
    }

    fn finish(self) -> Result<std::collections::BTreeMap<String, FileEntry>, ExportError> {
        let [csv_path, parquet_path] = self.paths;
        let csv = self.csv.1.finish().map_err(|e| ExportError::write(csv_path, e))?;
        let parquet = self.parquet.1.finish().map_err(|e| ExportError::parquet(&parquet_path, e))?;
        Ok([("csv", self.csv.0.publish(csv)?), ("parquet", self.parquet.0.publish(parquet)?)]
            .map(|(ending, file)| (ending.to_owned(), file))
            .into())
    }
}

fn csv_error(path: &Path, error: ::csv::Error) -> ExportError {
    let source = match error.into_kind() {
        ::csv::ErrorKind::Io(source) => source,
        other => io::Error::other(format!("{other:?}")),
    };
    ExportError::write(path.to_owned(), source)
}
