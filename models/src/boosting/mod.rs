//! Gradient boosting of regression trees on histograms, for rates: Poisson loss with log link.
//!
//! Minimises sum_i w_i (exp(F(x_i)) - y_i F(x_i)) over sums F of shrunk trees (Friedman, *Greedy function
//! approximation*, 2001; histogram and best-first growth as in Ke et al., *LightGBM*, 2017). F starts at 0, so that
//! what the rows cannot tell stays where the caller's own forecast is. Leaf values are Newton steps
//! -sum g / (sum h + l2), clipped to [`Params::step`]. The same rows and seed give the same trees, whatever the
//! number of threads.
//!
//! Written here because the pure Rust crate with this loss (perpetual, up to 2.3) needs a nightly compiler.
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

mod bins;
mod tree;

use bins::Bins;
use tree::{Grower, Tree};

/// Settings; the defaults suit 10^4 to 10^6 rows with a few dozen features.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// Number of trees.
    pub trees: usize,
    /// Leaves of a tree at most.
    pub leaves: usize,
    /// Learning rate.
    pub rate: f64,
    /// Rows of a leaf at least.
    pub min_rows: usize,
    /// Ridge on leaf values.
    pub l2: f64,
    /// Share of the features a tree may use.
    pub features: f64,
    /// Share of the rows a tree is grown on.
    pub rows: f64,
    /// Largest leaf value before the learning rate.
    pub step: f64,
    /// Seed of rows and features.
    pub seed: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            trees: 80,
            leaves: 15,
            rate: 0.05,
            min_rows: 200,
            l2: 10.0,
            features: 0.6,
            rows: 0.7,
            step: 0.7,
            seed: 1,
        }
    }
}

/// Rows of features, `width` values each, one row after the other; `NaN` is not allowed.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// Values.
    pub values: &'a [f32],
    /// Features of a row.
    pub width: usize,
}

impl<'a> Rows<'a> {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn row(&self, i: usize) -> &'a [f32] {
        &self.values[i * self.width..(i + 1) * self.width]
    }
}

/// A fitted sum of trees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Booster {
    trees: Vec<Tree>,
}

impl Booster {
    /// Fits rates `y` with weights `w`, one a row.
    pub fn fit(rows: Rows<'_>, y: &[f32], w: &[f32], params: &Params) -> Self {
        let bins = Bins::new(rows);
        let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
        let mut score = vec![0.0_f32; rows.len()];
        let mut gradients = vec![[0.0_f32; 2]; rows.len()];
        let mut grower = Grower::new(&bins, params);
        let mut trees = Vec::with_capacity(params.trees);
        for _ in 0..params.trees {
            for (((g, f), y), w) in gradients.iter_mut().zip(&score).zip(y).zip(w) {
                let mean = f.exp();
                *g = [w * (mean - y), w * mean];
            }
            let used: Vec<u32> =
                (0..rows.len() as u32).filter(|_| rng.random::<f64>() < params.rows).collect();
            let features = sample(&mut rng, rows.width, params.features);
            let tree = grower.grow(used, &features, &gradients);
            for (i, f) in score.iter_mut().enumerate() {
                *f += tree.value_of_bins(bins.row(i));
            }
            trees.push(tree);
        }
        Self { trees }
    }

    /// F(x): the logarithm of the factor for one row.
    pub fn predict(&self, row: &[f32]) -> f64 {
        self.trees.iter().map(|tree| f64::from(tree.value(row))).sum()
    }

    /// The same for many rows.
    pub fn predict_all(&self, rows: Rows<'_>) -> Vec<f64> {
        (0..rows.len()).map(|i| self.predict(rows.row(i))).collect()
    }
}

/// A share of `0..n`, at least one, ascending.
fn sample(rng: &mut impl Rng, n: usize, share: f64) -> Vec<usize> {
    let wanted = ((n as f64 * share).round() as usize).clamp(1.min(n), n);
    let mut picked = rand::seq::index::sample(rng, n, wanted).into_vec();
    picked.sort_unstable();
    picked
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of two features; the rate is 2 where the first is above 0.5 and 1 elsewhere, the second is noise.
    fn steps(n: usize) -> (Vec<f32>, Vec<f32>) {
        let rows: Vec<[f32; 2]> =
            (0..n).map(|i| [(i * 37 % 101) as f32 / 100.0, (i * 53 % 97) as f32 / 96.0]).collect();
        let rates = rows.iter().map(|x| if x[0] > 0.5 { 2.0 } else { 1.0 }).collect();
        (rows.concat(), rates)
    }

    fn all(share: f64) -> Params {
        Params { features: 1.0, rows: share, l2: 0.0, trees: 300, min_rows: 20, ..Params::default() }
    }

    #[test]
    fn a_step_is_found_where_it_is() {
        let (values, rates) = steps(2000);
        let rows = Rows { values: &values, width: 2 };
        let booster = Booster::fit(rows, &rates, &[1.0; 2000], &all(1.0));
        for (x, want) in [(0.0, 0.0), (0.45, 0.0), (0.56, 2.0_f64.ln()), (1.0, 2.0_f64.ln())] {
            let got = booster.predict(&[x, 0.3]);
            assert!((got - want).abs() < 0.02, "{x}: {got}");
        }
        let many = booster.predict_all(rows);
        assert_eq!((many.len(), many[7]), (2000, booster.predict(rows.row(7))));
    }

    #[test]
    fn weights_decide_between_rows_that_disagree() {
        let values = vec![0.0_f32; 400];
        let rates: Vec<f32> = (0..400).map(|i| (i % 2) as f32 * 4.0).collect();
        let weights: Vec<f32> = (0..400).map(|i| if i % 2 == 0 { 3.0 } else { 1.0 }).collect();
        let booster = Booster::fit(Rows { values: &values, width: 1 }, &rates, &weights, &all(1.0));
        // The weighted mean of 0 and 4 is 1, its logarithm 0.
        assert!(booster.predict(&[0.0]).abs() < 1e-3);
        assert_eq!(booster.trees[0].leaves(), 1, "a constant feature cannot be split");
    }

    #[test]
    fn a_leaf_keeps_its_rows_and_its_step() {
        let (values, mut rates) = steps(2000);
        rates.iter_mut().for_each(|r| *r *= 100.0);
        let params = Params { trees: 1, min_rows: 1500, rate: 1.0, ..all(1.0) };
        let booster = Booster::fit(Rows { values: &values, width: 2 }, &rates, &[1.0; 2000], &params);
        assert_eq!(booster.trees[0].leaves(), 1);
        assert!((booster.predict(&[0.9, 0.5]) - params.step).abs() < 1e-6);
        let params = Params { leaves: 4, min_rows: 20, ..params };
        let booster = Booster::fit(Rows { values: &values, width: 2 }, &rates, &[1.0; 2000], &params);
        assert!((2..=4).contains(&booster.trees[0].leaves()));
    }

    #[test]
    fn one_seed_gives_one_ensemble_and_no_rows_give_none() {
        let (values, rates) = steps(1000);
        let fit = |seed| {
            let params = Params { seed, ..all(0.5) };
            Booster::fit(Rows { values: &values, width: 2 }, &rates, &[1.0; 1000], &params)
        };
        assert_eq!(fit(1), fit(1));
        assert_ne!(fit(1), fit(2));
        let none = Booster::fit(Rows { values: &[], width: 2 }, &[], &[], &Params::default());
        assert_eq!(none.predict(&[1.0, 2.0]), 0.0);
    }
}
