//! The Prometheus query API, `/prom/api/v1`, read only: Grafana without PostgreSQL, and `promtool query`.
//!
//! A scrape cannot carry a forecast, because Prometheus drops samples more than ten minutes ahead. Here the store is
//! asked instead, so a range may lie in the future. A query is read by the same grammar as Prometheus' own and turned
//! into a small [`parse::Query`]; what that does not hold is refused by name rather than answered wrongly. Its
//! selectors are then filled from the store ([`panel`], [`records`]), and [`evaluate`] is a function of query, series
//! and instants.
//!
//! A sample here holds for a span: a day's count from local midnight to local midnight, a month's over its month, an
//! alert's from when it was opened until it was over. A gap in the data stays a gap.
mod aggregate;
mod binary;
mod catalogue;
mod evaluate;
mod panel;
mod params;
mod parse;
mod records;
mod series;
mod serve;
mod text;

#[cfg(test)]
mod tests;

pub(super) use serve::router;
