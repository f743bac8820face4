//! Whether neighbours are alike at all: global Moran's I (P. A. P. Moran, Biometrika 1950; moments of A. D. Cliff
//! and J. K. Ord, Spatial Processes, 1981, section 2.3).
use crate::numeric::normal::two_sided;

use super::Neighbours;
use super::getis_ord::Unequal;

/// Global Moran's I with its moments when values lie at random.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moran {
    /// `n / S0 * sum_ij w_ij d_i d_j / sum_i d_i^2`, with `d` the distance from the mean.
    pub i: f64,
    /// `-1 / (n - 1)`.
    pub expected: f64,
    /// When values are drawn from one normal distribution.
    pub normal: Significance,
    /// When the values seen are dealt out at random.
    pub randomised: Significance,
}

/// How far a statistic is from its expectation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Significance {
    /// Variance of the statistic.
    pub variance: f64,
    /// Standard score.
    pub z: f64,
    /// Two-sided probability of a score at least as far from 0.
    pub p: f64,
}

/// Moran's I of `values`; districts with a missing (NaN) value are left out with their weights.
///
/// `None` when fewer than four values are known, all of them are equal, or none has a neighbour: nothing can be
/// said then.
pub fn moran(values: &[f64], neighbours: &Neighbours) -> Result<Option<Moran>, Unequal> {
    Unequal::check(values.len(), neighbours)?;
    let n = values.iter().filter(|x| !x.is_nan()).count() as f64;
    let mean = values.iter().filter(|x| !x.is_nan()).sum::<f64>() / n;
    let off: Vec<f64> = values.iter().map(|x| x - mean).collect();
    let power = |k| off.iter().filter(|d| !d.is_nan()).map(|d| d.powi(k)).sum::<f64>();
    let (squares, weights) = (power(2), Weights::new(&off, neighbours));
    if n < 4.0 || squares <= 1e-24 * n * mean * mean || weights.sum == 0.0 {
        return Ok(None);
    }
    let (i, expected) = (n / weights.sum * weights.products / squares, -1.0 / (n - 1.0));
    let (normal, randomised) = weights.variances(n, n * power(4) / (squares * squares));
    let significance = |variance: f64| {
        let z = (i - expected) / variance.sqrt();
        Significance { variance, z, p: two_sided(z) }
    };
    Ok(Some(Moran { i, expected, normal: significance(normal), randomised: significance(randomised) }))
}

/// Sums over the weights between known districts.
struct Weights {
    /// `S0`, all weights.
    sum: f64,
    /// `S1 = sum_ij (w_ij + w_ji)^2 / 2`.
    mutual: f64,
    /// `S2 = sum_i (w_i. + w_.i)^2`.
    margins: f64,
    /// `sum_ij w_ij d_i d_j`.
    products: f64,
}

impl Weights {
    fn new(off: &[f64], neighbours: &Neighbours) -> Self {
        let mut margins = vec![0.0; off.len()];
        let mut out = Self { sum: 0.0, mutual: 0.0, margins: 0.0, products: 0.0 };
        for (i, d) in off.iter().enumerate().filter(|(_, d)| !d.is_nan()) {
            for &(j, w) in neighbours.of(i).iter().filter(|(j, _)| !off[*j].is_nan()) {
                let back = neighbours.of(j).binary_search_by_key(&i, |(k, _)| *k);
                let back = back.map_or(0.0, |k| neighbours.of(j)[k].1);
                out.sum += w;
                // A pair that is met from both sides gives half of its square each time.
                out.mutual += w * w + w * back;
                out.products += w * d * off[j];
                margins[i] += w;
                margins[j] += w;
            }
        }
        out.margins = margins.iter().map(|m| m * m).sum();
        out
    }

    /// Variances of I for normal values and for dealt-out values of this kurtosis.
    fn variances(&self, n: f64, kurtosis: f64) -> (f64, f64) {
        let (s0, s1, s2) = (self.sum * self.sum, self.mutual, self.margins);
        let expected = 1.0 / ((n - 1.0) * (n - 1.0));
        let normal = (n * n * s1 - n * s2 + 3.0 * s0) / ((n * n - 1.0) * s0) - expected;
        let plain = n * ((n * n - 3.0 * n + 3.0) * s1 - n * s2 + 3.0 * s0);
        let peaked = kurtosis * ((n * n - n) * s1 - 2.0 * n * s2 + 6.0 * s0);
        (normal, (plain - peaked) / ((n - 1.0) * (n - 2.0) * (n - 3.0) * s0) - expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(n: usize) -> Neighbours {
        Neighbours::from_pairs(n, &(1..n).map(|i| (i - 1, i)).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_slope_is_alike_and_a_zigzag_is_not() {
        let slope: Vec<f64> = (0..20).map(f64::from).collect();
        let slope = moran(&slope, &chain(20)).unwrap().unwrap();
        assert!(slope.i > 0.8 && slope.normal.p < 1e-3 && slope.randomised.p < 1e-3, "{slope:?}");
        let zigzag: Vec<f64> = (0..20).map(|i| f64::from(i % 2)).collect();
        assert!((moran(&zigzag, &chain(20)).unwrap().unwrap().i + 1.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_is_said_of_too_little() {
        assert_eq!(moran(&[1.0; 6], &chain(6)), Ok(None));
        assert_eq!(moran(&[1.0, 2.0, 3.0, f64::NAN], &chain(4)), Ok(None));
        assert_eq!(moran(&[1.0, 2.0, 3.0, 4.0], &Neighbours::from_pairs(4, &[]).unwrap()), Ok(None));
        assert!(moran(&[1.0], &chain(4)).is_err());
    }
}
