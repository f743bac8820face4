//! Published detectors on the scale of the default one, to compare with it on the same counts.
//!
//! | method | settings |
//! |---|---|
//! | [`Method::FarringtonFlexible`], [`Method::Farrington`] | as published, stepping back by calendar years: five, or as many as there are |
//! | [`Method::EarsC1`], [`Method::EarsC2`], [`Method::EarsC3`] | baseline of seven periods, no least standard deviation |
//! | [`Method::Essence`] | the switch over four weeks, of days alone |
//!
//! The threshold is the one-sided probability beyond the bound in all of them (Farrington's original paper counts both
//! sides). Days are periods like any other to them, but for ESSENCE, which knows weekdays; holidays are not known.
use chrono::NaiveDate;

use super::ears::{Chart, Ears};
use super::essence::{self, Essence};
use super::farrington::{Farrington, NotJudged, Series, Settings, Step};
use super::{Frequency, Judgement, Method};
use crate::intervals::normal_quantile;

/// Periods in the baseline of EARS.
const EARS_BASELINE: usize = 7;
/// A statistic beyond this many standard deviations, as a baseline without spread has, says no more.
const STATISTIC_MAX: f64 = 40.0;

/// Why there is no such detector.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidPublished {
    /// The alarm threshold is out of range.
    #[error("alarm threshold {0} is not between 0.000001 and 0.2")]
    Alpha(f64),
    /// A tier of the default detector.
    #[error("{} is a tier of the default detector", .0.name())]
    Tier(Method),
    /// A detector of days asked for other periods.
    #[error("{} judges days only", .0.name())]
    DaysOnly(Method),
}

/// A checked published detector.
///
/// ```
/// use weisu_models::hotspot::{Frequency, Method, Published};
/// let start = chrono::NaiveDate::from_ymd_opt(2019, 1, 7).unwrap();
/// let mut weeks = vec![3.0_f32; 320];
/// weeks[319] = 30.0;
/// let detector = Published::new(Method::FarringtonFlexible, Frequency::Weekly, 0.005)?;
/// let judged = detector.judge(&weeks, start, 318);
/// assert!(judged[0].unwrap().score < 1.0);
/// assert!(judged[1].unwrap().score > 1.0 && judged[1].unwrap().p_value < 0.005);
/// # Ok::<(), weisu_models::hotspot::InvalidPublished>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    method: Method,
    frequency: Frequency,
    alpha: f64,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    /// By years back, the most first.
    Farrington(Vec<Farrington>),
    Ears(Ears),
    Essence(Essence),
}

impl Published {
    /// The detector `method` of periods of one length that alarms on p-values under `alpha`, 0.000001 to 0.2.
    ///
    /// # Errors
    /// [`InvalidPublished`] for another alpha or a method that is none of these.
    pub fn new(method: Method, frequency: Frequency, alpha: f64) -> Result<Self, InvalidPublished> {
        if !(1e-6..=0.2).contains(&alpha) {
            return Err(InvalidPublished::Alpha(alpha));
        }
        let step = match frequency {
            Frequency::Daily => Step::Day,
            Frequency::Weekly => Step::Week,
        };
        let rule = match method {
            Method::FarringtonFlexible => farrington(Settings { alpha, ..Settings::flexible(step) }),
            Method::Farrington => farrington(Settings { alpha: 2.0 * alpha, ..Settings::original(step) }),
            Method::EarsC1 => ears(Chart::C1, alpha),
            Method::EarsC2 => ears(Chart::C2, alpha),
            Method::EarsC3 => ears(Chart::C3, alpha),
            Method::Essence if frequency == Frequency::Daily => Some(Rule::Essence(Essence::default())),
            Method::Essence => return Err(InvalidPublished::DaysOnly(method)),
            Method::RobustGlm | Method::EssenceRegression | Method::EssenceEwma | Method::Prior => None,
        };
        let rule = rule.ok_or(InvalidPublished::Tier(method))?;
        Ok(Self { method, frequency, alpha, rule })
    }

    /// The alarm threshold.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// Judges periods `from ..` of one series that begins with `start` (counts, NaN = missing), each from what was
    /// known before it. One entry a period; `None` where the count is missing or the past too short or too holed.
    pub fn judge(&self, series: &[f32], start: NaiveDate, from: usize) -> Vec<Option<Judgement>> {
        let counts: Vec<f64> = series.iter().map(|y| f64::from(*y)).collect();
        let periods = from.min(counts.len())..counts.len();
        match &self.rule {
            Rule::Essence(essence) => {
                let verdicts = essence.switch(&counts, start);
                periods.map(|t| Some(self.by_essence(&verdicts[t]?))).collect()
            }
            Rule::Ears(ears) => periods.map(|t| self.by_ears(ears, &counts, t)).collect(),
            Rule::Farrington(by_years) => {
                let step = match self.frequency {
                    Frequency::Daily => 1,
                    Frequency::Weekly => 7,
                };
                let dates: Vec<NaiveDate> = start.iter_days().step_by(step).take(counts.len()).collect();
                let series = Series::new(&counts).with_dates(&dates);
                periods.map(|t| self.by_farrington(by_years, &series, t)).collect()
            }
        }
    }

    fn by_ears(&self, ears: &Ears, counts: &[f64], t: usize) -> Option<Judgement> {
        let verdict = ears.judge(counts, t)?;
        let statistic = verdict.statistic.clamp(-STATISTIC_MAX, STATISTIC_MAX);
        let score = statistic / normal_quantile(1.0 - self.alpha);
        Some(Judgement {
            observed: verdict.observed,
            expected: verdict.expected,
            upper: verdict.upper,
            p_value: if verdict.alarm { verdict.p_value } else { verdict.p_value.max(self.alpha) },
            score: if verdict.alarm { score } else { score.min(1.0) },
            method: self.method,
        })
    }

    fn by_essence(&self, verdict: &essence::Verdict) -> Judgement {
        let (observed, expected) = (verdict.observed, verdict.expected);
        // After high days the averages alarm on less than their baseline: then half a count above it is the bound.
        let bound = Some(verdict.upper(self.alpha)).filter(|u| *u > expected).unwrap_or(expected + 0.5);
        let alarm = verdict.p_value < self.alpha && observed > expected;
        let score = (observed - expected) / (bound - expected);
        Judgement {
            observed,
            expected,
            upper: bound,
            p_value: if alarm { verdict.p_value } else { verdict.p_value.max(self.alpha) },
            score: if alarm { score.max(1.0 + f64::EPSILON) } else { score.min(1.0) },
            method: self.method,
        }
    }

    fn by_farrington(&self, by_years: &[Farrington], series: &Series<'_>, t: usize) -> Option<Judgement> {
        let verdicts = by_years.iter().map(|farrington| farrington.judge(series, t));
        let long_enough = |verdict: &Result<_, _>| *verdict != Err(NotJudged::TooShort);
        let verdict = verdicts.into_iter().find(long_enough)?.ok()?;
        let (observed, expected, upper) = (verdict.observed, verdict.expected, verdict.upper);
        if !upper.is_finite() {
            return None;
        }
        // Where less than one count is expected the bound is under it: halfway to the next count is as good a one.
        let bound = if upper > expected { upper } else { f64::midpoint(expected, upper + 1.0) };
        let score = (observed - expected) / (bound - expected);
        Some(Judgement {
            observed,
            expected,
            upper: bound,
            p_value: if verdict.alarm { verdict.p_value } else { verdict.p_value.max(self.alpha) },
            score: if verdict.alarm { score } else { score.min(1.0) },
            method: self.method,
        })
    }
}

/// The settings with all their years back, or fewer.
fn farrington(settings: Settings) -> Option<Rule> {
    let by_years: Result<Vec<_>, _> =
        (1..=settings.years).rev().map(|years| Farrington::new(Settings { years, ..settings })).collect();
    by_years.ok().map(Rule::Farrington)
}

fn ears(chart: Chart, alpha: f64) -> Option<Rule> {
    Ears::new(chart, EARS_BASELINE, 0.0, alpha).ok().map(Rule::Ears)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Method; 5] =
        [Method::FarringtonFlexible, Method::Farrington, Method::EarsC1, Method::EarsC2, Method::EarsC3];

    fn judge(method: Method, series: &[f32], from: usize) -> Vec<Option<Judgement>> {
        let start = NaiveDate::from_ymd_opt(2019, 1, 7).unwrap();
        Published::new(method, Frequency::Weekly, 0.005).unwrap().judge(series, start, from)
    }

    #[test]
    fn score_and_p_value_tell_the_same_alarm() {
        let mut weeks: Vec<f32> = (0..330).map(|t| [4.0, 7.0, 5.0, 6.0, 3.0][t % 5]).collect();
        weeks[320] = 30.0;
        weeks[321] = 20.0;
        for method in ALL {
            let judged: Vec<Judgement> = judge(method, &weeks, 300).into_iter().flatten().collect();
            assert_eq!(judged.len(), 30, "{method:?}");
            let alarms = judged.iter().filter(|j| j.score > 1.0).count();
            assert!((1..=4).contains(&alarms), "{method:?}: {alarms}");
            assert!(judged.iter().all(|j| (j.score > 1.0) == (j.p_value < 0.005) && j.method == method));
        }
    }

    #[test]
    fn too_few_cases_are_no_alarm_by_score_nor_by_p_value() {
        let mut weeks = vec![0.0; 330];
        weeks[329] = 4.0;
        for method in [Method::FarringtonFlexible, Method::Farrington] {
            let judgement = judge(method, &weeks, 329)[0].unwrap();
            assert!(judgement.score <= 1.0 && judgement.p_value >= 0.005, "{judgement:?}");
        }
    }

    #[test]
    fn farrington_takes_the_years_there_are() {
        let weeks: Vec<f32> = (0..330).map(|t| [4.0, 7.0, 5.0][t % 3]).collect();
        for method in [Method::FarringtonFlexible, Method::Farrington] {
            for (len, judged) in [(30, false), (60, true), (120, true), (330, true)] {
                assert_eq!(judge(method, &weeks[..len], len - 1)[0].is_some(), judged, "{method:?} {len}");
            }
        }
    }

    #[test]
    fn nothing_panics_and_every_number_is_one() {
        for method in ALL {
            assert!(judge(method, &[], 0).is_empty() && judge(method, &[1.0], 9).is_empty());
            for level in [0.0, 5.0, f32::NAN] {
                let mut weeks = vec![level; 300];
                weeks[299] = 9.0;
                let numbers = |j: Judgement| [j.expected, j.upper, j.p_value, j.score];
                let judged = judge(method, &weeks, 0).into_iter().flatten();
                assert!(judged.flat_map(numbers).all(f64::is_finite), "{method:?} {level}");
            }
        }
    }

    #[test]
    fn essence_judges_days_from_weeks_of_them() {
        let start = NaiveDate::from_ymd_opt(2019, 1, 7).unwrap();
        let mut days: Vec<f32> =
            (0..60).map(|t| if t % 7 > 4 { 5.0 } else { 20.0 + (t % 3) as f32 }).collect();
        days[52] = 60.0;
        let essence = Published::new(Method::Essence, Frequency::Daily, 0.005).unwrap();
        let judged = essence.judge(&days, start, 0);
        assert!(judged[..13].iter().all(Option::is_none) && judged[20].is_some());
        let all: Vec<&Judgement> = judged.iter().flatten().collect();
        assert!(all.iter().all(|j| (j.score > 1.0) == (j.p_value < 0.005) && j.upper.is_finite()), "{all:?}");
        let spike = judged[52].unwrap();
        assert!(spike.score > 2.0 && spike.upper < 40.0 && spike.method == Method::Essence, "{spike:?}");
        assert!(judged[51].unwrap().score <= 1.0);
        let weekly = Published::new(Method::Essence, Frequency::Weekly, 0.005);
        assert_eq!(weekly, Err(InvalidPublished::DaysOnly(Method::Essence)));
    }

    #[test]
    fn tiers_and_thresholds_out_of_range_are_refused() {
        let new = |method, alpha| Published::new(method, Frequency::Daily, alpha).unwrap_err();
        assert_eq!(new(Method::Prior, 0.01), InvalidPublished::Tier(Method::Prior));
        assert_eq!(new(Method::EarsC1, 0.3), InvalidPublished::Alpha(0.3));
    }
}
