//! 派单目录: a CSV table that says which receiver gets what, read with every mistake at once.
//!
//! Columns, in English or Chinese: district, topic, lane, severity_at_least, receiver, copy_to, escalate_to and
//! ack_minutes; the first row names them, an empty cell means any. Of the rows that fit an alert the one with the most
//! filled cells decides. Two rows that fill as many and may both fit are a tie, which nobody but the office can resolve:
//! it is reported with both lines, unless a third row fills everything that the two fill.
use std::{collections::BTreeSet, path::Path};

use super::{Problem, Problems};
use crate::store::{alarms::Severity, alerts::Lane};

mod read;

use read::{Mistake, rows, text};

/// Mistakes reported of one table; a table with more has one cause.
const MOST: usize = 50;

/// A row of the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Its line in the file.
    pub line: u64,
    /// A name on the alert's district path; `None` = any.
    pub district: Option<String>,
    /// A name on the alert's topic path; `None` = any.
    pub topic: Option<String>,
    /// The lane; `None` = any.
    pub lane: Option<Lane>,
    /// Least severity; `None` = any.
    pub at_least: Option<Severity>,
    /// Who gets it.
    pub receiver: String,
    /// Who gets it too.
    pub copy_to: Vec<String>,
    /// Who is told when nobody has acknowledged in time.
    pub escalate_to: Option<String>,
    /// Minutes to acknowledge.
    pub ack_minutes: Option<u32>,
}

impl Row {
    /// How many conditions it has.
    pub fn filled(&self) -> usize {
        usize::from(self.district.is_some())
            + usize::from(self.topic.is_some())
            + usize::from(self.lane.is_some())
            + usize::from(self.at_least.is_some())
    }

    /// Everybody it names.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        let first = std::iter::once(self.receiver.as_str());
        first.chain(self.copy_to.iter().map(String::as_str)).chain(self.escalate_to.as_deref())
    }

    /// Whether one alert may fit both, as far as the two rows alone tell.
    fn meets(&self, other: &Self) -> bool {
        fn agree<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
            a.is_none() || b.is_none() || a == b
        }
        agree(self.district.as_ref(), other.district.as_ref())
            && agree(self.topic.as_ref(), other.topic.as_ref())
            && agree(self.lane.as_ref(), other.lane.as_ref())
    }

    /// Whether nothing but the order in the file would decide between the two.
    fn ties(&self, other: &Self) -> bool {
        // Of two levels the higher is the closer fit.
        let both_levels = self.at_least.is_some() && other.at_least.is_some();
        self.filled() == other.filled()
            && self.meets(other)
            && !(both_levels && self.at_least != other.at_least && self.same_cells(other))
    }

    fn same_cells(&self, other: &Self) -> bool {
        (&self.district, &self.topic, self.lane) == (&other.district, &other.topic, other.lane)
    }

    /// Whether this row decides wherever both of the others fit.
    fn settles(&self, one: &Self, two: &Self) -> bool {
        let covers = |cell: Option<&String>, a: Option<&String>, b: Option<&String>| {
            cell.is_none() || cell == a || cell == b
        };
        self.filled() > one.filled()
            && covers(self.district.as_ref(), one.district.as_ref(), two.district.as_ref())
            && covers(self.topic.as_ref(), one.topic.as_ref(), two.topic.as_ref())
            && (self.lane.is_none() || self.lane == one.lane || self.lane == two.lane)
            && self.at_least.is_none_or(|least| Some(least) <= one.at_least.max(two.at_least))
    }
}

/// The table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Name of its file, without folders.
    pub file: String,
    /// Its rows.
    pub rows: Vec<Row>,
}

impl Table {
    /// Reads a table; `receivers` are the names it may use. Every mistake names its line.
    pub fn read(path: &Path, receivers: &[&str]) -> Result<Self, Problems> {
        let wrong = |found: Vec<Mistake>| {
            let problem = |(line, problem, remedy): Mistake| Problem {
                line: usize::try_from(line).ok().filter(|line| *line > 0),
                ..Problem::at("", problem, remedy)
            };
            Problems { path: path.to_owned(), found: found.into_iter().map(problem).collect() }
        };
        let one = |problem: String, remedy: &str| wrong(vec![(0, problem, remedy.to_owned())]);
        let bytes = std::fs::read(path).map_err(|error| {
            one(format!("cannot be read: {error}"), "create the table, or take publish.routing out")
        })?;
        let text = text(&bytes)
            .ok_or_else(|| one("neither UTF-8 nor GB18030".to_owned(), "save the table as \"CSV UTF-8\""))?;
        let mut found = Vec::new();
        let rows = rows(&text, receivers, &mut found);
        ties(&rows, &mut found);
        if found.is_empty() {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Ok(Self { file, rows });
        }
        found.sort_by_key(|(line, ..)| *line);
        let more = found.len().saturating_sub(MOST);
        found.truncate(MOST);
        if more > 0 {
            found.push((0, format!("{more} more mistakes"), "mend these first".to_owned()));
        }
        Err(wrong(found))
    }

    /// Whether the table says what a receiver gets.
    pub fn names(&self, receiver: &str) -> bool {
        self.rows.iter().any(|row| row.named().any(|name| name == receiver))
    }
}

fn ties(rows: &[Row], found: &mut Vec<Mistake>) {
    let mut told = BTreeSet::new();
    for (i, one) in rows.iter().enumerate() {
        for two in &rows[i + 1..] {
            if told.len() > MOST || !one.ties(two) || rows.iter().any(|row| row.settles(one, two)) {
                continue;
            }
            told.insert((one.line, two.line));
            found.push((
                two.line,
                format!("fits as closely as line {}, so nothing decides between the two", one.line),
                "merge the two, or add a row that fills what both fill".to_owned(),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Table, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("routing.csv");
        std::fs::write(&path, text).unwrap();
        Table::read(&path, &["east", "heat", "boss"]).map_err(|problems| {
            let line = |p: &Problem| p.line.map_or_else(String::new, |line| format!(":{line}"));
            problems.found.iter().map(|p| format!("{}: {}", line(p), p.problem)).collect()
        })
    }

    const GOOD: &str = "区域,主题,类型,最低级别,接收,抄送,升级,签收时限\n\
                        东城区,,,,east,,,\n东城区,供热,,橙,heat,east、boss,boss,60\n,,风险,,boss,,,\n东城区,,风险,,east,,,\n";

    #[test]
    fn a_table_is_read_in_both_languages_and_encodings() {
        let utf8 = read(GOOD.as_bytes()).unwrap();
        assert_eq!(utf8.rows.len(), 4);
        let row = &utf8.rows[1];
        assert_eq!((row.line, row.filled(), row.at_least), (3, 3, Some(Severity::High)));
        assert_eq!((row.copy_to.len(), row.ack_minutes), (2, Some(60)));
        assert_eq!(read(format!("\u{feff}{GOOD}").as_bytes()).unwrap(), utf8);
        assert_eq!(read(&encoding_rs::GB18030.encode(GOOD).0).unwrap(), utf8);
        let english = "District,topic,lane,severity_at_least,receiver\n东城区,,risk,high,east\n";
        assert_eq!(read(english.as_bytes()).unwrap().rows[0].lane, Some(Lane::Risk));
        assert!(utf8.names("boss") && !utf8.names("nobody"));
    }

    #[test]
    fn every_mistake_has_its_line() {
        let text = "district,topic,lane,severity_at_least,receiver,copy_to,escalate_to,ack_minutes\n\
                    a,,hot,,east,,,\n\nb,,,terrible,nobody,,,\nc,,,,,,,\nd,,,,east,,boss,soon\ne,,,,east,,boss,\nf,,,,east,x,,,,\n";
        let found = read(text.as_bytes()).unwrap_err();
        let begins: Vec<String> = found.iter().map(|p| p.chars().take(14).collect()).collect();
        assert_eq!(
            begins,
            [
                ":2: \"hot\" is n",
                ":4: \"terrible\"",
                ":4: no [[receiv",
                ":5: no receiver",
                ":6: \"soon\" are ",
                ":7: escalate_to",
                ":8: 10 cells, t",
                ":8: no [[receiv"
            ]
            .map(|b| b.chars().take(14).collect::<String>()),
            "{found:#?}"
        );
        let found = read("district,colour\n".as_bytes()).unwrap_err();
        assert!(found[0].contains("\"colour\"") && found[1].contains("receiver"), "{found:?}");
        assert!(read(b"").unwrap_err()[0].contains("empty"));
    }

    #[test]
    fn ties_name_both_lines_unless_a_closer_row_settles_them() {
        let header = "district,topic,lane,severity_at_least,receiver\n";
        let tie = |rows: &str| read(format!("{header}{rows}").as_bytes()).map(|t| t.rows.len());
        for (rows, lines) in [
            ("a,,,,east\na,,,,heat\n", (3, 2)),
            ("a,,,,east\n,x,,,heat\n", (3, 2)),
            ("b,,,,east\na,,,high,east\na,x,,,heat\n", (4, 3)),
        ] {
            let found = tie(rows).unwrap_err();
            assert_eq!(found.len(), 1, "{found:?}");
            let (own, other) = (format!(":{}: ", lines.0), format!("line {},", lines.1));
            assert!(found[0].starts_with(&own) && found[0].contains(&other), "{found:?}");
        }
        for fine in [
            "a,,,,east\nb,,,,heat\n",
            "a,,,,east\n,x,,,heat\na,x,,,east\n",
            "a,,,high,east\na,,,critical,heat\n",
            ",,,,east\na,,,,heat\n",
        ] {
            assert!(tie(fine).is_ok(), "{fine}: {:?}", tie(fine));
        }
    }
}
