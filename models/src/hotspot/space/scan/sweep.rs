//! Sums of all windows: every zone x every span, by one pass over the nested zones.
//!
//! The spans of a district are summed once for each replicate. A zone's sums are those of the zone before it and
//! one row more, over a block of spans at a time that stays in registers; nothing is allocated and no logarithm
//! is taken while sweeping.
use super::spans::Spans;
use crate::hotspot::space::Zones;

/// Spans of a block.
pub(super) const LANES: usize = 8;

/// Something to sum: counts, or weighted counts.
pub(super) trait Sum: Copy + PartialOrd + Send + Sync {
    /// Nothing.
    const ZERO: Self;
    /// More than any window holds.
    const NEVER: Self;
    /// Both together; sums of counts were checked to fit.
    fn plus(self, other: Self) -> Self;
    /// One without the other.
    fn minus(self, other: Self) -> Self;
}

impl Sum for i32 {
    const ZERO: Self = 0;
    const NEVER: Self = Self::MAX;
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    fn minus(self, other: Self) -> Self {
        self.wrapping_sub(other)
    }
}

impl Sum for f64 {
    const ZERO: Self = 0.0;
    const NEVER: Self = Self::INFINITY;
    fn plus(self, other: Self) -> Self {
        self + other
    }
    fn minus(self, other: Self) -> Self {
        self - other
    }
}

/// Where windows are and how their sums are laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid<'a> {
    pub zones: &'a Zones,
    pub spans: &'a Spans,
}

/// One value for each window: [`LANES`] spans of a zone together, blocks of spans one after another.
pub(super) type Table<T> = Vec<[T; LANES]>;

impl Grid<'_> {
    /// Blocks of spans.
    fn blocks(&self) -> usize {
        self.spans.as_slice().len().div_ceil(LANES)
    }

    /// Periods of a cell table: those that spans look at.
    pub(super) fn width(&self) -> usize {
        self.spans.periods() - self.spans.first()
    }

    /// Spans of a block, as many as there are.
    fn block(&self, block: usize) -> &[(usize, usize)] {
        let spans = self.spans.as_slice();
        &spans[block * LANES..spans.len().min((block + 1) * LANES)]
    }

    /// The span of a lane in a place of a table; `None` for lanes beyond the last span.
    pub(super) fn span(&self, at: usize, lane: usize) -> Option<(usize, usize)> {
        self.block(at / self.zones.len()).get(lane).copied()
    }

    /// The zone of a place in a table.
    pub(super) fn zone(&self, at: usize) -> usize {
        at % self.zones.len()
    }

    /// Sums the spans of every district. `cells` are districts x [`width`](Self::width) periods; `until` and `rows`
    /// are room to work in, empty at first.
    pub(super) fn rows<T: Sum>(&self, cells: &[T], until: &mut Vec<T>, rows: &mut Table<T>) {
        let (first, width, districts) = (self.spans.first(), self.width(), self.zones.districts());
        until.resize(width + 1, T::ZERO);
        rows.resize(self.blocks() * districts, [T::ZERO; LANES]);
        for district in 0..districts {
            for (t, cell) in cells[district * width..(district + 1) * width].iter().enumerate() {
                until[t + 1] = until[t].plus(*cell);
            }
            for block in 0..self.blocks() {
                let row = &mut rows[block * districts + district];
                for (sum, (from, to)) in row.iter_mut().zip(self.block(block)) {
                    *sum = until[to + 1 - first].minus(until[from - first]);
                }
            }
        }
    }

    /// Calls `visit` with the place of each zone x block and its sums.
    pub(super) fn sweep<T: Sum>(&self, rows: &Table<T>, mut visit: impl FnMut(usize, &[T; LANES])) {
        let districts = self.zones.districts();
        let mut at = 0;
        for rows in rows.chunks_exact(districts.max(1)) {
            for (near, new) in self.zones.centres() {
                let mut sums = [T::ZERO; LANES];
                for (district, new) in near.iter().zip(new) {
                    let row = &rows[*district as usize];
                    sums.iter_mut().zip(row).for_each(|(sum, more)| *sum = sum.plus(*more));
                    if *new {
                        visit(at, &sums);
                        at += 1;
                    }
                }
            }
        }
    }

    /// The sums of all windows.
    pub(super) fn sums<T: Sum>(&self, cells: &[T]) -> Table<T> {
        let (mut rows, mut table) = (Vec::new(), Vec::new());
        self.rows(cells, &mut Vec::new(), &mut rows);
        self.sweep(&rows, |_, sums| table.push(*sums));
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_each_window_alone() {
        let lists: Vec<Vec<usize>> = vec![vec![0, 2, 1], vec![1, 2, 0], vec![2, 0]];
        let zones = Zones::nested(3, &lists).unwrap();
        let spans = Spans::retrospective(9, 1, 4).unwrap();
        let grid = Grid { zones: &zones, spans: &spans };
        let cells: Vec<i32> = (0..27).map(|k| k * k % 11).collect();
        let table = grid.sums(&cells);
        assert_eq!(table.len(), spans.as_slice().len().div_ceil(LANES) * zones.len());
        let mut windows = 0;
        for (at, sums) in table.iter().enumerate() {
            for (lane, sum) in sums.iter().enumerate() {
                let Some((first, last)) = grid.span(at, lane) else {
                    assert_eq!(*sum, 0);
                    continue;
                };
                let members = zones.members(grid.zone(at)).iter();
                let cell = |d: usize| cells[d * 9 + first..=d * 9 + last].iter().sum::<i32>();
                assert_eq!(*sum, members.map(|d| cell(*d as usize)).sum::<i32>());
                windows += 1;
            }
        }
        assert_eq!(windows, zones.len() * spans.as_slice().len());
    }
}
