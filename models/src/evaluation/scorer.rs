//! Scores of one series over origins, as the weekly step keeps them.
use super::{loss::quantile_loss, mean::Mean, scale::Scale};
use crate::forecast::Scores;

/// Collects the scores of one series over origins.
#[derive(Debug, Clone, Default)]
pub struct Scorer {
    mase: Mean,
    rmsse: Mean,
    loss: f64,
    loss_naive: f64,
    volume: f64,
    inside_80: usize,
    inside_95: usize,
    n: usize,
    origin: Origin,
}

/// One scored day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Day {
    /// The count that came.
    pub y: f64,
    /// Mean forecast.
    pub mean: f64,
    /// Quantile forecast at [`QUANTILES`](crate::forecast::QUANTILES).
    pub quantiles: [f64; 5],
    /// The seasonal naive's quantiles.
    pub naive: [f64; 5],
}

#[derive(Debug, Clone, Copy, Default)]
struct Origin {
    absolute: Mean,
    squared: Mean,
}

impl Scorer {
    /// Adds a day of the current origin.
    pub fn push(&mut self, day: &Day) {
        let [low95, low80, median, high80, high95] = day.quantiles;
        self.origin.absolute.push((day.y - median).abs());
        self.origin.squared.push((day.y - day.mean).powi(2));
        self.loss += quantile_loss(day.y, &day.quantiles);
        self.loss_naive += quantile_loss(day.y, &day.naive);
        self.volume += day.y.abs();
        self.inside_80 += usize::from((low80..=high80).contains(&day.y));
        self.inside_95 += usize::from((low95..=high95).contains(&day.y));
        self.n += 1;
    }

    /// Ends the current origin; without a scale it is left out of MASE and RMSSE only.
    pub fn end_origin(&mut self, scale: Option<Scale>) {
        let origin = std::mem::take(&mut self.origin);
        if let (Some(scale), Some(absolute), Some(squared)) =
            (scale, origin.absolute.value(), origin.squared.value())
        {
            self.mase.push(absolute / scale.absolute);
            self.rmsse.push((squared / scale.squared).sqrt());
        }
    }

    /// The scores so far.
    pub fn scores(&self) -> Scores {
        let share = |count: usize| (self.n > 0).then(|| count as f64 / self.n as f64);
        let weighted = |loss: f64| (self.volume > 0.0).then(|| loss / self.volume);
        Scores {
            mase: self.mase.value(),
            rmsse: self.rmsse.value(),
            wql: weighted(self.loss),
            wql_naive: weighted(self.loss_naive),
            coverage_80: share(self.inside_80),
            coverage_95: share(self.inside_95),
            n: self.n,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(y: f64, mean: f64, quantiles: [f64; 5]) -> Day {
        Day { y, mean, quantiles, naive: [0.0; 5] }
    }

    #[test]
    fn scores_by_hand() {
        let mut scorer = Scorer::default();
        scorer.push(&day(10.0, 8.0, [2.0, 4.0, 9.0, 12.0, 15.0]));
        scorer.push(&day(0.0, 2.0, [1.0, 1.0, 3.0, 5.0, 6.0]));
        scorer.end_origin(Some(Scale { absolute: 2.0, squared: 8.0 }));
        let scores = scorer.scores();
        assert_eq!(scores.mase, Some((1.0 + 3.0) / 2.0 / 2.0));
        assert_eq!(scores.rmsse, Some((((4.0 + 4.0) / 2.0) / 8.0_f64).sqrt()));
        assert_eq!((scores.coverage_80, scores.coverage_95, scores.n), (Some(0.5), Some(0.5), 2));
        // 2/5 of the pinballs: .025*8 + .1*6 + .5*1 + .1*2 + .025*5, then .975*1 + .9*1 + .5*3 + .1*5 + .025*6.
        let loss = 0.4 * ((0.2 + 0.6 + 0.5 + 0.2 + 0.125) + (0.975 + 0.9 + 1.5 + 0.5 + 0.15));
        assert!((scores.wql.unwrap() - loss / 10.0).abs() < 1e-12);
        // The naive forecast of zero everywhere loses mean(QUANTILES) * 2 per ticket.
        assert!((scores.wql_naive.unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_series_without_scale_or_volume_has_no_ratio() {
        let mut scorer = Scorer::default();
        scorer.push(&day(0.0, 0.1, [0.0; 5]));
        scorer.end_origin(None);
        let scores = scorer.scores();
        assert_eq!((scores.mase, scores.wql, scores.coverage_95), (None, None, Some(1.0)));
    }
}
