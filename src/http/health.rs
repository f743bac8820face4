//! Is the process alive, is it of use, and the numbers that Prometheus scrapes.
use std::sync::atomic::{AtomicBool, Ordering};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::TimeZone;
use serde::Serialize;

use super::{AppState, board::Quality, problem::Problem};
use crate::{
    metrics::Snapshot,
    store::{
        RunStatus, StoreError,
        board::{FitLevel, LevelScore},
    },
    ticket::Day,
};

/// What the daemon knows about itself.
#[derive(Debug, Default)]
pub struct Health {
    draining: AtomicBool,
}

impl Health {
    /// From now on `/readyz` says no, so that a load balancer sends nobody here any more.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}

/// Answer of `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Readiness {
    ready: bool,
    /// Why not; empty when ready.
    reasons: Vec<&'static str>,
}

/// The process answers.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The store answers and there is a forecast to show.
pub(super) async fn readyz(State(state): State<AppState>) -> Response {
    let mut reasons = Vec::new();
    if state.health.draining.load(Ordering::Relaxed) {
        reasons.push("the daemon is stopping");
    }
    match state.store.last_run("forecast", RunStatus::Ok).await {
        Ok(Some(_)) => {}
        Ok(None) => reasons.push("no forecast has been finished yet"),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not ready");
            reasons.push("the store does not answer");
        }
    }
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, reasons })).into_response()
}

/// The Prometheus text format.
pub(super) async fn metrics(State(state): State<AppState>) -> Result<Response, Problem> {
    let snapshot = snapshot(&state).await.unwrap_or_else(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "the store does not answer a scrape");
        Snapshot::default()
    });
    state.metrics.show(&snapshot);
    let text = state.metrics.text().map_err(|error| {
        tracing::error!(%error, "metrics cannot be written");
        Problem::internal()
    })?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

async fn snapshot(state: &AppState) -> Result<Snapshot, StoreError> {
    let store = &state.store;
    let successes = store.last_successes().await?;
    let now = state.clock.now().timestamp_millis();
    let forecast = successes.iter().find(|(stage, _)| stage == "forecast");
    let mut snapshot = Snapshot {
        store_up: true,
        data_age: store.last_closed_day().await?.and_then(|day| data_age(state, day)),
        forecast_age: forecast.map(|(_, at)| (now - at) as f64 / 1000.0),
        alerts: store.alerts_by_kind().await?,
        ..Snapshot::default()
    };
    snapshot.last_success = successes.into_iter().map(|(stage, at)| (stage, at as f64 / 1000.0)).collect();
    for count in store.delivery_counts().await? {
        match count.status.as_str() {
            "pending" => snapshot.outbox_pending += count.n,
            "dead" => snapshot.outbox_dead += count.n,
            "waiting" => snapshot.outbox_held += count.n,
            _ => {}
        }
    }
    snapshot.unrouted = i64::try_from(store.unrouted().await?.len()).unwrap_or(i64::MAX);
    quality(state.boards.quality(store).await?.as_ref(), &mut snapshot);
    Ok(snapshot)
}

/// Seconds since the local midnight that ended `day`.
pub(super) fn data_age(state: &AppState, day: Day) -> Option<f64> {
    let midnight = day.plus(1).date().and_hms_opt(0, 0, 0)?;
    let end = state.city.zone.from_local_datetime(&midnight).earliest()?;
    Some((state.clock.now() - end.to_utc()).num_milliseconds() as f64 / 1000.0)
}

fn quality(newest: &Quality, snapshot: &mut Snapshot) {
    for FitLevel { model, fallback, n } in &newest.models {
        add(&mut snapshot.series, model.clone(), *n);
        if let Some(fallback) = fallback {
            add(&mut snapshot.fallbacks, reason(fallback), *n);
        }
    }
    let upper: Vec<_> = newest.levels.iter().filter(|l| l.topic_depth + l.district_depth <= 1).collect();
    let mean = |of: &dyn Fn(&LevelScore) -> Option<f64>| {
        let known: Vec<(f64, f64)> =
            upper.iter().filter_map(|l| of(l).map(|v| (v, l.series as f64))).collect();
        let weight: f64 = known.iter().map(|(_, n)| n).sum();
        (weight > 0.0).then(|| known.iter().map(|(v, n)| v * n).sum::<f64>() / weight)
    };
    snapshot.coverage.extend(mean(&|l| l.coverage_80).map(|share| ("80", share)));
    snapshot.coverage.extend(mean(&|l| l.coverage_95).map(|share| ("95", share)));
    snapshot.skill = match (mean(&|l| l.wql), mean(&|l| l.wql_naive)) {
        (Some(loss), Some(naive)) if naive > 0.0 => Some(1.0 - loss / naive),
        _ => None,
    };
}

fn add(to: &mut Vec<(String, i64)>, label: String, n: i64) {
    match to.iter_mut().find(|(known, _)| *known == label) {
        Some((_, count)) => *count += n,
        None => to.push((label, n)),
    }
}

/// The name of a stored fallback; anything longer must not become a label.
fn reason(fallback: &str) -> String {
    let name = fallback.len() <= 40 && fallback.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    if name { fallback.to_owned() } else { "other".to_owned() }
}
