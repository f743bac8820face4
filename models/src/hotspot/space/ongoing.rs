//! New against ongoing clusters: which of today's clusters were there yesterday.
//!
//! A cluster moves and grows from scan to scan. It is the one of yesterday when the two share a district and
//! their periods overlap (or follow each other without a gap).
use serde::{Deserialize, Serialize};

/// Where and when a cluster is; periods are dates or any other ordered numbers of days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Districts.
    pub districts: Vec<usize>,
    /// First period.
    pub first: i64,
    /// Last period.
    pub last: i64,
}

impl Extent {
    /// Districts both have.
    fn shared(&self, other: &Self) -> usize {
        self.districts.iter().filter(|d| other.districts.contains(d)).count()
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last.saturating_add(1) && other.first <= self.last.saturating_add(1)
    }

    /// Days both last; 0 when they follow each other.
    fn days(&self, other: &Self) -> i64 {
        self.last.min(other.last).saturating_sub(self.first.max(other.first)).saturating_add(1).max(0)
    }
}

/// For each of today's clusters the one of yesterday's it goes on from: of those that overlap the one with most
/// districts in common, then with most days, then the first. `None` is a new cluster.
///
/// Two of today's may go on from the same one when it has split.
///
/// ```
/// use weisu_models::hotspot::space::ongoing::{Extent, matched};
/// let yesterday = [Extent { districts: vec![3, 4], first: 10, last: 12 }];
/// let today = [
///     Extent { districts: vec![4, 5, 6], first: 11, last: 13 },
///     Extent { districts: vec![8], first: 13, last: 13 },
/// ];
/// assert_eq!(matched(&today, &yesterday), [Some(0), None]);
/// ```
pub fn matched(today: &[Extent], yesterday: &[Extent]) -> Vec<Option<usize>> {
    let before = |now: &Extent| {
        let near =
            yesterday.iter().enumerate().filter(|(_, then)| now.overlaps(then) && now.shared(then) > 0);
        let best = near.max_by_key(|(k, then)| (now.shared(then), now.days(then), std::cmp::Reverse(*k)));
        best.map(|(k, _)| k)
    };
    today.iter().map(before).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(districts: &[usize], first: i64, last: i64) -> Extent {
        Extent { districts: districts.to_vec(), first, last }
    }

    #[test]
    fn both_place_and_time_have_to_meet() {
        let yesterday = [at(&[1, 2], 5, 8)];
        assert_eq!(matched(&[at(&[3], 5, 8)], &yesterday), [None]);
        assert_eq!(matched(&[at(&[1], 10, 10)], &yesterday), [None]);
        assert_eq!(matched(&[at(&[1], 9, 9)], &yesterday), [Some(0)], "the day after");
        assert_eq!(matched(&[at(&[2, 3], 8, 9), at(&[1], 7, 9)], &yesterday), [Some(0), Some(0)], "split");
    }

    #[test]
    fn most_in_common_wins() {
        let yesterday = [at(&[1], 1, 9), at(&[2, 3], 8, 9), at(&[3, 4], 5, 9)];
        assert_eq!(matched(&[at(&[1, 2, 3, 4], 5, 10)], &yesterday), [Some(2)]);
        assert_eq!(matched(&[at(&[1, 2], 9, 10)], &yesterday), [Some(0)], "first of equals");
        let longer = [at(&[1], 1, 9), at(&[1, 2], 9, 9)];
        assert_eq!(matched(&[at(&[1, 2], 1, 10)], &longer), [Some(1)], "districts before days");
        assert_eq!(matched(&[], &yesterday), []);
        assert_eq!(matched(&[at(&[1], 1, 1)], &[]), [None]);
    }
}
