//! Local hot and cold spots: Getis-Ord Gi and Gi* (A. Getis and J. K. Ord, Geographical Analysis 1992; J. K. Ord
//! and A. Getis, Geographical Analysis 1995).
//!
//! For weights `w_ij` of district i with sum `W_i` and sum of squares `S_i`, over the n values that count (all but
//! the district's own for Gi, all for Gi*), with their mean `m` and population variance `s2`:
//!
//! ```text
//! z_i = (sum_j w_ij x_j - W_i m) / sqrt(s2 (n S_i - W_i^2) / (n - 1))
//! ```
//!
//! The score does not change when a district's weights are scaled, so row-standardising changes `g` alone. esda
//! 2.9.0 takes the variance of `g` under row standardisation to be that of a single value (`S_i = 1` without
//! the second term), which is not the one of the papers; its scores there differ by that factor and no more.
use super::Neighbours;

/// Whether a district's own value counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Own {
    /// Gi: the neighbours alone.
    Left,
    /// Gi*: the district itself with this weight, 1 beside binary weights.
    Weighing(f64),
}

/// The local statistic of one district.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Local {
    /// Weighted sum of the neighbours' values over the sum of all; NaN when that is 0.
    pub g: f64,
    /// Its expectation when values lie at random.
    pub expected: f64,
    /// Its variance when values lie at random.
    pub variance: f64,
    /// Standard score: hot above, cold below 0. It is 0 where nothing can differ: all values equal, no
    /// neighbour, or everybody a neighbour.
    pub z: f64,
}

/// Values of another number of districts than the neighbours are of.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{values} values for the neighbours of {districts} districts")]
pub struct Unequal {
    /// Values given.
    pub values: usize,
    /// Districts of the neighbours.
    pub districts: usize,
}

impl Unequal {
    pub(super) fn check(values: usize, neighbours: &Neighbours) -> Result<(), Self> {
        let districts = neighbours.len();
        if values == districts { Ok(()) } else { Err(Self { values, districts }) }
    }
}

/// Gi or Gi* of each district; `None` for a missing (NaN) value, which counts nowhere else either.
///
/// Values can be counts or anything else, for example standardised residuals.
pub fn getis_ord(values: &[f64], neighbours: &Neighbours, own: Own) -> Result<Vec<Option<Local>>, Unequal> {
    Unequal::check(values.len(), neighbours)?;
    let all = Moments::new(values.iter());
    Ok((0..values.len()).map(|i| local(values, neighbours.of(i), i, own, all)).collect())
}

fn local(
    values: &[f64],
    neighbours: &[(usize, f64)],
    i: usize,
    own: Own,
    all: Option<Moments>,
) -> Option<Local> {
    let (x, all) = (values[i], all?);
    if x.is_nan() {
        return None;
    }
    let mut near = Near::default();
    neighbours.iter().filter(|(j, _)| !values[*j].is_nan()).for_each(|(j, w)| near.add(*w, values[*j]));
    match own {
        Own::Left => Some(near.against(all.without(x))),
        Own::Weighing(weight) => {
            near.add(weight, x);
            Some(near.against(all))
        }
    }
}

/// Number, mean and population variance of the values something is held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    n: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    /// Of the values that are known; `None` when there is none.
    pub(super) fn new<'a>(values: impl Iterator<Item = &'a f64> + Clone) -> Option<Self> {
        let known = values.filter(|x| !x.is_nan());
        let (n, sum) = known.clone().fold((0.0, 0.0), |(n, sum), x| (n + 1.0, sum + x));
        if n == 0.0 {
            return None;
        }
        let mean = sum / n;
        Some(Self { n, mean, variance: known.map(|x| (x - mean).powi(2)).sum::<f64>() / n })
    }

    fn without(self, x: f64) -> Self {
        let n = self.n - 1.0;
        if n == 0.0 {
            return Self { n, mean: 0.0, variance: 0.0 };
        }
        let off = x - self.mean;
        let mean = self.mean - off / n;
        let left = self.variance * self.n - off * off * self.n / n;
        Self { n, mean, variance: (left / n).max(0.0) }
    }
}

/// Weighted sum of a neighbourhood.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Near {
    value: f64,
    weight: f64,
    squares: f64,
}

impl Near {
    pub(super) fn add(&mut self, weight: f64, value: f64) {
        self.value += weight * value;
        self.weight += weight;
        self.squares += weight * weight;
    }

    /// How the sum stands against the moments of all values.
    pub(super) fn against(self, all: Moments) -> Local {
        let Moments { n, mean, variance } = all;
        let total = mean * n;
        let excess = self.value - self.weight * mean;
        let free = n * self.squares - self.weight * self.weight;
        // Rounding leaves a trace of a variance where there is none.
        let settled = free <= 1e-12 * n * self.squares || variance <= 1e-24 * mean * mean || n < 2.0;
        let spread = if settled { 0.0 } else { variance * free / (n - 1.0) };
        let z = if settled { 0.0 } else { excess / spread.sqrt() };
        let (g, expected) = (self.value / total, self.weight / n);
        Local { g: if total == 0.0 { f64::NAN } else { g }, expected, variance: spread / (total * total), z }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Neighbours {
        Neighbours::from_pairs(5, &[(0, 1), (1, 2), (2, 3), (3, 4)]).unwrap()
    }

    fn scores(values: &[f64], own: Own) -> Vec<Option<f64>> {
        getis_ord(values, &chain(), own).unwrap().into_iter().map(|l| Some(l?.z)).collect()
    }

    #[test]
    fn by_hand() {
        // Values 1 to 5: mean 3, variance 2. Gi* of the first: (3 - 6) / sqrt(2 (5*2 - 4) / 4).
        let star = scores(&[1.0, 2.0, 3.0, 4.0, 5.0], Own::Weighing(1.0));
        assert!((star[0].unwrap() + 3.0 / 3.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(star[2], Some(0.0));
        // Gi of the first: mean 3.5, variance 1.25 of the others, (2 - 3.5) / sqrt(1.25 (4 - 1) / 3).
        let gi = scores(&[1.0, 2.0, 3.0, 4.0, 5.0], Own::Left);
        assert!((gi[0].unwrap() + 1.5 / 1.25_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn nothing_differs_where_all_is_equal_or_missing() {
        assert_eq!(scores(&[0.1; 5], Own::Left), [Some(0.0); 5]);
        assert_eq!(scores(&[f64::NAN; 5], Own::Weighing(1.0)), [None; 5]);
        let everybody = Neighbours::from_pairs(3, &[(0, 1), (1, 2), (0, 2)]).unwrap();
        let everybody = getis_ord(&[0.1, 0.2, 0.7], &everybody, Own::Weighing(1.0)).unwrap();
        assert!(everybody.iter().all(|local| local.unwrap().z == 0.0), "{everybody:?}");
        let one = scores(&[1.0, f64::NAN, f64::NAN, f64::NAN, f64::NAN], Own::Left);
        assert_eq!(one, [Some(0.0), None, None, None, None]);
        let short = getis_ord(&[1.0], &chain(), Own::Left);
        assert_eq!(short, Err(Unequal { values: 1, districts: 5 }));
    }

    #[test]
    fn a_missing_district_is_as_if_it_were_not_there() {
        let holed = scores(&[1.0, 2.0, 4.0, 8.0, f64::NAN], Own::Weighing(1.0));
        let four = Neighbours::from_pairs(4, &[(0, 1), (1, 2), (2, 3)]).unwrap();
        let four = getis_ord(&[1.0, 2.0, 4.0, 8.0], &four, Own::Weighing(1.0)).unwrap();
        for (holed, four) in holed.iter().zip(four) {
            assert!((holed.unwrap() - four.unwrap().z).abs() < 1e-12);
        }
    }

    #[test]
    fn scaling_the_weights_of_a_district_changes_nothing() {
        let values = [3.0, 1.0, 4.0, 1.0, 5.0];
        let plain = getis_ord(&values, &chain(), Own::Left).unwrap();
        let scaled = getis_ord(&values, &chain().row_standardised(), Own::Left).unwrap();
        for (plain, scaled) in plain.iter().zip(scaled) {
            assert!((plain.unwrap().z - scaled.unwrap().z).abs() < 1e-12);
        }
    }
}
