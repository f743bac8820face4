//! Where forecasts wait between the passes over a panel that is larger than memory.
use std::convert::Infallible;

/// Keeps a block of numbers per shard, written once and read some times.
pub trait Spill {
    /// Why a block could not be kept or read.
    type Error;

    /// Keeps the block of a shard; shards come in ascending order.
    ///
    /// # Errors
    /// Those of where blocks are kept.
    fn put(&mut self, shard: usize, block: Vec<f32>) -> Result<(), Self::Error>;

    /// A copy of the block of a shard that was kept.
    ///
    /// # Errors
    /// Those of where blocks are kept.
    fn get(&self, shard: usize) -> Result<Vec<f32>, Self::Error>;
}

/// Keeps blocks in memory.
#[derive(Debug, Clone, Default)]
pub struct InMemory {
    blocks: Vec<Vec<f32>>,
}

impl Spill for InMemory {
    type Error = Infallible;

    fn put(&mut self, shard: usize, block: Vec<f32>) -> Result<(), Infallible> {
        self.blocks.resize(self.blocks.len().max(shard + 1), Vec::new());
        self.blocks[shard] = block;
        Ok(())
    }

    fn get(&self, shard: usize) -> Result<Vec<f32>, Infallible> {
        Ok(self.blocks.get(shard).cloned().unwrap_or_default())
    }
}
