//! Detect: judges the closed days since the last run and the coming weeks, and turns what stands out into alarms,
//! alerts and deliveries, all in one transaction.
//!
//! [`spikes`] and [`coming`] find, [`control`] holds back (false discoveries, relatives, the office's budget), and
//! the lifecycle in [`crate::publish`] says what people are told.
use std::collections::BTreeMap;

use anyhow::Context;
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::{Active, Cx, Done, city};
use crate::{
    publish::{
        dispatch::{self, Desk},
        lifecycle::{self, Candidate},
        message,
        restraint::Told,
    },
    store::{
        RunStatus, SeriesKey,
        alarms::{self, Alarm, Driver, Kind, Severity},
        alerts::{AlertBody, Compare, Lane},
    },
    ticket::{Basis, Day},
};

pub mod coming;
pub mod control;
pub mod kin;
pub mod spikes;

use kin::Kin;

/// Something that stands out, before anybody decides whom to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Node of the panel.
    pub node: usize,
    /// First and last day.
    pub window: (Day, Day),
    /// What kind of deviation.
    pub kind: Kind,
    /// Detector.
    pub method: &'static str,
    /// Tickets in the window; `None` when it lies ahead.
    pub observed: Option<f64>,
    /// Tickets expected in it.
    pub expected: f64,
    /// What the expected is held against: the baseline for a spike, the seasonal norm for a coming week.
    pub normal: f64,
    /// Lower end of the interval.
    pub lower: Option<f64>,
    /// Bound that was passed.
    pub bound: f64,
    /// How surprising.
    pub p_value: f64,
    /// Above 1 = abnormal.
    pub score: f64,
    /// Days until the window begins.
    pub lead_days: i32,
    /// Children that contribute most: (node, observed, expected, share).
    pub drivers: Vec<(usize, f64, f64, f64)>,
    /// The same window at other times.
    pub compare: Compare,
}

impl Finding {
    /// What is coming or has come: the count that stands out.
    pub fn count(&self) -> f64 {
        self.observed.unwrap_or(self.expected)
    }

    /// Tickets above normal.
    pub fn excess(&self) -> f64 {
        self.count() - self.normal
    }

    /// How many times normal.
    pub fn ratio(&self) -> f64 {
        self.count() / self.normal.max(0.5)
    }
}

/// What a run found and told.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// First and last day judged.
    pub judged: Option<(chrono::NaiveDate, chrono::NaiveDate)>,
    /// Series judged on at least one day.
    pub series: usize,
    /// Alarms by kind, suppressed ones too.
    pub alarms: BTreeMap<&'static str, usize>,
    /// Alarms that nobody is told of, by reason.
    pub suppressed: BTreeMap<String, usize>,
    /// New alerts.
    pub raised: usize,
    /// Alerts resolved.
    pub resolved: usize,
    /// Deliveries put into the outbox.
    pub deliveries: u64,
    /// New alerts that no receiver wants.
    pub unrouted: usize,
}

/// Whether there is a forecast that was not looked at yet.
pub async fn due(cx: &Cx) -> anyhow::Result<bool> {
    let detect = cx.store.last_run("detect", RunStatus::Ok).await?.map_or(0, |run| run.id);
    Ok(cx.store.last_run("forecast", RunStatus::Ok).await?.is_some_and(|run| run.id > detect))
}

/// Runs the stage.
pub async fn run(cx: &Cx, active: &Active) -> anyhow::Result<Done> {
    let forecast = cx
        .store
        .last_run("forecast", RunStatus::Ok)
        .await?
        .context("no forecast yet: run `weisu once`, which forecasts before it detects")?;
    // On the raw basis only: judging both would tell an office everything twice.
    let (city, origin) = city::panel(cx, Basis::Raw).await?;
    let from = first_to_judge(cx, origin).await?;
    let calendar = city::calendar(&cx.config, city.panel.start.into(), origin.plus(400))?;
    let ids: FxHashMap<SeriesKey, i32> =
        cx.store.series(Basis::Raw).await?.into_iter().map(|(id, k)| (k, id)).collect();
    let weeks = coming::read(cx, &forecast, origin, &city, &ids).await?;
    let (settings, progress) = (cx.config.detect.clone(), cx.progress.clone());
    let china = cx.config.city.calendar == "CN";
    let (keys, found, judged) = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
        let kin = Kin::new(&city.hierarchy);
        let spikes = spikes::find(&city, &kin, &calendar, &settings, from, &*progress)?;
        let mut found = spikes.findings;
        found.extend(coming::find(&city, &kin, &weeks, &settings, origin, china));
        progress.done("detect");
        let found = control::hold_back(found, &city, &kin, spikes.tested, &settings);
        Ok((city.keys, found, spikes.judged))
    })
    .await??;
    let mut summary =
        Summary { judged: Some((from.date(), origin.date())), series: judged, ..Summary::default() };
    let names = city::Names::load(cx).await?;
    let candidates: Vec<Candidate> = found
        .into_iter()
        .filter_map(|(finding, held)| candidate(cx, &keys, &names, &ids, &finding, held))
        .collect();
    tell(cx, active, origin, &candidates, &mut summary)
        .await
        .map(|tx| Done::new(tx, Some(origin), &summary))?
}

/// The day after the last judged one, within the look-back.
async fn first_to_judge(cx: &Cx, origin: Day) -> anyhow::Result<Day> {
    let last = cx.store.last_run("detect", RunStatus::Ok).await?.and_then(|run| run.origin);
    let earliest = origin.plus(1 - cx.config.detect.lookback_days as i32);
    // The newest day is judged again when its counts were revised: what was told is not told twice.
    Ok(last.map_or(origin, |day| Day(day + 1)).clamp(earliest, origin))
}

/// Writes alarms, alerts and deliveries into one transaction.
async fn tell(
    cx: &Cx,
    active: &Active,
    origin: Day,
    candidates: &[Candidate],
    summary: &mut Summary,
) -> anyhow::Result<crate::store::Tx> {
    let open = cx.store.open_alerts().await?;
    let plan = lifecycle::plan(&open, candidates, origin, cx.millis(), cx.config.detect.resolve_after);
    let table = cx.config.routing()?;
    let now = cx.millis();
    let rows = cx.store.told_at_once(dispatch::told_since(now)).await?;
    let mut told = Told::new(&rows, cx.config.city.zone.0);
    let desk = Desk::of(&cx.config, table.as_ref());
    let dispatched = dispatch::dispatch(desk, &plan.events, &mut told, now);
    let mut tx = cx.store.begin().await?;
    let all: Vec<Alarm> = candidates.iter().map(|c| c.alarm.clone()).collect();
    tx.put_alarms(active.run, &all).await?;
    tx.put_alerts(&plan.raised, &plan.changed).await?;
    summary.deliveries = tx.enqueue(&dispatched.deliveries, now).await?;
    tx.put_deadlines(&dispatched.deadlines).await?;
    tx.put_unrouted(&dispatched.unrouted, &dispatched.routed, now).await?;
    for alarm in &all {
        *summary.alarms.entry(alarm.kind.name()).or_default() += 1;
        cx.metrics.alarm(alarm.kind.name(), alarm.severity.name());
        if let Some(reason) = &alarm.suppressed {
            let reason = reason.split(':').next().unwrap_or_default();
            *summary.suppressed.entry(reason.to_owned()).or_default() += 1;
        }
    }
    plan.raised.iter().for_each(|a| cx.metrics.alert(a.body.kind.name(), a.body.severity.name()));
    summary.raised = plan.raised.len();
    summary.resolved = plan.changed.iter().filter(|a| a.resolved.is_some()).count();
    summary.unrouted = dispatched.unrouted.len();
    Ok(tx)
}

/// The alarm of a finding, and what its alert would say.
fn candidate(
    cx: &Cx,
    keys: &[SeriesKey],
    names: &city::Names,
    ids: &FxHashMap<SeriesKey, i32>,
    finding: &Finding,
    held: Option<control::Held>,
) -> Option<Candidate> {
    let key = keys[finding.node];
    let (topic, district) = (names.topic(key.topic), names.district(key.district));
    let print = |node: usize| {
        let key = keys[node];
        alarms::fingerprint(
            "daily",
            finding.kind,
            &names.topic(key.topic),
            &names.district(key.district),
            Basis::Raw,
        )
    };
    let severity = severity(finding, cx.config.detect.min_count);
    let drivers: Vec<Driver> = finding
        .drivers
        .iter()
        .map(|(node, observed, expected, share)| Driver {
            topic: names.topic(keys[*node].topic).join(" / "),
            district: names.district(keys[*node].district).join(" / "),
            observed: *observed,
            expected: *expected,
            share: *share,
        })
        .collect();
    let alarm = Alarm {
        fingerprint: print(finding.node),
        window: finding.window,
        kind: finding.kind,
        method: finding.method.to_owned(),
        series: *ids.get(&key)?,
        topic: key.topic,
        district: key.district,
        basis: Basis::Raw,
        observed: finding.observed,
        expected: finding.expected,
        bound: finding.bound,
        p_value: finding.p_value,
        score: finding.score,
        lead_days: finding.lead_days,
        severity,
        drivers: drivers.clone(),
        suppressed: held.map(|held| match held {
            control::Held::FalseDiscovery => "false_discovery_rate".to_owned(),
            control::Held::Folded { into } => format!("folded:{}", print(into)),
            control::Held::Budget => "budget".to_owned(),
        }),
    };
    let mut body = AlertBody {
        title: String::new(),
        topic,
        district,
        basis: Basis::Raw,
        kind: finding.kind,
        lane: match finding.kind {
            Kind::Spike => Lane::Risk,
            Kind::ForecastExceedance => Lane::Seasonal,
        },
        severity,
        observed: finding.observed,
        expected: finding.expected,
        lower: finding.lower,
        upper: finding.bound,
        score: finding.score,
        p_value: finding.p_value,
        lead_days: finding.lead_days,
        onset: finding.window.0.date(),
        window: (finding.window.0.date(), finding.window.1.date()),
        method: finding.method.to_owned(),
        drivers,
        compare: finding.compare,
    };
    body.title = message::title(cx.config.city.lang, &body);
    Some(Candidate { alarm, body })
}

/// Severity from the score on the kind's own scale; few tickets are never critical.
fn severity(finding: &Finding, min_count: u32) -> Severity {
    let steps = match finding.kind {
        Kind::Spike => [1.4, 2.0, 3.0],
        Kind::ForecastExceedance => [1.15, 1.4, 1.8],
    };
    let many = finding.count() >= 4.0 * f64::from(min_count);
    match steps.iter().filter(|step| finding.score >= **step).count() {
        0 => Severity::Low,
        1 => Severity::Medium,
        2 => Severity::High,
        _ if many => Severity::Critical,
        _ => Severity::High,
    }
}
