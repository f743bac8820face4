//! Emptying the outbox: at least once, in order for one alert and receiver, never two deliverers on one delivery.
//!
//! One task a receiver, so that one that hangs keeps nobody else waiting. An attempt is claimed and committed before it
//! is sent; a crash in between repeats it with the same `webhook-id`, by which the receiver knows it. After three failures
//! in a row a receiver is left alone until the last one's next attempt, or a thousand waiting deliveries would each take
//! their time-out. Addresses are never logged: their query may hold a key.
use std::{path::PathBuf, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use reqwest::{Client, redirect};
use serde::Serialize;
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    channels::{Attempt, Courier, Item, chain, pace::Pace},
    retry::{self, Verdict, judge},
    secrets::{self, Secrets},
};
use crate::{
    config::{Lang, Publish, Receiver},
    store::{
        Store, StoreError,
        outbox::{Claim, Outcome},
    },
    ticket::Millis,
};

/// Where the time comes from.
pub type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// A claim outlives the attempt by this, for recording its outcome on a slow store.
const GRACE: Duration = Duration::from_secs(30);
/// Failures in a row after which a receiver is left alone for a while.
const PATIENCE: u32 = 3;
/// Bounds of the work.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Time one attempt may take, from connecting to the end of the answer.
    pub timeout: Duration,
    /// Receivers served at once.
    pub parallel: usize,
    /// systemd's `$CREDENTIALS_DIRECTORY`.
    pub credentials: Option<PathBuf>,
    /// How fast bots are asked.
    pub pace: Pace,
    /// Language of subjects.
    pub lang: Lang,
}

impl Limits {
    /// As configured.
    pub fn of(publish: &Publish, lang: Lang) -> Self {
        Self {
            timeout: Duration::from_secs(publish.timeout_seconds),
            parallel: publish.parallel,
            credentials: secrets::credentials(),
            pace: Pace::of_process(),
            lang,
        }
    }
}

/// What a drain did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Taken by their receiver.
    pub delivered: u64,
    /// Failed, to be tried again.
    pub retried: u64,
    /// Put off by their receiver.
    pub throttled: u64,
    /// Given up; see `weisu send-test RECEIVER --replay`.
    pub dead: u64,
    /// Receivers that answered 410 in this drain.
    pub disabled: Vec<String>,
    /// Receivers that cannot be used, and why.
    pub unusable: Vec<String>,
    /// Waiting for receivers that are not configured any more.
    pub orphaned: u64,
}

impl Summary {
    fn add(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.retried += other.retried;
        self.throttled += other.throttled;
        self.dead += other.dead;
        self.orphaned += other.orphaned;
        self.disabled.extend(other.disabled);
        self.unusable.extend(other.unusable);
    }
}

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot set up HTTPS: install the system's certificates (Debian: apt-get install ca-certificates) and start again"
)]
pub struct ClientError(#[from] reqwest::Error);

/// The HTTP client of all deliveries: follows no redirects, trusts the system's certificates.
pub fn client() -> Result<Client, ClientError> {
    // An error says that a provider is installed already, which is all that is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(Client::builder()
        .redirect(redirect::Policy::none())
        .user_agent(concat!("weisu/", env!("CARGO_PKG_VERSION")))
        .build()?)
}

/// Sends what is due to every receiver until nothing is, or until cancelled; attempts under way are finished.
pub async fn drain(
    store: &Store,
    receivers: &[Receiver],
    client: &Client,
    now: &Now,
    limits: &Limits,
    cancel: &CancellationToken,
) -> Result<Summary, StoreError> {
    let courier = courier(client, limits);
    let deliverer = Deliverer { store: store.clone(), courier, now: Arc::clone(now), limits: limits.clone() };
    let mut summary = deliverer.without_receiver(receivers).await?;
    let slots = Arc::new(Semaphore::new(limits.parallel.max(1)));
    let mut tasks = JoinSet::new();
    for receiver in receivers {
        let (deliverer, receiver) = (deliverer.clone(), receiver.clone());
        let (slots, cancel) = (Arc::clone(&slots), cancel.clone());
        tasks.spawn(async move {
            let _slot = slots.acquire().await;
            deliverer.serve(&receiver, &cancel).await
        });
    }
    let mut failed = None;
    while let Some(done) = tasks.join_next().await {
        match done {
            Ok(Ok(part)) => summary.add(part),
            // The others may finish what they have begun.
            Ok(Err(error)) => failed = Some(error),
            Err(error) => tracing::error!(%error, "a deliverer ended early"),
        }
    }
    summary.disabled.sort();
    summary.unusable.sort();
    failed.map_or(Ok(summary), Err)
}

/// What sends within limits.
pub fn courier(client: &Client, limits: &Limits) -> Courier {
    Courier { client: client.clone(), timeout: limits.timeout, lang: limits.lang, pace: limits.pace.clone() }
}

#[derive(Clone)]
struct Deliverer {
    store: Store,
    courier: Courier,
    now: Now,
    limits: Limits,
}

impl Deliverer {
    fn millis(&self) -> Millis {
        (self.now)().timestamp_millis()
    }

    /// Counts what waits for receivers that are gone from the configuration, and gives it up after three days.
    async fn without_receiver(&self, receivers: &[Receiver]) -> Result<Summary, StoreError> {
        let mut summary = Summary::default();
        for (receiver, waiting) in self.store.waiting_receivers().await? {
            if receivers.iter().any(|r| r.name == receiver) {
                continue;
            }
            let now = self.millis();
            let before = retry::before(now, retry::PATIENCE);
            let reason = "no receiver of this name is configured";
            let dead = self.store.bury(&receiver, before, reason, now).await?;
            let left = u64::try_from(waiting).unwrap_or(0).saturating_sub(dead);
            tracing::warn!(receiver, waiting = left, given_up = dead, reason, "deliveries");
            summary.dead += dead;
            summary.orphaned += left;
        }
        Ok(summary)
    }

    async fn serve(&self, receiver: &Receiver, cancel: &CancellationToken) -> Result<Summary, StoreError> {
        let mut summary = Summary::default();
        let disabled = self.store.disabled_receivers().await?;
        if let Some(disabled) = disabled.into_iter().find(|d| d.name == receiver.name) {
            summary.dead += self.bury_all(receiver, &disabled.reason).await?;
            return Ok(summary);
        }
        let secrets = match Secrets::load(receiver, self.limits.credentials.as_deref()) {
            Ok(secrets) => secrets,
            Err(error) => {
                // Deliveries wait, without using up attempts, until the operator has mended it.
                tracing::error!(error = %chain(&error), "receiver left out");
                summary.unusable.push(error.to_string());
                return Ok(summary);
            }
        };
        let mut failures = 0;
        while !cancel.is_cancelled() {
            let now = self.millis();
            let until = retry::after(now, self.limits.timeout + GRACE);
            let Some(claim) = self.store.claim(&receiver.name, now, until).await? else { break };
            let attempt = self.attempt(receiver, &secrets, &claim).await;
            failures = if attempt.answer.is_success() { 0 } else { failures + 1 };
            self.settle(receiver, &claim, &attempt, failures, &mut summary).await?;
        }
        Ok(summary)
    }

    /// Records what an answer means; it is logged here and nowhere else.
    async fn settle(
        &self,
        receiver: &Receiver,
        claim: &Claim,
        attempt: &Attempt,
        failures: u32,
        summary: &mut Summary,
    ) -> Result<(), StoreError> {
        let answer = &attempt.answer;
        let now = self.millis();
        let verdict = judge(answer, claim, now);
        tracing::info!(receiver = receiver.name, id = claim.id, event = claim.event, attempt = claim.attempts,
            status = answer.status(), outcome = %answer, "delivery");
        let (outcome, hold) = match verdict {
            Verdict::Gone => {
                let reason = format!("answered {answer}");
                self.store.disable_receiver(&receiver.name, now, &reason).await?;
                summary.disabled.push(receiver.name.clone());
                summary.dead += self.bury_all(receiver, &reason).await?;
                return Ok(());
            }
            Verdict::Throttled { outcome, until } => (outcome, Some(until)),
            Verdict::Record(outcome) => {
                let hold = match &outcome {
                    Outcome::Retry { at, .. } if failures >= PATIENCE => Some(*at),
                    _ => None,
                };
                (outcome, hold)
            }
        };
        match &outcome {
            Outcome::Delivered => summary.delivered += 1,
            Outcome::Retry { counted: true, .. } => summary.retried += 1,
            Outcome::Retry { counted: false, .. } => summary.throttled += 1,
            Outcome::Dead { .. } => summary.dead += 1,
        }
        let parts = i32::try_from(attempt.parts).unwrap_or(i32::MAX);
        if !self.store.record(claim, answer.status(), &outcome, parts, now).await? {
            tracing::warn!(
                receiver = receiver.name,
                id = claim.id,
                "claim ran out before its outcome was recorded"
            );
        }
        if let Some(until) = hold {
            self.store.hold_receiver(&receiver.name, now, until).await?;
        }
        Ok(())
    }

    async fn bury_all(&self, receiver: &Receiver, reason: &str) -> Result<u64, StoreError> {
        if !self.store.waits(&receiver.name, Millis::MAX).await? {
            return Ok(0);
        }
        self.store.bury(&receiver.name, Millis::MAX, reason, self.millis()).await
    }

    async fn attempt(&self, receiver: &Receiver, secrets: &Secrets, claim: &Claim) -> Attempt {
        let parts = usize::try_from(claim.parts).unwrap_or(0);
        let item = Item { id: &claim.id, body: &claim.body, parts };
        self.courier.attempt(receiver, secrets, item, self.millis()).await
    }
}
