//! Hysteresis: two weeks in to begin, two weeks out to end.
//!
//! One loud week is no season, and one quiet week does not end it (Bowman et al. 2016, who begin an outbreak with two
//! consecutive signals and end it after two absences).

/// Weeks in a row that begin or end an episode.
const AGREE: usize = 2;

/// A stretch of weeks above a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Episode {
    /// The first of the two weeks that began it.
    pub from: usize,
    /// The first of the two weeks that ended it; `None` while it lasts.
    pub to: Option<usize>,
}

/// Where the state stands after some weeks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// In an episode, or above from the first week on.
    pub(super) inside: bool,
    /// Weeks in a row that speak against the state: 0 or 1.
    pub(super) against: usize,
}

/// The episodes in a row of weeks: above, below, or unknown, which leaves everything as it was.
///
/// A row that begins above has no known begin: it is in until two weeks below, and that stretch is no episode.
///
/// ```
/// use weisu_models::hotspot::season::{Episode, episodes};
/// let weeks = [0, 1, 0, 1, 1, 0, 1, 0, 0, 1].map(|above| Some(above == 1));
/// assert_eq!(episodes(weeks), [Episode { from: 3, to: Some(7) }]);
/// ```
pub fn episodes(above: impl IntoIterator<Item = Option<bool>>) -> Vec<Episode> {
    walk(above).0
}

/// The episodes, and the state after the last week.
pub(super) fn walk(above: impl IntoIterator<Item = Option<bool>>) -> (Vec<Episode>, State) {
    let mut out: Vec<Episode> = Vec::new();
    let mut state: Option<State> = None;
    let mut first_against = 0;
    for (week, above) in above.into_iter().enumerate() {
        let Some(above) = above else { continue };
        let now = state.get_or_insert(State { inside: above, against: 0 });
        if above == now.inside {
            now.against = 0;
            continue;
        }
        if now.against == 0 {
            first_against = week;
        }
        now.against += 1;
        if now.against == AGREE {
            *now = State { inside: above, against: 0 };
            if above {
                out.push(Episode { from: first_against, to: None });
            } else if let Some(last) = out.last_mut() {
                last.to = Some(first_against);
            }
        }
    }
    (out, state.unwrap_or(State { inside: false, against: 0 }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(weeks: &str) -> Vec<Episode> {
        episodes(weeks.chars().map(|c| (c != '?').then_some(c == '#')))
    }

    #[test]
    fn two_weeks_begin_and_two_weeks_end() {
        assert_eq!(of(".#.#.#."), []);
        assert_eq!(of("..##..##"), [Episode { from: 2, to: Some(4) }, Episode { from: 6, to: None }]);
        assert_eq!(of("..##.#.."), [Episode { from: 2, to: Some(6) }]);
        assert_eq!(
            of("###..##"),
            [Episode { from: 5, to: None }],
            "a begin before the first week is unknown"
        );
        assert_eq!(of("..#?#"), [Episode { from: 2, to: None }], "an unknown week says nothing");
        assert_eq!(of(""), []);
    }

    proptest! {
        #[test]
        fn episodes_are_apart_and_begin_with_two_weeks(weeks in prop::collection::vec(any::<bool>(), 0..60)) {
            let found = episodes(weeks.iter().copied().map(Some));
            for e in &found {
                prop_assert!(weeks[e.from] && weeks[e.from + 1]);
                if let Some(to) = e.to {
                    prop_assert!(e.from + 1 < to && !weeks[to] && !weeks[to + 1]);
                }
            }
            for pair in found.windows(2) {
                prop_assert!(pair[0].to.is_some_and(|to| to + 1 < pair[1].from));
            }
        }
    }
}
