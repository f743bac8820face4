//! Reading tickets: one file a format, one mapping a source.
//!
//! A reader hands out rows of the mapped columns only, so that names, phones, identity numbers and address lines
//! end here; the [`mapper`] turns a row into a ticket draft or a counted rejection with line and reason. Memory
//! is constant: one window of the file, one batch of drafts, and the distinct topic and district paths.
use std::{collections::BTreeMap, path::Path};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rustc_hash::FxHashMap;

pub mod csv;
pub mod holidays;
pub mod ical;
pub mod jsonl;
pub mod mapper;
pub mod mapping;
pub mod open;
pub mod parquet;
pub mod presets;
pub mod regressors;
pub mod row;

pub use mapper::{Draft, Mapper};
pub use mapping::Mapping;
pub use row::{Next, Reject, Row, Rows};

/// A file that cannot be read as tickets at all.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// Cannot be opened or read on.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// Nothing in it, not even a header.
    #[error("{path} is empty: expected a header line and tickets")]
    Empty {
        /// The file.
        path: String,
    },
    /// The first record is no header.
    #[error(
        "{path}: the first line is not a header: a quote in it is not closed, or it is longer than a line may be"
    )]
    Header {
        /// The file.
        path: String,
    },
    /// No JSON object where tickets should be.
    #[error("{path}: no JSON object in its first {lines} lines: expected one object a line")]
    NotJson {
        /// The file.
        path: String,
        /// Lines looked at.
        lines: u64,
    },
    /// A mapped column is not there.
    #[error(
        "{path}: no column {wanted:?} for {key}; the file has: {has}. Mend source.mapping.{key} or choose another preset"
    )]
    NoColumn {
        /// The file.
        path: String,
        /// Key of the mapping.
        key: &'static str,
        /// Names looked for.
        wanted: Vec<String>,
        /// Columns of the file, personal ones left out.
        has: String,
    },
    /// The header is not in the configured encoding.
    #[error("{path}: the header is not {encoding}; set source.mapping.encoding, such as \"gb18030\"")]
    Encoding {
        /// The file.
        path: String,
        /// The encoding tried.
        encoding: String,
    },
    /// Not a readable Parquet or zip container.
    #[error("{path} cannot be read as {kind}: {why}")]
    Container {
        /// The file.
        path: String,
        /// `Parquet` or `zip`.
        kind: &'static str,
        /// The library's words.
        why: String,
    },
}

/// Distinct paths in order of appearance.
#[derive(Debug, Default)]
pub struct Paths {
    index: FxHashMap<Box<str>, u32>,
    /// The paths by local index.
    pub list: Vec<Vec<String>>,
}

impl Paths {
    fn local(&mut self, key: &str, path: impl FnOnce() -> Vec<String>) -> u32 {
        if let Some(i) = self.index.get(key) {
            return *i;
        }
        let path = path();
        // Two raw paths may become one after renaming; they share an index.
        let i = self.list.iter().position(|known| *known == path).unwrap_or_else(|| {
            self.list.push(path);
            self.list.len() - 1
        }) as u32;
        self.index.insert(key.into(), i);
        i
    }
}

/// A batch of what was read.
#[derive(Debug, Default)]
pub struct Batch {
    /// Tickets, with local topic and district indices into the reader's [`Paths`].
    pub drafts: Vec<Draft>,
    /// Rows that are none.
    pub rejects: Vec<Reject>,
}

/// Tickets of one file.
pub struct Tickets {
    rows: Box<dyn Rows>,
    mapper: Mapper,
    row: Row,
    progress: open::Progress,
    /// Rows read so far, good and bad.
    pub rows_read: u64,
}

/// What all files of a source share.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Column meanings.
    pub mapping: &'a Mapping,
    /// The city's zone, in which days are cut.
    pub zone: Tz,
    /// Tickets of the future are refused.
    pub now: DateTime<Utc>,
}

/// Opens a file by its name: `.csv`, `.tsv`, `.jsonl`/`.ndjson`, `.parquet`, and `.gz`, `.zst`, `.zip` of the
/// text ones.
pub fn open(path: &Path, context: Context<'_>) -> Result<Tickets, IngestError> {
    let (stem, _) = open::strip_compression(path);
    let progress = open::Progress::default();
    let rows: Box<dyn Rows> = match stem.rsplit('.').next().map(str::to_lowercase).as_deref() {
        Some("parquet") => Box::new(parquet::Reader::open(path, context.mapping)?),
        Some("jsonl" | "ndjson" | "json") => Box::new(jsonl::Reader::open(path, context.mapping, &progress)?),
        _ => Box::new(csv::Reader::open(path, context.mapping, &progress)?),
    };
    let mapper = Mapper::new(context, rows.layout());
    Ok(Tickets { rows, mapper, row: Row::default(), progress, rows_read: 0 })
}

impl Tickets {
    /// Up to `size` drafts; `None` at the end.
    pub fn next_batch(&mut self, size: usize) -> Result<Option<Batch>, IngestError> {
        let mut batch = Batch::default();
        while batch.drafts.len() < size {
            match self.rows.next(&mut self.row)? {
                Next::End => break,
                Next::Rejected(reject) => batch.rejects.push(reject),
                Next::Row => match self.mapper.draft(&self.row) {
                    Ok(draft) => batch.drafts.push(draft),
                    Err(reason) => batch.rejects.push(Reject { line: self.row.line, reason }),
                },
            }
            self.rows_read += 1;
            if batch.rejects.len() >= size {
                break;
            }
        }
        Ok(if batch.drafts.is_empty() && batch.rejects.is_empty() { None } else { Some(batch) })
    }

    /// Distinct topic paths so far.
    pub fn topics(&self) -> &[Vec<String>] {
        &self.mapper.topics.list
    }

    /// Distinct district paths so far.
    pub fn districts(&self) -> &[Vec<String>] {
        &self.mapper.districts.list
    }

    /// Columns of the file that were never read because they are personal.
    pub fn dropped_columns(&self) -> &[String] {
        &self.rows.layout().dropped
    }

    /// Compressed bytes read and to read.
    pub fn progress(&self) -> &open::Progress {
        &self.progress
    }
}

/// Daily counts of one file in memory, without a store: (topic, district, day) -> (raw, dedup).
pub type Counts = FxHashMap<(u32, u32, i32), (u32, u32)>;

/// What a dry run says of a file.
#[derive(Debug, Default)]
pub struct Dry {
    /// Daily counts by local indices.
    pub counts: Counts,
    /// Tickets accepted.
    pub accepted: u64,
    /// Rows rejected, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
}

/// Reads a whole file into daily counts, for a dry run.
pub fn count(path: &Path, context: Context<'_>) -> Result<Dry, IngestError> {
    let mut tickets = open(path, context)?;
    let mut dry = Dry::default();
    while let Some(batch) = tickets.next_batch(4096)? {
        dry.accepted += batch.drafts.len() as u64;
        batch.rejects.iter().for_each(|r| *dry.rejected.entry(r.reason.name()).or_default() += 1);
        for draft in &batch.drafts {
            let n = dry.counts.entry((draft.topic, draft.district, draft.day.0)).or_default();
            n.0 += 1;
            n.1 += u32::from(!draft.is_repeat);
        }
    }
    Ok(dry)
}
