//! A city's panel, read from the store a shard at a time.
//!
//! A shard is a run of cells of whole leaf topics. Its counts come from the store once, topic by topic along the key
//! of the table, and then wait in a scratch file for the next pass: later passes see the same counts, whatever is
//! ingested meanwhile. What stays in memory is the index of the series, some 200 bytes each.
use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, bail};
use chrono::NaiveDate;
use ndarray::{Array2, CowArray, Ix2};
use rustc_hash::FxHashMap;
use tokio::runtime::Handle;
use weisu_models::series::Cells;

use super::{Cx, scratch::Scratch};
use crate::{
    aggregate::{self, Index},
    store::{SourceDay, Store, Tree},
    ticket::{Basis, Day},
};

/// Cells of a shard, about: a topic is never cut.
const CELLS: usize = 1024;

/// The panel of a basis over its days.
#[derive(Debug)]
pub struct Shards {
    /// Its series.
    pub index: Index,
    /// Last day.
    pub to: Day,
    from: Day,
    basis: Basis,
    ranges: Vec<Range<usize>>,
    /// Per shard, the sources and leaf topics that count in it.
    topics: Vec<Vec<(i32, i32)>>,
    /// Per shard, cells with the columns that are unknown.
    unknown: Vec<Vec<(u32, i32)>>,
    gaps: FxHashMap<i32, Vec<usize>>,
    store: Store,
    runtime: Handle,
    read: Mutex<Read>,
}

/// What has been read from the store.
#[derive(Debug)]
struct Read {
    scratch: Scratch,
    /// Block of each shard.
    blocks: Vec<Option<usize>>,
}

/// First and last day of the panels: closed days, as many as the configuration says.
pub fn span(days: &[SourceDay], history: i32) -> anyhow::Result<(Day, Day)> {
    let Some(to) = aggregate::watermark(days) else {
        bail!("no closed day of tickets yet: run `weisu ingest FILE…` and `weisu once` first");
    };
    let first = days.iter().map(|d| d.day).min().unwrap_or(to);
    Ok((first.max(to.plus(1 - history)), to))
}

impl Shards {
    /// The panel of a basis up to the last closed day; an error says what to do when there is none.
    pub async fn open(cx: &Cx, basis: Basis) -> anyhow::Result<Self> {
        let days = cx.store.source_days().await?;
        let (from, to) = span(&days, cx.config.forecast.history_days as i32)?;
        let (leaves, topics, districts, sources) = tokio::try_join!(
            cx.store.counted(from, to),
            cx.store.tree(Tree::Topics),
            cx.store.tree(Tree::Districts),
            cx.store.cell_sources(),
        )?;
        let depth = (cx.config.forecast.topic_depth, cx.config.forecast.district_depth);
        let index = Index::new(leaves.iter().copied(), (&topics, &districts), depth);
        let gaps = aggregate::gaps(&days, from, to);
        let ranges = ranges(&index);
        let mut topics = vec![Vec::new(); ranges.len()];
        let mut unknown = vec![Vec::new(); ranges.len()];
        for (topic, district, source) in sources {
            let Some(cell) = index.cell(topic, district) else { continue };
            let shard = ranges.partition_point(|range| range.end <= cell);
            topics[shard].push((source, topic));
            if gaps.contains_key(&source) {
                unknown[shard].push((cell as u32, source));
            }
        }
        for topics in &mut topics {
            topics.sort_unstable();
            topics.dedup();
        }
        let scratch = Scratch::new(&cx.config.store.data)?;
        let read = Mutex::new(Read { scratch, blocks: vec![None; ranges.len()] });
        let (store, runtime) = (cx.store.clone(), Handle::current());
        Ok(Self { index, to, from, basis, ranges, topics, unknown, gaps, store, runtime, read })
    }

    fn shape(&self, shard: usize) -> (usize, usize) {
        (self.ranges[shard].len(), self.days())
    }

    fn read(&self, shard: usize) -> anyhow::Result<Array2<f32>> {
        let range = &self.ranges[shard];
        let mut counts = Array2::zeros(self.shape(shard));
        for (source, topic) in &self.topics[shard] {
            let rows = self.store.counts_of(self.basis, (*source, *topic), self.from, self.to);
            for (district, day, n) in self.runtime.block_on(rows)? {
                // A cell that has come into being since the index was read waits for the next run.
                if let Some(cell) = self.index.cell(*topic, district).filter(|cell| range.contains(cell)) {
                    counts[(cell - range.start, (day - self.from.0) as usize)] += n as f32;
                }
            }
        }
        for (cell, source) in &self.unknown[shard] {
            for column in self.gaps.get(source).into_iter().flatten() {
                counts[(*cell as usize - range.start, *column)] = f32::NAN;
            }
        }
        Ok(counts)
    }
}

impl Cells for Shards {
    type Error = anyhow::Error;

    fn start(&self) -> NaiveDate {
        self.from.date()
    }

    fn days(&self) -> usize {
        usize::try_from(self.to.0 - self.from.0 + 1).unwrap_or(0)
    }

    fn shards(&self) -> Vec<Range<usize>> {
        self.ranges.clone()
    }

    fn load(&self, shard: usize) -> anyhow::Result<CowArray<'_, f32, Ix2>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = read.blocks[shard] {
            return Ok(dense(&read.scratch.get(block)?, self.shape(shard))?.into());
        }
        let counts = self.read(shard)?;
        read.blocks[shard] = Some(read.scratch.put(&sparse(&counts))?);
        Ok(counts.into())
    }
}

/// Runs of whole leaf topics; cells stand in the order of their topics.
fn ranges(index: &Index) -> Vec<Range<usize>> {
    let cells = &index.hierarchy.cells;
    let mut out = Vec::new();
    let mut start = 0;
    for i in 1..=cells.len() {
        let ends = i == cells.len() || i - start >= CELLS && cells[i].topic != cells[i - 1].topic;
        if ends {
            out.push(start..i);
            start = i;
        }
    }
    if out.is_empty() {
        out.push(0..0);
    }
    out
}

/// Position and value of what is not zero.
fn sparse(counts: &Array2<f32>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, value) in (0_u32..).zip(counts).filter(|(_, v)| **v != 0.0) {
        bytes.extend_from_slice(&at.to_le_bytes());
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    bytes
}

fn dense(bytes: &[u8], shape: (usize, usize)) -> anyhow::Result<Array2<f32>> {
    let mut flat = vec![0.0; shape.0 * shape.1];
    for [a, b, c, d, value @ ..] in bytes.as_chunks::<8>().0 {
        flat[u32::from_le_bytes([*a, *b, *c, *d]) as usize] = f32::from_le_bytes(*value);
    }
    Array2::from_shape_vec(shape, flat).context("scratch file not read")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::TreeNode;

    #[test]
    fn what_is_not_zero_comes_back() {
        let counts = ndarray::arr2(&[[0.0, 3.0, f32::NAN], [0.0, 0.0, 0.5]]);
        let back = dense(&sparse(&counts), (2, 3)).unwrap();
        assert_eq!(format!("{back}"), format!("{counts}"));
        assert_eq!(sparse(&counts).len(), 3 * 8);
    }

    #[test]
    fn topics_are_not_cut() {
        let node = |id, parent, depth| TreeNode { id, parent, depth, name: String::new() };
        let topics: Vec<TreeNode> = (1..=30).map(|id| node(id, 0, 1)).collect();
        let districts: Vec<TreeNode> = (1..=100).map(|id| node(id, 0, 1)).collect();
        let leaves = (1..=30).flat_map(|t| (1..=100).map(move |d| (t, d)));
        let index = Index::new(leaves, (&topics, &districts), (1, 1));
        assert_eq!(ranges(&index), [0..1100, 1100..2200, 2200..3000]);
        assert_eq!(
            ranges(&Index::new(std::iter::empty(), (&[], &[]), (1, 1))),
            vec![Range { start: 0, end: 0 }]
        );
    }
}
