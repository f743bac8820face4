//! Silences: what nobody is to be told of until a time, by the alert itself, its topic, its district or its kind.
use serde::Serialize;
use uuid::Uuid;

use super::{
    Doing, Store, StoreError, Tx,
    alarms::{Kind, json},
    alerts::AlertBody,
    execute, on_read, on_tx,
};
use crate::ticket::Millis;

/// What a silence covers; every part that is said must fit, at least one is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Scope {
    /// Alerts of this fingerprint: the same trouble, also when it comes back.
    pub fingerprint: Option<String>,
    /// Alerts of this topic or below it, names from the top down; empty = any.
    pub topic: Vec<String>,
    /// Alerts of this district or below it, names from the top down; empty = any.
    pub district: Vec<String>,
    /// Alerts of this kind.
    pub kind: Option<Kind>,
}

impl Scope {
    /// Whether it says anything at all: a silence of everything is not to be had.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it covers an alert.
    pub fn covers(&self, fingerprint: &str, body: &AlertBody) -> bool {
        self.fingerprint.as_deref().is_none_or(|own| own == fingerprint)
            && body.topic.starts_with(&self.topic)
            && body.district.starts_with(&self.district)
            && self.kind.is_none_or(|kind| kind == body.kind)
    }
}

/// A silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Silence {
    /// Its key.
    pub id: Uuid,
    /// What it covers.
    pub scope: Scope,
    /// Until when, ms since the epoch.
    pub until: Millis,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub author: String,
    /// When, ms since the epoch.
    pub created: Millis,
    /// Taken back then.
    pub lifted: Option<Millis>,
}

impl Silence {
    /// Whether it holds at an instant.
    pub fn holds(&self, now: Millis) -> bool {
        self.lifted.is_none() && now < self.until
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    fingerprint: Option<String>,
    topic: String,
    district: String,
    kind: Option<String>,
    until: Millis,
    reason: String,
    author: String,
    created: Millis,
    lifted: Option<Millis>,
}

impl TryFrom<Row> for Silence {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = |what, value: &str| StoreError::Corrupt { what, value: value.to_owned() };
        let path =
            |text: &str, what| serde_json::from_str::<Vec<String>>(text).map_err(|_| corrupt(what, text));
        let kind = row.kind.map(|k| Kind::from_name(&k).ok_or_else(|| corrupt("silences.kind", &k)));
        Ok(Self {
            id: Uuid::parse_str(&row.id).map_err(|_| corrupt("silences.id", &row.id))?,
            scope: Scope {
                fingerprint: row.fingerprint,
                topic: path(&row.topic, "silences.topic")?,
                district: path(&row.district, "silences.district")?,
                kind: kind.transpose()?,
            },
            until: row.until,
            reason: row.reason,
            author: row.author,
            created: row.created,
            lifted: row.lifted,
        })
    }
}

const SELECT: &str =
    "SELECT id, fingerprint, topic, district, kind, until, reason, author, created, lifted FROM silences";
const HOLDING: &str = "lifted IS NULL AND until > $1 ORDER BY until, created, id";

impl Store {
    /// Silences that hold at an instant, the one that ends first comes first.
    pub async fn silences(&self, now: Millis) -> Result<Vec<Silence>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} WHERE {HOLDING}"));
        let rows: Vec<Row> =
            on_read!(self, c => sqlx::query_as(sql).bind(now).fetch_all(c)).doing("read silences")?;
        rows.into_iter().map(Silence::try_from).collect()
    }

    /// One silence.
    pub async fn silence(&self, id: Uuid) -> Result<Option<Silence>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} WHERE id = $1"));
        let row: Option<Row> =
            on_read!(self, c => sqlx::query_as(sql).bind(id.to_string()).fetch_optional(c))
                .doing("read silences")?;
        row.map(Silence::try_from).transpose()
    }
}

impl Tx {
    /// Adds a silence.
    pub async fn put_silence(&mut self, silence: &Silence) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO silences (id, fingerprint, topic, district, kind, until, reason, author, created) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING";
        let scope = &silence.scope;
        let (topic, district) =
            (json(&scope.topic, "silences.topic")?, json(&scope.district, "silences.district")?);
        execute!(
            self,
            "write a silence",
            SQL,
            silence.id.to_string(),
            scope.fingerprint.as_deref(),
            &topic,
            &district,
            scope.kind.map(Kind::name),
            silence.until,
            &silence.reason,
            &silence.author,
            silence.created
        )
        .map(drop)
    }

    /// Silences that hold at an instant, as this transaction has left them.
    pub async fn silences(&mut self, now: Millis) -> Result<Vec<Silence>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} WHERE {HOLDING}"));
        let rows: Vec<Row> =
            on_tx!(self, c => sqlx::query_as(sql).bind(now).fetch_all(c)).doing("read silences")?;
        rows.into_iter().map(Silence::try_from).collect()
    }

    /// Takes a silence back; `false` if it was over or taken back already.
    pub async fn lift_silence(&mut self, id: Uuid, now: Millis) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE silences SET lifted = $2 WHERE id = $1 AND lifted IS NULL AND until > $2";
        Ok(execute!(self, "lift a silence", SQL, id.to_string(), now)? == 1)
    }

    /// Marks the silences whose time has come as over; returns how many.
    pub async fn lapse_silences(&mut self, now: Millis) -> Result<u64, StoreError> {
        const SQL: &str = "UPDATE silences SET lifted = until WHERE lifted IS NULL AND until <= $1";
        execute!(self, "end silences", SQL, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{publish::lifecycle::tests::body, store::alarms::Severity};

    #[test]
    fn every_part_that_is_said_must_fit() {
        let spike = body(Kind::Spike, Severity::High);
        let path = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let any = Scope::default();
        for (scope, covers) in [
            (Scope { fingerprint: Some("f".into()), ..any.clone() }, true),
            (Scope { fingerprint: Some("g".into()), ..any.clone() }, false),
            (Scope { topic: path(&["供暖"]), ..any.clone() }, true),
            (
                Scope {
                    topic: path(&["供暖", "室温不达标"]), district: path(&["朝阳区"]), ..any.clone()
                },
                true,
            ),
            (Scope { topic: path(&["供暖"]), district: path(&["海淀区"]), ..any.clone() }, false),
            (Scope { topic: path(&["室温不达标"]), ..any.clone() }, false),
            (Scope { kind: Some(Kind::Spike), ..any.clone() }, true),
            (Scope { kind: Some(Kind::Drop), ..any.clone() }, false),
        ] {
            assert_eq!(scope.covers("f", &spike), covers, "{scope:?}");
            assert!(!scope.is_empty());
        }
        assert!(any.is_empty());
    }
}
