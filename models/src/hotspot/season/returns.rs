//! A season all year round: under way or to come, when it ends, and the quiet weeks in which what causes it is mended.
use chrono::{Days, NaiveDate};

use super::{
    Ahead, Arrival, Outlook, Spread, WEEK, Weekly, YEAR, Yearly,
    onset::{expected, following, outlook, peak},
};
use crate::{calendar::Alignment, forecast::NodeFit, intervals::NegativeBinomial};

/// Weeks that a quiet time is worth naming from.
const LEAST_QUIET: usize = 3;
/// Days before the early end of the onset's interval by which repairs are to be done.
const DONE_BEFORE: u64 = 14;
/// Weeks in which the end of a season is looked for.
const END_WITHIN: usize = YEAR;

/// Where a season stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is quiet, and the season to come is told.
    Ahead,
    /// It is under way since this Monday; `None` where weeks were above the threshold all along.
    UnderWay(Option<NaiveDate>),
}

/// What a calendar says of the season of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Return {
    /// Whether it is under way.
    pub standing: Standing,
    /// The begin that comes next; of a season under way, the one after it.
    pub next: Outlook,
    /// Monday of the busiest week: of the season under way, else of the next.
    pub peak: NaiveDate,
    /// Tickets expected in that week.
    pub height: f64,
    /// Dispersion alpha of that, Var = m + alpha m^2.
    pub alpha: f64,
    /// Last day of the season: of the one under way, else of the next; `None` where it never falls below its threshold.
    pub ends: Option<NaiveDate>,
    /// First and last day of the quiet weeks before the next begin; `None` where fewer than [`LEAST_QUIET`] are left.
    pub repair: Option<(NaiveDate, NaiveDate)>,
}

impl Return {
    /// Of a series with a season; `None` where past years say of no week that it comes.
    pub fn new(
        weekly: &Weekly,
        yearly: &Yearly,
        ahead: &[Ahead],
        fit: &NodeFit,
        alignment: Alignment,
    ) -> Option<Self> {
        let arrival = outlook(weekly, yearly, ahead, alignment);
        let standing = match &arrival {
            Arrival::Begun { first, over: false } => Standing::UnderWay(Some(*first)),
            Arrival::Above => Standing::UnderWay(None),
            Arrival::Ahead(_) | Arrival::Begun { over: true, .. } => Standing::Ahead,
        };
        let told = |onset: super::Onset| onset.told(yearly, weekly, ahead, alignment);
        let next = match arrival {
            // More likely not to come this year: the next one is that of the year after.
            Arrival::Ahead(onset) => {
                told(onset).or_else(|| told(following(weekly, yearly, None, alignment)?))
            }
            Arrival::Begun { first, .. } => told(following(weekly, yearly, Some(first), alignment)?),
            Arrival::Above => told(following(weekly, yearly, None, alignment)?),
        }?;
        let (first, onset) = (weekly.sums.len(), weekly.position(next.date));
        let (peak, height) = match standing {
            Standing::Ahead => (next.peak, next.height),
            Standing::UnderWay(_) => peak(yearly, weekly, ahead, first),
        };
        let begin = if standing == Standing::Ahead { onset.max(first) } else { first };
        let at = weekly.position(peak);
        let ends = end(yearly, weekly, ahead, begin.max(at.min(begin + YEAR / 2)));
        let spread = Spread::new(fit, (at.saturating_sub(first) * WEEK + 4).min(YEAR * WEEK));
        Some(Self {
            standing,
            peak,
            height,
            alpha: spread.alpha(WEEK),
            ends: ends.map(|week| weekly.monday(week) - Days::new(1)),
            repair: quiet(yearly, weekly, &next),
            next,
        })
    }
}

impl Return {
    /// 80 % interval of the tickets of the busiest week, for a part of the city that has this share of them.
    pub fn height_interval(&self, share: f64) -> (f64, f64) {
        let [low, high] = NegativeBinomial::new(self.height * share, self.alpha).quantiles([0.1, 0.9]);
        (low as f64, high as f64)
    }
}

/// The first of two weeks that are expected below the threshold, from week `from` on.
fn end(yearly: &Yearly, weekly: &Weekly, ahead: &[Ahead], from: usize) -> Option<usize> {
    let below = |week: usize| expected(yearly, weekly, ahead, week) <= yearly.threshold;
    (from..from + END_WITHIN).find(|week| below(*week) && below(week + 1))
}

/// The longest run of quiet weeks between now and two weeks before the early end of the interval of the next begin.
///
/// Quiet is a week whose profile is nearer to the trough than to the threshold.
fn quiet(yearly: &Yearly, weekly: &Weekly, next: &Outlook) -> Option<(NaiveDate, NaiveDate)> {
    let trough = yearly.profile.iter().copied().fold(f64::INFINITY, f64::min);
    let bar = 0.5 * (trough + yearly.threshold / yearly.level);
    let is_quiet = |week: usize| yearly.profile[(week + YEAR - yearly.cut % YEAR) % YEAR] <= bar;
    let to = weekly.position(next.interval.0 - Days::new(DONE_BEFORE));
    let (mut best, mut run) = (0..0, 0);
    for week in weekly.sums.len()..to {
        run = if is_quiet(week) { run + 1 } else { 0 };
        if run > best.len() {
            best = week + 1 - run..week + 1;
        }
    }
    (best.len() >= LEAST_QUIET).then(|| (weekly.monday(best.start), weekly.monday(best.end) - Days::new(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three years with a season of 12 weeks from week 30 of each on, cut off after `weeks`.
    fn city(weeks: usize) -> Weekly {
        let sums = (0..weeks).map(|k| match k % YEAR {
            30..42 => 300.0 + f64::from(u8::from(k % YEAR == 34)),
            27..30 | 42..45 => 100.0,
            w => 40.0 + (w % 3) as f64,
        });
        Weekly { start: "2021-01-04".parse().unwrap(), sums: sums.collect(), open: 0.0, open_days: 0 }
    }

    fn at(weeks: usize) -> (Weekly, Return) {
        let weekly = city(weeks);
        let yearly = Yearly::new(&weekly).unwrap();
        let found = Return::new(&weekly, &yearly, &[], &NodeFit::unknown(), Alignment::Solar).unwrap();
        (weekly, found)
    }

    #[test]
    fn in_the_quiet_time_the_season_is_ahead_with_its_repair_window() {
        let (weekly, found) = at(3 * YEAR + 10);
        assert_eq!(found.standing, Standing::Ahead);
        let off = (found.next.date - weekly.monday(3 * YEAR + 30)).num_days();
        assert!(off.abs() <= 7, "{off} days off: {found:?}");
        assert!(!found.next.by_forecast && found.next.near > 0.3);
        assert!(found.next.interval.0 < found.next.date && found.next.date < found.next.interval.1);
        assert!((280.0..330.0).contains(&found.height), "{found:?}");
        let wide = |share: f64| {
            let (low, high) = found.height_interval(share);
            assert!(low < found.height * share && found.height * share < high);
            (high - low) / (found.height * share)
        };
        assert!(wide(0.1) > wide(1.0), "few tickets vary more");
        let (from, to) = found.repair.unwrap();
        assert_eq!(from, weekly.monday(3 * YEAR + 10), "now");
        assert!(to < found.next.interval.0 - Days::new(DONE_BEFORE - 1), "{to}");
        let ends = found.ends.unwrap();
        assert!((weekly.monday(3 * YEAR + 40)..weekly.monday(3 * YEAR + 46)).contains(&ends), "{ends}");
    }

    #[test]
    fn under_way_it_says_since_when_until_when_and_when_again() {
        let (weekly, found) = at(3 * YEAR + 34);
        assert_eq!(found.standing, Standing::UnderWay(Some(weekly.monday(3 * YEAR + 30))));
        let again = (found.next.date - weekly.monday(4 * YEAR + 30)).num_days();
        assert!(again.abs() <= 7, "{again}");
        let ends = found.ends.unwrap();
        assert!((weekly.monday(3 * YEAR + 40)..weekly.monday(3 * YEAR + 46)).contains(&ends), "{ends}");
        assert!(found.repair.unwrap().0 > ends);
        assert!(found.peak < ends);
    }

    #[test]
    fn after_its_end_the_next_years_is_told() {
        let (weekly, found) = at(3 * YEAR + 47);
        assert_eq!(found.standing, Standing::Ahead);
        let off = (found.next.date - weekly.monday(4 * YEAR + 30)).num_days();
        assert!(off.abs() <= 7, "{off}");
    }
}
