//! Recalibration of quantile levels by the randomised probability integral transform (PIT).
//!
//! Where forecasts are calibrated, u = P(Y < y) + v P(Y = y) with v uniform in (0, 1) is uniform over counts y that
//! came (Czado, Gneiting and Held, *Predictive model assessment for count data*, Biometrics 2009). Where it is not,
//! the level whose quantile held a share p of the past is the p-quantile of the past u's: that level is asked of the
//! distribution instead of p, shrunk to p where few forecasts were checked.
use super::NegativeBinomial;

/// Pseudo-observations of the nominal level.
const SHRINK: f64 = 100.0;
/// Levels that can be asked for.
const LEVELS: (f64, f64) = (0.002, 0.998);

/// The PIT of a count; `v` in (0, 1).
pub fn pit(distribution: &NegativeBinomial, y: u64, v: f64) -> f64 {
    let below = if y == 0 { 0.0 } else { distribution.cdf(y - 1) };
    below + v * distribution.pmf(y)
}

/// Levels to ask for instead of `nominal`, from PITs of the past (any order) that are worth `n` independent ones.
///
/// The median is left alone: a shifted median is the mean's business.
pub fn levels<const N: usize>(nominal: [f64; N], mut pits: Vec<f64>, n: f64) -> [f64; N] {
    if pits.is_empty() {
        return nominal;
    }
    pits.sort_unstable_by(f64::total_cmp);
    let weight = n / (n + SHRINK);
    nominal.map(|p| match p {
        0.5 => p,
        _ => (weight * quantile(&pits, p) + (1.0 - weight) * p).clamp(LEVELS.0, LEVELS.1),
    })
}

/// Quantile of sorted values, straight between them.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let at = p * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    use rand_distr::{Distribution, Poisson};

    use super::*;

    const NOMINAL: [f64; 5] = [0.025, 0.1, 0.5, 0.9, 0.975];

    /// PITs of Poisson counts under a negative binomial of the right mean and some dispersion.
    fn pits(alpha: f64) -> Vec<f64> {
        let mut rng = StdRng::seed_from_u64(3);
        let counts = Poisson::new(8.0).unwrap();
        let forecast = NegativeBinomial::new(8.0, alpha);
        (0..20_000)
            .map(|_| {
                let y: f64 = counts.sample(&mut rng);
                pit(&forecast, y as u64, rng.random())
            })
            .collect()
    }

    #[test]
    fn calibrated_forecasts_keep_their_levels() {
        for (got, want) in levels(NOMINAL, pits(0.0), 1e6).into_iter().zip(NOMINAL) {
            assert!((got - want).abs() < 0.01, "{got} for {want}");
        }
    }

    #[test]
    fn too_wide_forecasts_are_asked_for_inner_levels_and_few_checks_for_nearly_the_nominal() {
        let [lowest, low, median, high, highest] = levels(NOMINAL, pits(0.2), 1e6);
        assert!(lowest > 0.05 && low > 0.13 && high < 0.87 && highest < 0.95, "{low} {high}");
        assert_eq!(median, 0.5);
        let held = |low: u64, high: u64| {
            NegativeBinomial::new(8.0, 0.0).cdf(high) - NegativeBinomial::new(8.0, 0.0).cdf(low)
        };
        let [a, b] = NegativeBinomial::new(8.0, 0.2).quantiles([low, high]);
        // Counts are whole, so the band holds what it is asked for up to one count's mass.
        assert!((0.65..0.85).contains(&held(a, b)), "{}", held(a, b));
        let cautious = levels(NOMINAL, pits(0.2), 5.0);
        assert!((cautious[1] - 0.1).abs() < 0.01, "{cautious:?}");
        assert_eq!(levels(NOMINAL, Vec::new(), 0.0), NOMINAL);
    }
}
