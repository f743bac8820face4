//! `[detect]`: when to raise an alarm, and how many an office gets.
use garde::Validate;
use serde::{Deserialize, Serialize};

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
            budget_per_district: 5,
            lookback_days: 7,
            resolve_after: 2,
        }
    }
}
