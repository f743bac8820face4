//! What an answer means for a delivery, and when to try again.
//!
//! The schedule lives in the store and not in a waiting task, because it spans three days and restarts: ten waits from
//! five seconds to a day, about 69 hours together, each a little longer or shorter by a jitter drawn from the id of the
//! delivery, so that it can be foretold and a thousand deliveries do not come back at one moment.
use std::time::{Duration, SystemTime};

use reqwest::{StatusCode, header::HeaderMap};
use uuid::Uuid;

use crate::{
    store::outbox::{Claim, Outcome},
    ticket::Millis,
};

/// Waits after the first, second, … failed attempt, in seconds.
const SCHEDULE: [u64; 10] = [5, 30, 120, 600, 1800, 7200, 21_600, 43_200, 86_400, 86_400];
/// A receiver cannot put us off for longer than this at once.
const LONGEST: Duration = Duration::from_secs(86_400);
/// A receiver cannot put us off for longer than this altogether.
pub const PATIENCE: Duration = Duration::from_secs(3 * 86_400);

/// What came back from one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An HTTP answer.
    Http {
        /// Its status.
        status: StatusCode,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
        /// The begin of its body.
        excerpt: String,
    },
    /// The channel's own word, whatever HTTP says: taken.
    Taken {
        /// HTTP status, if it came by HTTP.
        status: Option<u16>,
    },
    /// The channel's own word: not taken.
    Refused {
        /// HTTP status, if it came by HTTP.
        status: Option<u16>,
        /// Its code and what it says.
        error: String,
    },
    /// The channel's own word: too many messages.
    Throttled {
        /// HTTP status, if it came by HTTP.
        status: Option<u16>,
        /// How long to leave it alone.
        wait: Duration,
        /// Its code and what it says.
        error: String,
    },
    /// Not sent yet: the channel takes only so many messages a minute, and we keep to it.
    Paced {
        /// Until the next one may go.
        wait: Duration,
    },
    /// No answer: no connection, broken, too late.
    None {
        /// Why, without the URL.
        error: String,
    },
    /// It cannot be sent at all, however often.
    Unsendable {
        /// Why.
        error: String,
    },
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Record this for the delivery.
    Record(Outcome),
    /// Nothing reaches this receiver before then: record it, and put off everything else that waits for it.
    Throttled {
        /// For the delivery.
        outcome: Outcome,
        /// Until when.
        until: Millis,
    },
    /// 410: the receiver is gone for good.
    Gone,
}

impl Answer {
    /// Its HTTP status, if it has one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Http { status, .. } => Some(status.as_u16()),
            Self::Taken { status } | Self::Refused { status, .. } | Self::Throttled { status, .. } => *status,
            Self::Paced { .. } | Self::None { .. } | Self::Unsendable { .. } => None,
        }
    }

    /// Whether the receiver has taken the delivery.
    pub fn is_success(&self) -> bool {
        match self {
            Self::Http { status, .. } => status.is_success(),
            Self::Taken { .. } => true,
            _ => false,
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http { status, excerpt, .. } => {
                write!(f, "{status}")?;
                if status.is_redirection() {
                    write!(f, " (redirects are not followed: configure the final address)")?;
                }
                if excerpt.is_empty() { Ok(()) } else { write!(f, ": {excerpt}") }
            }
            Self::Taken { status: Some(status) } => write!(f, "taken (HTTP {status})"),
            Self::Taken { status: None } => f.write_str("taken"),
            Self::Paced { wait } => write!(f, "waits {} s for its turn", wait.as_secs_f64().ceil()),
            Self::Refused { error, .. }
            | Self::Throttled { error, .. }
            | Self::None { error }
            | Self::Unsendable { error } => f.write_str(error),
        }
    }
}

/// Judges an answer at `now`.
pub fn judge(answer: &Answer, claim: &Claim, now: Millis) -> Verdict {
    let error = answer.to_string();
    match answer {
        _ if answer.is_success() => Verdict::Record(Outcome::Delivered),
        Answer::Http { status: StatusCode::GONE, .. } => Verdict::Gone,
        Answer::Http {
            status: StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE,
            retry_after: Some(wait),
            ..
        } => throttled(*wait, claim, error, now),
        Answer::Throttled { wait, .. } => throttled(*wait, claim, error, now),
        // Our own pace puts nothing off for ever: a backlog only grows shorter.
        Answer::Paced { wait } => {
            let until = after(now, (*wait).max(Duration::from_secs(1)));
            Verdict::Throttled { outcome: Outcome::Retry { at: until, counted: false, error }, until }
        }
        Answer::Unsendable { .. } => Verdict::Record(Outcome::Dead { error }),
        _ => Verdict::Record(match wait(&claim.id, claim.attempts) {
            Some(wait) => Outcome::Retry { at: after(now, wait), counted: true, error },
            None => Outcome::Dead { error: format!("given up after {} attempts: {error}", claim.attempts) },
        }),
    }
}

fn throttled(wait: Duration, claim: &Claim, error: String, now: Millis) -> Verdict {
    let until = after(now, wait.clamp(Duration::from_secs(1), LONGEST));
    let outcome = if until > after(claim.created, PATIENCE) {
        Outcome::Dead { error: format!("put off for three days: {error}") }
    } else {
        Outcome::Retry { at: until, counted: false, error }
    };
    Verdict::Throttled { outcome, until }
}

/// How long to wait after the `attempts`-th failed attempt; `None` when it was the last.
pub fn wait(id: &str, attempts: i32) -> Option<Duration> {
    let seconds = *SCHEDULE.get(usize::try_from(attempts).ok()?.saturating_sub(1))?;
    let draw = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{id} {attempts}").as_bytes()).as_u128();
    // 90 % to 110 %, in thousandths.
    let thousandths = 900 + u64::try_from(draw % 201).unwrap_or(100);
    Some(Duration::from_millis(seconds * thousandths))
}

/// `Retry-After`, in seconds or as an HTTP date.
pub fn retry_after(headers: &HeaderMap, now: Millis) -> Option<Duration> {
    let text = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(now).ok()?);
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// `wait` after an instant.
pub(super) fn after(at: Millis, wait: Duration) -> Millis {
    at.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}

/// `wait` before an instant.
pub(super) fn before(at: Millis, wait: Duration) -> Millis {
    at.saturating_sub(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(attempts: i32) -> Claim {
        Claim {
            id: "0b0e".into(),
            alert: "a".into(),
            receiver: "duty".into(),
            event: "e".into(),
            body: "{}".into(),
            attempts,
            created: 0,
            next_attempt: 10_000,
            parts: 0,
        }
    }

    fn http(status: u16, retry_after: Option<u64>) -> Answer {
        Answer::Http {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: retry_after.map(Duration::from_secs),
            excerpt: String::new(),
        }
    }

    #[test]
    fn the_schedule_spans_about_three_days_and_ends() {
        let waits: Vec<Duration> = (1..=10).map(|n| wait("some id", n).unwrap()).collect();
        assert!(waits.windows(2).take(8).all(|w| w[0] < w[1]));
        let hours = waits.iter().sum::<Duration>().as_secs_f64() / 3600.0;
        assert!((60.0..72.0).contains(&hours), "{hours}");
        assert_eq!(wait("some id", 11), None);
        assert_eq!(wait("some id", 3), wait("some id", 3));
        assert_ne!(wait("some id", 3), wait("another", 3));
    }

    #[test]
    fn answers_mean_what_the_webhook_convention_says() {
        let counted = |v| matches!(v, Verdict::Record(Outcome::Retry { counted: true, .. }));
        for status in [200, 201, 204] {
            assert_eq!(judge(&http(status, None), &claim(1), 0), Verdict::Record(Outcome::Delivered));
        }
        for status in [301, 307, 400, 401, 404, 429, 500, 503] {
            assert!(counted(judge(&http(status, None), &claim(1), 0)), "{status}");
        }
        assert!(counted(judge(&http(500, Some(60)), &claim(1), 0)), "only 429 and 503 throttle");
        assert_eq!(judge(&http(410, None), &claim(1), 0), Verdict::Gone);
        assert!(matches!(judge(&http(500, None), &claim(11), 0), Verdict::Record(Outcome::Dead { .. })));
        let none = Answer::None { error: "timed out".into() };
        assert!(counted(judge(&none, &claim(1), 0)));
        for status in [429, 503] {
            match judge(&http(status, Some(90)), &claim(10), 1000) {
                Verdict::Throttled {
                    outcome: Outcome::Retry { at: 91_000, counted: false, .. },
                    until: 91_000,
                } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn nobody_is_put_off_for_ever() {
        let day = 86_400_000;
        match judge(&http(429, Some(1_000_000_000)), &claim(1), 0) {
            Verdict::Throttled { until, .. } => assert_eq!(until, day),
            other => panic!("{other:?}"),
        }
        let late = judge(&http(429, Some(60)), &claim(1), 3 * day);
        assert!(matches!(late, Verdict::Throttled { outcome: Outcome::Dead { .. }, .. }));
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date() {
        let now = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT
        for (text, wanted) in [
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(120)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-5", None),
        ] {
            let headers = HeaderMap::from_iter([(reqwest::header::RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), wanted.map(Duration::from_secs), "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
