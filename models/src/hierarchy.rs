//! Nodes over topic tree x district tree, and bottom-up sums.
//!
//! A *cell* (bottom) is a leaf topic in a leaf district. A *node* is a topic (or all) in a district (or all) at
//! any depth; its series is the sum of its member cells. Every cell is itself a node, so a panel with depths
//! (1, 1) has the levels total, topic, district, topic_x_district.
use ndarray::Array2;
use rustc_hash::FxHashMap;

use crate::series::Panel;

/// Depth in the topic tree and in the district tree; 0 is the root ("all").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Level {
    /// Depth in the topic tree.
    pub topic: u8,
    /// Depth in the district tree.
    pub district: u8,
}

/// A topic in a district at one level, and the cells that add up to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where in the two trees.
    pub level: Level,
    /// Caller's key of the topic at `level.topic`; 0 for the root.
    pub topic: u32,
    /// Caller's key of the district at `level.district`; 0 for the root.
    pub district: u32,
    /// Indices of the member cells, ascending.
    pub members: Vec<u32>,
}

/// A cell's path in both trees: keys from depth 1 down to the leaf. Keys are unique over a whole tree and not 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellPath {
    /// Topic keys, top first; the same length for every cell.
    pub topic: Vec<u32>,
    /// District keys, top first; the same length for every cell.
    pub district: Vec<u32>,
}

/// Where a cell stands: the nodes that a pooled model borrows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellNodes {
    /// The node that is this cell alone.
    pub own: usize,
    /// Its leaf topic over all districts.
    pub topic: usize,
    /// Its leaf district over all topics.
    pub district: usize,
}

/// All nodes of a panel, ordered by level, then topic, then district. Node 0 is the total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Every node.
    pub nodes: Vec<Node>,
    /// Per cell, the nodes it borrows from.
    pub cells: Vec<CellNodes>,
    /// Depth of the topic and the district tree.
    pub depth: Level,
}

impl Hierarchy {
    /// Every node that has at least one cell, at every pair of depths.
    pub fn new(cells: &[CellPath]) -> Self {
        let depth = cells.first().map_or(Level { topic: 0, district: 0 }, |c| Level {
            topic: c.topic.len() as u8,
            district: c.district.len() as u8,
        });
        let mut members: std::collections::BTreeMap<(Level, u32, u32), Vec<u32>> = Default::default();
        members.insert((Level { topic: 0, district: 0 }, 0, 0), Vec::new());
        for (i, cell) in cells.iter().enumerate() {
            for (t, d) in depths(depth) {
                let key =
                    (Level { topic: t, district: d }, key_at(&cell.topic, t), key_at(&cell.district, d));
                members.entry(key).or_default().push(i as u32);
            }
        }
        let nodes: Vec<Node> = members
            .into_iter()
            .map(|((level, topic, district), members)| Node { level, topic, district, members })
            .collect();
        let index: FxHashMap<(Level, u32, u32), usize> =
            nodes.iter().enumerate().map(|(k, n)| ((n.level, n.topic, n.district), k)).collect();
        let cells = cells
            .iter()
            .map(|c| {
                let (topic, district) = (key_at(&c.topic, depth.topic), key_at(&c.district, depth.district));
                CellNodes {
                    own: index[&(depth, topic, district)],
                    topic: index[&(Level { district: 0, ..depth }, topic, 0)],
                    district: index[&(Level { topic: 0, ..depth }, 0, district)],
                }
            })
            .collect();
        Self { nodes, cells, depth }
    }

    /// Series of node `k`: the sum of its cells by day; `NaN` where every member is missing, and missing
    /// members of a partly reported day count as missing for the node too.
    pub fn series(&self, panel: &Panel, k: usize) -> Vec<f32> {
        let mut sum = vec![0.0_f64; panel.days()];
        for &i in &self.nodes[k].members {
            for (s, y) in sum.iter_mut().zip(panel.cell(i as usize)) {
                *s += f64::from(*y);
            }
        }
        sum.into_iter().map(|s| s as f32).collect()
    }

    /// Sums rows of cell values (cells x columns) to rows of nodes (nodes x columns), in member order, so that
    /// the same input gives the same bytes.
    pub fn sum_up(&self, cells: &Array2<f64>) -> Array2<f64> {
        let mut out = Array2::zeros((self.nodes.len(), cells.ncols()));
        for (mut row, node) in out.rows_mut().into_iter().zip(&self.nodes) {
            for &i in &node.members {
                row += &cells.row(i as usize);
            }
        }
        out
    }
}

fn depths(depth: Level) -> impl Iterator<Item = (u8, u8)> {
    (0..=depth.topic).flat_map(move |t| (0..=depth.district).map(move |d| (t, d)))
}

fn key_at(path: &[u32], depth: u8) -> u32 {
    if depth == 0 { 0 } else { path[usize::from(depth) - 1] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells() -> Vec<CellPath> {
        [(1, 10), (1, 11), (2, 10)].map(|(t, d)| CellPath { topic: vec![t], district: vec![d] }).to_vec()
    }

    #[test]
    fn every_level_is_there_and_the_total_comes_first() {
        let h = Hierarchy::new(&cells());
        assert_eq!(h.nodes.len(), 1 + 2 + 2 + 3);
        assert_eq!(h.nodes[0].members, vec![0, 1, 2]);
        assert_eq!(h.nodes[h.cells[1].topic].members, vec![0, 1]);
        assert_eq!(h.nodes[h.cells[2].district].members, vec![0, 2]);
        assert_eq!(h.nodes[h.cells[2].own].members, vec![2]);
    }

    #[test]
    fn sums_add_up_and_missing_stays_missing() {
        let h = Hierarchy::new(&cells());
        let start = chrono::NaiveDate::from_ymd_opt(2024, 1, 1).unwrap();
        let panel = Panel { start, counts: ndarray::arr2(&[[1.0, f32::NAN], [2.0, 5.0], [4.0, 6.0]]) };
        let total = h.series(&panel, 0);
        assert_eq!(total[0], 7.0);
        assert!(total[1].is_nan());
    }
}
