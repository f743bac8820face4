//! Neighbours by the map: districts whose borders meet.
use geo::{BoundingRect, Distance, Euclidean, MultiPolygon, Rect};

use super::Place;

/// Degrees that borders may lie apart, about ten metres: outlines drawn one by one seldom share their points.
const NEAR: f64 = 1e-4;

/// Pairs of places whose outlines come within [`NEAR`], a corner being enough.
pub(super) fn neighbours(places: &[Place]) -> Vec<(usize, usize)> {
    let shapes: Vec<Option<(MultiPolygon, Rect)>> = places.iter().map(shape).collect();
    let mut pairs = Vec::new();
    for (i, a) in shapes.iter().enumerate() {
        for (j, b) in shapes.iter().enumerate().skip(i + 1) {
            if let (Some((a, around_a)), Some((b, around_b))) = (a, b)
                && come_near(around_a, around_b)
                && meet(a, b)
            {
                pairs.push((i, j));
            }
        }
    }
    pairs
}

fn shape(place: &Place) -> Option<(MultiPolygon, Rect)> {
    let geometry = geo::Geometry::<f64>::try_from(place.outline.clone()?.value).ok()?;
    let shape = match geometry {
        geo::Geometry::Polygon(polygon) => MultiPolygon(vec![polygon]),
        geo::Geometry::MultiPolygon(polygons) => polygons,
        _ => return None,
    };
    let around = shape.bounding_rect()?;
    Some((shape, around))
}

fn come_near(a: &Rect, b: &Rect) -> bool {
    let near = |a: (f64, f64), b: (f64, f64)| a.0 <= b.1 + NEAR && b.0 <= a.1 + NEAR;
    near((a.min().x, a.max().x), (b.min().x, b.max().x))
        && near((a.min().y, a.max().y), (b.min().y, b.max().y))
}

fn meet(a: &MultiPolygon, b: &MultiPolygon) -> bool {
    a.iter().any(|a| b.iter().any(|b| Euclidean.distance(a, b) <= NEAR))
}
