//! `[[season]]`: spans of days that return every year, laid over those of the built-in calendar.
use garde::Validate;
use serde::{Deserialize, Serialize};
use weisu_models::calendar::{
    Calendar, Region, Status,
    season::{Bound, MOST, NotABound, Recurrence, Rule},
};

use super::{City, Problem};

/// One season of the city: a rule for every year, or the announced dates of one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(default)]
pub struct Season {
    /// Name: `heating`, `flood`, … of the built-in calendar, or a new one. The same name may be there several times:
    /// one rule, and one announcement for each year.
    #[garde(length(chars, min = 1, max = 60))]
    pub name: String,
    /// What people read in Chinese; the built-in text or the name unless said.
    #[garde(inner(length(chars, min = 1, max = 60)))]
    pub zh: Option<String>,
    /// What people read in English.
    #[garde(inner(length(chars, min = 1, max = 60)))]
    pub en: Option<String>,
    /// First day: month-day for every year, or one date.
    #[garde(skip)]
    pub from: Option<String>,
    /// Last day, inclusive, written like `from`.
    #[garde(skip)]
    pub to: Option<String>,
    /// Published by an authority, or worked out.
    #[garde(skip)]
    pub status: Status,
    /// `false` takes a built-in season out of the calendar.
    #[garde(skip)]
    pub enabled: bool,
}

impl Default for Season {
    fn default() -> Self {
        Self {
            name: String::new(),
            zh: None,
            en: None,
            from: None,
            to: None,
            status: Status::Predicted,
            enabled: true,
        }
    }
}

impl Season {
    /// What this says to the calendar; `None` where its days cannot be read, which [`Season::semantic`] reports.
    pub fn rule(&self) -> Option<Rule> {
        let when = if self.enabled { Some(self.recurrence(0).ok()?) } else { None };
        let (zh, en) = (self.zh.clone(), self.en.clone());
        Some(Rule { name: self.name.clone(), when, status: self.status, zh, en })
    }

    fn semantic(&self, i: usize, found: &mut Vec<Problem>) {
        if self.enabled
            && let Err(problems) = self.recurrence(i)
        {
            found.extend(problems);
        }
    }

    fn recurrence(&self, i: usize) -> Result<Recurrence, Vec<Problem>> {
        match (bound(i, "from", self.from.as_deref()), bound(i, "to", self.to.as_deref())) {
            (Ok(from), Ok(to)) => Recurrence::new(from, to)
                .map_err(|error| vec![mistake(format!("season[{i}].to"), &error.to_string())]),
            (from, to) => Err([from.err(), to.err()].into_iter().flatten().collect()),
        }
    }
}

/// What cannot be said of one key alone: days that make no season, and too many seasons.
pub(super) fn semantic(seasons: &[Season], city: &City, found: &mut Vec<Problem>) {
    seasons.iter().enumerate().for_each(|(i, season)| season.semantic(i, found));
    // Which year does not matter: every built-in season is there in each.
    let years = 2024..=2024;
    let region: Region = city.calendar.parse().unwrap_or(Region::None);
    let rules: Vec<Rule> = seasons.iter().filter_map(Season::rule).collect();
    let calendar = Calendar::for_region(region, *years.start(), *years.end()).with_seasons(&rules, &years);
    let names = calendar.season_names().len();
    if names > MOST {
        let last = seasons.iter().rposition(|season| season.enabled).unwrap_or_default();
        found.push(Problem::at(
            format!("season[{last}].name"),
            format!("is one of {names} different seasons, built-in ones among them"),
            format!("leave at most {MOST}: enabled = false takes out one that the city has not"),
        ));
    }
}

fn bound(i: usize, key: &str, text: Option<&str>) -> Result<Bound, Problem> {
    let Some(text) = text else {
        let remedy =
            "write month-day for every year, such as \"11-15\", or enabled = false to take the season out";
        return Err(Problem::at(format!("season[{i}].{key}"), "is missing", remedy));
    };
    text.parse().map_err(|error: NotABound| mistake(format!("season[{i}].{key}"), &error.to_string()))
}

/// Splits a message at the arrow that stands before its remedy.
fn mistake(key: String, message: &str) -> Problem {
    let (problem, remedy) = message.split_once(" -> ").unwrap_or((message, "see systemd/weisu.toml"));
    Problem::at(key, problem, remedy)
}
