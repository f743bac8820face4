//! What does not fit in memory while a stage works: blocks of bytes in a file without a name.
//!
//! The file is unlinked as soon as it is made, so the system takes it back however the process ends; it lies in the
//! data folder, which has room for a city, not in a temporary folder that may be memory.
use std::{
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
};

use anyhow::Context;
use weisu_models::forecast::Spill;

use crate::store::{bytes_to_floats, floats_to_bytes};

/// Blocks of bytes, numbered as they come.
#[derive(Debug)]
pub struct Scratch {
    file: File,
    /// Where each block ends.
    ends: Vec<u64>,
}

impl Scratch {
    /// An empty one in `folder`.
    pub fn new(folder: &Path) -> anyhow::Result<Self> {
        let made = std::fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder));
        let file = made.with_context(|| {
            format!(
                "no scratch file in {}: store.data must be a folder that can be written",
                folder.display()
            )
        })?;
        Ok(Self { file, ends: Vec::new() })
    }

    /// Keeps a block; its number.
    pub fn put(&mut self, block: &[u8]) -> anyhow::Result<usize> {
        let end = self.ends.last().copied().unwrap_or(0);
        self.file.seek(SeekFrom::Start(end)).and_then(|_| self.file.write_all(block)).context(
            "scratch file not written: store.data needs some 20 kB a series free while forecasts are made",
        )?;
        self.ends.push(end + block.len() as u64);
        Ok(self.ends.len() - 1)
    }

    /// Reads a block that was kept.
    pub fn get(&self, block: usize) -> anyhow::Result<Vec<u8>> {
        let start = block.checked_sub(1).map_or(0, |before| self.ends[before]);
        let mut bytes = vec![0; (self.ends[block] - start) as usize];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(start))
            .and_then(|_| file.read_exact(&mut bytes))
            .context("scratch file not read")?;
        Ok(bytes)
    }
}

impl Spill for Scratch {
    type Error = anyhow::Error;

    fn put(&mut self, shard: usize, block: Vec<f32>) -> anyhow::Result<()> {
        anyhow::ensure!(shard == self.ends.len(), "shard {shard} is out of turn");
        Self::put(self, &floats_to_bytes(&block)).map(drop)
    }

    fn get(&self, shard: usize) -> anyhow::Result<Vec<f32>> {
        Ok(bytes_to_floats(&Self::get(self, shard)?))
    }
}

/// One block for each node, in any order.
#[derive(Debug)]
pub struct Shelf {
    scratch: Scratch,
    /// Block of each node.
    blocks: Vec<u32>,
}

impl Shelf {
    /// For so many nodes.
    pub fn new(folder: &Path, nodes: usize) -> anyhow::Result<Self> {
        Ok(Self { scratch: Scratch::new(folder)?, blocks: vec![u32::MAX; nodes] })
    }

    /// Keeps the block of a node.
    pub fn put(&mut self, node: usize, block: &[u8]) -> anyhow::Result<()> {
        self.blocks[node] = u32::try_from(self.scratch.put(block)?)?;
        Ok(())
    }

    /// Reads the block of a node.
    pub fn get(&self, node: usize) -> anyhow::Result<Vec<u8>> {
        self.scratch.get(self.blocks[node] as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back_and_nothing_is_left_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::new(folder.path()).unwrap();
        Spill::put(&mut scratch, 0, vec![1.5, f32::INFINITY]).unwrap();
        Spill::put(&mut scratch, 1, Vec::new()).unwrap();
        Spill::put(&mut scratch, 2, vec![-3.0]).unwrap();
        for _ in 0..2 {
            assert_eq!(Spill::get(&scratch, 2).unwrap(), [-3.0]);
            assert_eq!(Spill::get(&scratch, 0).unwrap(), [1.5, f32::INFINITY]);
            assert!(Spill::get(&scratch, 1).unwrap().is_empty());
        }
        assert!(Spill::put(&mut scratch, 7, Vec::new()).is_err());
        // A process that is killed now leaves no file behind.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        std::fs::write(folder.path().join("file"), "").unwrap();
        let error = Scratch::new(&folder.path().join("file")).unwrap_err();
        assert!(error.to_string().contains("store.data"), "{error}");
    }

    #[test]
    fn a_shelf_gives_back_by_node() {
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = Shelf::new(folder.path(), 3).unwrap();
        shelf.put(2, b"two").unwrap();
        shelf.put(0, b"").unwrap();
        shelf.put(1, b"one").unwrap();
        assert_eq!(
            [0, 1, 2].map(|k| shelf.get(k).unwrap()),
            [b"".to_vec(), b"one".to_vec(), b"two".to_vec()]
        );
    }
}
