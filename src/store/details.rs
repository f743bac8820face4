//! What an alert says beyond counts, by kind.
use serde::{Deserialize, Serialize};

/// Parts that are there where they apply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Details {
    /// Holidays, make-up workdays and seasons of the city's calendar in the window.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
}

impl Details {
    /// Nothing beyond counts.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
