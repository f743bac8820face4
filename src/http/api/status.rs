//! How the data and the runs are, and how good past forecasts were.
use axum::{Json, extract::State};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    http::{
        AppState,
        alert_view::instant,
        health,
        problem::{Params, Problem, page_size},
        scoreboard::{self, Scoreboard},
    },
    store::Run,
    ticket::{Basis, Day},
};

/// What a planner wants to know before trusting anything else.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Status {
    /// Name of the city.
    pub city: String,
    /// Short name.
    pub code: String,
    /// IANA zone of the local days.
    pub zone: String,
    /// Version of the program.
    pub version: &'static str,
    /// The local day it is.
    pub today: NaiveDate,
    /// First day with data.
    pub data_from: Option<NaiveDate>,
    /// Last complete day.
    pub data_to: Option<NaiveDate>,
    /// Seconds since that day ended.
    pub data_age_seconds: Option<f64>,
    /// Days in between that are gaps in a source.
    pub gap_days: usize,
    /// The newest forecast.
    pub forecast: Option<Issue>,
    /// Alerts that are not over.
    pub open_alerts: i64,
    /// Deliveries waiting.
    pub outbox_pending: i64,
    /// Deliveries given up on.
    pub outbox_dead: i64,
    /// End of the newest successful run per stage.
    pub last_success: Vec<StageSuccess>,
}

/// A published forecast.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Issue {
    /// Its run.
    pub run: i64,
    /// When it was finished.
    pub issued_at: Option<DateTime<Utc>>,
    /// The last day it knew.
    pub origin: Option<NaiveDate>,
}

impl From<&Run> for Issue {
    fn from(run: &Run) -> Self {
        Self {
            run: run.id,
            issued_at: run.finished.and_then(instant),
            origin: run.origin.map(|d| Day(d).date()),
        }
    }
}

/// The newest success of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct StageSuccess {
    /// Name of the stage.
    pub stage: String,
    /// When it ended.
    pub at: Option<DateTime<Utc>>,
}

/// How old the data and the newest forecast are, what waits.
#[utoipa::path(get, path = "/status", tag = "status", responses((status = OK, body = Status), (status = 503, body = Problem)))]
pub(super) async fn status(State(state): State<AppState>) -> Result<Json<Status>, Problem> {
    read(&state).await.map(Json)
}

/// The answer of `/status`, also shown on the page.
pub(crate) async fn read(state: &AppState) -> Result<Status, Problem> {
    let base = state.boards.base(&state.store).await?;
    let last = base.last_closed();
    let outbox = state.store.delivery_counts().await?;
    let waiting = |status: &str| outbox.iter().filter(|c| c.status == status).map(|c| c.n).sum();
    Ok(Status {
        city: state.city.name.clone(),
        code: state.city.code.clone(),
        zone: state.city.zone.name().to_owned(),
        version: env!("CARGO_PKG_VERSION"),
        today: state.today().date(),
        data_from: base.known.first().map(|(day, _)| day.date()),
        data_to: last.map(Day::date),
        data_age_seconds: last.and_then(|day| health::data_age(state, day)),
        gap_days: base.gaps(),
        forecast: base.forecast.as_ref().map(Issue::from),
        open_alerts: state.store.alerts_by_kind().await?.iter().map(|(_, _, n)| n).sum(),
        outbox_pending: waiting("pending"),
        outbox_dead: waiting("dead"),
        last_success: state
            .store
            .last_successes()
            .await?
            .into_iter()
            .map(|(stage, at)| StageSuccess { stage, at: instant(at) })
            .collect(),
    })
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BasisParams {
    /// What is counted; every ticket unless said otherwise.
    pub basis: Option<Basis>,
}

/// Share inside the bands, errors against the naive forecast, by level.
#[utoipa::path(get, path = "/scoreboard", tag = "quality", params(BasisParams),
    responses((status = OK, body = Scoreboard), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn scoreboard(
    State(state): State<AppState>,
    Params(params): Params<BasisParams>,
) -> Result<Json<Scoreboard>, Problem> {
    let score = scoreboard::scoreboard(&state, params.basis.unwrap_or(Basis::Raw)).await?;
    Ok(Json(Scoreboard::clone(&score)))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RunParams {
    /// At most so many, 1 to 500.
    limit: Option<u32>,
}

/// One activation of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct RunView {
    /// Ascending key.
    pub id: i64,
    /// Name of the stage.
    pub stage: String,
    /// Local slot it was activated for.
    pub slot: String,
    /// `running`, `ok` or `failed`.
    pub status: String,
    /// Begin.
    pub started: Option<DateTime<Utc>>,
    /// End.
    pub finished: Option<DateTime<Utc>>,
    /// Last local day known to the run.
    pub origin: Option<NaiveDate>,
    /// The stage's own summary.
    pub summary: serde_json::Value,
    /// Why it failed.
    pub error: Option<String>,
}

impl From<Run> for RunView {
    fn from(run: Run) -> Self {
        Self {
            started: instant(run.started),
            finished: run.finished.and_then(instant),
            origin: run.origin.map(|d| Day(d).date()),
            summary: serde_json::from_str(&run.summary).unwrap_or_default(),
            id: run.id,
            stage: run.stage,
            slot: run.slot,
            status: run.status,
            error: run.error,
        }
    }
}

/// The newest runs of all stages, newest first.
#[utoipa::path(get, path = "/runs", tag = "status", params(RunParams),
    responses((status = OK, body = Vec<RunView>), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn runs(
    State(state): State<AppState>,
    Params(params): Params<RunParams>,
) -> Result<Json<Vec<RunView>>, Problem> {
    let runs = state.store.recent_runs(page_size(params.limit, 50, 500)?).await?;
    Ok(Json(runs.into_iter().map(RunView::from).collect()))
}
