//! The Bayesian outbreak detection algorithm with asymptotic inference (R `bodaDelay`, `inferenceMethod = "asym"`, no
//! correction of delay): the rows of Farrington flexible, a negative binomial regression by maximum likelihood without
//! weights, and as the bound the quantile of what is predicted with the uncertainty of the mean in it.
//!
//! Where R draws 1,000 means and 50 counts of each, the same mixture is summed over equally likely means, so its bounds
//! differ from R's by what R's draws are off.
//!
//! M. Salmon, D. Schumacher, K. Stark and M. Höhle (2015), *Bayesian outbreak detection in the presence of reporting
//! delays*, Biometrical Journal 57(6):1051-1067.
use super::fit::Rows;
use super::{Farrington, NotJudged, Series};
use crate::forecast::classic::count_glm::CountGlm;
use crate::intervals::{NegativeBinomial, normal_quantile};

/// Means that the mixture is summed over.
const MEANS: usize = 101;

/// How one period looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Predicted {
    /// Count of the period.
    pub observed: f64,
    /// Expected count.
    pub expected: f64,
    /// The largest normal count.
    pub upper: f64,
    /// Probability of a count at least as high.
    pub p_value: f64,
    /// Too few cases lately for an alarm, where R's bound is 0.
    pub suppressed: bool,
    /// Beyond the bound and not suppressed.
    pub alarm: bool,
}

impl Farrington {
    /// Judges period `t` by the same past as [`Farrington::judge`] with the algorithm of this file.
    ///
    /// # Errors
    /// [`NotJudged`] says what is missing.
    pub fn judge_predicted(&self, series: &Series<'_>, t: usize) -> Result<Predicted, NotJudged> {
        if !series.aligned() {
            return Err(NotJudged::Irregular);
        }
        let observed = self.observed(series, t)?;
        let rows = self.rows(series, t)?;
        let trend = self.settings.trend.is_some();
        let (design, columns, now) = design(&rows, trend);
        let fit = CountGlm::negative_binomial(&design, columns, &rows.y).map_err(|_| NotJudged::NoFit)?;
        let mixture = Mixture::new(fit.mean(&now), fit.error(&now), fit.theta());
        let upper = mixture.quantile(1.0 - self.settings.alpha);
        let suppressed = self.is_suppressed(series, t);
        Ok(Predicted {
            observed,
            expected: fit.mean(&now),
            upper,
            p_value: mixture.upper_tail(observed as u64),
            suppressed,
            alarm: !suppressed && observed > upper,
        })
    }
}

/// One column a level of the season that has rows, and time; with the row of the judged period.
fn design(rows: &Rows, trend: bool) -> (Vec<f64>, usize, Vec<f64>) {
    let used: Vec<usize> = (0..rows.blocks).filter(|block| rows.block.contains(block)).collect();
    let columns = used.len() + usize::from(trend);
    // Years instead of periods, so that the system is well scaled.
    let scale = rows.time.iter().fold(1.0_f64, |most, time| most.max(time.abs()));
    let row = |block: usize, time: f64| {
        let levels = used.iter().map(move |level| f64::from(u8::from(*level == block)));
        levels.chain(trend.then_some(time / scale)).collect::<Vec<f64>>()
    };
    let design = rows.block.iter().zip(&rows.time).flat_map(|(block, time)| row(*block, *time)).collect();
    (design, columns, row(rows.blocks - 1, 0.0))
}

/// Negative binomials around equally likely means.
struct Mixture(Vec<NegativeBinomial>);

impl Mixture {
    fn new(mean: f64, error: f64, theta: f64) -> Self {
        let level = |k: usize| (k as f64 + 0.5) / MEANS as f64;
        let one = |k| NegativeBinomial::new(mean * (error * normal_quantile(level(k))).exp(), 1.0 / theta);
        Self((0..MEANS).map(one).collect())
    }

    fn upper_tail(&self, y: u64) -> f64 {
        self.0.iter().map(|nb| nb.upper_tail(y)).sum::<f64>() / MEANS as f64
    }

    /// The smallest count with at least this much probability up to it.
    fn quantile(&self, level: f64) -> f64 {
        let reaches = |y: u64| 1.0 - self.upper_tail(y + 1) >= level;
        let mut high = 1;
        while !reaches(high) && high < 1 << 40 {
            high *= 2;
        }
        let mut low = 0;
        while low < high {
            let middle = u64::midpoint(low, high);
            if reaches(middle) { high = middle } else { low = middle + 1 }
        }
        low as f64
    }
}
