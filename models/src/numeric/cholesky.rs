//! Small symmetric positive definite systems, solved in place on plain slices.
//!
//! The systems are the penalised normal equations of a GLM (20 to 60 unknowns) and the reconciliation of
//! aggregates (up to a few thousand). Both are positive definite on paper; rounding and empty columns can
//! spoil that, so [`Cholesky::with_ridge`] adds the smallest diagonal that makes the factor exist.

/// Lower-triangular factor of a symmetric positive definite matrix, row-major, order `n`.
#[derive(Debug, Clone, PartialEq)]
pub struct Cholesky {
    n: usize,
    l: Vec<f64>,
}

impl Cholesky {
    /// Factors `a` (row-major, order `n`; only the lower triangle is read).
    ///
    /// Returns `None` when `a` is not numerically positive definite or not finite.
    pub fn new(a: &[f64], n: usize) -> Option<Self> {
        let mut l = a.to_vec();
        factor(&mut l, n).then_some(Self { n, l })
    }

    /// Factors `a + ridge * mean(diag a) * I` with the smallest ridge of 0, 1e-10, 1e-8, … that succeeds.
    ///
    /// Returns `None` only when `a` holds values that are not finite or is far from positive definite.
    pub fn with_ridge(a: &[f64], n: usize) -> Option<Self> {
        let scale = (0..n).map(|i| a[i * n + i]).sum::<f64>() / n.max(1) as f64;
        [0.0, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1.0].into_iter().find_map(|ridge| {
            let mut l = a.to_vec();
            for i in 0..n {
                l[i * n + i] += ridge * scale;
            }
            factor(&mut l, n).then_some(Self { n, l })
        })
    }

    /// Replaces `b` (length `n`) by the solution of `a x = b`.
    pub fn solve(&self, b: &mut [f64]) {
        let (n, l) = (self.n, &self.l);
        for i in 0..n {
            let row = &l[i * n..i * n + i];
            let known = dot(row, &b[..i]);
            b[i] = (b[i] - known) / l[i * n + i];
        }
        for i in (0..n).rev() {
            let x = b[i] / l[i * n + i];
            b[i] = x;
            let row = &l[i * n..i * n + i];
            for (bj, lij) in b[..i].iter_mut().zip(row) {
                *bj -= lij * x;
            }
        }
    }
}

/// Overwrites the lower triangle of `l` with its Cholesky factor; `false` when a pivot is not positive.
fn factor(l: &mut [f64], n: usize) -> bool {
    for i in 0..n {
        let (above, rest) = l.split_at_mut(i * n);
        let row = &mut rest[..n];
        for j in 0..i {
            let upper = &above[j * n..j * n + n];
            row[j] = (row[j] - dot(&row[..j], &upper[..j])) / upper[j];
        }
        let pivot = row[i] - dot(&row[..i], &row[..i]);
        // Relative to the diagonal, so that a column lost to rounding is caught at any scale.
        if !(pivot.is_finite() && pivot > 1e-13 * row[i].abs() && pivot > 0.0) {
            return false;
        }
        row[i] = pivot.sqrt();
    }
    true
}

/// Dot product in four independent partial sums: fixed order, so the same bytes everywhere.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut s = [0.0_f64; 4];
    let (a4, a_rest) = a.as_chunks::<4>();
    let (b4, b_rest) = b.as_chunks::<4>();
    for (x, y) in a4.iter().zip(b4) {
        for k in 0..4 {
            s[k] += x[k] * y[k];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    (s[0] + s[1]) + (s[2] + s[3]) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_a_system_with_a_known_answer() {
        let a = [4.0, 0.0, 0.0, 2.0, 5.0, 0.0, -2.0, 1.0, 6.0];
        // Full matrix [[4,2,-2],[2,5,1],[-2,1,6]] times (1,2,3) is (2, 15, 18).
        let mut b = [2.0, 15.0, 18.0];
        Cholesky::new(&a, 3).unwrap().solve(&mut b);
        for (x, want) in b.iter().zip([1.0, 2.0, 3.0]) {
            assert!((x - want).abs() < 1e-12, "{b:?}");
        }
    }

    #[test]
    fn a_singular_matrix_needs_the_ridge() {
        let a = [1.0, 1.0, 1.0, 1.0];
        assert_eq!(Cholesky::new(&a, 2), None);
        let mut b = [2.0, 2.0];
        Cholesky::with_ridge(&a, 2).unwrap().solve(&mut b);
        assert!((b[0] - 1.0).abs() < 1e-3 && (b[1] - 1.0).abs() < 1e-3, "{b:?}");
    }

    #[test]
    fn values_that_are_not_finite_have_no_factor() {
        assert_eq!(Cholesky::with_ridge(&[f64::NAN, 0.0, 0.0, 1.0], 2), None);
    }
}
