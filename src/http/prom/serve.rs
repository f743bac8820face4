//! The addresses of the query API.
use std::collections::BTreeSet;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
    routing::get,
};
use serde_json::{Map, json};

use super::{
    catalogue::{Reader, SERIES, Window, metrics},
    evaluate::evaluate,
    params::Params,
    parse::{self, Query},
    series::{Labels, NAME, QueryError, Series},
    text,
};
use crate::http::AppState;

/// Most values that a query may bring together: series times instants.
const VALUES: usize = 5_000_000;
/// The Prometheus whose API this is: clients choose by it what they may ask for.
const SPEAKS: &str = "2.42.0";

/// Every address below `/prom/api/v1`.
pub fn router() -> Router<AppState> {
    let v1 = Router::new()
        .route("/query", get(query).post(query))
        .route("/query_range", get(query_range).post(query_range))
        .route("/series", get(series).post(series))
        .route("/labels", get(label_names).post(label_names))
        .route("/label/{name}/values", get(label_values))
        .route("/metadata", get(metadata))
        .route("/status/buildinfo", get(buildinfo))
        .fallback(async || QueryError::NotFound);
    Router::new().nest("/prom/api/v1", v1)
}

type Answer = Result<Response, QueryError>;

async fn reader(state: &AppState) -> Result<Reader, QueryError> {
    Ok(Reader {
        base: state.boards.base(&state.store).await?,
        store: state.store.clone(),
        zone: state.city.zone,
        now: state.clock.now().timestamp_millis(),
    })
}

async fn query(State(state): State<AppState>, uri: Uri, headers: HeaderMap, body: Bytes) -> Answer {
    let params = Params::read(&uri, &headers, &body)?;
    let reader = reader(&state).await?;
    let at = params.time("time")?.unwrap_or(reader.now);
    let query = parse::query(params.query()?)?;
    let fetched = fetch(&reader, &query, Window { from: at, to: at }, 1).await?;
    Ok(text::success(text::instant(evaluate(&query, &fetched, &[at])?, at)))
}

async fn query_range(State(state): State<AppState>, uri: Uri, headers: HeaderMap, body: Bytes) -> Answer {
    let params = Params::read(&uri, &headers, &body)?;
    let range = params.range()?;
    let query = parse::query(params.query()?)?;
    let instants = range.instants();
    let window = Window { from: range.start, to: range.end };
    let fetched = fetch(&reader(&state).await?, &query, window, instants.len()).await?;
    let value = tokio::task::spawn_blocking(move || {
        evaluate(&query, &fetched, &instants).map(|value| text::range(value, &instants))
    });
    let value =
        value.await.map_err(|_| QueryError::Execution("the query could not be evaluated".to_owned()))?;
    Ok(text::success(value?))
}

async fn fetch(
    reader: &Reader,
    query: &Query,
    window: Window,
    instants: usize,
) -> Result<Vec<Vec<Series>>, QueryError> {
    let mut fetched = Vec::with_capacity(query.selectors.len());
    let mut series = 0;
    for selector in &query.selectors {
        let window = Window {
            from: window.from.saturating_sub(selector.offset),
            to: window.to.saturating_sub(selector.offset),
        };
        fetched.push(reader.fetch(&selector.matchers, window).await?);
        series += fetched.last().map_or(0, Vec::len);
        if series * instants > VALUES || series > 4 * SERIES {
            return Err(QueryError::Execution(format!(
                "the query brings together {series} series at {instants} instants, more than {VALUES} values: choose \
                 fewer series or a longer step"
            )));
        }
    }
    Ok(fetched)
}

async fn listed(reader: &Reader, params: &Params) -> Result<Vec<Labels>, QueryError> {
    let window = params.window(reader.now)?;
    let mut found = Vec::new();
    for text in params.all("match[]") {
        let selector = parse::selector(text)?;
        found.extend(reader.list(&selector.matchers, window).await?);
    }
    found.sort();
    found.dedup();
    Ok(found)
}

async fn series(State(state): State<AppState>, uri: Uri, headers: HeaderMap, body: Bytes) -> Answer {
    let params = Params::read(&uri, &headers, &body)?;
    if params.get("match[]").is_none() {
        return Err(QueryError::Bad("no match[] parameter provided".to_owned()));
    }
    let found = listed(&reader(&state).await?, &params).await?;
    Ok(text::success(json!(found.into_iter().take(params.limit()?).collect::<Vec<_>>())))
}

/// Label sets of what is matched, or of everything.
async fn matched(state: &AppState, params: &Params) -> Result<Vec<Labels>, QueryError> {
    let reader = reader(state).await?;
    if params.get("match[]").is_some() {
        return listed(&reader, params).await;
    }
    let window = params.window(reader.now)?;
    let mut found = Vec::new();
    for metric in metrics() {
        let selector = parse::selector(metric.name)?;
        found.extend(reader.list(&selector.matchers, window).await?);
    }
    Ok(found)
}

async fn label_names(State(state): State<AppState>, uri: Uri, headers: HeaderMap, body: Bytes) -> Answer {
    let params = Params::read(&uri, &headers, &body)?;
    let found = matched(&state, &params).await?;
    let names: BTreeSet<&str> = found.iter().flat_map(|labels| labels.keys().copied()).collect();
    Ok(text::success(json!(names.into_iter().take(params.limit()?).collect::<Vec<_>>())))
}

async fn label_values(
    State(state): State<AppState>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Answer {
    let params = Params::read(&uri, &headers, &Bytes::new())?;
    let values: BTreeSet<String> = if name == NAME && params.get("match[]").is_none() {
        metrics().into_iter().map(|metric| metric.name.to_owned()).collect()
    } else {
        let found = matched(&state, &params).await?;
        found.into_iter().filter_map(|mut labels| labels.remove(name.as_str())).collect()
    };
    Ok(text::success(json!(values.into_iter().take(params.limit()?).collect::<Vec<_>>())))
}

async fn metadata(uri: Uri, headers: HeaderMap) -> Answer {
    let params = Params::read(&uri, &headers, &Bytes::new())?;
    let wanted = params.get("metric");
    let mut found = Map::new();
    for metric in metrics().into_iter().filter(|m| wanted.is_none_or(|name| name == m.name)) {
        if found.len() < params.limit()? {
            let about = json!([{ "type": "gauge", "help": metric.help, "unit": "" }]);
            found.insert(metric.name.to_owned(), about);
        }
    }
    Ok(text::success(json!(found)))
}

async fn buildinfo() -> Response {
    text::success(json!({
        "application": "weisu", "version": SPEAKS, "revision": env!("CARGO_PKG_VERSION"), "branch": "", "buildUser": "",
        "buildDate": "", "goVersion": "",
    }))
}
