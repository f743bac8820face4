//! The regions with a built-in calendar.
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Calendar, china, rules};

/// A region with a built-in calendar, named in configs and options by a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Region {
    /// `CN`: announced and predicted holidays, make-up workdays, heating, flood, school and examination seasons.
    China,
    /// `US`: federal holidays with observed days.
    UnitedStates,
    /// `BR`: national holidays, and those of the city and state of São Paulo.
    Brazil,
    /// `none`: weekends only; give the city's own list of holidays.
    None,
}

/// A region code that has no built-in calendar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no built-in calendar for region {code:?}: use CN, US, BR, or none with a holidays file of your own")]
pub struct UnknownRegion {
    /// The code that was given.
    pub code: String,
}

impl Region {
    /// The code of the region, as written in a config.
    pub fn code(self) -> &'static str {
        match self {
            Self::China => "CN",
            Self::UnitedStates => "US",
            Self::Brazil => "BR",
            Self::None => "none",
        }
    }
}

impl FromStr for Region {
    type Err = UnknownRegion;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        let all = [Self::China, Self::UnitedStates, Self::Brazil, Self::None];
        let found = all.into_iter().find(|region| region.code().eq_ignore_ascii_case(code.trim()));
        found.ok_or_else(|| UnknownRegion { code: code.to_owned() })
    }
}

impl TryFrom<String> for Region {
    type Error = UnknownRegion;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        code.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.code().to_owned()
    }
}

impl Calendar {
    /// The built-in calendar of `region` for the years `from_year` to `to_year`, inclusive.
    ///
    /// The range is cut to 1900..=2199, which the lunar calendar covers; an empty one gives a calendar without
    /// holidays.
    pub fn for_region(region: Region, from_year: i32, to_year: i32) -> Self {
        let years = from_year.max(1900)..=to_year.min(2199);
        match region {
            Region::China => china::calendar(&years),
            Region::UnitedStates => rules::united_states(&years),
            Region::Brazil => rules::brazil(&years),
            Region::None => Self::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip_and_an_unknown_one_names_the_remedy() {
        for code in ["CN", "US", "BR", "none"] {
            assert_eq!(code.parse::<Region>().unwrap().code(), code);
            assert_eq!(serde_json::from_str::<Region>(&format!("{code:?}")).unwrap().code(), code);
        }
        assert_eq!("cn".parse(), Ok(Region::China));
        let error = "FR".parse::<Region>().unwrap_err().to_string();
        assert!(error.contains("FR") && error.contains("CN, US, BR") && error.contains("none"), "{error}");
    }

    #[test]
    fn every_region_answers_any_range_of_years() {
        for region in [Region::China, Region::UnitedStates, Region::Brazil, Region::None] {
            assert_eq!(Calendar::for_region(region, 2030, 2020), Calendar::new());
            let _ = Calendar::for_region(region, 1, 3);
            let _ = Calendar::for_region(region, i32::MIN, i32::MAX);
        }
    }
}
