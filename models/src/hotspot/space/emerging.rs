//! How a hot or cold spot came about: the 17 classes of the Emerging Hot Spot Analysis (ArcGIS Pro documentation,
//! "How Emerging Hot Spot Analysis works").
//!
//! The classes of a cold spot mirror those of a hot one. *Most* is at least 90 % of the periods. They are tried in
//! this order:
//!
//! | class | the district's periods |
//! |---|---|
//! | historical | most hot, the last one not |
//! | new | hot in the last one, never before |
//! | intensifying, diminishing, persistent | most hot with the last one; scores rise, fall, or do neither |
//! | consecutive | hot in a last run of at least two, never before |
//! | oscillating | hot in the last one, was cold before |
//! | sporadic | hot in the last one, on and off |
//!
//! Everything else has no pattern. Rising and falling are told by the Mann-Kendall test of the scores.
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

use super::cube::Bin;
use super::mann_kendall::{Direction, mann_kendall};

/// Share of the periods that makes a spot lasting.
const MOST: f64 = 0.9;

/// How a spot came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// A spot in the last period for the first time.
    New,
    /// A spot in an unbroken last run, never before.
    Consecutive,
    /// A spot most of the time that grows stronger.
    Intensifying,
    /// A spot most of the time without a trend.
    Persistent,
    /// A spot most of the time that grows weaker.
    Diminishing,
    /// A spot on and off, and in the last period.
    Sporadic,
    /// A spot in the last period that was of the other kind before.
    Oscillating,
    /// A spot most of the time, but not in the last period.
    Historical,
}

impl Pattern {
    /// Stable name in tables and interfaces.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Consecutive => "consecutive",
            Self::Intensifying => "intensifying",
            Self::Persistent => "persistent",
            Self::Diminishing => "diminishing",
            Self::Sporadic => "sporadic",
            Self::Oscillating => "oscillating",
            Self::Historical => "historical",
        }
    }
}

/// A class: hot or cold, and how it came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "spot", content = "pattern")]
pub enum Class {
    /// A hot spot.
    Hot(Pattern),
    /// A cold spot.
    Cold(Pattern),
    /// The seventeenth: no pattern.
    None,
}

impl Class {
    /// Stable name in tables and interfaces: `hot_new`, `cold_persistent`, `none`.
    ///
    /// ```
    /// use weisu_models::hotspot::space::emerging::{Class, Pattern};
    /// assert_eq!(Class::Hot(Pattern::New).name(), "hot_new");
    /// assert_eq!(Class::None.name(), "none");
    /// ```
    pub fn name(self) -> String {
        match self {
            Self::Hot(pattern) => format!("hot_{}", pattern.name()),
            Self::Cold(pattern) => format!("cold_{}", pattern.name()),
            Self::None => "none".to_owned(),
        }
    }
}

/// Classes of all districts from the scores and states of their bins, districts x periods; trends are significant
/// below `alpha`. The shapes have to be equal: districts and periods that only one has are not looked at.
pub fn classes(scores: &Array2<f64>, bins: &Array2<Bin>, alpha: f64) -> Vec<Class> {
    let rows = scores.axis_iter(Axis(0)).zip(bins.axis_iter(Axis(0)));
    rows.map(|(z, states)| class(&states.to_vec(), trend(&z.to_vec(), alpha))).collect()
}

fn trend(scores: &[f64], alpha: f64) -> Option<Direction> {
    mann_kendall(scores)?.direction(alpha)
}

/// The class of one district from the states of its periods and the trend of its scores.
pub fn class(bins: &[Bin], trend: Option<Direction>) -> Class {
    let lasting = |spot| is_most(bins, spot);
    match (bins.last(), lasting(Bin::Hot), lasting(Bin::Cold)) {
        (Some(last), true, _) if *last != Bin::Hot => Class::Hot(Pattern::Historical),
        (Some(last), _, true) if *last != Bin::Cold => Class::Cold(Pattern::Historical),
        (Some(Bin::Hot), ..) => {
            Class::Hot(current(bins, Bin::Hot, Bin::Cold, trend.map(|t| t == Direction::Up)))
        }
        (Some(Bin::Cold), ..) => {
            Class::Cold(current(bins, Bin::Cold, Bin::Hot, trend.map(|t| t == Direction::Down)))
        }
        _ => Class::None,
    }
}

fn is_most(bins: &[Bin], spot: Bin) -> bool {
    bins.iter().filter(|bin| **bin == spot).count() as f64 >= MOST * bins.len() as f64
}

/// The pattern of a spot in the last period; `stronger` is its trend, if it has one.
fn current(bins: &[Bin], spot: Bin, other: Bin, stronger: Option<bool>) -> Pattern {
    let spots = bins.iter().filter(|bin| **bin == spot).count();
    let last_run = bins.iter().rev().take_while(|bin| **bin == spot).count();
    match (is_most(bins, spot), stronger) {
        _ if spots == 1 => Pattern::New,
        (true, Some(true)) => Pattern::Intensifying,
        (true, Some(false)) => Pattern::Diminishing,
        (true, None) => Pattern::Persistent,
        _ if last_run == spots => Pattern::Consecutive,
        _ if bins.contains(&other) => Pattern::Oscillating,
        _ => Pattern::Sporadic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(periods: &str, trend: Option<Direction>, want: Class) {
        let bin = |c| match c {
            '+' => Bin::Hot,
            '-' => Bin::Cold,
            _ => Bin::Neither,
        };
        let got = class(&periods.chars().map(bin).collect::<Vec<_>>(), trend);
        assert_eq!(got, want, "{periods}");
        let mirrored = periods.chars().map(|c| {
            bin(if c == '+' {
                '-'
            } else if c == '-' {
                '+'
            } else {
                c
            })
        });
        let turned = trend.map(|t| if t == Direction::Up { Direction::Down } else { Direction::Up });
        let mirror = match want {
            Class::Hot(p) => Class::Cold(p),
            Class::Cold(p) => Class::Hot(p),
            Class::None => Class::None,
        };
        assert_eq!(class(&mirrored.collect::<Vec<_>>(), turned), mirror, "mirror of {periods}");
    }

    #[test]
    fn the_seventeen_classes() {
        let up = Some(Direction::Up);
        check("..........", up, Class::None);
        check(".+++......", None, Class::None);
        check(".........+", None, Class::Hot(Pattern::New));
        check(".--......+", None, Class::Hot(Pattern::New));
        check(".......+++", None, Class::Hot(Pattern::Consecutive));
        check("-......+++", None, Class::Hot(Pattern::Consecutive));
        check(".+++++++++", up, Class::Hot(Pattern::Intensifying));
        check(".+++++++++", None, Class::Hot(Pattern::Persistent));
        check("+++.++++++", Some(Direction::Down), Class::Hot(Pattern::Diminishing));
        check("..+.++...+", None, Class::Hot(Pattern::Sporadic));
        check("..+.--...+", None, Class::Hot(Pattern::Oscillating));
        check("+++++++++.", None, Class::Hot(Pattern::Historical));
        check("+++++++++-", None, Class::Hot(Pattern::Historical));
    }

    #[test]
    fn short_cubes() {
        check("", None, Class::None);
        check("+", None, Class::Hot(Pattern::New));
        check("++", None, Class::Hot(Pattern::Persistent));
    }
}
