//! Panels cut into shards: every cut, and any number of threads, gives the bytes of the whole.
use std::convert::Infallible;

use ndarray::Array2;
use proptest::prelude::*;
use weisu_models::{
    forecast::{
        City as ByShard, Horizon, InMemory, Issue, NodeFit, NodeForecast, PanelFit, PanelForecast, Params, fit,
        fit_by_shard, forecast, forecast_by_shard,
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
