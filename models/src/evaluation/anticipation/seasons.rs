//! Announced onsets against those that came, and against last year's date.
//!
//! What is scored is the announcement as it stood two weeks before the date it named: later ones come too late to be
//! of use. It is right when the season, by the very threshold that was announced, began within two weeks of the date.
//! A season that came was foreseen when the announcement as it stood two weeks before it came was within two weeks of it
//! (a season that comes a week before its date has been named in time all the same). Which seasons there were is
//! worked out from the whole record, with the threshold that was known in the quiet time before each, so that it does
//! not depend on what was announced; last year's date, shifted by the calendar, is held against the same seasons.
use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;

use super::chance::{Chances, Score};
use crate::{
    calendar::Alignment,
    hotspot::season::{WEEK, Weekly, YEAR, Yearly, episodes},
};

/// Days that an announcement comes ahead at least, and that it may be off.
pub const AHEAD_DAYS: i64 = 14;
const OFF_DAYS: i64 = 14;
/// Announcements of dates nearer than this speak of the same season.
const SAME_SEASON: i64 = 182;

/// What was said of a node's season at an origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Said {
    /// Node.
    pub node: usize,
    /// Last day known.
    pub origin: NaiveDate,
    /// Onset that was expected.
    pub date: NaiveDate,
    /// P(within two weeks of it).
    pub near: f64,
    /// When it began by the same threshold; `None` where it did not.
    pub came: Option<NaiveDate>,
    /// Whether the record goes far enough to tell.
    pub decided: bool,
}

/// A season of the record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Truth {
    /// Node.
    pub node: usize,
    /// First and last Monday of the row of weeks that the season could begin in.
    pub span: (NaiveDate, NaiveDate),
    /// When it began; `None` where it did not.
    pub onset: Option<NaiveDate>,
    /// Last year's date, shifted to this year by the calendar.
    pub last_year: Option<NaiveDate>,
}

/// Seasons of a record, where each was known in the quiet time before and could be announced from `first` on.
pub fn truths(node: usize, weekly: &Weekly, first: NaiveDate, alignment: Alignment) -> Vec<Truth> {
    let Some(newest) = Yearly::quietest(&weekly.sums) else { return Vec::new() };
    let cuts = (0..).map_while(|k| newest.checked_sub(k * YEAR));
    cuts.filter_map(|cut| truth(node, weekly, cut, alignment))
        .filter(|t| t.onset.unwrap_or(t.span.1) >= first + chrono::Days::new(AHEAD_DAYS as u64))
        .collect()
}

fn truth(node: usize, weekly: &Weekly, cut: usize, alignment: Alignment) -> Option<Truth> {
    let yearly = Yearly::at(weekly, cut)?;
    let onset = came(weekly, cut, yearly.threshold);
    let is_whole = cut + YEAR <= weekly.sums.len();
    let year = |onset: NaiveDate| (weekly.monday(cut) - onset).num_days() < (WEEK * YEAR) as i64;
    let past = yearly.past.first().map(|p| p.onset).filter(|onset| year(*onset));
    let span = (weekly.monday(cut), weekly.monday(cut + YEAR - 1));
    (is_whole || onset.is_some()).then(|| Truth {
        node,
        span,
        onset,
        last_year: past.and_then(|past| alignment.future(past, 1)),
    })
}

/// Monday on which a season began in the row of weeks after `cut`.
pub fn came(weekly: &Weekly, cut: usize, threshold: f64) -> Option<NaiveDate> {
    let row = &weekly.sums[cut.min(weekly.sums.len())..(cut + YEAR).min(weekly.sums.len())];
    let above = row.iter().map(|y| (!y.is_nan()).then_some(*y > threshold));
    episodes(above).first().map(|e| weekly.monday(cut + e.from))
}

/// How announcements fared from a probability on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fared {
    /// Probability from which on a date is announced.
    pub confidence: f64,
    /// Seasons announced at least two weeks ahead, and of them right.
    pub announced: usize,
    /// Of them, those that were right.
    pub right: usize,
    /// Seasons that came.
    pub seasons: usize,
    /// Of them, those that were foreseen.
    pub foreseen: usize,
    /// Mean days between the first announcement and the date it named.
    pub lead_days: Option<f64>,
    /// Mean days that announcements were off.
    pub off_days: Option<f64>,
}

impl Fared {
    /// Share of announcements that were right.
    pub fn precision(&self) -> Option<f64> {
        (self.announced > 0).then(|| self.right as f64 / self.announced as f64)
    }

    /// Share of seasons that were foreseen.
    pub fn recall(&self) -> Option<f64> {
        (self.seasons > 0).then(|| self.foreseen as f64 / self.seasons as f64)
    }
}

/// All that was said and all that came.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seasons {
    /// By origin.
    pub said: Vec<Said>,
    /// By node.
    pub truths: Vec<Truth>,
}

impl Seasons {
    /// How announcements of the nodes of `of` from `confidence` on fared, when the earliest come `most_days` ahead.
    pub fn fared(&self, of: &dyn Fn(usize) -> bool, confidence: f64, most_days: i64) -> Fared {
        let groups = self.groups(of, confidence, most_days);
        let decided: Vec<&Vec<Said>> =
            groups.iter().filter(|g| g.last().is_some_and(|s| s.decided || s.came.is_some())).collect();
        let last = decided.iter().filter_map(|g| g.last());
        let off: Vec<i64> = last.clone().filter_map(|s| Some((s.came? - s.date).num_days().abs())).collect();
        let leads: Vec<i64> =
            decided.iter().filter_map(|g| g.first()).map(|s| (s.date - s.origin).num_days()).collect();
        let came = self.truths.iter().filter(|t| of(t.node)).filter_map(|t| Some((t.node, t.onset?)));
        // As it stood two weeks before the season came, whichever date it named.
        let stood = |group: &[Said], onset: NaiveDate| {
            group.iter().rfind(|s| (onset - s.origin).num_days() >= AHEAD_DAYS).copied()
        };
        let foreseen = |(node, onset): &(usize, NaiveDate)| {
            let of_node = groups.iter().filter(|g| g.first().is_some_and(|s| s.node == *node));
            of_node.filter_map(|g| stood(g, *onset)).any(|s| near(s.date, *onset))
        };
        Fared {
            confidence,
            announced: decided.len(),
            right: last.filter(|s| s.came.is_some_and(|came| near(s.date, came))).count(),
            seasons: came.clone().count(),
            foreseen: came.filter(foreseen).count(),
            lead_days: mean(&leads),
            off_days: mean(&off),
        }
    }

    /// How last year's date fares as an announcement of the same seasons.
    pub fn last_year(&self, of: &dyn Fn(usize) -> bool, most_days: i64) -> Fared {
        let truths: Vec<&Truth> = self.truths.iter().filter(|t| of(t.node)).collect();
        let named: Vec<(&Truth, NaiveDate)> =
            truths.iter().filter_map(|t| Some((*t, t.last_year?))).collect();
        let right = named.iter().filter(|(t, date)| t.onset.is_some_and(|onset| near(*date, onset))).count();
        let off: Vec<i64> =
            named.iter().filter_map(|(t, date)| Some((t.onset? - *date).num_days().abs())).collect();
        Fared {
            confidence: 0.0,
            announced: named.len(),
            right,
            seasons: truths.iter().filter(|t| t.onset.is_some()).count(),
            foreseen: right,
            lead_days: (!named.is_empty()).then_some(most_days as f64),
            off_days: mean(&off),
        }
    }

    /// Whether P(near) means what it says, over all that was said at least two weeks ahead.
    pub fn reliability(&self, of: &dyn Fn(usize) -> bool, most_days: i64) -> Option<Score> {
        let mut chances = Chances::default();
        for said in self.said.iter().filter(|s| of(s.node) && in_time(s, most_days)) {
            if said.decided || said.came.is_some() {
                chances.push(said.near, said.came.is_some_and(|came| near(said.date, came)));
            }
        }
        chances.score()
    }

    /// Announcements in time, by node and season.
    fn groups(&self, of: &dyn Fn(usize) -> bool, confidence: f64, most_days: i64) -> Vec<Vec<Said>> {
        let mut by_node: BTreeMap<usize, Vec<Vec<Said>>> = BTreeMap::new();
        let told = |s: &&Said| of(s.node) && s.near >= confidence && in_time(s, most_days);
        for said in self.said.iter().filter(told) {
            let groups = by_node.entry(said.node).or_default();
            match groups.last_mut() {
                Some(group) if group.iter().any(|s| (s.date - said.date).num_days().abs() < SAME_SEASON) => {
                    group.push(*said);
                }
                _ => groups.push(vec![*said]),
            }
        }
        by_node.into_values().flatten().collect()
    }
}

fn in_time(said: &Said, most_days: i64) -> bool {
    (AHEAD_DAYS..=most_days).contains(&(said.date - said.origin).num_days())
}

fn near(a: NaiveDate, b: NaiveDate) -> bool {
    (a - b).num_days().abs() <= OFF_DAYS
}

fn mean(days: &[i64]) -> Option<f64> {
    (!days.is_empty()).then(|| days.iter().sum::<i64>() as f64 / days.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn said(origin: &str, date: &str, near: f64, came: Option<&str>) -> Said {
        Said { node: 1, origin: day(origin), date: day(date), near, came: came.map(day), decided: true }
    }

    #[test]
    fn what_stood_two_weeks_before_is_scored() {
        let truth = Truth {
            node: 1,
            span: (day("2024-06-03"), day("2025-05-26")),
            onset: Some(day("2024-11-18")),
            last_year: Some(day("2024-10-28")),
        };
        let seasons = Seasons {
            said: vec![
                said("2024-10-06", "2024-11-04", 0.5, Some("2024-11-18")),
                said("2024-10-13", "2024-12-02", 0.7, Some("2024-11-18")),
                said("2024-10-27", "2024-11-11", 0.9, Some("2024-11-18")),
                // Too late to be of use, and too early to be told.
                said("2024-11-10", "2024-11-18", 0.99, Some("2024-11-18")),
                said("2024-07-10", "2024-11-18", 0.99, Some("2024-11-18")),
                // Another season, which did not come.
                said("2025-10-13", "2025-11-17", 0.7, None),
            ],
            truths: vec![truth],
        };
        let all = |_: usize| true;
        let fared = seasons.fared(&all, 0.6, 60);
        assert_eq!((fared.announced, fared.right, fared.seasons, fared.foreseen), (2, 1, 1, 1));
        assert_eq!((fared.precision(), fared.recall()), (Some(0.5), Some(1.0)));
        assert_eq!((fared.lead_days, fared.off_days), (Some(42.5), Some(7.0)));
        // It comes a week before the date that it was given; what stood two weeks before it is what counts.
        let early = Seasons {
            said: vec![
                said("2024-10-27", "2024-11-25", 0.9, Some("2024-11-18")),
                said("2024-11-10", "2024-11-25", 0.9, Some("2024-11-18")),
            ],
            ..seasons.clone()
        };
        assert_eq!(early.fared(&all, 0.6, 60).foreseen, 1);
        let late = Seasons { said: early.said[1..].to_vec(), ..early };
        assert_eq!(late.fared(&all, 0.6, 60).foreseen, 0, "eight days before it came");
        let sure = seasons.fared(&all, 0.95, 60);
        assert_eq!((sure.announced, sure.foreseen, sure.precision()), (0, 0, None));
        // Three weeks off: last year's date is wrong.
        let last = seasons.last_year(&all, 45);
        assert_eq!((last.announced, last.right, last.recall()), (1, 0, Some(0.0)));
        assert_eq!(seasons.reliability(&all, 60).unwrap().n, 4);
        assert_eq!(seasons.fared(&|node| node == 2, 0.6, 60).seasons, 0);
    }

    #[test]
    fn seasons_of_a_record_are_found_with_last_years_date() {
        // Four years with a block of busy weeks, two weeks later in the last year.
        let begins = [20, 21, 20, 23];
        let sums = (0..4 * YEAR).map(|k| {
            let first = begins[k / YEAR];
            if (first..first + 8).contains(&(k % YEAR)) { 300.0 } else { 40.0 + (k % 3) as f64 }
        });
        let weekly = Weekly { start: day("2020-01-06"), sums: sums.collect(), open: 0.0, open_days: 0 };
        let found = truths(1, &weekly, day("2021-01-01"), Alignment::Solar);
        let last = found.iter().find(|t| t.onset == Some(weekly.monday(3 * YEAR + 23))).unwrap();
        let off = (last.last_year.unwrap() - weekly.monday(3 * YEAR + 20)).num_days();
        assert!((0..=2).contains(&off), "the same date, not the same week: {off}");
        assert!(truths(1, &weekly, day("2023-12-01"), Alignment::Solar).is_empty());
    }
}
