//! `[store]`: the database and the data folder.
use std::{path::PathBuf, time::Duration};

use garde::Validate;
use serde::{Deserialize, Serialize};

/// Where everything is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(default)]
pub struct Store {
    /// `sqlite://weisu.db`, `sqlite:///var/lib/weisu/weisu.db` or `postgres://user:password@host/database`.
    #[garde(custom(store_url))]
    #[serde(serialize_with = "without_password")]
    pub url: String,
    /// Folder for rejects.
    #[garde(skip)]
    pub data: PathBuf,
    /// Seconds to wait for a connection or the writer lock.
    #[garde(range(min = 1, max = 600))]
    pub wait_seconds: u64,
    /// Reader connections.
    #[garde(range(min = 1, max = 64))]
    pub connections: u32,
    /// Days that forecasts, fits and runs are kept; scored forecasts of months are kept for ever.
    #[garde(range(min = 7, max = 36500))]
    pub keep_days: u32,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            url: "sqlite://weisu.db".to_owned(),
            data: PathBuf::from("."),
            wait_seconds: 30,
            connections: 4,
            keep_days: 400,
        }
    }
}

impl Store {
    /// How to open it.
    pub fn options(&self) -> crate::store::Options {
        crate::store::Options {
            url: self.url.clone(),
            wait: Duration::from_secs(self.wait_seconds),
            connections: self.connections,
        }
    }
}

fn store_url(url: &str, (): &()) -> garde::Result {
    if ["sqlite://", "postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        Ok(())
    } else {
        Err(garde::Error::new(
            "not a store URL -> use sqlite://path or postgres://user:password@host/database",
        ))
    }
}

/// A printed configuration shows no password.
fn without_password<S: serde::Serializer>(url: &str, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&if url.starts_with("sqlite") { url.to_owned() } else { super::without_secrets(url) })
}
