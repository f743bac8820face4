//! Labels, samples and the errors of a query.
use std::collections::BTreeMap;

use axum::http::StatusCode;
use promql_parser::label::Matcher;

/// The label that holds a metric's name.
pub const NAME: &str = "__name__";

/// Labels by name. An absent label and an empty one are the same.
pub type Labels = BTreeMap<&'static str, String>;

/// A value over a span of time, ms since the epoch; `until` is not in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// First instant.
    pub from: i64,
    /// First instant it no longer holds.
    pub until: i64,
    /// The value.
    pub value: f64,
}

/// Samples of one label set, by time and without overlap.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its labels with its name.
    pub labels: Labels,
    /// Its samples.
    pub samples: Vec<Sample>,
}

impl Series {
    /// The value that holds at an instant.
    pub fn at(&self, instant: i64) -> Option<f64> {
        let after = self.samples.partition_point(|s| s.from <= instant);
        let last = self.samples.get(after.checked_sub(1)?)?;
        (instant < last.until).then_some(last.value)
    }
}

/// Whether a label set satisfies all matchers.
pub fn is_match(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|m| m.is_match(labels.get(m.name.as_str()).map_or("", String::as_str)))
}

/// Whether a label with this value satisfies those matchers that are about it.
pub fn allows(matchers: &[Matcher], name: &str, value: &str) -> bool {
    matchers.iter().filter(|m| m.name == name).all(|m| m.is_match(value))
}

/// Why a query has no answer, as Prometheus words it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The request cannot be understood.
    #[error("{0}")]
    Bad(String),
    /// It is PromQL, but not of the part that is served here.
    #[error(
        "{0} is not served here: selectors with offset, sum/avg/min/max/count/topk/bottomk, arithmetic, comparisons, or, \
         abs, ceil, floor, round, clamp, clamp_min, clamp_max, time and vector are"
    )]
    Refused(String),
    /// It was understood and has no sound answer.
    #[error("{0}")]
    Execution(String),
    /// There is nothing at this address.
    #[error("there is nothing at this address of the query API")]
    NotFound,
    /// The store does not answer.
    #[error("the store does not answer; try again in a moment")]
    Unavailable,
}

impl QueryError {
    /// HTTP status and Prometheus' name of the kind of error.
    pub fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Bad(_) => (StatusCode::BAD_REQUEST, "bad_data"),
            Self::Refused(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad_data"),
            Self::Execution(_) => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        }
    }
}

impl From<crate::store::StoreError> for QueryError {
    fn from(error: crate::store::StoreError) -> Self {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a query could not be answered from the store"
        );
        Self::Unavailable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_holds_for_its_span_and_no_longer() {
        let sample = |from, until, value| Sample { from, until, value };
        let series =
            Series { labels: Labels::new(), samples: vec![sample(10, 20, 1.0), sample(30, 40, 3.0)] };
        let at: Vec<_> = [9, 10, 19, 20, 29, 30, 39, 40].map(|t| series.at(t)).to_vec();
        assert_eq!(at, [None, Some(1.0), Some(1.0), None, None, Some(3.0), Some(3.0), None]);
    }
}
