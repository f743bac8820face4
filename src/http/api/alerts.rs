//! Alerts (what people get) and alarms (what detectors said).
use axum::{Json, extract::State};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    http::{
        AppState,
        access::Viewer,
        alert_view::AlertView,
        problem::{Params, Problem, page_size},
    },
    store::{
        alarms::{Alarm, Driver, Kind, Severity},
        alerts::Lane,
        board::AlertFilter,
        verdicts::{self, Precision},
    },
    ticket::Basis,
};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AlertParams {
    /// A state, or `open` for every state that is not over.
    state: Option<String>,
    /// What kind of deviation.
    kind: Option<Kind>,
    /// Key of a district; its parts are included.
    district: Option<i32>,
    /// Which lane.
    lane: Option<Lane>,
    /// At most so many, 1 to 500.
    limit: Option<u32>,
}

/// Alerts with their grounds, the most severe and newest first; for a token of some districts, theirs.
#[utoipa::path(get, path = "/alerts", tag = "hotspots", params(AlertParams),
    responses((status = OK, body = Vec<AlertView>), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn alerts(
    State(state): State<AppState>,
    viewer: Viewer,
    Params(params): Params<AlertParams>,
) -> Result<Json<Vec<AlertView>>, Problem> {
    let filter = AlertFilter {
        state: params.state,
        kind: params.kind.map(|k| k.name().to_owned()),
        lane: params.lane.map(|l| l.name().to_owned()),
        district: params.district.filter(|d| *d != 0),
        limit: page_size(params.limit, 100, 500)?,
        id: None,
    };
    found(&state, &viewer, &filter).await.map(Json)
}

/// Alerts that somebody may see.
pub(crate) async fn found(
    state: &AppState,
    viewer: &Viewer,
    filter: &AlertFilter,
) -> Result<Vec<AlertView>, Problem> {
    if !viewer.is_restricted() {
        let rows = state.store.find_alerts(filter).await?;
        return Ok(rows.into_iter().filter_map(AlertView::new).collect());
    }
    let base = state.boards.base(&state.store).await?;
    let mut ids: Vec<i32> = match filter.district {
        Some(asked) => vec![asked],
        None => base.districts.nodes().filter(|n| viewer.districts.contains(&n.name)).map(|n| n.id).collect(),
    };
    ids.retain(|id| viewer.sees(&base.districts.path(*id)));
    let mut views: Vec<AlertView> = Vec::new();
    for district in ids {
        let rows =
            state.store.find_alerts(&AlertFilter { district: Some(district), ..filter.clone() }).await?;
        views.extend(rows.into_iter().filter_map(AlertView::new));
    }
    // A cluster lies in no one district, and is the business of each of its own.
    let cluster = Some(Kind::Cluster.name().to_owned());
    if filter.kind.is_none() || filter.kind == cluster {
        let wide = AlertFilter { kind: cluster, district: None, ..filter.clone() };
        let rows = state.store.find_alerts(&wide).await?.into_iter().filter_map(AlertView::new);
        let near = |view: &AlertView| match filter.district {
            Some(id) => view.body.details.cluster.as_ref().is_some_and(|c| c.districts.contains(&id)),
            None => true,
        };
        views.extend(rows.filter(|view| viewer.sees_alert(&view.body) && near(view)));
    }
    views.sort_by(|a, b| {
        (b.body.severity, b.updated).cmp(&(a.body.severity, a.updated)).then_with(|| a.id.cmp(&b.id))
    });
    // A district inside another one is found with both.
    views.dedup_by(|a, b| a.id == b.id);
    views.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
    Ok(views)
}

/// How many alerts of each rule (kind and detector) were worth telling, by what people said of them.
#[utoipa::path(get, path = "/alerts/precision", tag = "hotspots",
    responses((status = OK, body = Vec<Precision>), (status = 503, body = Problem)))]
pub(super) async fn precision(State(state): State<AppState>) -> Result<Json<Vec<Precision>>, Problem> {
    Ok(Json(verdicts::precision(&state.store.judged_alerts().await?)))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AlarmParams {
    /// Windows that end on this day or later; 30 days ago unless said otherwise.
    from: Option<NaiveDate>,
    /// Windows that begin on this day or earlier; a year ahead unless said otherwise.
    to: Option<NaiveDate>,
    /// At most so many, 1 to 1000.
    limit: Option<u32>,
}

/// What a detector said about one window of one series.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(super) struct AlarmView {
    /// Identity of what is watched.
    fingerprint: String,
    /// What kind of deviation.
    kind: Kind,
    /// Detector.
    method: String,
    /// How much it matters.
    severity: Severity,
    /// Names from the top down; empty = all topics.
    topic: Vec<String>,
    /// Names from the top down; empty = the whole city.
    district: Vec<String>,
    /// What is counted.
    basis: Basis,
    /// First day judged.
    from: NaiveDate,
    /// Last day judged.
    to: NaiveDate,
    /// Tickets; absent when the window lies ahead.
    observed: Option<f64>,
    /// Tickets expected.
    expected: f64,
    /// Upper bound of the expected.
    bound: f64,
    /// P(at least so many | as expected).
    p_value: f64,
    /// Above 1 is abnormal.
    score: f64,
    /// Days from the last known day to the begin of the window.
    lead_days: i32,
    /// Cells below that contribute most.
    drivers: Vec<Driver>,
    /// Why nobody was told; absent when people were.
    suppressed: Option<String>,
}

/// Everything detectors raised, also what a budget kept from people; newest window first.
#[utoipa::path(get, path = "/alarms", tag = "hotspots", params(AlarmParams),
    responses((status = OK, body = Vec<AlarmView>), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn alarms(
    State(state): State<AppState>,
    viewer: Viewer,
    Params(params): Params<AlarmParams>,
) -> Result<Json<Vec<AlarmView>>, Problem> {
    let today = state.today();
    let from = params.from.map_or(today.plus(-30), Into::into);
    let to = params.to.map_or(today.plus(366), Into::into);
    let limit = page_size(params.limit, 100, 1000)?;
    let base = state.boards.base(&state.store).await?;
    let view = |a: Alarm| AlarmView {
        topic: base.topics.path(a.topic),
        district: base.districts.path(a.district),
        from: a.window.0.date(),
        to: a.window.1.date(),
        fingerprint: a.fingerprint,
        kind: a.kind,
        method: a.method,
        severity: a.severity,
        basis: a.basis,
        observed: a.observed,
        expected: a.expected,
        bound: a.bound,
        p_value: a.p_value,
        score: a.score,
        lead_days: a.lead_days,
        drivers: a.drivers,
        suppressed: a.suppressed,
    };
    let rows = state.store.alarms_between(from, to, limit).await?;
    Ok(Json(rows.into_iter().map(view).filter(|alarm| viewer.sees(&alarm.district)).collect()))
}
