//! Who is next to whom: weighted lists of neighbours.
//!
//! A district is never its own neighbour here; a statistic that counts it in says so itself. Lists from pairs are
//! mutual; the k nearest and given weights need not be.
use super::Places;

/// Why neighbourhoods cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidNeighbours {
    /// A district that is not one of the panel's.
    #[error("district {district} is not one of {districts}")]
    Unknown {
        /// Position given.
        district: usize,
        /// Districts there are.
        districts: usize,
    },
    /// A district named as its own neighbour.
    #[error("district {0} is named as its own neighbour")]
    SelfLoop(usize),
    /// A weight that is not a positive number.
    #[error("weight {weight} from {from} to {to} is not a positive number")]
    Weight {
        /// District the weight belongs to.
        from: usize,
        /// Its neighbour.
        to: usize,
        /// Weight given.
        weight: f64,
    },
    /// A distance that is not a positive number.
    #[error("distance {0} is not a positive number")]
    Distance(f64),
}

/// Checked lists of neighbours with positive weights.
///
/// ```
/// use weisu_models::hotspot::space::Neighbours;
/// let chain = Neighbours::from_pairs(3, &[(0, 1), (1, 2)])?;
/// assert_eq!(chain.of(1), [(0, 1.0), (2, 1.0)]);
/// assert_eq!(chain.row_standardised().of(1), [(0, 0.5), (2, 0.5)]);
/// # Ok::<(), weisu_models::hotspot::space::InvalidNeighbours>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    lists: Vec<Vec<(usize, f64)>>,
}

impl Neighbours {
    /// Mutual neighbours of weight 1; a pair named twice counts once.
    pub fn from_pairs(districts: usize, pairs: &[(usize, usize)]) -> Result<Self, InvalidNeighbours> {
        let both = pairs.iter().flat_map(|&(a, b)| [(a, b, 1.0), (b, a, 1.0)]);
        Self::from_weights(districts, &both.collect::<Vec<_>>())
    }

    /// Weights (from, to, weight) in one direction each; of a pair named twice the last weight holds.
    pub fn from_weights(
        districts: usize,
        weights: &[(usize, usize, f64)],
    ) -> Result<Self, InvalidNeighbours> {
        let mut lists = vec![Vec::new(); districts];
        for &(from, to, weight) in weights {
            if let Some(district) = [from, to].into_iter().find(|d| *d >= districts) {
                return Err(InvalidNeighbours::Unknown { district, districts });
            }
            if from == to {
                return Err(InvalidNeighbours::SelfLoop(from));
            }
            if !(weight.is_finite() && weight > 0.0) {
                return Err(InvalidNeighbours::Weight { from, to, weight });
            }
            lists[from].push((to, weight));
        }
        lists.iter_mut().for_each(last_of_each);
        Ok(Self { lists })
    }

    /// The `k` nearest districts of each, all others when there are fewer. Weight 1, not always mutual.
    pub fn nearest(places: &Places, k: usize) -> Self {
        Self::by_distance(places, |rank, _| rank < k)
    }

    /// All districts within `distance` of each, in the unit of the places. Weight 1.
    pub fn within(places: &Places, distance: f64) -> Result<Self, InvalidNeighbours> {
        if !(distance.is_finite() && distance > 0.0) {
            return Err(InvalidNeighbours::Distance(distance));
        }
        Ok(Self::by_distance(places, |_, far| far <= distance))
    }

    fn by_distance(places: &Places, keep: impl Fn(usize, f64) -> bool) -> Self {
        let list = |centre| {
            let others = places.by_distance(centre).into_iter().skip(1).enumerate();
            let mut list: Vec<(usize, f64)> =
                others.filter(|(rank, (_, far))| keep(*rank, *far)).map(|(_, (j, _))| (j, 1.0)).collect();
            list.sort_by_key(|(j, _)| *j);
            list
        };
        Self { lists: (0..places.len()).map(list).collect() }
    }

    /// The same neighbours with weights that sum to 1 in each list; an empty list stays empty.
    #[must_use]
    pub fn row_standardised(&self) -> Self {
        let standardise = |list: &Vec<(usize, f64)>| {
            let sum: f64 = list.iter().map(|(_, w)| w).sum();
            list.iter().map(|(j, w)| (*j, w / sum)).collect()
        };
        Self { lists: self.lists.iter().map(standardise).collect() }
    }

    /// Number of districts.
    pub fn len(&self) -> usize {
        self.lists.len()
    }

    /// Whether there is no district.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// Neighbours of a district with their weights, by position.
    ///
    /// # Panics
    /// When the district is not one of [`len`](Self::len).
    pub fn of(&self, district: usize) -> &[(usize, f64)] {
        &self.lists[district]
    }
}

fn last_of_each(list: &mut Vec<(usize, f64)>) {
    list.reverse();
    list.sort_by_key(|(j, _)| *j);
    list.dedup_by_key(|(j, _)| *j);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_neighbour_is_named() {
        let pairs = |pairs: &[(usize, usize)]| Neighbours::from_pairs(3, pairs);
        assert_eq!(pairs(&[(0, 3)]), Err(InvalidNeighbours::Unknown { district: 3, districts: 3 }));
        assert_eq!(pairs(&[(1, 1)]), Err(InvalidNeighbours::SelfLoop(1)));
        let weight = Neighbours::from_weights(2, &[(0, 1, f64::NAN)]);
        assert!(matches!(weight, Err(InvalidNeighbours::Weight { from: 0, to: 1, .. })));
        let places = Places::on_plane(&[(0.0, 0.0)]).unwrap();
        assert!(matches!(Neighbours::within(&places, f64::NAN), Err(InvalidNeighbours::Distance(_))));
    }

    #[test]
    fn a_pair_counts_once_and_the_last_weight_holds() {
        let twice = Neighbours::from_pairs(2, &[(0, 1), (1, 0)]).unwrap();
        assert_eq!((twice.of(0), twice.of(1)), (&[(1, 1.0)][..], &[(0, 1.0)][..]));
        let last = Neighbours::from_weights(2, &[(0, 1, 1.0), (0, 1, 3.0)]).unwrap();
        assert_eq!((last.of(0), last.of(1)), (&[(1, 3.0)][..], &[][..]));
    }

    #[test]
    fn neighbours_by_distance() {
        let line = Places::on_plane(&[(0.0, 0.0), (1.0, 0.0), (3.0, 0.0), (3.5, 0.0)]).unwrap();
        let nearest = Neighbours::nearest(&line, 1);
        assert_eq!([0, 1, 2, 3].map(|i| nearest.of(i)[0].0), [1, 0, 3, 2]);
        assert_eq!(Neighbours::nearest(&line, 9).of(0).len(), 3);
        let within = Neighbours::within(&line, 2.0).unwrap();
        assert_eq!(within.of(1), [(0, 1.0), (2, 1.0)]);
        assert_eq!(within.row_standardised().of(2), [(1, 0.5), (3, 0.5)]);
    }
}
