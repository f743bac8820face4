//! Recalibration of quantile levels by the randomised probability integral transform (PIT).
//!
//! Where forecasts are calibrated, u = P(Y < y) + v P(Y = y) with v uniform in (0, 1) is uniform over counts y that
//! came (Czado, Gneiting and Held, *Predictive model assessment for count data*, Biometrics 2009). Where it is not,
//! the level whose quantile held a share p of the past is the p-quantile of the past u's: that level is asked of the
//! distribution instead of p, shrunk to p where few forecasts were checked.
//!
//! A band of calibrated quantiles still holds more days than it says, because the counts on its edges are inside as a
//! whole: of topics of a few tickets a day, 86 % instead of 80 %. What is read off a board is that share. So the two
//! are met half way where it is asked for ([`Edges::Half`]): between the level that the randomised PIT asks for and the
//! one whose closed band held the share, but not further inside than [`INSIDE`] of the former.
use super::NegativeBinomial;

/// Pseudo-observations of the nominal level.
const SHRINK: f64 = 100.0;
/// Levels that can be asked for.
const LEVELS: (f64, f64) = (0.002, 0.998);
/// Share of the way from the randomised to the closed band.
const HALF: f64 = 0.5;
/// Largest relative change of a tail on that way.
const INSIDE: f64 = 0.3;

/// Where in its distribution a count fell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pit {
    /// P(Y < y).
    pub below: f64,
    /// P(Y = y).
    pub at: f64,
}

impl Pit {
    /// Of a count.
    pub fn of(distribution: &NegativeBinomial, y: u64) -> Self {
        let below = if y == 0 { 0.0 } else { distribution.cdf(y - 1) };
        Self { below, at: distribution.pmf(y) }
    }

    /// The randomised transform; `v` in (0, 1).
    pub fn randomised(&self, v: f64) -> f64 {
        self.below + v * self.at
    }
}

/// How the counts on a band's edges are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edges {
    /// As much inside as the level says.
    Randomised,
    /// Half way to wholly inside.
    Half,
}

/// Levels to ask for instead of `nominal`, from PITs of the past (any order), each with its v, that are worth `n`
/// independent ones.
///
/// The median is left alone: a shifted median is the mean's business.
pub fn levels<const N: usize>(nominal: [f64; N], pits: &[(Pit, f64)], n: f64, edges: Edges) -> [f64; N] {
    if pits.is_empty() {
        return nominal;
    }
    let sorted = |of: fn(&(Pit, f64)) -> f64| {
        let mut values: Vec<f64> = pits.iter().map(of).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    let randomised = sorted(|(pit, v)| pit.randomised(*v));
    let closed = (edges == Edges::Half)
        .then(|| [sorted(|(pit, _)| pit.randomised(1.0)), sorted(|(pit, _)| pit.randomised(0.0))]);
    let weight = n / (n + SHRINK);
    nominal.map(|p| {
        if p == 0.5 {
            return p;
        }
        let mut level = weight * quantile(&randomised, p) + (1.0 - weight) * p;
        if let Some([up_to, below]) = &closed {
            // What the closed band leaves out: counts whose whole mass is below the lower level, or not below the upper.
            let tail = level.min(1.0 - level);
            let way = if p < 0.5 { quantile(up_to, p) - level } else { level - quantile(below, p) };
            let way = (weight * HALF * way).clamp(0.0, INSIDE * tail);
            level += if p < 0.5 { way } else { -way };
        }
        level.clamp(LEVELS.0, LEVELS.1)
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
    fn pits(mean: f64, alpha: f64) -> Vec<(Pit, f64)> {
        let mut rng = StdRng::seed_from_u64(3);
        let counts = Poisson::new(mean).unwrap();
        let forecast = NegativeBinomial::new(mean, alpha);
        (0..20_000)
            .map(|_| {
                let y: f64 = counts.sample(&mut rng);
                (Pit::of(&forecast, y as u64), rng.random())
            })
            .collect()
    }

    /// Share of Poisson counts inside the band that is asked for.
    fn held(mean: f64, alpha: f64, [low, high]: [f64; 2]) -> f64 {
        let [a, b] = NegativeBinomial::new(mean, alpha).quantiles([low, high]);
        let counts = NegativeBinomial::new(mean, 0.0);
        counts.cdf(b) - if a == 0 { 0.0 } else { counts.cdf(a - 1) }
    }

    #[test]
    fn calibrated_forecasts_keep_their_levels() {
        let got = levels(NOMINAL, &pits(8.0, 0.0), 1e6, Edges::Randomised);
        for (got, want) in got.into_iter().zip(NOMINAL) {
            assert!((got - want).abs() < 0.01, "{got} for {want}");
        }
    }

    #[test]
    fn too_wide_forecasts_are_asked_for_inner_levels_and_few_checks_for_nearly_the_nominal() {
        let [lowest, low, median, high, highest] = levels(NOMINAL, &pits(8.0, 0.2), 1e6, Edges::Randomised);
        assert!(lowest > 0.05 && low > 0.13 && high < 0.87 && highest < 0.95, "{low} {high}");
        assert_eq!(median, 0.5);
        // Counts are whole, so the band holds what it is asked for up to two counts' mass.
        assert!((0.75..0.9).contains(&held(8.0, 0.2, [low, high])), "{}", held(8.0, 0.2, [low, high]));
        let cautious = levels(NOMINAL, &pits(8.0, 0.2), 5.0, Edges::Half);
        assert!((cautious[1] - 0.1).abs() < 0.01, "{cautious:?}");
        assert_eq!(levels(NOMINAL, &[], 0.0, Edges::Half), NOMINAL);
    }

    #[test]
    fn counts_on_the_edges_are_met_half_way_and_only_where_they_weigh() {
        let half = |mean: f64| levels(NOMINAL, &pits(mean, 0.0), 1e6, Edges::Half);
        let [lowest, low, median, high, highest] = half(8.0);
        assert!(low > 0.115 && low < 0.132 && high < 0.885 && high > 0.868, "{low} {high}");
        assert!(lowest > 0.027 && highest < 0.973 && median == 0.5, "{lowest} {highest}");
        let [_, low, _, high, _] = half(5000.0);
        assert!((low - 0.1).abs() < 0.01 && (high - 0.9).abs() < 0.01, "{low} {high}");
        // Most days without a ticket: the way is cut off, and the order kept.
        let sparse = half(0.3);
        assert!(sparse.windows(2).all(|w| w[0] < w[1]) && sparse[1] < 0.14, "{sparse:?}");
    }
}
