//! What a part of the city has of the city's season: its share of the tickets, where it rises with it.
//!
//! A district's own onset is known less exactly than the city's, because its weeks are noisier; where it has no clear
//! season of its own, the city's dates are the better guess for it, and are said to be borrowed.
use super::{Weekly, YEAR, Yearly};

/// Past years whose tickets are shared out.
const YEARS: usize = 3;
/// Standard deviations (of Poisson counts) by which weeks of the season exceed those outside it.
const LEAST_RISE: f64 = 3.0;

/// A part of the city in the city's season.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Its share of the tickets of weeks in season.
    pub share: f64,
    /// Mean tickets a week in season.
    pub inside: f64,
    /// Mean tickets a week outside it.
    pub outside: f64,
}

impl Part {
    /// Of a part's weeks, which begin with the whole's; `None` where the part does not rise with the whole.
    pub fn new(whole: &Weekly, yearly: &Yearly, part: &Weekly) -> Option<Self> {
        let bar = yearly.threshold / yearly.level;
        let from = yearly.cut.saturating_sub(YEARS * YEAR);
        let (mut all, mut sums, mut weeks) = (0.0, [0.0; 2], [0.0_f64; 2]);
        for week in from..yearly.cut.min(part.sums.len()).min(whole.sums.len()) {
            let (y, total) = (part.sums[week], whole.sums[week]);
            if y.is_nan() || total.is_nan() {
                continue;
            }
            // Rows of 52 weeks end at the cut.
            let is_in = yearly.profile[(week + YEAR * YEARS - yearly.cut % YEAR) % YEAR] > bar;
            let side = usize::from(!is_in);
            sums[side] += y;
            weeks[side] += 1.0;
            all += if is_in { total } else { 0.0 };
        }
        if weeks.contains(&0.0) || all <= 0.0 {
            return None;
        }
        let (inside, outside) = (sums[0] / weeks[0], sums[1] / weeks[1]);
        let noise = (inside / weeks[0] + outside / weeks[1]).sqrt();
        (inside - outside > LEAST_RISE * noise).then_some(Self { share: sums[0] / all, inside, outside })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weekly(of: impl Fn(usize) -> f64) -> Weekly {
        let sums = (0..3 * YEAR).map(of).collect();
        Weekly { start: "2021-01-04".parse().unwrap(), sums, open: 0.0, open_days: 0 }
    }

    #[test]
    fn a_part_that_rises_with_the_city_has_its_share() {
        let in_season = |k: usize| (30..42).contains(&(k % YEAR));
        let city = weekly(|k| if in_season(k) { 300.0 } else { 40.0 + (k % 3) as f64 });
        let yearly = Yearly::new(&city).unwrap();
        let quarter = Part::new(&city, &yearly, &weekly(|k| if in_season(k) { 75.0 } else { 10.0 })).unwrap();
        assert!((quarter.share - 0.25).abs() < 0.01, "{quarter:?}");
        assert!(quarter.inside > 60.0 && quarter.outside < 20.0, "{quarter:?}");
        assert_eq!(Part::new(&city, &yearly, &weekly(|k| 20.0 + (k % 2) as f64)), None, "it does not rise");
        assert_eq!(Part::new(&city, &yearly, &weekly(|_| f64::NAN)), None);
    }
}
