//! Reading the districts of a GeoJSON file.
use std::{collections::BTreeSet, path::Path};

use geo::Centroid;
use geojson::{Feature, FeatureCollection, Geometry, GeometryValue, JsonObject, JsonValue, PolygonType};

use super::{Mistake, Of, Place, folded};

/// Properties that hold the official code of a district.
const CODES: [&str; 2] = ["code", "adcode"];

/// The districts of a file; every feature that is none is a mistake.
pub(super) fn read(path: &Path, name: &str) -> Result<Vec<Place>, Vec<Mistake>> {
    let at = path.display();
    let wrong = |problem: String, remedy: &str| {
        vec![Mistake { of: Of::Map, problem: format!("{at}: {problem}"), remedy: remedy.to_owned() }]
    };
    let text = std::fs::read(path).map_err(|error| {
        wrong(format!("cannot be read: {error}"), "name an existing, readable GeoJSON file")
    })?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let collection: FeatureCollection = serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default();
        let place = if line == 0 { String::new() } else { format!("line {line}, column {column}: ") };
        wrong(
            format!("{place}not a GeoJSON feature collection: {what}"),
            "export the districts as GeoJSON (RFC 7946)",
        )
    })?;
    if collection.features.is_empty() {
        return Err(wrong("holds no feature".to_owned(), "export the districts as GeoJSON, a feature each"));
    }
    let (mut places, mut found, mut known) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (i, feature) in (1..).zip(collection.features) {
        match place(feature, name) {
            Ok(place) if !known.insert(folded(&place.name)) => found.push(Mistake {
                of: Of::Map,
                problem: format!("{at}: feature {i}: {:?} is the name of an earlier feature", place.name),
                remedy: "make one feature of each district, or name the districts by another property"
                    .to_owned(),
            }),
            Ok(place) => places.push(place),
            Err((of, problem, remedy)) => {
                found.push(Mistake { of, problem: format!("{at}: feature {i}: {problem}"), remedy });
            }
        }
    }
    if found.is_empty() { Ok(places) } else { Err(found) }
}

fn place(feature: Feature, name: &str) -> Result<Place, (Of, String, String)> {
    let properties = feature.properties.unwrap_or_default();
    let Some(text) = properties.get(name).and_then(text) else {
        let names: Vec<&str> = properties.keys().map(String::as_str).collect();
        let problem = format!("no property {name:?} with the district's name");
        return Err((Of::Name, problem, format!("name one of: {}", names.join(", "))));
    };
    let codes = CODES.iter().filter_map(|code| properties.get(*code).and_then(self::text));
    let id = feature.id.map(|id| match id {
        geojson::feature::Id::String(id) => id,
        geojson::feature::Id::Number(id) => id.to_string(),
    });
    let shape = |problem: &str| {
        let remedy =
            "give each district a Polygon or MultiPolygon in degrees of longitude and latitude (EPSG:4326)";
        (Of::Map, format!("{text:?} {problem}"), remedy.to_owned())
    };
    let Some(outline) = feature.geometry.filter(has_points) else { return Err(shape("has no area")) };
    let geometry = geo::Geometry::<f64>::try_from(outline.value.clone()).ok();
    let Some(middle) = geometry.and_then(|geometry| geometry.centroid()) else {
        return Err(shape("has no area"));
    };
    let centroid = (middle.x(), middle.y());
    if !((-180.0..=180.0).contains(&centroid.0) && (-90.0..=90.0).contains(&centroid.1)) {
        return Err(shape("is not in degrees"));
    }
    Ok(Place {
        codes: codes.chain(id).collect(),
        name: text,
        centroid: Some(centroid),
        outline: Some(outline),
    })
}

/// Whether each point of an outline has its two coordinates.
fn has_points(outline: &Geometry) -> bool {
    let all = |polygon: &PolygonType| polygon.iter().flatten().all(|point| point.len() >= 2);
    match &outline.value {
        GeometryValue::Polygon { coordinates } => all(coordinates),
        GeometryValue::MultiPolygon { coordinates } => coordinates.iter().all(all),
        _ => false,
    }
}

/// A name or a code, which some write as a number.
fn text(value: &JsonValue) -> Option<String> {
    let text = match value {
        JsonValue::String(text) => text.trim().to_owned(),
        JsonValue::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The properties of a district as it is handed on.
pub(super) fn properties(pairs: impl IntoIterator<Item = (&'static str, JsonValue)>) -> JsonObject {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
