//! `[[source]]`: where tickets come from and how their columns are read.
use std::collections::BTreeMap;

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::Problem;
use crate::ingest::{Mapping, presets};

/// One export that tickets are read from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(default)]
pub struct Source {
    /// Its own name; ticket ids are unique within it.
    #[garde(length(chars, min = 1, max = 60))]
    pub name: String,
    /// Files or glob patterns that the ingest stage looks at.
    #[garde(skip)]
    pub files: Vec<String>,
    /// Built-in mapping of a published export.
    #[garde(skip)]
    pub preset: Option<String>,
    /// Column names, time format, zone, topic path, district path.
    #[garde(skip)]
    pub mapping: Option<Mapping>,
    /// Old topic names and what they are called now, over the preset's own.
    #[garde(skip)]
    pub rename_topic: BTreeMap<String, String>,
    /// Old district names and what they are called now, over the preset's own.
    #[garde(skip)]
    pub rename_district: BTreeMap<String, String>,
    /// Share of rejected rows above which a file is refused as a whole.
    #[garde(range(min = 0.0, max = 1.0))]
    pub max_reject_share: f64,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            name: String::new(),
            files: Vec::new(),
            preset: None,
            mapping: None,
            rename_topic: BTreeMap::new(),
            rename_district: BTreeMap::new(),
            max_reject_share: 0.05,
        }
    }
}

impl Source {
    /// The mapping in force: the configured one or the preset's, with the source's renamings laid over it.
    pub fn mapping(&self) -> Mapping {
        let base = self.mapping.clone().or_else(|| self.preset.as_deref().and_then(presets::find));
        let mut mapping = base.unwrap_or_default();
        mapping.rename_topic.extend(self.rename_topic.clone());
        mapping.rename_district.extend(self.rename_district.clone());
        mapping
    }

    pub(super) fn semantic(&self, i: usize, found: &mut Vec<Problem>) {
        match (&self.preset, &self.mapping) {
            (Some(name), _) if presets::find(name).is_none() => found.push(Problem::at(
                format!("source[{i}].preset"),
                format!("no preset {name:?}"),
                format!("use one of {}, or a [source.mapping]", presets::NAMES.join(", ")),
            )),
            (None, None) => found.push(Problem::at(
                format!("source[{i}]"),
                "neither preset nor mapping",
                format!("name a preset ({}) or write a [source.mapping]", presets::NAMES.join(", ")),
            )),
            _ => {}
        }
        if let Some(mapping) = &self.mapping {
            found.extend(mapping.mistakes().into_iter().map(|(key, problem, remedy)| {
                Problem::at(format!("source[{i}].mapping.{key}"), problem, remedy)
            }));
        }
    }
}
