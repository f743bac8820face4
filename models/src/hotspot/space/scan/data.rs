//! What a scan looks at: counts and what they are held against.
use ndarray::Array2;

/// Counts of districts x periods with the expectation of one of the four scans.
///
/// | scan | expected in a window | likelihood | source |
/// |---|---|---|---|
/// | [`permutation`](Self::permutation) | its districts' cases times its periods' cases over all | Poisson given the total | Kulldorff and others, PLoS Med 2005 |
/// | [`poisson`](Self::poisson) | given, scaled to the total | Poisson given the total | Kulldorff, JRSS A 2001 |
/// | [`expectation_poisson`](Self::expectation_poisson) | given | Poisson | Neill and others, 2005 |
/// | [`expectation_negative_binomial`](Self::expectation_negative_binomial) | given, with a size | efficient score | Tango and others, 2011 |
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    pub(super) counts: Array2<u32>,
    pub(super) null: Null,
}

/// How counts come about when there is no cluster.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Null {
    /// Cases keep their district and swap their periods.
    Permutation,
    /// All cases fall on the cells in proportion to these, which sum to their number.
    Conditional(Array2<f64>),
    /// Poisson with these means.
    Poisson(Array2<f64>),
    /// Negative binomial with these means and the size of each district.
    NegativeBinomial(Array2<f64>, Vec<f64>),
}

/// Why a scan cannot look at the data.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidData {
    /// A count that is missing, negative or not whole.
    #[error("{count} is not a count (district {district}, period {period})")]
    Count {
        /// Position of the district.
        district: usize,
        /// Position of the period.
        period: usize,
        /// The value.
        count: f64,
    },
    /// An expectation that is missing, negative, or 0 where something was counted.
    #[error("{expected} cannot be expected (district {district}, period {period})")]
    Expected {
        /// Position of the district.
        district: usize,
        /// Position of the period.
        period: usize,
        /// The value.
        expected: f64,
    },
    /// Counts, expectations or sizes of unequal shape.
    #[error("{name} are {given:?}, counts {counts:?}")]
    Shape {
        /// What has the other shape.
        name: &'static str,
        /// Its shape.
        given: (usize, usize),
        /// Districts and periods of the counts.
        counts: (usize, usize),
    },
    /// A size of a negative binomial distribution that is not a positive number.
    #[error("size {size} of district {district} is not a positive number")]
    Size {
        /// Position of the district.
        district: usize,
        /// The value.
        size: f64,
    },
    /// More cases than can be summed.
    #[error("more than {} cases", i32::MAX)]
    TooMany,
}

impl Data {
    /// For a space-time permutation scan, which needs nothing but counts.
    pub fn permutation(counts: &Array2<f64>) -> Result<Self, InvalidData> {
        Ok(Self { counts: whole(counts)?, null: Null::Permutation })
    }

    /// For a scan against `expected` (population at risk, or any baseline) given the number of cases: only the
    /// proportions matter.
    pub fn poisson(counts: &Array2<f64>, expected: &Array2<f64>) -> Result<Self, InvalidData> {
        let counts = whole(counts)?;
        check(&counts, expected)?;
        let sum = expected.sum();
        let scale = if sum > 0.0 { total(&counts) / sum } else { 0.0 };
        Ok(Self { counts, null: Null::Conditional(expected.mapv(|e| e * scale)) })
    }

    /// For a scan that asks whether counts exceed a `baseline`, for example the mean of a forecast.
    pub fn expectation_poisson(counts: &Array2<f64>, baseline: &Array2<f64>) -> Result<Self, InvalidData> {
        let counts = whole(counts)?;
        check(&counts, baseline)?;
        Ok(Self { counts, null: Null::Poisson(baseline.to_owned()) })
    }

    /// The same for counts that vary more: variance `b + b^2 / size`, with the `size` of each district.
    pub fn expectation_negative_binomial(
        counts: &Array2<f64>,
        baseline: &Array2<f64>,
        size: &[f64],
    ) -> Result<Self, InvalidData> {
        let counts = whole(counts)?;
        check(&counts, baseline)?;
        if size.len() != counts.nrows() {
            return Err(InvalidData::Shape { name: "sizes", given: (size.len(), 1), counts: counts.dim() });
        }
        if let Some(district) = size.iter().position(|s| !s.is_finite() || *s <= 0.0) {
            return Err(InvalidData::Size { district, size: size[district] });
        }
        Ok(Self { counts, null: Null::NegativeBinomial(baseline.to_owned(), size.to_vec()) })
    }

    /// Cases of each district over all periods: weights of the districts for the share of a zone.
    pub fn cases(&self) -> Vec<f64> {
        self.counts.rows().into_iter().map(|row| row.iter().map(|y| f64::from(*y)).sum()).collect()
    }

    pub(super) fn total(&self) -> f64 {
        total(&self.counts)
    }
}

/// Cases expected from the population at risk, districts x periods: each period the same share of `total` cases,
/// spread over the districts like the people. A period without people expects none.
///
/// This is what R's `scan_pb_poisson` of scanstatistics 1.1.2 computes. SaTScan spreads all cases over all
/// person-time instead; give [`Data::poisson`] the population itself for that.
pub fn expected_of_population(population: &Array2<f64>, total: f64) -> Array2<f64> {
    let each = total / population.ncols().max(1) as f64;
    let mut expected = population.to_owned();
    for mut period in expected.columns_mut() {
        let people = period.sum();
        period.mapv_inplace(|p| if people > 0.0 { p / people * each } else { 0.0 });
    }
    expected
}

fn total(counts: &Array2<u32>) -> f64 {
    counts.iter().map(|y| f64::from(*y)).sum()
}

fn whole(counts: &Array2<f64>) -> Result<Array2<u32>, InvalidData> {
    for ((district, period), &count) in counts.indexed_iter() {
        if !(count >= 0.0 && count.is_finite() && count.fract() == 0.0) {
            return Err(InvalidData::Count { district, period, count });
        }
    }
    if counts.sum() > f64::from(i32::MAX) {
        return Err(InvalidData::TooMany);
    }
    Ok(counts.mapv(|count| count as u32))
}

fn check(counts: &Array2<u32>, expected: &Array2<f64>) -> Result<(), InvalidData> {
    if counts.dim() != expected.dim() {
        let given = expected.dim();
        return Err(InvalidData::Shape { name: "expectations", given, counts: counts.dim() });
    }
    for (((district, period), &expected), &count) in expected.indexed_iter().zip(counts) {
        if !expected.is_finite() || expected < 0.0 || (expected == 0.0 && count > 0) {
            return Err(InvalidData::Expected { district, period, expected });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn what_is_not_a_count_or_an_expectation_is_named() {
        let missing = Data::permutation(&array![[1.0, f64::NAN]]);
        assert!(matches!(missing, Err(InvalidData::Count { district: 0, period: 1, .. })));
        assert!(Data::permutation(&array![[1.5]]).is_err());
        assert_eq!(Data::permutation(&array![[3e9]]), Err(InvalidData::TooMany));
        let counts = array![[1.0, 0.0]];
        let none = Data::expectation_poisson(&counts, &array![[0.0, 1.0]]);
        assert!(matches!(none, Err(InvalidData::Expected { period: 0, .. })));
        assert!(Data::expectation_poisson(&counts, &array![[1.0, 0.0]]).is_ok());
        let shape = Data::poisson(&counts, &array![[1.0]]);
        assert!(matches!(shape, Err(InvalidData::Shape { given: (1, 1), .. })));
        let size = |s: &[f64]| Data::expectation_negative_binomial(&counts, &array![[1.0, 1.0]], s);
        assert!(matches!(size(&[0.0]), Err(InvalidData::Size { district: 0, .. })));
        assert!(size(&[1.0, 1.0]).is_err() && size(&[1.0]).is_ok());
    }

    #[test]
    fn expectations_are_scaled_to_the_cases() {
        let data = Data::poisson(&array![[3.0, 1.0]], &array![[10.0, 30.0]]).unwrap();
        assert_eq!(data.null, Null::Conditional(array![[1.0, 3.0]]));
        let empty = Data::poisson(&array![[0.0]], &array![[0.0]]).unwrap();
        assert_eq!(empty.null, Null::Conditional(array![[0.0]]));
        let of = expected_of_population(&array![[1.0, 0.0], [3.0, 0.0]], 8.0);
        assert_eq!(of, array![[1.0, 0.0], [3.0, 0.0]]);
    }
}
