//! Page, JSON API, metrics and health over HTTP. Reads the store; what it writes is what people say of alerts (their
//! state, verdicts, silences, and the audit of it), by [`crate::publish::acts`] and nothing else.
//!
//! Every answer of the API is a typed value that is also in the OpenAPI document; every error is a problem
//! document (RFC 9457). Who may ask is decided in [`access`] before anything is looked at. A reverse proxy may have it
//! under a sub-path, which is why pages and redirects use relative addresses only. The content security policy allows
//! nothing but the program's own files, so the page has no inline script or style.
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use chrono_tz::Tz;
use tower_http::{
    CompressionLevel, catch_panic::CatchPanicLayer, compression::CompressionLayer, timeout::TimeoutLayer,
};
use weisu_models::calendar::Calendar;

use crate::{
    config::{Lang, Regressor},
    map::Geography,
    metrics::Metrics,
    schedule::clock::Clock,
    store::Store,
    ticket::{Day, Millis},
};

mod access;
mod alert_view;
mod api;
mod assets;
mod board;
mod health;
mod ical;
mod lanes;
mod outlines;
mod outlook;
mod page;
mod problem;
mod prom;
mod scoreboard;
mod seasons;

pub use access::Gate;
pub use api::openapi;
pub use health::Health;

/// Whose tickets these are, as the page needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct City {
    /// Name as people read it.
    pub name: String,
    /// Short name.
    pub code: String,
    /// Local days are cut in it.
    pub zone: Tz,
    /// Language of the page's first view.
    pub lang: Lang,
    /// Days of history that its forecasts rest on.
    pub history_days: usize,
    /// What is measured of each day; their files are read when a forecast is explained.
    pub regressors: Vec<Regressor>,
    /// The map of its districts.
    pub geography: Option<Geography>,
    /// Folder of contingency plans.
    pub plans: Option<PathBuf>,
}

/// What every handler may read.
#[derive(Debug, Clone)]
pub struct AppState {
    store: Store,
    metrics: Metrics,
    city: Arc<City>,
    calendar: Arc<Calendar>,
    clock: Arc<dyn Clock>,
    health: Arc<Health>,
    boards: Arc<board::Cache>,
    outlines: Option<Arc<outlines::Outlines>>,
    gate: Arc<Gate>,
    exports: Option<Arc<Path>>,
}

impl AppState {
    /// The state of a server with an empty cache.
    pub fn new(
        store: Store,
        metrics: Metrics,
        city: City,
        calendar: Calendar,
        clock: Arc<dyn Clock>,
        health: Arc<Health>,
        gate: Gate,
    ) -> Self {
        let outlines = city.geography.as_ref().and_then(outlines::Outlines::new);
        Self {
            store,
            metrics,
            outlines: outlines.map(Arc::new),
            city: Arc::new(city),
            calendar: Arc::new(calendar),
            clock,
            health,
            boards: Arc::default(),
            gate: Arc::new(gate),
            exports: None,
        }
    }

    /// Milliseconds since the epoch.
    fn now(&self) -> Millis {
        self.clock.now().timestamp_millis()
    }

    /// Lists and serves what the manifest of this folder names.
    #[must_use]
    pub fn with_exports(self, folder: &Path) -> Self {
        Self { exports: Some(folder.into()), ..self }
    }

    /// The local day it is now.
    fn today(&self) -> Day {
        Day::from(self.clock.now().with_timezone(&self.city.zone).date_naive())
    }
}

/// How often it is looked whether a run has ended.
const LOOK: Duration = Duration::from_secs(2);

/// Reads what the first view and a scrape need each time the data have changed, so that nobody waits for it; never ends.
pub async fn keep_warm(state: AppState) {
    let mut warm = None;
    loop {
        match read_ahead(&state, warm).await {
            Ok(version) => warm = version,
            Err(problem) => tracing::debug!(?problem, "the first view could not be read ahead"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Reads ahead unless the version of the data that was read last is still the newest, or a stage is at work on the next one.
async fn read_ahead(state: &AppState, warm: Option<i64>) -> Result<Option<i64>, problem::Problem> {
    let newest = Some(state.store.data_version().await?);
    if newest == warm || state.store.is_data_changing().await? {
        return Ok(warm);
    }
    state.boards.quality(&state.store).await?;
    page::warm(state).await?;
    Ok(newest)
}

/// How long an answer may take before the server gives up on it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of a request's body at most.
const LARGEST_BODY: usize = 256 * 1024;

/// Every route of the daemon.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/", get(page::page))
        .route("/alerts", get(page::alerts))
        .route("/backtest", get(page::backtest))
        .route("/calendar", get(page::calendar))
        .route("/calendar.ics", get(ical::feed))
        .route("/plan", get(page::plan))
        .route("/exports", get(page::exports))
        .route("/assets/{*path}", get(assets::asset))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .merge(page::life::router())
        .merge(api::router())
        .merge(prom::router())
        .fallback(async || problem::Problem::not_found("there is nothing at this address"))
        .method_not_allowed_fallback(async || problem::Problem::method())
        .layer(axum::middleware::from_fn_with_state(state.clone(), revalidate))
        .layer(axum::middleware::from_fn_with_state(state.clone(), access::guard))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(axum::middleware::map_response(secure))
        .layer(CatchPanicLayer::custom(|_| problem::Problem::internal().into_response()))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .with_state(state)
}

/// Headers that keep a browser from running or framing anything that is not ours.
async fn secure(mut response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 5] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in HEADERS {
        // A file of the exports brings a policy of its own.
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Answers 304 where the client already has this version of what the store says.
///
/// The tag is the newest run that wrote counts, fits or forecasts, so only addresses that depend on nothing else
/// take part ([`api::IMMUTABLE_BETWEEN_RUNS`]); everything else must be asked for again.
async fn revalidate(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !api::IMMUTABLE_BETWEEN_RUNS.contains(&path) {
        let mut response = next.run(request).await;
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        return response;
    }
    let Ok(version) = state.store.data_version().await else { return next.run(request).await };
    let tag = format!("W/\"{}-{version}-{}\"", env!("CARGO_PKG_VERSION"), state.today().0);
    let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == tag.as_bytes());
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { next.run(request).await };
    if known || response.status().is_success() {
        let headers = response.headers_mut();
        // What was asked for with a token or a session is not for whoever asks a proxy next.
        let cache = if state.gate.is_closed() { "private, no-cache" } else { "no-cache" };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            headers.insert(header::ETAG, tag);
        }
    }
    response
}
