//! `weisu forecast --input`: backtest, fit and forecast a panel file at each origin.
use std::{
    io::Write,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use chrono::{Days, NaiveDate};
use rayon::prelude::*;
use weisu_models::{
    calendar::Calendar,
    forecast::{Horizon, Params, fit, forecast},
};

use super::{
    cells::{self, Named},
    output::write_whole,
    panel,
};

/// Columns of the output.
const HEADER: [&str; 9] = ["unique_id", "cutoff", "ds", "mean", "q0.025", "q0.1", "q0.5", "q0.9", "q0.975"];

/// What to forecast.
#[derive(Debug, Clone)]
pub struct Job {
    /// Panel file with columns `unique_id,ds,y`.
    pub input: PathBuf,
    /// Hierarchy file with columns `unique_id,level,topic,district`; without it each series stands alone.
    pub series: Option<PathBuf>,
    /// Holiday file with columns `ds,name`.
    pub holidays: Option<PathBuf>,
    /// Last known days to forecast from; empty for the last day of the input.
    pub origins: Vec<NaiveDate>,
    /// Days ahead.
    pub horizon: usize,
    /// File to write.
    pub out: PathBuf,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Series forecast.
    pub series: usize,
    /// Origins forecast from.
    pub origins: Vec<NaiveDate>,
    /// Rows written.
    pub rows: usize,
}

/// Forecasts of one series from one origin.
struct Rows {
    id: String,
    origin: NaiveDate,
    forecast: weisu_models::forecast::NodeForecast,
}

/// Reads, forecasts at every origin from what was known then, and writes.
///
/// `progress` is called with the steps done and their number, from any thread.
///
/// # Errors
/// When a file cannot be read or written, or an origin lies outside the input's days.
pub fn run(job: &Job, progress: &(dyn Fn(u64, u64) + Sync)) -> anyhow::Result<Summary> {
    let counts = panel::read(&job.input, 1)?;
    let end = counts.date(counts.periods() - 1);
    let origins = if job.origins.is_empty() { vec![end] } else { job.origins.clone() };
    for origin in &origins {
        anyhow::ensure!(
            (counts.start..=end).contains(origin),
            "origin {origin} lies outside the days of {} ({} to {}); choose a day between them",
            job.input.display(),
            counts.start,
            end
        );
    }
    let calendar = match &job.holidays {
        Some(path) => cells::read_holidays(path)?,
        None => Calendar::new(),
    };
    let panels = match &job.series {
        Some(path) => vec![cells::with_series(&counts, path)?],
        None => cells::alone(&counts),
    };
    // The backtest and the forecast each report every node once.
    let nodes: usize = panels.iter().map(|p| p.hierarchy.nodes.len()).sum();
    let (done, steps) = (AtomicU64::new(0), (2 * nodes * origins.len()) as u64);
    let tick = || progress((done.fetch_add(1, Ordering::Relaxed) + 1).min(steps), steps);
    let mut rows = Vec::new();
    for origin in &origins {
        let done: Vec<Vec<Rows>> =
            panels.par_iter().map(|named| at_origin(named, &calendar, *origin, job.horizon, &tick)).collect();
        rows.extend(done.into_iter().flatten());
    }
    write_whole(&job.out, |file| write_rows(&rows, file))?;
    let written = rows.iter().map(|r| r.forecast.mean.len()).sum();
    Ok(Summary { series: panels.iter().map(|p| p.series.len()).sum(), origins, rows: written })
}

fn at_origin(
    named: &Named,
    calendar: &Calendar,
    origin: NaiveDate,
    horizon: usize,
    tick: &(dyn Fn() + Sync),
) -> Vec<Rows> {
    let panel = named.panel.until(origin);
    let fits = fit(&panel, &named.hierarchy, calendar, &Params::default(), &|_| tick());
    let horizon = Horizon { days: horizon, months: 0 };
    let done = forecast(&panel, &named.hierarchy, calendar, &fits, horizon, &|_| tick());
    named
        .series
        .iter()
        .map(|(id, node)| Rows { id: id.clone(), origin, forecast: done.daily[*node].clone() })
        .collect()
}

fn write_rows(rows: &[Rows], file: &mut dyn Write) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(file);
    writer.write_record(HEADER)?;
    for row in rows {
        let cutoff = row.origin.to_string();
        for (lead, (mean, quantiles)) in (1..).zip(row.forecast.mean.iter().zip(&row.forecast.quantiles)) {
            let (ds, mean) = ((row.origin + Days::new(lead)).to_string(), mean.to_string());
            let quantiles = quantiles.map(|q| q.to_string());
            let fields = [&row.id, &cutoff, &ds, &mean].into_iter().chain(&quantiles);
            writer.write_record(fields.map(String::as_bytes))?;
        }
    }
    writer.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Three cells over `days` days, with the total and both topics listed, written to a folder of their own.
    fn files(days: u32) -> (tempfile::TempDir, Job) {
        let dir = tempfile::tempdir().unwrap();
        let mut panel = String::from("unique_id,ds,y\n");
        let start: NaiveDate = "2024-01-01".parse().unwrap();
        for t in 0..days {
            for (k, id) in ["a|x", "a|y", "b|x"].iter().enumerate() {
                panel +=
                    &format!("{id},{},{}\n", start + Days::new(t.into()), t % 7 * (k as u32 + 1) + t % 3);
            }
        }
        let series = "unique_id,level,topic,district\nall,total,,\nb,topic,b,\na,topic,a,\na|x,topic_x_district,a,x\n\
                      a|y,topic_x_district,a,y\nb|x,topic_x_district,b,x\n";
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("panel.csv"), panel).unwrap();
        std::fs::write(path("series.csv"), series).unwrap();
        std::fs::write(path("holidays.csv"), "ds,name\n2024-05-01,Labour Day\n").unwrap();
        let job = Job {
            input: path("panel.csv"),
            series: Some(path("series.csv")),
            holidays: Some(path("holidays.csv")),
            origins: vec!["2024-06-01".parse().unwrap(), "2024-07-01".parse().unwrap()],
            horizon: 10,
            out: path("out.csv"),
        };
        (dir, job)
    }

    fn rows(path: &Path) -> Vec<csv::StringRecord> {
        csv::Reader::from_path(path).unwrap().records().map(Result::unwrap).collect()
    }

    #[test]
    fn every_listed_series_is_forecast_and_adds_up() {
        let (_dir, job) = files(200);
        let summary = run(&job, &|_, _| ()).unwrap();
        assert_eq!((summary.series, summary.rows), (6, 6 * 2 * 10));
        let rows = rows(&job.out);
        assert_eq!(rows.len(), summary.rows);
        assert_eq!((&rows[0][0], &rows[0][1], &rows[0][2]), ("all", "2024-06-01", "2024-06-02"));
        for ds in ["2024-06-02", "2024-07-11"] {
            let mean = |id: &str| -> f64 {
                rows.iter().find(|r| &r[0] == id && &r[2] == ds).unwrap()[3].parse().unwrap()
            };
            assert_eq!(mean("a"), mean("a|x") + mean("a|y"));
            assert_eq!(mean("all"), mean("a") + mean("b"));
        }
    }

    #[test]
    fn rows_after_an_origin_change_nothing() {
        let (_long, mut long) = files(200);
        let (_short, mut short) = files(160);
        for job in [&mut long, &mut short] {
            job.origins = vec!["2024-05-31".parse().unwrap()];
            run(job, &|_, _| ()).unwrap();
        }
        assert_eq!(std::fs::read(&long.out).unwrap(), std::fs::read(&short.out).unwrap());
    }

    #[test]
    fn without_a_series_file_each_series_stands_alone_at_the_last_day() {
        let (_dir, job) = files(70);
        let job = Job { series: None, origins: Vec::new(), ..job };
        let summary = run(&job, &|_, _| ()).unwrap();
        assert_eq!((summary.series, summary.rows), (3, 30));
        assert_eq!(&rows(&job.out)[0][1], "2024-03-10");
    }

    #[test]
    fn a_single_day_is_enough_not_to_fail() {
        let (_dir, job) = files(1);
        let summary = run(&Job { origins: Vec::new(), ..job }, &|_, _| ()).unwrap();
        assert_eq!(summary.rows, 60);
    }

    #[test]
    fn mistakes_name_the_place_and_the_remedy() {
        let (_dir, job) = files(10);
        let check = |file: Option<&PathBuf>, text: &str, want: &str| {
            let path = file.unwrap();
            let before = std::fs::read(path).unwrap();
            std::fs::write(path, text).unwrap();
            let error =
                format!("{:#}", run(&Job { origins: Vec::new(), ..job.clone() }, &|_, _| ()).unwrap_err());
            assert!(error.contains(want), "{error}");
            std::fs::write(path, before).unwrap();
        };
        let header = "unique_id,level,topic,district\n";
        let series = |rows: &str, want: &str| check(job.series.as_ref(), &format!("{header}{rows}"), want);
        series("", "no rows below the header");
        series("a|x,cell,a,x\n", "line 2, column level: \"cell\" is not a level; use total");
        series("a|x,topic_x_district,a,\n", "line 2, column district: \"\" is empty");
        series("q,topic_x_district,a,x\n", "lists series \"q\", but the panel has no row for it");
        series("c,topic,c,\na|x,topic_x_district,a,x\n", "series \"c\" has no cell below it");
        series("a|x,topic_x_district,a,x\na|y,topic_x_district,a,x\n", "line 3, column unique_id");
        check(job.series.as_ref(), "id,level\n", "no column \"unique_id\"");
        check(
            job.holidays.as_ref(),
            "ds,name\n1.5.2024,x\n",
            "line 2, column ds: \"1.5.2024\" is not a date",
        );
        check(Some(&job.input), "unique_id,ds,y\na|x,2024-01-01,x\n", "line 2");
        let outside = Job { origins: vec!["2023-12-31".parse().unwrap()], ..job.clone() };
        let error = run(&outside, &|_, _| ()).unwrap_err().to_string();
        assert!(error.contains("choose a day between"), "{error}");
        assert!(!job.out.exists());
    }
}
