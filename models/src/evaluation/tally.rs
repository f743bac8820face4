//! Scores of a set of (series, origin) pairs, kept as sums only.
use serde::{Deserialize, Serialize};

use super::{loss, mean::Mean, scale::Scale};

/// Bands that come out of floating-point arithmetic hold the counts on their edges.
const EDGE: f64 = 1e-9;

/// Running scores; formulas in [`super`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    pairs: usize,
    mase: Mean,
    rmsse: Mean,
    sql: Mean,
    msis: Mean,
    coverage_80: Mean,
    coverage_95: Mean,
    loss: f64,
    expected: f64,
    actual: f64,
    volume: f64,
}

/// Scores of a set of (series, origin) pairs; `None` where nothing could be scored or a divisor is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Number of (series, origin) pairs.
    pub n: usize,
    /// Mean absolute scaled error of the median.
    pub mase: Option<f64>,
    /// Root mean squared scaled error of the mean.
    pub rmsse: Option<f64>,
    /// Scaled quantile loss.
    pub sql: Option<f64>,
    /// Weighted quantile loss.
    pub wql: Option<f64>,
    /// Mean scaled interval score of the 95 % band.
    pub msis: Option<f64>,
    /// Share inside the 80 % band.
    pub coverage_80: Option<f64>,
    /// Share inside the 95 % band.
    pub coverage_95: Option<f64>,
    /// Sum of expected / sum of actual - 1.
    pub bias: Option<f64>,
}

/// Scores divided by those of the seasonal naive; below 1 is better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Relative {
    /// Of MASE.
    pub rel_mase: Option<f64>,
    /// Of RMSSE.
    pub rel_rmsse: Option<f64>,
    /// Of WQL.
    pub rel_wql: Option<f64>,
    /// Geometric mean of the three.
    pub rel_all: Option<f64>,
    /// 1 - relative WQL: above 0 is better.
    pub skill: Option<f64>,
}

impl Tally {
    /// Adds one series from one origin: counts (NaN = unknown, left out), means and quantiles of the same periods.
    ///
    /// Nothing known adds nothing; without a scale the pair is left out of MASE, RMSSE, SQL and MSIS.
    pub fn push(&mut self, actual: &[f64], means: &[f64], quantiles: &[[f64; 5]], scale: Option<Scale>) {
        let mut pair = Pair::default();
        for ((y, mean), quantiles) in
            actual.iter().zip(means).zip(quantiles).filter(|((y, _), _)| !y.is_nan())
        {
            pair.push(*y, *mean, quantiles);
            self.expected += mean;
            self.actual += y;
            self.volume += y.abs();
        }
        let n = pair.n as f64;
        if pair.n == 0 {
            return;
        }
        self.pairs += 1;
        self.loss += pair.loss;
        self.coverage_80.push(pair.inside_80 as f64 / n);
        self.coverage_95.push(pair.inside_95 as f64 / n);
        if let Some(scale) = scale {
            self.mase.push(pair.absolute / n / scale.absolute);
            self.rmsse.push((pair.squared / n / scale.squared).sqrt());
            self.sql.push(pair.loss / n / scale.absolute);
            self.msis.push(pair.interval / n / scale.absolute);
        }
    }

    /// Adds what another tally has seen.
    pub fn merge(&mut self, other: &Self) {
        self.pairs += other.pairs;
        self.mase.merge(other.mase);
        self.rmsse.merge(other.rmsse);
        self.sql.merge(other.sql);
        self.msis.merge(other.msis);
        self.coverage_80.merge(other.coverage_80);
        self.coverage_95.merge(other.coverage_95);
        self.loss += other.loss;
        self.expected += other.expected;
        self.actual += other.actual;
        self.volume += other.volume;
    }

    /// The scores so far.
    pub fn accuracy(&self) -> Accuracy {
        let ratio = |a: f64, b: f64| (b > 0.0).then(|| a / b);
        Accuracy {
            n: self.pairs,
            mase: self.mase.value(),
            rmsse: self.rmsse.value(),
            sql: self.sql.value(),
            wql: ratio(self.loss, self.volume),
            msis: self.msis.value(),
            coverage_80: self.coverage_80.value(),
            coverage_95: self.coverage_95.value(),
            bias: ratio(self.expected - self.actual, self.actual),
        }
    }
}

impl Accuracy {
    /// The plain mean over levels: every level weighs the same.
    pub fn mean(levels: &[Self]) -> Self {
        let mean = |of: fn(&Self) -> Option<f64>| levels.iter().filter_map(of).collect::<Mean>().value();
        Self {
            n: levels.iter().map(|l| l.n).sum(),
            mase: mean(|l| l.mase),
            rmsse: mean(|l| l.rmsse),
            sql: mean(|l| l.sql),
            wql: mean(|l| l.wql),
            msis: mean(|l| l.msis),
            coverage_80: mean(|l| l.coverage_80),
            coverage_95: mean(|l| l.coverage_95),
            bias: mean(|l| l.bias),
        }
    }
}

impl Relative {
    /// Scores of levels over those of the naive forecast in the same levels: geometric means of their ratios.
    ///
    /// A level in which either is unknown or 0 has no ratio and is left out.
    pub fn new(levels: &[(Accuracy, Accuracy)]) -> Self {
        let of = |score: fn(&Accuracy) -> Option<f64>| {
            let ratio = |(ours, naive): &(Accuracy, Accuracy)| score(ours).zip(score(naive));
            let logs = levels.iter().filter_map(ratio).filter(|(a, b)| *a > 0.0 && *b > 0.0);
            logs.map(|(a, b)| (a / b).ln()).collect::<Mean>().value().map(f64::exp)
        };
        let (mase, rmsse, wql) = (of(|a| a.mase), of(|a| a.rmsse), of(|a| a.wql));
        let all = mase.zip(rmsse).zip(wql).map(|((a, b), c)| (a * b * c).cbrt());
        Self { rel_mase: mase, rel_rmsse: rmsse, rel_wql: wql, rel_all: all, skill: wql.map(|w| 1.0 - w) }
    }
}

/// Sums over the periods of one series from one origin.
#[derive(Debug, Default)]
struct Pair {
    n: usize,
    absolute: f64,
    squared: f64,
    loss: f64,
    interval: f64,
    inside_80: usize,
    inside_95: usize,
}

impl Pair {
    fn push(&mut self, y: f64, mean: f64, quantiles: &[f64; 5]) {
        let [low95, low80, median, high80, high95] = *quantiles;
        let inside = |low: f64, high: f64| usize::from(y >= low - EDGE && y <= high + EDGE);
        self.n += 1;
        self.absolute += (y - median).abs();
        self.squared += (y - mean).powi(2);
        self.loss += loss::quantile_loss(y, quantiles);
        self.interval += loss::interval_score(y, quantiles);
        self.inside_80 += inside(low80, high80);
        self.inside_95 += inside(low95, high95);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: Option<Scale> = Some(Scale { absolute: 2.0, squared: 8.0 });
    const BAND: [f64; 5] = [2.0, 4.0, 9.0, 12.0, 15.0];

    fn tally(y: &[f64], scale: Option<Scale>) -> Tally {
        let mut tally = Tally::default();
        tally.push(y, &vec![8.0; y.len()], &vec![BAND; y.len()], scale);
        tally
    }

    #[test]
    fn scores_by_hand_and_an_unknown_period_counts_for_nothing() {
        let scores = tally(&[10.0, f64::NAN, 1.0], SCALE).accuracy();
        assert_eq!(scores.mase, Some((1.0 + 8.0) / 2.0 / 2.0));
        assert_eq!(scores.rmsse, Some(((4.0 + 49.0) / 2.0 / 8.0_f64).sqrt()));
        assert_eq!(scores.msis, Some((13.0 + 13.0 + 40.0) / 2.0 / 2.0));
        assert_eq!((scores.coverage_80, scores.coverage_95, scores.n), (Some(0.5), Some(0.5), 1));
        assert_eq!(scores.bias, Some(5.0 / 11.0));
        let loss = loss::quantile_loss(10.0, &BAND) + loss::quantile_loss(1.0, &BAND);
        assert_eq!((scores.sql, scores.wql), (Some(loss / 2.0 / 2.0), Some(loss / 11.0)));
    }

    #[test]
    fn pairs_weigh_the_same_and_one_without_a_scale_is_left_out_of_the_scaled() {
        let mut both = tally(&[10.0; 4], SCALE);
        both.merge(&tally(&[0.0], None));
        both.merge(&tally(&[f64::NAN], SCALE));
        let scores = both.accuracy();
        assert_eq!((scores.n, scores.coverage_80, scores.mase), (2, Some(0.5), Some(0.5)));
    }

    #[test]
    fn nothing_and_zero_have_no_ratio() {
        assert_eq!(Tally::default().accuracy(), Accuracy::default());
        let zero = tally(&[0.0], None).accuracy();
        assert_eq!((zero.wql, zero.bias, zero.n), (None, None, 1));
        let known = tally(&[10.0], SCALE).accuracy();
        let relative = Relative::new(&[(zero, zero), (known, known)]);
        assert_eq!((relative.rel_wql, relative.rel_all, relative.skill), (Some(1.0), Some(1.0), Some(0.0)));
    }
}
