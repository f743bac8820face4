//! `weisu backtest --input`: the engine on a panel file, from past origins, against what came.
use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use chrono::NaiveDate;
use rayon::prelude::*;
use weisu_models::{
    calendar::Calendar,
    evaluation::{
        Origins,
        rolling::{self, Backtest, Setup},
    },
    forecast::{Horizon, Params},
};

use super::{
    cells::{self, Named},
    panel,
};

/// What to backtest.
#[derive(Debug, Clone)]
pub struct Job {
    /// Panel file with columns `unique_id,ds,y`.
    pub input: PathBuf,
    /// Hierarchy file with columns `unique_id,level,topic,district`; without it each series stands alone.
    pub series: Option<PathBuf>,
    /// Holiday file with columns `ds,name`.
    pub holidays: Option<PathBuf>,
    /// Where to forecast from.
    pub origins: Origins,
    /// How far.
    pub horizon: Horizon,
}

/// What came of it.
#[derive(Debug)]
pub struct Done {
    /// Scores of the series listed.
    pub backtest: Backtest,
    /// Last days known, one an origin.
    pub origins: Vec<NaiveDate>,
    /// Series scored.
    pub series: usize,
}

/// Reads the files and backtests. `progress` is called with the steps done and their number, from any thread.
///
/// # Errors
/// When a file cannot be read, or an origin cannot be scored.
pub fn run(job: &Job, progress: &(dyn Fn(u64, u64) + Sync)) -> anyhow::Result<Done> {
    let counts = panel::read(&job.input, 1)?;
    let calendar = match &job.holidays {
        Some(path) => cells::read_holidays(path)?,
        None => Calendar::new(),
    };
    let panels = match &job.series {
        Some(path) => vec![cells::with_series(&counts, path)?],
        None => cells::alone(&counts),
    };
    let Some(first) = panels.first() else { anyhow::bail!("{}: no series to score", job.input.display()) };
    let origins = job.origins.positions(&first.panel, job.horizon.days)?;
    let backtest = match &panels[..] {
        [one] => at(one, &calendar, &origins, job.horizon, progress),
        alone => each(alone, &calendar, &origins, job.horizon, progress),
    };
    Ok(Done {
        backtest,
        origins: origins.iter().map(|origin| first.panel.date(*origin)).collect(),
        series: panels.iter().map(|p| p.series.len()).sum(),
    })
}

/// Series that stand alone, one a thread.
fn each(
    panels: &[Named],
    calendar: &Calendar,
    origins: &[usize],
    horizon: Horizon,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Backtest {
    let (done, steps) = (AtomicU64::new(0), panels.len() as u64);
    let parts: Vec<Backtest> = panels
        .par_iter()
        .map(|named| {
            let part = at(named, calendar, origins, horizon, &|_, _| ());
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, steps);
            part
        })
        .collect();
    let mut whole = Backtest::new(horizon);
    parts.iter().for_each(|part| whole.merge(part));
    whole
}

fn at(
    named: &Named,
    calendar: &Calendar,
    origins: &[usize],
    horizon: Horizon,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Backtest {
    let nodes: Vec<usize> = named.series.iter().map(|(_, node)| *node).collect();
    let setup = Setup {
        panel: &named.panel,
        hierarchy: &named.hierarchy,
        calendar,
        params: &Params::default(),
        nodes: &nodes,
        horizon,
    };
    rolling::run(&setup, origins, progress)
}
