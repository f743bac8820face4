//! Reading the grounds of a scene from the store: repeats, how complete the newest days are, chosen thresholds, the map.
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use weisu_models::nowcast::{Increment, Nowcast};

use super::{
    delivery,
    grounds::{Grounds, KnownCluster},
    repeats,
};
use crate::{
    aggregate::{self, CityPanel, Parts},
    config::City,
    ingest::mapper::UNSPECIFIED,
    map::Neighbourhood,
    stages::Cx,
    store::{Arrival, SeriesKey, Tree, TreeNode},
    ticket::Day,
};

/// Days of arrivals that are looked at.
pub const ARRIVALS: i32 = 120;

/// The grounds of a city that is known up to `origin`.
pub async fn grounds(
    cx: &Cx,
    city: &CityPanel,
    origin: Day,
    ids: &FxHashMap<SeriesKey, i32>,
) -> anyhow::Result<Grounds> {
    let from = Day::from(city.panel.start).max(origin.plus(1 - 7 * (repeats::PAST as i32 + 1)));
    let (counts, topics, districts, days, thresholds) = tokio::try_join!(
        cx.store.repeats(from, origin),
        cx.store.tree(Tree::Topics),
        cx.store.tree(Tree::Districts),
        cx.store.source_days(),
        cx.store.thresholds(),
    )?;
    let parts = Parts {
        counts: &counts,
        topics: &topics,
        districts: &districts,
        days: &days,
        cell_sources: &[],
        depth: (cx.config.forecast.topic_depth, cx.config.forecast.district_depth),
    };
    let arrivals = cx.store.arrivals(cx.today().plus(-ARRIVALS)).await?;
    Ok(Grounds {
        repeats: Some(aggregate::in_cells_of(city, &parts, from, origin)),
        known: known(&arrivals, city),
        twins: Some(cx.store.twins(from).await?),
        late: delivery::late(&arrivals, &days, cx.today()),
        unspecified: topics.iter().filter(|t| t.name == UNSPECIFIED).map(|t| t.id).collect(),
        neighbourhood: neighbourhood(&cx.config.city, &districts),
        clusters: clusters(cx, ids).await?,
        alphas: thresholds.into_iter().map(|t| (t.kind, t.alpha)).collect(),
        days,
        ..Grounds::default()
    })
}

/// The districts on the map with their neighbours; what is on one side alone, or cannot be read, goes to the log.
pub fn neighbourhood(city: &City, districts: &[TreeNode]) -> Option<Neighbourhood> {
    let geography = city.geography().unwrap_or_else(|mistakes| {
        for mistake in mistakes {
            tracing::warn!("{}; {}", mistake.problem, mistake.remedy);
        }
        None
    })?;
    let matched = geography.matched(districts);
    matched.left_over().iter().for_each(|line| tracing::warn!("{line}"));
    Some(geography.neighbourhood(&matched))
}

/// Clusters of open alerts.
async fn clusters(cx: &Cx, ids: &FxHashMap<SeriesKey, i32>) -> anyhow::Result<Vec<KnownCluster>> {
    let topics: FxHashMap<i32, i32> = ids.iter().map(|(key, id)| (*id, key.topic)).collect();
    Ok(KnownCluster::among(&cx.store.open_alerts().await?, |series| topics.get(&series).copied()))
}

/// Share of each day's tickets that may be known by now at most, over all sources; empty when every day is complete.
fn known(arrivals: &[Arrival], city: &CityPanel) -> Vec<f64> {
    let (start, days) = (Day::from(city.panel.start), city.panel.days());
    let sources = nowcasts(arrivals);
    let volume: f64 = sources.iter().map(|(n, _)| n).sum();
    let share = |day: i32| {
        let known =
            sources.iter().map(|(n, nowcast)| n * nowcast.as_ref().map_or(1.0, |c| c.largest_share(day)));
        if volume > 0.0 { known.sum::<f64>() / volume } else { 1.0 }
    };
    let all: Vec<f64> = (0..days).map(|t| share(start.plus(t as i32).0)).collect();
    if all.iter().all(|share| *share > 0.995) { Vec::new() } else { all }
}

/// What is known of the delays of each source, with its tickets.
fn nowcasts(arrivals: &[Arrival]) -> Vec<(f64, Option<Nowcast>)> {
    let mut sources: BTreeMap<i32, Vec<Increment>> = BTreeMap::new();
    for a in arrivals {
        let increment = Increment { day: a.day, arrived: a.arrived, n: a.n };
        sources.entry(a.source).or_default().push(increment);
    }
    let of = |all: &Vec<Increment>| all.iter().map(|i| i.n as f64).sum::<f64>().max(0.0);
    sources.values().map(|all| (of(all), Nowcast::new(all))).collect()
}
