//! Scans: is there anywhere and anytime a cluster, counting all places and times looked at?
//!
//! Every zone x span is a window with a score (see `score`). The highest one is the most likely cluster; how often
//! data without a cluster reach its score tells its probability, so that looking at a million windows costs no
//! false alarms (M. Kulldorff, *A spatial scan statistic*, 1997; prospective: JRSS A 2001).
use ndarray::s;
use serde::{Deserialize, Serialize};

mod data;
mod draw;
mod monte_carlo;
mod problem;
mod score;
mod spans;
mod sweep;

pub use data::{Data, InvalidData, expected_of_population};
pub use spans::{InvalidSpans, Spans};

use super::Zones;
use data::Null;
use monte_carlo::{Replicates, gumbel_p, rank_p};
use problem::{Problem, Setup};
use score::Score;
use sweep::Grid;

/// How a scan is done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Draws without a cluster that the scores are ranked among. 999 tell probabilities down to 0.001.
    pub replicates: usize,
    /// Seed of the draws.
    pub seed: u64,
    /// Fewest cases of a cluster; the negative binomial scan has no such limit.
    pub min_cases: u32,
    /// Most clusters reported: the most likely one, and others that share no district with a higher one.
    pub clusters: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { replicates: 999, seed: 1, min_cases: 2, clusters: 10 }
    }
}

/// Zones or spans of other data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("zones and spans are of {scanned:?} districts and periods, data of {data:?}")]
pub struct Mismatch {
    /// Districts of the zones and periods of the spans.
    pub scanned: (usize, usize),
    /// Districts and periods of the data.
    pub data: (usize, usize),
}

/// A window and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// The zone.
    pub zone: usize,
    /// First period.
    pub first: usize,
    /// Last period.
    pub last: usize,
    /// Cases in it.
    pub observed: u64,
    /// Cases expected in it.
    pub expected: f64,
    /// Log-likelihood ratio, or efficient score for the negative binomial scan.
    pub score: f64,
}

/// A cluster found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// District it lies around.
    pub centre: usize,
    /// Its districts, nearest to the centre first.
    pub districts: Vec<usize>,
    /// First period.
    pub first: usize,
    /// Last period.
    pub last: usize,
    /// Cases in it.
    pub observed: u64,
    /// Cases expected in it.
    pub expected: f64,
    /// Log-likelihood ratio, or efficient score for the negative binomial scan.
    pub score: f64,
    /// Probability that the highest score of a scan without clusters is as high, by rank among the replicates.
    pub p_value: f64,
    /// The same from a Gumbel distribution of the replicates' scores; absent without replicates.
    pub gumbel_p_value: Option<f64>,
}

impl Cluster {
    /// Days until a cluster as unlikely is expected by chance, when a scan is done every `days`: `days / p`.
    /// With 999 replicates and a scan a day it is at most 1000 days.
    pub fn recurrence_interval(&self, days: f64) -> f64 {
        days / self.p_value
    }
}

/// What a scan found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Clusters by falling score, no district in two of them.
    pub clusters: Vec<Cluster>,
    /// Highest score of each replicate.
    pub maxima: Vec<f64>,
}

/// Scans data for clusters; none are found where no window stands out. The same seed gives the same bytes on any
/// number of threads.
///
/// ```
/// use ndarray::Array2;
/// use weisu_models::hotspot::space::{Places, ZoneLimits, Zones, scan};
/// let places = Places::on_plane(&[(0.0, 0.0), (1.0, 0.0), (2.5, 0.0), (4.5, 0.0), (7.0, 0.0)]).unwrap();
/// let mut counts = Array2::from_elem((5, 14), 2.0);
/// counts[(1, 13)] = 12.0;
/// let data = scan::Data::permutation(&counts).unwrap();
/// let zones = Zones::circles(&places, &data.cases(), ZoneLimits::default()).unwrap();
/// let spans = scan::Spans::prospective(14, 1, 7).unwrap();
/// let found = scan::scan(&data, &zones, &spans, &scan::Settings::default()).unwrap();
/// let most_likely = &found.clusters[0];
/// assert_eq!((&most_likely.districts[..], most_likely.first), (&[1][..], 13));
/// assert!(most_likely.p_value < 0.01 && most_likely.recurrence_interval(1.0) > 100.0);
/// ```
pub fn scan(data: &Data, zones: &Zones, spans: &Spans, settings: &Settings) -> Result<Found, Mismatch> {
    let grid = check(data, zones, spans)?;
    Ok(match Problem::new(data, grid, settings.min_cases) {
        Problem::Counted(setup) => find(data, grid, &setup, settings),
        Problem::Weighted(setup) => find(data, grid, &setup, settings),
    })
}

/// Scores of all windows, zone after zone within blocks of spans.
pub fn windows(data: &Data, zones: &Zones, spans: &Spans, min_cases: u32) -> Result<Vec<Window>, Mismatch> {
    let grid = check(data, zones, spans)?;
    Ok(match Problem::new(data, grid, min_cases) {
        Problem::Counted(setup) => scored(data, grid, &setup),
        Problem::Weighted(setup) => scored(data, grid, &setup),
    })
}

fn check<'a>(data: &Data, zones: &'a Zones, spans: &'a Spans) -> Result<Grid<'a>, Mismatch> {
    let (scanned, data) = ((zones.districts(), spans.periods()), data.counts.dim());
    if scanned == data { Ok(Grid { zones, spans }) } else { Err(Mismatch { scanned, data }) }
}

fn find<S: Score>(data: &Data, grid: Grid<'_>, setup: &Setup<S>, settings: &Settings) -> Found {
    let replicates = Replicates { grid, score: &setup.score, draw: &setup.draw, seed: settings.seed };
    let maxima = replicates.maxima(settings.replicates);
    let mut taken = vec![false; grid.zones.districts()];
    let mut clusters = Vec::new();
    for (score, zone, (first, last)) in best_spans(grid, setup) {
        if clusters.len() == settings.clusters {
            break;
        }
        let members = grid.zones.members(zone);
        if members.iter().any(|d| taken[*d as usize]) {
            continue;
        }
        members.iter().for_each(|d| taken[*d as usize] = true);
        let (observed, expected) = content(data, members, first, last);
        let (p_value, gumbel_p_value) = (rank_p(score, &maxima), gumbel_p(score, &maxima));
        let districts = members.iter().map(|d| *d as usize).collect();
        let centre = grid.zones.centre(zone);
        clusters.push(Cluster {
            centre,
            districts,
            first,
            last,
            observed,
            expected,
            score,
            p_value,
            gumbel_p_value,
        });
    }
    Found { clusters, maxima }
}

/// The best span of each zone that stands out, by falling score; of equals the smallest zone comes first.
fn best_spans<S: Score>(grid: Grid<'_>, setup: &Setup<S>) -> Vec<(f64, usize, (usize, usize))> {
    let mut best = vec![(0.0, (0, 0)); grid.zones.len()];
    each_window(grid, setup, |at, _, span, score| {
        let best = &mut best[grid.zone(at)];
        if score > best.0 {
            *best = (score, span);
        }
    });
    let best = best.into_iter().enumerate().filter(|(_, (score, _))| *score > 0.0);
    let mut best: Vec<_> = best.map(|(zone, (score, span))| (score, zone, span)).collect();
    let len = |zone: usize| grid.zones.members(zone).len();
    best.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| (len(a.1), a.1).cmp(&(len(b.1), b.1))));
    best
}

fn scored<S: Score>(data: &Data, grid: Grid<'_>, setup: &Setup<S>) -> Vec<Window> {
    let (observed, expected) = (grid.sums(&setup.counts), problem::expected(data, grid));
    let mut windows = Vec::with_capacity(grid.zones.len() * grid.spans.as_slice().len());
    each_window(grid, setup, |at, lane, (first, last), score| {
        let (observed, expected) = (observed[at][lane] as u64, expected[at][lane]);
        windows.push(Window { zone: grid.zone(at), first, last, observed, expected, score });
    });
    windows
}

fn each_window<S: Score>(
    grid: Grid<'_>,
    setup: &Setup<S>,
    mut visit: impl FnMut(usize, usize, (usize, usize), f64),
) {
    for (at, sums) in grid.sums(&setup.cells).iter().enumerate() {
        for (lane, sum) in sums.iter().enumerate() {
            if let Some(span) = grid.span(at, lane) {
                visit(at, lane, span, setup.score.score(at, lane, *sum));
            }
        }
    }
}

/// Cases in a window, and those expected.
fn content(data: &Data, members: &[u32], first: usize, last: usize) -> (u64, f64) {
    let counted = |from, to| -> u64 {
        let row = |d: &u32| {
            data.counts.slice(s![*d as usize, from..=to]).iter().map(|y| u64::from(*y)).sum::<u64>()
        };
        members.iter().map(row).sum()
    };
    let expected = match &data.null {
        Null::Permutation => {
            let late: u64 = data.counts.slice(s![.., first..=last]).iter().map(|y| u64::from(*y)).sum();
            counted(0, data.counts.ncols() - 1) as f64 * late as f64 / data.total().max(1.0)
        }
        Null::Conditional(e) | Null::Poisson(e) | Null::NegativeBinomial(e, _) => {
            members.iter().map(|d| e.slice(s![*d as usize, first..=last]).sum()).sum()
        }
    };
    (counted(first, last), expected)
}
