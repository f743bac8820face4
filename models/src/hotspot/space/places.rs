//! Where districts are: centroids on a plane or on the globe, and the distances between them.
//!
//! Distances on the globe are great circles on a sphere of radius 6378.137 km, the equatorial radius: with it the
//! radii of SaTScan's published clusters are met to the millimetre. The Earth's flattening (up to 0.3 %) changes
//! the order of neighbours only where two are nearly equally far.

/// Equatorial radius of the Earth in km.
const EARTH_KM: f64 = 6378.137;

/// Why centroids cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidPlaces {
    /// A coordinate is missing or infinite.
    #[error("district {district} has no finite coordinates")]
    NotFinite {
        /// Position of the district.
        district: usize,
    },
    /// A latitude is not within -90 and 90 degrees, or a longitude not within -180 and 360.
    #[error("district {district} is at latitude {latitude}, longitude {longitude}")]
    OffTheGlobe {
        /// Position of the district.
        district: usize,
        /// Latitude given.
        latitude: f64,
        /// Longitude given.
        longitude: f64,
    },
}

/// Checked centroids of districts.
///
/// ```
/// use weisu_models::hotspot::space::Places;
/// let places = Places::on_globe(&[(39.9042, 116.4074), (31.2304, 121.4737)])?;
/// assert!((places.distance(0, 1) - 1069.0).abs() < 2.0, "Beijing to Shanghai in km");
/// # Ok::<(), weisu_models::hotspot::space::InvalidPlaces>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Places {
    /// On the globe these are unit vectors.
    points: Vec<[f64; 3]>,
    globe: bool,
}

impl Places {
    /// Centroids (x, y) on a plane, in any unit of length.
    pub fn on_plane(points: &[(f64, f64)]) -> Result<Self, InvalidPlaces> {
        finite(points)?;
        Ok(Self { points: points.iter().map(|(x, y)| [*x, *y, 0.0]).collect(), globe: false })
    }

    /// Centroids (latitude, longitude) in degrees; distances are in km.
    pub fn on_globe(points: &[(f64, f64)]) -> Result<Self, InvalidPlaces> {
        finite(points)?;
        for (district, &(latitude, longitude)) in points.iter().enumerate() {
            if !(-90.0..=90.0).contains(&latitude) || !(-180.0..=360.0).contains(&longitude) {
                return Err(InvalidPlaces::OffTheGlobe { district, latitude, longitude });
            }
        }
        let unit = |(latitude, longitude): &(f64, f64)| {
            let (a, o) = (latitude.to_radians(), longitude.to_radians());
            [a.cos() * o.cos(), a.cos() * o.sin(), a.sin()]
        };
        Ok(Self { points: points.iter().map(unit).collect(), globe: true })
    }

    /// Number of districts.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there is no district.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Distance between two districts: km on the globe, the unit of the coordinates on a plane.
    ///
    /// # Panics
    /// When a district is not one of [`len`](Self::len).
    pub fn distance(&self, a: usize, b: usize) -> f64 {
        let (a, b) = (self.points[a], self.points[b]);
        let chord = (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt();
        if self.globe { 2.0 * EARTH_KM * (chord / 2.0).min(1.0).asin() } else { chord }
    }

    /// All districts by their distance from `centre`, itself first; equally far ones in their own order.
    pub(super) fn by_distance(&self, centre: usize) -> Vec<(usize, f64)> {
        let mut order: Vec<(usize, f64)> = (0..self.len()).map(|j| (j, self.distance(centre, j))).collect();
        order.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| (a.0 != centre).cmp(&(b.0 != centre))));
        order
    }
}

fn finite(points: &[(f64, f64)]) -> Result<(), InvalidPlaces> {
    match points.iter().position(|(a, b)| !a.is_finite() || !b.is_finite()) {
        Some(district) => Err(InvalidPlaces::NotFinite { district }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_must_be_numbers_on_the_globe() {
        let nan = Places::on_plane(&[(0.0, 0.0), (f64::NAN, 1.0)]);
        assert_eq!(nan, Err(InvalidPlaces::NotFinite { district: 1 }));
        let swapped = Places::on_globe(&[(116.4, 39.9)]);
        assert!(matches!(swapped, Err(InvalidPlaces::OffTheGlobe { district: 0, .. })));
    }

    #[test]
    fn a_centre_comes_first_even_among_districts_at_its_place() {
        let places = Places::on_plane(&[(1.0, 0.0), (1.0, 0.0), (0.0, 0.0)]).unwrap();
        let order: Vec<usize> = places.by_distance(1).into_iter().map(|(j, _)| j).collect();
        assert_eq!(order, [1, 0, 2]);
    }

    #[test]
    fn a_degree_on_the_equator() {
        let places = Places::on_globe(&[(0.0, 0.0), (0.0, 1.0)]).unwrap();
        assert!((places.distance(0, 1) - EARTH_KM.to_radians()).abs() < 1e-9);
    }
}
