//! Detect: judges the closed days since the last run and the coming weeks, and turns what stands out into alarms,
//! alerts and deliveries, all in one transaction.
//!
//! A [`Scene`] is what is known at the origin. The [`DETECTORS`] look at it, one file each; [`control`] holds back
//! (false discoveries, relatives, the office's budget); [`candidate`] names what is left, and the lifecycle in
//! [`crate::publish`] says what people are told. Beside that the run lays out the [`calendar`] of returning seasons, which
//! page, API, feed and export read.
use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context;
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::{Active, Cx, Done, Progress, city};
use crate::{
    publish::{
        acts,
        dispatch::{self, Desk},
        event::Sender,
        lifecycle::{self, Candidate, Rules},
        links::Links,
        restraint::Told,
    },
    store::{
        Run, RunStatus, SeriesKey,
        alarms::{Alarm, Kind},
        calendar::CalendarRow,
    },
    ticket::{Basis, Day},
};

pub mod calendar;
pub mod candidate;
pub mod classes;
pub mod cluster;
pub mod coming;
pub mod context;
pub mod control;
pub mod data;
pub mod delivery;
pub mod drop;
mod finding;
pub mod ground;
pub mod grounds;
pub mod kin;
pub mod known;
pub mod level_shift;
pub mod repeats;
pub mod scene;
pub mod seasons;
pub mod spikes;
pub mod widespread;

#[cfg(test)]
mod tests;

pub use finding::Finding;
use kin::Kin;
pub use scene::{Found, Scene};

/// The detectors, in the order of the alarms they raise.
const DETECTORS: &[scene::DetectorFn] = &[
    data::find,
    level_shift::find,
    spikes::find,
    drop::find,
    widespread::find,
    cluster::find,
    repeats::find,
    coming::find,
    seasons::find,
];

/// What a run found and told.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// First and last day judged.
    pub judged: Option<(chrono::NaiveDate, chrono::NaiveDate)>,
    /// Series judged on at least one day.
    pub series: usize,
    /// Topics in districts that are a hot or cold spot of some class.
    pub classes: usize,
    /// Thresholds that were chosen from verdicts, by kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub thresholds: BTreeMap<&'static str, f64>,
    /// Kinds that were not looked for, with the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped: BTreeMap<&'static str, String>,
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
    /// Series in the calendar of seasons.
    pub seasons: usize,
}

/// Whether there is a forecast that was not looked at yet, or a source that is late.
pub async fn due(cx: &Cx) -> anyhow::Result<bool> {
    let detect = cx.store.last_run("detect", RunStatus::Ok).await?.map_or(0, |run| run.id);
    let forecast = cx.store.last_run("forecast", RunStatus::Ok).await?;
    Ok(match forecast {
        Some(run) if run.id > detect => true,
        Some(_) => is_newly_late(cx).await?,
        None => false,
    })
}

/// Whether a source is late and nobody has looked today: without its tickets there is no new forecast, and nothing else
/// would say so.
async fn is_newly_late(cx: &Cx) -> anyhow::Result<bool> {
    let looked = cx.store.last_run("detect", RunStatus::Ok).await?.map(|run| cx.day_of(run.started));
    if looked.is_some_and(|day| day >= cx.today()) {
        return Ok(false);
    }
    let arrivals = cx.store.arrivals(cx.today().plus(-known::ARRIVALS)).await?;
    Ok(!delivery::late(&arrivals, &cx.store.source_days().await?, cx.today()).is_empty())
}

/// Runs the stage.
pub async fn run(cx: &Cx, active: &Active) -> anyhow::Result<Done> {
    let ids: FxHashMap<SeriesKey, i32> =
        cx.store.series(Basis::Raw).await?.into_iter().map(|(id, k)| (k, id)).collect();
    let (scene, forecast) = scene(cx, &ids).await?;
    let origin = scene.origin;
    let (scene, progress) = (Arc::new(scene), cx.progress.clone());
    let (seen, run) = (scene.clone(), active.run);
    let (judged, classes) = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
        Ok((judge(&seen, &*progress)?, classes::classes(&seen, run)?))
    })
    .await??;
    let seasons = seasons(cx, &scene, &forecast, &ids).await?;
    let mut summary = Summary {
        judged: Some((scene.from.date(), origin.date())),
        series: judged.series,
        classes: classes.len(),
        skipped: judged.skipped.iter().map(|(kind, why)| (kind.name(), why.clone())).collect(),
        thresholds: scene.grounds.alphas.iter().map(|(kind, alpha)| (kind.name(), *alpha)).collect(),
        seasons: seasons.len(),
        ..Summary::default()
    };
    let names = city::Names::load(cx).await?;
    let naming = candidate::Naming { lang: cx.config.city.lang, scene: &scene, names: &names, ids: &ids };
    let candidates: Vec<Candidate> =
        judged.found.iter().filter_map(|(finding, held)| naming.candidate(finding, *held)).collect();
    let mut tx = tell(cx, active, origin, &candidates, &mut summary).await?;
    tx.put_hotspot_classes(&classes).await?;
    tx.put_calendar(active.run, &seasons).await?;
    Done::new(tx, Some(origin), &summary)
}

/// The calendar of a scene: who has a season, then the forecasts of those, then their rows.
async fn seasons(
    cx: &Cx,
    scene: &Arc<Scene>,
    forecast: &Run,
    ids: &FxHashMap<SeriesKey, i32>,
) -> anyhow::Result<Vec<CalendarRow>> {
    let seen = scene.clone();
    let known = tokio::task::spawn_blocking(move || calendar::known(&seen)).await?;
    let nodes: Vec<usize> = known.iter().filter(|one| one.yearly.is_some()).map(|one| one.node).collect();
    let days = seasons::read(cx, forecast, scene.origin, (&scene.city, &nodes), ids).await?;
    let (seen, ids) = (scene.clone(), ids.clone());
    Ok(tokio::task::spawn_blocking(move || calendar::rows(&seen, &known, &days, &ids)).await?)
}

/// What is known at the newest closed day.
async fn scene(cx: &Cx, ids: &FxHashMap<SeriesKey, i32>) -> anyhow::Result<(Scene, Run)> {
    let forecast = cx
        .store
        .last_run("forecast", RunStatus::Ok)
        .await?
        .context("no forecast yet: run `weisu once`, which forecasts before it detects")?;
    // On the raw basis only: judging both would tell an office everything twice.
    let (city, origin) = city::panel(cx, Basis::Raw).await?;
    let calendar = city::calendar(&cx.config, city.panel.start.into(), origin.plus(400))?;
    let weeks = coming::read(cx, &forecast, origin, &city, ids).await?;
    let from = first_to_judge(cx, origin).await?;
    let scene = Scene {
        exceeding: coming::exceeding(cx, origin, &city, ids).await?,
        capacity: coming::capacity(&cx.config.capacity, &city, &city::Names::load(cx).await?),
        days: seasons::read(cx, &forecast, origin, (&city, &seasons::topics(&city)), ids).await?,
        grounds: known::grounds(cx, &city, origin, ids).await?,
        ..Scene::new(&cx.config, calendar, city, weeks, (from, origin))
    };
    Ok((scene, forecast))
}

/// What the detectors say of a scene, with the reason for what is held back.
#[derive(Debug)]
pub struct Judged {
    /// By kind and day, most surprising first.
    pub found: Vec<(Finding, Option<control::Held>)>,
    /// Kinds that were not looked for, with the reason.
    pub skipped: Vec<(Kind, String)>,
    /// Series judged on at least one day.
    pub series: usize,
}

/// Judges a scene: the whole of detection, without a store.
pub fn judge(scene: &Scene, progress: &dyn Progress) -> anyhow::Result<Judged> {
    let mut found = Found::default();
    for detector in DETECTORS {
        found.extend(detector(scene, progress)?);
    }
    progress.done("detect");
    let (series, skipped) = (found.judged, std::mem::take(&mut found.skipped));
    Ok(Judged { found: control::hold_back(found, scene), skipped, series })
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
    let table = cx.config.routing()?;
    let now = cx.millis();
    let rows = cx.store.told_at_once(dispatch::told_since(now)).await?;
    let mut told = Told::new(&rows, cx.config.city.zone.0);
    let links = Links::load(&cx.config)?;
    // From here on nobody changes an alert but this plan.
    let mut tx = cx.store.begin().await?;
    let open = tx.open_alerts().await?;
    let silences = tx.silences(now).await?;
    let rules = Rules { resolve_after: cx.config.detect.resolve_after, silences: &silences };
    let plan = lifecycle::plan(&open, candidates, origin, now, rules);
    let plans = cx.config.plans();
    let sender = Sender { plans: Some(&plans), links: links.as_ref(), ..Sender::of(&cx.config) };
    let desk = Desk::of(&cx.config, table.as_ref(), sender);
    let dispatched = dispatch::dispatch(desk, &plan.events, &mut told, now);
    let all: Vec<Alarm> = candidates.iter().map(|c| c.alarm.clone()).collect();
    tx.put_alarms(active.run, &all).await?;
    for entry in lifecycle::audit(&open, &plan, now) {
        tx.audit(&entry).await?;
    }
    tx.put_alerts(&plan.raised, &plan.changed).await?;
    acts::follow(&mut tx, &open, &plan.changed, now).await?;
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
