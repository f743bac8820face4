//! A robust negative-binomial regression on the whole history of a series, refitted one step a period.
//!
//! Counts are taken as NB1 (variance `phi * mean`, `phi >= 1`) around `mean = exp(x' beta)`. Past outbreaks must not
//! raise the baseline, so periods far above it are down-weighted by their signed-root residual r*
//! (Barndorff-Nielsen), which is close to normal even for counts of 0 to 5, where Anscombe or Pearson residuals
//! are not. A weak normal prior (ridge) on every coefficient but the constant keeps short histories finite, and
//! an optional half-life lets the past fade.
//!
//! One refit is one penalised Fisher-scoring step from the coefficients of the period before: with a whole
//! history of data a single new period moves them so little that further steps change nothing. So judging T
//! periods costs T passes over the data, about 25 microseconds each for 624 periods and 6 coefficients.
use crate::numeric::cholesky::Cholesky;

use super::baseline::trimmed_mean;
use super::evidence::{LONGER, Predictive};
use super::level::{self, Level, Pace};

/// The linear predictor is clipped to this range: from one ticket in 20 years of weeks to 9 million a period.
const ETA: (f64, f64) = (-7.0, 16.0);
/// Passes of a start without earlier coefficients; the first three without robust weights.
const START_PASSES: usize = 12;
/// Start passes before the robust weights are used.
const PLAIN_PASSES: usize = 3;
/// Columns before this hold constant, trend and season, never empty; later ones mark the kind of day and mostly are.
const ALWAYS_FILLED: usize = 8;
/// Residual r* above which a period is down-weighted.
const CUT: f64 = 2.0;

/// How many times more uncertain a level is than one that stands still: 1 where sums over a fortnight vary as those of
/// independent days, and twice as fast as they do beyond that, because the level also moves on until the judged day. On the
/// São Paulo hotline of 2018 (`examples/tails`) days then fall below p = .005 1.6 times as often as that, on Boston's of
/// 2011 1.0 times; with three instead of two, 1.4 and 1.0, and storms of a simulated city are found less often.
const LEVEL_DRIFTS: f64 = 2.0;
const LEVEL_AT_MOST: f64 = 3.0;

/// The regression before it has seen counts: one row of `K` regressors a period, the prior, the half-life.
#[derive(Debug, Clone)]
pub(super) struct RobustGlm<const K: usize> {
    rows: Vec<[f64; K]>,
    ridge: [f64; K],
    /// Whether means follow the local level of the series.
    pace: Option<Pace>,
    /// Weight by age in periods, 1 for the newest.
    discount: Vec<f64>,
}

/// Factors on the means of periods, known from elsewhere: a level that moved for good, the share of a period's counts
/// that can be known by now. Periods beyond them, and all periods of an empty list, have the factor 1.
fn factor(factors: &[f64], t: usize) -> f64 {
    factors.get(t).copied().unwrap_or(1.0)
}

/// The regression as fitted to the periods known so far.
#[derive(Debug, Clone)]
pub(super) struct Fitted<const K: usize> {
    beta: [f64; K],
    phi: f64,
    /// Known factors on the means, see [`factor`].
    factors: Vec<f64>,
    /// Means by the regression of the periods known, one each.
    means: Vec<f64>,
    /// The same times the level each period had.
    levelled: Vec<f64>,
    /// Level of the next period.
    level: Level,
    /// Robust weight times discount, 0 for missing periods.
    weights: Vec<f64>,
    information: Option<Cholesky>,
    /// Sum of squared discounts over sum of discounts.
    inflation: f64,
    /// Effective number of periods.
    n_eff: f64,
    /// Mean of 1 / fitted mean.
    inverse_mean: f64,
    /// See [`Predictive::inflation`].
    inflation_of_sums: [f64; LONGER.len()],
}

impl<const K: usize> Fitted<K> {
    /// Means of the periods known by the regression, and the same times the level each had.
    pub(super) fn means(&self) -> (&[f64], &[f64]) {
        (&self.means, &self.levelled)
    }
}

impl<const K: usize> RobustGlm<K> {
    /// `rows` are the regressors by period, the constant first; `ridge` holds prior precisions (1 / sd^2 in log
    /// units); `half_life` in periods, `None` for equal weights.
    pub(super) fn new(rows: Vec<[f64; K]>, ridge: [f64; K], half_life: Option<f64>) -> Self {
        let weight = |age: usize| half_life.map_or(1.0, |half| 0.5_f64.powf(age as f64 / half));
        let discount = (0..rows.len()).map(weight).collect();
        Self { rows, ridge, pace: None, discount }
    }

    /// Lets the means follow the local level of the series ([`level`]).
    pub(super) fn with_level(self, pace: Pace) -> Self {
        Self { pace: Some(pace), ..self }
    }

    /// Fits `counts`, the periods known (NaN = missing), without earlier coefficients; `factors` on the means are known.
    pub(super) fn fit(&self, counts: &[f32], factors: &[f64]) -> Fitted<K> {
        let known = counts.iter().filter(|y| !y.is_nan());
        let (n, sum) = known.fold((0.0, 0.0), |(n, sum), y| (n + 1.0, sum + f64::from(*y)));
        let mut beta = [0.0; K];
        beta[0] = (sum / f64::max(n, 1.0) + 0.02).ln();
        let mut fitted = Fitted {
            beta,
            phi: 1.5,
            factors: factors.to_vec(),
            means: Vec::with_capacity(self.rows.len()),
            levelled: Vec::with_capacity(self.rows.len()),
            level: Level::NONE,
            weights: Vec::with_capacity(self.rows.len()),
            information: None,
            inflation: 1.0,
            n_eff: 1.0,
            inverse_mean: 1.0,
            inflation_of_sums: [1.0; LONGER.len()],
        };
        for pass in 0..START_PASSES {
            self.step(&mut fitted, counts, pass >= PLAIN_PASSES);
        }
        self.measure_sums(&mut fitted, counts);
        fitted
    }

    /// One step of `fitted` towards the fit of `counts`, which hold at least the periods it has seen.
    pub(super) fn update(&self, fitted: &mut Fitted<K>, counts: &[f32]) {
        self.step(fitted, counts, true);
        self.measure_sums(fitted, counts);
    }

    /// Takes note of newer `counts` without a refit.
    pub(super) fn follow(&self, fitted: &mut Fitted<K>, counts: &[f32]) {
        let beta = fitted.beta;
        let known = fitted.means.len();
        let newer = (known..).zip(&self.rows[known..counts.len()]);
        fitted.means.extend(newer.map(|(t, row)| mean(row, &beta) * factor(&fitted.factors, t)));
        fitted.level = if let Some(pace) = self.pace {
            level::follow(pace, counts, &fitted.means, fitted.phi.max(1.001), &mut fitted.levelled)
        } else {
            fitted.levelled.clone_from(&fitted.means);
            Level::NONE
        };
    }

    /// The distribution of the count of period `t`, the next one, if nothing unusual happens.
    pub(super) fn predict(&self, fitted: &Fitted<K>, t: usize) -> Predictive {
        let row = &self.rows[t];
        let relative_variance = fitted.information.as_ref().map_or(0.0, |information| {
            let mut solved = *row;
            information.solve(&mut solved);
            fitted.phi * fitted.inflation * dot(row, &solved)
        });
        let fortnight =
            (1.0 + LEVEL_DRIFTS * (fitted.inflation_of_sums[LONGER.len() - 1] - 1.0)).min(LEVEL_AT_MOST);
        Predictive {
            mean: mean(row, &fitted.beta) * factor(&fitted.factors, t) * fitted.level.factor,
            relative_variance: relative_variance + fitted.level.relative_variance * fortnight,
            phi: fitted.phi,
            inverse_mean: fitted.inverse_mean,
            n_eff: fitted.n_eff,
            inflation: fitted.inflation_of_sums,
        }
    }

    fn step(&self, fitted: &mut Fitted<K>, counts: &[f32], robust: bool) {
        let rows = &self.rows[..counts.len()];
        self.follow(fitted, counts);
        self.weigh(fitted, counts, robust);
        let (gram, score) = self.normal_equations(fitted, counts);
        fitted.information = Cholesky::with_ridge(gram.as_flattened(), K);
        if let Some(information) = &fitted.information {
            let mut step = score;
            information.solve(&mut step);
            let largest = step.iter().fold(1.0, |most: f64, s| most.max(s.abs()));
            fitted.beta.iter_mut().zip(step).for_each(|(b, s)| *b += s / largest);
            // An empty series would send the constant to minus infinity, from where no count brings it back.
            fitted.beta[0] = fitted.beta[0].clamp(ETA.0 - 0.5, ETA.1 + 0.5);
        }
        let beta = fitted.beta;
        for (t, (m, row)) in fitted.means.iter_mut().zip(rows).enumerate() {
            *m = mean(row, &beta) * factor(&fitted.factors, t);
        }
        self.follow(fitted, counts);
        self.measure_spread(fitted, counts);
    }

    fn weigh(&self, fitted: &mut Fitted<K>, counts: &[f32], robust: bool) {
        let phi = fitted.phi.max(1.001);
        fitted.weights.clear();
        fitted.weights.extend(counts.iter().zip(&fitted.levelled).zip(self.discounts(counts.len())).map(
            |((y, m), discount)| match f64::from(*y) {
                y if y.is_nan() => 0.0,
                y if robust => discount * robust_weight(y, *m, phi),
                _ => discount,
            },
        ));
    }

    fn discounts(&self, n: usize) -> impl Iterator<Item = f64> {
        self.discount[..n].iter().rev().copied()
    }

    /// Penalised information (lower triangle) and score.
    fn normal_equations(&self, fitted: &Fitted<K>, counts: &[f32]) -> ([[f64; K]; K], [f64; K]) {
        let (mut gram, mut score) = ([[0.0; K]; K], [0.0; K]);
        for (((y, m), weight), row) in counts.iter().zip(&fitted.means).zip(&fitted.weights).zip(&self.rows) {
            if *weight == 0.0 {
                continue;
            }
            let (information, residual) = (weight * m, weight * (f64::from(*y) - m));
            for j in 0..K {
                if j >= ALWAYS_FILLED && row[j] == 0.0 {
                    continue;
                }
                let scaled = information * row[j];
                score[j] += residual * row[j];
                for k in 0..=j {
                    gram[j][k] += scaled * row[k];
                }
            }
        }
        for j in 0..K {
            gram[j][j] += self.ridge[j] * fitted.phi;
            score[j] -= self.ridge[j] * fitted.phi * fitted.beta[j];
        }
        (gram, score)
    }

    fn measure_spread(&self, fitted: &mut Fitted<K>, counts: &[f32]) {
        let (mut pearson, mut weights, mut inverse) = (0.0, 0.0, 0.0);
        let (mut n, mut discounts, mut squares) = (0.0, 0.0, 0.0);
        let periods =
            counts.iter().zip(&fitted.levelled).zip(&fitted.weights).zip(self.discounts(counts.len()));
        for (((y, m), weight), discount) in periods {
            let y = f64::from(*y);
            if y.is_nan() {
                continue;
            }
            let inverse_mean = 1.0 / m;
            pearson += weight * (y - m) * (y - m) * inverse_mean;
            weights += weight;
            inverse += inverse_mean;
            n += 1.0;
            discounts += discount;
            squares += discount * discount;
        }
        if n > 0.0 {
            fitted.inflation = squares / discounts;
            fitted.n_eff = discounts * discounts / squares;
            fitted.inverse_mean = inverse / n;
            let freedom = (weights - K as f64 * fitted.inflation).max(1.0);
            fitted.phi = (pearson / freedom).max(1.0);
        }
    }

    /// How much more sums over several days vary than those of independent days, against the level known on each: the
    /// trimmed mean of `(sum - expected)^2 / (phi expected)` over past windows that overlap by two thirds. Asked of
    /// days alone.
    fn measure_sums(&self, fitted: &mut Fitted<K>, counts: &[f32]) {
        if self.pace != Some(level::DAYS) {
            return;
        }
        let mut sums = Vec::with_capacity(counts.len() + 1);
        let (mut excess, mut expected) = (0.0, 0.0);
        sums.push((excess, expected));
        for (y, m) in counts.iter().zip(&fitted.levelled) {
            if !y.is_nan() {
                excess += f64::from(*y) - m;
                expected += m;
            }
            sums.push((excess, expected));
        }
        fitted.inflation_of_sums = LONGER.map(|length| {
            let ends = (length..sums.len()).rev().step_by((length / 3).max(1));
            let squares = ends.map(|end| {
                let (from, to) = (sums[end - length], sums[end]);
                (to.0 - from.0).powi(2) / (fitted.phi * (to.1 - from.1).max(1e-9))
            });
            trimmed_mean(squares.collect()).unwrap_or(1.0).max(1.0)
        });
    }
}

fn dot<const K: usize>(a: &[f64; K], b: &[f64; K]) -> f64 {
    let mut sum = 0.0;
    for k in 0..K {
        sum += a[k] * b[k];
    }
    sum
}

fn mean<const K: usize>(row: &[f64; K], beta: &[f64; K]) -> f64 {
    dot(row, beta).clamp(ETA.0, ETA.1).exp()
}

/// Weight of a count under NB1 with mean `m` and dispersion `phi` > 1: 1 up to r* = 2, then `(2 / r*)^2`.
pub(super) fn robust_weight(y: f64, m: f64, phi: f64) -> f64 {
    let excess = y - m;
    // 93 % of the periods end here; r* cannot reach the cut.
    if excess <= 0.0 || excess * excess <= 1.69 * m * phi {
        return 1.0;
    }
    let size = m / (phi - 1.0);
    let deviance = 2.0 * (y * (y / m).ln() - (y + size) * ((y + size) / (m + size)).ln());
    let root = deviance.max(1e-9).sqrt();
    let wald = (y * (m + size) / (m * (y + size))).ln() * (y * (y + size) / size).sqrt();
    let residual = root + (wald / root).max(1e-9).ln() / root;
    if residual <= CUT { 1.0 } else { (CUT / residual).powi(2) }
}
