//! False discovery rate over the series judged together (Y. Benjamini and Y. Hochberg, J. R. Stat. Soc. B 1995).
//!
//! With ten thousand series a day, a fixed threshold of 0.5 % alarms fifty times on nothing. An adjusted
//! probability (q-value) is the share of false alarms to expect when everything up to it is reported.

/// q-values of `p`, in the order given; a NaN (a series not judged) stays NaN and is not counted.
///
/// `q_i = min over p_j >= p_i of p_j * n / rank_j`, at most 1.
///
/// ```
/// let q = weisu_models::hotspot::fdr::q_values(&[0.01, 0.04, 0.03, f64::NAN]);
/// assert!((q[0] - 0.03).abs() < 1e-12 && (q[1] - 0.04).abs() < 1e-12 && (q[2] - 0.04).abs() < 1e-12);
/// assert!(q[3].is_nan());
/// ```
pub fn q_values(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|i| !p[*i].is_nan()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let n = order.len() as f64;
    let mut q = vec![f64::NAN; p.len()];
    let mut least = 1.0_f64;
    for (rank, i) in order.into_iter().enumerate().rev() {
        least = least.min(p[i] * n / (rank + 1) as f64);
        q[i] = least;
    }
    q
}

/// Which of `p` to report so that at most a share `rate` of the reports is expected to be false.
pub fn discoveries(p: &[f64], rate: f64) -> Vec<bool> {
    q_values(p).into_iter().map(|q| q <= rate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_paper() {
        // Benjamini and Hochberg 1995, section 3.2: four of fifteen are rejected at 0.05.
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
            0.6528, 0.7590, 1.0,
        ];
        let found = discoveries(&p, 0.05);
        assert_eq!(found.iter().filter(|found| **found).count(), 4);
        assert!(found[..4].iter().all(|found| *found));
    }

    #[test]
    fn order_of_the_series_does_not_matter_and_series_not_judged_do_not_count() {
        let q = q_values(&[0.2, 0.01, 0.03]);
        let shuffled = q_values(&[0.03, f64::NAN, 0.2, 0.01]);
        assert_eq!([q[2], q[0], q[1]], [shuffled[0], shuffled[2], shuffled[3]]);
        assert_eq!(q_values(&[]), Vec::<f64>::new());
    }
}
