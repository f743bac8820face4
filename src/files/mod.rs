//! Files in, files out: the mathematics on CSV panels, without a store.
pub mod detect;
pub mod panel;
