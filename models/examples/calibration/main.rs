//! The engine from many past origins of several panels: what carries over, and whether the bands hold what they say.
//!
//! `cargo run --release -p weisu-models --example calibration -- [FOLDER …] [--origins N] [--step DAYS] [--last DATE]`
//! reads panels as `tests/compare/cuts.py` writes them, the development panel of `../shared` when none is named; 23
//! origins four weeks apart, the last of them the latest that can be scored. One line a level: scores relative to the
//! seasonal naive, days inside the 80 % and 95 % band, and the same by randomised PIT, that is without the width that a
//! band of few counts has because counts are whole; then the share of days below and above the 80 % band by PIT, which
//! are 10 % each where mean and dispersion are right. The last lines hold each origin by itself.
#![allow(clippy::print_stdout)]
use std::{collections::BTreeMap, path::PathBuf};

use chrono::NaiveDate;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use weisu_models::{
    evaluation::{Band, Board, Row, WEEK, reference::seasonal_naive, scales},
    forecast::{Horizon, NodeFit, NodeForecast, PanelFit, PanelForecast, Params, fit, forecast},
    hierarchy::Level,
    intervals::{Predictive, dispersion::growth_at},
};

#[path = "../../tests/support/folder.rs"]
mod folder;
use folder::City;

const DAYS: usize = 28;

/// What to score.
struct Asked {
    folders: Vec<PathBuf>,
    origins: usize,
    step: usize,
    last: Option<NaiveDate>,
}

impl Asked {
    fn read() -> Option<Self> {
        let mut asked = Self { folders: Vec::new(), origins: 23, step: 28, last: None };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--origins" => asked.origins = words.next()?.parse().ok()?,
                "--step" => asked.step = words.next()?.parse().ok()?,
                "--last" => asked.last = Some(words.next()?.parse().ok()?),
                _ => asked.folders.push(word.into()),
            }
        }
        if asked.folders.is_empty() {
            asked.folders.push(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/panel_dev"));
        }
        Some(asked)
    }

    /// Positions of the last known days, ascending.
    fn positions(&self, (panel, ..): &City) -> Vec<usize> {
        let latest = panel.days().saturating_sub(1 + DAYS);
        let last = self.last.map_or(latest, |day| (day - panel.start).num_days().max(0) as usize);
        (0..self.origins).rev().filter_map(|k| last.min(latest).checked_sub(k * self.step)).collect()
    }
}

/// Scores and PITs of some origins.
struct Scored {
    ours: Board,
    naive: Board,
    pits: BTreeMap<Level, Vec<f64>>,
}

impl Scored {
    fn new() -> Self {
        let board = || Board::new(Band::days(DAYS).into_iter().filter(|band| band.whole).collect());
        Self { ours: board(), naive: board(), pits: BTreeMap::new() }
    }

    fn at(city: &City, origin: usize) -> Self {
        let (panel, hierarchy, calendar) = city;
        let known = panel.until(panel.date(origin));
        let fitted = fit(&known, hierarchy, calendar, &Params::default(), &|_| ());
        let horizon = Horizon { days: DAYS, months: 0 };
        let made = forecast(&known, hierarchy, calendar, &fitted, horizon, &|_| ());
        let mut scored = Self::new();
        (0..hierarchy.nodes.len()).for_each(|node| scored.push(city, origin, node, &fitted, &made));
        scored
    }

    fn push(&mut self, city: &City, origin: usize, node: usize, fitted: &PanelFit, made: &PanelForecast) {
        let (panel, hierarchy, _) = city;
        let (y, level) = (hierarchy.series(panel, node), hierarchy.nodes[node].level);
        let came: Vec<f64> = y[origin + 1..=origin + DAYS].iter().map(|v| f64::from(*v)).collect();
        let scale = scales(&y, &[origin])[0];
        self.ours.push(level, &came, &made.daily[node], scale);
        self.naive.push(level, &came, &seasonal_naive(&y[..=origin], WEEK, 0, DAYS, scale), scale);
        let seed = (origin * hierarchy.nodes.len() + node) as u64;
        self.pits.entry(level).or_default().extend(pits(&came, &made.daily[node], &fitted.nodes[node], seed));
    }

    fn merge(&mut self, other: &Self) {
        self.ours.merge(&other.ours);
        self.naive.merge(&other.naive);
        for (level, pits) in &other.pits {
            self.pits.entry(*level).or_default().extend(pits);
        }
    }

    fn rows(&self) -> Vec<Row> {
        self.ours.rows(&self.naive)
    }
}

/// Where in its band each day fell: the levels that were asked for are mapped back to those that were published.
fn pits(came: &[f64], made: &NodeForecast, fit: &NodeFit, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let days = (1..).zip(came.iter().zip(&made.mean));
    days.map(|(lead, (y, mean))| {
        let asked = Predictive::new(fit.values, *mean, fit.alpha * growth_at(&fit.growth, lead));
        published(asked.pit(*y).randomised(rng.random()), fit.levels)
    })
    .collect()
}

fn published(pit: f64, asked: [f64; 5]) -> f64 {
    let from = [0.0, asked[0], asked[1], asked[2], asked[3], asked[4], 1.0];
    let to = [0.0, 0.025, 0.1, 0.5, 0.9, 0.975, 1.0];
    let k = (1..6).find(|k| pit <= from[*k]).unwrap_or(6);
    let share = (pit - from[k - 1]) / (from[k] - from[k - 1]).max(1e-12);
    to[k - 1] + share.clamp(0.0, 1.0) * (to[k] - to[k - 1])
}

fn line(scored: &Scored, row: &Row) -> String {
    let number = |v: Option<f64>| v.map_or_else(|| "    -".to_owned(), |v| format!("{v:.3}"));
    let (relative, accuracy) = (row.relative, row.accuracy);
    let scores = [relative.rel_mase, relative.rel_rmsse, relative.rel_wql, relative.rel_all];
    let mut out = scores.map(number).join(" ");
    out += &format!("   {} {}", number(accuracy.coverage_80), number(accuracy.coverage_95));
    let Some(pits) = row.level.and_then(|level| scored.pits.get(&level)) else { return out };
    let share = |is: &dyn Fn(f64) -> bool| {
        number(Some(pits.iter().filter(|u| is(**u)).count() as f64 / pits.len().max(1) as f64))
    };
    out += &format!("   {} {}", share(&|u| (0.1..0.9).contains(&u)), share(&|u| (0.025..0.975).contains(&u)));
    out + &format!("   {} {}", share(&|u| u < 0.1), share(&|u| u >= 0.9))
}

fn main() {
    let Some(asked) = Asked::read() else {
        println!("usage: calibration [FOLDER …] [--origins N] [--step DAYS] [--last DATE]");
        return;
    };
    for path in &asked.folders {
        let Some(city) = folder::read(path) else {
            println!("skipped: no panel in {}", path.display());
            continue;
        };
        let positions = asked.positions(&city);
        let each: Vec<Scored> = positions.par_iter().map(|origin| Scored::at(&city, *origin)).collect();
        let mut all = Scored::new();
        each.iter().for_each(|one| all.merge(one));
        println!("{}, {} origins", path.display(), positions.len());
        println!("                    relMASE RMSSE  WQL   ALL    cov80 cov95   pit80 pit95   below above");
        for row in all.rows() {
            let name = row.level.map_or_else(
                || "all levels".to_owned(),
                |l| format!("topic {} district {}", l.topic, l.district),
            );
            println!("  {name:<18} {}", line(&all, &row));
        }
        for (origin, one) in positions.iter().zip(&each) {
            if let Some(row) = one.rows().first() {
                println!("  {}         {}", city.0.date(*origin), line(one, row));
            }
        }
    }
}
