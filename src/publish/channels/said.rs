//! What an HTTP server said, without secrets, and what it means: by its status, or by a vendor's code in the body.
use std::time::Duration;

use reqwest::{Response, StatusCode};

use crate::{
    publish::{
        retry::{Answer, retry_after},
        secrets::Secrets,
    },
    ticket::Millis,
};

/// Of an answer's body no more is read than this.
const LARGEST_ANSWER: usize = 16 * 1024;
/// Of an answer's body no more is kept than this.
const EXCERPT: usize = 200;

/// An answer of an HTTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// HTTP status.
    pub status: StatusCode,
    /// How long it asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The begin of its body, without secrets.
    pub body: String,
}

impl Said {
    /// Reads a response.
    pub async fn read(mut response: Response, secrets: &Secrets, now: Millis) -> Self {
        let (status, retry_after) = (response.status(), retry_after(response.headers(), now));
        let mut bytes = Vec::new();
        while bytes.len() < LARGEST_ANSWER {
            match response.chunk().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        Self { status, retry_after, body: secrets.hide(&String::from_utf8_lossy(&bytes)) }
    }

    /// The begin of the body on one line.
    pub fn excerpt(&self) -> String {
        let line = self.body.split_whitespace().collect::<Vec<_>>().join(" ");
        line.chars().filter(|c| !c.is_control()).take(EXCERPT).collect()
    }

    /// What it means where the status decides.
    pub fn by_status(&self) -> Answer {
        let excerpt = if self.status.is_success() { String::new() } else { self.excerpt() };
        Answer::Http { status: self.status, retry_after: self.retry_after, excerpt }
    }

    /// What a vendor means that answers with a code in JSON: `codes` are the names its code may have, `text` those of
    /// what it says, `throttled` which codes ask for how much patience.
    pub fn by_code(
        &self,
        vendor: &str,
        codes: &[&str],
        text: &[&str],
        throttled: impl Fn(i64, &str) -> Option<Duration>,
    ) -> Answer {
        let json: Option<serde_json::Value> = serde_json::from_str(&self.body).ok();
        let code = json.as_ref().and_then(|json| codes.iter().find_map(|name| json[*name].as_i64()));
        let status = Some(self.status.as_u16());
        match (code, &json) {
            (Some(0), _) if self.status.is_success() => Answer::Taken { status },
            (Some(code), Some(json)) if code != 0 => {
                let says = text.iter().find_map(|name| json[*name].as_str()).unwrap_or_default();
                let says: String = says.chars().filter(|c| !c.is_control()).take(EXCERPT).collect();
                let error = format!("{vendor} answered code {code}: {says}");
                match throttled(code, &says) {
                    Some(wait) => Answer::Throttled { status, wait: self.retry_after.unwrap_or(wait), error },
                    None => Answer::Refused { status, error },
                }
            }
            _ if !self.status.is_success() => self.by_status(),
            _ => {
                let error =
                    format!("HTTP {}, but no answer of {vendor}: {}", self.status.as_u16(), self.excerpt());
                Answer::Refused { status, error }
            }
        }
    }
}
