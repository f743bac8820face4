//! Generalised likelihood ratio: has the mean risen by some factor since some period of the monitored time?
//!
//! The statistic of period n is the maximum over k <= n of the log-likelihood ratio of periods k to n under their best
//! factor exp(kappa) >= 1 against factor 1. At the threshold it alarms and starts anew. The expected counts are a
//! regression, of the same distribution, of the periods before on trend and one harmonic.
//!
//! Source: M. Höhle and M. Paul (2008), *Count data regression charts for the monitoring of surveillance time series*,
//! Computational Statistics and Data Analysis 52:4357-4368; R `glrnb`, `glrpois` with `S = 1`, `trend = TRUE`,
//! `refit = FALSE`.
use serde::{Deserialize, Serialize};

use super::Signal;
use crate::forecast::classic::count_glm::CountGlm;

/// Distribution of the counts in the likelihood ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// R `glrpois`.
    Poisson,
    /// R `glrnb`.
    NegativeBinomial,
}

/// A chart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Glr {
    /// Statistic from which it alarms (R's `c.ARL`); 5 in R.
    pub threshold: f64,
    /// Distribution.
    pub counts: Counts,
    /// Periods in a year.
    pub period: usize,
}

/// A factor beyond exp(this) is as good as any.
const KAPPA_MAX: f64 = 40.0;

impl Glr {
    /// Monitors periods `from ..` of `counts`; the value is the statistic.
    ///
    /// `None` for a missing count, which is left out, and throughout where no count is known before.
    pub fn monitor(&self, counts: &[f64], from: usize) -> Vec<Option<Signal>> {
        let monitored = counts.get(from..).unwrap_or_default();
        let past = &counts[..counts.len() - monitored.len()];
        let spread = self.counts == Counts::NegativeBinomial;
        let Some((means, alpha)) = harmonic_means(past, monitored.len(), self.period, true, spread) else {
            return vec![None; monitored.len()];
        };
        let mut since: Vec<(f64, f64)> = Vec::new();
        let one = |(x, mean): (&f64, f64)| {
            let known = *x >= 0.0 && x.is_finite();
            known.then(|| {
                since.push((*x, mean));
                let value = statistic(&since, alpha);
                let alarm = value >= self.threshold;
                if alarm {
                    since.clear();
                }
                Signal { value, alarm }
            })
        };
        monitored.iter().zip(means).map(one).collect()
    }
}

/// Maximum over the starts of the rise.
fn statistic(since: &[(f64, f64)], alpha: f64) -> f64 {
    (0..since.len()).rev().map(|k| ratio(&since[k..], alpha)).fold(0.0, f64::max)
}

/// Log-likelihood ratio of the best factor, 0 where the counts are not above their means.
fn ratio(rows: &[(f64, f64)], alpha: f64) -> f64 {
    let score = |kappa: f64| {
        let factor = kappa.exp();
        rows.iter().map(|(x, m)| (x - factor * m) / (1.0 + alpha * factor * m)).sum::<f64>()
    };
    if score(0.0) <= 0.0 {
        return 0.0;
    }
    let (x, m) = rows.iter().fold((0.0, 0.0), |(x, m), row| (x + row.0, m + row.1));
    if alpha == 0.0 {
        let kappa = (x / m).ln();
        return kappa * x + m - x;
    }
    let kappa = best(rows, alpha, &score);
    let factor = kappa.exp();
    let one = |(x, m): &(f64, f64)| {
        kappa * x - (x + 1.0 / alpha) * (alpha * m * (factor - 1.0) / (1.0 + alpha * m)).ln_1p()
    };
    rows.iter().map(one).sum()
}

/// Root of the score, which falls with kappa: Newton's steps, halved intervals where they leave the bracket.
fn best(rows: &[(f64, f64)], alpha: f64, score: &impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, KAPPA_MAX);
    let mut kappa: f64 = 0.5;
    for _ in 0..100 {
        let now = score(kappa);
        *if now > 0.0 { &mut low } else { &mut high } = kappa;
        let factor = kappa.exp();
        let slope: f64 = rows
            .iter()
            .map(|(x, m)| factor * m * (alpha * x + 1.0) / (1.0 + alpha * factor * m).powi(2))
            .sum();
        let next = kappa + now / slope;
        let next = if next > low && next < high { next } else { f64::midpoint(low, high) };
        if (next - kappa).abs() < 1e-10 {
            return next;
        }
        kappa = next;
    }
    kappa
}

/// Expected counts of the `ahead` periods after `past` by a regression on a constant, one harmonic of `period` periods
/// and, if asked for, a trend; and the dispersion alpha (variance m + alpha m^2), 0 if `spread` is not asked for.
///
/// Where the regression has no answer (few counts, all zero) the mean of the counts and half a count stands in for it.
/// `None` without any count.
pub(super) fn harmonic_means(
    past: &[f64],
    ahead: usize,
    period: usize,
    trend: bool,
    spread: bool,
) -> Option<(Vec<f64>, f64)> {
    let known = past.iter().filter(|y| y.is_finite());
    let n = known.clone().count() as f64;
    if n == 0.0 || period == 0 {
        return None;
    }
    let columns = if trend { 4 } else { 3 };
    let row = |t: usize| {
        let angle = std::f64::consts::TAU * (t + 1) as f64 / period as f64;
        let all = [1.0, angle.cos(), angle.sin(), t as f64 / past.len() as f64];
        all.into_iter().take(columns)
    };
    let design: Vec<f64> = (0..past.len()).flat_map(row).collect();
    let fit = if spread { CountGlm::negative_binomial } else { CountGlm::poisson };
    let means = |glm: CountGlm| {
        let rows = (past.len()..past.len() + ahead).map(row);
        let means: Vec<f64> = rows.map(|row| glm.mean(&row.collect::<Vec<_>>())).collect();
        let usable = means.iter().all(|m| m.is_finite() && *m > 0.0);
        usable.then(|| (means, 1.0 / glm.theta()))
    };
    let plain = || (vec![(known.clone().sum::<f64>() + 0.5) / n; ahead], 0.0);
    let any = known.clone().any(|y| *y > 0.0);
    Some(fit(&design, columns, past).ok().filter(|_| any).and_then(means).unwrap_or_else(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(counts: Counts) -> Glr {
        Glr { threshold: 5.0, counts, period: 52 }
    }

    #[test]
    fn a_lasting_rise_alarms_once_and_starts_anew() {
        let mut weeks: Vec<f64> = (0..160).map(|t| 4.0 + f64::from(t * 7 % 5)).collect();
        weeks.extend([12.0; 4]);
        for counts in [Counts::Poisson, Counts::NegativeBinomial] {
            let signals = chart(counts).monitor(&weeks, 156);
            let at: Vec<usize> = (0..8).filter(|t| signals[*t].unwrap().alarm).collect();
            assert!(!at.is_empty() && at[0] >= 4, "{signals:?}");
            assert!(signals[at[0]].unwrap().value >= 5.0);
        }
    }

    #[test]
    fn series_of_many_zeros_have_an_answer() {
        let mut weeks = vec![0.0; 200];
        for counts in [Counts::Poisson, Counts::NegativeBinomial] {
            assert!(chart(counts).monitor(&weeks, 150).iter().all(|s| !s.unwrap().alarm));
        }
        for t in [3, 40, 41, 90] {
            weeks[t] = 1.0;
        }
        weeks[180] = 6.0;
        for counts in [Counts::Poisson, Counts::NegativeBinomial] {
            let signals = chart(counts).monitor(&weeks, 150);
            assert!(signals.iter().all(|s| s.unwrap().value.is_finite()));
            assert!(signals[30].unwrap().alarm && !signals[29].unwrap().alarm);
        }
        weeks[160] = f64::NAN;
        assert_eq!(chart(Counts::Poisson).monitor(&weeks, 150)[10], None);
        assert_eq!(chart(Counts::Poisson).monitor(&[1.0; 3], 0), vec![None; 3]);
    }
}
