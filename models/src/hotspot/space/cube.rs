//! Hot and cold spots in space and time: Gi* of each bin of a district x period cube.
//!
//! A bin's neighbours are the bins of its district and of the district's neighbours, in its own period and some
//! periods before it; they are held against the whole cube, as in the Emerging Hot Spot Analysis of ArcGIS.
use ndarray::Array2;

use crate::hotspot::fdr::q_values;
use crate::numeric::normal::two_sided;

use super::Neighbours;
use super::getis_ord::{Moments, Near, Unequal};

/// State of one bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bin {
    /// Significantly high.
    Hot,
    /// Significantly low.
    Cold,
    /// Neither, or missing.
    Neither,
}

/// How bins are tested together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Test {
    /// Each bin alone: two-sided p-value up to this level.
    Each(f64),
    /// All bins of the cube together: false discovery rate up to this level.
    DiscoveryRate(f64),
}

/// Scores of a cube of values, districts x periods; NaN where the value is missing.
///
/// A neighbourhood reaches over the period itself and `lags` periods before it. All neighbours weigh 1. Values
/// can be counts (as ArcGIS takes them, always hottest where most people are) or standardised residuals (hot is
/// then what is more than expected).
pub fn space_time_gi(
    values: &Array2<f64>,
    neighbours: &Neighbours,
    lags: usize,
) -> Result<Array2<f64>, Unequal> {
    Unequal::check(values.nrows(), neighbours)?;
    let mut scores = Array2::from_elem(values.dim(), f64::NAN);
    let Some(all) = Moments::new(values.iter()) else { return Ok(scores) };
    for ((i, t), z) in scores.indexed_iter_mut().filter(|(bin, _)| !values[*bin].is_nan()) {
        let mut near = Near::default();
        for j in neighbours.of(i).iter().map(|(j, _)| *j).chain([i]) {
            let window = values.slice(ndarray::s![j, t.saturating_sub(lags)..=t]);
            window.iter().filter(|x| !x.is_nan()).for_each(|x| near.add(1.0, *x));
        }
        *z = near.against(all).z;
    }
    Ok(scores)
}

/// Which bins are hot or cold, by their scores; a missing bin is neither.
pub fn bins(scores: &Array2<f64>, test: Test) -> Array2<Bin> {
    let p: Vec<f64> = scores.iter().map(|z| two_sided(*z)).collect();
    let (p, level) = match test {
        Test::Each(level) => (p, level),
        Test::DiscoveryRate(level) => (q_values(&p), level),
    };
    let state = |(z, p): (&f64, f64)| match (p <= level, *z > 0.0) {
        (true, true) => Bin::Hot,
        (true, false) => Bin::Cold,
        (false, _) => Bin::Neither,
    };
    let states = scores.iter().zip(p).map(state);
    let mut out = Array2::from_elem(scores.dim(), Bin::Neither);
    out.iter_mut().zip(states).for_each(|(bin, state)| *bin = state);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> Neighbours {
        Neighbours::from_pairs(3, &[(0, 1)]).unwrap()
    }

    #[test]
    fn by_hand() {
        // Mean 2, variance 3; the bin (0, 1) sees 0 and 1 of both districts in both periods: 12 of 4 bins.
        let cube = ndarray::array![[1.0, 5.0], [3.0, 3.0], [0.0, 0.0]];
        let z = space_time_gi(&cube, &pair(), 1).unwrap();
        let variance = (1.0 + 9.0 + 1.0 + 1.0 + 4.0 + 4.0) / 6.0;
        assert!((z[(0, 1)] - 4.0 / (variance * (6.0 * 4.0 - 16.0) / 5.0_f64).sqrt()).abs() < 1e-12);
        let now = space_time_gi(&cube, &pair(), 0).unwrap();
        assert!((now[(2, 1)] + 2.0 / variance.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn missing_bins_are_neither_and_count_nowhere() {
        let nan = f64::NAN;
        let cube = ndarray::array![[nan, 5.0], [3.0, nan], [0.0, 0.0]];
        let z = space_time_gi(&cube, &pair(), 1).unwrap();
        assert!(z[(0, 0)].is_nan() && z[(1, 1)].is_nan() && z[(0, 1)] > 0.0);
        let states = bins(&z, Test::Each(1.0));
        assert_eq!((states[(0, 0)], states[(0, 1)]), (Bin::Neither, Bin::Hot));
        let empty = Array2::from_elem((3, 2), nan);
        assert!(space_time_gi(&empty, &pair(), 1).unwrap().iter().all(|z| z.is_nan()));
        assert!(space_time_gi(&Array2::zeros((2, 2)), &pair(), 1).is_err());
    }

    #[test]
    fn the_discovery_rate_asks_for_more_than_each_bin_alone() {
        let z = ndarray::array![[2.0, 0.1, -0.2, 0.3], [-2.2, 0.1, 0.2, 0.0]];
        let hot = |test| bins(&z, test).iter().filter(|bin| **bin != Bin::Neither).count();
        assert_eq!((hot(Test::Each(0.05)), hot(Test::DiscoveryRate(0.05))), (2, 0));
    }
}
