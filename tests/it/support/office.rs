//! A hotline office for tests: a configuration over a database, tickets read through the ingest stage, and what then
//! stands in the store.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use weisu::{
    config::Config,
    metrics::Metrics,
    stages::{Activation, Cx, Owner, Silent, Stage, activate},
    store::{Store, Tree, TreeNode},
    ticket::{Basis, Day},
};

use super::Database;

/// The mapping of the made-up files of these tests.
pub const MAPPING: &str = "[source.mapping]\nid = \"id\"\nreceived = \"received\"\nclosed = \"closed\"\n\
     updated = \"updated\"\nrepeat = \"repeat\"\ntopic = [\"topic\", \"subtopic\"]\ndistrict = [\"district\"]\n";

/// Tickets after it are of the future.
pub fn now() -> DateTime<Utc> {
    "2025-01-02T00:00:00Z".parse().unwrap()
}

/// An office with its store open.
pub struct Office {
    /// Its settings; a test may change them between files.
    pub config: Config,
    /// Its store.
    pub store: Store,
    /// Where its files are.
    pub folder: PathBuf,
}

/// Raw and dedup counts by topic path, district path and day.
pub type Cells = BTreeMap<(String, String, chrono::NaiveDate), (i64, i64)>;

impl Office {
    /// Opens one in Shanghai's zone with this text as the rest of its configuration.
    pub async fn open(database: &Database, sources: &str) -> Self {
        let text = format!("[city]\nzone = \"Asia/Shanghai\"\n\n{sources}");
        let mut config = Config::parse(&text, Path::new("weisu.toml")).unwrap_or_else(|e| panic!("{e}"));
        config.store.url = database.url.clone();
        config.store.data = database.folder.clone();
        Self { config, store: database.open().await.unwrap(), folder: database.folder.clone() }
    }

    /// An office with one source named `hotline` that is read by [`MAPPING`].
    pub async fn with_mapping(database: &Database) -> Self {
        Self::open(database, &format!("[[source]]\nname = \"hotline\"\n{MAPPING}")).await
    }

    /// Writes a file into its folder.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs the ingest stage on named files, or on those of the configuration; its summary.
    pub async fn ingest(&self, files: Option<&[PathBuf]>) -> anyhow::Result<serde_json::Value> {
        let cx = Cx {
            store: self.store.clone(),
            config: Arc::new(self.config.clone()),
            now: now(),
            owner: Owner::this_process(),
            progress: Arc::new(Silent),
            metrics: Metrics::new().unwrap(),
        };
        match activate(&cx, Stage::Ingest, "test", files).await? {
            Activation::Ran { summary, .. } => Ok(summary),
            other => panic!("{other:?}"),
        }
    }

    /// Takes one file, which must be sound; its accounts as rows, added, replaced, duplicates, rejected.
    pub async fn take(&self, file: &Path) -> [u64; 5] {
        accounts(&self.ingest(Some(&[file.to_owned()])).await.unwrap()["files"][0])
    }

    /// What is counted.
    pub async fn cells(&self) -> Cells {
        let topics = names(&self.store.tree(Tree::Topics).await.unwrap());
        let districts = names(&self.store.tree(Tree::Districts).await.unwrap());
        let mut cells = Cells::new();
        for basis in [Basis::Raw, Basis::Dedup] {
            for cell in self.store.counts(basis, Day(0), Day(40_000)).await.unwrap() {
                let key =
                    (topics[&cell.topic].clone(), districts[&cell.district].clone(), Day(cell.day).date());
                let n = cells.entry(key).or_default();
                *(if basis == Basis::Raw { &mut n.0 } else { &mut n.1 }) += cell.n;
            }
        }
        cells.retain(|_, n| n.0 != 0);
        cells
    }
}

/// Rows, added, replaced, duplicates, rejected of a file's summary.
pub fn accounts(file: &serde_json::Value) -> [u64; 5] {
    ["rows", "added", "replaced", "duplicates", "rejected"]
        .map(|key| file[key].as_u64().unwrap_or_else(|| panic!("no {key} in {file}")))
}

fn names(nodes: &[TreeNode]) -> BTreeMap<i32, String> {
    let by: BTreeMap<i32, &TreeNode> = nodes.iter().map(|n| (n.id, n)).collect();
    let path = |mut id: i32| {
        let mut names = Vec::new();
        while let Some(node) = by.get(&id) {
            names.push(node.name.clone());
            id = node.parent;
        }
        names.reverse();
        names.join("/")
    };
    by.keys().map(|id| (*id, path(*id))).collect()
}

/// Whether any file below a folder holds these bytes.
pub fn is_anywhere(folder: &Path, needle: &str) -> bool {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return is_anywhere(&path, needle);
        }
        let held = std::fs::read(&path).unwrap();
        memchr::memmem::find(&held, needle.as_bytes()).is_some()
    })
}
