//! The trees, and the series of the panel.
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};

use crate::{
    http::{
        AppState,
        board::Names,
        problem::{Params, Problem, page_size},
    },
    store::{
        TreeNode,
        board::{SeriesFilter, SeriesRow},
    },
    ticket::Basis,
};

/// A topic or a district.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(super) struct NodeView {
    /// Key.
    id: i32,
    /// Key of its parent; 0 for the top level.
    parent: i32,
    /// 1 for the top level.
    depth: i32,
    /// Names from the top down to this one.
    path: Vec<String>,
}

fn nodes(names: &Names) -> Json<Vec<NodeView>> {
    let view = |n: &TreeNode| NodeView { id: n.id, parent: n.parent, depth: n.depth, path: names.path(n.id) };
    Json(names.nodes().map(view).collect())
}

/// The topic tree; a parent comes before its children. Topic 0, "all", is not listed.
#[utoipa::path(get, path = "/topics", tag = "panel", responses((status = OK, body = Vec<NodeView>), (status = 503, body = Problem)))]
pub(super) async fn topics(State(state): State<AppState>) -> Result<Json<Vec<NodeView>>, Problem> {
    Ok(nodes(&state.boards.base(&state.store).await?.topics))
}

/// The district tree. District 0, the whole city, is not listed.
#[utoipa::path(get, path = "/districts", tag = "panel", responses((status = OK, body = Vec<NodeView>), (status = 503, body = Problem)))]
pub(super) async fn districts(State(state): State<AppState>) -> Result<Json<Vec<NodeView>>, Problem> {
    Ok(nodes(&state.boards.base(&state.store).await?.districts))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SeriesParams {
    /// What is counted; every ticket unless said otherwise.
    basis: Option<Basis>,
    /// Key of a topic; 0 = all topics together.
    topic: Option<i32>,
    /// Key of a district; 0 = the whole city.
    district: Option<i32>,
    /// Depth in the topic tree.
    topic_depth: Option<i32>,
    /// Depth in the district tree.
    district_depth: Option<i32>,
    /// Text in the name of the topic or the district.
    q: Option<String>,
    /// Key of the last series of the page before.
    after: Option<i32>,
    /// At most so many, 1 to 1000.
    limit: Option<u32>,
}

/// Backtest scores of a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Scores {
    /// Mean absolute scaled error.
    pub mase: Option<f64>,
    /// Root mean squared scaled error.
    pub rmsse: Option<f64>,
    /// 1 - quantile loss / loss of the seasonal naive.
    pub skill: Option<f64>,
    /// Share of days inside the 80 % band.
    pub coverage_80: Option<f64>,
    /// Share of days inside the 95 % band.
    pub coverage_95: Option<f64>,
    /// Days scored.
    pub scored: Option<i32>,
}

/// A series of the panel.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct SeriesView {
    /// Key, for `after`.
    pub id: i32,
    /// Key of the topic; 0 = all.
    pub topic_id: i32,
    /// Names from the top down; empty = all.
    pub topic: Vec<String>,
    /// Key of the district; 0 = the whole city.
    pub district_id: i32,
    /// Names from the top down; empty = the whole city.
    pub district: Vec<String>,
    /// `raw` or `dedup`.
    pub basis: String,
    /// Chosen model.
    pub model: Option<String>,
    /// Why it is not the model tried first.
    pub fallback: Option<String>,
    /// Scores of the backtest.
    pub scores: Scores,
}

impl SeriesView {
    /// A series with the names of its topic and district.
    pub fn new(row: SeriesRow, topics: &Names, districts: &Names) -> Self {
        let skill = row.wql.zip(row.wql_naive).filter(|(_, naive)| *naive > 0.0).map(|(a, b)| 1.0 - a / b);
        Self {
            id: row.id,
            topic_id: row.topic,
            topic: topics.path(row.topic),
            district_id: row.district,
            district: districts.path(row.district),
            basis: row.basis,
            model: row.model,
            fallback: row.fallback,
            scores: Scores {
                mase: row.mase,
                rmsse: row.rmsse,
                skill,
                coverage_80: row.coverage_80,
                coverage_95: row.coverage_95,
                scored: row.scored,
            },
        }
    }
}

/// A page of series.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(super) struct SeriesPage {
    /// The series, by key.
    items: Vec<SeriesView>,
    /// Ask with `after` set to this for the next page; absent on the last.
    next: Option<i32>,
}

/// Series of the panel with the model chosen for each.
#[utoipa::path(get, path = "/series", tag = "panel", params(SeriesParams),
    responses((status = OK, body = SeriesPage), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn series(
    State(state): State<AppState>,
    Params(params): Params<SeriesParams>,
) -> Result<Json<SeriesPage>, Problem> {
    let limit = page_size(params.limit, 100, 1000)?;
    let filter = SeriesFilter {
        basis: params.basis.unwrap_or(Basis::Raw),
        topic: params.topic,
        district: params.district,
        topic_depth: params.topic_depth,
        district_depth: params.district_depth,
        text: params.q.filter(|q| !q.trim().is_empty()),
        after: params.after.unwrap_or(0),
        limit,
    };
    let base = state.boards.base(&state.store).await?;
    let rows = state.store.find_series(&filter).await?;
    let next = if rows.len() as i64 == limit { rows.last().map(|r| r.id) } else { None };
    let items = rows.into_iter().map(|r| SeriesView::new(r, &base.topics, &base.districts)).collect();
    Ok(Json(SeriesPage { items, next }))
}
