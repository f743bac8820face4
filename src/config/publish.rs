//! `[publish]` and `[[receiver]]`: exports, and who gets alerts.
use std::path::PathBuf;

use garde::Validate;
use serde::{Deserialize, Serialize};

/// Exports and delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(default)]
pub struct Publish {
    /// Folder of the monthly exports.
    #[garde(skip)]
    pub exports: PathBuf,
    /// Cells with fewer tickets leave the unit as "<n".
    #[garde(range(min = 1, max = 1000))]
    pub small_cell: u32,
    /// CloudEvents `source` of our events, a URI reference.
    #[garde(length(chars, min = 1, max = 200))]
    pub event_source: String,
    /// Seconds one attempt may take.
    #[garde(range(min = 1, max = 120))]
    pub timeout_seconds: u64,
    /// Deliveries under way at once.
    #[garde(range(min = 1, max = 64))]
    pub parallel: usize,
}

impl Default for Publish {
    fn default() -> Self {
        Self {
            exports: PathBuf::from("exports"),
            small_cell: 5,
            event_source: "/weisu".to_owned(),
            timeout_seconds: 10,
            parallel: 8,
        }
    }
}

/// How a receiver wants its alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiverKind {
    /// Standard Webhooks around a CloudEvent.
    #[default]
    Webhook,
    /// `POST /api/v2/alerts` of a Prometheus Alertmanager.
    Alertmanager,
}

/// Someone who gets alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(default)]
pub struct Receiver {
    /// Its own name.
    #[garde(length(chars, min = 1, max = 60))]
    pub name: String,
    /// How it wants them.
    #[garde(skip)]
    pub kind: ReceiverKind,
    /// Where to post.
    #[garde(custom(http_url))]
    #[serde(serialize_with = "without_secrets")]
    pub url: String,
    /// File with the `whsec_…` signing secret, one a line while rotating. A name without a folder is looked up
    /// in systemd's credentials folder.
    #[garde(skip)]
    pub secret_file: Option<PathBuf>,
    /// District names it is for; empty = all.
    #[garde(skip)]
    pub districts: Vec<String>,
    /// Top-level topic names it is for; empty = all.
    #[garde(skip)]
    pub topics: Vec<String>,
}

fn without_secrets<S: serde::Serializer>(url: &str, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&super::without_secrets(url))
}

fn http_url(url: &str, (): &()) -> garde::Result {
    match reqwest::Url::parse(url) {
        Ok(parsed) if ["http", "https"].contains(&parsed.scheme()) && parsed.has_host() => Ok(()),
        _ => Err(garde::Error::new(
            "not an http(s) URL -> write the receiver's full address, such as \"https://office.example/hook\"",
        )),
    }
}
