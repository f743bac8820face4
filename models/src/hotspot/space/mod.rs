//! Hotspots on the map: who is next to whom, local and global statistics, and scans for clusters in space and time.
//!
//! Everything takes arrays (districts by position, periods by position) and gives arrays; nothing here reads a
//! file. What agrees with which software, over all rows of the shared reference tables:
//!
//! | what | held against | agrees to |
//! |---|---|---|
//! | Gi and Gi*: g, expectation, variance, z; rook, queen, nearest and distance weights | esda 2.9.0 | 1e-9 |
//! | Moran's I, both variances, z and p | esda 2.9.0 | 1e-9, relative |
//! | Mann-Kendall S, variance, z, p, tau, Sen's slope and intercept | pymannkendall 1.4.3, `original_test` | 1e-9 |
//! | space-time Gi*, p, q and state of every bin | cube of 144 cells x 30 steps by Esri's formula | 1e-9 |
//! | classes of emerging hot spots | the same cube, classes by Esri's text | every cell |
//! | zones of k nearest | R scanstatistics 1.1.2, zone lists | same zones in the same order |
//! | permutation, expectation-based Poisson and negative binomial scans, population-based Poisson scan: all windows, relative risks | R scanstatistics 1.1.2 | 1e-9 |
//! | permutation, expectation-based and Poisson scans, retrospective too | brute force, settings of SaTScan's samples | 1e-6 |
//! | the three clusters of the New York sample: place, radius, days, cases, expectation | SaTScan, published | every figure |
//!
//! What does not agree, and why:
//!
//! * **z of Gi and Gi\* under row standardisation.** esda's variance there is that of a single value; ours is that
//!   of the papers, with which standardising changes no score. With esda's variance put in, z agrees to 1e-9.
//! * **Zones on the ellipsoid.** R's distances are on WGS 84, ours on a sphere as in SaTScan: of 415 zones of New
//!   Mexico one differs. A caller with other distances gives its own lists ([`Zones::nested`]).
//! * **Probabilities of the New York sample.** SaTScan published 0.242 and 0.575 from 999 replicates. With circles
//!   of up to 3 km, as its parameter file says, they are 0.21 and 0.50 from 9999 here and by brute force; with
//!   circles of up to 4 km they are 0.27 and 0.59.
//! * **Corrections for serial correlation** of the Mann-Kendall test (Hamed-Rao, Yue-Wang, pre-whitening) and its
//!   seasonal form are not there: the classes of emerging hot spots are defined by the plain test.
//! * **Zero-inflated, Bayesian, elliptic and network scans** are not there.
mod cube;
pub mod emerging;
mod getis_ord;
mod mann_kendall;
mod moran;
mod neighbours;
pub mod ongoing;
mod places;
pub mod rise;
pub mod scan;
mod zones;

pub use cube::{Bin, Test, bins, space_time_gi};
pub use getis_ord::{Local, Own, Unequal, getis_ord};
pub use mann_kendall::{Direction, Trend, mann_kendall};
pub use moran::{Moran, Significance, moran};
pub use neighbours::{InvalidNeighbours, Neighbours};
pub use places::{InvalidPlaces, Places};
pub use zones::{FLEXIBLE, InvalidZones, ZoneLimits, Zones};
