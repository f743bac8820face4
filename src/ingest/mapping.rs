//! Which column means what.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One column under any of several names: exports rename their headers over the years.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OneOrMany", into = "Vec<String>")]
pub struct Column(pub Vec<String>);

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a column name or a list of names -> write \"Created Date\" or [\"Created Date\", \"created_date\"]"
)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Column {
    fn from(value: OneOrMany) -> Self {
        match value {
            OneOrMany::One(name) => Self(vec![name]),
            OneOrMany::Many(names) => Self(names),
        }
    }
}

impl From<Column> for Vec<String> {
    fn from(value: Column) -> Self {
        value.0
    }
}

impl Column {
    /// Whether any name is given.
    pub fn is_given(&self) -> bool {
        !self.0.is_empty()
    }

    /// Position of the first of the names that `header` has, ignoring case and outer blanks.
    pub fn find(&self, header: &[String]) -> Option<usize> {
        let same = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
        self.0.iter().find_map(|name| header.iter().position(|h| same(h, name)))
    }
}

/// How the rows of a source are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mapping {
    /// Column with the source's own ticket id; without one the id is a hash of the mapped columns.
    pub id: Column,
    /// When it was received.
    pub received: Column,
    /// When it was closed.
    pub closed: Column,
    /// When it was last changed; a later value makes a newer version of the ticket. Without it, `closed` does.
    pub updated: Column,
    /// Whether it repeats an earlier ticket: yes/no, true/false, 1/0, 是/否.
    pub repeat: Column,
    /// Topic path, top level first.
    pub topic: Vec<Column>,
    /// District path, top level first.
    pub district: Vec<Column>,
    /// strftime formats of the times, tried in order; ISO 8601 (`2024-02-10T08:30:00`, with or without an offset) is
    /// always understood.
    pub time_format: Vec<String>,
    /// Zone of times that name none; by default the city's.
    pub zone: Option<String>,
    /// Field delimiter of CSV files; by default the one that the header uses most.
    pub delimiter: Option<char>,
    /// Encoding of text files: `utf-8` (with or without BOM) or `gb18030`.
    pub encoding: Option<String>,
    /// Old topic names and what they are called now, at any level.
    pub rename_topic: BTreeMap<String, String>,
    /// Old district names and what they are called now, at any level.
    pub rename_district: BTreeMap<String, String>,
    /// When given, tickets of other top-level districts are rejected.
    pub known_districts: Vec<String>,
}

/// Column names whose content identifies a person or a household; they are never read.
const PERSONAL: [&str; 27] = [
    "name",
    "first_name",
    "last_name",
    "full_name",
    "caller",
    "customer",
    "phone",
    "telephone",
    "mobile",
    "email",
    "id_number",
    "ssn",
    "passport",
    "address",
    "street",
    "zip",
    "zipcode",
    "postal",
    "logradouro",
    "cep",
    "姓名",
    "来电人",
    "电话",
    "手机",
    "身份证",
    "地址",
    "联系",
];

/// Columns whose whole name says that they hold an address line.
const ADDRESS_LINE: [&str; 1] = ["location"];

/// Columns that look personal by a word but are not.
const IMPERSONAL: [&str; 9] = [
    "agency name",
    "service_name",
    "street lights",
    "address type",
    "城区名称",
    "service name",
    "location type",
    "street type",
    "area name",
];

/// Whether a column is personal by its name.
pub fn is_personal(column: &str) -> bool {
    let column = column.trim().to_lowercase();
    if IMPERSONAL.contains(&column.as_str()) {
        return false;
    }
    if ADDRESS_LINE.contains(&column.as_str()) {
        return true;
    }
    let ascii_word = |word: &str| {
        column.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| part == word)
            || column.replace([' ', '-'], "_").contains(word) && word.contains('_')
    };
    PERSONAL.iter().any(|word| if word.is_ascii() { ascii_word(word) } else { column.contains(word) })
}

impl Mapping {
    /// Whether a file without the id column is still taken, with ids made from its rows: presets list the id
    /// column of every published form, and some forms have none.
    pub fn id_optional(&self) -> bool {
        self.id.0.len() > 1
    }

    /// Names of columns that a JSON object may leave out.
    pub fn optional_names(&self) -> impl Iterator<Item = &str> {
        let optional =
            [&self.closed, &self.updated, &self.repeat].into_iter().chain(&self.topic).chain(&self.district);
        optional.filter_map(|c| c.0.last()).map(String::as_str)
    }

    /// Mistakes as (key, problem, remedy).
    pub fn mistakes(&self) -> Vec<(&'static str, String, String)> {
        let mut found = Vec::new();
        let mut note = |key, problem: String, remedy: &str| found.push((key, problem, remedy.to_owned()));
        if !self.received.is_given() {
            note(
                "received",
                "no column for the time of receipt".into(),
                "name the column, such as received = \"Created Date\"",
            );
        }
        if self.topic.is_empty() {
            note(
                "topic",
                "no topic path".into(),
                "list the topic columns, top level first, such as topic = [\"Category\"]",
            );
        }
        if self.district.is_empty() {
            note(
                "district",
                "no district path".into(),
                "list the district columns, top level first, such as district = [\"Ward\"]",
            );
        }
        if let Some(zone) = self.zone.as_ref().filter(|z| z.parse::<chrono_tz::Tz>().is_err()) {
            note(
                "zone",
                format!("{zone:?} is not a time zone"),
                "write an IANA name such as \"Asia/Shanghai\"",
            );
        }
        if let Some(label) =
            self.encoding.as_ref().filter(|l| encoding_rs::Encoding::for_label(l.as_bytes()).is_none())
        {
            note("encoding", format!("{label:?} is not an encoding"), "write \"utf-8\" or \"gb18030\"");
        }
        if let Some(delimiter) =
            self.delimiter.filter(|d| !d.is_ascii() || *d == '"' || d.is_ascii_control() && *d != '\t')
        {
            note(
                "delimiter",
                format!("{delimiter:?} cannot part fields"),
                "write one ASCII character, such as \";\", or leave it out: the header tells",
            );
        }
        for format in &self.time_format {
            if chrono::format::StrftimeItems::new(format).any(|item| item == chrono::format::Item::Error) {
                note(
                    "time_format",
                    format!("{format:?} is not a time format"),
                    "use strftime letters, such as \"%Y-%m-%d %H:%M:%S\"",
                );
            }
        }
        for (key, columns) in [("topic", &self.topic), ("district", &self.district)] {
            if columns.iter().any(|column| !column.is_given()) {
                note(
                    key,
                    "a level names no column".into(),
                    "give every level of the path at least one column",
                );
            }
            if let Some(name) = columns.iter().flat_map(|c| &c.0).find(|n| is_personal(n)) {
                note(
                    key,
                    format!("{name:?} looks like personal data"),
                    "map a column that names a topic or an area, never a person or an address",
                );
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::is_personal;

    #[test]
    fn personal_columns_are_told_by_name() {
        for name in [
            "Incident Address",
            "location_street_name",
            "Phone",
            "来电人姓名",
            "联系电话",
            "Logradouro",
            "Street Name",
            "Incident Zip",
            "location",
            "location_zipcode",
            "full_address",
        ] {
            assert!(is_personal(name), "{name}");
        }
        for name in [
            "Agency Name",
            "Location Type",
            "Complaint Type",
            "neighborhood",
            "一级分类",
            "受理时间",
            "Tema",
            "Status",
        ] {
            assert!(!is_personal(name), "{name}");
        }
    }
}
