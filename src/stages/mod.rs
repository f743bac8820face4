//! The stages: each takes only store, configuration and slot time, and can be run again at any moment.
//!
//! [`activate`] is the one way to run a stage, whether by hand, from `once` or by the daemon's schedule: take the
//! stage's lease, open a run, work, and commit everything with the run's end in one transaction that checks the
//! lease's fence. What ends before that commit leaves nothing but a failed run behind.
use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    config::Config,
    metrics::Metrics,
    store::{Lease, NewRun, Store, Tx},
    ticket::{Day, Millis},
};

pub mod aggregate;
pub mod backtest;
pub mod city;
pub mod detect;
pub mod fit;
pub mod forecast;
pub mod ingest;
mod ledger;
mod owner;
pub mod prune;
pub mod publish;
pub mod replay;
pub mod scratch;
pub mod shards;
mod stored_fits;

pub use owner::{Owner, Turn};

/// A stage by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Read new files into tickets and counts.
    Ingest,
    /// Say of each day whether it is closed, missing or open.
    Aggregate,
    /// Choose models and measure their errors.
    Fit,
    /// Publish forecasts from the newest closed day.
    Forecast,
    /// Judge closed days and coming weeks; raise alarms and alerts.
    Detect,
    /// Send what waits in the outbox.
    Publish,
    /// Write the monthly export and report.
    Export,
    /// Write the weekly digest.
    Weekly,
    /// Drop what is past its keep time.
    Prune,
}

impl Stage {
    /// The daily chain in order.
    pub const DAILY: [Self; 5] = [Self::Ingest, Self::Aggregate, Self::Fit, Self::Forecast, Self::Detect];
    /// Every stage.
    pub const ALL: [Self; 9] = [
        Self::Ingest,
        Self::Aggregate,
        Self::Fit,
        Self::Forecast,
        Self::Detect,
        Self::Publish,
        Self::Export,
        Self::Weekly,
        Self::Prune,
    ];

    /// Stable name in tables, labels and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Aggregate => "aggregate",
            Self::Fit => "fit",
            Self::Forecast => "forecast",
            Self::Detect => "detect",
            Self::Publish => "publish",
            Self::Export => "export",
            Self::Weekly => "weekly",
            Self::Prune => "prune",
        }
    }
}

/// Where a stage says how far it is.
pub trait Progress: Send + Sync + std::fmt::Debug {
    /// `done` of `total` units of `what`; called from any thread, often.
    fn at(&self, what: &'static str, done: u64, total: u64);
    /// `what` has ended.
    fn done(&self, what: &'static str);
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn at(&self, _: &'static str, _: u64, _: u64) {}
    fn done(&self, _: &'static str) {}
}

/// What a stage works with.
#[derive(Debug, Clone)]
pub struct Cx {
    /// The store.
    pub store: Store,
    /// The settings.
    pub config: Arc<Config>,
    /// The instant the activation is for: days after it are the future.
    pub now: DateTime<Utc>,
    /// Who runs it.
    pub owner: Owner,
    /// Where to say how far it is.
    pub progress: Arc<dyn Progress>,
    /// Where to count.
    pub metrics: Metrics,
}

impl Cx {
    /// The instant as the store keeps it.
    pub fn millis(&self) -> Millis {
        self.now.timestamp_millis()
    }

    /// The local day of the instant.
    pub fn today(&self) -> Day {
        self.now.with_timezone(&self.config.city.zone.0).date_naive().into()
    }

    /// The local day of a stored instant.
    pub fn day_of(&self, at: Millis) -> Day {
        let at = DateTime::<Utc>::from_timestamp_millis(at).unwrap_or_default();
        at.with_timezone(&self.config.city.zone.0).date_naive().into()
    }
}

/// What a stage hands back: its writes, not yet committed, and what it did.
#[derive(Debug)]
pub struct Done {
    /// Its writes.
    pub tx: Tx,
    /// Last local day known to it.
    pub origin: Option<Day>,
    /// What it did.
    pub summary: serde_json::Value,
}

impl Done {
    /// A result with a typed summary.
    pub fn new(tx: Tx, origin: Option<Day>, summary: &impl Serialize) -> anyhow::Result<Self> {
        Ok(Self { tx, origin, summary: serde_json::to_value(summary)? })
    }
}

/// A run under way.
#[derive(Debug, Clone)]
pub struct Active {
    /// Its id.
    pub run: i64,
    /// The lease it is held by.
    pub lease: Lease,
}

/// How an activation ended without an error.
#[derive(Debug, Clone, PartialEq)]
pub enum Activation {
    /// Committed, with its run and summary.
    Ran {
        /// The run.
        run: i64,
        /// What it did.
        summary: serde_json::Value,
    },
    /// Nothing new for it to do.
    NotDue,
    /// Another process is running this stage.
    Busy {
        /// Who.
        owner: String,
    },
}

/// Another process is at it.
#[derive(Debug, thiserror::Error)]
#[error("{what} is being run by {owner}: try again when it has ended")]
pub struct Busy {
    /// A stage, or the whole chain.
    pub what: String,
    /// Host, process and its begin.
    pub owner: String,
}

/// The daily chain and the outbox; the summaries of the stages that ran. One process at a time: two that took turns
/// stage by stage would both do every stage.
pub async fn chain(cx: &Cx, slot: &str) -> anyhow::Result<Vec<(Stage, serde_json::Value)>> {
    let held = match Held::take(cx, "chain").await? {
        Ok(held) => held,
        Err(owner) => return Err(Busy { what: "the daily chain".to_owned(), owner }.into()),
    };
    let ran = links(cx, slot).await;
    held.give_back(cx).await;
    ran
}

async fn links(cx: &Cx, slot: &str) -> anyhow::Result<Vec<(Stage, serde_json::Value)>> {
    let mut out = Vec::new();
    for stage in Stage::DAILY {
        if let Some(summary) = one(cx, stage, slot).await? {
            out.push((stage, summary));
        }
    }
    match activate(cx, Stage::Publish, slot, None).await? {
        Activation::Ran { summary, .. } => out.push((Stage::Publish, summary)),
        Activation::NotDue => {}
        // The alerts are safe in the outbox, and whoever empties it now or next finds them there.
        Activation::Busy { owner } => tracing::info!(owner, "another process is sending already"),
    }
    Ok(out)
}

/// One stage; `None` when it has nothing new to do.
pub async fn one(cx: &Cx, stage: Stage, slot: &str) -> anyhow::Result<Option<serde_json::Value>> {
    match activate(cx, stage, slot, None).await? {
        Activation::Ran { summary, .. } => Ok(Some(summary)),
        Activation::NotDue => Ok(None),
        Activation::Busy { owner } => Err(Busy { what: format!("stage {}", stage.name()), owner }.into()),
    }
}

/// Seconds a lease lasts without renewal.
const LEASE: i64 = 60;

/// A lease that is renewed for as long as this lives.
#[derive(Debug)]
pub struct Held {
    lease: Lease,
    renewal: AbortOnDropHandle<()>,
    _turn: Turn,
}

impl Held {
    /// Takes the lease on `name` as soon as no other task of this process holds it; the owner when another process does.
    pub async fn take(cx: &Cx, name: &str) -> anyhow::Result<Result<Self, String>> {
        let turn = cx.owner.turn(name).await;
        let Some(lease) = take_lease(cx, name).await? else {
            return Ok(Err(cx.store.lease_owner(name).await?.unwrap_or_default()));
        };
        let renewal = tokio::spawn(renew(cx.store.clone(), lease.clone(), cx.owner.clone()));
        Ok(Ok(Self { lease, renewal: AbortOnDropHandle::new(renewal), _turn: turn }))
    }

    /// Gives the lease back before it runs out.
    pub async fn give_back(self, cx: &Cx) {
        // A renewal after the release would take the lease again.
        self.renewal.abort();
        if let Err(error) = cx.store.release(&self.lease).await {
            tracing::warn!(
                name = self.lease.name,
                error = format!("{error:#}"),
                "lease not given back, it will run out"
            );
        }
    }
}

/// Runs a stage once; `files` names files for [`Stage::Ingest`] instead of those of the configuration.
pub async fn activate(
    cx: &Cx,
    stage: Stage,
    slot: &str,
    files: Option<&[PathBuf]>,
) -> anyhow::Result<Activation> {
    let held = match Held::take(cx, stage.name()).await? {
        Ok(held) => held,
        Err(owner) => return Ok(Activation::Busy { owner }),
    };
    let ended = leased(cx, stage, slot, files, &held.lease).await;
    held.give_back(cx).await;
    ended
}

async fn leased(
    cx: &Cx,
    stage: Stage,
    slot: &str,
    files: Option<&[PathBuf]>,
    lease: &Lease,
) -> anyhow::Result<Activation> {
    // Whoever holds the lease knows that no other run of the stage is alive.
    cx.store.fail_abandoned(stage.name(), cx.millis()).await?;
    if files.is_none() && !due(cx, stage).await? {
        return Ok(Activation::NotDue);
    }
    let run =
        recorded(cx, stage.name(), slot, lease, async |active| work(cx, stage, active, files).await).await?;
    Ok(Activation::Ran { run: run.0, summary: run.1 })
}

/// Opens a run under a lease, works, and commits the work with the run's end; the run and its summary.
async fn recorded(
    cx: &Cx,
    stage: &'static str,
    slot: &str,
    lease: &Lease,
    work: impl AsyncFnOnce(&Active) -> anyhow::Result<Done>,
) -> anyhow::Result<(i64, serde_json::Value)> {
    let begun = std::time::Instant::now();
    let config_hash = cx.config.hash();
    let new = NewRun {
        stage,
        slot,
        started: cx.millis(),
        seed: cx.config.forecast.seed,
        config_hash: &config_hash,
    };
    let active = Active { run: cx.store.begin_run(&new).await?, lease: lease.clone() };
    let result = match work(&active).await {
        Ok(done) => commit(cx, &active, done, begun.elapsed()).await,
        Err(error) => Err(error),
    };
    let seconds = begun.elapsed().as_secs_f64();
    match result {
        Ok(summary) => {
            cx.metrics.run(stage, "ok", seconds);
            tracing::info!(stage, run = active.run, seconds, %summary, "stage done");
            Ok((active.run, summary))
        }
        Err(error) => {
            cx.metrics.run(stage, "failed", seconds);
            let finished = cx.millis() + (seconds * 1000.0) as Millis;
            if let Err(second) = cx.store.fail_run(active.run, finished, &format!("{error:#}")).await {
                tracing::warn!(stage, error = format!("{second:#}"), "failure not recorded");
            }
            Err(error.context(format!("stage {stage}")))
        }
    }
}

/// Whether a stage of the daily chain has something new to do.
async fn due(cx: &Cx, stage: Stage) -> anyhow::Result<bool> {
    match stage {
        Stage::Fit => fit::due(cx).await,
        Stage::Forecast => forecast::due(cx).await,
        Stage::Detect => detect::due(cx).await,
        Stage::Publish => Ok(cx.store.deliveries_due(cx.millis()).await?),
        _ => Ok(true),
    }
}

async fn work(cx: &Cx, stage: Stage, active: &Active, files: Option<&[PathBuf]>) -> anyhow::Result<Done> {
    match stage {
        Stage::Ingest => ingest::run(cx, active, files).await,
        Stage::Aggregate => aggregate::run(cx).await,
        Stage::Fit => fit::run(cx, active).await,
        Stage::Forecast => forecast::run(cx, active).await,
        Stage::Detect => detect::run(cx, active).await,
        Stage::Publish => publish::run(cx).await,
        Stage::Export => publish::export(cx).await,
        Stage::Weekly => publish::weekly(cx).await,
        Stage::Prune => prune::run(cx).await,
    }
}

async fn commit(cx: &Cx, active: &Active, done: Done, took: Duration) -> anyhow::Result<serde_json::Value> {
    let Done { mut tx, origin, summary } = done;
    let finished = cx.millis() + took.as_millis() as Millis;
    tx.finish_run(active.run, finished, origin.map(|d| d.0), &summary.to_string()).await?;
    tx.hold(&active.lease).await?;
    tx.commit().await.context("nothing of this run was kept")?;
    Ok(summary)
}

/// Takes the lease; one of a process that has ended without giving it back is broken first.
async fn take_lease(cx: &Cx, name: &str) -> anyhow::Result<Option<Lease>> {
    for _ in 0..2 {
        let now = wall_millis();
        if let Some(lease) = cx.store.lease(name, cx.owner.id(), now, now + LEASE * 1000).await? {
            return Ok(Some(lease));
        }
        match cx.store.lease_owner(name).await? {
            Some(owner) if owner::has_ended(&owner) => {
                tracing::info!(stage = name, owner, "its process has ended: taking the lease over");
                cx.store.break_lease(name, &owner).await?;
            }
            _ => break,
        }
    }
    Ok(None)
}

async fn renew(store: Store, lease: Lease, owner: Owner) {
    loop {
        tokio::time::sleep(Duration::from_secs(LEASE as u64 / 4)).await;
        let now = wall_millis();
        match store.lease(&lease.name, owner.id(), now, now + LEASE * 1000).await {
            Ok(Some(_)) => {}
            Ok(None) => {
                tracing::warn!(
                    name = lease.name,
                    "lease lost to another instance: nothing more will be kept"
                );
                return;
            }
            Err(error) => tracing::warn!(
                name = lease.name,
                error = format!("{error:#}"),
                "lease not renewed, trying again"
            ),
        }
    }
}

/// Leases are about processes, not about the city's time: they run on the wall clock even in a replay.
fn wall_millis() -> Millis {
    use crate::schedule::clock::{Clock, Wall};
    Wall.now().timestamp_millis()
}
