//! Teunter, Syntetos and Babai's method for intermittent demand: the probability of demand is smoothed at
//! every period, its size at every demand, so a dying series falls towards zero.
//!
//! Source: Teunter, Syntetos and Babai (2011), *Intermittent demand: linking forecasting to inventory
//! obsolescence*, EJOR 214; statsforecast `TSB`.
use super::{ClassicError, at_least, ses::Ses};

/// The forecast at every lead: smoothed probability of a value above zero times its smoothed size.
///
/// `alpha_size` and `alpha_probability` are smoothing constants in 0 ..= 1. Missing periods are left out. A
/// series of zeros gives 0.
///
/// # Errors
/// [`ClassicError::TooShort`] when nothing is known, [`ClassicError::NotFinite`] for a constant out of range.
pub fn forecast(y: &[f64], alpha_size: f64, alpha_probability: f64) -> Result<f64, ClassicError> {
    let values = at_least(y, 1)?;
    let happened: Vec<f64> = values.iter().map(|v| f64::from(u8::from(*v != 0.0))).collect();
    let sizes: Vec<f64> = values.into_iter().filter(|v| *v > 0.0).collect();
    if sizes.is_empty() {
        return Ok(0.0);
    }
    Ok(Ses::fixed(&happened, alpha_probability)?.level() * Ses::fixed(&sizes, alpha_size)?.level())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_with_every_period_without_demand() {
        assert_eq!(forecast(&[4.0, 0.0, 8.0], 0.5, 0.5), Ok(0.75 * 6.0));
        assert_eq!(forecast(&[4.0, f64::NAN, 0.0], 0.5, 0.5), Ok(2.0));
    }

    #[test]
    fn zeros_give_zero_and_nothing_an_error() {
        assert_eq!(forecast(&[0.0; 4], 0.1, 0.1), Ok(0.0));
        assert!(forecast(&[f64::NAN; 4], 0.1, 0.1).is_err());
        assert!(forecast(&[1.0], 0.1, 2.0).is_err());
    }
}
