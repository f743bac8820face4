//! What is laid beside a spike, on a small city with a map.
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use weisu_models::{
    calendar::{Calendar, Event, Status},
    hierarchy::{CellPath, Hierarchy, Node},
    series::Panel,
};

use super::*;
use crate::{aggregate::CityPanel, config::Config, map::Neighbourhood, store::SeriesKey};

const DAYS: usize = 800;

/// One topic in four districts in a row, seven tickets a day each and more on the last day; district 2 and 3 rise.
fn scene() -> Scene {
    let paths: Vec<CellPath> = (1..=4).map(|d| CellPath { topic: vec![1], district: vec![d] }).collect();
    let hierarchy = Hierarchy::new(&paths);
    let counts = ndarray::Array2::from_shape_fn((4, DAYS), |(i, t)| {
        let usual = [6.0, 9.0, 5.0, 8.0, 7.0][(2 * t + i) % 5];
        usual + if t + 1 == DAYS && (i == 1 || i == 2) { 30.0 } else { 0.0 }
    });
    // The last day is 10 March 2024.
    let start = "2022-01-01".parse().unwrap();
    let key = |node: &Node| SeriesKey {
        topic: node.topic as i32,
        district: node.district as i32,
        topic_depth: i32::from(node.level.topic),
        district_depth: i32::from(node.level.district),
    };
    let keys = hierarchy.nodes.iter().map(key).collect();
    let origin = Day::from(start).plus(DAYS as i32 - 1);
    let mut config = Config::default();
    config.city.calendar = "CN".to_owned();
    let mut calendar = Calendar::new();
    let event = Event { name: "fair".to_owned(), off: true, status: Status::Announced };
    calendar.insert(origin.date(), event);
    let city = CityPanel { keys, panel: Panel { start, counts }, hierarchy };
    let mut scene = Scene::new(&config, calendar, city, FxHashMap::default(), (origin, origin));
    scene.grounds.neighbourhood = Some(Neighbourhood {
        depth: 1,
        districts: vec![1, 2, 3, 4],
        centroids: vec![None; 4],
        pairs: vec![(0, 1), (1, 2), (2, 3)],
    });
    scene
}

fn spike(scene: &Scene, district: i32) -> Finding {
    let node = scene.city.keys.iter().position(|key| (key.topic, key.district) == (1, district)).unwrap();
    Finding {
        node,
        window: (scene.origin, scene.origin),
        kind: Kind::Spike,
        method: "robust_glm",
        observed: Some(37.0),
        expected: 7.0,
        normal: 7.0,
        lower: None,
        bound: 15.0,
        p_value: 1e-9,
        score: 3.0,
        lead_days: 0,
        drivers: Vec::new(),
        compare: Compare::default(),
        details: crate::store::details::Details::default(),
    }
}

fn names() -> Names {
    let districts: BTreeMap<i32, &str> = [(1, "east"), (2, "north"), (3, "west"), (4, "south")].into();
    let rows = districts.into_iter().map(|(id, name)| (id, 0, name.to_owned()));
    Names::new([(1, 0, "roads".to_owned())], rows)
}

#[test]
fn neighbours_that_rise_too_are_named() {
    let scene = scene();
    let around = |district| neighbours(&scene, &names(), &spike(&scene, district));
    let said =
        |up: &[&str], of| Some(Neighbours { up: up.iter().map(|name| (*name).to_owned()).collect(), of });
    assert_eq!(around(2), said(&["west"], 2));
    assert_eq!(around(1), said(&["north"], 1));
    assert_eq!(around(0), None, "the whole city has no neighbours");
    let fall = Finding { observed: Some(1.0), kind: Kind::Drop, ..spike(&scene, 2) };
    assert_eq!(neighbours(&scene, &names(), &fall), said(&[], 2), "none of them is low");
    let mut alone = self::scene();
    alone.grounds.neighbourhood = None;
    assert_eq!(neighbours(&alone, &names(), &spike(&alone, 2)), None);
}

#[test]
fn the_week_before_and_last_year_are_laid_beside_in_both_alignments() {
    let mut scene = scene();
    let found = spike(&scene, 1);
    let last = DAYS - 1;
    let at = |back: usize| f64::from(scene.series(found.node)[last - back]);
    // Lunar New Year: 22 January 2023 and 10 February 2024, 384 days apart; the last day is 29 days after it.
    let same = compare(&scene, &found);
    assert_eq!((same.last_week, same.last_year), (Some(at(7)), Some(at(364))));
    assert_eq!(same.last_year_lunar, same.last_year, "away from the festival both are one");
    let earlier = scene.origin.plus(-20);
    let within = Finding { window: (earlier, earlier), ..found.clone() };
    let both = compare(&scene, &within);
    assert_eq!((both.last_year, both.last_year_lunar), (Some(at(384)), Some(at(404))));
    // A window of nine days is laid beside the nine that begin two weeks before.
    let long = Finding { window: (scene.origin.plus(-8), scene.origin), ..found.clone() };
    let sum = (14..23).map(at).sum::<f64>();
    assert_eq!(compare(&scene, &long).last_week, Some(sum));
    scene.alignment = Alignment::Solar;
    assert_eq!(compare(&scene, &within).last_year_lunar, None);
    assert_eq!(events(&scene, Lang::En, &found), ["fair"]);
}
