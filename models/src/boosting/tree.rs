//! One tree, grown best leaf first.
use serde::{Deserialize, Serialize};

use super::{
    Params,
    bins::{Bins, MAX},
};

/// A split of a node, or a leaf.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Node {
    feature: u32,
    /// Rows with a bin at most this go left.
    bin: u8,
    /// The same as a value.
    edge: f32,
    /// Left child; the right one follows it. 0 in a leaf.
    left: u32,
    value: f32,
}

/// A fitted tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    pub fn value(&self, row: &[f32]) -> f32 {
        self.walk(|node| row[node.feature as usize] <= node.edge)
    }

    pub fn value_of_bins(&self, row: &[u8]) -> f32 {
        self.walk(|node| row[node.feature as usize] <= node.bin)
    }

    #[cfg(test)]
    pub fn leaves(&self) -> usize {
        self.nodes.iter().filter(|node| node.left == 0).count()
    }

    fn walk(&self, left: impl Fn(&Node) -> bool) -> f32 {
        let mut node = &self.nodes[0];
        while node.left > 0 {
            node = &self.nodes[node.left as usize + usize::from(!left(node))];
        }
        node.value
    }
}

/// Sums of gradients, of second derivatives, and rows.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    g: f64,
    h: f64,
    n: u32,
}

impl Sums {
    fn plus(self, other: Self) -> Self {
        Self { g: self.g + other.g, h: self.h + other.h, n: self.n + other.n }
    }

    fn minus(self, other: Self) -> Self {
        Self { g: self.g - other.g, h: self.h - other.h, n: self.n - other.n }
    }
}

type Histogram = Vec<[Sums; MAX]>;

#[derive(Debug, Clone, Copy)]
struct Split {
    gain: f64,
    feature: usize,
    bin: u8,
}

/// A leaf that may still be split.
struct Leaf {
    node: usize,
    rows: Vec<u32>,
    histogram: Histogram,
    sums: Sums,
    best: Option<Split>,
}

/// Grows trees over the same bins.
#[derive(Debug)]
pub struct Grower<'a> {
    bins: &'a Bins,
    params: &'a Params,
}

impl<'a> Grower<'a> {
    pub fn new(bins: &'a Bins, params: &'a Params) -> Self {
        Self { bins, params }
    }

    /// Grows a tree on some rows and features.
    pub fn grow(&mut self, rows: Vec<u32>, features: &[usize], gradients: &[[f32; 2]]) -> Tree {
        let histogram = self.histogram(&rows, features, gradients);
        let sums = histogram
            .first()
            .map_or_else(Sums::default, |h| h.iter().fold(Sums::default(), |sum, bin| sum.plus(*bin)));
        let mut tree = Tree { nodes: vec![self.leaf(sums)] };
        let mut open = vec![self.open(0, rows, histogram, sums, features)];
        for _ in 1..self.params.leaves {
            let gain = |leaf: &Leaf| leaf.best.map_or(0.0, |b| b.gain);
            let Some(at) = (0..open.len()).reduce(|a, b| if gain(&open[b]) > gain(&open[a]) { b } else { a })
            else {
                break;
            };
            let Some(split) = open[at].best.filter(|b| b.gain > 0.0) else { break };
            let leaf = open.swap_remove(at);
            open.extend(self.split(&mut tree, leaf, split, features, gradients));
        }
        tree
    }

    fn split(
        &self,
        tree: &mut Tree,
        leaf: Leaf,
        split: Split,
        features: &[usize],
        gradients: &[[f32; 2]],
    ) -> [Leaf; 2] {
        let feature = features[split.feature];
        let (left, right): (Vec<u32>, Vec<u32>) =
            leaf.rows.iter().partition(|i| self.bins.row(**i as usize)[feature] <= split.bin);
        // The smaller side is summed, the other is what remains.
        let small =
            self.histogram(if left.len() <= right.len() { &left } else { &right }, features, gradients);
        let mut large = leaf.histogram;
        for (l, s) in large.iter_mut().zip(&small) {
            for (l, s) in l.iter_mut().zip(s) {
                *l = l.minus(*s);
            }
        }
        let (left_histogram, right_histogram) =
            if left.len() <= right.len() { (small, large) } else { (large, small) };
        let left_sums = left_histogram[split.feature].iter().fold(Sums::default(), |sum, bin| sum.plus(*bin));
        let right_sums = leaf.sums.minus(left_sums);
        let first = tree.nodes.len();
        let node = &mut tree.nodes[leaf.node];
        (node.feature, node.bin, node.left) = (feature as u32, split.bin, first as u32);
        node.edge = self.bins.edges[feature][usize::from(split.bin)];
        tree.nodes.extend([self.leaf(left_sums), self.leaf(right_sums)]);
        [
            self.open(first, left, left_histogram, left_sums, features),
            self.open(first + 1, right, right_histogram, right_sums, features),
        ]
    }

    fn leaf(&self, sums: Sums) -> Node {
        let Params { l2, step, rate, .. } = *self.params;
        let value = (-sums.g / (sums.h + l2)).clamp(-step, step) * rate;
        Node { feature: 0, bin: 0, edge: 0.0, left: 0, value: value as f32 }
    }

    fn open(
        &self,
        node: usize,
        rows: Vec<u32>,
        histogram: Histogram,
        sums: Sums,
        features: &[usize],
    ) -> Leaf {
        let best = self.best(&histogram, sums, features);
        Leaf { node, rows, histogram, sums, best }
    }

    fn histogram(&self, rows: &[u32], features: &[usize], gradients: &[[f32; 2]]) -> Histogram {
        let mut histogram = vec![[Sums::default(); MAX]; features.len()];
        for i in rows {
            let [g, h] = gradients[*i as usize].map(f64::from);
            let row = self.bins.row(*i as usize);
            for (sums, feature) in histogram.iter_mut().zip(features) {
                let bin = &mut sums[usize::from(row[*feature]) % MAX];
                bin.g += g;
                bin.h += h;
                bin.n += 1;
            }
        }
        histogram
    }

    /// The split with the largest drop of the penalised loss.
    fn best(&self, histogram: &Histogram, sums: Sums, features: &[usize]) -> Option<Split> {
        let l2 = self.params.l2;
        let least = self.params.min_rows as u32;
        let score = |s: Sums| s.g * s.g / (s.h + l2);
        let whole = score(sums);
        let mut best: Option<Split> = None;
        for (k, (bins, feature)) in histogram.iter().zip(features).enumerate() {
            let mut left = Sums::default();
            for (bin, here) in bins.iter().enumerate().take(self.bins.edges[*feature].len()) {
                left = left.plus(*here);
                let right = sums.minus(left);
                if left.n < least || right.n < least {
                    continue;
                }
                let gain = score(left) + score(right) - whole;
                if best.is_none_or(|b| gain > b.gain) {
                    best = Some(Split { gain, feature: k, bin: bin as u8 });
                }
            }
        }
        best
    }
}
