//! Tokens: who may ask and act, by the SHA-256 of what they show.
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Doing, Store, StoreError, Tx, alarms::json, execute, on_read};
use crate::ticket::Millis;

/// What somebody may do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees everything, changes nothing.
    Viewer,
    /// Sees the alerts of some districts and says what became of them.
    Officer,
    /// Sees everything and says what became of every alert; silences topics, districts and kinds.
    Planner,
    /// The same, and sees the audit of everything.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Officer, Self::Planner, Self::Admin];

    /// Stable name in tables and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Officer => "officer",
            Self::Planner => "planner",
            Self::Admin => "admin",
        }
    }

    /// The role of a stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.name() == name)
    }
}

/// A token without the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Its name, which the audit shows.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Names of the districts it is for; empty = all.
    pub districts: Vec<String>,
    /// When it was made, ms since the epoch.
    pub created: Millis,
    /// From when on it is worth nothing.
    pub expires: Option<Millis>,
    /// When it was taken back.
    pub revoked: Option<Millis>,
}

impl Token {
    /// Whether it is worth anything at an instant.
    pub fn is_valid(&self, now: Millis) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|end| now < end)
    }
}

/// What is kept of a token: SHA-256 in hex. A token is 32 random bytes, so there is nothing to guess that a slow hash
/// would have to protect.
pub fn hash(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    role: String,
    districts: String,
    created: Millis,
    expires: Option<Millis>,
    revoked: Option<Millis>,
}

impl TryFrom<Row> for Token {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let corrupt = |what, value: &str| StoreError::Corrupt { what, value: value.to_owned() };
        Ok(Self {
            role: Role::from_name(&row.role).ok_or_else(|| corrupt("tokens.role", &row.role))?,
            districts: serde_json::from_str(&row.districts)
                .map_err(|_| corrupt("tokens.districts", &row.districts))?,
            name: row.name,
            created: row.created,
            expires: row.expires,
            revoked: row.revoked,
        })
    }
}

const SELECT: &str = "SELECT name, role, districts, created, expires, revoked FROM tokens";

impl Store {
    /// Every token, by name; revoked ones too.
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} ORDER BY name"));
        let rows: Vec<Row> = on_read!(self, c => sqlx::query_as(sql).fetch_all(c)).doing("read tokens")?;
        rows.into_iter().map(Token::try_from).collect()
    }

    /// The token that hashes to `hash`, valid or not.
    pub async fn token_by_hash(&self, hash: &str) -> Result<Option<Token>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} WHERE hash = $1"));
        let row: Option<Row> =
            on_read!(self, c => sqlx::query_as(sql).bind(hash).fetch_optional(c)).doing("read tokens")?;
        row.map(Token::try_from).transpose()
    }

    /// The token of a name, valid or not.
    pub async fn token(&self, name: &str) -> Result<Option<Token>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SELECT} WHERE name = $1"));
        let row: Option<Row> =
            on_read!(self, c => sqlx::query_as(sql).bind(name).fetch_optional(c)).doing("read tokens")?;
        row.map(Token::try_from).transpose()
    }
}

impl Tx {
    /// Adds a token; `false` if there is one of this name, valid or not.
    pub async fn put_token(&mut self, token: &Token, hash: &str) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO tokens (name, hash, role, districts, created, expires) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING";
        let districts = json(&token.districts, "tokens.districts")?;
        let added = execute!(
            self,
            "write a token",
            SQL,
            &token.name,
            hash,
            token.role.name(),
            &districts,
            token.created,
            token.expires
        )?;
        Ok(added == 1)
    }

    /// Takes a token back; `false` if there is none of this name that was not taken back before.
    pub async fn revoke_token(&mut self, name: &str, now: Millis) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE tokens SET revoked = $2 WHERE name = $1 AND revoked IS NULL";
        Ok(execute!(self, "revoke a token", SQL, name, now)? == 1)
    }
}
