//! What was known of the city on a day: its last years of counts, and the cells that had a ticket by then.
use weisu_models::{
    hierarchy::{CellPath, Hierarchy},
    series::Panel,
};

use super::History;
use crate::{aggregate::CityPanel, store::SeriesKey, ticket::Day};

/// The city as it grows. Cells that have no ticket yet do not exist: counted as tested they would change the false
/// discovery rate of days before their first ticket.
#[derive(Debug)]
pub struct Known<'a> {
    whole: &'a CityPanel,
    /// Days that a scene reaches back.
    history: usize,
    paths: Vec<CellPath>,
    /// First column with a ticket, by cell.
    first: Vec<usize>,
    /// Cells of the hierarchy below.
    cells: Vec<usize>,
    hierarchy: Hierarchy,
    keys: Vec<SeriesKey>,
}

impl<'a> Known<'a> {
    /// Nothing known yet.
    pub fn new(history: &'a History) -> Self {
        let whole = &history.city;
        let first = whole.panel.counts.rows().into_iter();
        Self {
            whole,
            history: history.config.forecast.history_days,
            paths: paths(&whole.hierarchy),
            first: first.map(|row| row.iter().position(|y| *y > 0.0).unwrap_or(usize::MAX)).collect(),
            cells: Vec::new(),
            hierarchy: Hierarchy::new(&[]),
            keys: Vec::new(),
        }
    }

    /// The city at the end of `day`, a day of the history.
    pub fn on(&mut self, day: Day) -> CityPanel {
        let end = (day.0 - Day::from(self.whole.panel.start).0 + 1).max(0) as usize;
        let cells: Vec<usize> = (0..self.first.len()).filter(|i| self.first[*i] < end).collect();
        if cells != self.cells {
            let paths: Vec<CellPath> = cells.iter().map(|i| self.paths[*i].clone()).collect();
            self.hierarchy = Hierarchy::new(&paths);
            self.keys = keys(&self.hierarchy);
            self.cells = cells;
        }
        let from = end.saturating_sub(self.history);
        let counts = self.whole.panel.counts.slice(ndarray::s![.., from..end]);
        let panel = Panel {
            start: self.whole.panel.date(from),
            counts: counts.select(ndarray::Axis(0), &self.cells),
        };
        CityPanel { panel, hierarchy: self.hierarchy.clone(), keys: self.keys.clone() }
    }
}

/// Keys of the nodes of a hierarchy.
pub fn keys(hierarchy: &Hierarchy) -> Vec<SeriesKey> {
    let key = |node: &weisu_models::hierarchy::Node| SeriesKey {
        topic: node.topic as i32,
        district: node.district as i32,
        topic_depth: i32::from(node.level.topic),
        district_depth: i32::from(node.level.district),
    };
    hierarchy.nodes.iter().map(key).collect()
}

/// Path of each cell, from the nodes of one tree alone that hold it.
fn paths(hierarchy: &Hierarchy) -> Vec<CellPath> {
    let depth = hierarchy.depth;
    let empty =
        CellPath { topic: vec![0; usize::from(depth.topic)], district: vec![0; usize::from(depth.district)] };
    let mut paths = vec![empty; hierarchy.cells.len()];
    for node in &hierarchy.nodes {
        let (topic, district) = (usize::from(node.level.topic), usize::from(node.level.district));
        for cell in &node.members {
            let path = &mut paths[*cell as usize];
            match (topic, district) {
                (1.., 0) => path.topic[topic - 1] = node.topic,
                (0, 1..) => path.district[district - 1] = node.district,
                _ => {}
            }
        }
    }
    paths
}
