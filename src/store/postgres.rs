//! PostgreSQL: how it is opened, and its migrations.
use std::{str::FromStr, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use sqlx::{
    ConnectOptions as _, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{Options, Pools, Store, StoreError};

static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations/postgres");

pub(super) async fn open(options: &Options) -> Result<Store, StoreError> {
    let (connect, at) = server(options)?;
    let pool = (|| dial(connect.clone(), options))
        .retry(ExponentialBuilder::default().with_max_times(5).with_max_delay(options.wait))
        .when(is_transient)
        .notify(
            |error, after: Duration| tracing::warn!(%error, ?after, "database not reachable, trying again"),
        )
        .await
        .map_err(|source| unreachable(&at, source))?;
    super::migrate(&MIGRATIONS, &pool, &at).await?;
    Ok(Store { pools: Pools::Postgres(pool), at })
}

pub(super) async fn look(options: &Options) -> Result<Store, StoreError> {
    let (connect, at) = server(options)?;
    let pool = dial(connect, options).await.map_err(|source| unreachable(&at, source))?;
    Ok(Store { pools: Pools::Postgres(pool), at })
}

/// How to connect, and what the server is called in messages.
fn server(options: &Options) -> Result<(PgConnectOptions, String), StoreError> {
    let connect = PgConnectOptions::from_str(&options.url).map_err(|source| StoreError::Open {
        at: "(unreadable URL)".to_owned(),
        hint: "write it as postgres://user:password@host:5432/database".to_owned(),
        source,
    })?;
    let at =
        format!("{}:{}/{}", connect.get_host(), connect.get_port(), connect.get_database().unwrap_or("?"));
    Ok((connect, at))
}

fn unreachable(at: &str, source: sqlx::Error) -> StoreError {
    let hint = "check that the server is up, and user, password and database name".to_owned();
    StoreError::Open { at: at.to_owned(), hint, source }
}

async fn dial(connect: PgConnectOptions, options: &Options) -> Result<PgPool, sqlx::Error> {
    // A statement that hangs longer than this is an outage, to be reported and retried, not waited for.
    let connect = connect
        .application_name("weisu")
        .options([("statement_timeout", "600s"), ("lock_timeout", "30s")])
        .disable_statement_logging();
    PgPoolOptions::new()
        .max_connections(options.connections.max(2))
        .acquire_timeout(options.wait)
        .connect_with(connect)
        .await
}

/// Worth another try: nobody answers yet, or the server is starting up.
fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
        sqlx::Error::Database(e) => e.code().as_deref() == Some("57P03"),
        _ => false,
    }
}
