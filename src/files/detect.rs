//! `weisu detect --input`: counts in, judgements out, each period judged from what was known then.
use std::io::Write;
use std::path::Path;

use anyhow::bail;
use chrono::{Datelike, NaiveDate};
use rayon::prelude::*;
use weisu_models::calendar::{Calendar, Region};
use weisu_models::hotspot::{Detector, Judgement};

use super::{output::write_whole, panel::PanelFile};

/// Columns of the output.
const HEADER: [&str; 9] =
    ["unique_id", "ds", "y", "expected", "upper", "p_value", "score", "alarm", "method"];

/// What to judge, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The detector, with its alarm threshold.
    pub detector: Detector,
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
    let calendar = Calendar::for_region(options.region, panel.start.year(), panel.date(end).year());
    let prepared = options.detector.prepare(panel.start, end, &calendar);
    let judged: Vec<Vec<Option<Judgement>>> = (0..panel.ids.len())
        .into_par_iter()
        .map(|i| {
            let judged = prepared.judge(&panel.counts.row(i).to_vec(), first);
            progress();
            judged
        })
        .collect();
    write_whole(out, |file| write_rows(panel, first, &judged, options.detector.alpha(), file))
}

/// The columns to judge, as first and one past the last.
fn columns(panel: &PanelFile, options: &Options) -> anyhow::Result<(usize, usize)> {
    let last = panel.date(panel.periods() - 1);
    let (from, to) = (options.from.unwrap_or(panel.start), options.to.unwrap_or(last));
    let step = i64::from(panel.step);
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
