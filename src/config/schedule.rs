//! `[schedule]`: a cron expression a stage, in the city's zone.
use garde::Validate;
use serde::{Deserialize, Serialize};

use super::Problem;
use crate::schedule::cron::Expression;

/// When each stage runs: five-field cron in the city's zone, or `off`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(default)]
pub struct Schedule {
    /// The daily chain: ingest, aggregate, fit when due, forecast, detect.
    #[garde(skip)]
    pub daily: String,
    /// Sending what waits in the outbox.
    #[garde(skip)]
    pub publish: String,
    /// The monthly export and report.
    #[garde(skip)]
    pub export: String,
    /// The weekly digest.
    #[garde(skip)]
    pub weekly: String,
    /// Dropping what is past its keep time.
    #[garde(skip)]
    pub prune: String,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            daily: "10 5 * * *".to_owned(),
            publish: "* * * * *".to_owned(),
            export: "40 6 1 * *".to_owned(),
            weekly: "50 6 * * 1".to_owned(),
            prune: "30 3 * * 7".to_owned(),
        }
    }
}

impl Schedule {
    pub(super) fn semantic(&self, found: &mut Vec<Problem>) {
        let keys = [
            ("daily", &self.daily),
            ("publish", &self.publish),
            ("export", &self.export),
            ("weekly", &self.weekly),
            ("prune", &self.prune),
        ];
        for (key, text) in keys {
            if text != "off"
                && let Err(error) = text.parse::<Expression>()
            {
                found.push(Problem::at(
                    format!("schedule.{key}"),
                    error.to_string(),
                    "write minute hour day month weekday, such as \"10 5 * * *\", or \"off\"",
                ));
            }
        }
    }
}
