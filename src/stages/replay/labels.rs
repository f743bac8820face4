//! Rises that people labelled, and which of them were found.
use chrono::NaiveDate;
use serde::Serialize;

use super::{Episode, History};

/// Days after the end of a labelled rise on which an alert still belongs to it: the lifecycle resolves after quiet days.
const GRACE: i64 = 2;

/// A labelled rise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Names from the top-level topic down, or the last of them; empty = all topics.
    pub topic: Vec<String>,
    /// Names from the top-level district down, or the last of them; empty = the whole city.
    pub district: Vec<String>,
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// What people call it.
    pub label: String,
    /// Where it was read, for messages.
    #[serde(skip)]
    pub line: u64,
}

impl Label {
    /// Whether an alert speaks of this rise: their days meet, one topic holds the other, one district holds the other,
    /// and the alert names the labelled topic or district, or a part of it, unless the label names none.
    pub fn is_of(&self, episode: &Episode) -> bool {
        let (first, last) = match episode.kind.is_ahead() {
            true => episode.window,
            false => (episode.told, episode.last),
        };
        let meet = first <= self.to + chrono::Days::new(GRACE as u64) && self.from <= last;
        let named = |label: &[String], path: &[String]| !label.is_empty() && contains(path, label);
        let names = self.topic.is_empty() && self.district.is_empty()
            || named(&self.topic, &episode.topic)
            || named(&self.district, &episode.district);
        meet && names && related(&self.topic, &episode.topic) && related(&self.district, &episode.district)
    }
}

fn related(label: &[String], path: &[String]) -> bool {
    label.is_empty() || path.is_empty() || contains(path, label) || contains(label, path)
}

/// Whether the last name of `inner` is among the names of `path`.
fn contains(path: &[String], inner: &[String]) -> bool {
    inner.last().is_some_and(|name| path.contains(name))
}

/// # Errors
/// When a label names a topic or district that the history does not have.
pub fn check(labels: &[Label], history: &History) -> anyhow::Result<()> {
    let keys = &history.city.keys;
    let topics: std::collections::BTreeSet<String> =
        keys.iter().flat_map(|key| history.names.topic(key.topic)).collect();
    let districts: std::collections::BTreeSet<String> =
        keys.iter().flat_map(|key| history.names.district(key.district)).collect();
    for label in labels {
        let unknown = |path: &[String], known: &std::collections::BTreeSet<String>| {
            path.iter().find(|name| !known.contains(*name)).cloned()
        };
        if let Some(name) = unknown(&label.topic, &topics) {
            anyhow::bail!(
                "labels, line {}: no topic is called {name:?}; write it as the counts do",
                label.line
            );
        }
        if let Some(name) = unknown(&label.district, &districts) {
            anyhow::bail!(
                "labels, line {}: no district is called {name:?}; write it as the counts do",
                label.line
            );
        }
        anyhow::ensure!(
            label.from <= label.to,
            "labels, line {}: the rise ends before it begins",
            label.line
        );
    }
    Ok(())
}

/// A labelled rise and what was told of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The rise.
    #[serde(flatten)]
    pub label: Label,
    /// Day it was first told, if ever.
    pub told: Option<NaiveDate>,
    /// Days from its first day to that one; negative when it was told before it began.
    pub delay: Option<i64>,
}

/// What became of each label.
pub fn outcomes(labels: &[Label], episodes: &[Episode]) -> Vec<Outcome> {
    let outcome = |label: &Label| {
        let told = episodes.iter().filter(|e| label.is_of(e)).map(|e| e.told).min();
        let delay = told.map(|told| (told - label.from).num_days());
        Outcome { label: label.clone(), told, delay }
    };
    labels.iter().map(outcome).collect()
}
