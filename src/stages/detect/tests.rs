//! Faults of the data, days of which not all is known, and holidays, on a small city made by hand.
use ndarray::Array2;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson};
use weisu_models::{
    calendar::{Alignment, Calendar, Event, Status},
    hierarchy::{CellPath, Hierarchy},
    series::Panel,
};

use super::{control::Held, grounds::Grounds, *};
use crate::{aggregate::CityPanel, map::Neighbourhood, stages::Silent, store::alarms::Kind};

const DAYS: usize = 800;
const TOPICS: u32 = 6;
const DISTRICTS: u32 = 6;

/// Cells of six topics in six districts, 12 tickets a day each, times what `factor` says of topic and day.
fn scene(factor: impl Fn(u32, usize) -> f64, calendar: Calendar, grounds: Grounds) -> Scene {
    scene_of_cells(|topic, _, day| factor(topic, day), calendar, grounds)
}

/// The same with a factor of topic, district and day.
fn scene_of_cells(factor: impl Fn(u32, u32, usize) -> f64, calendar: Calendar, grounds: Grounds) -> Scene {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let cells: Vec<(u32, u32)> = (1..=TOPICS).flat_map(|t| (1..=DISTRICTS).map(move |d| (t, d))).collect();
    let paths: Vec<CellPath> =
        cells.iter().map(|(t, d)| CellPath { topic: vec![*t], district: vec![*d] }).collect();
    let counts = Array2::from_shape_fn((cells.len(), DAYS), |(i, day)| {
        let mean = 12.0 * factor(cells[i].0, cells[i].1, day);
        if mean > 0.0 { Poisson::new(mean).unwrap().sample(&mut rng) as f32 } else { 0.0 }
    });
    let hierarchy = Hierarchy::new(&paths);
    let start = chrono::NaiveDate::from_ymd_opt(2023, 1, 2).unwrap();
    let key = |node: &weisu_models::hierarchy::Node| SeriesKey {
        topic: node.topic as i32,
        district: node.district as i32,
        topic_depth: i32::from(node.level.topic),
        district_depth: i32::from(node.level.district),
    };
    let origin = Day::from(start).plus(DAYS as i32 - 1);
    Scene {
        kin: Kin::new(&hierarchy),
        city: CityPanel {
            keys: hierarchy.nodes.iter().map(key).collect(),
            panel: Panel { start, counts },
            hierarchy,
        },
        calendar,
        settings: crate::config::Detect::default(),
        weeks: FxHashMap::default(),
        exceeding: rustc_hash::FxHashSet::default(),
        capacity: FxHashMap::default(),
        days: FxHashMap::default(),
        alignment: Alignment::Solar,
        from: origin,
        origin,
        grounds,
    }
}

fn kinds(judged: &Judged, held: impl Fn(&Option<Held>) -> bool) -> Vec<(Kind, &'static str)> {
    judged.found.iter().for_each(|(f, _)| assert_complete(f));
    judged.found.iter().filter(|(_, h)| held(h)).map(|(f, _)| (f.kind, f.method)).collect()
}

/// Whatever is found has an expected count, a bound that was passed, a probability and a score.
fn assert_complete(f: &Finding) {
    assert!([f.expected, f.bound, f.p_value, f.score].iter().all(|n| n.is_finite()), "{f:?}");
    assert!(f.expected >= 0.0 && f.p_value > 0.0 && f.p_value <= 1.0 && f.score > 1.0, "{f:?}");
    let passed = f.observed.is_none_or(|n| if f.is_fall() { n <= f.bound } else { n >= f.bound });
    assert!(passed && !f.method.is_empty(), "{f:?}");
}

fn told(scene: &Scene) -> Vec<(Kind, &'static str)> {
    kinds(&judge(scene, &Silent).unwrap(), Option::is_none)
}

#[test]
fn a_doubled_day_is_a_fault_and_its_spikes_are_held_back() {
    let doubled =
        scene(|_, day| if day + 1 == DAYS { 2.0 } else { 1.0 }, Calendar::new(), Grounds::default());
    let judged = judge(&doubled, &Silent).unwrap();
    assert_eq!(kinds(&judged, Option::is_none), [(Kind::Data, "doubled_day")]);
    let held = kinds(&judged, |h| *h == Some(Held::DataFault("doubled_day")));
    assert!(held.iter().filter(|(kind, _)| *kind == Kind::Spike).count() > 10, "{held:?}");
    // Half of the topics twice as busy is no doubled day.
    let busy = |topic, day| if day + 1 == DAYS && topic <= 3 { 2.0 } else { 1.0 };
    let told = told(&scene(busy, Calendar::new(), Grounds::default()));
    assert!(!told.is_empty() && told.iter().all(|(kind, _)| *kind != Kind::Data), "{told:?}");
}

#[test]
fn a_topic_that_comes_as_another_goes_is_a_change_of_taxonomy() {
    let changed = |topic, day| match topic {
        1 if day + 5 >= DAYS => 0.0,
        2 if day + 5 < DAYS => 0.0,
        _ => 1.0,
    };
    let scene = scene(changed, Calendar::new(), Grounds::default());
    let judged = judge(&scene, &Silent).unwrap();
    assert_eq!(kinds(&judged, Option::is_none), [(Kind::Data, "taxonomy_change")]);
    let held = kinds(&judged, |h| *h == Some(Held::TaxonomyChange));
    assert!(held.iter().any(|(kind, _)| *kind == Kind::Drop), "{held:?}");
}

#[test]
fn more_tickets_without_a_topic_are_a_fault() {
    let grounds = || Grounds { unspecified: [6].into(), ..Grounds::default() };
    let surge = |topic, day| if topic == 6 { if day + 1 == DAYS { 1.0 } else { 0.1 } } else { 1.0 };
    assert!(told(&scene(surge, Calendar::new(), grounds())).contains(&(Kind::Data, "unmapped_topic")));
    let named = told(&scene(surge, Calendar::new(), Grounds::default()));
    assert!(named.iter().all(|(kind, _)| *kind != Kind::Data), "a topic with a name may rise: {named:?}");
}

#[test]
fn a_day_of_which_half_is_known_neither_drops_nor_hides_a_rise() {
    let known = || {
        let mut known = vec![1.0; DAYS];
        known[DAYS - 2..].copy_from_slice(&[0.6, 0.5]);
        Grounds { known, ..Grounds::default() }
    };
    let share = |day: usize| [1.0, 0.6, 0.5][(day + 3).saturating_sub(DAYS).min(2)];
    let quiet = |_, day| share(day);
    assert_eq!(told(&scene(quiet, Calendar::new(), known())), []);
    let as_complete = told(&scene(quiet, Calendar::new(), Grounds::default()));
    assert!(as_complete.iter().any(|(kind, _)| *kind == Kind::Drop), "{as_complete:?}");
    // Half of a day with 2.2 times the tickets is a usual day to those who take it for whole.
    let rise = |topic, day| share(day) * if topic == 2 && day + 1 == DAYS { 2.2 } else { 1.0 };
    let seen = told(&scene(rise, Calendar::new(), known()));
    assert!(seen.iter().any(|(kind, _)| *kind == Kind::Spike), "{seen:?}");
}

#[test]
fn few_tickets_on_holidays_are_no_drop() {
    let low = |_, day| if day + 3 >= DAYS { 0.4 } else { 1.0 };
    assert!(told(&scene(low, Calendar::new(), Grounds::default())).iter().any(|(k, _)| *k == Kind::Drop));
    let mut calendar = Calendar::new();
    for back in 1..=3 {
        let date =
            chrono::NaiveDate::from_ymd_opt(2023, 1, 2).unwrap() + chrono::Days::new((DAYS - back) as u64);
        let name = "holiday".to_owned();
        calendar.insert(date, Event { name, off: true, status: Status::Announced });
    }
    let told = told(&scene(low, calendar, Grounds::default()));
    assert!(told.iter().all(|(kind, _)| *kind != Kind::Drop), "{told:?}");
}

/// Six districts in a row.
fn in_a_row() -> Grounds {
    let neighbourhood = Neighbourhood {
        depth: 1,
        districts: (1..=DISTRICTS as i32).collect(),
        centroids: vec![None; DISTRICTS as usize],
        pairs: (1..DISTRICTS as usize).map(|d| (d - 1, d)).collect(),
    };
    Grounds { neighbourhood: Some(neighbourhood), ..Grounds::default() }
}

fn clusters(judged: &Judged) -> Vec<(&Finding, &Option<Held>)> {
    judged.found.iter().filter(|(f, _)| f.kind == Kind::Cluster).map(|(f, held)| (f, held)).collect()
}

#[test]
fn neighbours_that_rise_together_are_one_cluster_and_their_own_alarms_are_folded_under_it() {
    let rise = |by: f64| {
        move |topic: u32, district: u32, day: usize| {
            if topic == 2 && (3..=4).contains(&district) && day + 3 >= DAYS { by } else { 1.0 }
        }
    };
    let mut scene = scene_of_cells(rise(2.5), Calendar::new(), in_a_row());
    let judged = judge(&scene, &Silent).unwrap();
    let found = clusters(&judged);
    let [(cluster, held)] = found[..] else { panic!("{found:?}") };
    assert_eq!((held, cluster.window), (&None, (scene.origin.plus(-2), scene.origin)));
    let details = cluster.details.cluster.as_ref().unwrap();
    let mut districts = details.districts.clone();
    districts.sort_unstable();
    assert_eq!((districts, details.ongoing, details.since), (vec![3, 4], false, cluster.window.0.date()));
    assert!(
        details.recurrence_days > 365.0 && cluster.observed.unwrap() > 1.8 * cluster.expected,
        "{cluster:?}"
    );
    let shares: f64 = cluster.drivers.iter().map(|driver| driver.3).sum();
    assert!((shares - 1.0).abs() < 1e-9 && scene.city.keys[cluster.node].district == 0);
    let folded = |(f, held): &(Finding, Option<Held>)| {
        f.kind == Kind::Spike && matches!(held, Some(Held::Folded { kind: Kind::Cluster, .. }))
    };
    assert!(judged.found.iter().any(folded), "{:?}", judged.found);
    assert!(
        kinds(&judged, Option::is_none).iter().all(|(kind, _)| *kind == Kind::Cluster),
        "{:?}",
        judged.found
    );

    // The next day it goes on, and keeps its identity although another district has more by then.
    let window = (cluster.window.0, cluster.window.1.plus(-1));
    let known =
        grounds::KnownCluster { topic: 2, districts: vec![3], window, anchor: 3, since: window.0.plus(-1) };
    scene.grounds.clusters = vec![known.clone()];
    let judged = judge(&scene, &Silent).unwrap();
    let details = clusters(&judged)[0].0.details.cluster.clone().unwrap();
    assert_eq!((details.anchor, details.ongoing, details.since), (3, true, known.since.date()));

    scene.settings.scan = crate::config::Scan::Permutation;
    let judged = judge(&scene, &Silent).unwrap();
    assert!(clusters(&judged).iter().any(|(f, _)| f.method == "permutation_scan"), "{:?}", judged.found);
}

#[test]
fn a_quiet_city_has_no_cluster_and_one_without_a_map_says_that_it_was_not_looked_for() {
    let quiet = judge(&scene(|_, _| 1.0, Calendar::new(), in_a_row()), &Silent).unwrap();
    assert!(clusters(&quiet).is_empty() && quiet.skipped.is_empty(), "{quiet:?}");
    // Everywhere at once is no cluster.
    let all = |topic, day| if topic == 2 && day + 3 >= DAYS { 1.8 } else { 1.0 };
    let widespread = judge(&scene(all, Calendar::new(), in_a_row()), &Silent).unwrap();
    assert!(clusters(&widespread).iter().all(|(_, held)| held.is_some()), "{widespread:?}");
    let no_map = judge(&scene(|_, _| 1.0, Calendar::new(), Grounds::default()), &Silent).unwrap();
    assert_eq!(no_map.skipped, [(Kind::Cluster, "neither city.map nor city.adjacency is set".to_owned())]);
}

#[test]
fn many_rows_that_came_twice_are_a_fault_and_the_rises_of_the_day_are_held_back() {
    let start = Day::from(chrono::NaiveDate::from_ymd_opt(2023, 1, 2).unwrap());
    let twins = |last: i64| {
        let of = |t: usize| if t + 1 == DAYS { last } else { 3 };
        let twins = (0..DAYS).map(|t| (start.plus(t as i32), of(t))).collect();
        Grounds { twins: Some(twins), ..Grounds::default() }
    };
    // A third more of everything, because of 150 rows.
    let more = |topic, day| if day + 1 == DAYS { if topic == 1 { 2.2 } else { 1.3 } } else { 1.0 };
    let judged = judge(&scene(more, Calendar::new(), twins(150)), &Silent).unwrap();
    assert_eq!(kinds(&judged, Option::is_none), [(Kind::Data, "doubled_rows")]);
    let held = kinds(&judged, |h| *h == Some(Held::DataFault("doubled_rows")));
    assert!(held.iter().any(|(kind, _)| *kind == Kind::Spike), "{held:?}");
    assert!(!told(&scene(more, Calendar::new(), twins(4))).contains(&(Kind::Data, "doubled_rows")));
}

#[test]
fn a_late_source_is_told_and_nothing_new_is_said_of_coming_weeks() {
    let late = |scene: &Scene| {
        vec![grounds::Late { window: (scene.origin.plus(1), scene.origin.plus(4)), usual: 400.0 }]
    };
    let mut scene = scene(|_, _| 1.0, Calendar::new(), Grounds::default());
    let fit = weisu_models::forecast::NodeFit::unknown();
    scene.weeks.insert(0, coming::Coming { means: vec![9000.0; 6], fit });
    assert!(told(&scene).iter().any(|(kind, _)| *kind == Kind::ForecastExceedance));
    scene.grounds.late = late(&scene);
    let judged = judge(&scene, &Silent).unwrap();
    assert_eq!(kinds(&judged, Option::is_none), [(Kind::Data, "late_source")]);
    let held = kinds(&judged, |h| *h == Some(Held::DataFault("late_source")));
    assert!(held.iter().any(|(kind, _)| *kind == Kind::ForecastExceedance), "{held:?}");
}

#[test]
fn a_topic_that_is_split_is_one_change_of_taxonomy() {
    let split = |topic, day| match topic {
        1 if day + 5 >= DAYS => 0.0,
        2 | 3 if day + 5 < DAYS => 0.0,
        2 | 3 => 0.5,
        _ => 1.0,
    };
    let scene = scene(split, Calendar::new(), Grounds::default());
    assert_eq!(told(&scene), [(Kind::Data, "taxonomy_change")]);
}

#[test]
fn classes_tell_how_a_hot_spot_came_about() {
    // Two districts that are busier for the last three whole weeks, and two that always were.
    let busy = |topic: u32, district: u32, day: usize| match (topic, district) {
        (2, 3 | 4) if day + 27 >= DAYS => 2.2,
        (5, 1 | 2) => 3.0,
        _ => 1.0,
    };
    let scene = scene_of_cells(busy, Calendar::new(), in_a_row());
    let rows = classes::classes(&scene, 7).unwrap();
    let of = |topic: i32, district: i32| rows.iter().find(|r| (r.topic, r.district) == (topic, district));
    for district in [3, 4] {
        let row = of(2, district).unwrap();
        assert!(["hot_new", "hot_consecutive"].contains(&&*row.on_expected), "{row:?}");
        assert!(row.run == 7 && row.z > 2.0 && row.observed > 1.3 * row.expected, "{row:?}");
        assert_eq!(row.weeks, classes::WEEKS as i32);
    }
    let hot = rows.iter().filter(|r| r.on_expected.starts_with("hot_"));
    assert!(hot.clone().all(|r| r.topic == 2), "{:?}", hot.collect::<Vec<_>>());
    let no_map = scene_of_cells(busy, Calendar::new(), Grounds::default());
    assert_eq!(classes::classes(&no_map, 7).unwrap(), []);
}
