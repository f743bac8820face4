//! What detectors need beyond counts: repeats, what is known of days and thresholds, and lasting changes of level.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use rustc_hash::FxHashMap;
use weisu_models::{hotspot::shift::Shift, series::Panel};

use crate::{
    store::{SourceDay, alarms::Kind},
    ticket::TopicId,
};

/// Grounds of a scene; the default knows nothing, and detectors that need more then stay silent.
#[derive(Debug, Default)]
pub struct Grounds {
    /// Repeats of the last weeks by cell of the city, to its last day.
    pub repeats: Option<Panel>,
    /// What is known of each day of each source.
    pub days: Vec<SourceDay>,
    /// Share of each day's tickets that may be known by now at most, by day of the city's panel; days beyond are
    /// complete.
    pub known: Vec<f64>,
    /// Topics that a ticket gets when its source names none.
    pub unspecified: BTreeSet<TopicId>,
    /// Thresholds that were chosen from verdicts, in place of the configured one.
    pub alphas: BTreeMap<Kind, f64>,
    /// Lasting changes of level by node, worked out when first asked for.
    pub shifts: OnceLock<FxHashMap<usize, Shift>>,
}
