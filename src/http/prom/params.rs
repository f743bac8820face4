//! Parameters of a request, from its query and, when posted, from the form in its body.
use axum::{
    body::Bytes,
    extract::Query,
    http::{HeaderMap, Uri, header},
};
use chrono::DateTime;

use super::{catalogue::Window, series::QueryError};

/// Most points of a series.
const POINTS: i64 = 11_000;
/// Greatest instant that is read, seconds since the epoch: the end of the year 9999.
const GREATEST: f64 = 253_402_300_799.0;

/// Parameters in the order they came; `match[]` may come several times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

/// Instants of a range query, ms since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First.
    pub start: i64,
    /// Not after it.
    pub end: i64,
    /// From one to the next.
    pub step: i64,
}

impl Range {
    /// Every instant.
    pub fn instants(&self) -> Vec<i64> {
        (0..=(self.end - self.start) / self.step).map(|n| self.start + n * self.step).collect()
    }
}

fn bad<T>(name: &str, why: impl std::fmt::Display) -> Result<T, QueryError> {
    Err(QueryError::Bad(format!("invalid parameter {name:?}: {why}")))
}

impl Params {
    /// Those of an address and of a posted form.
    ///
    /// # Errors
    /// When they are not percent-encoded pairs.
    pub fn read(uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Result<Self, QueryError> {
        let pairs = |uri: &Uri| {
            let read = Query::<Vec<(String, String)>>::try_from_uri(uri);
            read.map(|Query(pairs)| pairs).map_err(|e| QueryError::Bad(e.body_text()))
        };
        let mut all = pairs(uri)?;
        let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !body.is_empty() && kind.starts_with("application/x-www-form-urlencoded") {
            // A form is written like the query of an address, and is as long as one at most.
            let form = std::str::from_utf8(body).ok().and_then(|form| format!("/?{form}").parse().ok());
            let form: Uri = form.ok_or_else(|| QueryError::Bad("the form cannot be read".to_owned()))?;
            all.extend(pairs(&form)?);
        }
        Ok(Self(all))
    }

    /// The first value of a parameter that is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).find(|value| !value.is_empty())
    }

    /// Every value of a parameter.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The query.
    ///
    /// # Errors
    /// When there is none.
    pub fn query(&self) -> Result<&str, QueryError> {
        self.get("query").map_or_else(|| bad("query", "it is missing"), Ok)
    }

    /// An instant.
    ///
    /// # Errors
    /// When it is neither seconds since the epoch nor RFC 3339.
    pub fn time(&self, name: &str) -> Result<Option<i64>, QueryError> {
        self.get(name).map(|text| time(name, text)).transpose()
    }

    /// The instants of a range query.
    ///
    /// # Errors
    /// When there are none, or more than 11,000.
    pub fn range(&self) -> Result<Range, QueryError> {
        let wanted = |name: &str| {
            self.time(name)?.map_or_else(|| bad(name, "cannot parse \"\" to a valid timestamp"), Ok)
        };
        let (start, end) = (wanted("start")?, wanted("end")?);
        if end < start {
            return bad("end", "end timestamp must not be before start time");
        }
        let step = duration(self.get("step").unwrap_or_default())?;
        if (end - start) / step > POINTS {
            return Err(QueryError::Bad(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution \
                 (?step=XX)"
                    .to_owned(),
            ));
        }
        Ok(Range { start, end, step })
    }

    /// The window of a listing: what is asked for, or all time up to a year from `now`.
    ///
    /// # Errors
    /// When an end cannot be read.
    pub fn window(&self, now: i64) -> Result<Window, QueryError> {
        let from = self.time("start")?.unwrap_or(0);
        let to = self.time("end")?.unwrap_or(now + 366 * 86_400_000);
        if to < from {
            return bad("end", "end timestamp must not be before start time");
        }
        Ok(Window { from, to })
    }

    /// How many of a list.
    ///
    /// # Errors
    /// When it is no number.
    pub fn limit(&self) -> Result<usize, QueryError> {
        match self.get("limit").map(str::parse) {
            None | Some(Ok(0)) => Ok(usize::MAX),
            Some(Ok(limit)) => Ok(limit),
            Some(Err(why)) => bad("limit", why),
        }
    }
}

fn time(name: &str, text: &str) -> Result<i64, QueryError> {
    if let Some(seconds) = text.parse::<f64>().ok().filter(|s| s.abs() <= GREATEST) {
        return Ok((seconds * 1000.0).round() as i64);
    }
    match DateTime::parse_from_rfc3339(text) {
        Ok(at) => Ok(at.timestamp_millis()),
        Err(_) => bad(name, format!("cannot parse {text:?} to a valid timestamp")),
    }
}

/// A step, ms: seconds, or a duration as PromQL writes it.
fn duration(text: &str) -> Result<i64, QueryError> {
    let seconds = match text.parse::<f64>() {
        Ok(seconds) => Some(seconds),
        Err(_) => promql_parser::util::parse_duration(text).ok().map(|d| d.as_secs_f64()),
    };
    let Some(seconds) = seconds.filter(|s| s.abs() <= GREATEST) else {
        return bad("step", format!("cannot parse {text:?} to a valid duration"));
    };
    let millis = (seconds * 1000.0).round() as i64;
    if millis <= 0 {
        return bad(
            "step",
            "zero or negative query resolution step widths are not accepted. Try a positive integer",
        );
    }
    Ok(millis)
}
