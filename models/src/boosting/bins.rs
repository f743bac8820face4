//! Features as small integers: up to 64 bins of about equal numbers of rows.
use super::Rows;

/// Bins of a feature at most.
pub const MAX: usize = 64;
/// Rows looked at for the edges.
const SAMPLE: usize = 20_000;

/// Binned rows, and the edges between bins.
#[derive(Debug)]
pub struct Bins {
    values: Vec<u8>,
    pub width: usize,
    /// Per feature: bin b holds values above `edges[b - 1]` and at most `edges[b]`.
    pub edges: Vec<Vec<f32>>,
}

impl Bins {
    pub fn new(rows: Rows<'_>) -> Self {
        let step = rows.len().div_ceil(SAMPLE).max(1);
        let edges: Vec<Vec<f32>> = (0..rows.width)
            .map(|k| edges((0..rows.len()).step_by(step).map(|i| rows.row(i)[k]).collect()))
            .collect();
        let values = (0..rows.len())
            .flat_map(|i| {
                rows.row(i).iter().zip(&edges).map(|(v, e)| e.partition_point(|edge| edge < v) as u8)
            })
            .collect();
        Self { values, width: rows.width, edges }
    }

    pub fn row(&self, i: usize) -> &[u8] {
        &self.values[i * self.width..(i + 1) * self.width]
    }
}

/// Upper ends of all bins but the last.
fn edges(mut values: Vec<f32>) -> Vec<f32> {
    values.sort_unstable_by(f32::total_cmp);
    let n = values.len();
    let mut edges: Vec<f32> = (1..MAX).filter_map(|b| values.get(b * n / MAX).copied()).collect();
    edges.dedup();
    // A bin above the largest value would be empty.
    if edges.last().is_some_and(|last| values.last().is_some_and(|max| last >= max)) {
        edges.pop();
    }
    edges
}
