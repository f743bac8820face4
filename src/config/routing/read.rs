//! The routing table's cells: encodings, column names in two languages, and what each cell may hold.
use super::Row;
use crate::store::{alarms::Severity, alerts::Lane};

/// UTF-8 with or without its mark, or else GB18030, in which office programs write Chinese.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.to_owned()),
        Err(_) => encoding_rs::GB18030
            .decode_without_bom_handling_and_without_replacement(bytes)
            .map(std::borrow::Cow::into_owned),
    }
}

/// Line, problem, remedy.
pub(super) type Mistake = (u64, String, String);

const COLUMNS: [(&str, &[&str]); 8] = [
    ("district", &["区域", "区县", "属地", "街道"]),
    ("topic", &["主题", "类别", "诉求类别", "事项"]),
    ("lane", &["类型", "分类"]),
    ("severity_at_least", &["最低级别", "级别"]),
    ("receiver", &["接收", "接收方", "承办单位"]),
    ("copy_to", &["抄送"]),
    ("escalate_to", &["升级", "升级至", "督办"]),
    ("ack_minutes", &["签收时限", "签收分钟"]),
];

/// The rows of a table; what is wrong goes into `found`.
pub(super) fn rows(text: &str, receivers: &[&str], found: &mut Vec<Mistake>) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut lines = Lines { text: text.as_bytes(), at: 0, line: 1 };
    let mut records = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, |position| lines.of(position));
                records.push((line, record));
            }
            Err(error) => {
                let line = error.position().map_or(0, |position| lines.of(position));
                found.push((line, error.to_string(), "mend this line".to_owned()));
            }
        }
    }
    let mut records = records.into_iter();
    let Some((_, header)) = records.next() else {
        found.push((1, "the table is empty".to_owned(), wanted()));
        return Vec::new();
    };
    let Some(columns) = columns(&header, found) else { return Vec::new() };
    let cells = Cells { columns: &columns, receivers };
    records
        .filter(|(_, record)| record.iter().any(|cell| !cell.is_empty()))
        .filter_map(|(line, record)| cells.row(line, &record, header.len(), found))
        .collect()
}

/// Lines of records; the reader's own are those of the empty lines before.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn of(&mut self, position: &csv::Position) -> u64 {
        let mut begin = usize::try_from(position.byte()).unwrap_or(usize::MAX);
        while matches!(self.text.get(begin), Some(b'\n' | b'\r')) {
            begin += 1;
        }
        let passed = self.text.get(self.at..begin).unwrap_or_default();
        self.line += passed.iter().filter(|b| **b == b'\n').count() as u64;
        self.at = begin.max(self.at);
        self.line
    }
}

fn wanted() -> String {
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    format!(
        "name the columns in the first row: {} (or 区域,主题,类型,最低级别,接收,抄送,升级,签收时限)",
        names.join(",")
    )
}

/// Which column holds what; `None` where nothing can be read without it.
fn columns(header: &csv::StringRecord, found: &mut Vec<Mistake>) -> Option<[Option<usize>; 8]> {
    let mut columns = [None; 8];
    for (i, name) in header.iter().enumerate() {
        let known = COLUMNS
            .iter()
            .position(|(english, chinese)| name.eq_ignore_ascii_case(english) || chinese.contains(&name));
        match known {
            Some(column) if columns[column].is_some() => {
                found.push((1, format!("{name:?} comes twice"), "keep one of the columns".to_owned()));
            }
            Some(column) => columns[column] = Some(i),
            None => found.push((1, format!("{name:?} is no column of the table"), wanted())),
        }
    }
    if columns[4].is_none() {
        found.push((1, "there is no column receiver (接收)".to_owned(), wanted()));
        return None;
    }
    Some(columns)
}

struct Cells<'a> {
    columns: &'a [Option<usize>; 8],
    receivers: &'a [&'a str],
}

impl Cells<'_> {
    fn row(
        &self,
        line: u64,
        record: &csv::StringRecord,
        width: usize,
        found: &mut Vec<Mistake>,
    ) -> Option<Row> {
        let before = found.len();
        if record.len() > width {
            let problem = format!("{} cells, the first row has {width}", record.len());
            found.push((line, problem, "put texts with a comma into double quotes".to_owned()));
        }
        let cell = |column: usize| {
            let text = self.columns[column].and_then(|i| record.get(i)).unwrap_or_default();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let mut wrong = |problem: String, remedy: &str| found.push((line, problem, remedy.to_owned()));
        let row = Row {
            line,
            district: cell(0),
            topic: cell(1),
            lane: cell(2).and_then(|text| {
                let read = lane(&text);
                if read.is_none() {
                    wrong(
                        format!("{text:?} is no lane"),
                        "write common, seasonal or risk (共性, 季节, 风险)",
                    );
                }
                read
            }),
            at_least: cell(3).and_then(|text| {
                let read = severity(&text);
                if read.is_none() {
                    wrong(
                        format!("{text:?} is no severity"),
                        "write critical, high, medium or low (红, 橙, 黄, 蓝)",
                    );
                }
                read
            }),
            receiver: cell(4).unwrap_or_default(),
            copy_to: cell(5).map(|text| names(&text)).unwrap_or_default(),
            escalate_to: cell(6),
            ack_minutes: cell(7).and_then(|text| match text.parse::<u32>() {
                Ok(minutes) if (1..=100_000).contains(&minutes) => Some(minutes),
                _ => {
                    wrong(format!("{text:?} are no minutes"), "write a whole number from 1 on");
                    None
                }
            }),
        };
        if row.receiver.is_empty() {
            wrong("no receiver".to_owned(), "name one; an alert that nobody is to get needs no row");
        }
        if row.escalate_to.is_some() && cell(7).is_none() {
            wrong("escalate_to without ack_minutes".to_owned(), "say after how many minutes");
        }
        for name in row.named().filter(|name| !name.is_empty() && !self.receivers.contains(name)) {
            let known = self.receivers.join(", ");
            wrong(
                format!("no [[receiver]] has the name {name:?}"),
                &format!("add it, or name one of: {known}"),
            );
        }
        (found.len() == before).then_some(row)
    }
}

fn names(text: &str) -> Vec<String> {
    text.split([';', '；', '、']).map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned).collect()
}

fn lane(text: &str) -> Option<Lane> {
    let chinese = |lane| match lane {
        Lane::Common => "共性",
        Lane::Seasonal => "季节",
        Lane::Risk => "风险",
    };
    Lane::ALL.into_iter().find(|lane| lane.name().eq_ignore_ascii_case(text) || chinese(*lane) == text)
}

fn severity(text: &str) -> Option<Severity> {
    let chinese = |severity| match severity {
        Severity::Low => "蓝",
        Severity::Medium => "黄",
        Severity::High => "橙",
        Severity::Critical => "红",
    };
    let text = text.trim_end_matches('色');
    Severity::ALL.into_iter().find(|s| s.name().eq_ignore_ascii_case(text) || chinese(*s) == text)
}
