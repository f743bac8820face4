//! Fixed words of a report in Chinese and English, from `messages.toml`.
use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

use crate::config::Lang;

#[derive(Debug, Deserialize)]
struct Entry {
    zh: String,
    en: String,
}

static CATALOGUE: LazyLock<BTreeMap<String, BTreeMap<String, Entry>>> = LazyLock::new(|| {
    // Tests read all of it, so a catalogue that cannot be read never ships.
    toml::from_str(include_str!("messages.toml")).unwrap_or_else(|error| {
        tracing::error!(%error, "messages of the report");
        BTreeMap::new()
    })
});

/// The words of one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// The language.
    pub lang: Lang,
}

impl Words {
    /// What people read for a name; the name itself where the catalogue has none.
    pub fn say(self, group: &str, name: &str) -> String {
        let entry = CATALOGUE.get(group).and_then(|group| group.get(name));
        let said = entry.map(|entry| match self.lang {
            Lang::Zh => entry.zh.as_str(),
            Lang::En => entry.en.as_str(),
        });
        said.unwrap_or(name).to_owned()
    }

    /// Whether the catalogue has a name.
    pub fn knows(self, group: &str, name: &str) -> bool {
        CATALOGUE.get(group).is_some_and(|group| group.contains_key(name))
    }

    /// The language as an HTML `lang`.
    pub fn tag(self) -> &'static str {
        match self.lang {
            Lang::Zh => "zh-CN",
            Lang::En => "en",
        }
    }

    /// The language in file names.
    pub fn short(self) -> &'static str {
        match self.lang {
            Lang::Zh => "zh",
            Lang::En => "en",
        }
    }
}
