//! The largest score of each replicate, and what it says about the scores seen.
//!
//! A replicate has a random stream of its own, so the result is the same on any number of threads. The first one is
//! searched window by window. Its score tells a level that most others reach, and those after it a second, higher
//! one that nearly all of the rest reach. At a level a window is only scored when its sum is one that reaches it,
//! which a table tells. A replicate that stays below a level is done again at the lower one, and below both it is
//! searched: every maximum is exact.
use std::ops::Range;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::draw::Draw;
use super::score::Score;
use super::sweep::{Grid, LANES, Sum, Table};

/// Replicates that tell the second level.
const PILOTS: usize = 16;
/// First level as a share of the first maximum.
const FIRST: f64 = 0.75;
/// Scores are equal up to this share of them.
const TIE: f64 = 1e-9;

/// Everything a replicate needs.
pub(super) struct Replicates<'a, S: Score> {
    pub grid: Grid<'a>,
    pub score: &'a S,
    pub draw: &'a Draw<'a, S::Sum>,
    pub seed: u64,
}

/// A score, and the sums that windows need to reach it.
struct Level<T> {
    score: f64,
    sums: Table<T>,
}

/// Room a thread works in.
struct Room<T> {
    deck: Vec<u32>,
    cells: Vec<T>,
    until: Vec<T>,
    rows: Table<T>,
}

impl<T: Sum> Room<T> {
    fn new(cells: usize) -> Self {
        Self { deck: vec![], cells: vec![T::ZERO; cells], until: vec![], rows: vec![] }
    }
}

impl<S: Score> Replicates<'_, S> {
    /// Largest scores of `replicates` draws, in order.
    pub(super) fn maxima(&self, replicates: usize) -> Vec<f64> {
        let (first, pilots) = (replicates.min(1), replicates.min(PILOTS));
        let mut maxima = self.each(0..first, &[]);
        let mut levels: Vec<_> = maxima.first().and_then(|m| self.level(m * FIRST)).into_iter().collect();
        maxima.extend(self.each(first..pilots, &levels));
        let least = maxima.iter().copied().fold(f64::INFINITY, f64::min);
        if levels.first().is_some_and(|level| level.score < least) {
            levels.splice(0..0, self.level(least));
        }
        maxima.extend(self.each(pilots..replicates, &levels));
        maxima
    }

    /// A level is of use when it is above 0, where windows that do not stand out are.
    fn level(&self, score: f64) -> Option<Level<S::Sum>> {
        // The table is taken a little lower, so that rounding leaves no window out that reaches the level.
        (score.is_finite() && score > 0.0)
            .then(|| Level { score, sums: self.score.least(score * (1.0 - 1e-6)) })
    }

    /// Largest scores of some replicates, with `levels` from high to low.
    fn each(&self, replicates: Range<usize>, levels: &[Level<S::Sum>]) -> Vec<f64> {
        let cells = self.grid.zones.districts() * self.grid.width();
        let one = |room: &mut Room<S::Sum>, replicate: usize| {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(replicate as u64);
            (self.draw)(&mut rng, &mut room.deck, &mut room.cells);
            self.grid.rows(&room.cells, &mut room.until, &mut room.rows);
            self.largest(&room.rows, levels)
        };
        replicates.into_par_iter().map_init(|| Room::new(cells), one).collect()
    }

    fn largest(&self, rows: &Table<S::Sum>, levels: &[Level<S::Sum>]) -> f64 {
        let reached =
            |level: &Level<_>| Some(self.reach(rows, &level.sums)).filter(|best| *best >= level.score);
        levels.iter().find_map(reached).unwrap_or_else(|| self.search(rows))
    }

    /// The largest score of all windows.
    fn search(&self, rows: &Table<S::Sum>) -> f64 {
        let mut best = S::FLOOR;
        self.grid.sweep(rows, |at, sums| {
            for (lane, sum) in sums.iter().enumerate() {
                if self.score.may_exceed(at, lane, *sum, best) {
                    best = best.max(self.score.score(at, lane, *sum));
                }
            }
        });
        best
    }

    /// The largest score of the windows that hold at least so much.
    fn reach(&self, rows: &Table<S::Sum>, least: &Table<S::Sum>) -> f64 {
        let mut best = S::FLOOR;
        self.grid.sweep(rows, |at, sums| {
            let least = &least[at];
            // All lanes without a branch, so that they are compared together.
            if (0..LANES).fold(false, |hit, lane| hit | (sums[lane] >= least[lane])) {
                for lane in (0..LANES).filter(|lane| sums[*lane] >= least[*lane]) {
                    best = best.max(self.score.score(at, lane, sums[lane]));
                }
            }
        });
        best
    }
}

/// Probability of a score at least as high without a cluster: `(1 + replicates that reach it) / (1 + replicates)`
/// (M. Dwass 1957).
pub(super) fn rank_p(score: f64, maxima: &[f64]) -> f64 {
    let reached = maxima.iter().filter(|m| **m >= score - TIE * score.abs()).count();
    (1 + reached) as f64 / (1 + maxima.len()) as f64
}

/// The same from a Gumbel distribution with the mean and standard deviation of the maxima, which tells more of
/// small probabilities than ranks can (A. M. Abrams, K. Kleinman and M. Kulldorff, Int. J. Health Geogr. 2010).
/// `None` with fewer than two maxima or when all are equal.
pub(super) fn gumbel_p(score: f64, maxima: &[f64]) -> Option<f64> {
    const EULER: f64 = 0.577_215_664_901_532_9;
    let n = maxima.len() as f64;
    let mean = maxima.iter().sum::<f64>() / n;
    let variance = maxima.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let scale = (6.0 * variance).sqrt() / std::f64::consts::PI;
    let above = (score - (mean - EULER * scale)) / scale;
    (scale > 0.0 && above.is_finite()).then(|| -(-(-above).exp()).exp_m1())
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::hotspot::space::Zones;
    use crate::hotspot::space::scan::problem::{Problem, Setup};
    use crate::hotspot::space::scan::{Data, Spans};

    fn check<S: Score>(grid: Grid<'_>, setup: &Setup<S>) {
        let replicates = Replicates { grid, score: &setup.score, draw: &setup.draw, seed: 5 };
        let searched = replicates.each(0..400, &[]);
        assert!(searched.iter().any(|m| *m > 2.0) && searched[0] != searched[1], "{searched:?}");
        assert_eq!(replicates.maxima(400), searched);
        assert_eq!([replicates.maxima(0), replicates.maxima(1)], [&searched[..0], &searched[..1]]);
    }

    #[test]
    fn maxima_by_levels_are_those_of_a_search() {
        let around = |centre: usize| (0..9).map(|k| (centre * 5 + k * 7) % 17).collect();
        let zones = Zones::nested(17, &(0..17).map(around).collect::<Vec<_>>()).unwrap();
        let spans = Spans::retrospective(12, 1, 6).unwrap();
        let grid = Grid { zones: &zones, spans: &spans };
        let counts = ndarray::Array2::from_shape_fn((17, 12), |(i, t)| ((i * 5 + t * 3) % 4) as f64);
        let baseline = counts.mapv(|y| y + 0.2);
        let scans = [
            Data::permutation(&counts),
            Data::poisson(&counts, &baseline),
            Data::expectation_poisson(&counts, &baseline),
            Data::expectation_negative_binomial(&counts, &baseline, &[1.0; 17]),
        ];
        for data in scans {
            match Problem::new(&data.unwrap(), grid, 2) {
                Problem::Counted(setup) => check(grid, &setup),
                Problem::Weighted(setup) => check(grid, &setup),
            }
        }
    }

    #[test]
    fn ranks_count_the_score_itself_and_ties() {
        let maxima = [1.0, 2.0, 3.0, 4.0];
        assert_eq!([5.0, 4.0, 2.5, 0.0].map(|s| rank_p(s, &maxima)), [0.2, 0.4, 0.6, 1.0]);
        assert_eq!(rank_p(3.0, &[]), 1.0);
    }

    #[test]
    fn gumbel_quantiles_come_back() {
        let quantile = |p: f64| 5.0 - 2.0 * (-p.ln()).ln();
        let maxima: Vec<f64> = (0..5000).map(|k| quantile((f64::from(k) + 0.5) / 5000.0)).collect();
        for p in [0.5, 0.01, 1e-5] {
            let got = gumbel_p(quantile(1.0 - p), &maxima).unwrap();
            assert!((got / p - 1.0).abs() < 0.05, "{got} for {p}");
        }
        assert_eq!([gumbel_p(1.0, &[]), gumbel_p(1.0, &[2.0]), gumbel_p(1.0, &[2.0; 9])], [None; 3]);
    }
}
