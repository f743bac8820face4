//! `weisu detect --input`: counts in, judgements out, each period judged from what was known then.
use std::io::Write;
use std::path::Path;

use anyhow::bail;
use chrono::{Datelike, NaiveDate};
use rayon::prelude::*;
use weisu_models::calendar::{Calendar, Region};
use weisu_models::hotspot::{Detector, Judgement, Published};

use super::{output::write_whole, panel::PanelFile};

/// Columns of the output.
const HEADER: [&str; 9] =
    ["unique_id", "ds", "y", "expected", "upper", "p_value", "score", "alarm", "method"];

/// A detector with its alarm threshold.
#[derive(Debug, Clone)]
pub enum By {
    /// The default one.
    Default(Detector),
    /// A published one, to compare with.
    Published(Published),
}

impl By {
    fn alpha(&self) -> f64 {
        match self {
            Self::Default(detector) => detector.alpha(),
            Self::Published(published) => published.alpha(),
        }
    }
}

/// What to judge, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The detector.
    pub by: By,
    /// First period to judge; by default the first of the input.
    pub from: Option<NaiveDate>,
    /// Last period to judge; by default the last of the input.
    pub to: Option<NaiveDate>,
    /// Whose holidays count.
    pub region: Region,
}

/// What was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Series in the input.
    pub series: usize,
    /// Judged periods over all series.
    pub judged: usize,
    /// Alarms among them.
    pub alarms: usize,
    /// Known counts that could not be judged, because nothing was known before.
    pub not_judged: usize,
}

/// Judges every series of `panel` and writes one row a known count to `out` (gzipped when it ends in .gz).
///
/// The file appears whole or not at all. `progress` is called once for each series finished, from any thread.
pub fn run(
    panel: &PanelFile,
    options: &Options,
    out: &Path,
    progress: &(dyn Fn() + Sync),
) -> anyhow::Result<Summary> {
    let (first, end) = columns(panel, options)?;
    let judged = match &options.by {
        By::Default(detector) => {
            let calendar = Calendar::for_region(options.region, panel.start.year(), panel.date(end).year());
            let prepared = detector.prepare(panel.start, end, &calendar);
            judge(panel, progress, |series| prepared.judge(series, first))
        }
        By::Published(published) => judge(panel, progress, |series| {
            published.judge(&series[..end.min(series.len())], panel.start, first)
        }),
    };
    write_whole(out, |file| write_rows(panel, first, &judged, options.by.alpha(), file))
}

/// Judges all series in parallel; the order is kept.
fn judge(
    panel: &PanelFile,
    progress: &(dyn Fn() + Sync),
    one: impl Fn(&[f32]) -> Vec<Option<Judgement>> + Sync,
) -> Vec<Vec<Option<Judgement>>> {
    let judged = (0..panel.ids.len()).into_par_iter().map(|i| {
        let judged = one(&panel.counts.row(i).to_vec());
        progress();
        judged
    });
    judged.collect()
}

/// The columns to judge, as first and one past the last.
fn columns(panel: &PanelFile, options: &Options) -> anyhow::Result<(usize, usize)> {
    let last = panel.date(panel.periods() - 1);
    let (from, to) = (options.from.unwrap_or(panel.start), options.to.unwrap_or(last));
    let step = (panel.date(1) - panel.start).num_days();
    let first = (from - panel.start).num_days().max(0);
    let first = (first + step - 1) / step;
    let end = (to.min(last) - panel.start).num_days().div_euclid(step) + 1;
    if first >= end {
        bail!("no period from {from} to {to}: the input covers {} to {last}", panel.start);
    }
    Ok((first as usize, end as usize))
}

fn write_rows(
    panel: &PanelFile,
    first: usize,
    judged: &[Vec<Option<Judgement>>],
    alpha: f64,
    file: &mut dyn Write,
) -> anyhow::Result<Summary> {
    let mut writer = csv::Writer::from_writer(file);
    writer.write_record(HEADER)?;
    let mut summary = Summary { series: panel.ids.len(), judged: 0, alarms: 0, not_judged: 0 };
    for ((id, counts), series) in panel.ids.iter().zip(panel.counts.rows()).zip(judged) {
        for (t, judgement) in (first..).zip(series) {
            if counts[t].is_nan() {
                continue;
            }
            let (ds, y) = (panel.date(t).to_string(), counts[t].to_string());
            let Some(j) = judgement else {
                summary.not_judged += 1;
                writer.write_record([id, ds.as_str(), y.as_str(), "", "", "", "", "0", ""])?;
                continue;
            };
            let alarm = j.p_value < alpha;
            summary.judged += 1;
            summary.alarms += usize::from(alarm);
            let numbers = [format!("{:.4}", j.expected), format!("{:.4}", j.upper)];
            let evidence = [format!("{:.6e}", j.p_value), format!("{:.4}", j.score)];
            let fields = [id, ds.as_str(), y.as_str()].into_iter();
            let fields = fields.chain(numbers.iter().chain(&evidence).map(String::as_str));
            writer.write_record(fields.chain([if alarm { "1" } else { "0" }, j.method.name()]))?;
        }
    }
    writer.flush()?;
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use weisu_models::hotspot::{Frequency, Method};

    use super::*;
    use crate::files::panel::Step;

    fn panel(periods: usize) -> PanelFile {
        let mut counts = Array2::from_elem((2, periods), 3.0);
        counts[(0, periods - 1)] = 40.0;
        counts[(1, periods - 2)] = f32::NAN;
        let ids = vec!["a, \"b\"".to_owned(), "供暖".to_owned()];
        PanelFile { ids, start: "2020-01-06".parse().unwrap(), step: Step::Week, counts }
    }

    fn options(from: Option<&str>, to: Option<&str>) -> Options {
        let date = |text: &str| text.parse().unwrap();
        let detector = Detector::new(Frequency::Weekly, 0.005).unwrap();
        Options { by: By::Default(detector), from: from.map(date), to: to.map(date), region: Region::None }
    }

    fn judged(panel: &PanelFile, options: &Options) -> anyhow::Result<(Summary, Vec<csv::StringRecord>)> {
        let dir = tempfile::tempdir()?;
        let out = dir.path().join("alarms.csv");
        let summary = run(panel, options, &out, &|| {})?;
        assert_eq!(std::fs::read_dir(dir.path())?.count(), 1, "nothing partial is left");
        let rows = csv::Reader::from_path(&out)?.into_records().collect::<Result<_, _>>()?;
        Ok((summary, rows))
    }

    #[test]
    fn one_row_a_known_count_and_the_alarm_where_it_is() {
        let panel = panel(100);
        let (summary, rows) = judged(&panel, &options(Some("2021-11-15"), None)).unwrap();
        assert_eq!(summary, Summary { series: 2, judged: 5, alarms: 1, not_judged: 0 });
        let alarms: Vec<_> = rows.iter().filter(|row| &row[7] == "1").collect();
        assert_eq!((alarms[0].len(), &alarms[0][0], &alarms[0][1]), (9, "a, \"b\"", "2021-11-29"));
        assert_eq!((&alarms[0][2], &alarms[0][8]), ("40", "robust_glm"));
        assert!(alarms[0][6].parse::<f64>().unwrap() > 1.0);
    }

    #[test]
    fn the_first_count_has_nothing_to_be_held_against() {
        let (summary, rows) = judged(&panel(5), &options(None, None)).unwrap();
        assert_eq!((summary.judged, summary.not_judged, rows.len()), (7, 2, 9));
        assert_eq!((&rows[0][5], &rows[0][7]), ("", "0"));
    }

    #[test]
    fn the_end_of_the_range_changes_no_judgement_and_an_empty_range_is_an_error() {
        let panel = panel(100);
        let (_, whole) = judged(&panel, &options(Some("2021-10-11"), None)).unwrap();
        let (_, part) = judged(&panel, &options(Some("2021-10-11"), Some("2021-11-01"))).unwrap();
        assert_eq!(part.len(), 8);
        assert!(part.iter().all(|row| whole.contains(row)));
        let error = judged(&panel, &options(Some("2030-01-01"), None)).unwrap_err().to_string();
        assert!(error.contains("the input covers 2020-01-06 to 2021-11-29"), "{error}");
    }

    #[test]
    fn a_published_detector_writes_the_same_columns_under_its_name() {
        let panel = panel(120);
        // A missing week is left out of Farrington's fit; EARS has no baseline with it.
        for (method, judged_periods) in
            [(Method::FarringtonFlexible, 5), (Method::Farrington, 5), (Method::EarsC1, 4)]
        {
            let published = Published::new(method, Frequency::Weekly, 0.005).unwrap();
            let options = Options { by: By::Published(published), ..options(Some("2022-04-04"), None) };
            let (summary, rows) = judged(&panel, &options).unwrap();
            assert_eq!((summary.judged, summary.alarms, rows.len()), (judged_periods, 1, 5), "{method:?}");
            assert_eq!(rows.iter().filter(|row| &row[8] == method.name()).count(), judged_periods);
            let alarm = rows.iter().find(|row| &row[7] == "1").unwrap();
            assert!(&alarm[2] == "40" && alarm[6].parse::<f64>().unwrap() > 1.0, "{alarm:?}");
        }
    }
}
