//! `[[capacity]]`: what a unit can handle in a week.
use garde::Validate;
use serde::{Deserialize, Serialize};

use super::Problem;

/// Tickets of a topic in a district that can be handled in a week; a coming week above is an alarm.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate)]
#[serde(default)]
pub struct Capacity {
    /// Names from the top-level topic down; empty = all topics.
    #[garde(inner(length(chars, min = 1, max = 200)))]
    pub topic: Vec<String>,
    /// Names from the top-level district down; empty = the whole city.
    #[garde(inner(length(chars, min = 1, max = 200)))]
    pub district: Vec<String>,
    /// Tickets a week.
    #[garde(range(min = 1.0, max = 1e9))]
    pub per_week: f64,
}

/// Notes each capacity of a topic and district that an earlier one has.
pub(super) fn semantic(stated: &[Capacity], found: &mut Vec<Problem>) {
    for (i, one) in stated.iter().enumerate() {
        if stated[..i].iter().any(|other| (&other.topic, &other.district) == (&one.topic, &one.district)) {
            found.push(Problem::at(
                format!("capacity[{i}].topic"),
                "has a capacity in this district already",
                "state each topic and district once",
            ));
        }
    }
}
