//! `weisu backtest --input`: the engine on a panel file, from past origins, against what came.
use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use chrono::NaiveDate;
use rayon::prelude::*;
use weisu_models::{
    calendar::{Alignment, Calendar},
    evaluation::{
        Origins, WEEK,
        anticipation::{self, Report},
        rolling::{self, Backtest, Setup},
    },
    forecast::{Horizon, Params},
    hotspot::exceedance::Rule,
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
    let counts = panel::read(&job.input, Some(panel::Step::Day))?;
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

/// When people are told of what is coming.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Telling {
    /// When a coming week exceeds its norm.
    pub rule: Rule,
    /// Days forecast.
    pub days: usize,
    /// Days that a season is announced ahead at most.
    pub most_days: i64,
}

/// Reads the files and backtests announcements.
///
/// # Errors
/// When a file cannot be read, an origin cannot be scored, or no hierarchy says which series are topics.
pub fn announcements(
    job: &Job,
    telling: Telling,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> anyhow::Result<Report> {
    let Some(series) = &job.series else {
        anyhow::bail!(
            "--anticipation scores topics: name them with --series FILE (unique_id,level,topic,district)"
        );
    };
    let named = cells::with_series(&panel::read(&job.input, Some(panel::Step::Day))?, series)?;
    let calendar = match &job.holidays {
        Some(path) => cells::read_holidays(path)?,
        None => Calendar::new(),
    };
    let setup = anticipation::Setup {
        panel: &named.panel,
        hierarchy: &named.hierarchy,
        calendar: &calendar,
        params: &Params::default(),
        alignment: Alignment::Solar,
        rule: telling.rule,
        days: telling.days,
        refit: anticipation::REFIT,
    };
    let origins = job.origins.positions(&named.panel, anticipation::WEEKS * WEEK)?;
    let done = anticipation::run(&setup, &origins, progress);
    Ok(done.report(&named.hierarchy, telling.most_days))
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

#[cfg(test)]
mod tests {
    use weisu_models::evaluation::rolling::{Method, MethodRow};

    use super::*;

    /// Two topics of one district over `days` days, with their total, in a folder of their own.
    fn job(days: u64, series: bool) -> (tempfile::TempDir, Job) {
        let dir = tempfile::tempdir().unwrap();
        let start: NaiveDate = "2024-01-01".parse().unwrap();
        let mut panel = String::from("unique_id,ds,y\n");
        for t in 0..days {
            for (k, id) in ["a", "b"].iter().enumerate() {
                panel +=
                    &format!("{id},{},{}\n", start + chrono::Days::new(t), t % 7 * (k as u64 + 1) + t % 3);
            }
        }
        std::fs::write(dir.path().join("panel.csv"), panel).unwrap();
        let listed = "unique_id,level,topic,district\nall,total,,\na,topic,a,\nb,topic,b,\n";
        std::fs::write(dir.path().join("series.csv"), listed).unwrap();
        let job = Job {
            input: dir.path().join("panel.csv"),
            series: series.then(|| dir.path().join("series.csv")),
            holidays: None,
            origins: Origins::Newest { n: 2, step: 28 },
            horizon: Horizon { days: 28, months: 1 },
        };
        (dir, job)
    }

    fn pairs(done: &Done, method: Method) -> Vec<usize> {
        let whole = |r: &MethodRow| r.model == method && r.row.band.whole && r.row.level.is_some();
        done.backtest.rows().iter().filter(|r| whole(r)).map(|r| r.row.accuracy.n).collect()
    }

    #[test]
    fn listed_series_are_scored_by_level_and_others_each_alone() {
        let (_dir, listed) = job(190, true);
        let done = run(&listed, &|done, of| assert!(done <= of)).unwrap();
        assert_eq!((done.series, done.origins.len()), (3, 2));
        // Two origins of the total and of two topics, by day; by month only the first origin has one that is over.
        assert_eq!(pairs(&done, Method::Weisu), [2, 4, 1, 2]);
        assert_eq!(pairs(&done, Method::LastYear), [2, 4]);
        let (_dir, alone) = job(190, false);
        let done = run(&alone, &|done, of| assert!(done <= of && of == 2)).unwrap();
        assert_eq!((done.series, pairs(&done, Method::SeasonalNaive)), (2, vec![4, 2]));
    }

    #[test]
    fn an_origin_that_cannot_be_scored_is_named() {
        let (_dir, short) = job(60, true);
        assert!(run(&short, &|_, _| ()).unwrap_err().to_string().contains("60 days are too few: 84"));
        let (_dir, job) = job(100, true);
        let job = Job { origins: Origins::On(vec!["2025-01-01".parse().unwrap()]), ..job };
        assert!(run(&job, &|_, _| ()).unwrap_err().to_string().contains("from 2024-01-01 to 2024-04-08"));
    }
}
