//! Reader of panel files: columns `unique_id,ds,y`, CSV, also gzipped.
//!
//! Rows may come in any order and other columns are ignored. An absent row or an empty `y` is a missing period, not
//! a zero: only the source knows which it was. Everything else that is not a count on a date is an error that
//! names the line, because a scorer that silently judges half of a file is worse than one that stops.
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use chrono::{Datelike, Days, Months, NaiveDate};
use flate2::read::MultiGzDecoder;
use ndarray::Array2;
use rustc_hash::FxHashMap;

/// Longest panel, in days: a typing error in a year must not claim the memory of millennia.
const LONGEST_DAYS: i64 = 150 * 366;

/// Distance between the periods of a panel, each named by its first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A day.
    Day,
    /// Seven days, from any weekday.
    Week,
    /// A calendar month.
    Month,
    /// Three calendar months.
    Quarter,
}

impl Step {
    /// Periods in a year, or days in a week.
    pub fn season(self) -> usize {
        match self {
            Self::Day => 7,
            Self::Week => 52,
            Self::Month => 12,
            Self::Quarter => 4,
        }
    }

    /// The date `n` periods after `start`.
    pub fn after(self, start: NaiveDate, n: usize) -> NaiveDate {
        match self {
            Self::Day => start + Days::new(n as u64),
            Self::Week => start + Days::new(7 * n as u64),
            Self::Month => start + Months::new(n as u32),
            Self::Quarter => start + Months::new(3 * n as u32),
        }
    }

    /// Whole periods from `start` to `date`; `None` where it is not a whole number of them.
    fn between(self, start: NaiveDate, date: NaiveDate) -> Option<usize> {
        let days = (date - start).num_days();
        let months =
            i64::from(date.year() - start.year()) * 12 + i64::from(date.month0()) - i64::from(start.month0());
        let (n, length) = match self {
            Self::Day => (days, 1),
            Self::Week => (days, 7),
            Self::Month | Self::Quarter if date.day() != start.day() => return None,
            Self::Month => (months, 1),
            Self::Quarter => (months, 3),
        };
        (n % length == 0).then_some((n / length) as usize)
    }

    /// The longest step that all of `dates` lie on: months and quarters begin on a month's first day.
    fn of(dates: &(impl Iterator<Item = NaiveDate> + Clone)) -> Self {
        let Some(start) = dates.clone().min() else { return Self::Day };
        if dates.clone().all(|date| date == start) {
            return Self::Day;
        }
        let on = |step: Self| dates.clone().all(|date| step.between(start, date).is_some());
        match () {
            () if start.day() == 1 && on(Self::Quarter) => Self::Quarter,
            () if start.day() == 1 && on(Self::Month) => Self::Month,
            () if on(Self::Week) => Self::Week,
            () => Self::Day,
        }
    }
}

/// Series of one file on a common time axis.
#[derive(Debug, Clone, PartialEq)]
pub struct PanelFile {
    /// Series names, in order of first appearance.
    pub ids: Vec<String>,
    /// Date of column 0.
    pub start: NaiveDate,
    /// Distance between columns.
    pub step: Step,
    /// Counts, shape (series, periods); NaN where the file has no count.
    pub counts: Array2<f32>,
}

impl PanelFile {
    /// Date of column `t`.
    pub fn date(&self, t: usize) -> NaiveDate {
        self.step.after(self.start, t)
    }

    /// Number of columns.
    pub fn periods(&self) -> usize {
        self.counts.ncols()
    }
}

/// Why a panel file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PanelError {
    /// The file cannot be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be read as CSV in UTF-8.
    #[error("cannot read {} as CSV in UTF-8", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why, with the line.
        source: csv::Error,
    },
    /// A column is absent.
    #[error("{} has no column {column:?}; columns unique_id,ds,y are needed", path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// The absent column.
        column: &'static str,
    },
    /// A field does not hold what it should.
    #[error("{} line {line}: {problem}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong, with the text found.
        problem: String,
    },
    /// The file has a header at most.
    #[error("{} holds no rows", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The dates are too far apart.
    #[error("{} spans {from} to {to}, more than 150 years: check its dates", path.display())]
    Span {
        /// The file.
        path: PathBuf,
        /// First date.
        from: NaiveDate,
        /// Last date.
        to: NaiveDate,
    },
}

/// One row as read.
struct Row {
    series: usize,
    date: NaiveDate,
    count: f32,
    line: u64,
}

/// Reads `path` as a panel with `step` between periods; without one the longest step is taken that all dates lie on.
pub fn read(path: &Path, step: Option<Step>) -> Result<PanelFile, PanelError> {
    let file = File::open(path).map_err(|source| PanelError::Open { path: path.to_owned(), source })?;
    let gzipped = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    let bytes: Box<dyn Read> =
        if gzipped { Box::new(MultiGzDecoder::new(BufReader::new(file))) } else { Box::new(file) };
    let (ids, rows) = read_rows(path, bytes)?;
    let step = step.unwrap_or_else(|| Step::of(&rows.iter().map(|row| row.date)));
    lay_out(path, ids, &rows, step)
}

fn read_rows(path: &Path, bytes: Box<dyn Read>) -> Result<(Vec<String>, Vec<Row>), PanelError> {
    let unreadable = |source| PanelError::Read { path: path.to_owned(), source };
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 16).from_reader(bytes);
    let header = reader.headers().map_err(unreadable)?.clone();
    let position = |column: &'static str| {
        let found = header.iter().position(|name| name.trim() == column);
        found.ok_or_else(|| PanelError::Column { path: path.to_owned(), column })
    };
    let (id_at, date_at, count_at) = (position("unique_id")?, position("ds")?, position("y")?);
    let mut ids = Vec::new();
    let mut index: FxHashMap<String, usize> = FxHashMap::default();
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(unreadable)? {
        let line = record.position().map_or(0, csv::Position::line);
        let field = |at: usize| record.get(at).unwrap_or_default();
        let wrong = |problem| PanelError::Field { path: path.to_owned(), line, problem };
        let id = field(id_at);
        let series = *index.get(id).unwrap_or(&ids.len());
        if series == ids.len() {
            ids.push(id.to_owned());
            index.insert(id.to_owned(), series);
        }
        let date = parse_date(field(date_at)).map_err(wrong)?;
        let count = parse_count(field(count_at)).map_err(wrong)?;
        rows.push(Row { series, date, count, line });
    }
    Ok((ids, rows))
}

fn parse_date(text: &str) -> Result<NaiveDate, String> {
    text.trim().parse().map_err(|_| format!("ds {text:?} is not a date like 2024-02-29"))
}

fn parse_count(text: &str) -> Result<f32, String> {
    match text.trim() {
        "" => Ok(f32::NAN),
        number => match number.parse::<f32>() {
            Ok(count) if count.is_finite() && count >= 0.0 => Ok(count),
            _ => Err(format!("y {text:?} is not a count")),
        },
    }
}

fn lay_out(path: &Path, ids: Vec<String>, rows: &[Row], step: Step) -> Result<PanelFile, PanelError> {
    let dates = || rows.iter().map(|row| row.date);
    let (Some(start), Some(end)) = (dates().min(), dates().max()) else {
        return Err(PanelError::Empty { path: path.to_owned() });
    };
    let days = (end - start).num_days();
    if days > LONGEST_DAYS {
        return Err(PanelError::Span { path: path.to_owned(), from: start, to: end });
    }
    let off = |row: &Row| PanelError::Field {
        path: path.to_owned(),
        line: row.line,
        problem: format!("ds {} is not whole weeks after {start}; are these daily counts?", row.date),
    };
    let at = |row: &Row| step.between(start, row.date).ok_or_else(|| off(row));
    let last = rows.iter().map(at).try_fold(0, |last, at| at.map(|at| at.max(last)))?;
    let mut counts = Array2::from_elem((ids.len(), last + 1), f32::NAN);
    let mut seen = Array2::from_elem((ids.len(), last + 1), false);
    for row in rows {
        let wrong = |problem| PanelError::Field { path: path.to_owned(), line: row.line, problem };
        let cell = (row.series, at(row)?);
        if std::mem::replace(&mut seen[cell], true) {
            return Err(wrong(format!("a second count of {:?} on {}", ids[row.series], row.date)));
        }
        counts[cell] = row.count;
    }
    Ok(PanelFile { ids, start, step, counts })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn write(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (dir, path)
    }

    fn error(text: &str, step: Step) -> String {
        let (_dir, path) = write("p.csv", text.as_bytes());
        format!("{:#}", anyhow::Error::from(read(&path, Some(step)).unwrap_err()))
    }

    #[test]
    fn rows_in_any_order_with_gaps() {
        let text = "\u{feff}ds,unique_id,extra,y\n2024-01-03,b,x,2\n2024-01-01,a,x,1\n2024-01-03,a,x,\n2024-01-02,b,x,0\n";
        let (_dir, path) = write("p.csv", text.as_bytes());
        let panel = read(&path, Some(Step::Day)).unwrap();
        assert_eq!(panel.ids, ["b", "a"]);
        assert_eq!((panel.start, panel.periods()), ("2024-01-01".parse().unwrap(), 3));
        let missing: Vec<bool> = panel.counts.iter().map(|y| y.is_nan()).collect();
        assert_eq!(missing, [true, false, false, false, true, true]);
        assert_eq!((panel.counts[(0, 2)], panel.counts[(1, 0)]), (2.0, 1.0));
    }

    #[test]
    fn gzipped_weeks() {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b"unique_id,ds,y\na,2024-01-01,1\na,2024-01-15,3\n").unwrap();
        let (_dir, path) = write("p.csv.gz", &gz.finish().unwrap());
        let panel = read(&path, Some(Step::Week)).unwrap();
        assert_eq!((panel.periods(), panel.date(2)), (3, "2024-01-15".parse().unwrap()));
    }

    #[test]
    fn the_step_is_the_longest_that_all_dates_lie_on() {
        for (dates, step) in [
            (&["2024-01-01", "2024-01-02"][..], Step::Day),
            (&["2024-01-03", "2024-01-17", "2024-01-24"], Step::Week),
            (&["2024-01-01", "2024-02-01", "2024-04-01"], Step::Month),
            (&["2024-04-01", "2024-01-01", "2025-01-01"], Step::Quarter),
            (&["2024-01-01"], Step::Day),
            (&["2024-01-31", "2024-02-29"], Step::Day),
        ] {
            let dates = dates.iter().map(|date| date.parse().unwrap());
            assert_eq!(Step::of(&dates), step, "{:?}", dates.collect::<Vec<NaiveDate>>());
        }
    }

    #[test]
    fn months_are_laid_out_by_the_calendar() {
        let text = "unique_id,ds,y\na,2024-01-01,1\na,2024-02-01,2.5\na,2024-05-01,3\n";
        let (_dir, path) = write("p.csv", text.as_bytes());
        let panel = read(&path, None).unwrap();
        assert_eq!((panel.step, panel.periods()), (Step::Month, 5));
        assert_eq!((panel.date(4), panel.counts[(0, 1)]), ("2024-05-01".parse().unwrap(), 2.5));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, step, words) in [
            ("", Step::Day, "unique_id"),
            ("unique_id,ds,y\n", Step::Day, "no rows"),
            ("unique_id,ds\na,2024-01-01\n", Step::Day, "no column \"y\""),
            ("unique_id,ds,y\na,01/02/2024,1\n", Step::Day, "line 2: ds \"01/02/2024\""),
            ("unique_id,ds,y\na,2024-01-01,-1\n", Step::Day, "line 2: y \"-1\""),
            ("unique_id,ds,y\na,2024-01-01,1\na,2024-01-01,1\n", Step::Day, "line 3: a second count"),
            ("unique_id,ds,y\na,2024-01-01,1\na,2024-01-02,1\n", Step::Week, "daily counts"),
            ("unique_id,ds,y\na,0024-01-01,1\na,2024-01-02,1\n", Step::Day, "150 years"),
            ("unique_id,ds,y\na,2024-01-01\n", Step::Day, "as CSV"),
        ] {
            let message = error(text, step);
            assert!(message.contains(words), "{text:?} gave {message:?}");
        }
    }

    #[test]
    fn wrong_encoding_and_absent_files_are_errors() {
        let (dir, path) = write("p.csv", b"unique_id,ds,y\n\xb1\xb1,2024-01-01,1\n");
        assert!(matches!(read(&path, Some(Step::Day)), Err(PanelError::Read { .. })));
        assert!(matches!(read(&dir.path().join("none.csv"), None), Err(PanelError::Open { .. })));
    }
}
