//! The Grafana boards, generated from one source: one board a language, committed under `dashboards/`.
//!
//! Classic v1 JSON, because provisioning refuses the newer form and every Grafana from 10.4 on reads this one. A
//! test generates the boards again and compares, and runs every query on a real PostgreSQL. Days are local days of
//! the city without an hour; a board turns them into instants in the zone it is generated for, and shows that zone.
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

mod overview;
mod parts;

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

/// What a board is made of, in one language and zone.
#[derive(Debug)]
struct Source {
    queries: Queries,
    messages: BTreeMap<String, BTreeMap<Language, String>>,
    language: Language,
    zone: String,
}

impl Source {
    fn new(language: Language, zone: &str) -> Result<Self, BoardError> {
        Ok(Self {
            queries: toml::from_str(include_str!("queries.toml"))?,
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
        let mut sql = sql.replace("ZONE'", &format!("{}'", self.zone));
        for word in ["ALL_TOPICS", "WHOLE_CITY", "ISSUED"] {
            sql = sql.replace(word, self.say(word)?);
        }
        Ok(sql)
    }
}

/// Every file of `dashboards/grafana`, by name: boards and how to provision them.
///
/// `zone` is an IANA name; days begin in it.
///
/// # Errors
/// When the source does not fit together.
pub fn files(zone: &str) -> Result<BTreeMap<String, String>, BoardError> {
    let mut files = BTreeMap::new();
    for language in Language::ALL {
        let board = overview::board(&Source::new(language, zone)?)?;
        let text = serde_json::to_string_pretty(&board)? + "\n";
        files.insert(format!("weisu-overview.{}.json", language.tag()), text);
    }
    files
        .insert("provisioning/datasources/weisu.yaml".to_owned(), include_str!("datasource.yaml").to_owned());
    files.insert("provisioning/dashboards/weisu.yaml".to_owned(), include_str!("provider.yaml").to_owned());
    Ok(files)
}

/// The data source every panel, variable and annotation uses.
fn datasource() -> Value {
    json!({ "type": "grafana-postgresql-datasource", "uid": "${datasource}" })
}
