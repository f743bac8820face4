//! Where a scan looks: around each centre the growing sets of its nearest districts.
//!
//! Zones of one centre are nested, so that the sums of a zone are those of the one before it and one more district.
//! The same set around another centre is looked at once. Equally far districts enter one after another.
use std::{cmp::Reverse, collections::BTreeMap};

use rustc_hash::FxHashSet;

use super::{Neighbours, Places};

/// How far a zone may grow; the smallest limit holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ZoneLimits {
    /// Most districts in a zone.
    pub districts: usize,
    /// Largest distance from the centre, in the unit of the places.
    pub radius: f64,
    /// Largest share of the weights (cases, or cases expected) a zone may hold, up to 1.
    pub share: f64,
}

impl Default for ZoneLimits {
    /// Half of the cases, as usual since Kulldorff (1997).
    fn default() -> Self {
        Self { districts: usize::MAX, radius: f64::INFINITY, share: 0.5 }
    }
}

/// Districts up to which every connected set is a zone.
pub const FLEXIBLE: usize = 4;

/// Sets at most, about, of the largest size.
const MOST_SETS: f64 = 1e6;

/// Why zones cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidZones {
    /// A limit that leaves nothing to scan.
    #[error("zone limits {0:?}: at least one district, a radius of at least 0 and a share above 0 up to 1")]
    Limits(ZoneLimits),
    /// Weights of another number of districts.
    #[error("{weights} weights for {districts} districts")]
    Weights {
        /// Weights given.
        weights: usize,
        /// Districts there are.
        districts: usize,
    },
    /// A weight that is missing or negative.
    #[error("district {district} weighs {weight}")]
    Weight {
        /// Position of the district.
        district: usize,
        /// Its weight.
        weight: f64,
    },
    /// A list names a district that is not there, or one twice.
    #[error("district {district} is named twice around centre {centre} or is not one of {districts}")]
    Unknown {
        /// The centre.
        centre: usize,
        /// Position given.
        district: usize,
        /// Districts there are.
        districts: usize,
    },
    /// More districts or places in lists than a scan can number.
    #[error("more than {} districts in the lists of the zones", u32::MAX)]
    TooMany,
}

/// Unique zones, nested around their centres.
#[derive(Debug, Clone, PartialEq)]
pub struct Zones {
    districts: usize,
    /// Lists of the centres, one after another, each as long as its last unique zone.
    order: Vec<u32>,
    /// Where the list of each centre begins, and the end.
    starts: Vec<usize>,
    /// Whether the zone that ends at this place of `order` is a new one.
    unique: Vec<bool>,
    /// Centre and number of districts of each unique zone, in scan order.
    zones: Vec<(u32, u32)>,
}

impl Zones {
    /// Circles around each place. `weights` are the cases (or cases expected) of each district, for the share.
    pub fn circles(places: &Places, weights: &[f64], limits: ZoneLimits) -> Result<Self, InvalidZones> {
        check(places.len(), weights, limits)?;
        let most = limits.share * weights.iter().sum::<f64>() * (1.0 + 1e-12);
        let list = |centre| {
            let mut held = 0.0;
            let near = places.by_distance(centre).into_iter().take(limits.districts);
            let near = near.take_while(|(j, far)| {
                held += weights[*j];
                *far <= limits.radius && held <= most
            });
            near.map(|(j, _)| j).collect()
        };
        Self::nested(places.len(), &(0..places.len()).map(list).collect::<Vec<_>>())
    }

    /// Zones of neighbours up to `most` districts: every connected set of up to [`FLEXIBLE`] of them, because a cluster
    /// is seldom a circle (T. Tango and K. Takahashi, Int. J. Health Geogr. 2005), and compact larger ones, which grow
    /// from each district over its neighbours, theirs, and so on; of those as many steps away the one with most
    /// neighbours in the zone comes first.
    pub fn connected(neighbours: &Neighbours, most: usize) -> Result<Self, InvalidZones> {
        if most == 0 {
            return Err(InvalidZones::Limits(ZoneLimits { districts: 0, ..ZoneLimits::default() }));
        }
        let mut lists: Vec<Vec<usize>> = (0..neighbours.len()).map(|d| grown(neighbours, d, most)).collect();
        let flexible = flexible(neighbours, most);
        for d in 0..neighbours.len() {
            let beside =
                neighbours.of(d).iter().map(|(other, _)| *other).filter(|other| *other > d).collect();
            connected_sets(neighbours, &mut vec![d], beside, flexible, &mut lists);
        }
        Self::nested(neighbours.len(), &lists)
    }

    /// Zones from lists of nearest districts that the caller has, for example by travel time: every beginning of
    /// a list is a zone.
    pub fn nested(districts: usize, lists: &[Vec<usize>]) -> Result<Self, InvalidZones> {
        if lists.iter().map(Vec::len).sum::<usize>().max(districts).max(lists.len()) > u32::MAX as usize {
            return Err(InvalidZones::TooMany);
        }
        let mut zones = Self { districts, order: vec![], starts: vec![0], unique: vec![], zones: vec![] };
        let mut seen = FxHashSet::default();
        for (centre, list) in lists.iter().enumerate() {
            zones.add(centre, list, &mut seen)?;
        }
        Ok(zones)
    }

    fn add(
        &mut self,
        centre: usize,
        list: &[usize],
        seen: &mut FxHashSet<Box<[u64]>>,
    ) -> Result<(), InvalidZones> {
        let (start, districts) = (self.order.len(), self.districts);
        let mut members = vec![0_u64; districts.div_ceil(64)];
        let mut end = start;
        for (k, &district) in list.iter().enumerate() {
            let bit = 1 << (district % 64);
            if district >= districts || members[district / 64] & bit != 0 {
                return Err(InvalidZones::Unknown { centre, district, districts });
            }
            members[district / 64] |= bit;
            let new = seen.insert(members.clone().into_boxed_slice());
            self.order.push(district as u32);
            self.unique.push(new);
            if new {
                self.zones.push((centre as u32, k as u32 + 1));
                end = self.order.len();
            }
        }
        self.order.truncate(end);
        self.unique.truncate(end);
        self.starts.push(end);
        Ok(())
    }

    /// Number of unique zones.
    pub fn len(&self) -> usize {
        self.zones.len()
    }

    /// Whether there is nothing to scan.
    pub fn is_empty(&self) -> bool {
        self.zones.is_empty()
    }

    /// Number of districts the zones are of.
    pub fn districts(&self) -> usize {
        self.districts
    }

    /// The district a zone was first found around, or grown from.
    ///
    /// # Panics
    /// When the zone is not one of [`len`](Self::len); so does [`members`](Self::members).
    pub fn centre(&self, zone: usize) -> usize {
        self.members(zone)[0] as usize
    }

    /// Districts of a zone, nearest to the centre first.
    pub fn members(&self, zone: usize) -> &[u32] {
        let (centre, len) = self.zones[zone];
        let start = self.starts[centre as usize];
        &self.order[start..start + len as usize]
    }

    /// For each centre its districts, and whether the zone up to each of them is a new one. New zones in this
    /// order are numbered from 0.
    pub(super) fn centres(&self) -> impl Iterator<Item = (&[u32], &[bool])> {
        self.starts.windows(2).map(|w| (&self.order[w[0]..w[1]], &self.unique[w[0]..w[1]]))
    }
}

/// How large every connected set can be without too many of them: a map's districts have a few neighbours, a list may give
/// each all others.
fn flexible(neighbours: &Neighbours, most: usize) -> usize {
    let sets = |size: usize| -> f64 {
        (0..neighbours.len()).map(|d| (neighbours.of(d).len() as f64).powi(size as i32 - 1)).sum()
    };
    (2..=most.min(FLEXIBLE)).rev().find(|size| sets(*size) <= MOST_SETS).unwrap_or(1)
}

/// All connected sets of `most` districts (or fewer, where there are no more) of which the first is the least one, each
/// once: a set grows by what is next to its newest district alone (S. Wernicke, WABI 2005).
fn connected_sets(
    neighbours: &Neighbours,
    set: &mut Vec<usize>,
    mut beside: Vec<usize>,
    most: usize,
    lists: &mut Vec<Vec<usize>>,
) {
    if set.len() == most || beside.is_empty() {
        lists.push(set.clone());
        return;
    }
    while let Some(next) = beside.pop() {
        let known = |d: usize| set.iter().any(|s| *s == d || neighbours.of(*s).iter().any(|(o, _)| *o == d));
        let mut further = beside.clone();
        let new = neighbours.of(next).iter().map(|(other, _)| *other);
        further.extend(new.filter(|other| *other > set[0] && !known(*other)));
        set.push(next);
        connected_sets(neighbours, set, further, most, lists);
        set.pop();
    }
}

/// A district with what lies around it, step by step.
fn grown(neighbours: &Neighbours, centre: usize, most: usize) -> Vec<usize> {
    let mut list = vec![centre];
    // Steps from the centre to what is next to the list.
    let mut edge: BTreeMap<usize, usize> = neighbours.of(centre).iter().map(|(d, _)| (*d, 1)).collect();
    while list.len() < most {
        let inside = |d: usize| neighbours.of(d).iter().filter(|(other, _)| list.contains(other)).count();
        let next = edge.iter().min_by_key(|(d, steps)| (**steps, Reverse(inside(**d)), **d));
        let Some((next, steps)) = next.map(|(d, steps)| (*d, *steps)) else { break };
        edge.remove(&next);
        list.push(next);
        for (d, _) in neighbours.of(next) {
            if !list.contains(d) {
                edge.entry(*d).or_insert(steps + 1);
            }
        }
    }
    list
}

fn check(districts: usize, weights: &[f64], limits: ZoneLimits) -> Result<(), InvalidZones> {
    let share = limits.share > 0.0 && limits.share <= 1.0;
    if limits.districts == 0 || limits.radius.is_nan() || limits.radius < 0.0 || !share {
        return Err(InvalidZones::Limits(limits));
    }
    if weights.len() != districts {
        return Err(InvalidZones::Weights { weights: weights.len(), districts });
    }
    match weights.iter().position(|w| !w.is_finite() || *w < 0.0) {
        Some(district) => Err(InvalidZones::Weight { district, weight: weights[district] }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Places {
        Places::on_plane(&[(0.0, 0.0), (1.0, 0.0), (3.0, 0.0), (7.0, 0.0)]).unwrap()
    }

    fn sets(zones: &Zones) -> Vec<Vec<u32>> {
        (0..zones.len()).map(|z| zones.members(z).to_vec()).collect()
    }

    #[test]
    fn zones_grow_to_the_limit_and_are_unique() {
        let limits = ZoneLimits { districts: 2, share: 1.0, ..ZoneLimits::default() };
        let zones = Zones::circles(&line(), &[1.0; 4], limits).unwrap();
        assert_eq!(sets(&zones), [vec![0], vec![0, 1], vec![1], vec![2], vec![2, 1], vec![3], vec![3, 2]]);
        assert_eq!((zones.centre(1), zones.centre(6)), (0, 3));
        let tested: usize = zones.centres().map(|(_, new)| new.iter().filter(|new| **new).count()).sum();
        assert_eq!(tested, zones.len());
    }

    #[test]
    fn zones_grow_over_neighbours_and_stay_compact() {
        // Two by three: 0 1 2 above 3 4 5.
        let pairs = [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)];
        let neighbours = Neighbours::from_pairs(7, &pairs).unwrap();
        let zones = Zones::connected(&neighbours, 4).unwrap();
        assert_eq!(sets(&zones)[..4], [vec![0], vec![0, 1], vec![0, 1, 3], vec![0, 1, 3, 4]]);
        let mut all = sets(&zones);
        assert!(all.contains(&vec![6]), "without neighbours it is alone");
        all.iter_mut().for_each(|set| set.sort_unstable());
        let has = |set: &[u32]| all.iter().filter(|other| *other == set).count();
        assert_eq!([has(&[0, 1, 2]), has(&[1, 4, 5]), has(&[0, 3, 4, 5]), has(&[0, 2])], [1, 1, 1, 0]);
        let sizes = [1, 2].map(|n| all.iter().filter(|set| set.len() == n).count());
        assert_eq!(sizes, [7, 7], "each district, each border");
        assert!(
            zones.centre(1) == 0 && (0..zones.len()).all(|z| zones.centre(z) == zones.members(z)[0] as usize)
        );
        assert!(matches!(Zones::connected(&neighbours, 0), Err(InvalidZones::Limits(_))));
    }

    #[test]
    fn share_and_radius_limit_them() {
        let half = Zones::circles(&line(), &[5.0, 1.0, 1.0, 1.0], ZoneLimits::default()).unwrap();
        assert!(sets(&half).iter().all(|zone| !zone.contains(&0)), "it holds more than half of the cases");
        let near = ZoneLimits { radius: 2.0, share: 1.0, ..ZoneLimits::default() };
        let near = Zones::circles(&line(), &[0.0; 4], near).unwrap();
        assert_eq!(sets(&near), [vec![0], vec![0, 1], vec![1], vec![1, 0, 2], vec![2], vec![2, 1], vec![3]]);
    }

    #[test]
    fn what_cannot_be_scanned_is_named() {
        let share = ZoneLimits { share: 1.5, ..ZoneLimits::default() };
        assert!(matches!(Zones::circles(&line(), &[1.0; 4], share), Err(InvalidZones::Limits(_))));
        let short = Zones::circles(&line(), &[1.0; 3], ZoneLimits::default());
        assert_eq!(short, Err(InvalidZones::Weights { weights: 3, districts: 4 }));
        let nan = Zones::circles(&line(), &[1.0, f64::NAN, 1.0, 1.0], ZoneLimits::default());
        assert!(matches!(nan, Err(InvalidZones::Weight { district: 1, .. })));
        let unknown = Zones::nested(2, &[vec![0, 2]]);
        assert_eq!(unknown, Err(InvalidZones::Unknown { centre: 0, district: 2, districts: 2 }));
        let twice = Zones::nested(2, &[vec![0, 0]]);
        assert!(matches!(twice, Err(InvalidZones::Unknown { district: 0, .. })));
    }
}
