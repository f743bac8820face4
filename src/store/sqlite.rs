//! SQLite: how the file is opened, and its migrations.
use std::{path::Path, str::FromStr};

use sqlx::{
    ConnectOptions as _, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{Options, Pools, Store, StoreError};

/// Rows that a reader's thread may be ahead of who asked: each time it has to wait costs a change of threads.
const ROWS: usize = 2000;

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations/sqlite");

pub(super) async fn open(options: &Options) -> Result<Store, StoreError> {
    let failed = |source| {
        let at = options.url.clone();
        StoreError::Open { hint: hint(&at), at, source }
    };
    let base = SqliteConnectOptions::from_str(&options.url).map_err(failed)?;
    let at = base.get_filename().display().to_string();
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(options.wait)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(pragmas(base.clone(), options).create_if_missing(true))
        .await
        .map_err(failed)?;
    super::migrate(&MIGRATIONS, &write, &at).await?;
    let read = reader_pool(pragmas(base, options).read_only(true), options).await.map_err(failed)?;
    Ok(Store { pools: Pools::Sqlite { read, write }, at })
}

pub(super) async fn look(options: &Options) -> Result<Store, StoreError> {
    let failed = |source| {
        let at = options.url.clone();
        StoreError::Open { hint: hint(&at), at, source }
    };
    let base = SqliteConnectOptions::from_str(&options.url).map_err(failed)?;
    let at = base.get_filename().display().to_string();
    let base =
        base.disable_statement_logging().row_buffer_size(ROWS).busy_timeout(options.wait).read_only(true);
    let read = reader_pool(base, options).await.map_err(failed)?;
    Ok(Store { pools: Pools::Sqlite { write: read.clone(), read }, at })
}

fn pragmas(base: SqliteConnectOptions, options: &Options) -> SqliteConnectOptions {
    // Statements are not logged: a stage that is slow says so itself, with what it worked on.
    base.disable_statement_logging()
        .row_buffer_size(ROWS)
        .journal_mode(SqliteJournalMode::Wal)
        // A crash of the machine may lose the last commits in WAL mode with NORMAL; a deliverer that then repeats
        // a delivery keeps its id, but an acknowledged ingest must stay, hence FULL.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(options.wait)
        .pragma("cache_size", "-65536")
        .pragma("temp_store", "MEMORY")
        .pragma("mmap_size", "268435456")
}

async fn reader_pool(connect: SqliteConnectOptions, options: &Options) -> Result<SqlitePool, sqlx::Error> {
    SqlitePoolOptions::new()
        .max_connections(options.connections.max(1))
        .acquire_timeout(options.wait)
        .connect_with(connect)
        .await
}

/// The usual reasons why a file cannot be opened.
fn hint(url: &str) -> String {
    let path = url.trim_start_matches("sqlite:").trim_start_matches("//");
    let path = Path::new(path.split('?').next().unwrap_or_default());
    match path.parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(folder) if !folder.exists() => {
            format!("the folder {} does not exist: create it", folder.display())
        }
        _ => "check that folder and file can be written by this user, and that the disk has room".to_owned(),
    }
}

/// Keeps a second daemon off the file for as long as it lives; the system gives it back however a process ends.
pub(super) fn lock_daemon(at: &str) -> Result<std::fs::File, StoreError> {
    let path = std::path::PathBuf::from(format!("{at}.daemon"));
    let file = std::fs::File::create(&path);
    match file.map(|file| file.try_lock().map(|()| file)) {
        Ok(Ok(file)) => Ok(file),
        Ok(Err(_)) => Err(StoreError::Locked { path }),
        Err(error) => Err(StoreError::Open {
            at: path.display().to_string(),
            hint: "check that the folder can be written by this user".to_owned(),
            source: sqlx::Error::Io(error),
        }),
    }
}
