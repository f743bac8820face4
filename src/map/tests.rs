use std::path::PathBuf;

use serde_json::json;

use super::*;
use crate::store::TreeNode;

/// A square of one degree with its south-west corner at a point.
fn square(properties: &serde_json::Value, x: f64, y: f64) -> serde_json::Value {
    let ring = [[x, y], [x + 1.0, y], [x + 1.0, y + 1.0], [x, y + 1.0], [x, y]];
    json!({ "type": "Feature", "properties": properties, "geometry": { "type": "Polygon", "coordinates": [ring] } })
}

fn collection(features: &[serde_json::Value]) -> String {
    json!({ "type": "FeatureCollection", "features": features }).to_string()
}

/// Two squares side by side, one that touches the second with its corner, and one far off.
fn four() -> String {
    let name = |name: &str| json!({ "name": name, "adcode": name.len(), "owner": "a person" });
    let at = [("North", 0.0, 0.0), ("East Harbour", 1.0, 0.0), ("South", 2.0, 1.0), ("Isle", 9.0, 9.0)];
    collection(&at.map(|(n, x, y)| square(&name(n), x, y)))
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn read(&self, map: Option<&str>, adjacency: Option<&str>) -> Result<Geography, Vec<Mistake>> {
        let (map, list) =
            (map.map(|text| self.file("m.geojson", text)), adjacency.map(|text| self.file("n.csv", text)));
        let files = Files { map: map.as_deref(), name: NAME, adjacency: list.as_deref() };
        read(&files).map(Option::unwrap)
    }
}

fn node(id: i32, parent: i32, depth: i32, name: &str) -> TreeNode {
    TreeNode { id, parent, depth, name: name.to_owned() }
}

#[test]
fn neighbours_are_those_whose_borders_meet_or_those_of_the_list() {
    let folder = Folder::new();
    let by_borders = folder.read(Some(&four()), None).unwrap();
    assert_eq!(by_borders.pairs, [(0, 1), (1, 2)]);
    assert_eq!(by_borders.places[2].centroid, Some((2.5, 1.5)));
    let by_list = folder.read(Some(&four()), Some("a,b\nisle,  north\nNorth,Isle\n5,South\n")).unwrap();
    assert_eq!(by_list.pairs, [(0, 2), (0, 3)], "in either order, without case, and by code");
    let alone = folder.read(None, Some("a,b\nB,A\nC,b\n")).unwrap();
    assert_eq!(alone.places.iter().map(|p| &*p.name).collect::<Vec<_>>(), ["A", "b", "C"]);
    assert_eq!(alone.pairs, [(0, 1), (1, 2)]);
    assert_eq!(read(&Files { map: None, name: NAME, adjacency: None }), Ok(None));
}

#[test]
fn districts_are_found_by_name_path_or_code_and_the_rest_is_reported() {
    let folder = Folder::new();
    let map = folder.read(Some(&four()), None).unwrap();
    let tree = [node(1, 0, 1, "NORTH"), node(2, 0, 1, "12"), node(3, 0, 1, "West"), node(4, 1, 2, "South")];
    let matched = map.matched(&tree);
    assert_eq!((matched.depth, &matched.districts[..]), (1, &[Some(1), Some(2), None, None][..]));
    assert_eq!(
        matched.left_over(),
        [
            "districts that are not on the map and have no neighbours: West",
            "places that no district has the name of: South, Isle; compare city.map_name and the names of the tickets"
        ]
    );
    let ground = map.neighbourhood(&matched);
    assert_eq!((&ground.districts[..], &ground.pairs[..]), (&[1, 2][..], &[(0, 1)][..]));
    // The same name twice is none of both; its path tells them apart.
    let offices = [node(1, 0, 1, "A"), node(2, 0, 1, "B"), node(3, 1, 2, "Centre"), node(4, 2, 2, "Centre")];
    let name = |name: &str| json!({ "name": name });
    let streets = collection(&[square(&name("Centre"), 0.0, 0.0), square(&name("b / Centre"), 1.0, 0.0)]);
    let matched = folder.read(Some(&streets), None).unwrap().matched(&offices);
    assert_eq!((matched.depth, matched.districts), (2, vec![None, Some(4)]));
}

#[test]
fn the_drawn_map_has_keys_and_names_and_nothing_else_of_the_file() {
    let folder = Folder::new();
    let map = folder.read(Some(&four()), None).unwrap();
    let drawn = serde_json::to_value(map.geojson(&[node(7, 0, 1, "east harbour")])).unwrap();
    assert_eq!(
        drawn["features"][1]["properties"],
        json!({ "district": 7, "name": "east harbour", "path": ["east harbour"] })
    );
    assert_eq!(
        (&drawn["features"][1]["id"], &drawn["features"][0]["properties"]["district"]),
        (&json!(7), &json!(null))
    );
    assert_eq!(drawn["features"][0]["geometry"]["coordinates"][0][1], json!([1.0, 0.0]));
    assert!(!drawn.to_string().contains("a person"));
}

#[track_caller]
fn check(map: Option<&str>, adjacency: Option<&str>, of: Of, says: &[&str]) {
    let found = Folder::new().read(map, adjacency).unwrap_err();
    let problems: Vec<&str> = found.iter().map(|m| m.problem.split_once(": ").unwrap().1).collect();
    assert_eq!(problems, says);
    assert!(found.iter().all(|m| m.of == of && !m.remedy.is_empty()), "{found:?}");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    check(
        Some("{\n\"type\": }"),
        None,
        Of::Map,
        &["line 2, column 9: not a GeoJSON feature collection: expected value"],
    );
    check(Some(&collection(&[])), None, Of::Map, &["holds no feature"]);
    let name = |name: &str| json!({ "name": name });
    let point = json!({ "type": "Feature", "properties": name("P"), "geometry": { "type": "Point", "coordinates": [1, 2] } });
    let short = json!({ "type": "Feature", "properties": name("S"),
        "geometry": { "type": "Polygon", "coordinates": [[[1.0], [2.0]]] } });
    let broken = collection(&[
        square(&name("A"), 0.0, 0.0),
        point,
        short,
        square(&name("a "), 1.0, 0.0),
        square(&name("M"), 4e5, 3e6),
    ]);
    let said = [
        "feature 2: \"P\" has no area",
        "feature 3: \"S\" has no area",
        "feature 4: \"a\" is the name of an earlier feature",
        "feature 5: \"M\" is not in degrees",
    ];
    check(Some(&broken), None, Of::Map, &said);
    let other = collection(&[square(&json!({ "NAME": "A", "code": 3 }), 0.0, 0.0)]);
    check(Some(&other), None, Of::Name, &["feature 1: no property \"name\" with the district's name"]);
    for (text, says) in [
        ("from,to\nA,B\n", "line 1: expected columns a,b, found from,to"),
        ("a,b\n", "holds no pair of neighbours"),
        ("a,b\nNorth,East Harbour\nNorth,Nowhere\n", "line 3: \"Nowhere\" not on the map"),
        ("a,b\nNorth,\n", "line 2: a neighbour is missing"),
        ("a,b\nNorth,north\n", "line 2: \"North\" is no neighbour of itself"),
    ] {
        check(Some(&four()), Some(text), Of::Adjacency, &[says]);
    }
    let absent = Files { map: Some(Path::new("no/such.geojson")), name: NAME, adjacency: None };
    assert!(read(&absent).unwrap_err()[0].problem.contains("no/such.geojson: cannot be read"));
}

#[test]
fn neighbours_by_the_borders_of_a_real_map_are_those_of_its_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/sao_paulo_156");
    if !folder.is_dir() {
        eprintln!("skipped: no {}", folder.display());
        return;
    }
    for unit in ["distritos", "subprefeituras"] {
        let map = folder.join(format!("sao_paulo_{unit}.geojson"));
        let list = folder.join(format!("sao_paulo_{unit}_adjacency.csv"));
        let of = |adjacency| read(&Files { map: Some(&map), name: NAME, adjacency }).unwrap().unwrap().pairs;
        let (borders, listed) = (of(None), of(Some(list.as_path())));
        let both = borders.iter().filter(|pair| listed.contains(pair)).count();
        let either = borders.len() + listed.len() - both;
        assert!(listed.len() > 50 && both as f64 > 0.97 * either as f64, "{unit}: {both} of {either}");
    }
}
