//! How fast bots are asked.
//!
//! A vendor counts the messages of the last minute. A bucket of ten that fills by one every six seconds lets twenty through
//! in any sixty seconds and never more, and ten with each run of the publishing stage, a minute apart. Buckets belong to
//! addresses, not to receivers: two receivers may share a bot. They live as long as the process; a restart begins with
//! full ones, and what the vendor then refuses is throttled and no failed attempt either.
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    num::NonZeroU32,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, Reference},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::keyed::DashMapStateStore,
};

use crate::{config::ReceiverKind, ticket::Millis};

/// A clock that stands where the last question put it: time is an argument.
#[derive(Debug, Clone, Default)]
struct Told(Arc<AtomicU64>);

/// Milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct At(u64);

impl std::ops::Add<Nanos> for At {
    type Output = Self;

    fn add(self, other: Nanos) -> Self {
        Self(self.0.saturating_add(other.as_u64().div_ceil(1_000_000)))
    }
}

impl Reference for At {
    fn duration_since(&self, earlier: Self) -> Nanos {
        Duration::from_millis(self.0.saturating_sub(earlier.0)).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.saturating_sub(duration.as_u64() / 1_000_000))
    }
}

impl Clock for Told {
    type Instant = At;

    fn now(&self) -> At {
        At(self.0.load(Ordering::SeqCst))
    }
}

type Buckets = RateLimiter<u64, DashMapStateStore<u64>, Told, NoOpMiddleware<At>>;

/// The buckets of one kind of bot.
#[derive(Debug)]
struct Lane {
    clock: Told,
    buckets: Buckets,
}

impl Lane {
    fn new(burst: u32, every: Duration) -> Self {
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(every).unwrap_or(Quota::per_minute(burst)).allow_burst(burst);
        let clock = Told::default();
        Self { buckets: RateLimiter::new(quota, DashMapStateStore::default(), clock.clone()), clock }
    }
}

#[derive(Debug)]
struct Lanes {
    /// 企业微信, 钉钉: twenty a minute.
    twenty: Lane,
    /// 飞书: a hundred a minute and five a second; Slack: one a second with short bursts.
    quick: Lane,
}

/// How fast bots are asked; cheap to clone.
#[derive(Debug, Clone)]
pub struct Pace(Arc<Lanes>);

impl Default for Pace {
    fn default() -> Self {
        let twenty = Lane::new(10, Duration::from_secs(6));
        let quick = Lane::new(5, Duration::from_secs(1));
        Self(Arc::new(Lanes { twenty, quick }))
    }
}

impl Pace {
    /// The pace that everything in this process keeps.
    pub fn of_process() -> Self {
        static PACE: LazyLock<Pace> = LazyLock::new(Pace::default);
        PACE.clone()
    }

    /// Takes a place for one message at `now`, or says how long to wait for one.
    pub fn take(&self, kind: ReceiverKind, address: &str, now: Millis) -> Result<(), Duration> {
        let lane = match kind {
            ReceiverKind::Wecom | ReceiverKind::Dingtalk => &self.0.twenty,
            ReceiverKind::Feishu | ReceiverKind::Slack => &self.0.quick,
            ReceiverKind::Webhook | ReceiverKind::Alertmanager | ReceiverKind::Smtp => return Ok(()),
        };
        let mut hash = DefaultHasher::new();
        address.hash(&mut hash);
        lane.clock.0.fetch_max(u64::try_from(now).unwrap_or(0), Ordering::SeqCst);
        let at = lane.clock.now();
        lane.buckets.check_key(&hash.finish()).map_err(|refused| refused.wait_time_from(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_has_more_than_twenty_and_bots_do_not_share() {
        let pace = Pace::default();
        let mut sent: Vec<Millis> = Vec::new();
        for now in (1_700_000_000_000..1_700_000_300_000).step_by(500) {
            if pace.take(ReceiverKind::Wecom, "https://bot/?key=a", now).is_ok() {
                sent.push(now);
            }
        }
        let most =
            sent.iter().map(|at| sent.iter().filter(|s| (*at..at + 60_000).contains(*s)).count()).max();
        assert!(matches!(most, Some(19 | 20)), "{most:?}");
        assert!(sent.len() >= 55, "{}", sent.len());
        let now = 1_700_000_300_000;
        while pace.take(ReceiverKind::Dingtalk, "https://bot/?key=a", now).is_ok() {}
        let wait = pace.take(ReceiverKind::Wecom, "https://bot/?key=a", now).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(6), "{wait:?}");
        assert!(pace.take(ReceiverKind::Wecom, "https://bot/?key=b", now).is_ok());
        assert!(pace.take(ReceiverKind::Webhook, "https://bot/?key=a", now).is_ok());
    }
}
