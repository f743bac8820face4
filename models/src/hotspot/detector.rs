//! The detector: picks the tier a history allows, fits, and judges period after period.
//!
//! | known periods before the judged one | tier |
//! |---|---|
//! | 78 weeks or 60 days | [`Method::RobustGlm`] |
//! | 30 days, of which weekdays and a line explain four weeks | [`Method::EssenceRegression`] |
//! | 30 days | [`Method::EssenceEwma`] |
//! | 7 in the 28 before the last two | [`Method::EarsC2`] |
//! | one | [`Method::Prior`] |
//! | none | not judged |
//!
//! The priors on season and trend carry the daily regression through its first year, and its level does the rest: on
//! the newest days of histories cut to a few months (`examples/tails`) it found more planted rises from 60 days on than any
//! moving baseline, at p-values within 4 % of nominal at .005 where those of the moving baseline were twice as many.
//!
//! A missing period (NaN) has no weight in any fit and is not judged; the period after it has no evidence to join.
//! Judging begins four weeks or fifteen days before the first one asked for, so that its evidence of the periods before is
//! there. Nothing after a period enters its judgement.
use chrono::NaiveDate;
use rayon::prelude::*;

use crate::calendar::Calendar;

use super::baseline::Baseline;
use super::design::{self, DAILY, DAILY_SEASONS, WEEKLY, WEEKLY_DRIFTING};
use super::evidence::{self, Days, Predictive};
use super::robust_glm::RobustGlm;
use super::{Frequency, Judgement, Method, ears, essence};

/// Weeks judged before the first one asked for.
const WARM_UP_WEEKS: usize = 4;
/// Days judged before the first one asked for.
const WARM_UP_DAYS: usize = 15;
/// Known periods the regression needs: one and a half seasons of weeks, two months of days.
const GLM_WEEKS: usize = 78;
const GLM_DAYS: usize = 60;
/// Known days that a baseline of windows needs: more than a season, for it is held against what did not come.
const SEASON_DAYS: usize = 400;
/// Days between refits of the daily regression; it forecasts in between.
const REFIT_DAYS: usize = 7;

/// What the weekly regression remembers. Days always fade and follow their level.
///
/// The default finds most where the past repeats itself, as in the published simulations. Real hotlines drift: on
/// the São Paulo counts by week it alarms on 3.1 % of the weeks at a threshold of 0.5 %, `Drifting` on 1.6 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Memory {
    /// Two harmonics, every week counts the same.
    #[default]
    Stable,
    /// Three harmonics, weeks fade with a half-life of six years, and the mean follows the local level.
    Drifting,
}

/// Why a detector cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidDetector {
    /// The alarm threshold is out of range.
    #[error("alarm threshold {0} is not between 0.000001 and 0.2")]
    Alpha(f64),
}

/// A checked detector setting.
///
/// ```
/// use weisu_models::{calendar::Calendar, hotspot::{Detector, Frequency}};
/// let start = chrono::NaiveDate::from_ymd_opt(2020, 1, 6).unwrap();
/// let mut weeks = vec![3.0_f32; 200];
/// weeks[199] = 30.0;
/// let detector = Detector::new(Frequency::Weekly, 0.005)?;
/// let judged = detector.judge(&weeks, start, &Calendar::new(), 198);
/// assert!(judged[0].unwrap().score < 1.0);
/// assert!(judged[1].unwrap().p_value < 0.005 && judged[1].unwrap().score > 1.0);
/// # Ok::<(), weisu_models::hotspot::InvalidDetector>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detector {
    alpha: f64,
    frequency: Frequency,
    memory: Memory,
    best: Method,
}

impl Detector {
    /// A detector of periods of one length that alarms on p-values under `alpha`, 0.000001 to 0.2.
    pub fn new(frequency: Frequency, alpha: f64) -> Result<Self, InvalidDetector> {
        if !(1e-6..=0.2).contains(&alpha) {
            return Err(InvalidDetector::Alpha(alpha));
        }
        Ok(Self { alpha, frequency, memory: Memory::default(), best: Method::RobustGlm })
    }

    /// Sets how the weekly regression treats the far past.
    #[must_use]
    pub fn with_memory(self, memory: Memory) -> Self {
        Self { memory, ..self }
    }

    /// Uses no tier above `best`, however long the history is; a method that is no tier counts as the moving baseline.
    #[must_use]
    pub fn limited_to(self, best: Method) -> Self {
        Self { best, ..self }
    }

    /// The alarm threshold.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The design for series of `len` periods that begin with `start`, shared by all series of a panel.
    pub fn prepare(&self, start: NaiveDate, len: usize, calendar: &Calendar) -> Prepared {
        let design = match (self.frequency, self.memory) {
            (Frequency::Weekly, Memory::Stable) => Design::Weekly(design::weekly(len)),
            (Frequency::Weekly, Memory::Drifting) => Design::Drifting(design::weekly_drifting(len)),
            (Frequency::Daily, _) if calendar.season_names().len() <= 2 => {
                Design::Daily(design::daily(start, len, calendar))
            }
            (Frequency::Daily, _) => Design::Seasons(design::daily(start, len, calendar)),
        };
        let kinds = match self.frequency {
            Frequency::Weekly => vec![0; len],
            Frequency::Daily => {
                start.iter_days().take(len).map(|date| design::kind_of_day(date, calendar)).collect()
            }
        };
        Prepared { detector: *self, design, kinds }
    }

    /// Judges periods `from..` of one series, each from what was known before it; see [`Prepared::judge`].
    pub fn judge(
        &self,
        series: &[f32],
        start: NaiveDate,
        calendar: &Calendar,
        from: usize,
    ) -> Vec<Option<Judgement>> {
        self.prepare(start, series.len(), calendar).judge(series, from)
    }
}

/// A detector with its regressors worked out.
#[derive(Debug, Clone)]
pub struct Prepared {
    detector: Detector,
    design: Design,
    kinds: Vec<usize>,
}

#[derive(Debug, Clone)]
enum Design {
    Weekly(RobustGlm<WEEKLY>),
    Drifting(RobustGlm<WEEKLY_DRIFTING>),
    Daily(RobustGlm<DAILY>),
    Seasons(RobustGlm<DAILY_SEASONS>),
}

/// From this factor on a period is at a new level, an estimate whose error all periods since share: each is then judged
/// by itself, because in a window of several the error would count as often as evidence.
const RAISED: f64 = 1.1;

fn is_raised(factors: &[f64], t: usize) -> bool {
    factors.get(t).is_some_and(|factor| *factor > RAISED)
}

/// The evidence of the periods before.
#[derive(Debug, Clone, Copy, Default)]
struct Past {
    /// Score of the period before; 0 where there is none.
    lag: f64,
    days: Days,
}

impl Past {
    fn push(&mut self, p: f64, expected: &Predictive) {
        self.lag = evidence::score(p);
        self.days.push(p, expected);
    }

    fn skip(&mut self) {
        self.lag = 0.0;
        self.days.skip();
    }
}

impl Prepared {
    /// Judges periods `from..` of `series` (counts, NaN = missing), each from what was known before it.
    ///
    /// Returns one entry a period from `from` on; `None` where the period is missing or nothing was known before.
    /// Periods beyond the prepared length are ignored.
    pub fn judge(&self, series: &[f32], from: usize) -> Vec<Option<Judgement>> {
        self.judge_knowing(series, from, &[])
    }

    /// [`Self::judge`] where the means of periods are known to be off the regression by `factors`, one a period, 1
    /// for those beyond them: the ratio of a level that moved for good from its changepoint on, or the share of a
    /// period's counts that can be known by now. The tiers for short histories scale the judged period only.
    pub fn judge_knowing(&self, series: &[f32], from: usize, factors: &[f64]) -> Vec<Option<Judgement>> {
        let series = &series[..series.len().min(self.kinds.len())];
        match &self.design {
            Design::Weekly(glm) => self.run(glm, series, from, factors),
            Design::Drifting(glm) => self.run(glm, series, from, factors),
            Design::Daily(glm) => self.run(glm, series, from, factors),
            Design::Seasons(glm) => self.run(glm, series, from, factors),
        }
    }

    /// What the regression expects of all periods of `series`, from its first `known` periods alone; `factors` as in
    /// [`Self::judge_knowing`]. `None` where those are too short for the regression.
    pub fn baseline(&self, series: &[f32], known: usize, factors: &[f64]) -> Option<Baseline> {
        let series = &series[..series.len().min(self.kinds.len())];
        let known = known.min(series.len());
        let count = series[..known].iter().filter(|y| !y.is_nan()).count();
        let is_season = self.detector.frequency == Frequency::Weekly || count >= SEASON_DAYS;
        if !(is_season && self.long_enough(count)) {
            return None;
        }
        Some(match &self.design {
            Design::Weekly(glm) => Baseline::new(glm, series, known, factors),
            Design::Drifting(glm) => Baseline::new(glm, series, known, factors),
            Design::Daily(glm) => Baseline::new(glm, series, known, factors),
            Design::Seasons(glm) => Baseline::new(glm, series, known, factors),
        })
    }

    /// Judges `n` series in parallel; `series(i)` gives the counts of the i-th. The order is kept.
    pub fn judge_panel(
        &self,
        n: usize,
        series: impl Fn(usize) -> Vec<f32> + Sync,
        from: usize,
    ) -> Vec<Vec<Option<Judgement>>> {
        (0..n).into_par_iter().map(|i| self.judge(&series(i), from)).collect()
    }

    fn run<const K: usize>(
        &self,
        glm: &RobustGlm<K>,
        series: &[f32],
        from: usize,
        factors: &[f64],
    ) -> Vec<Option<Judgement>> {
        let first = from.saturating_sub(match self.detector.frequency {
            Frequency::Weekly => WARM_UP_WEEKS,
            Frequency::Daily => WARM_UP_DAYS,
        });
        let mut known = series.iter().take(first).filter(|y| !y.is_nan()).count();
        let mut fitted = None;
        let mut past = Past::default();
        let mut judged = Vec::with_capacity(series.len().saturating_sub(from));
        for t in first..series.len() {
            let before = &series[..t];
            let expected = if self.long_enough(known) {
                let fitted = match &mut fitted {
                    Some(fitted) => {
                        if t % self.refit_every() == 0 {
                            glm.update(fitted, before);
                        } else {
                            glm.follow(fitted, before);
                        }
                        &*fitted
                    }
                    none => &*none.insert(glm.fit(before, factors)),
                };
                Some((glm.predict(fitted, t), Method::RobustGlm))
            } else {
                let factor = factors.get(t).copied().unwrap_or(1.0);
                self.short(before, known).map(|(p, tier)| (Predictive { mean: p.mean * factor, ..p }, tier))
            };
            if is_raised(factors, t) {
                past = Past::default();
            }
            let judgement = self.judge_period(series[t], expected, &mut past);
            known += usize::from(!series[t].is_nan());
            if t >= from {
                judged.push(judgement);
            }
        }
        judged
    }

    fn long_enough(&self, known: usize) -> bool {
        let needed = match self.detector.frequency {
            Frequency::Weekly => GLM_WEEKS,
            Frequency::Daily => GLM_DAYS,
        };
        self.detector.best == Method::RobustGlm && known >= needed
    }

    fn refit_every(&self) -> usize {
        match self.detector.frequency {
            Frequency::Weekly => 1,
            Frequency::Daily => REFIT_DAYS,
        }
    }

    /// What is expected after `known` periods among those `before`, too few for the regression.
    fn short(&self, before: &[f32], known: usize) -> Option<(Predictive, Method)> {
        let Detector { best, frequency, .. } = self.detector;
        let kind = |t: usize| self.kinds[t];
        let c2 = if best == Method::Prior { None } else { ears::c2(before, kind) };
        let weeks =
            best == Method::RobustGlm && frequency == Frequency::Daily && known >= essence::tier::SHORTEST;
        match c2 {
            Some(average) if weeks => match essence::tier::expected(before, kind) {
                Some(explained) => Some((explained, Method::EssenceRegression)),
                None => Some((average, Method::EssenceEwma)),
            },
            Some(expected) => Some((expected, Method::EarsC2)),
            None => ears::prior(before).map(|expected| (expected, Method::Prior)),
        }
    }

    /// Judges one count, and keeps its evidence for the next period.
    fn judge_period(
        &self,
        count: f32,
        expected: Option<(Predictive, Method)>,
        past: &mut Past,
    ) -> Option<Judgement> {
        let before = *past;
        past.skip();
        let (expected, method) = expected?;
        if count.is_nan() {
            return None;
        }
        let observed = f64::from(count).max(0.0);
        let tail = expected.tail();
        let one = tail.mid_p(observed as u64);
        *past = before;
        past.push(one, &expected);
        let join = |p: f64| match (method, self.detector.frequency) {
            (Method::RobustGlm, Frequency::Weekly) => evidence::joined(p, before.lag),
            (Method::RobustGlm, Frequency::Daily) => before.days.joined(p, &expected),
            (Method::EssenceRegression | Method::EssenceEwma, _) => before.days.averaged(p, &expected),
            // A baseline of days is the same for periods running: its error would count more than once.
            _ => p,
        };
        let upper = tail.largest_normal(self.detector.alpha, |y| join(tail.mid_p(y)));
        Some(self.judgement(observed, expected.mean, upper as f64, join(one), method))
    }

    fn judgement(&self, observed: f64, expected: f64, upper: f64, p: f64, method: Method) -> Judgement {
        // No count up to its expectation is an alarm, however skewed the distribution.
        let p_value = if observed <= expected { p.max(self.detector.alpha) } else { p };
        let upper = upper.max(expected.floor());
        // Where less than one count is expected the bound can be under it; halfway to the next count keeps
        // "score above 1" the same as "alarm".
        let upper = if upper > expected { upper } else { f64::midpoint(expected, upper + 1.0) };
        let score = (observed - expected) / (upper - expected);
        Judgement { observed, expected, upper, p_value, score, method }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_burst_that_a_season_begins_with_every_year_is_expected_when_the_calendar_knows_the_season() {
        use crate::calendar::{Season, Status};
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let start = day("2020-01-01");
        let mut calendar = Calendar::new();
        for year in 2019..=2024 {
            let (from, to) = (day(&format!("{year}-11-15")), day(&format!("{}-03-15", year + 1)));
            calendar.insert_season(Season { name: "heating".into(), from, to, status: Status::Announced });
        }
        let count = |date: NaiveDate| {
            let pulse = calendar
                .seasons(date)
                .next()
                .map_or(0.0, |s| (-((date - s.from).num_days() as f64) / 10.0).exp());
            (20.0 * (1.0 + 4.0 * pulse)).round() as f32
        };
        let series: Vec<f32> = start.iter_days().take_while(|d| *d <= day("2024-11-15")).map(count).collect();
        let judge = |calendar: &Calendar| {
            let detector = Detector::new(Frequency::Daily, 0.005).unwrap();
            detector.judge(&series, start, calendar, series.len() - 1)[0].unwrap()
        };
        assert!(judge(&calendar).score < 1.0, "{:?}", judge(&calendar));
        assert!(judge(&Calendar::new()).score > 1.0, "{:?}", judge(&Calendar::new()));
        // It has a column of its own however many seasons come before it.
        let mut full = calendar.clone();
        for name in ["a", "b", "c", "d", "e", "f", "g"] {
            let (from, to) = (day("2020-06-07"), day("2020-06-10"));
            full.insert_season(Season { name: name.into(), from, to, status: Status::Announced });
        }
        assert!(judge(&full).score < 1.0, "{:?}", judge(&full));
    }
}
