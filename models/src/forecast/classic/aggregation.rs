//! Intermittent demand forecast on coarser time: ADIDA sums the series over its mean interval between demands,
//! IMAPA averages over all block lengths up to that.
//!
//! Each block series is smoothed with the constant in [`BOUNDS`] of the least squared error, and its level is
//! spread evenly over the periods of a block. A first incomplete block is left out.
//!
//! Source: Nikolopoulos et al. (2011), *An aggregate-disaggregate intermittent demand approach*; Petropoulos
//! and Kourentzes (2015); statsforecast `ADIDA` and `IMAPA`.
use super::{
    ClassicError, at_least,
    croston::{BOUNDS, intervals},
    ses::Ses,
};

/// ADIDA: the forecast at every lead. Missing periods are left out; a series of zeros gives 0.
///
/// # Errors
/// [`ClassicError::TooShort`] when nothing is known.
pub fn adida(y: &[f64]) -> Result<f64, ClassicError> {
    let values = at_least(y, 1)?;
    mean_interval(&values).map_or(Ok(0.0), |block| in_blocks(&values, block))
}

/// IMAPA: the forecast at every lead. Missing periods are left out; a series of zeros gives 0.
///
/// # Errors
/// [`ClassicError::TooShort`] when nothing is known.
pub fn imapa(y: &[f64]) -> Result<f64, ClassicError> {
    let values = at_least(y, 1)?;
    let Some(longest) = mean_interval(&values) else { return Ok(0.0) };
    let sum = (1..=longest).map(|block| in_blocks(&values, block)).sum::<Result<f64, _>>()?;
    Ok(sum / longest as f64)
}

fn mean_interval(values: &[f64]) -> Option<usize> {
    let intervals = intervals(values);
    let mean = intervals.iter().sum::<f64>() / intervals.len() as f64;
    (!intervals.is_empty()).then(|| mean.round_ties_even() as usize)
}

fn in_blocks(values: &[f64], block: usize) -> Result<f64, ClassicError> {
    let whole = &values[values.len() % block..];
    let sums: Vec<f64> = whole.chunks(block).map(|b| b.iter().sum()).collect();
    Ok(Ses::optimised(&sums, BOUNDS)?.level() / block as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_demand_is_spread_over_its_interval() {
        let y: Vec<f64> = (0..41).map(|t| if t % 4 == 0 { 8.0 } else { 0.0 }).collect();
        assert_eq!(adida(&y), Ok(2.0));
        assert!((imapa(&y).unwrap() - 2.0).abs() < 0.5);
    }

    #[test]
    fn zeros_give_zero_and_nothing_an_error() {
        assert_eq!((adida(&[0.0; 5]), imapa(&[0.0; 5])), (Ok(0.0), Ok(0.0)));
        assert!(adida(&[]).is_err() && imapa(&[f64::NAN]).is_err());
        assert_eq!(adida(&[0.0, 0.0, 3.0]), Ok(1.0));
    }
}
