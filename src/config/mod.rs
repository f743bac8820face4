//! The configuration: one TOML file, one struct a section, every mistake reported at once.
//!
//! Every key has a default or is checked after reading, so that a key that cannot be read is noted, set aside
//! and the rest is still looked at: an operator sees five mistakes in one go, each with file, line, key and
//! remedy.
use std::path::{Path, PathBuf};

use garde::Validate;
use serde::{Deserialize, Serialize};

mod capacity;
mod city;
mod detect;
mod forecast;
mod hours;
mod http;
mod plan;
mod problems;
mod publish;
mod receiver;
pub mod regressor;
pub mod routing;
mod schedule;
mod season;
mod source;
mod store;

pub use capacity::Capacity;
pub use city::{City, Lang, Zone};
pub use detect::{Detect, Scan};
pub use forecast::{Daily, Forecast};
pub use hours::{LocalTime, Quiet};
pub use http::{Access, Http};
pub use plan::{Plan, Plans};
pub use problems::{Problem, Problems};
pub use publish::Publish;
pub use receiver::{Encryption, Receiver, ReceiverKind, WebhookBody};
pub use regressor::Regressor;
pub use schedule::Schedule;
pub use season::Season;
pub use source::Source;
pub use store::Store;

/// Everything a weisu installation is told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate)]
#[serde(default)]
pub struct Config {
    /// The city: names, zone, calendar.
    #[garde(dive)]
    pub city: City,
    /// Seasons of the city, laid over those of its calendar.
    #[garde(dive)]
    pub season: Vec<Season>,
    /// What is measured of each day and moves the counts.
    #[garde(dive)]
    pub regressor: Vec<Regressor>,
    /// Where everything is kept.
    #[garde(dive)]
    pub store: Store,
    /// Where tickets come from.
    #[garde(dive)]
    pub source: Vec<Source>,
    /// How far and how to forecast.
    #[garde(dive)]
    pub forecast: Forecast,
    /// When to raise an alarm.
    #[garde(dive)]
    pub detect: Detect,
    /// What units can handle in a week.
    #[garde(dive)]
    pub capacity: Vec<Capacity>,
    /// Exports and alerts.
    #[garde(dive)]
    pub publish: Publish,
    /// Who gets alerts.
    #[garde(dive)]
    pub receiver: Vec<Receiver>,
    /// Page, API and metrics.
    #[garde(dive)]
    pub http: Http,
    /// When each stage runs.
    #[garde(dive)]
    pub schedule: Schedule,
}

impl Config {
    /// Reads and checks a file; relative paths in it are taken from its folder.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Problems::one(
                path,
                Problem {
                    line: None,
                    key: String::new(),
                    problem: format!("cannot be read: {error}"),
                    remedy: "name an existing, readable UTF-8 file with --config".to_owned(),
                },
            )
        })?;
        let mut config = Self::parse(&text, path)?;
        config.resolve(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// Checks the text of a file; `path` is only for messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Problems> {
        problems::read(text, path, Self::semantic)
    }

    /// Opens the files that stages read later and the configuration cannot judge by their names: holidays, the map and
    /// the list of neighbours, regressors, contingency plans and the routing table.
    pub fn check_files(&self, path: &Path) -> Result<(), Problems> {
        let mut found = self.city.check_files();
        found.extend(self.regressor.iter().enumerate().filter_map(|(i, r)| r.check_file(i)));
        found.extend(self.publish.plans.iter().flat_map(|folder| Plans::read(folder).1));
        if let Err(problems) = self.routing() {
            let place = |p: &Problem| match p.line {
                Some(line) => format!("{}:{line}", problems.path.display()),
                None => problems.path.display().to_string(),
            };
            found.extend(problems.found.iter().map(|p| {
                Problem::at("publish.routing", format!("{}: {}", place(p), p.problem), p.remedy.clone())
            }));
        }
        if found.is_empty() { Ok(()) } else { Err(problems::located(path, found)) }
    }

    /// The routing table, if one is configured; a receiver that it names must not have filters of its own. Mistakes
    /// are the table's.
    pub fn routing(&self) -> Result<Option<routing::Table>, Problems> {
        let Some(path) = &self.publish.routing else { return Ok(None) };
        let names: Vec<&str> = self.receiver.iter().map(|r| r.name.as_str()).collect();
        let table = routing::Table::read(path, &names)?;
        let both = self.receiver.iter().filter(|r| table.names(&r.name));
        let both = both.filter(|r| !r.districts.is_empty() || !r.topics.is_empty());
        let found: Vec<Problem> = both
            .map(|r| {
                let problem = format!("receiver {:?} stands in the table and has filters too", r.name);
                Problem::at("", problem, "remove its districts and topics: the table says what it gets")
            })
            .collect();
        if found.is_empty() { Ok(Some(table)) } else { Err(Problems { path: path.clone(), found }) }
    }

    /// The contingency plans; a file that is no plan is left out with a line in the log.
    pub fn plans(&self) -> Plans {
        self.publish.plans.as_deref().map(Plans::logged).unwrap_or_default()
    }

    /// What cannot be said of one key alone.
    fn semantic(&self, found: &mut Vec<Problem>) {
        twice("regressor", self.regressor.iter().map(|r| &*r.name), found);
        twice("source", self.source.iter().map(|s| &*s.name), found);
        twice("receiver", self.receiver.iter().map(|r| &*r.name), found);
        self.source.iter().enumerate().for_each(|(i, s)| s.semantic(i, found));
        capacity::semantic(&self.capacity, found);
        self.receiver.iter().enumerate().for_each(|(i, r)| r.semantic(i, found));
        season::semantic(&self.season, &self.city, found);
        self.schedule.semantic(found);
        self.http.semantic(found);
    }

    /// Lays relative paths onto the folder of the configuration file.
    fn resolve(&mut self, folder: &Path) {
        let lay = |p: &mut PathBuf| {
            if p.is_relative() {
                *p = folder.join(&*p);
            }
        };
        lay(&mut self.publish.exports);
        lay(&mut self.store.data);
        self.source.iter_mut().flat_map(|s| &mut s.files).for_each(|f| {
            if Path::new(f.as_str()).is_relative() {
                *f = folder.join(&*f).display().to_string();
            }
        });
        self.receiver.iter_mut().flat_map(|r| [&mut r.secret_file, &mut r.url_file]).flatten().for_each(lay);
        [&mut self.publish.routing, &mut self.publish.plans].into_iter().flatten().for_each(lay);
        self.http.key_file.iter_mut().for_each(lay);
        self.city.holidays.iter_mut().for_each(lay);
        [&mut self.city.map, &mut self.city.adjacency].into_iter().flatten().for_each(lay);
        self.regressor.iter_mut().map(|r| &mut r.file).for_each(lay);
        if let Some(rest) = self.store.url.strip_prefix("sqlite://").filter(|r| !r.starts_with('/')) {
            self.store.url = format!("sqlite://{}", folder.join(rest).display());
        }
    }

    /// Hash of the settings, kept with each run: the same hash, data and seed give the same bytes.
    pub fn hash(&self) -> String {
        use sha2::{Digest, Sha256};
        let settings =
            (&self.city, &self.season, &self.regressor, &self.forecast, &self.detect, &self.capacity);
        let json = serde_json::to_vec(&settings).unwrap_or_default();
        Sha256::digest(json).iter().take(8).map(|b| format!("{b:02x}")).collect()
    }
}

/// Notes each name of a list that an earlier item has.
fn twice<'a>(list: &str, names: impl Iterator<Item = &'a str>, found: &mut Vec<Problem>) {
    let mut known = std::collections::BTreeSet::new();
    for (i, name) in names.enumerate() {
        if !known.insert(name) {
            found.push(Problem::at(
                format!("{list}[{i}].name"),
                format!("{name:?} is the name of an earlier {list}"),
                format!("give each {list} its own name"),
            ));
        }
    }
}

/// A URL without its password and the values of its parameters, which may be keys.
fn without_secrets(url: &str) -> String {
    let Ok(mut url) = reqwest::Url::parse(url) else { return "(not a URL)".to_owned() };
    if url.password().is_some() {
        url.set_password(Some("***")).ok();
    }
    let names: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    if !names.is_empty() {
        url.query_pairs_mut().clear().extend_pairs(names.iter().map(|name| (name, "***")));
    }
    url.into()
}
