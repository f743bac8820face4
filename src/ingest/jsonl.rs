//! JSON lines: one flat object a line; the first object's keys and every mapped name are the columns.
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use serde_json::Value;

use super::{
    IngestError, Mapping,
    open::{self, Progress},
    row::{Layout, Next, Reason, Reject, Row, Rows},
};

/// Longest line in bytes.
const MAX_LINE: u64 = 1 << 20;
/// Lines looked at for the first object.
const PATIENCE: usize = 1000;

/// Reads JSON lines row by row.
pub struct Reader {
    input: BufReader<Box<dyn Read + Send>>,
    path: String,
    line: u64,
    buffer: Vec<u8>,
    header: Vec<String>,
    layout: Layout,
    /// The first object with its line, read to find the columns, and what was rejected on the way to it.
    first: Option<(u64, Value)>,
    before: VecDeque<Reject>,
}

impl Reader {
    /// Opens a file.
    pub fn open(path: &Path, mapping: &Mapping, progress: &Progress) -> Result<Self, IngestError> {
        let encoding =
            open::candidates(mapping.encoding.as_deref()).first().copied().unwrap_or(encoding_rs::UTF_8);
        let mut reader = Self {
            input: BufReader::new(open::text(path, encoding, progress)?),
            path: path.display().to_string(),
            line: 0,
            buffer: Vec::new(),
            header: Vec::new(),
            layout: Layout::default(),
            first: None,
            before: VecDeque::new(),
        };
        let first = loop {
            match reader.read()? {
                None if reader.before.is_empty() => return Err(IngestError::Empty { path: reader.path }),
                Some(Ok(object)) => break object,
                Some(Err(reason)) if reader.before.len() < PATIENCE => {
                    reader.before.push_back(Reject { line: reader.line, reason });
                }
                _ => return Err(IngestError::NotJson { path: reader.path, lines: reader.line }),
            }
        };
        // An object leaves out what is empty: every name that the mapping knows is a possible column.
        reader.header = first.as_object().map(|o| o.keys().cloned().collect()).unwrap_or_default();
        reader
            .header
            .extend(mapping.optional_names().filter(|name| first.get(name).is_none()).map(str::to_owned));
        reader.layout = Layout::new(&reader.path, &reader.header, mapping)?;
        reader.first = Some((reader.line, first));
        Ok(reader)
    }

    /// The next line as an object, its fault, or the end.
    fn read(&mut self) -> Result<Option<Result<Value, Reason>>, IngestError> {
        let io = |source| IngestError::Io { path: self.path.clone(), source };
        loop {
            self.buffer.clear();
            let read = (&mut self.input).take(MAX_LINE).read_until(b'\n', &mut self.buffer).map_err(io)?;
            if read == 0 {
                return Ok(None);
            }
            self.line += 1;
            if read as u64 == MAX_LINE && !self.buffer.ends_with(b"\n") {
                self.input.skip_until(b'\n').map_err(io)?;
                return Ok(Some(Err(Reason::TooLong)));
            }
            if self.buffer.trim_ascii().is_empty() {
                continue;
            }
            return Ok(Some(match serde_json::from_slice::<Value>(&self.buffer) {
                Ok(value) if value.is_object() => Ok(value),
                _ if std::str::from_utf8(&self.buffer).is_err() => Err(Reason::Encoding),
                _ => Err(Reason::NotJson),
            }));
        }
    }
}

impl Rows for Reader {
    fn next(&mut self, row: &mut Row) -> Result<Next, IngestError> {
        if let Some(reject) = self.before.pop_front() {
            return Ok(Next::Rejected(reject));
        }
        let (line, object) = match self.first.take() {
            Some(first) => first,
            None => match self.read()? {
                None => return Ok(Next::End),
                Some(Err(reason)) => return Ok(Next::Rejected(Reject { line: self.line, reason })),
                Some(Ok(object)) => (self.line, object),
            },
        };
        row.clear(line);
        for &column in &self.layout.columns {
            match object.get(&self.header[column]) {
                None | Some(Value::Null) => row.push(""),
                Some(Value::String(text)) => row.push(text),
                Some(other) => row.push(&other.to_string()),
            }
        }
        Ok(Next::Row)
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }
}
