//! `[publish]`: exports, and how deliveries are made.
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
    /// 派单目录, a CSV table that says who gets what; receivers it does not name go by their own filters.
    #[garde(skip)]
    pub routing: Option<PathBuf>,
    /// Folder of contingency plans (预案), Markdown files that the calendar of seasons links to.
    #[garde(skip)]
    pub plans: Option<PathBuf>,
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
            routing: None,
            plans: None,
            timeout_seconds: 10,
            parallel: 8,
        }
    }
}
