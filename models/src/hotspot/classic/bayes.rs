//! Bound of the predictive distribution of a Poisson rate that the newest counts tell of.
//!
//! With Jeffreys' prior and `n` counts of sum `s` the next count is negative binomial with size `s + 1/2` and mean
//! `(s + 1/2) / n`. Source: A. Riebler (2004), *Empirischer Vergleich von statistischen Methoden zur
//! Ausbruchserkennung bei Surveillance Daten*; R `bayes`.
use super::{Signal, compared};
use crate::intervals::NegativeBinomial;

/// Judges period `t` from the `newest` ones before it (R's `b = 0`, `w`); `alpha` is the probability beyond the bound.
///
/// The alarm is a count above the bound. `None` where a count is missing or the series too short.
pub fn judge(counts: &[f64], t: usize, newest: usize, alpha: f64) -> Option<Signal> {
    let observed = counts.get(t).filter(|y| y.is_finite())?;
    let past = compared(counts, t, newest, 0, 0, 1)?;
    let size = past.iter().sum::<f64>() + 0.5;
    let predictive = NegativeBinomial::new(size / past.len() as f64, 1.0 / size);
    let value = predictive.quantile(1.0 - alpha) as f64;
    Some(Signal { value, alarm: *observed > value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_high_count_and_one_without_past() {
        let weeks = [3.0, 4.0, 2.0, 3.0, 4.0, 3.0, 12.0];
        assert!(judge(&weeks, 6, 6, 0.05).unwrap().alarm);
        assert!(!judge(&weeks, 5, 5, 0.05).unwrap().alarm);
        assert_eq!(judge(&weeks, 5, 6, 0.05), None);
        assert_eq!(judge(&weeks, 6, 0, 0.05), None);
        assert_eq!(judge(&[f64::NAN; 9], 8, 6, 0.05), None);
    }
}
