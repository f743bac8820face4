//! The topic tree and the district tree.
use rustc_hash::FxHashMap;

use super::{Doing, Store, StoreError, Tx, execute, on_read, on_tx};

/// Which of the two trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tree {
    /// Topics.
    Topics,
    /// Districts.
    Districts,
}

/// A node of a tree. The root ("all", id 0) is not stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct TreeNode {
    /// Key, at least 1.
    pub id: i32,
    /// Key of the parent; 0 for the top level.
    pub parent: i32,
    /// 1 for the top level.
    pub depth: i32,
    /// Name as people read it.
    pub name: String,
}

impl Store {
    /// All nodes of a tree by id; a parent comes before its children.
    pub async fn tree(&self, tree: Tree) -> Result<Vec<TreeNode>, StoreError> {
        let sql = match tree {
            Tree::Topics => "SELECT id, parent, depth, name FROM topics ORDER BY id",
            Tree::Districts => "SELECT id, parent, depth, name FROM districts ORDER BY id",
        };
        on_read!(self, c => sqlx::query_as(sql).fetch_all(c)).doing("read the taxonomy")
    }
}

impl Tx {
    /// Keys of the leaves of `paths`, adding the nodes that are not there yet.
    pub async fn intern(&mut self, tree: Tree, paths: &[Vec<String>]) -> Result<Vec<i32>, StoreError> {
        let (read, insert) = match tree {
            Tree::Topics => (
                "SELECT id, parent, depth, name FROM topics",
                "INSERT INTO topics (id, parent, depth, name) VALUES ($1, $2, $3, $4)",
            ),
            Tree::Districts => (
                "SELECT id, parent, depth, name FROM districts",
                "INSERT INTO districts (id, parent, depth, name) VALUES ($1, $2, $3, $4)",
            ),
        };
        let nodes: Vec<TreeNode> =
            on_tx!(self, c => sqlx::query_as(read).fetch_all(c)).doing("read the taxonomy")?;
        let mut next = nodes.iter().map(|n| n.id).max().unwrap_or(0);
        let mut known: FxHashMap<(i32, String), i32> =
            nodes.into_iter().map(|n| ((n.parent, n.name), n.id)).collect();
        let mut leaves = Vec::with_capacity(paths.len());
        for path in paths {
            let mut parent = 0;
            for (depth, name) in (1..).zip(path) {
                parent = match known.get(&(parent, name.clone())) {
                    Some(id) => *id,
                    None => {
                        next += 1;
                        execute!(self, "add to the taxonomy", insert, next, parent, depth, name)?;
                        known.insert((parent, name.clone()), next);
                        next
                    }
                };
            }
            leaves.push(parent);
        }
        Ok(leaves)
    }

    /// Key of a source, adding it if new.
    pub async fn source(&mut self, name: &str) -> Result<i32, StoreError> {
        let known: Option<(i32,)> = on_tx!(self, c => sqlx::query_as("SELECT id FROM sources WHERE name = $1").bind(name).fetch_optional(c))
            .doing("read sources")?;
        if let Some((id,)) = known {
            return Ok(id);
        }
        let (id,): (i32,) = on_tx!(self, c => sqlx::query_as("INSERT INTO sources (id, name) SELECT CAST(COALESCE(MAX(id), 0) + 1 AS INTEGER), $1 FROM sources RETURNING id").bind(name).fetch_one(c))
            .doing("add a source")?;
        Ok(id)
    }
}
