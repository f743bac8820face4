//! Topics over the districts of the map: counts, and what is expected of cells too small to be fitted by themselves.
use ndarray::Array2;
use rustc_hash::FxHashMap;
use weisu_models::hotspot::{
    Baseline, Prepared,
    space::{InvalidNeighbours, Neighbours},
};

use super::Scene;
use crate::{map::Neighbourhood, store::SeriesKey};

/// Days before the first one that is looked at that say what share of a topic a district has.
pub const SHARES: usize = 182;
/// Fewest districts with neighbours to look for a cluster among.
const FEWEST: usize = 3;
/// Tickets added to a district's share, spread evenly: a district without any is not impossible.
const PRIOR: f64 = 0.5;

/// The districts of the map with the nodes of each topic in them.
#[derive(Debug)]
pub struct Ground<'a> {
    hood: &'a Neighbourhood,
    nodes: FxHashMap<SeriesKey, usize>,
}

/// A topic in every district of the map.
#[derive(Debug)]
pub struct TopicCells {
    /// Node of each district; `None` where the topic was never heard of.
    pub nodes: Vec<Option<usize>>,
    /// Counts, districts x days; NaN where missing.
    pub counts: Array2<f64>,
}

impl<'a> Ground<'a> {
    /// The districts of a scene; an error says why there are none to look at together.
    pub fn new(scene: &'a Scene) -> Result<Self, String> {
        let Some(hood) = &scene.grounds.neighbourhood else {
            return Err("neither city.map nor city.adjacency is set".to_owned());
        };
        let of_level = |key: &SeriesKey| key.district_depth == hood.depth;
        let nodes: FxHashMap<SeriesKey, usize> = scene
            .city
            .keys
            .iter()
            .enumerate()
            .filter(|(_, key)| of_level(key))
            .map(|(k, key)| (*key, k))
            .collect();
        if hood.districts.len() < FEWEST || hood.pairs.is_empty() {
            return Err(format!("{} districts are on the map with neighbours", hood.districts.len()));
        }
        if nodes.is_empty() {
            return Err(format!(
                "the map is of level {} of the districts, which is not forecast",
                hood.depth
            ));
        }
        Ok(Self { hood, nodes })
    }

    /// Who is whose neighbour.
    pub fn neighbours(&self) -> Result<Neighbours, InvalidNeighbours> {
        Neighbours::from_pairs(self.hood.districts.len(), &self.hood.pairs)
    }

    /// Districts on the map.
    pub fn districts(&self) -> usize {
        self.hood.districts.len()
    }

    /// Key of a district by its position.
    pub fn district(&self, at: usize) -> i32 {
        self.hood.districts[at]
    }

    /// Nodes of topics over the whole city.
    pub fn topics(scene: &Scene) -> Vec<usize> {
        let nodes = &scene.city.hierarchy.nodes;
        (0..nodes.len()).filter(|k| nodes[*k].level.district == 0 && nodes[*k].level.topic > 0).collect()
    }

    /// The districts of a topic, given its node over the whole city.
    pub fn cells(&self, scene: &Scene, topic: usize) -> TopicCells {
        let key = scene.city.keys[topic];
        let node = |district: &i32| {
            let (district, district_depth) = (*district, self.hood.depth);
            self.nodes.get(&SeriesKey { district, district_depth, ..key }).copied()
        };
        let nodes: Vec<Option<usize>> = self.hood.districts.iter().map(node).collect();
        let mut counts = Array2::zeros((nodes.len(), scene.city.panel.days()));
        for (mut row, node) in counts.rows_mut().into_iter().zip(&nodes) {
            if let Some(node) = node {
                row.iter_mut().zip(scene.series(*node)).for_each(|(y, n)| *y = f64::from(n));
            }
        }
        TopicCells { nodes, counts }
    }
}

impl TopicCells {
    /// What is expected of each cell on each day from `from` on when a district has the share of the topic that it had
    /// over [`SHARES`] days before day `seen`, and the topic's own course is `course`.
    pub fn by_shares(&self, course: &[f64], seen: usize, from: usize) -> Array2<f64> {
        let before = seen.saturating_sub(SHARES)..seen;
        let sum = |d: usize| before.clone().map(|t| self.counts[(d, t)]).filter(|y| !y.is_nan()).sum::<f64>();
        let districts = self.nodes.len();
        let sums: Vec<f64> = (0..districts).map(sum).collect();
        let all = sums.iter().sum::<f64>() + PRIOR;
        let share = |d: usize| (sums[d] + PRIOR / districts as f64) / all;
        Array2::from_shape_fn((districts, course.len().saturating_sub(from)), |(d, i)| {
            share(d) * course[from + i]
        })
    }

    /// Tickets a day of a district over the days that shares are taken from.
    pub fn mean(&self, district: usize, seen: usize) -> f64 {
        let before = seen.saturating_sub(SHARES)..seen;
        let known: Vec<f64> = before.map(|t| self.counts[(district, t)]).filter(|y| !y.is_nan()).collect();
        known.iter().sum::<f64>() / known.len().max(1) as f64
    }
}

/// The course of a topic over the whole city; `None` where its history is too short for a regression.
pub fn course(scene: &Scene, prepared: &Prepared, topic: usize, seen: usize) -> Option<Baseline> {
    prepared.baseline(&scene.series(topic), seen, &scene.factors(topic))
}
