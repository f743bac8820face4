//! When things run: cron grammar, the clock, slots.
pub mod clock;
pub mod cron;
