//! What several stages need of the city: its calendar, its panel, its names.
use anyhow::Context;
use rustc_hash::FxHashMap;
use weisu_models::calendar::{Alignment, Calendar, Region};

use super::Cx;
use crate::{
    aggregate::{self, CityPanel, Parts},
    config::{self, Config},
    store::{Tree, TreeNode},
    ticket::{Basis, Day},
};

/// Years of calendar laid out around the data, for seasons that begin before and end after it.
const CALENDAR_MARGIN: i32 = 2;

/// The city's calendar over the years of `from ..= to` and some around them: that of its region, under its own
/// holidays and seasons, with its regressors.
pub fn calendar(config: &Config, from: Day, to: Day) -> anyhow::Result<Calendar> {
    use chrono::Datelike;
    let region: Region = config.city.calendar.parse().map_err(|e| anyhow::anyhow!("city.calendar: {e}"))?;
    let years = from.date().year() - CALENDAR_MARGIN..=to.date().year() + CALENDAR_MARGIN;
    let mut calendar = Calendar::for_region(region, *years.start(), *years.end());
    for path in &config.city.holidays {
        let rows = crate::ingest::holidays::read(path, &years)
            .with_context(|| format!("city.holidays {}", path.display()))?;
        calendar = calendar.overlaid(rows);
    }
    let seasons: Vec<_> = config.season.iter().filter_map(config::Season::rule).collect();
    let regressors = config::regressor::readable(&config.regressor);
    Ok(calendar.with_seasons(&seasons, &years).with_regressors(regressors))
}

/// How the city's years are laid beside each other.
pub fn alignment(config: &Config) -> Alignment {
    if config.city.calendar == "CN" { Alignment::SpringFestival } else { Alignment::Solar }
}

/// The whole panel of a basis in memory, up to the last closed day; an error says what to do when there is none.
pub async fn panel(cx: &Cx, basis: Basis) -> anyhow::Result<(CityPanel, Day)> {
    panel_of(cx, basis, cx.config.forecast.history_days as i32).await
}

/// The same over the last `history` days.
pub async fn panel_of(cx: &Cx, basis: Basis, history: i32) -> anyhow::Result<(CityPanel, Day)> {
    let days = cx.store.source_days().await?;
    let (from, to) = super::shards::span(&days, history)?;
    let (counts, topics, districts, cell_sources) = tokio::try_join!(
        cx.store.counts(basis, from, to),
        cx.store.tree(Tree::Topics),
        cx.store.tree(Tree::Districts),
        cx.store.cell_sources(),
    )?;
    let depth = (cx.config.forecast.topic_depth, cx.config.forecast.district_depth);
    let parts = Parts {
        counts: &counts,
        topics: &topics,
        districts: &districts,
        days: &days,
        cell_sources: &cell_sources,
        depth,
    };
    Ok((aggregate::panel(&parts, from, to), to))
}

/// Names along the paths of both trees.
#[derive(Debug, Clone)]
pub struct Names {
    topics: FxHashMap<i32, (i32, String)>,
    districts: FxHashMap<i32, (i32, String)>,
}

impl Names {
    /// Names of two trees given as (id, parent, name).
    pub fn new(
        topics: impl IntoIterator<Item = (i32, i32, String)>,
        districts: impl IntoIterator<Item = (i32, i32, String)>,
    ) -> Self {
        let map = |(id, parent, name)| (id, (parent, name));
        Self {
            topics: topics.into_iter().map(map).collect(),
            districts: districts.into_iter().map(map).collect(),
        }
    }

    /// Reads both trees.
    pub async fn load(cx: &Cx) -> anyhow::Result<Self> {
        let map = |nodes: Vec<TreeNode>| nodes.into_iter().map(|n| (n.id, (n.parent, n.name))).collect();
        let (topics, districts) =
            tokio::try_join!(cx.store.tree(Tree::Topics), cx.store.tree(Tree::Districts))?;
        Ok(Self { topics: map(topics), districts: map(districts) })
    }

    /// Names from the top level down; empty for "all".
    pub fn topic(&self, id: i32) -> Vec<String> {
        path(&self.topics, id)
    }

    /// Names from the top level down; empty for the whole city.
    pub fn district(&self, id: i32) -> Vec<String> {
        path(&self.districts, id)
    }
}

fn path(tree: &FxHashMap<i32, (i32, String)>, mut id: i32) -> Vec<String> {
    let mut names = Vec::new();
    while let Some((parent, name)) = tree.get(&id) {
        names.push(name.clone());
        id = *parent;
    }
    names.reverse();
    names
}
