//! The words every part shares: ticket, day, basis, and the keys of topics and districts.
use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

/// Key of a topic in the store; 0 is "all topics".
pub type TopicId = i32;
/// Key of a district in the store; 0 is "the whole city".
pub type DistrictId = i32;
/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// A local day of the city, as days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i32);

const EPOCH: NaiveDate = match NaiveDate::from_ymd_opt(1970, 1, 1) {
    Some(date) => date,
    None => NaiveDate::MIN,
};

impl From<NaiveDate> for Day {
    fn from(date: NaiveDate) -> Self {
        Self((date - EPOCH).num_days() as i32)
    }
}

impl Day {
    /// The civil date of this day.
    pub fn date(self) -> NaiveDate {
        let days = Days::new(u64::from(self.0.unsigned_abs()));
        let date = if self.0 < 0 { EPOCH.checked_sub_days(days) } else { EPOCH.checked_add_days(days) };
        date.unwrap_or(NaiveDate::MAX)
    }

    /// `n` days later (earlier if negative).
    #[must_use]
    pub fn plus(self, n: i32) -> Self {
        Self(self.0 + n)
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.date().fmt(f)
    }
}

/// What is counted: every ticket, or repeats of one matter merged.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// 件次: every ticket.
    Raw,
    /// 事项: repeats merged.
    Dedup,
}

impl Basis {
    /// Both, in the order of tables.
    pub const ALL: [Self; 2] = [Self::Raw, Self::Dedup];

    /// Stable name in tables, columns and labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Dedup => "dedup",
        }
    }

    /// The basis of a stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|b| b.name() == name)
    }
}

/// One ticket without anything personal, its topic and district already keyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The source's own id, unique in the source.
    pub id: Box<str>,
    /// Later versions of the same id replace earlier ones.
    pub version: Millis,
    /// When it was received.
    pub received: Millis,
    /// The local day it was received on.
    pub day: Day,
    /// Leaf topic.
    pub topic: TopicId,
    /// Leaf district.
    pub district: DistrictId,
    /// When it was closed.
    pub closed: Option<Millis>,
    /// A repeat of a matter already reported.
    pub is_repeat: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_inverse() {
        for (y, m, d, n) in [(1970, 1, 1, 0), (1969, 12, 31, -1), (2024, 2, 29, 19782)] {
            let date = NaiveDate::from_ymd_opt(y, m, d).unwrap();
            assert_eq!(Day::from(date), Day(n));
            assert_eq!(Day(n).date(), date);
        }
    }
}
