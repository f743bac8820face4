//! Ingest: new files of each source into tickets and counts, one transaction a file.
//!
//! A file is taken as a whole or not at all: above the configured share of rejected rows nothing of it is
//! committed. Rejected rows are listed with line and reason beside the store. A file whose bytes were taken
//! before is passed over by the stage; named on the command line, it is read again and changes nothing.
use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::{Active, Cx, Done};
use crate::{
    config::Source,
    ingest::{self, Batch, Draft, Reject},
    store::{IngestTx, StoreError, Tally, Tree},
    ticket::Ticket,
};

/// Tickets written at once.
const BATCH: usize = 2000;

/// What became of one file.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FileSummary {
    /// The file.
    pub file: String,
    /// Its source.
    pub source: String,
    /// Rows read.
    pub rows: u64,
    /// What became of the tickets.
    #[serde(flatten)]
    pub tally: Tally,
    /// Rows that are no tickets.
    pub rejected: u64,
    /// The same by reason.
    pub reasons: BTreeMap<&'static str, u64>,
    /// Where they are listed.
    pub rejects_file: Option<String>,
    /// Personal columns that were never read.
    pub dropped_columns: Vec<String>,
}

/// What became of all files.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// File by file.
    pub files: Vec<FileSummary>,
    /// Files passed over because their bytes were taken before.
    pub known_files: u64,
}

/// Runs the stage.
pub async fn run(cx: &Cx, active: &Active, named: Option<&[PathBuf]>) -> anyhow::Result<Done> {
    let mut summary = Summary::default();
    let mut faults = Vec::new();
    for (nth, (source, path)) in plan(&cx.config.source, named)?.into_iter().enumerate() {
        match take(cx, active, source, &path, nth, named.is_none()).await {
            Ok(Some(done)) => summary.files.push(done),
            Ok(None) => summary.known_files += 1,
            // What the store cannot do for one file it cannot do for the next.
            Err(error) if error.chain().any(|e| e.is::<StoreError>()) => return Err(error),
            // One bad file does not keep the others out; the run still ends as failed.
            Err(error) => faults.push(format!("{error:#}")),
        }
    }
    if !faults.is_empty() {
        let taken = summary.files.len();
        let others = if taken > 0 { format!(" ({taken} other files were taken)") } else { String::new() };
        bail!("{}{others}", faults.join("; "));
    }
    Done::new(cx.store.begin().await?, None, &summary)
}

/// Takes the `nth` file of the run; `None` when its bytes were taken before and are to be passed over.
async fn take(
    cx: &Cx,
    active: &Active,
    source: &Source,
    path: &Path,
    nth: usize,
    pass_known: bool,
) -> anyhow::Result<Option<FileSummary>> {
    let owned = path.to_owned();
    let sha256 = tokio::task::spawn_blocking(move || hash(&owned))
        .await?
        .with_context(|| format!("cannot read {}", path.display()))?;
    if pass_known && cx.store.file_known(&source.name, &sha256).await? {
        return Ok(None);
    }
    let rejects = Rejects::new(&cx.config.store.data, path, &format!("{}-{nth}", active.run));
    file(cx, active, source, path, &sha256, rejects).await.map(Some)
}

/// Which files to read for which source.
fn plan<'a>(sources: &'a [Source], named: Option<&[PathBuf]>) -> anyhow::Result<Vec<(&'a Source, PathBuf)>> {
    if sources.is_empty() {
        bail!(
            "no [[source]] in the configuration: say where tickets come from and how their columns are named"
        );
    }
    if let Some(named) = named {
        return named.iter().map(|path| Ok((source_of(sources, path)?, path.clone()))).collect();
    }
    let mut out = Vec::new();
    for source in sources {
        for pattern in &source.files {
            let mut found: Vec<PathBuf> = glob::glob(pattern)
                .with_context(|| format!("source {}: {pattern:?} is not a file pattern", source.name))?
                .collect::<Result<_, _>>()
                .with_context(|| format!("source {}: cannot list {pattern:?}", source.name))?;
            found.retain(|path| !path.is_dir());
            if found.is_empty() {
                tracing::warn!(source = source.name, pattern, "no file");
            }
            found.sort();
            out.extend(found.into_iter().map(|path| (source, path)));
        }
    }
    Ok(out)
}

/// The source that a named file belongs to: the only one, or the one whose pattern it fits.
fn source_of<'a>(sources: &'a [Source], path: &Path) -> anyhow::Result<&'a Source> {
    if let [only] = sources {
        return Ok(only);
    }
    // Both may be relative to the working folder or not.
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let file = absolute(path);
    let is_it = |pattern: &String| {
        glob::Pattern::new(&absolute(Path::new(pattern)).to_string_lossy())
            .is_ok_and(|p| p.matches_path(&file))
    };
    let fits = |source: &&Source| source.files.iter().any(is_it);
    let names = || sources.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
    sources.iter().find(fits).with_context(|| {
        format!(
            "{} fits the files of no source ({}): use --source, or add it to source.files",
            path.display(),
            names()
        )
    })
}

fn hash(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

/// What the reading thread hands over.
struct Parcel {
    batch: Batch,
    topics: Vec<Vec<String>>,
    districts: Vec<Vec<String>>,
    rows: u64,
    at: (u64, u64),
}

async fn file(
    cx: &Cx,
    active: &Active,
    source: &Source,
    path: &Path,
    sha256: &str,
    rejects: Rejects,
) -> anyhow::Result<FileSummary> {
    let (sender, mut parcels) = mpsc::channel(4);
    let reader = tokio::task::spawn_blocking({
        let (mapping, zone, now, path) = (source.mapping(), cx.config.city.zone.0, cx.now, path.to_owned());
        move || read(&path, ingest::Context { mapping: &mapping, zone, now }, &sender)
    });
    let mut tx = cx.store.begin().await?;
    let key = tx.source(&source.name).await?;
    let mut sink = Sink {
        tx: IngestTx::new(tx, key).arriving(cx.today()),
        topics: Vec::new(),
        districts: Vec::new(),
        depth: depth_of(&cx.config.source),
        rejects,
        summary: FileSummary {
            file: path.display().to_string(),
            source: source.name.clone(),
            ..Default::default()
        },
    };
    while let Some(parcel) = parcels.recv().await {
        cx.progress.at("ingest", parcel.at.0, parcel.at.1);
        sink.put(parcel).await?;
    }
    cx.progress.done("ingest");
    sink.summary.dropped_columns = reader.await??;
    finish(cx, active, source, sink, sha256).await
}

async fn finish(
    cx: &Cx,
    active: &Active,
    source: &Source,
    sink: Sink,
    sha256: &str,
) -> anyhow::Result<FileSummary> {
    let Sink { tx, mut summary, rejects, .. } = sink;
    summary.rejects_file = rejects.close()?;
    summary.reasons.iter().for_each(|(reason, n)| cx.metrics.rejected(reason, *n));
    let share = summary.rejected as f64 / summary.rows.max(1) as f64;
    if share > source.max_reject_share {
        cx.metrics.ingest_refused();
        bail!(
            "{}: {} of {} rows rejected ({:.1} %, most often {}), more than source.max_reject_share allows: nothing of it \
             was kept. See {}, mend source.mapping or the file, or raise the share",
            summary.file,
            summary.rejected,
            summary.rows,
            100.0 * share,
            summary.reasons.iter().max_by_key(|(_, n)| **n).map_or("", |(reason, _)| reason),
            summary.rejects_file.as_deref().unwrap_or("the log"),
        );
    }
    let (mut tx, tally) = tx.finish().await?;
    summary.tally = tally;
    tx.put_file(&source.name, &summary.file, sha256, active.run).await?;
    tx.hold(&active.lease).await?;
    tx.commit().await?;
    cx.metrics.tickets(tally.added, tally.replaced, tally.duplicates);
    Ok(summary)
}

/// Reads a file on a thread of its own; the columns it never read.
fn read(
    path: &Path,
    context: ingest::Context<'_>,
    out: &mpsc::Sender<Parcel>,
) -> anyhow::Result<Vec<String>> {
    let mut tickets = ingest::open(path, context)?;
    let (mut topics, mut districts) = (0, 0);
    while let Some(batch) = tickets.next_batch(BATCH)? {
        let parcel = Parcel {
            batch,
            topics: tickets.topics()[topics..].to_vec(),
            districts: tickets.districts()[districts..].to_vec(),
            rows: tickets.rows_read,
            at: (tickets.progress().done(), tickets.progress().total()),
        };
        (topics, districts) = (tickets.topics().len(), tickets.districts().len());
        if out.blocking_send(parcel).is_err() {
            // The writer failed and says why itself.
            break;
        }
    }
    Ok(tickets.dropped_columns().to_vec())
}

/// Where a file's tickets go.
struct Sink {
    tx: IngestTx,
    /// Keys in the store by the reader's local index.
    topics: Vec<i32>,
    districts: Vec<i32>,
    depth: (usize, usize),
    rejects: Rejects,
    summary: FileSummary,
}

impl Sink {
    async fn put(&mut self, parcel: Parcel) -> anyhow::Result<()> {
        self.summary.rows = parcel.rows;
        for reject in &parcel.batch.rejects {
            self.summary.rejected += 1;
            *self.summary.reasons.entry(reject.reason.name()).or_default() += 1;
            self.rejects.add(*reject)?;
        }
        let topics = padded(parcel.topics, self.depth.0);
        self.topics.extend(self.tx.tx().intern(Tree::Topics, &topics).await?);
        let districts = padded(parcel.districts, self.depth.1);
        self.districts.extend(self.tx.tx().intern(Tree::Districts, &districts).await?);
        let tickets: Vec<Ticket> = parcel.batch.drafts.into_iter().map(|d| self.ticket(d)).collect();
        Ok(self.tx.put(&tickets).await?)
    }

    fn ticket(&self, draft: Draft) -> Ticket {
        Ticket {
            id: draft.id,
            version: draft.version,
            received: draft.received,
            day: draft.day,
            topic: self.topics[draft.topic as usize],
            district: self.districts[draft.district as usize],
            closed: draft.closed,
            is_repeat: draft.is_repeat,
        }
    }
}

/// Depth of the deepest source in both trees: shallower paths are padded, so that all leaves are at one depth.
fn depth_of(sources: &[Source]) -> (usize, usize) {
    let depth =
        |of: fn(&ingest::Mapping) -> usize| sources.iter().map(|s| of(&s.mapping())).max().unwrap_or(0);
    (depth(|m| m.topic.len()), depth(|m| m.district.len()))
}

fn padded(mut paths: Vec<Vec<String>>, depth: usize) -> Vec<Vec<String>> {
    for path in &mut paths {
        path.resize(depth.max(path.len()), ingest::mapper::UNSPECIFIED.to_owned());
    }
    paths
}

/// The list of rejected rows: line and reason, never their content. Under a temporary name until it is complete.
struct Rejects {
    path: PathBuf,
    part: PathBuf,
    out: Option<csv::Writer<std::fs::File>>,
}

impl Rejects {
    fn new(data: &Path, file: &Path, key: &str) -> Self {
        let stem = file.file_name().unwrap_or_default().to_string_lossy();
        let path = data.join("rejects").join(format!("{key}-{stem}.csv"));
        Self { part: path.with_added_extension("part"), path, out: None }
    }

    fn add(&mut self, reject: Reject) -> anyhow::Result<()> {
        let line = [&*reject.line.to_string(), reject.reason.name()];
        self.out().and_then(|out| Ok(out.write_record(line)?)).with_context(|| self.fault())
    }

    fn out(&mut self) -> std::io::Result<&mut csv::Writer<std::fs::File>> {
        Ok(match &mut self.out {
            Some(out) => out,
            none => {
                self.part.parent().map_or(Ok(()), std::fs::create_dir_all)?;
                let mut out = csv::Writer::from_writer(std::fs::File::create(&self.part)?);
                out.write_record(["line", "reason"])?;
                none.insert(out)
            }
        })
    }

    /// Gives the list its name; `None` when there was nothing to list.
    fn close(mut self) -> anyhow::Result<Option<String>> {
        let Some(mut out) = self.out.take() else { return Ok(None) };
        let written = out.flush().and_then(|()| std::fs::rename(&self.part, &self.path));
        written.with_context(|| self.fault())?;
        Ok(Some(self.path.display().to_string()))
    }

    fn fault(&self) -> String {
        format!("cannot write rejected rows to {}: make room, or mend store.data", self.part.display())
    }
}

impl Drop for Rejects {
    /// A file that was not taken to its end leaves no half list behind.
    fn drop(&mut self) {
        if self.out.is_some() {
            std::fs::remove_file(&self.part).ok();
        }
    }
}
