//! Runs: one row for each activation of a stage, with its typed summary as JSON.
use super::{Doing, Store, StoreError, Tx, execute, on_read, on_tx};
use crate::ticket::{Day, Millis};

/// How a run ended, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// Begun; after a crash it stays so until the next start marks it failed.
    Running,
    /// Everything was committed.
    Ok,
    /// Nothing was committed; see `error`.
    Failed,
}

impl RunStatus {
    /// Stable name in tables, columns and labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ok => "ok",
            Self::Failed => "failed",
        }
    }
}

/// One activation of a stage.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow, serde::Serialize, utoipa::ToSchema)]
pub struct Run {
    /// Ascending key.
    pub id: i64,
    /// Name of the stage.
    pub stage: String,
    /// Local slot it was activated for.
    pub slot: String,
    /// `running`, `ok` or `failed`.
    pub status: String,
    /// Begin, ms since the epoch.
    pub started: Millis,
    /// End, ms since the epoch.
    pub finished: Option<Millis>,
    /// Last local day known to the run, days since 1970-01-01.
    pub origin: Option<i32>,
    /// The stage's summary, JSON.
    pub summary: String,
    /// Hash of the settings it used.
    pub config_hash: String,
    /// Why it failed.
    pub error: Option<String>,
}

/// What is known when a run begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun<'a> {
    /// Name of the stage.
    pub stage: &'a str,
    /// Local slot it was activated for.
    pub slot: &'a str,
    /// Begin.
    pub started: Millis,
    /// Seed of everything random in the run.
    pub seed: i64,
    /// Hash of the settings the run uses.
    pub config_hash: &'a str,
}

const COLUMNS: &str =
    "SELECT id, stage, slot, status, started, finished, origin, summary, config_hash, error FROM runs";

impl Store {
    /// Opens a run; its id is larger than any before.
    pub async fn begin_run(&self, run: &NewRun<'_>) -> Result<i64, StoreError> {
        const SQL: &str = "INSERT INTO runs (id, stage, slot, status, started, seed, config_hash, version, summary) \
             SELECT COALESCE(MAX(id), 0) + 1, $1, $2, 'running', $3, $4, $5, $6, '{}' FROM runs RETURNING id";
        let mut tx = self.begin().await?;
        if let Tx::Postgres(t) = &mut tx {
            sqlx::query("LOCK TABLE runs IN SHARE ROW EXCLUSIVE MODE")
                .execute(&mut **t)
                .await
                .doing("begin a run")?;
        }
        let (id,): (i64,) = on_tx!(&mut tx, c => sqlx::query_as(SQL)
            .bind(run.stage).bind(run.slot).bind(run.started).bind(run.seed).bind(run.config_hash)
            .bind(env!("CARGO_PKG_VERSION")).fetch_one(c))
        .doing("begin a run")?;
        tx.commit().await?;
        Ok(id)
    }

    /// Records that a run failed.
    pub async fn fail_run(&self, run: i64, finished: Millis, error: &str) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE runs SET status = 'failed', finished = $2, error = $3 WHERE id = $1";
        let mut tx = self.begin().await?;
        execute!(&mut tx, "fail a run", SQL, run, finished, error)?;
        tx.commit().await
    }

    /// The newest run of a stage with a status.
    pub async fn last_run(&self, stage: &str, status: RunStatus) -> Result<Option<Run>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "{COLUMNS} WHERE stage = $1 AND status = $2 ORDER BY id DESC LIMIT 1"
        ));
        on_read!(self, c => sqlx::query_as(sql).bind(stage).bind(status.name()).fetch_optional(c))
            .doing("read runs")
    }

    /// The newest committed run of a stage that knew less than `origin`.
    pub async fn run_before(&self, stage: &str, origin: Day) -> Result<Option<Run>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "{COLUMNS} WHERE stage = $1 AND status = 'ok' AND origin < $2 ORDER BY id DESC LIMIT 1"
        ));
        on_read!(self, c => sqlx::query_as(sql).bind(stage).bind(origin.0).fetch_optional(c))
            .doing("read runs")
    }

    /// The newest runs of all stages, newest first.
    pub async fn recent_runs(&self, limit: i64) -> Result<Vec<Run>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} ORDER BY id DESC LIMIT $1"));
        on_read!(self, c => sqlx::query_as(sql).bind(limit).fetch_all(c)).doing("read runs")
    }

    /// After a start: runs of a stage that a crash left open did not commit, so they are marked failed.
    pub async fn fail_abandoned(&self, stage: &str, now: Millis) -> Result<u64, StoreError> {
        const SQL: &str = "UPDATE runs SET status = 'failed', finished = $2, error = 'the process ended before the run did' \
             WHERE stage = $1 AND status = 'running'";
        let mut tx = self.begin().await?;
        let n = execute!(&mut tx, "close abandoned runs", SQL, stage, now)?;
        tx.commit().await?;
        Ok(n)
    }
}

impl Tx {
    /// Marks a run as committed, in the same transaction as what it wrote.
    pub async fn finish_run(
        &mut self,
        run: i64,
        finished: Millis,
        origin: Option<i32>,
        summary: &str,
    ) -> Result<(), StoreError> {
        const SQL: &str =
            "UPDATE runs SET status = 'ok', finished = $2, origin = $3, summary = $4 WHERE id = $1";
        execute!(self, "finish a run", SQL, run, finished, origin, summary).map(|_| ())
    }
}
