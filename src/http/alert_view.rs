//! An alert as the API and the page show it: what it says, where it stands, and the keys to look further.
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::{
    store::{alerts::AlertBody, board::AlertRow},
    ticket::{Day, DistrictId, Millis, TopicId},
};

/// An alert.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AlertView {
    /// Key.
    pub id: String,
    /// What it is about, the same for every alert on it.
    pub fingerprint: String,
    /// Where it is in its life.
    pub state: String,
    /// Key of the topic; 0 = all.
    pub topic_id: TopicId,
    /// Key of the district; 0 = the whole city.
    pub district_id: DistrictId,
    /// Last day it was seen on.
    pub last_day: NaiveDate,
    /// Opened.
    pub created: Option<DateTime<Utc>>,
    /// Last changed.
    pub updated: Option<DateTime<Utc>>,
    /// Over since.
    pub resolved: Option<DateTime<Utc>>,
    /// Nobody gets it: no row of the routing table and no receiver's filter fits.
    pub unrouted: bool,
    /// Who acknowledged it last: the name of a token or a receiver.
    pub acknowledged_by: Option<String>,
    /// When.
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// What it says and why.
    #[serde(flatten)]
    pub body: AlertBody,
}

/// An instant of the store.
pub fn instant(at: Millis) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(at)
}

impl AlertView {
    /// The view of a row; none, and a line in the log, where its payload cannot be read: one broken row must not
    /// hide the others.
    pub fn new(row: AlertRow) -> Option<Self> {
        let body = serde_json::from_str(&row.payload)
            .inspect_err(
                |error| tracing::error!(alert = row.id, %error, "the payload of an alert cannot be read"),
            )
            .ok()?;
        Some(Self {
            id: row.id,
            fingerprint: row.fingerprint,
            state: row.state,
            topic_id: row.topic,
            district_id: row.district,
            last_day: Day(row.last_day).date(),
            created: instant(row.created),
            updated: instant(row.updated),
            resolved: row.resolved.and_then(instant),
            unrouted: row.unrouted > 0,
            acknowledged_by: row.taken_by,
            acknowledged_at: row.taken_at.and_then(instant),
            body,
        })
    }
}
