//! Which forecasts of the past are learned from.
use super::signals::{Class, WIDTH};

/// Forecasts of cells that are learned from at most, about, and of margins as many again.
const SAMPLES: f64 = 75_000.0;
/// Largest share of a series' forecasts: those of neighbouring days say nearly the same.
const SHARE: f64 = 0.36;
/// Forecasts below this mean say nothing about a factor.
const MIN_MEAN: f64 = 1e-3;
/// Mean below which a forecast weighs less, in proportion.
const FULL_WEIGHT: f64 = 0.3;

/// A past forecast with what came.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Features.
    pub x: [f32; WIDTH],
    /// Position of its origin in the plan.
    pub origin: usize,
    /// Where its series stands.
    pub class: Class,
    /// The count.
    pub y: f32,
    /// The forecast.
    pub mean: f32,
}

impl Sample {
    /// The count as a multiple of the forecast.
    pub fn rate(&self) -> f32 {
        self.y / self.mean
    }

    /// Its say without its age.
    pub fn weight(&self) -> f64 {
        let mean = f64::from(self.mean);
        mean / mean.max(FULL_WEIGHT)
    }
}

/// Shares of the forecasts that are sampled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    cells: f64,
    margins: f64,
}

impl Sampling {
    /// For so many cells and margins with `width` forecasts each.
    pub fn new(cells: usize, margins: usize, width: usize) -> Self {
        let share = |n: usize| (SAMPLES / (n * width).max(1) as f64).min(SHARE);
        Self { cells: share(cells), margins: share(margins) }
    }

    /// Whether the forecast of series `id` from the origin at `origin` for `lead` is learned from.
    pub fn takes(&self, class: Class, id: usize, origin: usize, lead: usize) -> bool {
        let share = if class == Class::Cell { self.cells } else { self.margins };
        let draw = mixed((id as u64) << 32 ^ (origin as u64) << 16 ^ lead as u64);
        (draw >> 11) as f64 / ((1_u64 << 53) as f64) < share
    }

    /// Whether a forecast of this mean can be learned from.
    pub fn is_usable(mean: f32, y: f32) -> bool {
        !y.is_nan() && f64::from(mean) >= MIN_MEAN
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
fn mixed(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_the_wanted_number_is_taken_and_margins_are_not_outnumbered() {
        let sampling = Sampling::new(20_000, 100, 51 * 28);
        let count = |class, ids: usize| {
            (0..ids)
                .map(|id| (1..=28).filter(|lead| sampling.takes(class, id, 3, *lead)).count())
                .sum::<usize>()
        };
        let cells = count(Class::Cell, 20_000) * 51;
        assert!((60_000..90_000).contains(&cells), "{cells}");
        let margins = count(Class::Topic, 100) * 51;
        assert!((45_000..60_000).contains(&margins), "{margins}");
    }
}
