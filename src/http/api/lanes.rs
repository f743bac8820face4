//! The three lanes.
use axum::{Json, extract::State};
use serde::Deserialize;

use crate::{
    http::{
        AppState,
        lanes::{self, Lanes},
        problem::{Params, Problem},
    },
    ticket::Basis,
};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LaneParams {
    /// What is counted; every ticket unless said otherwise.
    basis: Option<Basis>,
}

/// What is common (共性), what comes back (季节), what is at risk (风险).
#[utoipa::path(get, path = "/lanes", tag = "lanes", params(LaneParams),
    responses((status = OK, body = Lanes), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn lanes(
    State(state): State<AppState>,
    Params(params): Params<LaneParams>,
) -> Result<Json<Lanes>, Problem> {
    lanes::lanes(&state, params.basis.unwrap_or(Basis::Raw)).await.map(Json)
}
