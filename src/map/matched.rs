//! Finding the districts of the store on the map.
use std::collections::BTreeMap;

use geojson::{Feature, FeatureCollection, Geometry, GeometryValue, Position};

use super::{Geography, Place, features::properties, folded};
use crate::{store::TreeNode, ticket::DistrictId};

/// Decimals of a drawn outline: a metre.
const DECIMALS: f64 = 1e5;

/// Names listed at most.
const SHOWN: usize = 20;

/// Which district is which place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The district of each place, where the store has it.
    pub districts: Vec<Option<DistrictId>>,
    /// Level of the district tree that the map is of: the one with most matches, the upper of equals.
    pub depth: i32,
    /// Districts of that level that are on no map: they have no neighbours.
    pub missing: Vec<String>,
    /// Places that no district of the store has the name of.
    pub unknown: Vec<String>,
}

/// Districts of one level with their neighbours, by key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Neighbourhood {
    /// Level in the district tree.
    pub depth: i32,
    /// Districts that lie on the map, ascending.
    pub districts: Vec<DistrictId>,
    /// Longitude and latitude of each, where there is a map.
    pub centroids: Vec<Option<(f64, f64)>>,
    /// Pairs of neighbours by position in `districts`.
    pub pairs: Vec<(usize, usize)>,
}

impl Matched {
    /// What is left over, a line each; empty when every district is on the map and every place is a district.
    pub fn left_over(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.missing.is_empty() {
            let names = list(&self.missing);
            lines.push(format!("districts that are not on the map and have no neighbours: {names}"));
        }
        if !self.unknown.is_empty() {
            let names = list(&self.unknown);
            lines.push(format!(
                "places that no district has the name of: {names}; compare city.map_name and the names of the tickets"
            ));
        }
        lines
    }
}

/// The first names of a list, and how many more there are.
fn list(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

impl Geography {
    /// Matches districts by name, by the path of names joined with `/`, or by code; a name that several districts have
    /// is none of them.
    pub fn matched(&self, tree: &[TreeNode]) -> Matched {
        let depths: BTreeMap<i32, Vec<&TreeNode>> = tree.iter().fold(BTreeMap::new(), |mut depths, node| {
            depths.entry(node.depth).or_insert_with(Vec::new).push(node);
            depths
        });
        let of_depth = |nodes: &[&TreeNode]| -> Vec<Option<DistrictId>> {
            let names = names(nodes, tree);
            self.places.iter().map(|place| district(place, &names)).collect()
        };
        let all = depths.iter().map(|(depth, nodes)| (*depth, of_depth(nodes)));
        let count = |districts: &[Option<DistrictId>]| districts.iter().flatten().count();
        let (depth, districts) = all
            .rev()
            .max_by_key(|(_, districts)| count(districts))
            .unwrap_or((1, vec![None; self.places.len()]));
        let on_map = |node: &TreeNode| districts.contains(&Some(node.id));
        let missing = tree.iter().filter(|node| node.depth == depth && !on_map(node));
        let unknown = self.places.iter().zip(&districts).filter(|(_, district)| district.is_none());
        Matched {
            depth,
            missing: missing.map(|node| path(node, tree).join(" / ")).collect(),
            unknown: unknown.map(|(place, _)| place.name.clone()).collect(),
            districts,
        }
    }

    /// The outlines of the districts with their keys, for a choropleth: property `district` is the key (null where the
    /// store has none of the name), `name` what people call it. Coordinates are rounded to a metre; other properties of
    /// the file are left out. Empty without a map.
    pub fn geojson(&self, tree: &[TreeNode]) -> FeatureCollection {
        let matched = self.matched(tree);
        let feature = |(place, district): (&Place, &Option<DistrictId>)| {
            let outline = place.outline.as_ref()?;
            let node = tree.iter().find(|node| Some(node.id) == *district);
            let name = node.map_or(&place.name, |node| &node.name);
            Some(Feature {
                id: district.map(|id| geojson::feature::Id::Number(id.into())),
                geometry: Some(rounded(outline)),
                properties: Some(properties([
                    ("district", (*district).into()),
                    ("name", name.as_str().into()),
                    ("path", node.map_or_else(Vec::new, |node| path(node, tree)).into()),
                ])),
                ..Feature::default()
            })
        };
        FeatureCollection {
            bbox: None,
            features: self.places.iter().zip(&matched.districts).filter_map(feature).collect(),
            foreign_members: None,
        }
    }

    /// The neighbourhood of the districts that are on the map.
    pub fn neighbourhood(&self, matched: &Matched) -> Neighbourhood {
        let mut on_map: Vec<(DistrictId, usize)> = matched
            .districts
            .iter()
            .enumerate()
            .filter_map(|(i, district)| Some(((*district)?, i)))
            .collect();
        on_map.sort_unstable();
        let at: BTreeMap<usize, usize> =
            on_map.iter().enumerate().map(|(k, (_, place))| (*place, k)).collect();
        let pair = |(a, b): &(usize, usize)| Some((*at.get(a)?, *at.get(b)?));
        Neighbourhood {
            depth: matched.depth,
            districts: on_map.iter().map(|(district, _)| *district).collect(),
            centroids: on_map.iter().map(|(_, place)| self.places[*place].centroid).collect(),
            pairs: self.pairs.iter().filter_map(pair).collect(),
        }
    }
}

/// Districts by name and by path; `None` for what several have.
fn names(nodes: &[&TreeNode], tree: &[TreeNode]) -> BTreeMap<String, Option<DistrictId>> {
    let mut names: BTreeMap<String, Option<DistrictId>> = BTreeMap::new();
    for node in nodes {
        let mut own = vec![folded(&node.name), folded(&path(node, tree).join("/"))];
        own.dedup();
        for name in own {
            names.entry(name).and_modify(|other| *other = None).or_insert(Some(node.id));
        }
    }
    names
}

fn district(place: &Place, names: &BTreeMap<String, Option<DistrictId>>) -> Option<DistrictId> {
    let keys = std::iter::once(&place.name).chain(&place.codes);
    keys.into_iter().find_map(|key| names.get(&folded(key)).copied().flatten())
}

/// Names from the top level down.
fn path(node: &TreeNode, tree: &[TreeNode]) -> Vec<String> {
    let mut names = vec![node.name.clone()];
    let mut at = node.parent;
    while let Some(parent) = tree.iter().find(|other| other.id == at) {
        names.push(parent.name.clone());
        at = parent.parent;
    }
    names.reverse();
    names
}

fn rounded(outline: &Geometry) -> Geometry {
    let point = |p: &Position| Position::from([p[0], p[1]].map(|x| (x * DECIMALS).round() / DECIMALS));
    let rings = |polygon: &Vec<Vec<Position>>| -> Vec<Vec<Position>> {
        polygon.iter().map(|ring| ring.iter().map(point).collect()).collect()
    };
    Geometry::new(match &outline.value {
        GeometryValue::Polygon { coordinates } => GeometryValue::Polygon { coordinates: rings(coordinates) },
        GeometryValue::MultiPolygon { coordinates } => {
            GeometryValue::MultiPolygon { coordinates: coordinates.iter().map(rings).collect() }
        }
        other => other.clone(),
    })
}
