//! Every metric of the query API, and how a selector is filled.
//!
//! A metric is either of the panel, one series for each topic and district ([`super::panel`]), or a record of what has
//! happened ([`super::records`]). The former are chosen by their labels before anything is read; there are few of the
//! latter, which are read and then chosen.
use std::sync::Arc;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, TimeZone};
use chrono_tz::Tz;
use promql_parser::label::Matcher;

use super::{
    panel, records,
    series::{Labels, NAME, QueryError, Series, allows, is_match},
};
use crate::{http::board::Base, store::Store, ticket::Day};

/// Most series that one selector may bring into a query.
pub const SERIES: usize = 2000;
/// Most label sets that are listed at once.
pub const LISTED: usize = 20_000;

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
}

impl Metric {
    /// A metric by name and help.
    pub const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help }
    }
}

/// Every metric that is served, by name.
pub fn metrics() -> Vec<Metric> {
    let mut all: Vec<Metric> = panel::metrics().chain(records::metrics()).collect();
    all.sort_by_key(|m| m.name);
    all
}

/// Instants a query looks at, ms since the epoch, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First.
    pub from: i64,
    /// Last.
    pub to: i64,
}

/// What series are read from.
#[derive(Debug, Clone)]
pub struct Reader {
    /// The store.
    pub store: Store,
    /// Names, known days and newest runs.
    pub base: Arc<Base>,
    /// Local days are cut in it.
    pub zone: Tz,
    /// Now, ms since the epoch.
    pub now: i64,
}

impl Reader {
    /// The series of a selector with their samples in a window.
    ///
    /// # Errors
    /// When there are more than [`SERIES`], or the store does not answer.
    pub async fn fetch(&self, matchers: &[Matcher], window: Window) -> Result<Vec<Series>, QueryError> {
        not_everything(matchers)?;
        let mut found = panel::fetch(self, matchers, window).await?;
        found.extend(self.records(matchers, window).await?);
        few_enough(found.len(), SERIES)?;
        Ok(found)
    }

    /// The label sets of a selector; those of the panel whether or not they have samples in the window.
    ///
    /// # Errors
    /// When there are more than [`LISTED`], or the store does not answer.
    pub async fn list(&self, matchers: &[Matcher], window: Window) -> Result<Vec<Labels>, QueryError> {
        let mut found = panel::list(self, matchers).await?;
        found.extend(self.records(matchers, window).await?.into_iter().map(|series| series.labels));
        few_enough(found.len(), LISTED)?;
        Ok(found)
    }

    async fn records(&self, matchers: &[Matcher], window: Window) -> Result<Vec<Series>, QueryError> {
        let mut found = Vec::new();
        for group in records::Group::ALL {
            if group.metrics().iter().any(|m| allows(matchers, NAME, m.name)) {
                found.extend(records::read(self, group, window).await?);
            }
        }
        found.retain(|series| is_match(&series.labels, matchers));
        Ok(found)
    }

    /// The instant at which a local day begins, ms since the epoch.
    pub fn midnight(&self, day: Day) -> i64 {
        let naive = day.date().and_time(chrono::NaiveTime::MIN);
        // Where the clock is put forward at midnight, the day begins an hour later.
        let begins = (0..4).find_map(|half_hours| {
            self.zone.from_local_datetime(&(naive + TimeDelta::minutes(30 * half_hours))).earliest()
        });
        begins.map_or_else(|| naive.and_utc().timestamp_millis(), |t| t.timestamp_millis())
    }

    /// The local day of an instant.
    pub fn day(&self, instant: i64) -> Day {
        match DateTime::from_timestamp_millis(instant) {
            Some(at) => Day::from(at.with_timezone(&self.zone).date_naive()),
            None if instant < 0 => Day(-700_000),
            None => Day(2_900_000),
        }
    }

    /// The span of the local month that begins on a date.
    pub fn month(&self, first: NaiveDate) -> (i64, i64) {
        let next = first.checked_add_months(chrono::Months::new(1));
        let next = next.or_else(|| first.checked_add_days(Days::new(31))).unwrap_or(first);
        (self.midnight(first.into()), self.midnight(next.into()))
    }
}

/// A selector must say something, as in Prometheus.
fn not_everything(matchers: &[Matcher]) -> Result<(), QueryError> {
    if matchers.iter().all(|m| m.is_match("")) {
        return Err(QueryError::Bad(
            "vector selector must contain at least one non-empty matcher".to_owned(),
        ));
    }
    Ok(())
}

/// Refuses more series than a query may bring.
pub fn few_enough(n: usize, most: usize) -> Result<(), QueryError> {
    if n > most {
        return Err(QueryError::Execution(format!(
            "the selector finds {n} series and at most {most} are served: choose by topic_level, district_level, basis \
             or band"
        )));
    }
    Ok(())
}
