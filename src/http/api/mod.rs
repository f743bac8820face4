//! The JSON API, `/api/v1`, and its OpenAPI document.
use axum::{Json, Router, extract::State, routing::get};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, Ref, RefOr, Response, ResponseBuilder,
        path::Operation,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::AppState;

pub(super) mod alerts;
pub(super) mod backtest;
mod calendar;
pub(super) mod explanation;
pub(super) mod exports;
pub(super) mod forecast;
mod hotspots;
mod lanes;
pub(super) mod life;
mod panel;
pub(super) mod silences;
pub(super) mod status;

#[derive(OpenApi)]
#[openapi(info(
    title = "weisu",
    description = "Forecasts and early alerts of a city hotline, and what people say of the alerts. Days are local days of the city, \
                   instants are UTC. A forecast says what is expected, with bands that hold as often as their name \
                   says; a rise can mean more trust in the hotline, and no tickets do not mean no problems.",
    license(name = "Apache-2.0", identifier = "Apache-2.0")
))]
struct Document;

/// What every address has in common: who may ask, and the answers that come before a handler is reached.
struct Everywhere;

impl Everywhere {
    /// Status, when, and whether only requests with a body get it.
    const ANSWERS: [(&str, &str, bool); 7] = [
        ("400", "The request cannot be understood", false),
        ("401", "No token, or one that is worth nothing", false),
        ("403", "The token may not", false),
        ("413", "The body is too long", true),
        ("415", "The body is not application/json", true),
        ("429", "Asked too often; Retry-After says how long to wait", false),
        ("503", "The store does not answer, or not in time", false),
    ];

    fn answer(description: &str) -> RefOr<Response> {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        ResponseBuilder::new().description(description).content(PROBLEM, content).build().into()
    }

    fn complete(operation: &mut Operation) {
        let has_body = operation.request_body.is_some();
        let responses = &mut operation.responses.responses;
        for (status, description, _) in Self::ANSWERS.into_iter().filter(|(_, _, body)| has_body || !body) {
            responses.entry(status.to_owned()).or_insert_with(|| Self::answer(description));
        }
        // A handler names the type of its problems; what it is sent as is the same for all.
        for (status, response) in responses.iter_mut() {
            if let RefOr::T(response) = response
                && !status.starts_with('2')
                && let Some(content) = response.content.shift_remove("application/json")
            {
                response.content.insert(PROBLEM.to_owned(), content);
            }
        }
    }
}

/// Content type of a problem document.
const PROBLEM: &str = "application/problem+json";

impl Modify for Everywhere {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let schemes = [
            ("token", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build())),
            ("password", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Basic).build())),
            ("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("weisu_session")))),
        ];
        let components = document.components.get_or_insert_default();
        let none: [&str; 0] = [];
        let mut any = vec![SecurityRequirement::default()];
        for (name, scheme) in schemes {
            components.add_security_scheme(name, scheme);
            any.push(SecurityRequirement::new(name, none));
        }
        // The empty one: where access is open nobody is asked.
        document.security = Some(any);
        for path in document.paths.paths.values_mut() {
            let operations = [&mut path.get, &mut path.post];
            operations.into_iter().flatten().for_each(Self::complete);
        }
    }
}

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
        .routes(routes!(lanes::lanes))
        .routes(routes!(calendar::calendar))
        .routes(routes!(alerts::alerts))
        .routes(routes!(alerts::alarms))
        .routes(routes!(alerts::precision))
        .routes(routes!(hotspots::classes))
        .routes(routes!(life::alert))
        .routes(routes!(life::ack))
        .routes(routes!(life::start))
        .routes(routes!(life::resolve))
        .routes(routes!(life::close))
        .routes(routes!(life::silence))
        .routes(routes!(life::lift))
        .routes(routes!(life::verdict))
        .routes(routes!(life::note))
        .routes(routes!(life::audit))
        .routes(routes!(silences::silences, silences::silence))
        .routes(routes!(silences::lift))
        .routes(routes!(status::scoreboard))
        .routes(routes!(backtest::latest))
        .routes(routes!(backtest::ledger))
        .routes(routes!(exports::exports))
        .routes(routes!(exports::file))
        .routes(routes!(status::runs));
    let (router, mut document) =
        OpenApiRouter::with_openapi(Document::openapi()).nest("/api/v1", v1).split_for_parts();
    Everywhere.modify(&mut document);
    (router, document)
}

pub(super) fn router() -> Router<AppState> {
    let (router, document) = parts();
    let answer = async move |State(state): State<AppState>| {
        let mut document = document;
        if let Some(any) = document.security.as_mut().filter(|_| state.gate.is_closed()) {
            // The first asks for nothing.
            any.remove(0);
        }
        Json(document)
    };
    router.route("/api/openapi.json", get(answer))
}

/// The OpenAPI document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    parts().1
}
