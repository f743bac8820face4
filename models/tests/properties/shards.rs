//! Panels cut into shards: every cut, and any number of threads, gives the bytes of the whole.
use std::convert::Infallible;

use ndarray::Array2;
use proptest::prelude::*;
use weisu_models::{
    forecast::{
        City as ByShard, Horizon, InMemory, Issue, NodeFit, NodeForecast, PanelFit, PanelForecast, Params,
        fit, fit_by_shard, forecast, forecast_by_shard,
    },
    hierarchy::{CellPath, Hierarchy},
    series::Sharded,
};

use crate::support::{City, city};

const HORIZON: Horizon = Horizon { days: 40, months: 2 };

/// Both steps over runs of so many cells.
fn by_shard(city: &City, params: &Params, cells: usize) -> (PanelFit, PanelForecast) {
    let sharded = Sharded::new(&city.panel, cells);
    let (hierarchy, calendar) = (&city.hierarchy, &city.calendar);
    let source = ByShard::<Infallible> { cells: &sharded, hierarchy, calendar };
    let mut nodes: Vec<Option<NodeFit>> = vec![None; hierarchy.nodes.len()];
    let mut keep = |k: usize, fit| {
        assert_eq!(nodes[k].replace(fit), None, "node {k} is kept once");
        Ok(())
    };
    let Ok(shared) = fit_by_shard(&source, params, &mut InMemory::default(), &mut keep, &|_| ());
    let fitted = PanelFit { nodes: nodes.into_iter().map(Option::unwrap).collect(), ..shared.clone() };
    let mut made: Vec<Option<(NodeForecast, NodeForecast)>> = vec![None; hierarchy.nodes.len()];
    let mut keep = |k: usize, of| {
        assert_eq!(made[k].replace(of), None, "node {k} is kept once");
        Ok(())
    };
    let issue = Issue { fits: &fitted, shared: &shared, horizon: HORIZON };
    let Ok(months) = forecast_by_shard(&source, &issue, &mut InMemory::default(), &mut keep, &|_| ());
    let (daily, monthly) = made.into_iter().map(Option::unwrap).unzip();
    (fitted, PanelForecast { daily, months, monthly })
}

fn whole(city: &City, params: &Params) -> (PanelFit, PanelForecast) {
    let fitted = fit(&city.panel, &city.hierarchy, &city.calendar, params, &|_| ());
    let made = forecast(&city.panel, &city.hierarchy, &city.calendar, &fitted, HORIZON, &|_| ());
    (fitted, made)
}

/// Bytes, so that a zero's sign counts and a NaN equals itself.
fn bytes((fitted, made): &(PanelFit, PanelForecast)) -> (String, String) {
    (format!("{fitted:?}"), format!("{made:?}"))
}

/// A city of two levels in either tree, its cells in the order of `order`.
fn deep(order: &[usize], counts: &Array2<f32>) -> City {
    let mut city = city(1, 1, 1, 1);
    let path = |i: usize| CellPath {
        topic: vec![1 + i as u32 / 8, 10 + i as u32 / 4],
        district: vec![1 + i as u32 % 4 / 2, 10 + i as u32 % 4],
    };
    city.paths = order.iter().map(|i| path(*i)).collect();
    city.hierarchy = Hierarchy::new(&city.paths);
    city.panel.counts = counts.select(ndarray::Axis(0), order);
    city
}

fn counts() -> impl Strategy<Value = Array2<f32>> {
    let count = prop_oneof![
        8 => (0_u16..6).prop_map(f32::from),
        1 => Just(f32::NAN),
        1 => (0_u16..300).prop_map(f32::from),
        1 => (0_u16..20).prop_map(|v| f32::from(v) / 8.0),
    ];
    prop_oneof![Just(0_usize), 50_usize..130, 380_usize..420].prop_flat_map(move |days| {
        proptest::collection::vec(count.clone(), 16 * days)
            .prop_map(move |values| Array2::from_shape_vec((16, days), values).unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_cut_gives_the_bytes_of_the_whole(
        counts in counts(),
        order in Just((0..16).collect::<Vec<usize>>()).prop_shuffle(),
        shuffled in any::<bool>(),
        cells in 1_usize..17,
    ) {
        let order = if shuffled { order } else { (0..16).collect() };
        let city = deep(&order, &counts);
        let params = Params { origins: 6, boosted: 0, ..Params::default() };
        prop_assert_eq!(bytes(&by_shard(&city, &params, cells)), bytes(&whole(&city, &params)));
    }
}

#[test]
fn with_boosting_and_companions_too_on_one_thread_and_on_two() {
    let mut city = city(6, 4, 1200, 13);
    // A mood by the month that all share, which boosting can learn.
    for t in 0..city.panel.days() {
        let mood = 1.0 + 0.5 * ((t / 30 * 7 % 11) as f32 / 10.0 - 0.5);
        city.panel.counts.column_mut(t).mapv_inplace(|v| (v * mood).round());
    }
    let want = whole(&city, &Params::default());
    assert!(want.0.boost.is_some());
    assert!(want.0.nodes.iter().any(|f| f.companions != [0.0; 2]));
    let want = bytes(&want);
    for (threads, cells) in [(1, 5), (2, 7), (2, 24)] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let got = pool.install(|| by_shard(&city, &Params::default(), cells));
        assert!(bytes(&got) == want, "{threads} threads, {cells} cells");
    }
}

#[test]
fn a_panel_without_cells_has_a_total_of_nothing() {
    let mut city = city(1, 1, 400, 1);
    city.panel.counts = Array2::zeros((0, 400));
    (city.paths, city.hierarchy) = (Vec::new(), Hierarchy::new(&[]));
    let (fitted, made) = by_shard(&city, &Params::default(), 3);
    assert_eq!((fitted.nodes.len(), made.daily.len()), (1, 1));
}

/// Fitted with profiles on `city` up to day `fitted`, forecast from its last day with and without them.
fn updated_and_refitted(city: &City, fitted: usize) -> (PanelFit, PanelForecast, PanelForecast) {
    let params = Params { profiles: true, boosted: 0, ..Params::default() };
    let past = city.panel.until(city.panel.date(fitted));
    let fitted = fit(&past, &city.hierarchy, &city.calendar, &params, &|_| ());
    let made =
        |fitted: &PanelFit| forecast(&city.panel, &city.hierarchy, &city.calendar, fitted, HORIZON, &|_| ());
    let anew = PanelFit { profiles: None, ..fitted.clone() };
    let (updated, refitted) = (made(&fitted), made(&anew));
    (fitted, updated, refitted)
}

fn mean_of(made: &PanelForecast, node: usize) -> f64 {
    made.daily[node].mean.iter().sum::<f64>() / HORIZON.days as f64
}

#[test]
fn a_daily_update_follows_the_level_as_a_fit_does() {
    let mut city = city(5, 4, 900, 17);
    // All rises by a half in the days after the fit.
    for t in 893..900 {
        city.panel.counts.column_mut(t).mapv_inplace(|v| (v * 1.5).round());
    }
    let (fitted, updated, refitted) = updated_and_refitted(&city, 892);
    assert!(fitted.nodes.iter().all(|f| f.profile.len() == fitted.profiles.as_ref().unwrap().columns.len()));
    let stale = updated_and_refitted(&city, 899).1;
    for node in 0..10 {
        let (update, refit) = (mean_of(&updated, node), mean_of(&refitted, node));
        assert!((update / refit - 1.0).abs() < 0.05, "node {node}: {update} {refit}");
        assert!((mean_of(&stale, node) / refit - 1.0).abs() < 0.02, "node {node}");
    }
    // What came since lies far off what was forecast: the band of the total is wider than without looking.
    let width = |made: &PanelForecast| made.daily[0].quantiles[0][4] - made.daily[0].quantiles[0][0];
    assert!(width(&updated) > 1.05 * width(&refitted), "{} {}", width(&updated), width(&refitted));
}

#[test]
fn profiles_are_read_by_the_names_of_their_columns() {
    let city = city(3, 2, 700, 5);
    let params = Params { profiles: true, boosted: 0, ..Params::default() };
    let fitted = fit(&city.panel, &city.hierarchy, &city.calendar, &params, &|_| ());
    let made =
        |fitted: &PanelFit| forecast(&city.panel, &city.hierarchy, &city.calendar, fitted, HORIZON, &|_| ());
    let mut turned = fitted.clone();
    turned.profiles.as_mut().unwrap().columns.reverse();
    turned.nodes.iter_mut().for_each(|f| f.profile.reverse());
    assert_eq!(made(&turned), made(&fitted));
    // A column that the fit did not know yet is nought; a series without profile is fitted.
    let mut fewer = fitted.clone();
    fewer.profiles.as_mut().unwrap().columns.pop();
    fewer.nodes.iter_mut().for_each(|f| f.profile.truncate(f.profile.len() - 1));
    assert!(mean_of(&made(&fewer), 0) > 0.0);
    let own = city.hierarchy.cells[5].own;
    let mut without = fitted.clone();
    without.nodes[own].profile.clear();
    let (a, b) = (mean_of(&made(&without), own), mean_of(&made(&fitted), own));
    assert!((a / b - 1.0).abs() < 0.02, "{a} {b}");
}

#[test]
fn an_update_is_the_same_in_every_cut_and_sees_no_later_day() {
    let mut city = city(4, 4, 700, 23);
    let past = city.panel.until(city.panel.date(694));
    let params = Params { profiles: true, boosted: 0, ..Params::default() };
    let fitted = fit(&past, &city.hierarchy, &city.calendar, &params, &|_| ());
    let shared = PanelFit { nodes: Vec::new(), ..fitted.clone() };
    let want = forecast(&city.panel, &city.hierarchy, &city.calendar, &fitted, HORIZON, &|_| ());
    for cells in [1, 3, 5] {
        let sharded = Sharded::new(&city.panel, cells);
        let source = ByShard { cells: &sharded, hierarchy: &city.hierarchy, calendar: &city.calendar };
        let mut daily: Vec<Option<NodeForecast>> = vec![None; fitted.nodes.len()];
        let mut keep = |k: usize, (of, _): (NodeForecast, NodeForecast)| {
            daily[k] = Some(of);
            Ok(())
        };
        let issue = Issue { fits: &fitted, shared: &shared, horizon: HORIZON };
        let Ok(_) = forecast_by_shard(&source, &issue, &mut InMemory::default(), &mut keep, &|_| ());
        assert_eq!(daily.into_iter().map(Option::unwrap).collect::<Vec<_>>(), want.daily, "{cells}");
    }
    // Days after the origin may be anything.
    let known = city.panel.until(city.panel.date(696));
    let at = |panel| forecast(panel, &city.hierarchy, &city.calendar, &fitted, HORIZON, &|_| ());
    let before = at(&known);
    city.panel.counts.slice_mut(ndarray::s![.., 697..]).fill(9e4);
    assert_eq!(at(&city.panel.until(city.panel.date(696))), before);
}
