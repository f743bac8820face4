//! Rows of mapped columns, and why a row is none.
use super::{
    IngestError, Mapping,
    mapping::{Column, is_personal},
};

/// Why a row is not a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Too few or too many fields.
    FieldCount,
    /// A quote is never closed.
    UnclosedQuote,
    /// Longer than a row may be.
    TooLong,
    /// Bytes that are not text in the file's encoding.
    Encoding,
    /// Not a JSON object.
    NotJson,
    /// No ticket id.
    NoId,
    /// No time of receipt.
    NoTime,
    /// The time of receipt cannot be read.
    BadTime,
    /// Received after now.
    Future,
    /// Received before 1990.
    LongAgo,
    /// Every topic column is empty.
    NoTopic,
    /// Not one of the known districts.
    UnknownDistrict,
}

impl Reason {
    /// Stable name in the rejects file, summaries and labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::FieldCount => "field_count",
            Self::UnclosedQuote => "unclosed_quote",
            Self::TooLong => "too_long",
            Self::Encoding => "encoding",
            Self::NotJson => "not_json",
            Self::NoId => "no_id",
            Self::NoTime => "no_time",
            Self::BadTime => "bad_time",
            Self::Future => "future",
            Self::LongAgo => "long_ago",
            Self::NoTopic => "no_topic",
            Self::UnknownDistrict => "unknown_district",
        }
    }
}

/// A row that is not a ticket. Its content is not kept: it may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reject {
    /// Line in the (decompressed) file, from 1.
    pub line: u64,
    /// Why.
    pub reason: Reason,
}

/// What came next in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A row was filled in.
    Row,
    /// A row that cannot be read.
    Rejected(Reject),
    /// The end of the file.
    End,
}

/// A source of rows.
pub trait Rows: Send {
    /// Fills in the next row.
    fn next(&mut self, row: &mut Row) -> Result<Next, IngestError>;
    /// Where each meaning is in a row.
    fn layout(&self) -> &Layout;
}

/// The mapped fields of one row, in the order of [`Layout::columns`]; reused from row to row.
#[derive(Debug, Default)]
pub struct Row {
    /// Line in the file, from 1.
    pub line: u64,
    text: String,
    ends: Vec<usize>,
}

impl Row {
    /// Empties the row for the next line.
    pub fn clear(&mut self, line: u64) {
        self.line = line;
        self.text.clear();
        self.ends.clear();
    }

    /// Appends a field.
    pub fn push(&mut self, field: &str) {
        self.text.push_str(field.trim());
        self.ends.push(self.text.len());
    }

    /// Field `i`, empty when missing.
    pub fn field(&self, i: usize) -> &str {
        let start = if i == 0 { 0 } else { self.ends.get(i - 1).copied().unwrap_or(self.text.len()) };
        let end = self.ends.get(i).copied().unwrap_or(self.text.len());
        &self.text[start..end]
    }

    /// All fields in one text, for the hash of a row without an id.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Which column of the file each field of a [`Row`] comes from, and which field has which meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// Positions in the file, in row order.
    pub columns: Vec<usize>,
    /// Field of the id.
    pub id: Option<usize>,
    /// Field of the time of receipt.
    pub received: usize,
    /// Field of the closing time.
    pub closed: Option<usize>,
    /// Field of the last change.
    pub updated: Option<usize>,
    /// Field of the repeat flag.
    pub repeat: Option<usize>,
    /// Fields of the topic path.
    pub topic: Vec<usize>,
    /// Fields of the district path.
    pub district: Vec<usize>,
    /// Personal columns of the file, never read.
    pub dropped: Vec<String>,
}

impl Layout {
    /// Lays a mapping over the header of a file.
    pub fn new(path: &str, header: &[String], mapping: &Mapping) -> Result<Self, IngestError> {
        let mut layout =
            Self { dropped: header.iter().filter(|h| is_personal(h)).cloned().collect(), ..Self::default() };
        let missing = |key, column: &Column| IngestError::NoColumn {
            path: path.to_owned(),
            key,
            wanted: column.0.clone(),
            has: shown(header),
        };
        let field = |layout: &mut Self, key, column: &Column| {
            layout.field(column, header).ok_or_else(|| missing(key, column))
        };
        layout.received = field(&mut layout, "received", &mapping.received)?;
        layout.id = layout.field(&mapping.id, header);
        layout.closed = layout.field(&mapping.closed, header);
        layout.updated = layout.field(&mapping.updated, header);
        layout.repeat = layout.field(&mapping.repeat, header);
        let fields = |layout: &mut Self, key, path: &[Column]| {
            path.iter().map(|column| field(layout, key, column)).collect::<Result<Vec<_>, _>>()
        };
        layout.topic = fields(&mut layout, "topic", &mapping.topic)?;
        layout.district = fields(&mut layout, "district", &mapping.district)?;
        if mapping.id.is_given() && layout.id.is_none() && !mapping.id_optional() {
            return Err(missing("id", &mapping.id));
        }
        Ok(layout)
    }

    /// The field of a row that a column of the file fills, if the file has it.
    fn field(&mut self, column: &Column, header: &[String]) -> Option<usize> {
        self.columns.push(column.find(header)?);
        Some(self.columns.len() - 1)
    }
}

/// The columns of a file as an error names them. A file without a header has a ticket in its place, which may be
/// personal and is not shown.
fn shown(header: &[String]) -> String {
    let is_data = |name: &String| name.chars().filter(char::is_ascii_digit).count() >= 6;
    if header.iter().any(is_data) {
        return "no header: its first line looks like a ticket".to_owned();
    }
    header.iter().filter(|h| !is_personal(h)).take(60).cloned().collect::<Vec<_>>().join(", ")
}
