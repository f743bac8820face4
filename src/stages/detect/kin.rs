//! Who is whose parent among the nodes of a hierarchy.
use weisu_models::hierarchy::{Hierarchy, Level};

/// For each cell the node at every level, and for each node its children by topic and by district.
#[derive(Debug, Clone)]
pub struct Kin {
    depth: Level,
    levels: Vec<Level>,
    /// First cell of each node.
    first: Vec<usize>,
    /// Node of (cell, level).
    at: Vec<Vec<u32>>,
    by_topic: Vec<Vec<u32>>,
    by_district: Vec<Vec<u32>>,
}

impl Kin {
    /// Works out the kinships.
    pub fn new(hierarchy: &Hierarchy) -> Self {
        let depth = hierarchy.depth;
        let width = (usize::from(depth.topic) + 1) * (usize::from(depth.district) + 1);
        let mut at = vec![vec![0_u32; width]; hierarchy.cells.len()];
        for (k, node) in hierarchy.nodes.iter().enumerate() {
            for cell in &node.members {
                at[*cell as usize][slot(depth, node.level)] = k as u32;
            }
        }
        let mut kin = Self {
            depth,
            levels: hierarchy.nodes.iter().map(|n| n.level).collect(),
            first: hierarchy
                .nodes
                .iter()
                .map(|n| n.members.first().map_or(usize::MAX, |c| *c as usize))
                .collect(),
            at,
            by_topic: vec![Vec::new(); hierarchy.nodes.len()],
            by_district: vec![Vec::new(); hierarchy.nodes.len()],
        };
        for k in 0..kin.levels.len() {
            let level = kin.levels[k];
            if let Some(parent) = kin.up(k, level.topic.checked_sub(1), Some(level.district)) {
                kin.by_topic[parent].push(k as u32);
            }
            if let Some(parent) = kin.up(k, Some(level.topic), level.district.checked_sub(1)) {
                kin.by_district[parent].push(k as u32);
            }
        }
        kin
    }

    fn up(&self, k: usize, topic: Option<u8>, district: Option<u8>) -> Option<usize> {
        let level = Level { topic: topic?, district: district? };
        Some(self.at.get(self.first[k])?[slot(self.depth, level)] as usize)
    }

    /// Whether `a` contains `b`.
    pub fn contains(&self, a: usize, b: usize) -> bool {
        let (up, down) = (self.levels[a], self.levels[b]);
        up.topic <= down.topic
            && up.district <= down.district
            && self.up(b, Some(up.topic), Some(up.district)) == Some(a)
    }

    /// The one parent that a node has in a tree over all nodes: the same topic one district level up, or in the whole
    /// city the topic above; `None` of the total.
    pub fn parent(&self, k: usize) -> Option<usize> {
        let level = self.levels[k];
        match level.district.checked_sub(1) {
            Some(district) => self.up(k, Some(level.topic), Some(district)),
            None => self.up(k, level.topic.checked_sub(1), Some(level.district)),
        }
    }

    /// The children that best explain a node: its districts, or at the lowest district its topics.
    pub fn children(&self, k: usize) -> &[u32] {
        if self.levels[k].district < self.depth.district { &self.by_district[k] } else { &self.by_topic[k] }
    }
}

fn slot(depth: Level, level: Level) -> usize {
    usize::from(level.topic) * (usize::from(depth.district) + 1) + usize::from(level.district)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weisu_models::hierarchy::CellPath;

    #[test]
    fn parents_contain_and_children_are_theirs() {
        let cells = [(1, 9), (1, 8), (2, 9)].map(|(t, d)| CellPath { topic: vec![t], district: vec![d] });
        let hierarchy = Hierarchy::new(&cells);
        let kin = Kin::new(&hierarchy);
        let find = |t, d| hierarchy.nodes.iter().position(|n| (n.topic, n.district) == (t, d)).unwrap();
        assert!(
            kin.contains(0, find(1, 8))
                && kin.contains(find(1, 0), find(1, 8))
                && kin.contains(find(0, 8), find(1, 8))
        );
        assert!(!kin.contains(find(2, 0), find(1, 8)) && !kin.contains(find(1, 8), 0));
        assert_eq!(kin.children(find(1, 0)).len(), 2);
        assert_eq!(kin.children(find(0, 9)).len(), 2);
        assert!(kin.children(find(1, 8)).is_empty());
    }
}
