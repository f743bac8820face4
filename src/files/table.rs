//! CSV tables with named columns, plain or gzip, and errors that say where and what to do.
use std::{
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

use chrono::NaiveDate;
use flate2::read::MultiGzDecoder;

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file cannot be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A row cannot be split into columns or is not UTF-8.
    #[error("{}, line {line}: not a readable CSV row; save the file as CSV in UTF-8", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Line in the file, from 1.
        line: u64,
        /// What the CSV reader said.
        source: csv::Error,
    },
    /// A needed column is not there.
    #[error("{}, line 1: no column {column:?}, only {found:?}; rename or add it", path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// The columns that are there.
        found: Vec<String>,
    },
    /// A value cannot be used.
    #[error("{}, line {line}, column {column}: {value:?} {problem}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Line in the file, from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// The value, cut to a readable length.
        value: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// There is no row below the header.
    #[error("{}: no rows below the header; nothing to work with", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// A CSV file being read, with the wanted columns found by name.
pub struct Table<const N: usize> {
    path: PathBuf,
    reader: csv::Reader<Box<dyn Read>>,
    columns: [(&'static str, usize); N],
    record: csv::StringRecord,
}

impl<const N: usize> Table<N> {
    /// Opens `path` (gzip when it ends in `.gz`) and finds `columns` in its header, in any order.
    ///
    /// # Errors
    /// When the file cannot be opened, its header not be read, or a column is missing.
    pub fn open(path: &Path, columns: [&'static str; N]) -> Result<Self, TableError> {
        let file = File::open(path).map_err(|source| TableError::Open { path: path.into(), source })?;
        let plain: Box<dyn Read> =
            if is_gzip(path) { Box::new(MultiGzDecoder::new(BufReader::new(file))) } else { Box::new(file) };
        let mut reader = csv::ReaderBuilder::new().from_reader(plain);
        let header = match reader.headers() {
            Ok(header) => header.clone(),
            Err(source) => return Err(TableError::Row { path: path.into(), line: 1, source }),
        };
        let mut found = [("", 0); N];
        for (slot, column) in found.iter_mut().zip(columns) {
            let at =
                header.iter().position(|name| name.trim() == column).ok_or_else(|| TableError::Column {
                    path: path.into(),
                    column,
                    found: header.iter().map(String::from).collect(),
                })?;
            *slot = (column, at);
        }
        Ok(Self { path: path.into(), reader, columns: found, record: csv::StringRecord::new() })
    }

    /// The next row's wanted values in the order they were asked for; `None` after the last row.
    ///
    /// # Errors
    /// When the row cannot be split or is not UTF-8.
    pub fn next_row(&mut self) -> Result<Option<[&str; N]>, TableError> {
        match self.reader.read_record(&mut self.record) {
            Ok(true) => Ok(Some(self.columns.map(|(_, at)| self.record.get(at).unwrap_or_default()))),
            Ok(false) => Ok(None),
            Err(source) => {
                let line = source.position().map_or(0, csv::Position::line);
                Err(TableError::Row { path: self.path.clone(), line, source })
            }
        }
    }

    /// An error about a value of the row last read; `column` is its position in the columns asked for.
    pub fn value_error(&self, column: usize, problem: impl Into<String>) -> TableError {
        let (name, at) = self.columns[column];
        TableError::Value {
            path: self.path.clone(),
            line: self.line(),
            column: name,
            value: self.record.get(at).unwrap_or_default().chars().take(80).collect(),
            problem: problem.into(),
        }
    }

    /// Line of the row last read.
    pub fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    /// The error of a table without rows.
    pub fn empty(&self) -> TableError {
        TableError::Empty { path: self.path.clone() }
    }
}

/// A date as `2024-05-01`.
pub fn parse_date(text: &str) -> Result<NaiveDate, String> {
    text.trim().parse().map_err(|_| "is not a date; write it as 2024-05-01".to_owned())
}

fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("gz"))
}
