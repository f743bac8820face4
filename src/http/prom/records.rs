//! Metrics of what has happened or is said: alerts, alarms, quality, runs, deliveries, rejected rows, seasons, ages.
//!
//! What is counted by day holds from local midnight to local midnight of the day it happened; what is true until
//! something newer takes its place holds from when it became so.
use std::collections::BTreeMap;

use super::{
    catalogue::{Metric, Reader, Window},
    panel::Whereabouts,
    series::{Labels, NAME, QueryError, Sample, Series},
};
use crate::{
    store::{ALL_LEVELS, BacktestRow, Grain, RunStatus, board::AlertSpan, calendar::CalendarFilter},
    ticket::{Basis, Day},
};

/// No end is known.
const OPEN_END: i64 = i64::MAX;
/// States in which an alert is over.
const OVER: [&str; 4] = ["resolved", "closed", "superseded", "expired"];

/// Metrics that are read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Alerts with their numbers.
    Alerts,
    /// Alarms by day.
    Alarms,
    /// Scores of the newest fit by level.
    Fit,
    /// Scores of the newest backtest.
    Backtest,
    /// The ledger by origin.
    Ledger,
    /// Runs, and rows that ingest rejected.
    Runs,
    /// Deliveries.
    Deliveries,
    /// Returning seasons of the newest calendar.
    Seasons,
    /// How fresh everything is.
    Ages,
}

const ALERTS: [Metric; 6] = [
    Metric::new("weisu_alert", "1 while an alert is open, from when it was opened."),
    Metric::new("weisu_alert_observed", "Tickets observed in the window of an alert."),
    Metric::new("weisu_alert_expected", "Tickets expected in the window of an alert."),
    Metric::new("weisu_alert_upper", "Upper bound of what was expected."),
    Metric::new("weisu_alert_score", "How abnormal; above 1 is abnormal."),
    Metric::new("weisu_alert_lead_days", "Days from the last known day to the window; 0 when it has begun."),
];
const ALARMS: [Metric; 1] = [Metric::new("weisu_alarms", "Alarms that detectors raised on a day.")];
const FIT: [Metric; 5] = [
    Metric::new("weisu_fit_mase", "Mean absolute scaled error of the newest fit's backtest, by level."),
    Metric::new("weisu_fit_skill", "1 - quantile loss / the seasonal naive's, by level."),
    Metric::new("weisu_fit_coverage", "Share of backtested days inside the band, by level."),
    Metric::new("weisu_fit_scored", "Series with a score, by level."),
    Metric::new("weisu_fit_series", "Series by chosen model and why it is not the first."),
];
const BACKTEST: [Metric; 1] =
    [Metric::new("weisu_backtest", "Scores of the newest rolling-origin backtest, by the label score.")];
const LEDGER: [Metric; 3] = [
    Metric::new("weisu_ledger_coverage", "Share of published periods inside the band, by origin."),
    Metric::new(
        "weisu_ledger_error",
        "Sum of |count - mean| / sum of counts of what was published, by origin.",
    ),
    Metric::new("weisu_ledger_skill", "1 - error / the seasonal naive's of what was published, by origin."),
];
const RUNS: [Metric; 6] = [
    Metric::new("weisu_runs", "Runs that began on a day, by stage and how they ended."),
    Metric::new("weisu_run_duration_seconds", "Duration of the last run of a day."),
    Metric::new(
        "weisu_run_newest_timestamp_seconds",
        "When the newest run began, by stage and how it ended.",
    ),
    Metric::new("weisu_run_newest_duration_seconds", "How long the newest run took."),
    Metric::new("weisu_rows", "Rows that ingest read on a day."),
    Metric::new("weisu_rejected_rows", "Rows that are not tickets, by source and reason."),
];
const DELIVERIES: [Metric; 2] = [
    Metric::new("weisu_deliveries", "Deliveries enqueued on a day, by receiver and what became of them."),
    Metric::new("weisu_outbox", "Deliveries by receiver and status now."),
];
const SEASONS: [Metric; 4] = [
    Metric::new(
        "weisu_season_lead_days",
        "Days from the last known day to the week a season is expected to begin in.",
    ),
    Metric::new("weisu_season_probability", "P(a season begins within two weeks of the day it is expected)."),
    Metric::new("weisu_season_shift_days", "Days later than in past years; negative is earlier."),
    Metric::new("weisu_season_peak_expected", "Tickets expected in the busiest week of a season."),
];
const AGES: [Metric; 2] = [
    Metric::new("weisu_last_day_timestamp_seconds", "Begin of the last complete local day."),
    Metric::new("weisu_forecast_timestamp_seconds", "When the newest forecast was finished."),
];

/// The metrics of all groups.
pub fn metrics() -> impl Iterator<Item = Metric> {
    Group::ALL.into_iter().flat_map(Group::metrics).copied()
}

impl Group {
    /// All groups.
    pub const ALL: [Self; 9] = [
        Self::Alerts,
        Self::Alarms,
        Self::Fit,
        Self::Backtest,
        Self::Ledger,
        Self::Runs,
        Self::Deliveries,
        Self::Seasons,
        Self::Ages,
    ];

    /// Its metrics.
    pub fn metrics(self) -> &'static [Metric] {
        match self {
            Self::Alerts => &ALERTS,
            Self::Alarms => &ALARMS,
            Self::Fit => &FIT,
            Self::Backtest => &BACKTEST,
            Self::Ledger => &LEDGER,
            Self::Runs => &RUNS,
            Self::Deliveries => &DELIVERIES,
            Self::Seasons => &SEASONS,
            Self::Ages => &AGES,
        }
    }
}

/// The series of a group in a window.
///
/// # Errors
/// When the store does not answer.
pub async fn read(reader: &Reader, group: Group, window: Window) -> Result<Vec<Series>, QueryError> {
    // A value of a day is asked for at any instant of that day.
    let from = reader.midnight(reader.day(window.from.max(0)));
    let to = window.to.min(reader.now);
    let mut out = Collected { reader, series: BTreeMap::new() };
    match group {
        Group::Alerts => alerts(&mut out, from, to).await?,
        Group::Alarms => alarms(&mut out, from, to).await?,
        Group::Fit => fit(&mut out).await?,
        Group::Backtest => backtest(&mut out).await?,
        Group::Ledger => ledger(&mut out, window).await?,
        Group::Runs => runs(&mut out, from, to).await?,
        Group::Deliveries => deliveries(&mut out, from, to).await?,
        Group::Seasons => seasons(&mut out).await?,
        Group::Ages => ages(&mut out).await?,
    }
    Ok(out.finish())
}

/// Labels from names and values; empty ones are left out.
fn labels(pairs: &[(&'static str, &str)]) -> Labels {
    pairs.iter().filter(|(_, v)| !v.is_empty()).map(|(name, v)| (*name, (*v).to_owned())).collect()
}

/// Samples by label set, growing.
struct Collected<'a> {
    reader: &'a Reader,
    series: BTreeMap<Labels, BTreeMap<i64, (i64, f64)>>,
}

impl Collected<'_> {
    fn at(
        &mut self,
        metric: &str,
        mut labels: Labels,
        from: i64,
    ) -> std::collections::btree_map::Entry<'_, i64, (i64, f64)> {
        labels.insert(NAME, metric.to_owned());
        self.series.entry(labels).or_default().entry(from)
    }

    /// Adds to the day of an instant.
    fn add(&mut self, metric: &str, labels: Labels, instant: i64, value: f64) {
        let (from, until) = self.day(self.reader.day(instant));
        self.at(metric, labels, from).or_insert((until, 0.0)).1 += value;
    }

    /// Sets a value from an instant on; the last one said of an instant holds.
    fn set(&mut self, metric: &str, labels: Labels, from: i64, until: i64, value: f64) {
        *self.at(metric, labels, from).or_insert((until, value)) = (until, value);
    }

    fn day(&self, day: Day) -> (i64, i64) {
        (self.reader.midnight(day), self.reader.midnight(day.plus(1)))
    }

    /// All series; a sample ends where the next begins.
    fn finish(self) -> Vec<Series> {
        let one = |(labels, samples): (Labels, BTreeMap<i64, (i64, f64)>)| {
            let begins: Vec<i64> = samples.keys().copied().skip(1).chain([OPEN_END]).collect();
            let samples = samples.into_iter().zip(begins);
            let sample = |((from, (until, value)), next): ((i64, (i64, f64)), i64)| Sample {
                from,
                until: until.min(next),
                value,
            };
            Series { labels, samples: samples.map(sample).collect() }
        };
        self.series.into_iter().map(one).collect()
    }
}

async fn alerts(out: &mut Collected<'_>, from: i64, to: i64) -> Result<(), QueryError> {
    const NUMBERS: [(&str, &str); 5] = [
        ("weisu_alert_observed", "/observed"),
        ("weisu_alert_expected", "/expected"),
        ("weisu_alert_upper", "/upper"),
        ("weisu_alert_score", "/score"),
        ("weisu_alert_lead_days", "/lead_days"),
    ];
    let whereabouts = Whereabouts::new(out.reader);
    for alert in out.reader.store.alert_spans(from, to).await? {
        let mut labels = labels(&[
            ("alert", &alert.id),
            ("kind", &alert.kind),
            ("lane", &alert.lane),
            ("severity", &alert.severity),
            ("state", &alert.state),
            ("open", if is_over(&alert) { "no" } else { "yes" }),
            ("onset", &Day(alert.onset).to_string()),
            ("basis", &alert.basis),
        ]);
        labels.extend(whereabouts.of(alert.topic, alert.district));
        let until = if is_over(&alert) {
            // It was there on the day it was opened, however soon it was over.
            alert.resolved.unwrap_or(alert.updated).max(out.day(out.reader.day(alert.created)).1)
        } else {
            OPEN_END
        };
        out.set("weisu_alert", labels.clone(), alert.created, until, 1.0);
        let payload: serde_json::Value = serde_json::from_str(&alert.payload).unwrap_or_default();
        for (metric, at) in NUMBERS {
            if let Some(value) = payload.pointer(at).and_then(serde_json::Value::as_f64) {
                out.set(metric, labels.clone(), alert.created, until, value);
            }
        }
    }
    Ok(())
}

fn is_over(alert: &AlertSpan) -> bool {
    alert.resolved.is_some() || OVER.contains(&alert.state.as_str())
}

async fn alarms(out: &mut Collected<'_>, from: i64, to: i64) -> Result<(), QueryError> {
    let whereabouts = Whereabouts::new(out.reader);
    for alarm in out.reader.store.alarms_raised(from, to).await? {
        let mut labels =
            labels(&[("kind", &alarm.kind), ("severity", &alarm.severity), ("basis", &alarm.basis)]);
        labels.extend(whereabouts.of(alarm.topic, alarm.district));
        out.add("weisu_alarms", labels, alarm.raised, 1.0);
    }
    Ok(())
}

fn level(depth: i32) -> String {
    if depth == ALL_LEVELS { "all".to_owned() } else { depth.to_string() }
}

async fn fit(out: &mut Collected<'_>) -> Result<(), QueryError> {
    let store = &out.reader.store;
    let Some(run) = store.last_run("fit", RunStatus::Ok).await? else { return Ok(()) };
    let since = run.finished.unwrap_or(run.started);
    for basis in Basis::ALL {
        for row in out.reader.store.level_scores(run.id, basis).await? {
            let labels = |band: &str| {
                labels(&[
                    ("topic_level", &level(row.topic_depth)),
                    ("district_level", &level(row.district_depth)),
                    ("basis", basis.name()),
                    ("band", band),
                ])
            };
            let skill = row.wql.zip(row.wql_naive).filter(|(_, naive)| *naive > 0.0);
            let values = [
                ("weisu_fit_mase", "", row.mase),
                ("weisu_fit_skill", "", skill.map(|(loss, naive)| 1.0 - loss / naive)),
                ("weisu_fit_coverage", "80", row.coverage_80),
                ("weisu_fit_coverage", "95", row.coverage_95),
                ("weisu_fit_scored", "", Some(row.series as f64)),
            ];
            for (metric, band, value) in values {
                if let Some(value) = value {
                    out.set(metric, labels(band), since, OPEN_END, value);
                }
            }
        }
    }
    for row in out.reader.store.models_of(run.id).await? {
        let labels = labels(&[("model", &row.model), ("fallback", row.fallback.as_deref().unwrap_or(""))]);
        out.set("weisu_fit_series", labels, since, OPEN_END, row.n as f64);
    }
    Ok(())
}

/// A score by its name.
type Score = (&'static str, fn(&BacktestRow) -> Option<f64>);

const SCORES: [Score; 9] = [
    ("mase", |r| r.mase),
    ("rmsse", |r| r.rmsse),
    ("wql", |r| r.wql),
    ("msis", |r| r.msis),
    ("coverage_80", |r| r.coverage_80),
    ("coverage_95", |r| r.coverage_95),
    ("bias", |r| r.bias),
    ("rel_all", |r| r.rel_all),
    ("skill", |r| r.skill),
];

fn grain(code: i32) -> &'static str {
    if code == Grain::Month.code() { "month" } else { "day" }
}

async fn backtest(out: &mut Collected<'_>) -> Result<(), QueryError> {
    for basis in Basis::ALL {
        let Some(run) = out.reader.store.last_backtest(basis).await? else { continue };
        let since = run.finished.unwrap_or(run.started);
        for row in out.reader.store.backtest(run.id, basis).await? {
            for (score, of) in SCORES {
                let Some(value) = of(&row) else { continue };
                let labels = labels(&[
                    ("score", score),
                    ("model", &row.model),
                    ("topic_level", &level(row.topic_depth)),
                    ("district_level", &level(row.district_depth)),
                    ("grain", grain(row.grain)),
                    ("leads", &row.band),
                    ("basis", basis.name()),
                ]);
                out.set("weisu_backtest", labels, since, OPEN_END, value);
            }
        }
    }
    Ok(())
}

async fn ledger(out: &mut Collected<'_>, window: Window) -> Result<(), QueryError> {
    let (from, to) = (out.reader.day(window.from), out.reader.day(window.to));
    for basis in Basis::ALL {
        for row in out.reader.store.ledger_by_origin(basis, from.0, to.0).await? {
            let leads = format!("{}-{}", row.lead_from, row.lead_to);
            let labels = |band: &str| {
                labels(&[
                    ("grain", grain(row.grain)),
                    ("leads", &leads),
                    ("topic_level", &level(row.topic_depth)),
                    ("district_level", &level(row.district_depth)),
                    ("basis", basis.name()),
                    ("band", band),
                ])
            };
            let (from, until) = out.day(Day(row.origin));
            let mut put = |metric: &str, band: &str, part: f64, whole: f64, of: fn(f64) -> f64| {
                if whole > 0.0 {
                    out.set(metric, labels(band), from, until, of(part / whole));
                }
            };
            put("weisu_ledger_coverage", "80", row.inside_80 as f64, row.n as f64, |x| x);
            put("weisu_ledger_coverage", "95", row.inside_95 as f64, row.n as f64, |x| x);
            put("weisu_ledger_error", "", row.error, row.actual, |x| x);
            put("weisu_ledger_skill", "", row.error, row.naive_error, |x| 1.0 - x);
        }
    }
    Ok(())
}

fn seconds(from: i64, to: Option<i64>) -> Option<f64> {
    to.map(|to| (to - from) as f64 / 1000.0)
}

async fn runs(out: &mut Collected<'_>, from: i64, to: i64) -> Result<(), QueryError> {
    for run in out.reader.store.runs_begun(from, to).await? {
        let by = labels(&[("stage", &run.stage), ("status", &run.status)]);
        out.add("weisu_runs", by.clone(), run.started, 1.0);
        if let Some(took) = seconds(run.started, run.finished) {
            let (from, until) = out.day(out.reader.day(run.started));
            out.set("weisu_run_duration_seconds", by, from, until, took);
        }
        rejects(out, run.started, &run.summary);
    }
    for run in out.reader.store.newest_runs().await? {
        let by = labels(&[("stage", &run.stage), ("status", &run.status)]);
        let began = run.started as f64 / 1000.0;
        out.set("weisu_run_newest_timestamp_seconds", by.clone(), run.started, OPEN_END, began);
        if let Some(took) = seconds(run.started, run.finished) {
            out.set("weisu_run_newest_duration_seconds", by, run.started, OPEN_END, took);
        }
    }
    Ok(())
}

/// What an ingest says of its files; other stages say nothing of files.
fn rejects(out: &mut Collected<'_>, began: i64, summary: &str) {
    let summary: serde_json::Value = serde_json::from_str(summary).unwrap_or_default();
    for file in summary.pointer("/files").and_then(serde_json::Value::as_array).into_iter().flatten() {
        let source = file["source"].as_str().unwrap_or_default();
        if let Some(rows) = file["rows"].as_f64() {
            out.add("weisu_rows", labels(&[("source", source)]), began, rows);
        }
        for (reason, n) in file["reasons"].as_object().into_iter().flatten() {
            if let Some(n) = n.as_f64() {
                let labels = labels(&[("source", source), ("reason", reason)]);
                out.add("weisu_rejected_rows", labels, began, n);
            }
        }
    }
}

async fn deliveries(out: &mut Collected<'_>, from: i64, to: i64) -> Result<(), QueryError> {
    for made in out.reader.store.deliveries_made(from, to).await? {
        let by = labels(&[("receiver", &made.receiver), ("status", &made.status)]);
        out.add("weisu_deliveries", by, made.created, 1.0);
    }
    for row in out.reader.store.delivery_counts().await? {
        let by = labels(&[("receiver", &row.receiver), ("status", &row.status)]);
        out.set("weisu_outbox", by, row.oldest, OPEN_END, row.n as f64);
    }
    Ok(())
}

async fn seasons(out: &mut Collected<'_>) -> Result<(), QueryError> {
    let Some((run, rows)) = out.reader.store.calendar(CalendarFilter::default()).await? else {
        return Ok(());
    };
    let (since, origin) = (run.finished.unwrap_or(run.started), run.origin.unwrap_or_default());
    let whereabouts = Whereabouts::new(out.reader);
    for row in rows {
        let mut labels = labels(&[
            ("standing", &row.standing),
            ("onset", &row.onset.to_string()),
            ("timing", &row.timing),
            ("peak", &row.peak.to_string()),
        ]);
        labels.extend(whereabouts.of(row.topic, row.district));
        for (metric, value) in [
            ("weisu_season_lead_days", f64::from(row.onset.0 - origin)),
            ("weisu_season_probability", row.probability),
            ("weisu_season_shift_days", f64::from(row.shift_days)),
            ("weisu_season_peak_expected", row.peak_expected),
        ] {
            out.set(metric, labels.clone(), since, OPEN_END, value);
        }
    }
    Ok(())
}

async fn ages(out: &mut Collected<'_>) -> Result<(), QueryError> {
    if let Some(day) = out.reader.base.last_closed() {
        let (from, _) = out.day(day);
        out.set("weisu_last_day_timestamp_seconds", Labels::new(), from, OPEN_END, from as f64 / 1000.0);
    }
    if let Some(at) = out.reader.base.forecast.as_ref().and_then(|run| run.finished) {
        let seconds = at as f64 / 1000.0;
        out.set("weisu_forecast_timestamp_seconds", Labels::new(), at, OPEN_END, seconds);
    }
    Ok(())
}
