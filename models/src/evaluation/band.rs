//! Leads that are scored together.
use std::fmt;

use serde::{Serialize, Serializer};

/// Last lead of each band of days; further ones are 28 days long.
const DAYS: [usize; 4] = [7, 14, 21, 28];
/// Last lead of each band of months; further ones are 12 months long.
const MONTHS: [usize; 4] = [1, 3, 6, 12];

/// Leads `first ..= last`, from 1; written `1-7`, or `all` for the whole horizon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Band {
    /// First lead.
    pub first: usize,
    /// Last lead.
    pub last: usize,
    /// The whole horizon rather than a part of it.
    pub whole: bool,
}

impl Band {
    /// The whole horizon of days, then weeks up to four, then blocks of 28 days. A horizon of one part is not
    /// repeated as a part; one of 0 days has no bands.
    pub fn days(horizon: usize) -> Vec<Self> {
        bands(horizon, DAYS, 28)
    }

    /// The whole horizon of months, then the first, 2-3, 4-6, 7-12 and whole years.
    pub fn months(horizon: usize) -> Vec<Self> {
        bands(horizon, MONTHS, 12)
    }

    /// The part of `leads` values, first lead first, that this band covers.
    pub fn of<'a, T>(&self, leads: &'a [T]) -> &'a [T] {
        let last = self.last.min(leads.len());
        &leads[(self.first - 1).min(last)..last]
    }
}

fn bands(horizon: usize, ends: [usize; 4], further: usize) -> Vec<Band> {
    let beyond = (1..).map(|k| ends[3] + k * further);
    let mut parts = Vec::new();
    let mut first = 1;
    for end in ends.into_iter().chain(beyond) {
        if first > horizon {
            break;
        }
        parts.push(Band { first, last: end.min(horizon), whole: false });
        first = end + 1;
    }
    let whole = (horizon > 0).then_some(Band { first: 1, last: horizon, whole: true });
    whole.into_iter().chain(parts.into_iter().filter(|b| b.last - b.first + 1 < horizon)).collect()
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { whole: true, .. } => f.pad("all"),
            Self { first, last, .. } if first == last => f.pad(&first.to_string()),
            Self { first, last, .. } => f.pad(&format!("{first}-{last}")),
        }
    }
}

impl Serialize for Band {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(bands: &[Band]) -> Vec<String> {
        bands.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn weeks_then_blocks_and_the_last_one_ends_with_the_horizon() {
        assert_eq!(names(&Band::days(28)), ["all", "1-7", "8-14", "15-21", "22-28"]);
        assert_eq!(names(&Band::days(60)), ["all", "1-7", "8-14", "15-21", "22-28", "29-56", "57-60"]);
        assert_eq!(names(&Band::days(8)), ["all", "1-7", "8"]);
        assert_eq!(names(&Band::months(13)), ["all", "1", "2-3", "4-6", "7-12", "13"]);
    }

    #[test]
    fn one_part_is_the_whole_and_nothing_has_no_bands() {
        assert_eq!(names(&Band::days(7)), ["all"]);
        assert_eq!(names(&Band::months(1)), ["all"]);
        assert!(Band::days(0).is_empty());
    }

    #[test]
    fn a_band_beyond_the_values_is_empty() {
        let band = Band { first: 8, last: 14, whole: false };
        assert_eq!(band.of(&[0; 10]).len(), 3);
        assert!(band.of(&[0; 5]).is_empty());
    }
}
