//! The audit: who did what to an alert, a silence or a token, and when. Rows are only added; a trigger keeps them.
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Doing, Store, StoreError, Tx, alarms::json, alerts::State, execute, on_read};
use crate::ticket::Millis;

/// Author of what the program does by itself.
pub const PROGRAM: &str = "weisu";

/// By which way something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// A form of the page.
    Page,
    /// The JSON API.
    Api,
    /// A signed link in a message.
    Link,
    /// The command line.
    Cli,
    /// A stage of the daily chain.
    Stage,
}

impl Via {
    /// All ways.
    pub const ALL: [Self; 5] = [Self::Page, Self::Api, Self::Link, Self::Cli, Self::Stage];

    /// Stable name in tables and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Api => "api",
            Self::Link => "link",
            Self::Cli => "cli",
            Self::Stage => "stage",
        }
    }
}

/// What something was done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// An alert, by its id.
    Alert,
    /// A silence, by its id.
    Silence,
    /// A token, by its name.
    Token,
}

impl About {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Alert, Self::Silence, Self::Token];

    /// Stable name in tables and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Silence => "silence",
            Self::Token => "token",
        }
    }
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// When, ms since the epoch.
    pub at: Millis,
    /// Who: the name of a token or a receiver, or `weisu` for the program.
    pub author: String,
    /// By which way.
    pub via: Via,
    /// What it was done to.
    pub about: About,
    /// Its key.
    pub subject: String,
    /// What was done.
    pub action: String,
    /// State before, where it changed.
    pub from: Option<State>,
    /// State after, where it changed.
    pub to: Option<State>,
    /// What else was said: note, verdict, cause, until, scope, reason, severity.
    pub detail: Value,
}

impl Entry {
    /// What the program did to an alert by itself.
    pub fn of_program(alert: uuid::Uuid, action: &str, at: Millis) -> Self {
        Self {
            at,
            author: PROGRAM.to_owned(),
            via: Via::Stage,
            about: About::Alert,
            subject: alert.to_string(),
            action: action.to_owned(),
            from: None,
            to: None,
            detail: Value::Object(serde_json::Map::new()),
        }
    }
}

/// An entry as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// Its number, rising.
    pub id: i64,
    /// What was done.
    #[serde(flatten)]
    pub entry: Entry,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    at: Millis,
    author: String,
    via: String,
    about: String,
    subject: String,
    action: String,
    from_state: Option<String>,
    to_state: Option<String>,
    detail: String,
}

impl TryFrom<Row> for Record {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = |what, value: &str| StoreError::Corrupt { what, value: value.to_owned() };
        let state = |name: Option<String>| {
            name.map(|n| State::from_name(&n).ok_or_else(|| corrupt("audit state", &n))).transpose()
        };
        Ok(Self {
            id: row.id,
            entry: Entry {
                at: row.at,
                author: row.author,
                via: Via::ALL
                    .into_iter()
                    .find(|v| v.name() == row.via)
                    .ok_or_else(|| corrupt("audit.via", &row.via))?,
                about: About::ALL
                    .into_iter()
                    .find(|a| a.name() == row.about)
                    .ok_or_else(|| corrupt("audit.about", &row.about))?,
                subject: row.subject,
                action: row.action,
                from: state(row.from_state)?,
                to: state(row.to_state)?,
                detail: serde_json::from_str(&row.detail)
                    .map_err(|_| corrupt("audit.detail", &row.detail))?,
            },
        })
    }
}

const SELECT: &str =
    "SELECT id, at, author, via, about, subject, action, from_state, to_state, detail FROM audit";

impl Store {
    /// Everything that was done to one thing, oldest first.
    pub async fn audit_of(&self, about: About, subject: &str) -> Result<Vec<Record>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} WHERE about = $1 AND subject = $2 ORDER BY id"));
        let rows: Vec<Row> =
            on_read!(self, c => sqlx::query_as(sql).bind(about.name()).bind(subject).fetch_all(c))
                .doing("read the audit")?;
        rows.into_iter().map(Record::try_from).collect()
    }

    /// What was done last, newest first: entries with a number below `before`.
    pub async fn audit(&self, before: i64, limit: i64) -> Result<Vec<Record>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} WHERE id < $1 ORDER BY id DESC LIMIT $2"));
        let rows: Vec<Row> = on_read!(self, c => sqlx::query_as(sql).bind(before).bind(limit).fetch_all(c))
            .doing("read the audit")?;
        rows.into_iter().map(Record::try_from).collect()
    }
}

impl Tx {
    /// Adds what was done, in the transaction that does it.
    pub async fn audit(&mut self, entry: &Entry) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO audit (at, author, via, about, subject, action, from_state, to_state, detail) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let detail = json(&entry.detail, "audit.detail")?;
        execute!(
            self,
            "write the audit",
            SQL,
            entry.at,
            &entry.author,
            entry.via.name(),
            entry.about.name(),
            &entry.subject,
            &entry.action,
            entry.from.map(State::name),
            entry.to.map(State::name),
            &detail
        )
        .map(drop)
    }
}
