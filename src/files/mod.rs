//! Files in, files out: the mathematics on CSV panels, without a store.
//!
//! [`panel`] reads long counts, [`cells`] lays them out as a hierarchy of topics and districts, [`table`] reads
//! the small files beside them, [`labels`] those of known rises, [`output`] writes whole files; [`forecast`], [`backtest`]
//! and [`detect`] are the modes.
pub mod backtest;
pub mod cells;
pub mod detect;
pub mod forecast;
pub mod labels;
pub mod output;
pub mod panel;
pub mod table;
