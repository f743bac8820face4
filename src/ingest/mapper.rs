//! From a row of text fields to a ticket draft.
use chrono::{
    DateTime, LocalResult, NaiveDateTime, NaiveTime, TimeZone,
    format::{Item, Parsed, StrftimeItems, parse},
};
use chrono_tz::Tz;
use sha2::{Digest, Sha256};

use super::{
    Context, Paths,
    row::{Layout, Reason, Row},
};
use crate::ticket::{Day, Millis};

/// Stands for a level that a ticket leaves empty.
pub const UNSPECIFIED: &str = "(none)";
/// 1990-01-01: no hotline export is older.
const EARLIEST: Millis = 631_152_000_000;
/// Clocks of sources may run ahead a little.
const AHEAD: Millis = 3_600_000;

/// A ticket whose topic and district are indices into the reader's paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The source's own id.
    pub id: Box<str>,
    /// Later versions replace earlier ones: last change, else closing, else receipt.
    pub version: Millis,
    /// When received.
    pub received: Millis,
    /// Local day received.
    pub day: Day,
    /// Index into the reader's topic paths.
    pub topic: u32,
    /// Index into the reader's district paths.
    pub district: u32,
    /// When closed.
    pub closed: Option<Millis>,
    /// A repeat of a matter already reported.
    pub is_repeat: bool,
}

/// Turns rows of one file into drafts.
#[derive(Debug)]
pub struct Mapper {
    layout: Layout,
    times: Times,
    latest: Millis,
    known_districts: Vec<String>,
    rename_topic: std::collections::BTreeMap<String, String>,
    rename_district: std::collections::BTreeMap<String, String>,
    pub(super) topics: Paths,
    pub(super) districts: Paths,
    key: String,
}

impl Mapper {
    /// A mapper for rows of `layout`.
    pub fn new(context: Context<'_>, layout: &Layout) -> Self {
        let mapping = context.mapping;
        let zone = mapping.zone.as_ref().and_then(|z| z.parse().ok()).unwrap_or(context.zone);
        Self {
            layout: layout.clone(),
            times: Times::new(&mapping.time_format, zone, context.zone),
            latest: context.now.timestamp_millis() + AHEAD,
            known_districts: mapping.known_districts.clone(),
            rename_topic: mapping.rename_topic.clone(),
            rename_district: mapping.rename_district.clone(),
            topics: Paths::default(),
            districts: Paths::default(),
            key: String::new(),
        }
    }

    /// The draft of a row, or why there is none.
    pub fn draft(&mut self, row: &Row) -> Result<Draft, Reason> {
        let received = row.field(self.layout.received);
        if received.is_empty() {
            return Err(Reason::NoTime);
        }
        let (received, day) = self.times.read(received).ok_or(Reason::BadTime)?;
        if received > self.latest {
            return Err(Reason::Future);
        }
        if received < EARLIEST {
            return Err(Reason::LongAgo);
        }
        let mut time_of = |field: Option<usize>| {
            field
                .map(|i| row.field(i))
                .filter(|t| !t.is_empty())
                .and_then(|t| self.times.read(t))
                .map(|(ms, _)| ms)
        };
        // Closed before received is a fault of the source; the ticket is good, its closing time is not.
        let closed = time_of(self.layout.closed).filter(|closed| *closed >= received);
        let updated = time_of(self.layout.updated);
        let id = match self.layout.id.map(|i| row.field(i)) {
            Some("") => return Err(Reason::NoId),
            Some(id) => id.into(),
            None => hash_of(row.text()).into(),
        };
        if self.layout.topic.iter().all(|i| row.field(*i).is_empty()) {
            return Err(Reason::NoTopic);
        }
        if !self.known_districts.is_empty() {
            let top = self.layout.district.first().map_or("", |i| row.field(*i));
            let top = self.rename_district.get(top).map_or(top, String::as_str);
            if !self.known_districts.iter().any(|known| known == top) {
                return Err(Reason::UnknownDistrict);
            }
        }
        Ok(Draft {
            id,
            version: updated.or(closed).unwrap_or(received),
            received,
            day,
            topic: local(&mut self.topics, &mut self.key, row, &self.layout.topic, &self.rename_topic),
            district: local(
                &mut self.districts,
                &mut self.key,
                row,
                &self.layout.district,
                &self.rename_district,
            ),
            closed,
            is_repeat: self.layout.repeat.is_some_and(|i| is_yes(row.field(i))),
        })
    }
}

/// Index of the path in these fields.
fn local(
    paths: &mut Paths,
    key: &mut String,
    row: &Row,
    fields: &[usize],
    rename: &std::collections::BTreeMap<String, String>,
) -> u32 {
    key.clear();
    for &i in fields {
        key.push_str(row.field(i));
        key.push('\u{1f}');
    }
    paths.local(key, || {
        let name = |i: &usize| match row.field(*i) {
            "" => UNSPECIFIED.to_owned(),
            name => rename.get(name).cloned().unwrap_or_else(|| name.to_owned()),
        };
        fields.iter().map(name).collect()
    })
}

fn is_yes(text: &str) -> bool {
    ["true", "yes", "y", "t", "1", "是", "重复"].iter().any(|yes| text.eq_ignore_ascii_case(yes))
}

/// An id for sources that publish none: the same row has the same id in every file.
fn hash_of(text: &str) -> String {
    Sha256::digest(text).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

/// Reads times in the formats of a source.
#[derive(Debug)]
struct Times {
    formats: Vec<Vec<Item<'static>>>,
    /// The format that fitted last is tried first.
    last: usize,
    zone: Tz,
    city: Tz,
}

impl Times {
    fn new(formats: &[String], zone: Tz, city: Tz) -> Self {
        let formats = if formats.is_empty() {
            vec!["%Y-%m-%d %H:%M:%S".to_owned(), "%Y-%m-%dT%H:%M:%S%.f".to_owned(), "%Y-%m-%d".to_owned()]
        } else {
            formats.to_vec()
        };
        let formats = formats.iter().filter_map(|f| StrftimeItems::new(f).parse_to_owned().ok()).collect();
        Self { formats, last: 0, zone, city }
    }

    /// The instant, and the city's local day of it.
    fn read(&mut self, text: &str) -> Option<(Millis, Day)> {
        let count = self.formats.len();
        for i in (0..count).map(|i| (self.last + i) % count) {
            let mut parsed = Parsed::new();
            if parse(&mut parsed, text, self.formats[i].iter()).is_ok() {
                self.last = i;
                return self.resolve(&parsed);
            }
        }
        if let Ok(aware) = DateTime::parse_from_rfc3339(text) {
            return Some((aware.timestamp_millis(), aware.with_timezone(&self.city).date_naive().into()));
        }
        // How a Parquet timestamp without a zone reads as text.
        self.local(text.parse().ok()?)
    }

    fn resolve(&self, parsed: &Parsed) -> Option<(Millis, Day)> {
        if let Ok(aware) = parsed.to_datetime() {
            return Some((aware.timestamp_millis(), aware.with_timezone(&self.city).date_naive().into()));
        }
        let date = parsed.to_naive_date().ok()?;
        self.local(NaiveDateTime::new(date, parsed.to_naive_time().unwrap_or(NaiveTime::MIN)))
    }

    /// A wall-clock time of the source.
    fn local(&self, local: NaiveDateTime) -> Option<(Millis, Day)> {
        let instant = instant(local, self.zone);
        let day = if self.zone == self.city {
            local.date()
        } else {
            self.city.timestamp_millis_opt(instant).single()?.date_naive()
        };
        Some((instant, day.into()))
    }
}

/// The instant of a wall-clock time. Inside a repeated hour the first passage is meant; inside a skipped hour
/// the clock that wrote it had not been put forward yet.
fn instant(local: NaiveDateTime, zone: Tz) -> Millis {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(t) | LocalResult::Ambiguous(t, _) => t.timestamp_millis(),
        LocalResult::None => {
            let before = local - chrono::Duration::hours(3);
            match zone.from_local_datetime(&before).earliest() {
                Some(t) => (t + chrono::Duration::hours(3)).timestamp_millis(),
                None => local.and_utc().timestamp_millis(),
            }
        }
    }
}
