//! The minimum of a function of a few numbers in a box, without derivatives.
//!
//! Nelder and Mead (1965) with the dimension-dependent coefficients of Gao and Han (2012), *Implementing the
//! Nelder-Mead simplex algorithm with adaptive parameters*, which keep the simplex alive in ten dimensions and
//! more. Points outside the box are moved to its edge. A value that is not a number counts as infinite.

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// Most calls of the function in one run.
    pub calls: usize,
    /// The least difference between the best and the worst corner that is worth another step.
    pub spread: f64,
}

/// One number of the point that is searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    /// Where the search starts.
    pub start: f64,
    /// Length of the first step, not 0.
    pub step: f64,
    /// Least value.
    pub low: f64,
    /// Greatest value.
    pub high: f64,
}

/// The best point found and its value; the start itself when nothing is better.
pub fn minimise(f: impl FnMut(&[f64]) -> f64, axes: &[Axis], stop: Stop) -> (Vec<f64>, f64) {
    let mut simplex = Simplex::new(f, axes);
    while simplex.calls < stop.calls && simplex.spread() > stop.spread {
        simplex.step();
    }
    let best = simplex.order.first().copied().unwrap_or(0);
    (simplex.corners[best].clone(), simplex.values[best])
}

struct Simplex<'a, F> {
    f: F,
    axes: &'a [Axis],
    corners: Vec<Vec<f64>>,
    values: Vec<f64>,
    /// Corners from the best to the worst.
    order: Vec<usize>,
    centre: Vec<f64>,
    trial: Vec<f64>,
    second: Vec<f64>,
    calls: usize,
}

impl<'a, F: FnMut(&[f64]) -> f64> Simplex<'a, F> {
    fn new(f: F, axes: &'a [Axis]) -> Self {
        let n = axes.len();
        let start: Vec<f64> = axes.iter().map(|a| a.start.clamp(a.low, a.high)).collect();
        let mut corners = vec![start; n + 1];
        for (corner, (k, axis)) in corners[1..].iter_mut().zip(axes.iter().enumerate()) {
            let up = corner[k] + axis.step;
            corner[k] = if up > axis.high || up < axis.low { corner[k] - axis.step } else { up };
            corner[k] = corner[k].clamp(axis.low, axis.high);
        }
        let mut simplex = Self {
            f,
            axes,
            corners,
            values: vec![f64::INFINITY; n + 1],
            order: (0..=n).collect(),
            centre: vec![0.0; n],
            trial: vec![0.0; n],
            second: vec![0.0; n],
            calls: 0,
        };
        for k in 0..=n {
            simplex.values[k] = finite((simplex.f)(&simplex.corners[k]));
        }
        simplex.calls = n + 1;
        simplex.sort();
        simplex
    }

    fn sort(&mut self) {
        let values = &self.values;
        self.order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    }

    fn spread(&self) -> f64 {
        let value = |k: Option<&usize>| k.map_or(0.0, |k| self.values[*k]);
        let spread = value(self.order.last()) - value(self.order.first());
        if spread.is_nan() { 0.0 } else { spread }
    }

    fn step(&mut self) {
        let n = self.axes.len();
        let (best, next, worst) = (self.order[0], self.order[n - 1], self.order[n]);
        self.find_centre(worst);
        let wide = n.max(2) as f64;
        let (expand, contract) = (1.0 + 2.0 / wide, 0.75 - 0.5 / wide);
        let reflected = self.try_at(1.0, worst);
        if reflected < self.values[best] {
            std::mem::swap(&mut self.trial, &mut self.second);
            let expanded = self.try_at(expand, worst);
            if expanded >= reflected {
                std::mem::swap(&mut self.trial, &mut self.second);
            }
            self.replace(worst, expanded.min(reflected));
        } else if reflected < self.values[next] {
            self.replace(worst, reflected);
        } else {
            let outside = reflected < self.values[worst];
            let contracted = self.try_at(if outside { contract } else { -contract }, worst);
            if contracted < reflected.min(self.values[worst]) {
                self.replace(worst, contracted);
            } else {
                self.shrink(best, 1.0 - 1.0 / wide);
            }
        }
        self.sort();
    }

    fn find_centre(&mut self, worst: usize) {
        self.centre.fill(0.0);
        let n = self.axes.len() as f64;
        for (_, corner) in self.corners.iter().enumerate().filter(|(k, _)| *k != worst) {
            self.centre.iter_mut().zip(corner).for_each(|(c, x)| *c += x / n);
        }
    }

    /// The value at centre + length (centre - worst), which becomes the trial point.
    fn try_at(&mut self, length: f64, worst: usize) -> f64 {
        let ends = self.centre.iter().zip(&self.corners[worst]);
        for ((x, (c, w)), axis) in self.trial.iter_mut().zip(ends).zip(self.axes) {
            *x = (c + length * (c - w)).clamp(axis.low, axis.high);
        }
        self.calls += 1;
        finite((self.f)(&self.trial))
    }

    fn replace(&mut self, worst: usize, value: f64) {
        self.corners[worst].copy_from_slice(&self.trial);
        self.values[worst] = value;
    }

    fn shrink(&mut self, best: usize, factor: f64) {
        self.centre.copy_from_slice(&self.corners[best]);
        for k in (0..self.corners.len()).filter(|k| *k != best) {
            for (x, b) in self.corners[k].iter_mut().zip(&self.centre) {
                *x = b + factor * (*x - b);
            }
            self.values[k] = finite((self.f)(&self.corners[k]));
            self.calls += 1;
        }
    }
}

fn finite(v: f64) -> f64 {
    if v.is_nan() { f64::INFINITY } else { v }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOP: Stop = Stop { calls: 4000, spread: 1e-14 };

    fn axes(start: &[f64]) -> Vec<Axis> {
        start.iter().map(|x| Axis { start: *x, step: 0.5, low: -5.0, high: 5.0 }).collect()
    }

    #[test]
    fn walks_down_a_bent_valley() {
        let valley = |x: &[f64]| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2);
        let (x, value) = minimise(valley, &axes(&[-1.2, 1.0]), STOP);
        assert!(value < 1e-10 && (x[0] - 1.0).abs() < 1e-4, "{x:?}");
    }

    #[test]
    fn ten_dimensions_of_different_scale() {
        let bowl = |x: &[f64]| x.iter().zip(1..).map(|(v, k)| f64::from(k) * (v - 0.3).powi(2)).sum();
        let (x, _) = minimise(bowl, &axes(&[2.0; 10]), STOP);
        assert!(x.iter().all(|v| (v - 0.3).abs() < 1e-3), "{x:?}");
    }

    #[test]
    fn stays_in_the_box_and_finds_its_corner() {
        let (x, _) = minimise(|x| x[0] - x[1], &axes(&[0.0, 0.0]), STOP);
        assert!((x[0] + 5.0).abs() < 1e-3 && (x[1] - 5.0).abs() < 1e-3, "{x:?}");
    }

    #[test]
    fn an_undefined_function_and_no_axis_end_at_the_start() {
        assert_eq!(minimise(|_| f64::NAN, &axes(&[1.0]), STOP).0, [1.0]);
        assert_eq!(minimise(|_| 3.0, &[], STOP), (vec![], 3.0));
        let half = |x: &[f64]| if x[0] < 0.5 { f64::NAN } else { x[0] };
        assert!((minimise(half, &axes(&[1.0]), STOP).0[0] - 0.5).abs() < 1e-3);
    }
}
