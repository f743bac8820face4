//! The districts of the map as they are drawn: outlines in the units of a drawing, made once.
//!
//! Longitude is shrunk by the cosine of the middle latitude (equirectangular projection), which is true to shape over
//! the size of a city. Points are laid on whole units, and those that fall onto the one before are left out: neighbours
//! that share a border still share it, and a file of megabytes draws in kilobytes.
use std::fmt::Write;

use geo::{BoundingRect, InteriorPoint, MapCoords, MultiPolygon, Rect, coord};

use crate::{
    map::{Geography, Matched, Place},
    store::TreeNode,
};

/// Longest width of the drawing, in its units.
const WIDTH: f64 = 1000.0;
/// Greatest height of the drawing.
const HEIGHT: f64 = 900.0;

/// A district as it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// Name as the file has it.
    pub name: String,
    /// SVG path.
    pub path: String,
    /// A point well inside, for its label.
    pub inside: (f64, f64),
    /// Width and height of the part that the label lies in.
    pub room: (f64, f64),
}

/// The drawing, with the geography it is of.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlines {
    geography: Geography,
    /// Width and height.
    pub size: (f64, f64),
    /// By place of the geography; none without an outline.
    pub places: Vec<Option<Outline>>,
}

impl Outlines {
    /// The drawing of a geography; `None` where nothing in it has an outline.
    pub fn new(geography: &Geography) -> Option<Self> {
        let shapes: Vec<Option<MultiPolygon>> = geography.places.iter().map(shape).collect();
        let around = shapes.iter().flatten().filter_map(|s| s.bounding_rect()).reduce(|a, b| join(&a, &b))?;
        let shrink = around.center().y.to_radians().cos();
        let scale = (WIDTH / (around.width() * shrink)).min(HEIGHT / around.height());
        let places = geography.places.iter().zip(&shapes).map(|(place, shape)| {
            let (left, top) = (around.min().x, around.max().y);
            let drawn = shape.as_ref()?.map_coords(|at| {
                coord! { x: ((at.x - left) * shrink * scale).round(), y: ((top - at.y) * scale).round() }
            });
            outline(&place.name, &drawn)
        });
        let places = places.collect();
        // As its corners are rounded, and not a pixel more for the last bit of a float.
        let size = ((around.width() * shrink * scale).round(), (around.height() * scale).round());
        Some(Self { geography: geography.clone(), size, places })
    }

    /// Which district of the store is which place.
    pub fn matched(&self, tree: &[TreeNode]) -> Matched {
        self.geography.matched(tree)
    }
}

fn shape(place: &Place) -> Option<MultiPolygon> {
    match geo::Geometry::<f64>::try_from(place.outline.clone()?.value).ok()? {
        geo::Geometry::Polygon(polygon) => Some(MultiPolygon(vec![polygon])),
        geo::Geometry::MultiPolygon(polygons) => Some(polygons),
        _ => None,
    }
}

fn join(a: &Rect, b: &Rect) -> Rect {
    let low = |f: fn(&Rect) -> f64| f(a).min(f(b));
    let high = |f: fn(&Rect) -> f64| f(a).max(f(b));
    Rect::new(
        coord! { x: low(|r| r.min().x), y: low(|r| r.min().y) },
        coord! { x: high(|r| r.max().x), y: high(|r| r.max().y) },
    )
}

fn outline(name: &str, drawn: &MultiPolygon) -> Option<Outline> {
    let mut path = String::new();
    for polygon in drawn {
        ring(&mut path, &polygon.exterior().0);
        polygon.interiors().iter().for_each(|hole| ring(&mut path, &hole.0));
    }
    let rect = |p: &&geo::Polygon| p.bounding_rect().map_or(0.0, |r| r.width() * r.height());
    let largest = drawn.iter().max_by(|a, b| rect(a).total_cmp(&rect(b)))?;
    let (inside, around) = (largest.interior_point()?, largest.bounding_rect()?);
    Some(Outline {
        name: name.to_owned(),
        path,
        inside: (inside.x().round(), inside.y().round()),
        room: (around.width(), around.height()),
    })
}

/// A closed ring without the points that fall onto the one before.
fn ring(path: &mut String, points: &[geo::Coord]) {
    let mut points: Vec<geo::Coord> = points.to_vec();
    points.dedup();
    if points.first() == points.last() {
        points.pop();
    }
    for (i, at) in points.iter().enumerate().filter(|_| points.len() > 2) {
        let _ = write!(path, "{}{} {}", if i == 0 { 'M' } else { 'L' }, at.x, at.y);
    }
    if points.len() > 2 {
        path.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use geojson::{Geometry, GeometryValue};

    use super::*;

    fn place(name: &str, ring: &[[f64; 2]]) -> Place {
        let ring = ring.iter().map(|p| geojson::Position::from(*p)).collect();
        let outline = Some(Geometry::new(GeometryValue::Polygon { coordinates: vec![ring] }));
        Place { name: name.to_owned(), codes: Vec::new(), centroid: None, outline }
    }

    fn drawn(places: Vec<Place>) -> Outlines {
        Outlines::new(&Geography { places, pairs: Vec::new() }).unwrap()
    }

    #[test]
    fn north_is_up_and_a_degree_of_longitude_is_as_long_as_it_is() {
        // At 60 degrees north a degree of longitude is half as long as one of latitude.
        let west = [[10.0, 59.0], [12.0, 59.0], [12.0, 61.0], [10.0, 61.0], [10.0, 59.0]];
        let east = west.map(|[x, y]| [x + 2.0, y]);
        let both = drawn(vec![place("west", &west), place("east", &east)]);
        assert_eq!(both.size, (900.0, 900.0), "two degrees high, four wide");
        let paths: Vec<&str> = both.places.iter().flatten().map(|o| o.path.as_str()).collect();
        assert_eq!(paths, ["M0 900L450 900L450 0L0 0Z", "M450 900L900 900L900 0L450 0Z"]);
        let east = both.places[1].as_ref().unwrap();
        assert!((450.0..900.0).contains(&east.inside.0) && east.room == (450.0, 900.0));
    }

    #[test]
    fn points_closer_than_can_be_seen_are_left_out() {
        let side = |i: u32| [f64::from(i) / 1000.0, 0.0];
        let mut ring: Vec<[f64; 2]> = (0..=1000).flat_map(|i| [side(i), side(i)]).collect();
        ring.extend([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]);
        let path = drawn(vec![place("a", &ring)]).places[0].as_ref().unwrap().path.clone();
        assert!(path.matches('L').count() <= 902, "{path}");
        // An island of less than a unit is not drawn, and breaks nothing.
        let speck = [[0.5, 0.5], [0.5001, 0.5], [0.5001, 0.5001], [0.5, 0.5]];
        let both = drawn(vec![place("a", &ring), place("speck", &speck)]);
        assert!(both.places[1].as_ref().is_none_or(|o| o.path.is_empty()));
    }

    #[test]
    fn without_outlines_there_is_nothing_to_draw() {
        let bare = Place { outline: None, ..place("a", &[]) };
        assert_eq!(Outlines::new(&Geography { places: vec![bare], pairs: Vec::new() }), None);
    }
}
