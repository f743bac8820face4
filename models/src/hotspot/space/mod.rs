//! Hotspots on the map: neighbourhoods, local and global spatial statistics, and scans for clusters in space and time.
mod cube;
pub mod emerging;
mod getis_ord;
mod mann_kendall;
mod moran;
mod neighbours;
pub mod ongoing;
mod places;
pub mod scan;
mod zones;

pub use cube::{Bin, Test, bins, space_time_gi};
pub use getis_ord::{Local, Own, Unequal, getis_ord};
pub use mann_kendall::{Direction, Trend, mann_kendall};
pub use moran::{Moran, Significance, moran};
pub use neighbours::{InvalidNeighbours, Neighbours};
pub use places::{InvalidPlaces, Places};
pub use zones::{InvalidZones, ZoneLimits, Zones};
