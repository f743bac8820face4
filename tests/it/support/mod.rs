//! Stores to test on: a SQLite file, and a database of its own on the cluster that `WEISU_TEST_POSTGRES` names.
use std::{
    path::{Path, PathBuf},
    str::FromStr,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use sqlx::{Connection, Executor, PgConnection, SqliteConnection, postgres::PgConnectOptions};
use weisu::store::{Options, Store, StoreError};

pub mod browser;
pub mod city;
pub mod command;
pub mod installation;
pub mod mail;
pub mod office;
pub mod proxy;
pub mod server;

/// The variable with the URL of a PostgreSQL cluster in which databases may be created; `tests/run` sets it.
pub const POSTGRES: &str = "WEISU_TEST_POSTGRES";

/// The folder of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// An empty place for a store, gone when the test ends.
#[derive(Debug, Clone)]
pub struct Database {
    /// What a configuration would say in `store.url`.
    pub url: String,
    /// A folder for the test's files.
    pub folder: PathBuf,
}

impl Database {
    /// A SQLite file in a folder.
    pub fn sqlite(folder: &tempfile::TempDir) -> Self {
        let url = format!("sqlite://{}", folder.path().join("weisu.db").display());
        Self { url, folder: folder.path().to_owned() }
    }

    /// How the test's stores are opened.
    pub fn options(&self) -> Options {
        Options { url: self.url.clone(), wait: Duration::from_secs(10), connections: 4 }
    }

    /// Opens the store, bringing it up to date.
    pub async fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.options()).await
    }

    /// Runs a statement behind the store's back.
    pub async fn execute(&self, sql: impl Into<String>) {
        let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.into()));
        if self.url.starts_with("sqlite") {
            let mut c = SqliteConnection::connect(&self.url).await.unwrap();
            sql.execute(&mut c).await.unwrap();
            c.close().await.unwrap();
        } else {
            let mut c = PgConnection::connect(&self.url).await.unwrap();
            sql.execute(&mut c).await.unwrap();
            c.close().await.unwrap();
        }
    }
}

/// Runs the same test on an open store of each dialect.
pub async fn for_each_store<F, Fut>(test: F)
where
    F: Fn(Store) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    for_each_database(move |database| {
        let test = test.clone();
        async move {
            let store = database.open().await.unwrap();
            test(store.clone()).await;
            store.close().await;
        }
    })
    .await;
}

/// Runs the same test on an empty place of each dialect; says so when PostgreSQL is skipped.
pub async fn for_each_database<F, Fut>(test: F)
where
    F: Fn(Database) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let folder = tempfile::tempdir().unwrap();
    test(Database::sqlite(&folder)).await;

    let Ok(cluster) = std::env::var(POSTGRES) else {
        println!("skipped on PostgreSQL: {POSTGRES} is not set; tests/run starts a cluster and sets it");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let name = create_database(&cluster).await;
    let url = with_database(&cluster, &name);
    // A task of its own, so that the database is dropped after a failure too.
    let ended = tokio::spawn(test(Database { url, folder: folder.path().to_owned() })).await;
    admin(&cluster, format!("DROP DATABASE {name} WITH (FORCE)")).await;
    if let Err(error) = ended {
        std::panic::resume_unwind(error.into_panic());
    }
}

async fn create_database(cluster: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("weisu_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    admin(cluster, format!("CREATE DATABASE {name}")).await;
    name
}

async fn admin(cluster: &str, sql: String) {
    let mut c = PgConnection::connect_with(&PgConnectOptions::from_str(cluster).unwrap()).await.unwrap();
    c.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    c.close().await.unwrap();
}

/// The cluster's URL with another database.
fn with_database(cluster: &str, name: &str) -> String {
    let (server, _) = cluster.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}
