//! `[http]`: page, API and metrics, and who may see them.
use std::{net::SocketAddr, path::PathBuf};

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::Problem;

/// Who may see page and API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Everybody who can reach the address: loopback only, for a demo or behind a proxy with a sign-in of its own.
    #[default]
    Open,
    /// Who shows a token; `weisu token add` makes one.
    Tokens,
}

/// Where the daemon listens, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(default)]
pub struct Http {
    /// Address and port; other than loopback only with tokens.
    #[garde(skip)]
    pub listen: SocketAddr,
    /// Serve HTTP at all.
    #[garde(skip)]
    pub enabled: bool,
    /// Who may see page and API.
    #[garde(skip)]
    pub access: Access,
    /// Address by which people reach the page, with the path of a reverse proxy; empty for none. Messages then hold
    /// links to acknowledge, and cookies are for that path and, with https, never sent in the clear.
    #[garde(skip)]
    pub public_url: String,
    /// File with the key that signs links and sessions, 32 bytes or more in Base64; looked up like a receiver's
    /// `secret_file`. Without it one is made in `store.data`; several daemons need the same.
    #[garde(skip)]
    pub key_file: Option<PathBuf>,
    /// Hours that a link in a message is good for.
    #[garde(range(min = 1, max = 720))]
    pub link_hours: u32,
    /// Hours after which people sign in again.
    #[garde(range(min = 1, max = 720))]
    pub session_hours: u32,
    /// Requests of one token or address in a minute; a tenth as many may write. A machine's own requests are not
    /// counted while access is open.
    #[garde(range(min = 10, max = 1_000_000))]
    pub requests_per_minute: u32,
    /// Requests of one address in a minute with a token, session or link that is worth nothing.
    #[garde(range(min = 1, max = 1_000_000))]
    pub attempts_per_minute: u32,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            enabled: true,
            access: Access::Open,
            public_url: String::new(),
            key_file: None,
            link_hours: 72,
            session_hours: 12,
            requests_per_minute: 1200,
            attempts_per_minute: 20,
        }
    }
}

impl Http {
    /// Path of the public address, for cookies; `/` without one.
    pub fn public_path(&self) -> String {
        let path = reqwest::Url::parse(&self.public_url).map(|url| url.path().to_owned()).unwrap_or_default();
        if path.is_empty() { "/".to_owned() } else { path }
    }

    pub(super) fn semantic(&self, found: &mut Vec<Problem>) {
        if self.enabled && self.access == Access::Open && !self.listen.ip().is_loopback() {
            found.push(Problem::at(
                "http.listen",
                format!("{} would be open to the network without any sign-in", self.listen),
                "write access = \"tokens\" and make tokens with `weisu token add`, or listen on 127.0.0.1 or [::1] \
                 behind a reverse proxy with sign-in",
            ));
        }
        let is_address = reqwest::Url::parse(&self.public_url).is_ok_and(|url| {
            ["http", "https"].contains(&url.scheme())
                && url.has_host()
                && url.username().is_empty()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        if !self.public_url.is_empty() && !is_address {
            found.push(Problem::at(
                "http.public_url",
                "not an http(s) address without query",
                "write the address that people type, such as \"https://city.example/weisu\"",
            ));
        }
    }
}
