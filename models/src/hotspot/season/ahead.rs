//! The distribution of a coming week, from the means of its days and what the fit says of their errors.
use crate::{
    forecast::NodeFit,
    intervals::{NegativeBinomial, dispersion::growth_at, normal_quantile},
};

use super::WEEK;

/// Days in a month of the fit's monthly dispersion.
const MONTH: f64 = 28.0;

/// Relative variance of a forecast: what all days have in common, and each day's own.
///
/// With a part c of the relative error common to all days and a part i of each day's own, a day has alpha = c + i and
/// a sum over n days of about equal size c + i/n; the fit's dispersions of day and month give c and i.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// c: the level is off, for all days alike.
    pub common: f64,
    /// i: of one day alone.
    pub own: f64,
}

impl Spread {
    /// `lead` is that of the middle of the week.
    pub fn new(fit: &NodeFit, lead: usize) -> Self {
        let day = fit.alpha * growth_at(&fit.growth, lead);
        let own = ((day - fit.alpha_month) * MONTH / (MONTH - 1.0)).max(0.0);
        Self { common: (day - own).max(0.0), own }
    }

    /// Dispersion alpha of the sum of `days` days, Var = m + alpha m^2.
    pub fn alpha(&self, days: usize) -> f64 {
        self.common + self.own / days.max(1) as f64
    }
}

/// A week to come, or what is left of the one under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ahead {
    /// Tickets of its days that are over.
    pub known: f64,
    /// Tickets expected on the days to come.
    pub mean: f64,
    /// Number of those days.
    pub days: usize,
    /// How far off that may be.
    pub spread: Spread,
}

impl Ahead {
    /// Weeks from daily means: first the rest of the week under way, when `open_days` of it are over with `open`
    /// tickets, then whole weeks; days that make no whole week are left out.
    pub fn weeks(means: &[f64], fit: &NodeFit, open: f64, open_days: usize) -> Vec<Self> {
        let first = if open_days == 0 { WEEK } else { WEEK - open_days };
        let mut out = Vec::new();
        let (mut from, mut days, mut known) = (0, first, open);
        while let Some(means) = means.get(from..from + days) {
            let spread = Spread::new(fit, from + days.div_ceil(2));
            out.push(Self { known, mean: means.iter().sum(), days, spread });
            (from, days, known) = (from + days, WEEK, 0.0);
        }
        out
    }

    /// Tickets expected in the whole week.
    pub fn expected(&self) -> f64 {
        self.known + self.mean
    }

    /// The distribution of the days to come.
    pub fn distribution(&self) -> NegativeBinomial {
        NegativeBinomial::new(self.mean, self.spread.alpha(self.days))
    }

    /// P(week > `bound`).
    pub fn exceeds(&self, bound: f64) -> f64 {
        beyond(&self.distribution(), bound - self.known)
    }

    /// P(week > `bound`) when the common error is the `level` quantile of its log-normal distribution with mean 1 and
    /// variance c: the weeks of one forecast are independent given it.
    pub fn exceeds_at(&self, bound: f64, level: f64) -> f64 {
        let variance = self.spread.common.ln_1p();
        let factor = (normal_quantile(level) * variance.sqrt() - 0.5 * variance).exp();
        let given = NegativeBinomial::new(self.mean * factor, self.spread.own / self.days.max(1) as f64);
        beyond(&given, bound - self.known)
    }
}

/// P(count > bound) for any real bound.
fn beyond(counts: &NegativeBinomial, bound: f64) -> f64 {
    if bound < 0.0 { 1.0 } else { counts.upper_tail(bound.floor() as u64 + 1) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SPREAD: Spread = Spread { common: 0.02, own: 0.07 };

    #[test]
    fn weeks_end_on_sunday_and_keep_what_is_known() {
        let fit = NodeFit::unknown();
        let means: Vec<f64> = (1..=20).map(f64::from).collect();
        let weeks = Ahead::weeks(&means, &fit, 5.0, 4);
        let shape: Vec<(f64, f64, usize)> = weeks.iter().map(|w| (w.known, w.mean, w.days)).collect();
        assert_eq!(shape, [(5.0, 6.0, 3), (0.0, 49.0, 7), (0.0, 98.0, 7)]);
        assert_eq!(Ahead::weeks(&means, &fit, 0.0, 0).len(), 2);
        assert!(Ahead::weeks(&means[..2], &fit, 5.0, 4).is_empty());
    }

    #[test]
    fn days_average_out_and_the_level_does_not() {
        assert_eq!(SPREAD.alpha(7), 0.02 + 0.07 / 7.0);
        let fit = NodeFit { alpha: 0.2, alpha_month: 0.05, ..NodeFit::unknown() };
        let spread = Spread::new(&fit, 4);
        // The fit's own two points lie on the line.
        assert!((spread.alpha(1) - 0.2).abs() < 1e-12 && (spread.alpha(28) - 0.05).abs() < 1e-12);
        let flat = Spread::new(&NodeFit { alpha_month: 0.3, ..fit }, 4);
        assert_eq!((flat.own, flat.alpha(7)), (0.0, 0.2));
    }

    #[test]
    fn weeks_given_the_common_error_add_up_to_the_whole() {
        let week = Ahead { known: 0.0, mean: 200.0, days: 7, spread: SPREAD };
        for bound in [120.0, 200.0, 260.0] {
            let levels = (0..400).map(|k| (f64::from(k) + 0.5) / 400.0);
            let mixed = levels.map(|level| week.exceeds_at(bound, level)).sum::<f64>() / 400.0;
            assert!((mixed - week.exceeds(bound)).abs() < 0.01, "{bound}: {mixed} {}", week.exceeds(bound));
        }
        let over = Ahead { known: 300.0, ..week };
        assert_eq!((over.exceeds(299.0), over.exceeds_at(299.0, 0.5)), (1.0, 1.0));
    }

    proptest! {
        #[test]
        fn higher_bounds_are_passed_less_often(mean in 0.0..500.0_f64, known in 0.0..50.0_f64, bound in 0.0..600.0_f64, more in 0.0..50.0_f64) {
            let week = Ahead { known, mean, days: 7, spread: SPREAD };
            prop_assert!(week.exceeds(bound + more) <= week.exceeds(bound) + 1e-12);
            prop_assert!(week.exceeds_at(bound + more, 0.3) <= week.exceeds_at(bound, 0.3) + 1e-12);
        }
    }
}
