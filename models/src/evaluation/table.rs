//! A whole backtest of one model: tallies by level and band.
use std::collections::BTreeMap;

use serde::Serialize;

use super::{Accuracy, Band, Relative, Scale, Tally, mean::Mean};
use crate::{forecast::NodeForecast, hierarchy::Level};

/// Scores of one level in one band; the mean over levels where `level` is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Row {
    /// Level of the hierarchy; `None` = all, each weighing the same.
    pub level: Option<Level>,
    /// Leads scored.
    pub band: Band,
    /// The scores.
    #[serde(flatten)]
    pub accuracy: Accuracy,
    /// Against the seasonal naive.
    #[serde(flatten)]
    pub relative: Relative,
    /// Largest difference between the total and the sum of the cells, relative to the mean total; over all levels only.
    pub incoherence: Option<f64>,
}

/// Collects the scores of one model over series and origins; its size does not grow with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Board {
    bands: Vec<Band>,
    levels: BTreeMap<Level, Vec<Tally>>,
    sums: Vec<Sums>,
}

/// How far the cells' sums are from the totals in one band.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    worst: f64,
    total: Mean,
}

impl Board {
    /// An empty board of `bands`.
    pub fn new(bands: Vec<Band>) -> Self {
        let sums = vec![Sums::default(); bands.len()];
        Self { bands, levels: BTreeMap::new(), sums }
    }

    /// Adds one series of a level from one origin: counts from the first lead on (NaN = unknown) and its forecast.
    pub fn push(&mut self, level: Level, actual: &[f64], forecast: &NodeForecast, scale: Option<Scale>) {
        let empty = || vec![Tally::default(); self.bands.len()];
        let tallies = self.levels.entry(level).or_insert_with(empty);
        for (band, tally) in self.bands.iter().zip(tallies) {
            tally.push(band.of(actual), band.of(&forecast.mean), band.of(&forecast.quantiles), scale);
        }
    }

    /// Holds the means of the total from one origin against the sums of the cells' means.
    pub fn push_sums(&mut self, total: &[f64], cells: &[f64]) {
        for (band, sums) in self.bands.iter().zip(&mut self.sums) {
            for (total, cells) in band.of(total).iter().zip(band.of(cells)) {
                sums.worst = sums.worst.max((total - cells).abs());
                sums.total.push(*total);
            }
        }
    }

    /// Adds what another board of the same bands has seen.
    pub fn merge(&mut self, other: &Self) {
        for (level, tallies) in &other.levels {
            let empty = || vec![Tally::default(); tallies.len()];
            let ours = self.levels.entry(*level).or_insert_with(empty);
            ours.iter_mut().zip(tallies).for_each(|(a, b)| a.merge(b));
        }
        for (ours, theirs) in self.sums.iter_mut().zip(&other.sums) {
            ours.worst = ours.worst.max(theirs.worst);
            ours.total.merge(theirs.total);
        }
    }

    /// Every level and their mean in every band, against the `naive` forecast of the same series and origins.
    pub fn rows(&self, naive: &Self) -> Vec<Row> {
        (0..self.bands.len()).flat_map(|at| self.band_rows(at, naive)).collect()
    }

    fn band_rows(&self, at: usize, naive: &Self) -> Vec<Row> {
        let band = self.bands[at];
        let pair = |(level, tallies): (&Level, &Vec<Tally>)| {
            let naive = naive
                .levels
                .get(level)
                .and_then(|t| t.get(at))
                .map_or_else(Accuracy::default, Tally::accuracy);
            (*level, (tallies[at].accuracy(), naive))
        };
        let levels: Vec<(Level, (Accuracy, Accuracy))> =
            self.levels.iter().map(pair).filter(|(_, (ours, _))| ours.n > 0).collect();
        if levels.is_empty() {
            return Vec::new();
        }
        let pairs: Vec<(Accuracy, Accuracy)> = levels.iter().map(|(_, pair)| *pair).collect();
        let ours: Vec<Accuracy> = pairs.iter().map(|(ours, _)| *ours).collect();
        let sums = &self.sums[at];
        let all = Row {
            level: None,
            band,
            accuracy: Accuracy::mean(&ours),
            relative: Relative::new(&pairs),
            incoherence: sums.total.value().filter(|mean| *mean > 0.0).map(|mean| sums.worst / mean),
        };
        let each = levels.into_iter().map(|(level, pair)| Row {
            level: Some(level),
            band,
            accuracy: pair.0,
            relative: Relative::new(&[pair]),
            incoherence: None,
        });
        std::iter::once(all).chain(each).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(mean: f64, leads: usize) -> NodeForecast {
        NodeForecast { mean: vec![mean; leads], quantiles: vec![[mean; 5]; leads] }
    }

    fn board(mean: f64) -> Board {
        let mut board = Board::new(Band::days(14));
        let scale = Some(Scale { absolute: 1.0, squared: 1.0 });
        let level = |topic, district| Level { topic, district };
        board.push(level(0, 0), &[12.0; 14], &flat(mean, 14), scale);
        board.push(level(1, 1), &[12.0; 14], &flat(mean, 14), scale);
        board.push(level(1, 1), &[12.0; 14], &flat(mean, 14), scale);
        board
    }

    #[test]
    fn levels_weigh_the_same_and_are_held_against_the_naive() {
        let (ours, naive) = (board(11.0), board(8.0));
        let rows = ours.rows(&naive);
        let names: Vec<String> =
            rows.iter().map(|r| format!("{} {:?}", r.band, r.level.map(|l| l.topic))).collect();
        assert_eq!(names[..4], ["all None", "all Some(0)", "all Some(1)", "1-7 None"]);
        assert_eq!(rows.len(), 9);
        assert_eq!((rows[0].accuracy.n, rows[2].accuracy.n), (3, 2));
        assert_eq!(rows[0].accuracy.mase, Some(1.0));
        for rel in [rows[0].relative.rel_mase, rows[0].relative.rel_all, rows[1].relative.rel_wql] {
            assert!((rel.unwrap() - 0.25).abs() < 1e-12);
        }
    }

    #[test]
    fn parts_merge_to_the_whole_and_sums_that_differ_are_seen() {
        let mut whole = board(11.0);
        whole.merge(&board(11.0));
        whole.push_sums(&[10.0; 14], &[10.0; 14]);
        let rows = whole.rows(&whole);
        assert_eq!((rows[0].accuracy.n, rows[0].incoherence), (6, Some(0.0)));
        let mut cells = [10.0; 14];
        cells[9] = 11.0;
        whole.push_sums(&[10.0; 14], &cells);
        let rows = whole.rows(&whole);
        assert_eq!(
            (rows[0].incoherence, rows[3].incoherence, rows[6].incoherence),
            (Some(0.1), Some(0.0), Some(0.1))
        );
        assert!(Board::new(Band::days(14)).rows(&whole).is_empty());
    }
}
