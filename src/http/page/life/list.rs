//! The open alerts of whoever asks, for a phone.
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use minijinja::{Value, context, value::Serde};
use serde::Serialize;

use super::{Desk, hotspots};
use crate::{
    http::{AppState, access::Viewer, api::alerts},
    store::board::AlertFilter,
};

/// Alerts shown at most.
const MOST: i64 = 100;

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    unrouted: bool,
    #[serde(flatten)]
    card: hotspots::Card,
}

pub async fn show(State(state): State<AppState>, viewer: Viewer, headers: HeaderMap, uri: Uri) -> Response {
    let desk = Desk::new(&state, &headers, &uri);
    let filter = AlertFilter { state: Some("open".to_owned()), limit: MOST, ..AlertFilter::default() };
    let page = async {
        let found = alerts::found(&state, &viewer, &filter).await?;
        let row = |alert: &crate::http::alert_view::AlertView| Row {
            id: alert.id.clone(),
            unrouted: alert.unrouted,
            card: hotspots::view(&desk.text, alert),
        };
        let rows: Vec<Row> = found.iter().map(row).collect();
        let of = viewer.is_restricted().then(|| viewer.districts.join("、"));
        let title = desk.say("l_alerts");
        let values = context! { rows => Value::from(Serde(rows)), of };
        desk.page(StatusCode::OK, "alerts.html", &title, values)
    };
    page.await.unwrap_or_else(|problem| desk.problem(&problem))
}
