//! Weights of models in a combination, from the errors they made side by side.
//!
//! With E the mean product of the models' errors, the combination of least squared error whose weights are not
//! negative and sum to 1 minimises w' E w (Bates and Granger, *The combination of forecasts*, 1969). Estimated
//! weights vary more than they gain where few errors are known, so a ridge pulls them to weights v that experience
//! suggests: w' E w + rho |w - v|^2 with rho = s / n tr(E) / k, where n is the number of origins that the errors are
//! worth, k that of models and s the strength of the pull.
use crate::numeric::cholesky::Cholesky;

/// Most models in a combination: all subsets of them are tried.
const MOST: usize = 8;

/// Sums of products of the models' errors.
#[derive(Debug, Clone, PartialEq)]
pub struct Products {
    models: usize,
    sums: Vec<f64>,
    n: f64,
}

impl Products {
    /// For `models` models, eight at most; more are left out.
    pub fn new(models: usize) -> Self {
        let models = models.min(MOST);
        Self { models, sums: vec![0.0; models * models], n: 0.0 }
    }

    /// Adds the errors of one forecast, one a model, each divided by the scale of its series, so that large series
    /// do not outweigh small ones; `weight` is the share of an origin that the forecast stands for.
    pub fn push(&mut self, errors: &[f64], weight: f64) {
        for (row, a) in self.sums.chunks_exact_mut(self.models).zip(errors) {
            for (sum, b) in row.iter_mut().zip(errors) {
                *sum += weight * a * b;
            }
        }
        self.n += weight;
    }

    /// Adds another set of errors of the same models.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.sums.iter_mut().zip(&other.sums) {
            *sum += more;
        }
        self.n += other.n;
    }

    /// Weights, not negative and summing to 1, pulled to `towards` with `strength` origins; `towards` itself without
    /// errors.
    pub fn weights(&self, towards: &[f64], strength: f64) -> Vec<f64> {
        let k = self.models;
        let trace: f64 = (0..k).map(|i| self.sums[i * k + i]).sum();
        if self.n <= 0.0 || !(trace > 0.0 && trace.is_finite()) {
            return towards.to_vec();
        }
        let ridge = strength / self.n * trace / k as f64;
        let mut a = self.sums.clone();
        for i in 0..k {
            a[i * k + i] += ridge;
        }
        let pull: Vec<f64> = towards.iter().map(|v| ridge * v).collect();
        let best = (1_u32..1 << k)
            .filter_map(|chosen| on_subset(&a, &pull, chosen))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        best.map_or_else(|| towards.to_vec(), |(_, weights)| weights)
    }
}

/// The least w' A w - 2 p' w with weights on the `chosen` models that sum to 1, where none of them is negative.
fn on_subset(a: &[f64], pull: &[f64], chosen: u32) -> Option<(f64, Vec<f64>)> {
    let k = pull.len();
    let at: Vec<usize> = (0..k).filter(|i| chosen >> i & 1 == 1).collect();
    let part: Vec<f64> = at.iter().flat_map(|i| at.iter().map(move |j| a[i * k + j])).collect();
    let factor = Cholesky::new(&part, at.len())?;
    let (mut ones, mut pulled) = (vec![1.0; at.len()], at.iter().map(|i| pull[*i]).collect::<Vec<f64>>());
    factor.solve(&mut ones);
    factor.solve(&mut pulled);
    let multiplier = (1.0 - pulled.iter().sum::<f64>()) / ones.iter().sum::<f64>();
    let mut weights = vec![0.0; k];
    for ((i, one), pulled) in at.iter().zip(&ones).zip(&pulled) {
        weights[*i] = pulled + multiplier * one;
    }
    let linear: f64 = weights.iter().zip(pull).map(|(w, p)| w * p).sum();
    // At the minimum on the subset A w = p + multiplier, so w' A w = p' w + multiplier.
    weights.iter().all(|w| *w >= 0.0).then_some((multiplier - linear, weights))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(errors: &[[f64; 3]], each: f64) -> Vec<f64> {
        let mut products = Products::new(3);
        errors.iter().for_each(|e| products.push(e, each));
        products.weights(&[1.0 / 3.0; 3], 20.0)
    }

    #[test]
    fn independent_errors_get_weights_of_their_precision() {
        let errors = [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 2.0]];
        let w = weights(&errors, 1e9);
        assert!((w[0] - 4.0 / 6.0).abs() < 1e-6, "{w:?}");
        assert!((w.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_model_that_only_adds_error_gets_none() {
        let w = weights(&[[1.0, 3.0, 1.0], [-1.0, -3.0, 1.0], [1.0, 3.0, -1.0]], 1e9);
        assert_eq!(w[1], 0.0);
    }

    #[test]
    fn few_errors_mean_equal_weights() {
        let w = weights(&[[1.0, 3.0, 2.0]], 1e-6);
        assert!(w.iter().all(|w| (w - 1.0 / 3.0).abs() < 0.01), "{w:?}");
        assert_eq!(Products::new(2).weights(&[0.5, 0.5], 20.0), [0.5, 0.5]);
    }
}
