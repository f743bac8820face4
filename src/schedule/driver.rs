//! The driver: runs jobs at their slots, one activation of a job at a time.
//!
//! A slot is a local time that a job is due at. At the start the newest due slot of each job is run if nobody ran it,
//! so that what was missed while nobody was up is caught up once and not once for each missed slot. A failed slot is
//! tried again with growing pauses until the next one is due. The runner says whether a slot is done, so a
//! slot that another instance has run is passed over.
use std::{future::Future, sync::Arc, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use tokio_util::sync::CancellationToken;

use super::{
    clock::Clock,
    cron::{Expression, Slot},
};

/// A clock that is put forward or back is noticed within this time.
const LOOK: Duration = Duration::from_secs(20);
/// Slots missed longer ago are not caught up.
const CATCH_UP_DAYS: i64 = 40;

/// Something to run on a schedule.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its name, the key of its slots.
    pub name: &'static str,
    /// When it is due.
    pub when: Expression,
}

/// What came of an attempt at a slot that did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was run, now or before.
    Done,
    /// Another process is at it.
    Busy {
        /// Who.
        owner: String,
    },
}

/// What running a job means.
pub trait Runner: Send + Sync + 'static {
    /// Whether the slot was run, by this process or another.
    fn is_done(&self, job: &'static str, slot: &Slot) -> impl Future<Output = anyhow::Result<bool>> + Send;
    /// Runs the slot and records it as done.
    fn run(&self, job: &'static str, slot: &Slot) -> impl Future<Output = anyhow::Result<Outcome>> + Send;
    /// Takes note that the slot was not run before the next one was due.
    fn given_up(&self, job: &'static str, slot: &Slot);
}

/// Drives one job until cancelled; an activation under way is finished first.
pub async fn drive<R: Runner>(
    job: Job,
    zone: Tz,
    clock: Arc<dyn Clock>,
    runner: Arc<R>,
    cancel: CancellationToken,
) {
    let mut due = job.when.latest(clock.now(), chrono::Duration::days(CATCH_UP_DAYS), zone);
    loop {
        if let Some(slot) = due.take() {
            run_slot(&job, &slot, zone, &*clock, &*runner, &cancel).await;
        }
        let Some(next) = job.when.next(clock.now(), zone) else { return };
        if !wait_until(next.due, &*clock, &cancel).await {
            return;
        }
        due = Some(next);
    }
}

async fn run_slot<R: Runner>(
    job: &Job,
    slot: &Slot,
    zone: Tz,
    clock: &dyn Clock,
    runner: &R,
    cancel: &CancellationToken,
) {
    let until = job.when.next(slot.due, zone).map_or(DateTime::<Utc>::MAX_UTC, |next| next.due);
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(5))
        .with_max_delay(Duration::from_secs(600))
        .without_max_times()
        .build();
    for pause in pauses {
        let outcome = match runner.is_done(job.name, slot).await {
            Ok(true) => return,
            Ok(false) => runner.run(job.name, slot).await,
            Err(error) => Err(error),
        };
        let why = match outcome {
            Ok(Outcome::Done) => return,
            Ok(Outcome::Busy { owner }) => {
                tracing::info!(
                    job = job.name,
                    slot = slot.local,
                    owner,
                    ?pause,
                    "slot is being run elsewhere"
                );
                None
            }
            Err(error) => Some(format!("{error:#}")),
        };
        let again = clock.now() + pause;
        if again >= until {
            tracing::error!(
                job = job.name,
                slot = slot.local,
                error = why,
                "slot given up, the next one is due"
            );
            runner.given_up(job.name, slot);
            return;
        }
        if let Some(error) = why {
            tracing::error!(job = job.name, slot = slot.local, error, ?pause, "slot failed, trying again");
        }
        if !wait_until(again, clock, cancel).await {
            return;
        }
    }
}

/// Waits for an instant of the clock; `false` when cancelled.
async fn wait_until(at: DateTime<Utc>, clock: &dyn Clock, cancel: &CancellationToken) -> bool {
    loop {
        let left = (at - clock.now()).to_std().unwrap_or_default();
        if left.is_zero() {
            return !cancel.is_cancelled();
        }
        tokio::select! {
            () = cancel.cancelled() => return false,
            () = tokio::time::sleep(left.min(LOOK)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A clock that follows tokio's paused time.
    #[derive(Debug)]
    struct Stepped(DateTime<Utc>, tokio::time::Instant);

    impl Clock for Stepped {
        fn now(&self) -> DateTime<Utc> {
            self.0 + self.1.elapsed()
        }
    }

    #[derive(Default)]
    struct Log {
        done: Mutex<Vec<String>>,
        given_up: Mutex<Vec<String>>,
        tried: Mutex<usize>,
        failures: usize,
        busy: usize,
    }

    impl Runner for Log {
        async fn is_done(&self, _: &'static str, slot: &Slot) -> anyhow::Result<bool> {
            Ok(self.done.lock().unwrap().contains(&slot.local))
        }

        async fn run(&self, _: &'static str, slot: &Slot) -> anyhow::Result<Outcome> {
            *self.tried.lock().unwrap() += 1;
            if *self.tried.lock().unwrap() <= self.busy {
                return Ok(Outcome::Busy { owner: "another".to_owned() });
            }
            if *self.tried.lock().unwrap() <= self.failures {
                anyhow::bail!("not yet");
            }
            self.done.lock().unwrap().push(slot.local.clone());
            Ok(Outcome::Done)
        }

        fn given_up(&self, _: &'static str, slot: &Slot) {
            self.given_up.lock().unwrap().push(slot.local.clone());
        }
    }

    async fn slots(when: &str, start: &str, hours: u64, log: Log) -> (Vec<String>, usize) {
        let log = driven(when, start, hours, log).await;
        (log.done.into_inner().unwrap(), log.tried.into_inner().unwrap())
    }

    async fn driven(when: &str, start: &str, hours: u64, log: Log) -> Log {
        let clock = Arc::new(Stepped(start.parse().unwrap(), tokio::time::Instant::now()));
        let (log, cancel) = (Arc::new(log), CancellationToken::new());
        let job = Job { name: "daily", when: when.parse().unwrap() };
        let driven = tokio::spawn(drive(job, chrono_tz::Asia::Shanghai, clock, log.clone(), cancel.clone()));
        tokio::time::sleep(Duration::from_secs(hours * 3600)).await;
        cancel.cancel();
        driven.await.unwrap();
        Arc::into_inner(log).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_missed_slot_is_caught_up_once_and_later_ones_run_on_time() {
        let (done, _) = slots("10 5 * * *", "2024-03-10T02:00:00Z", 40, Log::default()).await;
        assert_eq!(done, ["2024-03-10T05:10", "2024-03-11T05:10"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_that_is_done_is_passed_over() {
        let log = Log { done: Mutex::new(vec!["2024-03-10T05:10".into()]), ..Log::default() };
        let (done, tried) = slots("10 5 * * *", "2024-03-10T02:00:00Z", 16, log).await;
        assert_eq!((done.len(), tried), (1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_slot_is_tried_again_until_it_is_done() {
        let (done, tried) =
            slots("10 5 * * *", "2024-03-10T02:00:00Z", 3, Log { failures: 3, ..Log::default() }).await;
        assert_eq!((done, tried), (vec!["2024-03-10T05:10".to_owned()], 4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_that_is_run_elsewhere_is_looked_at_again() {
        let (done, tried) =
            slots("10 5 * * *", "2024-03-10T02:00:00Z", 3, Log { busy: 2, ..Log::default() }).await;
        assert_eq!((done, tried), (vec!["2024-03-10T05:10".to_owned()], 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_that_never_succeeds_gives_way_to_the_next() {
        let never = Log { failures: usize::MAX, ..Log::default() };
        let log = driven("0 * * * *", "2024-03-10T02:30:00Z", 3, never).await;
        let (done, tried) = (log.done.into_inner().unwrap(), log.tried.into_inner().unwrap());
        assert!(done.is_empty() && tried > 10, "{tried}");
        let given_up = log.given_up.into_inner().unwrap();
        assert_eq!(given_up[..2], ["2024-03-10T10:00", "2024-03-10T11:00"]);
    }
}
