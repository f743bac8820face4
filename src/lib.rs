//! weisu (未诉, "before the complaint"): forecasts and early alerts for city hotlines.
//!
//! # The way of a ticket
//! [`ingest`] reads an export and maps a row to a [`ticket::Ticket`] -> [`store`] keeps it and moves its daily
//! count in the same transaction -> [`aggregate`] lays the counts out as panels of complete local days ->
//! [`stages`] fit, forecast and detect on them with the mathematics of `weisu-models` -> alarms become alerts
//! and deliveries in one transaction -> [`publish`] sends deliveries and writes exports -> [`http`] shows it.
//!
//! # Directions
//! What a module may use of the others. The picture is read by `tests/it/tidy.rs`, which fails on a `use` that it
//! does not show; `models` is the crate `weisu-models`.
//! ```text
//! main -> cli
//! cli -> daemon, dashboards, http, stages, files, simulate, explain, aggregate, publish, config, map, ingest, store, schedule, metrics, telemetry, ticket, models
//! daemon -> stages, http, publish, config, store, schedule, metrics, telemetry, ticket
//! http -> explain, aggregate, config, map, store, schedule, metrics, ticket, models, publish
//! stages -> aggregate, publish, config, map, ingest, store, schedule, metrics, ticket, models
//! publish -> config, store, metrics, ticket, models
//! explain -> store, ticket, models
//! aggregate -> store, ticket, models
//! files -> models
//! simulate -> config, models
//! config -> ingest, map, store, schedule, models
//! map -> store, ticket
//! ingest -> ticket, models
//! store -> ticket, models
//! dashboards -> store
//! schedule, ticket, metrics, telemetry -> nothing
//! ```
//!
//! # Invariants
//! * Same input, seed and origin give the same bytes.
//! * Time enters as an argument; `schedule/clock.rs` is the one reader of the wall clock.
//! * SQL text lives in [`store`] only.
//! * A stage is idempotent and takes only store, config and slot time, so that a restart, `once` and a scheduled
//!   run are one path.
//! * A series that cannot be fitted yields an outcome with a reason, never an error that stops the panel.
//! * Alerts and deliveries are written in one transaction and sent by another stage.
//! * HTTP writes what people say of alerts and nothing else, and what anybody or the program does to one is in the audit,
//!   to which rows are only added.
//! * Published forecasts are coherent: topic and district totals add up.
//! * Fit and forecast read the city shard by shard ([`stages::shards`]): memory does not grow with cells x days.
pub mod aggregate;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod dashboards;
pub mod explain;
pub mod files;
pub mod http;
pub mod ingest;
pub mod map;
pub mod metrics;
pub mod publish;
pub mod schedule;
pub mod simulate;
pub mod stages;
pub mod store;
pub mod telemetry;
pub mod ticket;
