//! `[city]`: names, zone, calendar.
use std::path::PathBuf;

use chrono_tz::Tz;
use garde::Validate;
use serde::{Deserialize, Serialize};

use super::Problem;
use crate::{
    ingest::holidays,
    map::{self, Geography, Mistake, Of},
};

/// Language of what people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Lang {
    /// 中文
    Zh,
    /// English
    #[default]
    En,
}

/// The city.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(default)]
pub struct City {
    /// Name as people read it.
    #[garde(length(chars, min = 1, max = 60))]
    pub name: String,
    /// Short name in file names: letters, digits, `_` and `-`.
    #[garde(custom(file_name_part))]
    pub code: String,
    /// IANA zone: local days are cut in it.
    #[garde(skip)]
    pub zone: Zone,
    /// Built-in calendar: `CN`, `US`, `BR` or `none`.
    #[garde(custom(known_calendar))]
    pub calendar: String,
    /// Files laid over the built-in calendar: CSV `ds,name[,off,status]`, or iCalendar if the name ends in `.ics`.
    #[garde(skip)]
    pub holidays: Vec<PathBuf>,
    /// GeoJSON of the districts, a feature each: the map that people see, and who is whose neighbour.
    #[garde(skip)]
    pub map: Option<PathBuf>,
    /// Property of a feature that names its district.
    #[garde(length(chars, min = 1, max = 60))]
    pub map_name: String,
    /// Neighbours in place of those whose borders meet on the map, or without one: CSV `a,b`.
    #[garde(skip)]
    pub adjacency: Option<PathBuf>,
    /// Language of messages, exports and the page's first view.
    #[garde(skip)]
    pub lang: Lang,
}

impl Default for City {
    fn default() -> Self {
        Self {
            name: "City".to_owned(),
            code: "city".to_owned(),
            zone: Zone(Tz::UTC),
            calendar: "none".to_owned(),
            holidays: Vec::new(),
            map: None,
            map_name: map::NAME.to_owned(),
            adjacency: None,
            lang: Lang::En,
        }
    }
}

impl City {
    /// The districts on the map with their neighbours; `None` without map and list.
    ///
    /// # Errors
    /// Every mistake of both files.
    pub fn geography(&self) -> Result<Option<Geography>, Vec<Mistake>> {
        let (map, adjacency) = (self.map.as_deref(), self.adjacency.as_deref());
        map::read(&map::Files { map, name: &self.map_name, adjacency })
    }

    /// What is wrong with the files of holidays, of the map and of neighbours.
    pub(super) fn check_files(&self) -> Vec<Problem> {
        let key = |of: Of| match of {
            Of::Map => "city.map",
            Of::Name => "city.map_name",
            Of::Adjacency => "city.adjacency",
        };
        let mistakes = self.geography().err().unwrap_or_default();
        let of_map = mistakes.into_iter().map(|m| Problem::at(key(m.of), m.problem, m.remedy));
        self.check_holidays().into_iter().chain(of_map).collect()
    }

    /// What is wrong with the holiday files. Days that return every year are laid out over any year.
    fn check_holidays(&self) -> Vec<Problem> {
        let wrong = |(i, path): (usize, &PathBuf)| {
            let error = holidays::read(path, &(2024..=2025)).err()?;
            let remedy = "mend the file, or take it out of city.holidays";
            Some(Problem::at(format!("city.holidays[{i}]"), format!("{error:#}"), remedy))
        };
        self.holidays.iter().enumerate().filter_map(wrong).collect()
    }
}

/// An IANA zone that says how to mend it when it is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(pub Tz);

impl Serialize for Zone {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let name = String::deserialize(d)?;
        name.parse().map(Zone).map_err(|_| {
            serde::de::Error::custom(format!(
                "{name:?} is not a time zone -> write an IANA name such as \"Asia/Shanghai\" or \"America/Chicago\""
            ))
        })
    }
}

fn file_name_part(code: &str, (): &()) -> garde::Result {
    let ok = !code.is_empty()
        && code.len() <= 40
        && code.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    if ok {
        Ok(())
    } else {
        Err(garde::Error::new(format!(
            "{code:?} cannot be part of a file name -> use letters, digits, _ and -"
        )))
    }
}

fn known_calendar(region: &str, (): &()) -> garde::Result {
    if ["CN", "US", "BR", "none"].contains(&region) {
        Ok(())
    } else {
        Err(garde::Error::new(format!(
            "no built-in calendar {region:?} -> use \"CN\", \"US\", \"BR\" or \"none\", and city.holidays for others"
        )))
    }
}
