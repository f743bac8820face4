//! The map of the city: which districts there are, where they lie, and who is whose neighbour.
//!
//! A map file is GeoJSON (RFC 7946: longitude and latitude), a feature a district, named by one of its properties. An
//! adjacency file is CSV with a pair of neighbours a line. Either is enough: without an adjacency file neighbours are
//! districts whose borders meet, without a map nothing can be drawn. [`Geography::matched`] finds the districts of the
//! store in it and reports what is left over on both sides; nothing is guessed.
use std::path::Path;

use geojson::Geometry;

mod adjacency;
mod borders;
mod features;
mod matched;
#[cfg(test)]
mod tests;

pub use matched::{Matched, Neighbourhood};

/// Property of a feature that names its district, unless configured.
pub const NAME: &str = "name";

/// What to read.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// GeoJSON of the districts.
    pub map: Option<&'a Path>,
    /// Property of a feature that names its district.
    pub name: &'a str,
    /// CSV `a,b` of neighbours.
    pub adjacency: Option<&'a Path>,
}

/// Which of the files a mistake is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The GeoJSON.
    Map,
    /// The property that names districts.
    Name,
    /// The CSV.
    Adjacency,
}

/// A mistake in a file: what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Which file or setting.
    pub of: Of,
    /// What is wrong, with file and line or feature.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

/// A district of the map, or without one of the list of neighbours.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Name as the file has it.
    pub name: String,
    /// Other identifiers that the feature carries: its id and its code.
    pub codes: Vec<String>,
    /// Longitude and latitude of the middle, where there is a map.
    pub centroid: Option<(f64, f64)>,
    /// Its outline, where there is a map.
    pub outline: Option<Geometry>,
}

/// The districts with their neighbours.
#[derive(Debug, Clone, PartialEq)]
pub struct Geography {
    /// Districts in the order of the file.
    pub places: Vec<Place>,
    /// Pairs of neighbours by position, the lower one first, ascending.
    pub pairs: Vec<(usize, usize)>,
}

/// Reads what is configured; `None` when nothing is.
///
/// # Errors
/// Every mistake of both files.
pub fn read(files: &Files<'_>) -> Result<Option<Geography>, Vec<Mistake>> {
    let mut places = match files.map {
        Some(path) => features::read(path, files.name)?,
        None if files.adjacency.is_none() => return Ok(None),
        None => Vec::new(),
    };
    let pairs = match files.adjacency {
        Some(path) if files.map.is_some() => adjacency::read(path)?.among(&places)?,
        Some(path) => {
            let list = adjacency::read(path)?;
            places = list.places();
            list.among(&places)?
        }
        None => borders::neighbours(&places),
    };
    Ok(Some(Geography { places, pairs }))
}

/// A name as it is compared: without case, and blanks around it and its slashes.
fn folded(name: &str) -> String {
    let words = |part: &str| part.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    name.split('/').map(words).collect::<Vec<_>>().join("/")
}
