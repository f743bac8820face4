//! When things run: cron grammar, the clock, slots and the driver.
pub mod clock;
pub mod cron;
pub mod driver;
