//! `[detect]`: when to raise an alarm, and how many an office gets.
use garde::Validate;
use serde::{Deserialize, Serialize};
use weisu_models::hotspot::exceedance::Rule;

/// What a scan for clusters holds counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scan {
    /// The detectors' own expectations.
    #[default]
    Expectation,
    /// The counts of the last 91 days, dealt out anew over their days: asks for no expectation, and so finds nothing that
    /// a season or a weekday explains for all districts alike.
    Permutation,
}

/// Detection settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate)]
#[serde(default)]
pub struct Detect {
    /// P(alarm | normal) of one cell and period.
    #[garde(range(min = 1e-9, max = 0.2))]
    pub alpha: f64,
    /// Share of false alarms among a run's alarms that is aimed at (Benjamini-Hochberg).
    #[garde(range(min = 0.001, max = 1.0))]
    pub false_discovery_rate: f64,
    /// An alarm needs at least this many tickets.
    #[garde(range(min = 1, max = 1_000_000))]
    pub min_count: u32,
    /// A coming week must exceed the seasonal norm by this share.
    #[garde(range(min = 0.0, max = 10.0))]
    pub exceedance_margin: f64,
    /// Probability of that, or of more than a stated capacity, from which on it is an alarm. Measured on a city's 98
    /// topics by week (`weisu backtest --anticipation`): from 0.8 on 93 % of alarms are right, 17 a run; from 0.9 on 97 %, 11 a
    /// run; from 0.95 on, with a second week or run that agrees, 98 %, 7 a run. More alarms are right than an office reads.
    #[garde(range(min = 0.5, max = 0.999))]
    pub exceedance_probability: f64,
    /// Days before the expected begin of a season at which it is announced and the announcement grows more urgent.
    #[garde(length(min = 1, max = 4), inner(range(min = 1, max = 60)))]
    pub onset_days: Vec<u32>,
    /// A season is announced when it begins within two weeks of the date with this probability.
    #[garde(range(min = 0.1, max = 0.99))]
    pub onset_confidence: f64,
    /// What a scan for clusters of neighbouring districts holds counts against.
    #[garde(skip)]
    pub scan: Scan,
    /// Days of the longest cluster.
    #[garde(range(min = 1, max = 28))]
    pub scan_days: usize,
    /// Districts of the largest cluster; never more than half of the city's.
    #[garde(range(min = 2, max = 100))]
    pub scan_districts: usize,
    /// A cluster is told that is expected by chance once in so many days, or less often.
    #[garde(range(min = 10, max = 100_000))]
    pub recurrence_days: u32,
    /// Alerts a district gets in one day; the rest stay visible as alarms.
    #[garde(range(min = 1, max = 1000))]
    pub budget_per_district: usize,
    /// Closed days judged by a run at most, after a pause.
    #[garde(range(min = 1, max = 60))]
    pub lookback_days: u32,
    /// Quiet runs after which an alert is resolved.
    #[garde(range(min = 1, max = 60))]
    pub resolve_after: u32,
}

impl Default for Detect {
    fn default() -> Self {
        Self {
            alpha: 0.005,
            false_discovery_rate: 0.2,
            min_count: 5,
            exceedance_margin: 0.15,
            exceedance_probability: 0.95,
            onset_days: vec![45, 15, 3],
            onset_confidence: 0.6,
            scan: Scan::Expectation,
            scan_days: 7,
            scan_districts: 8,
            recurrence_days: 365,
            budget_per_district: 5,
            lookback_days: 7,
            resolve_after: 2,
        }
    }
}

impl Detect {
    /// When a coming week exceeds its norm.
    pub fn rule(&self) -> Rule {
        Rule {
            probability: self.exceedance_probability,
            margin: self.exceedance_margin,
            min_count: f64::from(self.min_count),
        }
    }

    /// Days that a season is announced ahead at most.
    pub fn onset_ahead(&self) -> i64 {
        self.onset_days.iter().copied().max().unwrap_or_default().into()
    }
}
