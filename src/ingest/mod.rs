//! Reading tickets: one file a format, one mapping a source.
//!
//! A reader hands out rows of the mapped columns only, so that names, phones, identity numbers and address lines
//! end here; the [`mapper`] turns a row into a ticket or a counted rejection with line and reason.
pub mod mapping;
pub mod presets;

pub use mapping::Mapping;
