//! CSV, the way exports really are.
//!
//! Fields are parsed by `csv-core`; this file only decides where to begin again after a broken row. A record
//! that spans lines is taken only when its quotes are paired and its fields are as many as the header's;
//! otherwise the first line alone is rejected and parsing begins again on the next one, so that an unclosed
//! quote costs one row and not the rest of the file, and memory stays within [`MAX_RECORD`].
use std::{io::Read, path::Path};

use csv_core::ReadRecordResult;

use super::{
    IngestError, Mapping,
    open::{self, Progress},
    row::{Layout, Next, Reason, Reject, Row, Rows},
};

/// Longest record in bytes.
pub const MAX_RECORD: usize = 1 << 20;
const WINDOW: usize = 1 << 18;

/// Reads a CSV file row by row.
pub struct Reader {
    input: Box<dyn Read + Send>,
    path: String,
    parser: csv_core::Reader,
    delimiter: u8,
    /// Bytes read and not yet parsed are `window[at..filled]`.
    window: Vec<u8>,
    at: usize,
    filled: usize,
    ended: bool,
    /// Line of `window[at]`, from 1.
    line: u64,
    fields: Vec<u8>,
    ends: Vec<usize>,
    width: usize,
    layout: Layout,
}

/// What the parser made of the window.
enum Parsed {
    /// `ends[..n]` are the fields of a record of this many bytes.
    Record {
        bytes: usize,
        fields: usize,
    },
    /// The record is longer than may be, or breaks off.
    Broken,
    End,
}

impl Reader {
    /// Opens a file, finding its encoding and delimiter from the header.
    pub fn open(path: &Path, mapping: &Mapping, progress: &Progress) -> Result<Self, IngestError> {
        let mut complaint: Option<IngestError> = None;
        for encoding in open::candidates(mapping.encoding.as_deref()) {
            let mut reader = Self::over(open::text(path, encoding, progress)?, path.display().to_string());
            match reader.read_header(mapping) {
                Ok(()) => return Ok(reader),
                Err(error @ (IngestError::Empty { .. } | IngestError::Io { .. })) => return Err(error),
                // The later encodings are guesses, so the first complaint is kept; but one that names the columns of
                // the file helps more than one that cannot read them.
                Err(error) => {
                    let names = matches!(error, IngestError::NoColumn { .. })
                        && !error.to_string().contains('\u{FFFD}');
                    if complaint.is_none() || names && matches!(complaint, Some(IngestError::Encoding { .. }))
                    {
                        complaint = Some(error);
                    }
                }
            }
        }
        Err(complaint.unwrap_or(IngestError::Empty { path: path.display().to_string() }))
    }

    fn over(input: Box<dyn Read + Send>, path: String) -> Self {
        Self {
            input,
            path,
            parser: csv_core::Reader::new(),
            delimiter: b',',
            window: vec![0; WINDOW],
            at: 0,
            filled: 0,
            ended: false,
            line: 1,
            fields: vec![0; 1 << 12],
            ends: vec![0; 1 << 8],
            width: 0,
            layout: Layout::default(),
        }
    }

    fn read_header(&mut self, mapping: &Mapping) -> Result<(), IngestError> {
        let Some(first) = self.first_line()? else {
            return Err(IngestError::Empty { path: self.path.clone() });
        };
        self.delimiter =
            mapping.delimiter.and_then(|c| u8::try_from(c).ok()).unwrap_or_else(|| likely_delimiter(first));
        self.parser = csv_core::ReaderBuilder::new().delimiter(self.delimiter).build();
        let Parsed::Record { bytes, fields } = self.parse()? else {
            return Err(IngestError::Header { path: self.path.clone() });
        };
        if !well_quoted(&self.window[self.at..self.at + bytes], self.delimiter) {
            return Err(IngestError::Header { path: self.path.clone() });
        }
        let header: Vec<String> = (0..fields)
            .map(|i| std::str::from_utf8(self.raw(i)).map(|name| name.trim().to_owned()))
            .collect::<Result<_, _>>()
            .map_err(|_| IngestError::Encoding {
                path: self.path.clone(),
                encoding: mapping.encoding.clone().unwrap_or_else(|| "UTF-8".to_owned()),
            })?;
        self.width = header.len();
        self.layout = Layout::new(&self.path, &header, mapping)?;
        self.advance(bytes);
        Ok(())
    }

    /// The first line that is not blank, whole, at the front of the window.
    fn first_line(&mut self) -> Result<Option<&[u8]>, IngestError> {
        self.skip_blank()?;
        while memchr::memchr(b'\n', &self.window[self.at..self.filled]).is_none()
            && !self.ended
            && self.filled - self.at <= MAX_RECORD
        {
            self.fill()?;
        }
        let line = self.window[self.at..self.filled].split(|b| *b == b'\n').next();
        Ok(line.filter(|line| !line.trim_ascii().is_empty()))
    }

    /// Passes over blank lines, and over the `\n` of a `\r\n`: the parser ends a record at the `\r`.
    fn skip_blank(&mut self) -> Result<(), IngestError> {
        loop {
            while self.at == self.filled && !self.ended {
                self.fill()?;
            }
            let rest = &self.window[self.at..self.filled];
            match rest.iter().take_while(|b| **b == b'\n' || **b == b'\r').count() {
                0 => return Ok(()),
                blank => self.advance(blank),
            }
        }
    }

    fn raw(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.fields[start..self.ends[i]]
    }

    /// Parses the record that begins at `at`, reading on as needed; moves nothing.
    fn parse(&mut self) -> Result<Parsed, IngestError> {
        // To the parser an empty input is the end of the file, so it only ever sees one when it is.
        if self.at == self.filled {
            self.fill()?;
        }
        self.parser.reset();
        let (mut input, mut output, mut ended) = (0, 0, 0);
        loop {
            let (result, read, wrote, closed) = self.parser.read_record(
                &self.window[self.at + input..self.filled],
                &mut self.fields[output..],
                &mut self.ends[ended..],
            );
            (input, output, ended) = (input + read, output + wrote, ended + closed);
            match result {
                ReadRecordResult::Record => return Ok(Parsed::Record { bytes: input, fields: ended }),
                ReadRecordResult::End => return Ok(Parsed::End),
                ReadRecordResult::OutputFull => self.fields.resize(self.fields.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::InputEmpty if input > MAX_RECORD => return Ok(Parsed::Broken),
                // An empty input tells the parser that the file has ended.
                ReadRecordResult::InputEmpty => {
                    self.fill()?;
                }
            }
        }
    }

    /// Reads on behind the window; makes room in front first.
    fn fill(&mut self) -> Result<(), IngestError> {
        if self.at > 0 {
            self.window.copy_within(self.at..self.filled, 0);
            self.filled -= self.at;
            self.at = 0;
        }
        if self.filled == self.window.len() {
            self.window.resize(self.window.len() * 2, 0);
        }
        while !self.ended {
            match self.input.read(&mut self.window[self.filled..]) {
                Ok(0) => self.ended = true,
                Ok(n) => {
                    self.filled += n;
                    break;
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => return Err(IngestError::Io { path: self.path.clone(), source }),
            }
        }
        Ok(())
    }

    /// Moves past `bytes`, counting lines.
    fn advance(&mut self, bytes: usize) {
        self.line += memchr::memchr_iter(b'\n', &self.window[self.at..self.at + bytes]).count() as u64;
        self.at += bytes;
    }

    /// Moves to the next physical line, however far it is.
    fn skip_line(&mut self) -> Result<(), IngestError> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.window[self.at..self.filled]) {
                self.advance(end + 1);
                return Ok(());
            }
            self.at = self.filled;
            if self.ended {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Whether the record at `at` is whole: either on one line with as many fields as the header, or on several
    /// with its quotes paired.
    fn fault(&self, bytes: usize, fields: usize) -> Option<Reason> {
        let record = &self.window[self.at..self.at + bytes];
        let body = record.strip_suffix(b"\n").unwrap_or(record);
        let body = body.strip_suffix(b"\r").unwrap_or(body);
        let one_line = memchr::memchr(b'\n', body).is_none();
        // Stray quotes do no harm within one line that is known to have ended.
        if fields == self.width && one_line && body.len() < record.len() {
            return None;
        }
        match (fields == self.width, one_line, well_quoted(record, self.delimiter)) {
            (true, _, true) => None,
            (_, _, false) | (false, false, _) => Some(Reason::UnclosedQuote),
            (false, true, true) => Some(Reason::FieldCount),
        }
    }
}

impl Rows for Reader {
    fn next(&mut self, row: &mut Row) -> Result<Next, IngestError> {
        self.skip_blank()?;
        let line = self.line;
        match self.parse()? {
            Parsed::End => Ok(Next::End),
            Parsed::Broken => {
                let first = &self.window[self.at..self.filled];
                let reason = if memchr::memchr(b'\n', first).is_some() {
                    Reason::UnclosedQuote
                } else {
                    Reason::TooLong
                };
                self.skip_line()?;
                Ok(Next::Rejected(Reject { line, reason }))
            }
            Parsed::Record { bytes, fields } => {
                if let Some(reason) = self.fault(bytes, fields) {
                    self.skip_line()?;
                    return Ok(Next::Rejected(Reject { line, reason }));
                }
                row.clear(line);
                let mut sound = true;
                for &column in &self.layout.columns {
                    match std::str::from_utf8(self.raw(column)) {
                        Ok(field) if !field.contains('\u{FFFD}') => row.push(field),
                        _ => sound = false,
                    }
                }
                self.advance(bytes);
                Ok(if sound { Next::Row } else { Next::Rejected(Reject { line, reason: Reason::Encoding }) })
            }
        }
    }

    fn layout(&self) -> &Layout {
        &self.layout
    }
}

/// Whether every quote that opens a field is closed at that field's end. Quotes inside an unquoted field are text.
fn well_quoted(record: &[u8], delimiter: u8) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_none_or(|b| [delimiter, b'\r', b'\n'].contains(b));
    let (mut inside, mut i) = (false, 0);
    while i < record.len() {
        if record[i] == b'"' {
            match record.get(i + 1) {
                Some(b'"') if inside => i += 1,
                next if inside && !is_edge(next) => return false,
                _ if inside => inside = false,
                _ => inside = is_edge(i.checked_sub(1).and_then(|before| record.get(before))),
            }
        }
        i += 1;
    }
    !inside
}

/// The delimiter that the header uses most.
fn likely_delimiter(header: &[u8]) -> u8 {
    let count = |d: u8| memchr::memchr_iter(d, header).count();
    [b',', b';', b'\t', b'|'].into_iter().rev().max_by_key(|d| count(*d)).unwrap_or(b',')
}
