//! Options of selectors.
use serde::Serialize;

use crate::{http::board::Names, store::TreeNode};

/// An option of a selector.
#[derive(Debug, Serialize)]
pub(super) struct Choose {
    value: String,
    name: String,
    selected: bool,
}

impl Choose {
    /// Options by value, name and whether it is the chosen one.
    pub fn of<'a>(options: impl IntoIterator<Item = (&'a str, String, bool)>) -> Vec<Self> {
        let choose =
            |(value, name, selected): (&str, String, bool)| Self { value: value.to_owned(), name, selected };
        options.into_iter().map(choose).collect()
    }

    /// The nodes of a tree down to a depth, indented; `all` is the name of the root.
    pub fn tree(names: &Names, depth: i32, chosen: i32, all: String) -> Vec<Self> {
        Self::some(names, depth, chosen, all, |_| true)
    }

    /// Those nodes of a tree that are to be seen.
    pub fn some(
        names: &Names,
        depth: i32,
        chosen: i32,
        all: String,
        seen: impl Fn(i32) -> bool,
    ) -> Vec<Self> {
        let root = Self { value: "0".to_owned(), name: all, selected: chosen == 0 };
        let node = |n: &TreeNode| Self {
            value: n.id.to_string(),
            name: format!("{}{}", "\u{3000}".repeat((n.depth - 1).max(0) as usize), n.name),
            selected: n.id == chosen,
        };
        let seen = names.outline(depth).into_iter().filter(|n| seen(n.id));
        std::iter::once(root).chain(seen.map(node)).collect()
    }
}
