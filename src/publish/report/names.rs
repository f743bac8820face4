//! A tree of topics or districts as a report needs it: names, levels, ancestors.
use rustc_hash::FxHashMap;

use crate::store::TreeNode;

/// Between the names of a path.
const SEPARATOR: &str = " / ";

/// A tree by key; 0 is everything.
#[derive(Debug, Default)]
pub struct Names {
    nodes: Vec<TreeNode>,
    at: FxHashMap<i32, usize>,
    all: String,
}

impl Names {
    /// Of a stored tree; `all` is what people read for everything.
    pub fn new(nodes: Vec<TreeNode>, all: String) -> Self {
        let at = nodes.iter().enumerate().map(|(i, node)| (node.id, i)).collect();
        Self { nodes, at, all }
    }

    /// The nodes.
    pub fn nodes(&self) -> &[TreeNode] {
        &self.nodes
    }

    fn node(&self, id: i32) -> Option<&TreeNode> {
        self.at.get(&id).and_then(|i| self.nodes.get(*i))
    }

    /// Names from the top level down.
    pub fn path(&self, id: i32) -> String {
        let mut names: Vec<&str> = std::iter::successors(self.node(id), |node| self.node(node.parent))
            .map(|node| node.name.as_str())
            .collect();
        names.reverse();
        if names.is_empty() { self.all.clone() } else { names.join(SEPARATOR) }
    }

    /// Keys of the nodes at a depth, by key.
    pub fn at_depth(&self, depth: i32) -> Vec<i32> {
        self.nodes.iter().filter(|node| node.depth == depth).map(|node| node.id).collect()
    }

    /// The deepest level that is not deeper than `most`.
    pub fn deepest(&self, most: i32) -> i32 {
        self.nodes.iter().map(|node| node.depth).max().unwrap_or(0).min(most)
    }

    /// The node at a depth that a node is or lies below; the node itself where it lies above.
    pub fn up_to(&self, id: i32, depth: i32) -> i32 {
        std::iter::successors(self.node(id), |node| self.node(node.parent))
            .find(|node| node.depth <= depth)
            .map_or(id, |node| node.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_a_path_and_an_ancestor_at_each_level() {
        let node = |id, parent, depth, name: &str| TreeNode { id, parent, depth, name: name.to_owned() };
        let nodes =
            vec![node(1, 0, 1, "供暖"), node(2, 1, 2, "室温"), node(3, 2, 3, "夜间"), node(4, 0, 1, "噪声")];
        let names = Names::new(nodes, "全部".to_owned());
        assert_eq!(names.path(3), "供暖 / 室温 / 夜间");
        assert_eq!((names.path(0), names.path(99)), ("全部".to_owned(), "全部".to_owned()));
        assert_eq!(
            [(3, 2), (3, 1), (4, 2), (99, 1)].map(|(id, depth)| names.up_to(id, depth)),
            [2, 1, 4, 99]
        );
        assert_eq!((names.at_depth(1), names.deepest(2), names.deepest(9)), (vec![1, 4], 2, 3));
    }
}
