//! What the verdicts of people say about an alarm threshold.
//!
//! An alert was useful when it was confirmed or showed a new trend. The precision of a rule is the share of useful ones
//! among those reviewed; with few of them only its interval says anything (E. Wilson, JASA 1927). A threshold is changed
//! only where the whole interval lies on one side of the precision that is aimed at.

/// Reviewed alerts without which nothing is suggested.
const FEWEST: usize = 10;
/// Reviewed alerts that a lower threshold must rest on, and that a higher one must.
const LEFT: usize = 5;
const TO_LOOSEN: usize = 20;
/// A threshold falls to no less than this share of the present one at once, and rises to no more than that.
const STEPS: (f64, f64) = (0.05, 2.0);
/// Thresholds that a detector takes.
const RANGE: (f64, f64) = (1e-9, 0.05);

/// A reviewed alert.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reviewed {
    /// p-value it was raised with.
    pub p_value: f64,
    /// Whether it was worth telling.
    pub useful: bool,
}

/// A share with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Share {
    /// Cases that have it.
    pub have: usize,
    /// All cases.
    pub of: usize,
    /// Lower end of the interval.
    pub lower: f64,
    /// Upper end of the interval.
    pub upper: f64,
}

impl Share {
    /// The share `have / of` with Wilson's interval; [0, 1] of nothing.
    ///
    /// ```
    /// let share = weisu_models::hotspot::tuning::Share::new(8, 10);
    /// assert!((share.lower - 0.490).abs() < 1e-3 && (share.upper - 0.943).abs() < 1e-3);
    /// ```
    pub fn new(have: usize, of: usize) -> Self {
        const Z: f64 = 1.959_964;
        let n = of as f64;
        if of == 0 {
            return Self { have, of, lower: 0.0, upper: 1.0 };
        }
        let p = have as f64 / n;
        let centre = p + Z * Z / (2.0 * n);
        let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        Self {
            have,
            of,
            lower: ((centre - half) / scale).max(0.0),
            upper: ((centre + half) / scale).min(1.0),
        }
    }

    /// The share itself; `None` of nothing.
    pub fn value(&self) -> Option<f64> {
        (self.of > 0).then(|| self.have as f64 / self.of as f64)
    }
}

/// The threshold that verdicts suggest instead of `alpha`, for a precision of `target`; `alpha` itself where they do not
/// speak for another.
///
/// Lower: the largest reviewed p-value up to which the precision reaches the target. Higher: what lies above the
/// present threshold was never shown to anyone, so one step up is a trial, to be reviewed in turn.
pub fn suggest(reviewed: &[Reviewed], alpha: f64, target: f64) -> f64 {
    let share = |of: &[Reviewed]| Share::new(of.iter().filter(|r| r.useful).count(), of.len());
    let now = share(reviewed);
    if now.of < FEWEST {
        return alpha;
    }
    if now.lower > target && now.of >= TO_LOOSEN {
        return (alpha * STEPS.1).clamp(RANGE.0, RANGE.1.max(alpha));
    }
    if now.upper >= target {
        return alpha;
    }
    let mut by_p = reviewed.to_vec();
    by_p.sort_by(|a, b| a.p_value.total_cmp(&b.p_value));
    let good = (LEFT..by_p.len()).rev().find(|n| share(&by_p[..*n]).value().is_some_and(|p| p >= target));
    let least = (alpha * STEPS.0).max(RANGE.0);
    // An alarm needs a p-value under the threshold: the next one up keeps the last good one.
    good.map_or(least, |n| by_p[n].p_value).clamp(least, alpha)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(n: usize, useful: impl Fn(usize) -> bool) -> Vec<Reviewed> {
        (0..n).map(|i| Reviewed { p_value: 1e-4 * (i + 1) as f64, useful: useful(i) }).collect()
    }

    #[test]
    fn a_threshold_moves_only_where_the_interval_says_so() {
        let alpha = 0.005;
        assert_eq!(suggest(&verdicts(9, |_| false), alpha, 0.8), alpha, "too few");
        assert_eq!(suggest(&verdicts(30, |i| i % 4 != 0), alpha, 0.8), alpha, "0.73 of 30 may be 0.8");
        assert_eq!(suggest(&verdicts(40, |_| true), alpha, 0.8), 2.0 * alpha);
        assert_eq!(suggest(&verdicts(15, |_| true), alpha, 0.5), alpha, "too few to loosen");
    }

    #[test]
    fn a_lower_threshold_keeps_the_good_ones() {
        // The twelve most surprising were right, the others not.
        let found = suggest(&verdicts(40, |i| i < 12), 0.005, 0.8);
        let kept = verdicts(40, |i| i < 12).iter().filter(|r| r.p_value < found).count();
        assert_eq!(kept, 15, "12 of 15 is 0.8");
        let none = suggest(&verdicts(40, |_| false), 0.005, 0.8);
        assert!((none - 0.00025).abs() < 1e-12, "{none}");
    }

    #[test]
    fn the_interval_of_nothing_is_everything() {
        let share = Share::new(0, 0);
        assert_eq!((share.value(), share.lower, share.upper), (None, 0.0, 1.0));
    }
}
