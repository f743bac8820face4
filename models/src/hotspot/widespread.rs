//! The same topic rises in many districts at once, although in none of them by much.
//!
//! The normal scores of the districts' probabilities are added up (S. Stouffer et al. 1949; of use where many weak signals
//! point one way, see H. Burkom et al., *Public health monitoring tools for multiple data streams*, MMWR 2005). Districts
//! share what no calendar explains, so the sum of `K` scores is wider than the root of `K`: its variance is measured on the
//! sums of past windows, the empirical null of B. Efron (*Large-scale simultaneous hypothesis testing*, JASA 2004). To be
//! widespread the rise must be there in most districts: at least half lie in their own upper quarter.
use super::{Window, baseline::trimmed_mean};
use crate::intervals::normal_quantile;
use crate::numeric::normal::upper_tail;

/// Fewest districts that can be many.
const FEWEST: usize = 4;
/// Probability under which a district counts as up, and the share of districts that must be.
const UP: (f64, f64) = (0.25, 0.5);
/// No one district may hold more than this share of the excess.
const ONE: f64 = 0.5;

/// One district.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The judged window.
    pub window: Window,
    /// Residuals of past windows, see [`super::Baseline::residuals`].
    pub residuals: Vec<f64>,
}

/// How the districts look together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Widespread {
    /// Tickets of all districts.
    pub observed: f64,
    /// Tickets expected.
    pub expected: f64,
    /// The number that would just be normal if it rose in the same proportions.
    pub upper: f64,
    /// P(scores that add up to as much | as usual).
    pub p_value: f64,
    /// Above 1 is abnormal.
    pub score: f64,
    /// Districts in their own upper quarter.
    pub up: usize,
    /// Districts judged.
    pub of: usize,
}

/// Judges districts together; `None` for few of them, or where most are not above what is expected.
pub fn judge(parts: &[Part], alpha: f64) -> Option<Widespread> {
    let n = parts.len();
    if n < FEWEST {
        return None;
    }
    let p: Vec<f64> = parts.iter().map(|part| part.window.upper_p()).collect();
    let up = p.iter().filter(|p| **p < UP.0).count();
    let excess = |part: &Part| part.window.observed - part.window.expected;
    let above: f64 = parts.iter().map(|part| excess(part).max(0.0)).sum();
    let most = parts.iter().map(excess).fold(0.0, f64::max);
    if (up as f64) < UP.1 * n as f64 || most > ONE * above {
        return None;
    }
    let sum: f64 = p.iter().map(|p| normal_quantile(1.0 - p.clamp(1e-12, 1.0 - 1e-12))).sum();
    let z = sum / (n as f64 * spread(parts)?).sqrt();
    let (observed, expected) =
        parts.iter().fold((0.0, 0.0), |(o, e), part| (o + part.window.observed, e + part.window.expected));
    let score = z / normal_quantile(1.0 - alpha);
    (z > 0.0 && observed > expected).then(|| Widespread {
        observed,
        expected,
        upper: expected + (observed - expected) / score,
        p_value: upper_tail(z).max(1e-14),
        score,
        up,
        of: n,
    })
}

/// Variance of the sum of the districts' scores over their number, at least 1.
fn spread(parts: &[Part]) -> Option<f64> {
    let windows = parts.iter().map(|part| part.residuals.len()).min()?;
    let squares = (0..windows).filter_map(|w| {
        let known = parts.iter().filter(|part| part.residuals[w].is_finite());
        let (sum, n) =
            known.fold((0.0, 0.0), |(s, n), part| (s + part.residuals[w] / part.window.phi.sqrt(), n + 1.0));
        (n > 0.0).then(|| sum * sum / n)
    });
    trimmed_mean(squares.collect()).map(|v| v.max(1.0))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Normal, Poisson};

    use super::*;

    /// Sixteen districts of 2 to 9 tickets with a mood in common; the last window is `lift` times as high.
    fn parts(rng: &mut ChaCha8Rng, mood: f64, lift: impl Fn(usize) -> f64) -> Vec<Part> {
        let moods: Vec<f64> =
            (0..101).map(|_| f64::exp(Normal::new(0.0, mood).unwrap().sample(rng))).collect();
        (0..16)
            .map(|i| {
                let expected = 6.0 + 1.4 * i as f64;
                let mut draw =
                    |w: usize, lift: f64| Poisson::new(expected * moods[w] * lift).unwrap().sample(rng);
                let residuals = (0..100).map(|w| (draw(w, 1.0) - expected) / expected.sqrt()).collect();
                let observed = draw(100, lift(i));
                let window = Window { observed, expected, phi: 1.0, relative_variance: 0.001 };
                Part { window, residuals }
            })
            .collect()
    }

    #[test]
    fn a_small_rise_everywhere_is_found_and_a_large_one_somewhere_is_not() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let everywhere = judge(&parts(&mut rng, 0.03, |_| 1.5), 0.005).unwrap();
        assert!(everywhere.p_value < 1e-4 && everywhere.score > 1.2, "{everywhere:?}");
        assert!(everywhere.up >= 8 && everywhere.upper < everywhere.observed);
        let somewhere = parts(&mut rng, 0.03, |i| if i == 9 { 5.0 } else { 1.0 });
        assert!(judge(&somewhere, 0.005).is_none_or(|w| w.score < 1.0));
        assert!(judge(&somewhere[..3], 0.005).is_none());
    }

    #[test]
    fn a_mood_in_common_is_no_news() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for mood in [0.0, 0.2] {
            let alarms = (0..600)
                .filter(|_| judge(&parts(&mut rng, mood, |_| 1.0), 0.005).is_some_and(|w| w.score > 1.0))
                .count();
            assert!(alarms <= 10, "{alarms} of 600 with a mood of {mood}");
        }
    }
}
