//! The JSON API, `/api/v1`, and its OpenAPI document.
use axum::{Json, Router, routing::get};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::AppState;

mod alerts;
pub(super) mod backtest;
pub(super) mod explanation;
pub(super) mod forecast;
mod hotspots;
mod panel;
pub(super) mod status;

#[derive(OpenApi)]
#[openapi(info(
    title = "weisu",
    description = "Forecasts and early alerts of a city hotline. Read only. Days are local days of the city, \
                   instants are UTC. A forecast says what is expected, with bands that hold as often as their name \
                   says; a rise can mean more trust in the hotline, and no tickets do not mean no problems.",
    license(name = "Apache-2.0", identifier = "Apache-2.0")
))]
struct Document;

/// Addresses whose answer changes only when a run of the daily chain ends or a new day begins.
pub(super) const IMMUTABLE_BETWEEN_RUNS: [&str; 8] = [
    "/api/v1/topics",
    "/api/v1/districts",
    "/api/v1/series",
    "/api/v1/forecast",
    "/api/v1/outlook",
    "/api/v1/explanation",
    "/api/v1/scoreboard",
    "/api/v1/ledger",
];

fn parts() -> (Router<AppState>, utoipa::openapi::OpenApi) {
    let v1 = OpenApiRouter::new()
        .routes(routes!(status::status))
        .routes(routes!(panel::topics))
        .routes(routes!(panel::districts))
        .routes(routes!(panel::series))
        .routes(routes!(forecast::forecast))
        .routes(routes!(forecast::outlook))
        .routes(routes!(explanation::explanation))
        .routes(routes!(alerts::alerts))
        .routes(routes!(alerts::alarms))
        .routes(routes!(alerts::precision))
        .routes(routes!(hotspots::classes))
        .routes(routes!(status::scoreboard))
        .routes(routes!(backtest::latest))
        .routes(routes!(backtest::ledger))
        .routes(routes!(status::runs));
    OpenApiRouter::with_openapi(Document::openapi()).nest("/api/v1", v1).split_for_parts()
}

pub(super) fn router() -> Router<AppState> {
    let (router, document) = parts();
    router.route("/api/openapi.json", get(async move || Json(document)))
}

/// The OpenAPI document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    parts().1
}
