//! The one store: SQLite by default, PostgreSQL by URL. The only SQL of the program is in this folder.
//!
//! Both dialects take the same statements with `$n` placeholders, so a query is written once and run on
//! whichever is open ([`on_read!`], [`on_tx!`]); only bulk writes and the start-up differ ([`sqlite`],
//! [`postgres`]). SQLite runs in WAL mode with one writer connection and a pool of readers. A write
//! transaction takes the writer lock at its beginning, so it never fails half-way for a lock.
use std::{path::PathBuf, time::Duration};

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

pub mod alarms;
pub mod alerts;
mod arrivals;
pub mod audit;
mod backtests;
pub mod board;
pub mod calendar;
mod classes;
mod counts;
pub mod details;
pub mod export;
mod floats;
mod forecasts;
mod histories;
mod ledger;
mod life;
pub mod outbox;
mod postgres;
mod prune;
pub mod report;
pub mod restraint;
mod runs;
mod series;
pub mod silences;
mod slots;
mod sqlite;
mod taxonomy;
mod tickets;
pub mod tokens;
mod twins;
pub mod verdicts;

pub use arrivals::Arrival;
pub use backtests::{ALL_LEVELS, BacktestRow, BacktestSummary, ChosenModel};
pub use classes::ClassRow;
pub use counts::{CountCell, DayStatus, SourceDay};
pub use floats::{bytes_to_floats, floats_to_bytes};
pub use forecasts::{FitRow, ForecastRow, Grain};
pub use histories::{CellCounts, History};
pub use ledger::{Issued, LedgerRow, LedgerSum};
pub use runs::{NewRun, Run, RunStatus};
pub use series::SeriesKey;
pub use slots::Lease;
pub use taxonomy::{Tree, TreeNode};
pub use tickets::{IngestTx, Tally};
pub use twins::Twins;

/// Runs a query on the readers of whichever dialect is open.
macro_rules! on_read {
    ($store:expr, $c:ident => $query:expr) => {
        match &$store.pools {
            $crate::store::Pools::Sqlite { read: $c, .. } => $query.await,
            $crate::store::Pools::Postgres($c) => $query.await,
        }
    };
}
/// Runs a query inside a transaction of whichever dialect is open.
macro_rules! on_tx {
    ($tx:expr, $c:ident => $query:expr) => {
        match $tx {
            $crate::store::Tx::Sqlite(t) => {
                let $c = &mut **t;
                $query.await
            }
            $crate::store::Tx::Postgres(t) => {
                let $c = &mut **t;
                $query.await
            }
        }
    };
}
/// Executes a statement in a transaction; the number of rows it touched.
macro_rules! execute {
    ($tx:expr, $doing:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::store::Doing::doing(
            $crate::store::on_tx!($tx, c => async {
                sqlx::query($sql)$(.bind($bind))*.execute(c).await.map(|done| done.rows_affected())
            }),
            $doing,
        )
    };
}
pub(crate) use {execute, on_read, on_tx};

/// What went wrong in the store, in words an operator can act on.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL is neither SQLite nor PostgreSQL.
    #[error(
        "store.url {url:?} is not supported: use sqlite:///path/weisu.db or postgres://user@host/database"
    )]
    Url {
        /// The URL as configured, without credentials.
        url: String,
    },
    /// Could not be opened.
    #[error("cannot open the store {at}: {hint}")]
    Open {
        /// Path or host.
        at: String,
        /// What to do about it.
        hint: String,
        /// The driver's error.
        source: sqlx::Error,
    },
    /// The schema is newer than this program.
    #[error(
        "the store {at} was written by a newer weisu (schema {found}): install that version, or restore a backup"
    )]
    Newer {
        /// Path or host.
        at: String,
        /// Its schema version.
        found: i64,
    },
    /// A migration failed.
    #[error("cannot bring the schema of {at} up to date")]
    Migrate {
        /// Path or host.
        at: String,
        /// The driver's error.
        source: sqlx::migrate::MigrateError,
    },
    /// Another daemon holds the SQLite file.
    #[error("another weisu daemon already uses {path}: stop it first, or use PostgreSQL to run several")]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// This activation's lease was taken over: nothing was written.
    #[error("lease on {name} was lost to another instance: its transaction was rolled back")]
    Fenced {
        /// Name of the lease.
        name: String,
    },
    /// A statement failed.
    #[error("store: {doing} failed{}", hint(source))]
    Query {
        /// What was being done.
        doing: &'static str,
        /// The driver's error.
        source: sqlx::Error,
    },
    /// A stored value could not be read back.
    #[error("store: {what} holds {value:?}, which this version cannot read")]
    Corrupt {
        /// Table and column.
        what: &'static str,
        /// The value.
        value: String,
    },
}

impl StoreError {
    /// Whether the same may succeed later with nothing mended: the store is busy or cannot be reached.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Locked { .. } | Self::Open { .. } | Self::Fenced { .. } => true,
            Self::Query { source, .. } => match source {
                sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => true,
                // SQLite's busy codes; PostgreSQL's lock time-out, connection failures and shutdown.
                sqlx::Error::Database(e) => e.code().is_some_and(|code| {
                    matches!(&*code, "5" | "261" | "517" | "55P03")
                        || code.starts_with("08")
                        || code.starts_with("57P")
                }),
                _ => false,
            },
            _ => false,
        }
    }
}

/// A remedy for the errors an operator meets.
fn hint(source: &sqlx::Error) -> &'static str {
    match source {
        sqlx::Error::PoolTimedOut => {
            ": no connection became free in time; is the database up and not overloaded?"
        }
        sqlx::Error::Io(_) => ": the connection broke; is the database up?",
        sqlx::Error::Database(e) => match e.code().as_deref() {
            Some("13" | "53100") => ": the disk is full; free space and run again, nothing was lost",
            Some("8" | "25006") => ": the store is read-only; check owner and mode of file and folder",
            Some("5" | "517" | "261") => ": another process holds the write lock; it was waited for",
            Some("11" | "26") => ": the file is damaged or not a weisu store; restore a backup",
            _ => "",
        },
        _ => "",
    }
}

/// Adds what was being done to a driver error.
pub(crate) trait Doing<T> {
    fn doing(self, what: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for Result<T, sqlx::Error> {
    fn doing(self, what: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Query { doing: what, source })
    }
}

#[derive(Debug, Clone)]
enum Pools {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres(PgPool),
}

/// A write transaction; rolled back when dropped without [`Tx::commit`].
#[derive(Debug)]
pub enum Tx {
    /// SQLite, holding the writer lock.
    Sqlite(Transaction<'static, Sqlite>),
    /// PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    /// Makes everything written durable.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(t) => t.commit().await,
            Self::Postgres(t) => t.commit().await,
        }
        .doing("commit")
    }
}

/// An open store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pools: Pools,
    at: String,
}

/// How to open a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `sqlite:///path` or `postgres://…`.
    pub url: String,
    /// How long to wait for a connection or for the SQLite writer lock.
    pub wait: Duration,
    /// Readers (SQLite) or connections (PostgreSQL).
    pub connections: u32,
}

impl Store {
    /// Opens the store and brings its schema up to date.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        match options.url.split(':').next() {
            Some("sqlite") => sqlite::open(options).await,
            Some("postgres" | "postgresql") => postgres::open(options).await,
            _ => Err(StoreError::Url {
                url: options.url.split('@').next_back().unwrap_or_default().to_owned(),
            }),
        }
    }

    /// Opens a store that is there to read it, without creating it or changing its schema; fails at once where it
    /// cannot be reached.
    pub async fn look(options: &Options) -> Result<Self, StoreError> {
        match options.url.split(':').next() {
            Some("sqlite") => sqlite::look(options).await,
            _ => postgres::look(options).await,
        }
    }

    /// `sqlite` or `postgres`.
    pub fn dialect(&self) -> &'static str {
        match self.pools {
            Pools::Sqlite { .. } => "sqlite",
            Pools::Postgres(_) => "postgres",
        }
    }

    /// Path or host of the store, without credentials.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// Begins a write transaction; on SQLite this waits for the one writer.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        match &self.pools {
            Pools::Sqlite { write, .. } => write.begin_with("BEGIN IMMEDIATE").await.map(Tx::Sqlite),
            Pools::Postgres(pool) => pool.begin().await.map(Tx::Postgres),
        }
        .doing("begin")
    }

    /// Answers whether the store can be read now, for `/readyz`.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let _: (i32,) = on_read!(self, c => sqlx::query_as("SELECT 1").fetch_one(c)).doing("ping")?;
        Ok(())
    }

    /// Makes this process the only daemon on a SQLite file; `None` on PostgreSQL, where several may run.
    pub fn lock_daemon(&self) -> Result<Option<std::fs::File>, StoreError> {
        match self.pools {
            Pools::Sqlite { .. } => sqlite::lock_daemon(&self.at).map(Some),
            Pools::Postgres(_) => Ok(None),
        }
    }

    /// Closes every connection, so that SQLite folds its WAL back into the file.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

/// Applies the migrations that are missing; refuses a schema that is ahead of this program.
async fn migrate<'a, A>(migrations: &sqlx::migrate::Migrator, pool: A, at: &str) -> Result<(), StoreError>
where
    A: sqlx::Acquire<'a>,
    <A::Connection as std::ops::Deref>::Target: sqlx::migrate::Migrate,
{
    migrations.run(pool).await.map_err(|source| match source {
        sqlx::migrate::MigrateError::VersionMissing(found) => StoreError::Newer { at: at.to_owned(), found },
        source => StoreError::Migrate { at: at.to_owned(), source },
    })
}
