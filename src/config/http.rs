//! `[http]`: page, API and metrics.
use std::net::SocketAddr;

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::Problem;

/// Where the daemon listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(default)]
pub struct Http {
    /// Address and port. There are no tokens yet, so only loopback is allowed: put a reverse proxy in front.
    #[garde(skip)]
    pub listen: SocketAddr,
    /// Serve HTTP at all.
    #[garde(skip)]
    pub enabled: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), enabled: true }
    }
}

impl Http {
    pub(super) fn semantic(&self, found: &mut Vec<Problem>) {
        if self.enabled && !self.listen.ip().is_loopback() {
            found.push(Problem::at(
                "http.listen",
                format!("{} would be open to the network without any sign-in", self.listen),
                "listen on 127.0.0.1 or [::1] and put a reverse proxy with sign-in in front",
            ));
        }
    }
}
