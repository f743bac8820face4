//! From alarms to people: the life of an alert, who gets it, what it says, sending it, and the monthly export.
//!
//! The detecting stage plans with [`lifecycle::plan`], turns the events into deliveries with [`routing::deliveries`] and
//! writes alarms, alerts and deliveries in one transaction; the publishing stage empties the outbox with
//! [`deliver::drain`]. So a crash can repeat a delivery under its old id, and never loses one.
pub mod alertmanager;
pub mod deliver;
pub mod event;
pub mod export;
pub mod lifecycle;
pub mod message;
mod message_onset;
pub mod retry;
pub mod routing;
pub mod sample;
pub mod secrets;
