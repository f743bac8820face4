//! How good probabilities of an event were: Brier score, skill against the base rate, reliability.
//!
//! With p the probability and y = 1 where the event came, else 0:
//!
//! * Brier score BS = mean (p - y)^2 (Brier 1950);
//! * its skill 1 - BS / (r (1 - r)) with the base rate r = mean y: climatology that knows the rate of the very
//!   events it is scored on (Murphy 1973);
//! * reliability: the mean p and the mean y of the pairs in each tenth of p.
use serde::Serialize;

/// Tenths of the probability.
pub const BINS: usize = 10;

/// Pairs of a tenth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Bin {
    /// Pairs.
    pub n: usize,
    /// Sum of the probabilities.
    pub said: f64,
    /// Events that came.
    pub came: f64,
}

/// Scored probabilities.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chances {
    bins: [Bin; BINS],
    squares: f64,
}

/// What they were worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Pairs.
    pub n: usize,
    /// Share of events.
    pub base_rate: f64,
    /// Brier score.
    pub brier: f64,
    /// Against the base rate; `None` where every pair had the same outcome.
    pub skill: Option<f64>,
    /// By tenth of the probability.
    pub reliability: Vec<Bin>,
}

impl Chances {
    /// Adds a probability and what came; what is not a probability is left out.
    pub fn push(&mut self, said: f64, came: bool) {
        if !(0.0..=1.0).contains(&said) {
            return;
        }
        let y = f64::from(u8::from(came));
        let bin = &mut self.bins[((said * BINS as f64) as usize).min(BINS - 1)];
        bin.n += 1;
        bin.said += said;
        bin.came += y;
        self.squares += (said - y).powi(2);
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Self) {
        for (a, b) in self.bins.iter_mut().zip(&other.bins) {
            (a.n, a.said, a.came) = (a.n + b.n, a.said + b.said, a.came + b.came);
        }
        self.squares += other.squares;
    }

    /// The scores; `None` without a pair.
    pub fn score(&self) -> Option<Score> {
        let n: usize = self.bins.iter().map(|b| b.n).sum();
        if n == 0 {
            return None;
        }
        let base_rate = self.bins.iter().map(|b| b.came).sum::<f64>() / n as f64;
        let brier = self.squares / n as f64;
        let climatology = base_rate * (1.0 - base_rate);
        let skill = (climatology > 0.0).then(|| 1.0 - brier / climatology);
        Some(Score { n, base_rate, brier, skill, reliability: self.bins.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_by_hand() {
        let mut chances = Chances::default();
        for (said, came) in [(0.8, true), (0.8, false), (0.1, false), (1.0, true), (f64::NAN, true)] {
            chances.push(said, came);
        }
        let score = chances.score().unwrap();
        assert_eq!((score.n, score.base_rate), (4, 0.5));
        assert!((score.brier - (0.04 + 0.64 + 0.01) / 4.0).abs() < 1e-12);
        assert!((score.skill.unwrap() - (1.0 - 0.1725 / 0.25)).abs() < 1e-12);
        assert_eq!(score.reliability[8], Bin { n: 2, said: 1.6, came: 1.0 });
        assert_eq!((score.reliability[1].n, score.reliability[9].n), (1, 1));
        let mut twice = chances.clone();
        twice.merge(&chances);
        assert_eq!(twice.score().unwrap().brier, score.brier);
        assert_eq!(Chances::default().score(), None);
    }
}
