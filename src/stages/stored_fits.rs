//! The newest fit, read from the store node by node as the city streams by.
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use anyhow::bail;
use rustc_hash::FxHashMap;
use tokio::runtime::Handle;
use weisu_models::forecast::{Fallback, Fits, NodeFit};

use super::{Cx, forecast::Summary, shards::Shards};
use crate::store::{SeriesKey, Store};

/// Series that are read though nobody asked, rather than in a statement of their own.
const SKIPPED: i32 = 16;

/// Fits of the nodes of a city. A series that appeared after the fit, or whose fit cannot be read, takes over that of
/// its topic, or of the whole city.
#[derive(Debug)]
pub struct StoredFits {
    store: Store,
    runtime: Handle,
    run: i64,
    /// Series of each node, 0 where it has none.
    ids: Vec<i32>,
    /// Topic of each node.
    topics: Vec<u32>,
    /// Fits of topics over all districts.
    lent: FxHashMap<u32, NodeFit>,
    whole: NodeFit,
    seen: Mutex<Seen>,
}

/// What has been handed out, each node once.
#[derive(Debug, Default)]
struct Seen {
    nodes: Vec<bool>,
    models: BTreeMap<&'static str, usize>,
    borrowed: usize,
    unreadable: usize,
}

/// A fit as it was stored.
enum Stored {
    Fit(Box<NodeFit>),
    Unreadable(serde_json::Error),
}

impl StoredFits {
    /// Of a run, for the nodes of a city with their series.
    pub async fn open(
        cx: &Cx,
        run: i64,
        city: &Shards,
        known: &FxHashMap<SeriesKey, i32>,
    ) -> anyhow::Result<Self> {
        let (index, store) = (&city.index, cx.store.clone());
        let ids: Vec<i32> = index.keys.iter().map(|key| known.get(key).copied().unwrap_or(0)).collect();
        let margins: Vec<usize> =
            (0..ids.len()).filter(|k| index.hierarchy.nodes[*k].level.district == 0).collect();
        let mut lent = FxHashMap::default();
        for (node, stored) in read(&store, run, &ids, &margins).await? {
            match stored {
                Stored::Fit(fit) => drop(lent.insert(index.hierarchy.nodes[node].topic, *fit)),
                // The next load says so.
                Stored::Unreadable(_) => {}
            }
        }
        let Some(whole) = lent.get(&0).cloned() else {
            bail!("the newest fit does not know the city's total: run `weisu once` to fit again");
        };
        let topics = index.hierarchy.nodes.iter().map(|node| node.topic).collect();
        let seen = Mutex::new(Seen { nodes: vec![false; ids.len()], ..Seen::default() });
        Ok(Self { store, runtime: Handle::current(), run, ids, topics, lent, whole, seen })
    }

    /// Adds what was handed out to a summary.
    pub fn tell(&self, summary: &mut Summary) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (model, n) in &seen.models {
            *summary.models.entry(*model).or_default() += n;
        }
        summary.borrowed += seen.borrowed;
        summary.unreadable += seen.unreadable;
    }

    fn borrowed(&self, node: usize) -> NodeFit {
        let fit = self.lent.get(&self.topics[node]).unwrap_or(&self.whole).clone();
        // The dispersion of a larger series; its profile is another's.
        NodeFit {
            fallback: Some(Fallback::ShortHistory { days: 0 }),
            profile: Vec::new(),
            evidence: 0.0,
            ..fit
        }
    }
}

impl Fits for StoredFits {
    type Error = anyhow::Error;

    fn load(&self, nodes: &[usize]) -> anyhow::Result<Vec<Option<NodeFit>>> {
        let stored = self.runtime.block_on(read(&self.store, self.run, &self.ids, nodes))?;
        let mut stored: FxHashMap<usize, Stored> = stored.into_iter().collect();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = Vec::with_capacity(nodes.len());
        for node in nodes {
            let first = !std::mem::replace(&mut seen.nodes[*node], true);
            let fit = match stored.remove(node) {
                Some(Stored::Fit(fit)) => *fit,
                other => {
                    if let (Some(Stored::Unreadable(error)), true) = (other, first) {
                        if seen.unreadable == 0 {
                            tracing::warn!(%error, "fits of another version: their series borrow until the next fit");
                        }
                        seen.unreadable += 1;
                    }
                    seen.borrowed += usize::from(first);
                    self.borrowed(*node)
                }
            };
            if first {
                *seen.models.entry(fit.model.name()).or_default() += 1;
            }
            out.push(Some(fit));
        }
        Ok(out)
    }
}

/// Fits of nodes, those that there are; neighbouring series in one statement.
async fn read(store: &Store, run: i64, ids: &[i32], nodes: &[usize]) -> anyhow::Result<Vec<(usize, Stored)>> {
    let mut wanted: Vec<(i32, usize)> =
        nodes.iter().map(|node| (ids[*node], *node)).filter(|(id, _)| *id > 0).collect();
    wanted.sort_unstable();
    let mut out = Vec::with_capacity(wanted.len());
    for near in wanted.chunk_by(|a, b| b.0 - a.0 <= SKIPPED) {
        let span = (near[0].0, near[near.len() - 1].0);
        let mut rows = store.fits_within(run, span).await?.into_iter().peekable();
        for (id, node) in near {
            while rows.next_if(|row| row.0 < *id).is_some() {}
            let Some((_, json, profile)) = rows.next_if(|row| row.0 == *id) else { continue };
            let stored = match serde_json::from_str::<NodeFit>(&json) {
                Ok(fit) => {
                    let profile =
                        profile.map_or_else(Vec::new, |bytes| crate::store::bytes_to_floats(&bytes));
                    Stored::Fit(Box::new(NodeFit { profile, ..fit }))
                }
                Err(error) => Stored::Unreadable(error),
            };
            out.push((*node, stored));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use weisu_models::forecast::Model;

    use super::*;
    use crate::store::{FitRow, Options};

    fn row(series: i32, fit: &str) -> FitRow {
        FitRow {
            series,
            model: "glm".to_owned(),
            fallback: None,
            fit: fit.to_owned(),
            mase: None,
            rmsse: None,
            wql: None,
            wql_naive: None,
            coverage_80: None,
            coverage_95: None,
            scored: 0,
        }
    }

    /// As every version so far wrote it, and with the dispersion `alpha`.
    fn json(alpha: f64) -> String {
        format!(
            r#"{{"model":"glm","fallback":null,"alpha":{alpha},"growth":[1.0,1.0,1.0,1.0],"alpha_month":0.1,"mse":2.0,
            "scores":{{"mase":null,"rmsse":null,"wql":null,"wql_naive":null,"coverage_80":null,"coverage_95":null,"n":0}}}}"#
        )
    }

    #[tokio::test]
    async fn a_series_whose_fit_is_missing_or_of_another_version_borrows_that_of_its_topic() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("weisu.db").display());
        let wait = std::time::Duration::from_secs(5);
        let store = Store::open(&Options { url, wait, connections: 2 }).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let fits =
            [row(1, &json(0.1)), row(2, &json(0.2)), row(3, r#"{"model":"oracle"}"#), row(40, &json(0.4))];
        tx.put_fits(7, &fits).await.unwrap();
        tx.put_profiles(7, &[(40, crate::store::floats_to_bytes(&[1.5, -2.0]))]).await.unwrap();
        tx.commit().await.unwrap();
        let whole: NodeFit = serde_json::from_str(&json(0.1)).unwrap();
        let topic: NodeFit = serde_json::from_str(&json(0.2)).unwrap();
        let fits = StoredFits {
            store,
            runtime: Handle::current(),
            run: 7,
            // Nodes: the total, a topic, an unreadable cell, one that is new, one of another topic, one fitted.
            ids: vec![1, 2, 3, 0, 0, 40],
            topics: vec![0, 9, 9, 9, 8, 9],
            lent: [(0, whole.clone()), (9, topic)].into_iter().collect(),
            whole,
            seen: Mutex::new(Seen { nodes: vec![false; 6], ..Seen::default() }),
        };
        let (fits, twice) = tokio::task::spawn_blocking(move || {
            let twice = [0, 1].map(|_| fits.load(&[5, 0, 1, 2, 3, 4]).unwrap());
            (fits, twice)
        })
        .await
        .unwrap();
        let all: Vec<&NodeFit> = twice[0].iter().flatten().collect();
        assert_eq!(all.iter().map(|f| f.alpha).collect::<Vec<_>>(), [0.4, 0.1, 0.2, 0.2, 0.2, 0.1]);
        assert_eq!(all[0].profile, [1.5, -2.0]);
        assert!(all[3].profile.is_empty() && all[3].fallback == Some(Fallback::ShortHistory { days: 0 }));
        assert_eq!((all[0].model, &all[0].fallback), (Model::Glm, &None));
        assert_eq!(twice[0], twice[1]);
        let mut summary = Summary::default();
        fits.tell(&mut summary);
        assert_eq!((summary.borrowed, summary.unreadable, summary.models["glm"]), (3, 1, 6), "each once");
    }
}
