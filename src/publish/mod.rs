//! From alarms to people: the life of an alert, who gets it, what it says, sending it, and the monthly export and report.
//!
//! The detecting stage plans with [`lifecycle::plan`], turns the events into deliveries with [`dispatch::dispatch`] (whom
//! by [`routing`], when by [`restraint`]) and writes alarms, alerts and deliveries in one transaction. The publishing
//! stage makes messages of what waits together with [`compose::compose`], and empties the outbox with [`deliver::drain`]
//! through [`channels`]. So a crash can repeat a delivery under its old id, and never loses one.
pub mod acts;
pub mod bundle;
pub mod channels;
pub mod compose;
pub mod deliver;
pub mod dispatch;
pub mod event;
pub mod export;
pub mod life;
pub mod lifecycle;
pub mod links;
pub mod message;
mod message_onset;
pub mod report;
pub mod restraint;
pub mod retry;
pub mod routing;
pub mod sample;
pub mod secrets;
