//! The Grafana boards, generated from one source and committed under `dashboards/`: each of five boards in each
//! language, once for PostgreSQL and once for the daemon's own query API.
//!
//! Classic v1 JSON, because provisioning refuses the newer form and every Grafana from 10.4 on reads this one. A
//! test generates the boards again and compares, and runs every query on a real PostgreSQL and on a running daemon.
//! Days are local days of the city without an hour; a board turns them into instants in the zone it is generated for,
//! and shows that zone. Panels, places and settings are the same with both data sources, because a query names its
//! columns or series alike; only columns of tables that a vector cannot hold are left out.
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::store::alarms::{Kind, Severity};

mod accuracy;
mod calendar;
mod frame;
mod hotspots;
mod operations;
mod overview;
mod parts;
mod targets;

/// Languages a board is generated in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// 中文
    Zh,
    /// English
    En,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Zh, Self::En];

    /// In file names and uids.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }
}

/// Where a board asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Flavour {
    /// The views in PostgreSQL.
    Sql,
    /// The daemon's query API.
    Prom,
}

impl Flavour {
    const ALL: [Self; 2] = [Self::Sql, Self::Prom];

    /// In file names and uids.
    fn suffix(self) -> &'static str {
        match self {
            Self::Sql => "",
            Self::Prom => "-prom",
        }
    }

    /// Grafana's name of the data source.
    fn datasource(self) -> &'static str {
        match self {
            Self::Sql => "grafana-postgresql-datasource",
            Self::Prom => "prometheus",
        }
    }

    /// The tag that links the boards of a set.
    fn tag(self) -> &'static str {
        match self {
            Self::Sql => "weisu",
            Self::Prom => "weisu-prom",
        }
    }
}

/// A message catalogue or a query that cannot be read, which a test keeps from shipping.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// A source file is not valid.
    #[error("the source of the boards cannot be read")]
    Source(#[from] toml::de::Error),
    /// A name that the source does not have.
    #[error("the boards name {0:?}, which their source does not have")]
    Missing(String),
    /// The board cannot be written as text.
    #[error("the board cannot be written")]
    Write(#[from] serde_json::Error),
}

#[derive(Debug, Deserialize)]
struct Queries {
    variable: BTreeMap<String, String>,
    annotation: BTreeMap<String, String>,
    panel: BTreeMap<String, String>,
}

/// A name with its query.
type Named = (String, String);

/// A table from vectors: labels become columns, and so does the value of each query, under its name.
#[derive(Debug, Deserialize)]
struct Vectors {
    labels: Vec<String>,
    values: Vec<Named>,
}

/// An annotation from a vector.
#[derive(Debug, Deserialize)]
struct Marks {
    expr: String,
    title: String,
    tags: String,
}

#[derive(Debug, Deserialize)]
struct Exprs {
    variable: BTreeMap<String, String>,
    annotation: BTreeMap<String, Marks>,
    series: BTreeMap<String, Vec<Named>>,
    table: BTreeMap<String, Vectors>,
}

/// What a board is made of, in one language and zone, for one data source.
#[derive(Debug)]
struct Source {
    queries: Queries,
    exprs: Exprs,
    flavour: Flavour,
    messages: BTreeMap<String, BTreeMap<Language, String>>,
    language: Language,
    zone: String,
}

impl Source {
    fn new(flavour: Flavour, language: Language, zone: &str) -> Result<Self, BoardError> {
        Ok(Self {
            queries: toml::from_str(include_str!("queries.toml"))?,
            exprs: toml::from_str(include_str!("exprs.toml"))?,
            flavour,
            messages: toml::from_str(include_str!("messages.toml"))?,
            language,
            zone: zone.to_owned(),
        })
    }

    /// A message.
    fn say(&self, key: &str) -> Result<&str, BoardError> {
        let found = self.messages.get(key).and_then(|m| m.get(&self.language));
        found.map(String::as_str).ok_or_else(|| BoardError::Missing(key.to_owned()))
    }

    fn sql(&self, group: &BTreeMap<String, String>, key: &str) -> Result<String, BoardError> {
        let sql = group.get(key).ok_or_else(|| BoardError::Missing(key.to_owned()))?;
        let mut sql = sql
            .replace("ZONE'", &format!("{}'", self.zone))
            .replace("KIND_COLUMNS", &counted("kind", &Kind::ALL.map(Kind::name)))
            .replace("SEVERITY_COLUMNS", &counted("severity", &Severity::ALL.map(Severity::name)));
        for word in ["ALL_TOPICS", "WHOLE_CITY", "ISSUED"] {
            sql = sql.replace(word, self.say(word)?);
        }
        Ok(sql)
    }

    /// The data source every panel, variable and annotation uses.
    fn datasource(&self) -> Value {
        json!({ "type": self.flavour.datasource(), "uid": "${datasource}" })
    }
}

/// A column with the number of rows for each value of a column.
fn counted(column: &str, values: &[&str]) -> String {
    let one = |value: &&str| format!("COUNT(*) FILTER (WHERE {column} = '{value}') AS {value}");
    values.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Every file of `dashboards/grafana`, by name: boards and how to provision them.
///
/// `zone` is an IANA name; days begin in it.
///
/// # Errors
/// When the source does not fit together.
pub fn files(zone: &str) -> Result<BTreeMap<String, String>, BoardError> {
    let mut files = BTreeMap::new();
    for (flavour, language) in
        Flavour::ALL.into_iter().flat_map(|flavour| Language::ALL.map(|language| (flavour, language)))
    {
        let source = Source::new(flavour, language, zone)?;
        for (name, board) in [
            ("overview", overview::board(&source)?),
            ("calendar", calendar::board(&source)?),
            ("hotspots", hotspots::board(&source)?),
            ("accuracy", accuracy::board(&source)?),
            ("operations", operations::board(&source)?),
        ] {
            let text = serde_json::to_string_pretty(&board)? + "\n";
            files.insert(format!("weisu-{name}{}.{}.json", flavour.suffix(), language.tag()), text);
        }
    }
    for (name, text) in [
        ("reader.sql", include_str!("reader.sql")),
        ("provisioning/datasources/weisu.yaml", include_str!("datasource.yaml")),
        ("provisioning/datasources/weisu-prom.yaml", include_str!("datasource-prom.yaml")),
        ("provisioning/dashboards/weisu.yaml", include_str!("provider.yaml")),
    ] {
        files.insert(name.to_owned(), text.to_owned());
    }
    Ok(files)
}
