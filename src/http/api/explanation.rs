//! Why the newest forecast of a series is what it is.
use std::sync::Arc;

use axum::{Json, extract::State};
use chrono::NaiveDate;
use serde::Deserialize;
use weisu_models::calendar::Calendar;

use crate::{
    config::regressor,
    explain::{self, ExplainError, Explanation, Question},
    http::{
        AppState,
        problem::{Params, Problem},
    },
    ticket::Basis,
};

/// Days explained at once at most.
const MOST_DAYS: i64 = 100;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ExplanationParams {
    /// Key of a topic; 0 = all topics together.
    topic: Option<i32>,
    /// Key of a district; 0 = the whole city.
    district: Option<i32>,
    /// What is counted; every ticket unless said otherwise.
    basis: Option<Basis>,
    /// First day; the coming week unless both are said.
    from: Option<NaiveDate>,
    /// Last day.
    to: Option<NaiveDate>,
}

/// Parts that multiply up to the published mean, and what changed since the run before.
#[utoipa::path(get, path = "/explanation", tag = "forecast", params(ExplanationParams),
    responses((status = OK, body = Explanation), (status = 400, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn explanation(
    State(state): State<AppState>,
    Params(params): Params<ExplanationParams>,
) -> Result<Json<Explanation>, Problem> {
    let span = match (params.from, params.to) {
        (None, None) => None,
        (Some(from), Some(to)) if (0..MOST_DAYS).contains(&(to - from).num_days()) => Some((from, to)),
        _ => {
            return Err(Problem::bad(format!(
                "write from and to, at most {MOST_DAYS} days apart, or neither"
            )));
        }
    };
    let at = (params.topic.unwrap_or(0), params.district.unwrap_or(0));
    read(&state, at, params.basis.unwrap_or(Basis::Raw), span)
        .await
        .map(|kept| Json(Explanation::clone(&kept)))
}

/// The answer of `/explanation`, also shown on the page. It is kept like everything that changes with a run only, and
/// one is worked out at a time: many at once would leave no processor to the others.
pub(crate) async fn read(
    state: &AppState,
    at: (i32, i32),
    basis: Basis,
    span: Option<(NaiveDate, NaiveDate)>,
) -> Result<Arc<Explanation>, Problem> {
    let question = Question { at, basis, span, history_days: state.city.history_days };
    let work = async || {
        let _turn = state.boards.turn.lock().await;
        let calendar = calendar(state).await?;
        explain::answer(&state.store, &calendar, question).await
    };
    state.boards.explained.get(&state.store, question, work).await.map_err(|error| match error {
        ExplainError::NoForecast | ExplainError::NotForecast { .. } => Problem::not_found(error.to_string()),
        ExplainError::Store(error) => error.into(),
        ExplainError::Fit(_) | ExplainError::Work(_) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a forecast could not be explained");
            Problem::internal()
        }
    })
}

/// The city's calendar with what its files measure when a series is first asked for after a run.
async fn calendar(state: &AppState) -> Result<Arc<Calendar>, ExplainError> {
    if state.city.regressors.is_empty() {
        return Ok(state.calendar.clone());
    }
    let (calendar, city) = (state.calendar.clone(), state.city.clone());
    let read = move || calendar.without_regressors().with_regressors(regressor::readable(&city.regressors));
    Ok(Arc::new(tokio::task::spawn_blocking(read).await?))
}
