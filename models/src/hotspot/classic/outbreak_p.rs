//! Likelihood ratio of means that never fall against a constant mean, from the start of the series.
//!
//! The means are the isotonic regression of the counts (neighbours that fall are pooled), so no baseline is needed;
//! on seasonal counts every rise of the season alarms. Source: M. Frisén and E. Andersson (2009), *Semiparametric
//! surveillance of monotonic changes*, Sequential Analysis 28:434-454; R `outbreakP`.
use super::Signal;

/// Judges every period; the value is the statistic's natural logarithm, the alarm one beyond the logarithm of
/// `threshold` (100 in the publication). Missing counts are left out and have no entry's alarm.
pub fn judge(counts: &[f64], threshold: f64) -> Vec<Signal> {
    let mut plateaus: Vec<(f64, f64)> = Vec::new();
    let (mut n, mut total) = (0.0, 0.0);
    let ln = |sum: f64, n: f64| if sum > 0.0 { sum * (sum / n).ln() } else { 0.0 };
    let mut judged = Vec::with_capacity(counts.len());
    for y in counts {
        if !(*y >= 0.0 && y.is_finite()) {
            judged.push(Signal { value: f64::NAN, alarm: false });
            continue;
        }
        (n, total) = (n + 1.0, total + y);
        let mut newest = (*y, 1.0);
        while let Some((sum, length)) = plateaus.pop_if(|(sum, length)| *sum * newest.1 >= newest.0 * *length)
        {
            newest = (newest.0 + sum, newest.1 + length);
        }
        plateaus.push(newest);
        let value = plateaus.iter().map(|(sum, n)| ln(*sum, *n)).sum::<f64>() - ln(total, n);
        judged.push(Signal { value, alarm: value > threshold.ln() });
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rise_alarms_and_a_fall_does_not() {
        let mut weeks = vec![5.0; 20];
        weeks.extend([9.0, 15.0, 25.0]);
        let signals = judge(&weeks, 100.0);
        assert!(!signals[19].alarm && signals[22].alarm);
        weeks.reverse();
        assert!(judge(&weeks, 100.0).iter().all(|s| !s.alarm && s.value.abs() < 1e-9));
    }

    #[test]
    fn zeros_and_missing_counts() {
        assert!(judge(&[0.0; 9], 100.0).iter().all(|s| s.value == 0.0 && !s.alarm));
        let signals = judge(&[1.0, f64::NAN, 1.0], 100.0);
        assert!(signals[1].value.is_nan() && signals[2].value.abs() < 1e-12);
        assert!(judge(&[], 100.0).is_empty());
    }
}
