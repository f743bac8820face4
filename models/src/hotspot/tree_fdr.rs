//! False discovery rate over a tree of hypotheses.
//!
//! A city's series stand in a tree: a topic's districts, their streets. Most of the tree is quiet, and where there is
//! something, there is something in several nodes under one parent. A flat adjustment makes every cell pay for every
//! other cell of the city. Here the tree is walked from the top, and the children of a node form a *family* that is
//! tested only where the node itself was found (D. Yekutieli, *Hierarchical false discovery rate-controlling methodology*,
//! JASA 2008), each at a level that is reduced by the share of its ancestors' families that was found, so that the error
//! averaged over the families selected stays at its nominal rate (M. Bogomolov, C. Peterson, Y. Benjamini and C. Sabatti,
//! *Hypotheses on a tree: new error rates and testing strategies*, Biometrika 2021; for two levels Y. Benjamini and
//! M. Bogomolov, JRSS B 2014).
//!
//! What is kept in this way is the error within families. Over everything found in the tree, whatever its depth, it can be
//! up to twice the rate (Yekutieli's bound, for his procedure), so families are tested at half of the rate asked for: then
//! the rate holds for all reports together, which is what an office sees.
//!
//! Every node has a test of its own and stands for its whole subtree as well. Its family is therefore its own test and
//! the subtrees of its children. The p-value of a subtree is Simes' combination of its family,
//! `min over i of p(i) n / i`, which keeps its level under the positive dependence that sums and their parts have.

/// Which nodes to report at `rate`, by their own p-values `p`; `parent` of each node, `None` at the top. The top nodes form a
/// family. A parent's index need not be smaller than its children's; a node on a cycle is never reported.
///
/// ```
/// use weisu_models::hotspot::tree_fdr::discoveries;
/// let parent = [None, Some(0), Some(0), None];
/// let found = discoveries(&parent, &[0.5, 1e-6, 0.8, 0.9], 0.1);
/// assert_eq!(found, [false, true, false, false]);
/// ```
pub fn discoveries(parent: &[Option<usize>], p: &[f64], rate: f64) -> Vec<bool> {
    let mut tree = Tree::new(parent, p);
    tree.combine();
    tree.walk(rate)
}

/// Rate within families over the rate over the whole tree.
const OF_TREE: f64 = 0.5;

struct Tree<'a> {
    p: &'a [f64],
    children: Vec<Vec<usize>>,
    tops: Vec<usize>,
    /// Nodes from the top down.
    order: Vec<usize>,
    /// p-value of each subtree.
    whole: Vec<f64>,
}

impl<'a> Tree<'a> {
    fn new(parent: &[Option<usize>], p: &'a [f64]) -> Self {
        let mut children = vec![Vec::new(); p.len()];
        let mut tops = Vec::new();
        for (k, up) in parent.iter().enumerate() {
            match up {
                Some(up) => children[*up].push(k),
                None => tops.push(k),
            }
        }
        let mut order = tops.clone();
        let mut at = 0;
        while let Some(k) = order.get(at).copied() {
            order.extend(&children[k]);
            at += 1;
        }
        Self { p, children, tops, order, whole: vec![1.0; p.len()] }
    }

    /// Works out the p-values of subtrees from the bottom up.
    fn combine(&mut self) {
        for k in self.order.iter().rev() {
            self.whole[*k] = simes(self.family(*k));
        }
    }

    /// A node's own test first, then the subtrees of its children.
    fn family(&self, k: usize) -> Vec<f64> {
        std::iter::once(self.p[k]).chain(self.children[k].iter().map(|c| self.whole[*c])).collect()
    }

    fn walk(&self, rate: f64) -> Vec<bool> {
        let mut found = vec![false; self.p.len()];
        let tops: Vec<f64> = self.tops.iter().map(|k| self.whole[*k]).collect();
        let rate = rate * OF_TREE;
        let selected = reject(&tops, rate);
        let share = |n: usize, of: usize| n as f64 / of.max(1) as f64;
        let level = rate * share(selected.len(), tops.len());
        let mut open: Vec<(usize, f64)> = selected.into_iter().map(|i| (self.tops[i], level)).collect();
        while let Some((k, level)) = open.pop() {
            let family = self.family(k);
            let selected = reject(&family, level);
            let below = level * share(selected.len(), family.len());
            for i in selected {
                match i.checked_sub(1) {
                    None => found[k] = true,
                    Some(child) => open.push((self.children[k][child], below)),
                }
            }
        }
        found
    }
}

fn simes(mut p: Vec<f64>) -> f64 {
    p.sort_by(f64::total_cmp);
    let n = p.len() as f64;
    (1..).zip(p).map(|(i, p)| p * n / f64::from(i)).fold(1.0, f64::min)
}

/// Indices that Benjamini and Hochberg's procedure rejects at `rate`.
fn reject(p: &[f64], rate: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let n = p.len() as f64;
    let last = (1..=order.len()).rev().find(|i| p[order[i - 1]] <= rate * *i as f64 / n);
    order.truncate(last.unwrap_or(0));
    order
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::hotspot::fdr;
    use crate::numeric::normal::upper_tail;

    /// Eight topics of five, each in sixteen districts.
    fn city() -> Vec<Option<usize>> {
        let mut parent = vec![None; 8];
        (0..40).for_each(|i| parent.push(Some(i / 5)));
        (0..640).for_each(|i| parent.push(Some(8 + i / 16)));
        parent
    }

    /// p-values of one day: cells are standard normal plus `shift`, sums are what their parts are.
    fn day(rng: &mut ChaCha8Rng, parent: &[Option<usize>], shift: impl Fn(usize) -> f64) -> Vec<f64> {
        let normal = rand_distr::StandardNormal;
        let n = parent.len();
        let (mut z, mut parts) = (vec![0.0; n], vec![0.0_f64; n]);
        for k in (0..n).rev() {
            if parts[k] == 0.0 {
                z[k] = rng.sample::<f64, _>(normal) + shift(k);
                parts[k] = 1.0;
            }
            if let Some(up) = parent[k] {
                z[up] += z[k];
                parts[up] += parts[k];
            }
        }
        z.iter().zip(parts).map(|(z, n)| upper_tail(z / n.sqrt())).collect()
    }

    #[test]
    fn false_discoveries_stay_under_their_rate_on_quiet_and_on_busy_days() {
        let (parent, mut rng) = (city(), ChaCha8Rng::seed_from_u64(1));
        // What is above: nothing; single cells; a whole topic of one top topic.
        let scattered = |k: usize| if k >= 48 && k.is_multiple_of(37) { 4.5 } else { 0.0 };
        let topic = |k: usize| if (48..64).contains(&k) { 2.0 } else { 0.0 };
        let scenes: [&dyn Fn(usize) -> f64; 3] = [&|_| 0.0, &scattered, &topic];
        for (i, shift) in scenes.into_iter().enumerate() {
            let (mut realised, mut power, mut flat, days) = (0.0, 0, 0, 1000);
            for _ in 0..days {
                let p = day(&mut rng, &parent, shift);
                let truth: Vec<bool> = {
                    let mut above: Vec<bool> = (0..parent.len()).map(|k| shift(k) > 0.0).collect();
                    (0..parent.len()).rev().for_each(|k| {
                        if let Some(up) = parent[k] {
                            above[up] |= above[k];
                        }
                    });
                    above
                };
                let found = discoveries(&parent, &p, 0.2);
                let n = found.iter().filter(|f| **f).count();
                let wrong = found.iter().zip(&truth).filter(|(f, t)| **f && !**t).count();
                realised += wrong as f64 / n.max(1) as f64;
                power += n - wrong;
                flat += fdr::discoveries(&p, 0.2).iter().zip(&truth).filter(|(f, t)| **f && **t).count();
            }
            realised /= f64::from(days);
            assert!(realised <= 0.2, "scene {i}: {realised}");
            // With fewer false ones it finds about as much as the flat procedure.
            assert!(power as f64 >= [0.0, 1.0, 0.8][i] * flat as f64, "scene {i}: {power} against {flat}");
        }
    }

    #[test]
    fn nothing_is_found_under_a_node_that_is_not() {
        let parent = [None, None, Some(0), Some(0), Some(2)];
        let found = discoveries(&parent, &[0.9, 0.8, 0.7, 0.6, 0.01], 0.05);
        assert_eq!(found, [false; 5], "0.01 among five tests");
        let found = discoveries(&parent, &[0.9, 0.8, 0.7, 0.6, 1e-4], 0.05);
        assert_eq!(found, [false, false, false, false, true]);
        assert_eq!(discoveries(&[], &[], 0.1), Vec::<bool>::new());
        assert_eq!(discoveries(&[Some(1), Some(0)], &[0.0, 0.0], 0.1), [false; 2], "a cycle has no top");
    }
}
