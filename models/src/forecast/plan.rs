//! Which origins are forecast from, and at which of them the profile is fitted anew.
use std::ops::Range;

use super::Params;

/// Known days without which no GLM is fitted and no origin is used.
pub const MIN_DAYS: usize = 56;
/// A profile changes slowly and costs most: it is fitted at every fourth origin, the level at each.
const ORIGINS_A_PROFILE: usize = 4;

/// Origins in ascending order with the profile each of them uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Day index of each origin (the last day known there), ascending.
    pub origins: Vec<usize>,
    /// Origins (as a range of positions in `origins`) that share one profile, fitted at the first of them.
    pub profiles: Vec<Range<usize>>,
    /// Days forecast from each origin.
    pub leads: usize,
}

impl Plan {
    /// Rolling origins whose forecast days lie within `days` known days.
    pub fn rolling(days: usize, params: &Params) -> Self {
        let newest = days.checked_sub(1 + params.horizon);
        let mut origins: Vec<usize> = (0..params.origins.max(params.boosted))
            .filter_map(|j| newest?.checked_sub(j * params.step.max(1)))
            .filter(|origin| origin + 1 >= MIN_DAYS)
            .collect();
        origins.reverse();
        let profiles = (0..origins.len())
            .step_by(ORIGINS_A_PROFILE)
            .map(|first| first..(first + ORIGINS_A_PROFILE).min(origins.len()))
            .collect();
        Self { origins, profiles, leads: params.horizon }
    }

    /// The last of `days` known days as the only origin.
    pub fn newest(days: usize, leads: usize) -> Self {
        match days.checked_sub(1) {
            Some(origin) => Self { origins: vec![origin], profiles: vec![Range { start: 0, end: 1 }], leads },
            None => Self { origins: Vec::new(), profiles: Vec::new(), leads },
        }
    }

    /// Number of forecast values per series.
    pub fn width(&self) -> usize {
        self.origins.len() * self.leads
    }

    /// Day index of every forecast value: origin by origin, lead by lead.
    pub fn targets(&self) -> impl Iterator<Item = usize> {
        self.origins.iter().flat_map(|origin| (1..=self.leads).map(move |lead| origin + lead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolling_origins_end_before_the_last_day_and_share_profiles() {
        let plan = Plan::rolling(200, &Params { origins: 6, boosted: 0, ..Params::default() });
        assert_eq!(plan.origins, [101, 115, 129, 143, 157, 171]);
        assert_eq!(plan.profiles, [0..4, 4..6]);
        assert_eq!(plan.targets().last(), Some(199));
    }

    #[test]
    fn short_histories_have_fewer_origins_or_none() {
        let params = Params::default();
        assert!(Plan::rolling(0, &params).origins.is_empty());
        assert_eq!(Plan::rolling(MIN_DAYS + 28, &params).origins, [MIN_DAYS - 1]);
        assert_eq!(Plan::newest(0, 28).width(), 0);
    }
}
