//! How often somebody may ask: a bucket for each token or address and lane, refilled evenly over a minute.
use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};

/// What is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Reading.
    Read,
    /// Writing: a tenth of what may be read.
    Write,
    /// Tokens, sessions and links that are worth nothing.
    Refused,
}

/// Buckets of a lane above which full ones are let go.
const MOST: usize = 10_000;

impl Lane {
    /// What the configuration calls its limit.
    pub fn key(self) -> &'static str {
        match self {
            Self::Read | Self::Write => "http.requests_per_minute",
            Self::Refused => "http.attempts_per_minute",
        }
    }
}

/// The buckets.
#[derive(Debug)]
pub struct Limits {
    read: DefaultKeyedRateLimiter<String>,
    write: DefaultKeyedRateLimiter<String>,
    refused: DefaultKeyedRateLimiter<String>,
}

impl Limits {
    /// Limits for so many requests, and so many attempts with what is worth nothing, a minute.
    pub fn new(per_minute: u32, attempts: u32) -> Self {
        let lane =
            |n: u32| RateLimiter::keyed(Quota::per_minute(NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN)));
        Self { read: lane(per_minute), write: lane(per_minute / 10), refused: lane(attempts) }
    }

    /// Takes a place for one request, or says how long to wait for one.
    pub fn take(&self, lane: Lane, key: &str) -> Result<(), Duration> {
        let buckets = match lane {
            Lane::Read => &self.read,
            Lane::Write => &self.write,
            Lane::Refused => &self.refused,
        };
        if buckets.len() > MOST {
            buckets.retain_recent();
        }
        let refused = buckets.check_key(&key.to_owned());
        refused.map_err(|until| until.wait_time_from(buckets.clock().now()))
    }
}

/// The bucket of an address; one of IPv6 shares it with its network, which belongs to one customer.
pub fn address(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_bucket_of_its_own_and_is_told_how_long_to_wait() {
        let limits = Limits::new(30, 20);
        let take = |lane, key| (0..100).take_while(|_| limits.take(lane, key).is_ok()).count();
        assert_eq!((take(Lane::Read, "a"), take(Lane::Read, "b")), (30, 30));
        assert_eq!((take(Lane::Write, "a"), take(Lane::Refused, "a")), (3, 20));
        let wait = limits.take(Lane::Read, "a").unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(2), "{wait:?}");
    }

    #[test]
    fn a_network_of_ipv6_is_one() {
        let of = |text: &str| address(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }
}
