//! `weisu forecast --input`: backtest, fit and forecast a panel file at each origin.
//!
//! Days go through the calendar GLM and can be published as months too; weeks, months and quarters through the pool
//! of classical models.
use std::{
    io::Write,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use chrono::NaiveDate;
use rayon::prelude::*;
use weisu_models::{
    calendar::Calendar,
    forecast::{
        Horizon, Model, NodeForecast, Params, fit, forecast,
        pool::{self, Periods, Used},
    },
};

use super::{
    cells::{self, Named},
    output::write_whole,
    panel::{self, PanelFile, Step},
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
    /// Periods ahead; without it 28 days, or a year of longer periods.
    pub horizon: Option<usize>,
    /// Whether days are published as whole months.
    pub months: bool,
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
    /// Forecasts of a series from an origin that are last season's same period, because nothing beat it.
    pub naive: usize,
}

/// Forecasts of one series from one origin.
struct Rows {
    id: String,
    origin: NaiveDate,
    /// First day of each period.
    periods: Vec<NaiveDate>,
    /// Whether nothing beat last season's same period.
    naive: bool,
    forecast: NodeForecast,
}

/// Reads, forecasts at every origin from what was known then, and writes.
///
/// `progress` is called with the steps done and their number, from any thread.
///
/// # Errors
/// When a file cannot be read or written, or an origin lies outside the input's days.
pub fn run(job: &Job, progress: &(dyn Fn(u64, u64) + Sync)) -> anyhow::Result<Summary> {
    let counts = panel::read(&job.input, None)?;
    // The last period is known to its end.
    let end = counts.date(counts.periods()) - chrono::Days::new(1);
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
    let rows = match counts.step {
        Step::Day => days(job, &counts, &origins, progress)?,
        _ => periods(job, &counts, &origins, progress)?,
    };
    write_whole(&job.out, |file| write_rows(&rows, file))?;
    let written = rows.iter().map(|r| r.forecast.mean.len()).sum();
    let naive = rows.iter().filter(|r| r.naive).count();
    Ok(Summary { series: rows.len() / origins.len(), origins, rows: written, naive })
}

/// Days, by the calendar GLM.
fn days(
    job: &Job,
    counts: &PanelFile,
    origins: &[NaiveDate],
    progress: &(dyn Fn(u64, u64) + Sync),
) -> anyhow::Result<Vec<Rows>> {
    let calendar = match &job.holidays {
        Some(path) => cells::read_holidays(path)?,
        None => Calendar::new(),
    };
    let panels = match &job.series {
        Some(path) => vec![cells::with_series(counts, path)?],
        None => cells::alone(counts),
    };
    // The backtest and the forecast each go over every node twice.
    let nodes: usize = panels.iter().map(|p| p.hierarchy.nodes.len()).sum();
    let (done, steps) = (AtomicU64::new(0), (4 * nodes * origins.len()) as u64);
    let tick = || progress((done.fetch_add(1, Ordering::Relaxed) + 1).min(steps), steps);
    let mut rows = Vec::new();
    let horizon = match (job.months, job.horizon) {
        (false, days) => Horizon { days: days.unwrap_or(28), months: 0 },
        (true, months) => Horizon { days: 0, months: months.unwrap_or(12) },
    };
    for origin in origins {
        let done: Vec<Vec<Rows>> =
            panels.par_iter().map(|named| at_origin(named, &calendar, *origin, horizon, &tick)).collect();
        rows.extend(done.into_iter().flatten());
    }
    Ok(rows)
}

fn at_origin(
    named: &Named,
    calendar: &Calendar,
    origin: NaiveDate,
    horizon: Horizon,
    tick: &(dyn Fn() + Sync),
) -> Vec<Rows> {
    let panel = named.panel.until(origin);
    let fits = fit(&panel, &named.hierarchy, calendar, &Params::default(), &|_| tick());
    let done = forecast(&panel, &named.hierarchy, calendar, &fits, horizon, &|_| tick());
    let (nodes, periods) = match horizon.months {
        0 => (done.daily, origin.iter_days().skip(1).take(horizon.days).collect()),
        _ => (done.monthly, done.months),
    };
    let naive = |node: usize| fits.nodes[node].model == Model::SeasonalNaive;
    rows(&named.series, &nodes, origin, &periods, naive)
}

/// Weeks, months and quarters, by the pool.
fn periods(
    job: &Job,
    counts: &PanelFile,
    origins: &[NaiveDate],
    progress: &(dyn Fn(u64, u64) + Sync),
) -> anyhow::Result<Vec<Rows>> {
    anyhow::ensure!(
        job.holidays.is_none() && !job.months,
        "{} holds no days but longer periods: leave out --holidays and --months",
        job.input.display()
    );
    let season = counts.step.season();
    let h = job.horizon.unwrap_or(season);
    let named = job.series.as_ref().map(|path| cells::with_series(counts, path)).transpose()?;
    // Series that stand alone are forecast from their own last period, unless origins are asked for.
    if named.is_none() && job.origins.is_empty() {
        return Ok(from_own_ends(counts, h, progress));
    }
    let all = named.as_ref().map_or(&counts.counts, |named| &named.panel.counts);
    let series = match &named {
        Some(named) => named.series.clone(),
        None => counts.ids.iter().cloned().zip(0..).collect(),
    };
    let nodes = named.as_ref().map_or(series.len(), |named| named.hierarchy.nodes.len());
    let steps = (nodes * origins.len()) as u64;
    let mut out = Vec::new();
    for (k, origin) in origins.iter().enumerate() {
        let known = (0..counts.periods()).take_while(|t| counts.date(*t) <= *origin).count();
        let panel = Periods { counts: all.slice(ndarray::s![.., ..known]).to_owned(), season };
        let at = |done: usize| progress((k * nodes + done) as u64, steps);
        let done = pool::forecast(&panel, named.as_ref().map(|named| &named.hierarchy), h, &at);
        let periods: Vec<NaiveDate> = (known..known + h).map(|t| counts.date(t)).collect();
        let naive = |node: usize| done.used[node] != Used::Combination;
        out.extend(rows(&series, &done.nodes, *origin, &periods, naive));
    }
    Ok(out)
}

/// Each series from its last known period: rows are moved so that they all end in the last column.
fn from_own_ends(counts: &PanelFile, h: usize, progress: &(dyn Fn(u64, u64) + Sync)) -> Vec<Rows> {
    let n = counts.periods();
    let known = |row: usize| (0..n).rev().find(|t| !counts.counts[(row, *t)].is_nan()).map_or(0, |t| t + 1);
    let ends: Vec<usize> = (0..counts.ids.len()).map(known).collect();
    let moved = ndarray::Array2::from_shape_fn(counts.counts.raw_dim(), |(row, t)| {
        (t + ends[row]).checked_sub(n).map_or(f32::NAN, |t| counts.counts[(row, t)])
    });
    let steps = ends.len() as u64;
    let at = |done: usize| progress(done as u64, steps);
    let done = pool::forecast(&Periods { counts: moved, season: counts.step.season() }, None, h, &at);
    let named = counts.ids.iter().zip(ends).enumerate();
    named
        .flat_map(|(k, (id, end))| {
            let periods: Vec<NaiveDate> = (end..end + h).map(|t| counts.date(t)).collect();
            let origin = counts.date(end) - chrono::Days::new(1);
            rows(&[(id.clone(), k)], &done.nodes, origin, &periods, |k| done.used[k] != Used::Combination)
        })
        .collect()
}

fn rows(
    series: &[(String, usize)],
    nodes: &[NodeForecast],
    origin: NaiveDate,
    periods: &[NaiveDate],
    naive: impl Fn(usize) -> bool,
) -> Vec<Rows> {
    let one = |(id, node): &(String, usize)| Rows {
        id: id.clone(),
        origin,
        periods: periods.to_vec(),
        naive: naive(*node),
        forecast: nodes[*node].clone(),
    };
    series.iter().map(one).collect()
}

fn write_rows(rows: &[Rows], file: &mut dyn Write) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(file);
    writer.write_record(HEADER)?;
    for row in rows {
        let cutoff = row.origin.to_string();
        let values = row.forecast.mean.iter().zip(&row.forecast.quantiles);
        for (ds, (mean, quantiles)) in row.periods.iter().zip(values) {
            let (ds, mean) = (ds.to_string(), mean.to_string());
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

    use chrono::Days;

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
            horizon: Some(10),
            months: false,
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
    fn days_are_published_as_months_too() {
        let (_dir, mut job) = files(200);
        (job.months, job.horizon) = (true, Some(2));
        let summary = run(&job, &|_, _| ()).unwrap();
        assert_eq!(summary.rows, 6 * 2 * 2);
        let rows = rows(&job.out);
        let ds: Vec<&str> = rows.iter().take(4).map(|r| &r[2]).collect();
        assert_eq!(ds, ["2024-07-01", "2024-08-01", "2024-07-01", "2024-08-01"]);
        assert_eq!((&rows[0][1], &rows[12][1]), ("2024-06-01", "2024-07-01"));
    }

    #[test]
    fn months_in_mean_months_out() {
        let (_dir, mut job) = files(1);
        let mut panel = String::from("unique_id,ds,y\n");
        for t in 0..40 {
            for (k, id) in ["a|x", "a|y", "b|x"].iter().enumerate() {
                panel +=
                    &format!("{id},{},{}\n", Step::Month.after("2020-01-01".parse().unwrap(), t), t % 12 + k);
            }
        }
        std::fs::write(&job.input, panel).unwrap();
        (job.origins, job.horizon) = (vec!["2022-12-31".parse().unwrap()], Some(6));
        let error = run(&job, &|_, _| ()).unwrap_err().to_string();
        assert!(error.contains("leave out --holidays"), "{error}");
        job.holidays = None;
        assert_eq!(run(&job, &|_, _| ()).unwrap().rows, 6 * 6);
        let rows = rows(&job.out);
        assert_eq!((&rows[0][0], &rows[0][2], &rows[5][2]), ("all", "2023-01-01", "2023-06-01"));
        let mean = |id: &str| rows.iter().find(|r| &r[0] == id).unwrap()[3].parse::<f64>().unwrap();
        assert!((mean("all") - mean("a") - mean("b")).abs() < 1e-9);
        assert!(mean("b|x") < 5.0, "January is low: {}", mean("b|x"));
    }

    #[test]
    fn a_series_alone_goes_on_from_its_own_end() {
        let (_dir, job) = files(1);
        let mut panel = String::from("unique_id,ds,y\n");
        for (id, months) in [("long", 40), ("short", 30)] {
            for t in 0..months {
                panel +=
                    &format!("{id},{},{}\n", Step::Month.after("2020-01-01".parse().unwrap(), t), t % 12);
            }
        }
        std::fs::write(&job.input, panel).unwrap();
        let job = Job { series: None, holidays: None, origins: Vec::new(), horizon: Some(2), ..job };
        assert_eq!(run(&job, &|_, _| ()).unwrap().rows, 4);
        let rows = rows(&job.out);
        let told: Vec<[&str; 3]> = rows.iter().map(|r| [&r[0], &r[1], &r[2]]).collect();
        assert_eq!(told[0], ["long", "2023-04-30", "2023-05-01"]);
        assert_eq!(told[2], ["short", "2022-06-30", "2022-07-01"]);
        assert!((rows[2][3].parse::<f64>().unwrap() - 6.0).abs() < 1.5, "{}", &rows[2][3]);
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
