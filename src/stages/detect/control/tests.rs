//! Each way of holding back, on findings made by hand.
use rustc_hash::FxHashMap;
use weisu_models::{
    calendar::Calendar,
    hierarchy::{CellPath, Hierarchy, Node},
    series::Panel,
};

use super::{super::spikes, *};
use crate::{
    aggregate::CityPanel,
    config::Config,
    stages::Silent,
    store::{SeriesKey, alerts::Compare, details::Details},
    ticket::Day,
};

const DAYS: usize = 460;

/// Four topics in three districts of two offices each, with three tickets a day, and `extra` ones on the last day.
fn scene(extra: impl Fn(u32, u32) -> f32) -> Scene {
    let cells: Vec<(u32, u32)> = (1..=4).flat_map(|t| (1..=6).map(move |d| (t, d))).collect();
    let path = |(t, d): &(u32, u32)| CellPath { topic: vec![*t], district: vec![100 + d.div_ceil(2), *d] };
    let hierarchy = Hierarchy::new(&cells.iter().map(path).collect::<Vec<_>>());
    let counts = ndarray::Array2::from_shape_fn((cells.len(), DAYS), |(i, t)| {
        let usual = [3.0, 2.0, 4.0, 3.0, 1.0, 5.0, 3.0][(t + 3 * i) % 7];
        usual + if t + 1 == DAYS { extra(cells[i].0, cells[i].1) } else { 0.0 }
    });
    let start = chrono::NaiveDate::from_ymd_opt(2023, 1, 2).unwrap();
    let key = |node: &Node| SeriesKey {
        topic: node.topic as i32,
        district: node.district as i32,
        topic_depth: i32::from(node.level.topic),
        district_depth: i32::from(node.level.district),
    };
    let keys = hierarchy.nodes.iter().map(key).collect();
    let origin = Day::from(start).plus(DAYS as i32 - 1);
    let city = CityPanel { keys, panel: Panel { start, counts }, hierarchy };
    Scene::new(&Config::default(), Calendar::new(), city, FxHashMap::default(), (origin, origin))
}

fn quiet() -> Scene {
    scene(|_, _| 0.0)
}

/// Node of a topic (0 = all) and a district (0 = the whole city, above 100 a district, else an office).
fn node(scene: &Scene, topic: i32, district: i32) -> usize {
    scene.city.keys.iter().position(|key| (key.topic, key.district) == (topic, district)).unwrap()
}

/// A spike on the last day: `observed` of `expected` tickets.
fn spike(scene: &Scene, at: (i32, i32), p_value: f64, (observed, expected): (f64, f64)) -> Finding {
    Finding {
        node: node(scene, at.0, at.1),
        window: (scene.origin, scene.origin),
        kind: Kind::Spike,
        method: "robust_glm",
        observed: Some(observed),
        expected,
        normal: expected,
        lower: None,
        bound: expected + 3.0,
        p_value,
        score: (observed - expected) / 3.0,
        lead_days: 0,
        drivers: Vec::new(),
        compare: Compare::default(),
        details: Details::default(),
    }
}

/// Why each of the findings is held back, in their order; `tested` of each kind.
fn held(scene: &Scene, findings: &[Finding], tested: usize) -> Vec<Option<Held>> {
    let tested = vec![(Kind::Spike, tested)];
    let found = Found { findings: findings.to_vec(), tested, ..Found::default() };
    let all = hold_back(found, scene);
    findings.iter().map(|f| all.iter().find(|(of, _)| of == f).unwrap().1).collect()
}

#[test]
fn a_p_value_that_so_many_tests_bring_forth_is_no_discovery() {
    let scene = quiet();
    let nodes = scene.city.hierarchy.nodes.len();
    let at = |p| spike(&scene, (1, 1), p, (12.0, 3.0));
    assert_eq!(held(&scene, &[at(0.004)], nodes), [Some(Held::FalseDiscovery)], "of {nodes} tests");
    assert_eq!(held(&scene, &[at(1e-7)], nodes), [None]);
    // Flat over what was tested, where that is not every node.
    assert_eq!(held(&scene, &[at(0.004)], 4), [None], "0.016 is below the rate of 0.2");
    assert_eq!(held(&scene, &[at(0.004)], 60), [Some(Held::FalseDiscovery)]);
}

#[test]
fn a_part_is_folded_into_its_whole_unless_it_rises_more_steeply() {
    let scene = quiet();
    let whole = spike(&scene, (1, 0), 1e-12, (60.0, 20.0));
    let part = spike(&scene, (1, 101), 1e-9, (20.0, 6.0));
    let steep = spike(&scene, (1, 102), 1e-9, (40.0, 6.0));
    let other = spike(&scene, (2, 103), 1e-9, (20.0, 6.0));
    let into = Held::Folded { into: whole.node, kind: Kind::Spike, anchor: None };
    assert_eq!(held(&scene, &[whole, part, steep, other], 1), [None, Some(into), None, None]);
    // The part speaks first where it explains the whole, a quarter of it does not.
    let small = spike(&scene, (1, 101), 1e-12, (40.0, 6.0));
    let explained = spike(&scene, (1, 0), 1e-9, (70.0, 20.0));
    let more = spike(&scene, (1, 0), 1e-9, (160.0, 20.0));
    let into = Held::Folded { into: small.node, kind: Kind::Spike, anchor: None };
    assert_eq!(held(&scene, &[small.clone(), explained], 1), [None, Some(into)]);
    assert_eq!(held(&scene, &[small, more], 1), [None, None]);
}

#[test]
fn an_office_gets_its_budget_and_the_most_surprising_first() {
    let mut scene = quiet();
    scene.settings.budget_per_district = 2;
    let of = |topic, district, p| spike(&scene, (topic, district), p, (15.0, 3.0));
    let all = [of(1, 1, 1e-8), of(2, 1, 1e-9), of(3, 1, 1e-7), of(4, 1, 1e-10), of(3, 2, 1e-7)];
    let over = Some(Held::Budget);
    assert_eq!(held(&scene, &all, 1), [over, None, over, None, None]);
    let mut season = of(1, 1, 1.0);
    (season.kind, season.observed) = (Kind::SeasonOnset, None);
    let with_season = [all[3].clone(), all[1].clone(), season];
    assert_eq!(held(&scene, &with_season, 1), [None; 3], "a season costs nothing");
}

#[test]
fn an_alarm_needs_the_least_number_of_tickets() {
    let mut scene = scene(|topic, office| if (topic, office) == (2, 3) { 15.0 } else { 0.0 });
    let of_office = |scene: &Scene| {
        let found = spikes::find(scene, &Silent).unwrap();
        found.findings.iter().any(|f| f.node == node(scene, 2, 3))
    };
    assert!(of_office(&scene));
    scene.settings.min_count = 40;
    assert!(!of_office(&scene), "under twenty tickets");
}
