//! The simulated city's map: four by four districts with crooked borders, the largest ones in the middle.
use geojson::{Feature, FeatureCollection, Geometry, GeometryValue, JsonObject};
use rand::{Rng, RngExt};

use super::catalogue::DISTRICTS;
use crate::config::Lang;

/// Districts in a row and in a column.
const SIDE: usize = 4;
/// South-west corner: longitude and latitude, somewhere in a plain.
const CORNER: (f64, f64) = (117.6, 33.1);
/// Degrees between two corners of the lattice.
const STEP: (f64, f64) = (0.16, 0.13);
/// Pieces of a border between two corners.
const PIECES: usize = 8;
/// Cells of the lattice by district, from the middle outwards: row times four and column.
const CELLS: [usize; 16] = [5, 6, 9, 10, 1, 2, 4, 7, 8, 11, 13, 14, 0, 3, 12, 15];

/// A point: longitude and latitude.
type Point = [f64; 2];

/// Corners and borders of the lattice; a border is one list of points for both districts beside it.
struct Lattice {
    corners: Vec<Point>,
    /// Border from corner to the one east of it, and to the one north of it.
    east: Vec<Vec<Point>>,
    north: Vec<Vec<Point>>,
}

/// Districts that share a border with one.
pub(super) fn neighbours(district: usize, districts: usize) -> Vec<usize> {
    let (row, column) = (CELLS[district] / SIDE, CELLS[district] % SIDE);
    (0..districts)
        .filter(|other| (CELLS[*other] / SIDE).abs_diff(row) + (CELLS[*other] % SIDE).abs_diff(column) == 1)
        .collect()
}

/// The map of the first `districts` districts as GeoJSON, named in `lang`.
pub(super) fn geojson(rng: &mut impl Rng, lang: Lang, districts: usize) -> String {
    let lattice = Lattice::new(rng);
    let feature = |(i, (name, _)): (usize, &(super::catalogue::Text, f64))| {
        let mut properties = JsonObject::new();
        properties.insert("name".to_owned(), name.of(lang).into());
        Feature {
            id: Some(geojson::feature::Id::String(format!("d{:02}", i + 1))),
            geometry: Some(Geometry::new(GeometryValue::new_polygon([lattice.ring(CELLS[i])]))),
            properties: Some(properties),
            ..Feature::default()
        }
    };
    let features = DISTRICTS[..districts].iter().enumerate().map(feature).collect();
    FeatureCollection { bbox: None, features, foreign_members: None }.to_string()
}

impl Lattice {
    fn new(rng: &mut impl Rng) -> Self {
        let width = SIDE + 1;
        let mut around = |by: f64| (rng.random::<f64>() - 0.5) * by;
        let corners: Vec<Point> = (0..width * width)
            .map(|k| {
                let (row, column) = ((k / width) as f64, (k % width) as f64);
                let east = CORNER.0 + STEP.0 * (column + around(0.45));
                [east, CORNER.1 + STEP.1 * (row + around(0.45))]
            })
            .collect();
        let mut borders = |by: usize| -> Vec<Vec<Point>> {
            let to = |k: usize| corners.get(k + by).copied().unwrap_or(corners[k]);
            (0..corners.len()).map(|k| border(corners[k], to(k), &mut around)).collect()
        };
        let (east, north) = (borders(1), borders(width));
        Self { corners, east, north }
    }

    /// The closed outline of a cell, counter-clockwise.
    fn ring(&self, cell: usize) -> Vec<Point> {
        let width = SIDE + 1;
        let south_west = cell / SIDE * width + cell % SIDE;
        let (south_east, north_west) = (south_west + 1, south_west + width);
        let back = |points: &[Point]| points.iter().rev().copied().collect::<Vec<Point>>();
        let mut ring = vec![self.corners[south_west]];
        ring.extend(&self.east[south_west]);
        ring.push(self.corners[south_east]);
        ring.extend(&self.north[south_east]);
        ring.push(self.corners[north_west + 1]);
        ring.extend(back(&self.east[north_west]));
        ring.push(self.corners[north_west]);
        ring.extend(back(&self.north[south_west]));
        ring.push(self.corners[south_west]);
        ring.iter().map(|p| p.map(|x| (x * 1e5).round() / 1e5)).collect()
    }
}

/// Points between two corners, each a little off the straight line.
fn border(from: Point, to: Point, around: &mut impl FnMut(f64) -> f64) -> Vec<Point> {
    (1..PIECES)
        .map(|k| {
            let along = k as f64 / PIECES as f64;
            let point = |axis: usize| from[axis] + (to[axis] - from[axis]) * along;
            [point(0) + STEP.0 * around(0.06), point(1) + STEP.1 * around(0.06)]
        })
        .collect()
}
