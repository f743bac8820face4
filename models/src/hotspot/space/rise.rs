//! Rises of neighbouring districts, as a prospective scan that is run every day over many topics needs them.
//!
//! Beyond a plain scan ([`super::scan`]):
//!
//! 1. What all other districts do on a day is no cluster: the baseline of each period is raised by the factor by which the
//!    districts outside the most likely cluster exceed theirs.
//! 2. Most topics are quiet. A few replicates tell that (sequential Monte Carlo in two steps); only what may be a cluster
//!    is ranked among all of them.
//! 3. A cluster is of several districts, each of them above its expectation and none of them with nearly all of the
//!    excess: otherwise it is one district, of which its own series says more.
use ndarray::Array2;

use super::Zones;
use super::scan::{self, Cluster, Data, InvalidData, Settings, Spans};

/// Replicates of the first look, and the probability up to which there is a second, and a rise.
const FIRST: usize = 99;
const LIKELY: f64 = 0.05;
/// Cases added to both sides of the ratio of a period, so that few cases move no baseline.
const STEADY: f64 = 20.0;
/// Share of the excess from which on one district is the cluster.
const ALONE: f64 = 0.8;
/// Least expectation of a cell, so that a case where nothing was ever counted is unlikely and not impossible.
const LEAST: f64 = 0.01;

/// Counts of the last periods, districts x periods, and what they are held against.
#[derive(Debug, Clone, PartialEq)]
pub enum Watch {
    /// Counts against a baseline, for example the mean of a forecast, with the size of each district's negative binomial
    /// distribution; all periods are looked at.
    Expectation {
        /// Counts, whole numbers.
        counts: Array2<f64>,
        /// Expected counts.
        expected: Array2<f64>,
        /// Variance = mean + mean^2 / size.
        size: Vec<f64>,
    },
    /// Counts alone, held against their own margins (space-time permutation).
    Permutation {
        /// Counts, whole numbers; the more periods, the better known is what is usual.
        counts: Array2<f64>,
        /// Periods of the longest cluster.
        longest: usize,
    },
}

/// A district of a rise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Position of the district.
    pub district: usize,
    /// Cases.
    pub observed: f64,
    /// Cases expected.
    pub expected: f64,
}

/// Neighbouring districts that rise together.
#[derive(Debug, Clone, PartialEq)]
pub struct Rise {
    /// First period of the counts given.
    pub first: usize,
    /// Last period.
    pub last: usize,
    /// Its districts, largest excess first.
    pub parts: Vec<Part>,
    /// Cases.
    pub observed: f64,
    /// Cases expected, by then raised to what all other districts do.
    pub expected: f64,
    /// Probability that data without a cluster score as high anywhere: by rank, or beyond the ranks by a Gumbel
    /// distribution.
    pub p_value: f64,
}

impl Rise {
    /// Days until something as unlikely is expected by chance, when a scan is done every day.
    pub fn recurrence_days(&self) -> f64 {
        1.0 / self.p_value
    }
}

/// The rises among `zones`, most likely first, no district in two of them; none where data without a cluster often look
/// like this. `settings.replicates` are those of the second step.
///
/// # Errors
/// When counts are none, or shapes differ.
pub fn rises(watch: &Watch, zones: &Zones, settings: &Settings) -> Result<Vec<Rise>, InvalidRises> {
    let Some(Held { data, expected, spans }) = held(watch, zones)? else { return Ok(Vec::new()) };
    let counts = watch.counts();
    let first = settings.replicates.min(FIRST);
    let look = scan::scan(&data, zones, &spans, &Settings { replicates: first, clusters: 1, ..*settings })?;
    if !look.clusters.first().is_some_and(|cluster| probability(cluster, first) <= LIKELY) {
        return Ok(Vec::new());
    }
    let found = scan::scan(&data, zones, &spans, settings)?;
    let rise = |cluster: &Cluster| rise(cluster, counts, &expected, settings.replicates);
    Ok(found.clusters.iter().filter_map(rise).filter(|rise| rise.p_value <= LIKELY).collect())
}

/// The highest score of all windows, by which days can be ranked without replicates; 0 where nothing stands out. Scores of
/// the two kinds of watch are on different scales.
///
/// # Errors
/// When counts are none, or shapes differ.
pub fn highest(watch: &Watch, zones: &Zones) -> Result<f64, InvalidRises> {
    let Some(Held { data, spans, .. }) = held(watch, zones)? else { return Ok(0.0) };
    let plain = scan::scan(&data, zones, &spans, &PLAIN)?;
    Ok(plain.clusters.first().map_or(0.0, |cluster| cluster.score))
}

/// A scan without replicates.
const PLAIN: Settings = Settings { replicates: 0, seed: 0, min_cases: 2, clusters: 1 };

/// Counts with what they are held against.
struct Held {
    data: Data,
    expected: Array2<f64>,
    spans: Spans,
}

/// `None` where nothing stands out even before the baseline is raised.
fn held(watch: &Watch, zones: &Zones) -> Result<Option<Held>, InvalidRises> {
    match watch {
        Watch::Expectation { counts, expected, size } => {
            let spans = Spans::prospective(counts.ncols(), 1, counts.ncols())?;
            let expected = expected.mapv(|e| e.max(LEAST));
            let data = |expected| Data::expectation_negative_binomial(counts, expected, size);
            let plain = scan::scan(&data(&expected)?, zones, &spans, &PLAIN)?;
            let Some(most_likely) = plain.clusters.first() else { return Ok(None) };
            let expected = raised(counts, &expected, &most_likely.districts);
            Ok(Some(Held { data: data(&expected)?, expected, spans }))
        }
        Watch::Permutation { counts, longest } => {
            let spans = Spans::prospective(counts.ncols(), 1, *longest)?;
            Ok(Some(Held { data: Data::permutation(counts)?, expected: margins(counts), spans }))
        }
    }
}

impl Watch {
    fn counts(&self) -> &Array2<f64> {
        match self {
            Self::Expectation { counts, .. } | Self::Permutation { counts, .. } => counts,
        }
    }
}

/// Why rises cannot be looked for.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidRises {
    /// The counts or what they are held against.
    #[error(transparent)]
    Data(#[from] InvalidData),
    /// More periods to a cluster than there are.
    #[error(transparent)]
    Spans(#[from] scan::InvalidSpans),
    /// Zones of other districts.
    #[error(transparent)]
    Zones(#[from] scan::Mismatch),
}

/// The baseline, each period times what the districts outside `inside` have of theirs where that is more.
fn raised(counts: &Array2<f64>, expected: &Array2<f64>, inside: &[usize]) -> Array2<f64> {
    let mut raised = expected.clone();
    for (t, mut column) in raised.columns_mut().into_iter().enumerate() {
        let outside = (0..counts.nrows()).filter(|d| !inside.contains(d));
        let (seen, usual) =
            outside.fold((0.0, 0.0), |(seen, usual), d| (seen + counts[(d, t)], usual + expected[(d, t)]));
        let factor = f64::max((seen + STEADY) / (usual + STEADY), 1.0);
        column.mapv_inplace(|e| e * factor);
    }
    raised
}

/// Expectation of each cell from its district's and its period's cases.
fn margins(counts: &Array2<f64>) -> Array2<f64> {
    let total = counts.sum().max(1.0);
    let (rows, columns) = (counts.sum_axis(ndarray::Axis(1)), counts.sum_axis(ndarray::Axis(0)));
    Array2::from_shape_fn(counts.dim(), |(d, t)| rows[d] * columns[t] / total)
}

/// By rank where enough replicates score higher, else by their Gumbel distribution.
fn probability(cluster: &Cluster, replicates: usize) -> f64 {
    let rank = cluster.p_value;
    let few = rank * ((replicates + 1) as f64) < 10.0;
    let p = if few { cluster.gumbel_p_value.map_or(rank, |p| p.min(rank)) } else { rank };
    p.max(1e-12)
}

fn rise(cluster: &Cluster, counts: &Array2<f64>, expected: &Array2<f64>, replicates: usize) -> Option<Rise> {
    let window = ndarray::s![cluster.first..=cluster.last];
    let mut parts: Vec<Part> = cluster
        .districts
        .iter()
        .map(|d| Part {
            district: *d,
            observed: counts.row(*d).slice(window).sum(),
            expected: expected.row(*d).slice(window).sum(),
        })
        .filter(|part| part.observed > part.expected)
        .collect();
    let excess = |part: &Part| part.observed - part.expected;
    parts.sort_by(|a, b| excess(b).total_cmp(&excess(a)).then(a.district.cmp(&b.district)));
    let whole: f64 = parts.iter().map(excess).sum();
    let most = parts.first().map_or(0.0, excess);
    (parts.len() > 1 && most < ALONE * whole).then(|| Rise {
        first: cluster.first,
        last: cluster.last,
        observed: parts.iter().map(|part| part.observed).sum(),
        expected: parts.iter().map(|part| part.expected).sum(),
        p_value: probability(cluster, replicates),
        parts,
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Poisson};

    use super::*;
    use crate::hotspot::space::Neighbours;

    const DISTRICTS: usize = 24;
    const DAYS: usize = 7;

    /// Districts in a row, each with its neighbours, 5 cases a day times what `factor` says of district and day.
    fn row(seed: u64, days: usize, factor: impl Fn(usize, usize) -> f64) -> (Array2<f64>, Zones) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let pairs: Vec<_> = (1..DISTRICTS).map(|d| (d - 1, d)).collect();
        let neighbours = Neighbours::from_pairs(DISTRICTS, &pairs).unwrap();
        let counts = Array2::from_shape_fn((DISTRICTS, days), |(d, t)| {
            Poisson::new(5.0 * factor(d, t)).unwrap().sample(&mut rng)
        });
        (counts, Zones::connected(&neighbours, 6).unwrap())
    }

    fn expectation(counts: Array2<f64>) -> Watch {
        let expected = Array2::from_elem(counts.dim(), 5.0);
        Watch::Expectation { counts, expected, size: vec![50.0; DISTRICTS] }
    }

    fn found(watch: &Watch, zones: &Zones) -> Vec<Rise> {
        rises(watch, zones, &Settings { seed: 3, ..Settings::default() }).unwrap()
    }

    #[test]
    fn neighbours_that_rise_together_are_found_with_their_days() {
        let cluster = |d: usize, t: usize| if (8..=10).contains(&d) && t >= 3 { 2.0 } else { 1.0 };
        let (counts, zones) = row(1, DAYS, cluster);
        let rises = found(&expectation(counts), &zones);
        let mut districts: Vec<usize> = rises[0].parts.iter().map(|part| part.district).collect();
        districts.sort_unstable();
        assert_eq!((rises[0].first, rises[0].last, districts), (3, 6, vec![8, 9, 10]));
        assert!(
            rises[0].recurrence_days() > 365.0 && rises[0].observed > 1.5 * rises[0].expected,
            "{rises:?}"
        );
    }

    #[test]
    fn counts_alone_tell_neighbours_that_rise_together() {
        let seen = (0..10).filter(|seed| {
            let (counts, zones) =
                row(*seed, 91, |d, t| if (8..=10).contains(&d) && t >= 86 { 2.2 } else { 1.0 });
            let rises = found(&Watch::Permutation { counts, longest: DAYS }, &zones);
            rises.first().is_some_and(|rise| {
                let mut parts = rise.parts.iter().map(|part| part.district);
                parts.all(|d| (8..=10).contains(&d)) && rise.recurrence_days() > 365.0
            })
        });
        let seen = seen.count();
        assert!(seen >= 7, "{seen} of 10");
    }

    #[test]
    fn one_district_is_no_cluster_and_a_rise_of_all_is_none() {
        let (counts, zones) = row(2, DAYS, |d, _| if d == 8 { 4.0 } else { 1.0 });
        assert_eq!(found(&expectation(counts), &zones), []);
        let (counts, zones) = row(2, DAYS, |_, t| if t > 4 { 1.8 } else { 1.0 });
        assert_eq!(found(&expectation(counts), &zones), []);
    }

    #[test]
    fn data_without_a_cluster_seldom_have_one() {
        let quiet = (0..100).filter(|seed| {
            let (counts, zones) = row(*seed, DAYS, |_, _| 1.0);
            found(&expectation(counts), &zones).first().is_some_and(|rise| rise.p_value < 0.02)
        });
        assert!(quiet.count() <= 6, "two of a hundred are expected");
    }

    #[test]
    fn what_is_no_count_is_said() {
        let (counts, zones) = row(1, DAYS, |_, _| 1.0);
        let half = expectation(counts.mapv(|y| y + 0.5));
        assert!(matches!(rises(&half, &zones, &Settings::default()), Err(InvalidRises::Data(_))));
        let long = Watch::Permutation { counts, longest: DAYS + 1 };
        assert!(matches!(rises(&long, &zones, &Settings::default()), Err(InvalidRises::Spans(_))));
    }
}
