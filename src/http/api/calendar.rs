//! The calendar of seasons (民情月历).
use axum::{Json, extract::State};
use serde::Deserialize;

use crate::{
    http::{
        AppState,
        problem::{Params, Problem, page_size},
        seasons::{self, CalendarView},
    },
    store::calendar::CalendarFilter,
};

/// Seasons given unless said otherwise, and at most.
const USUAL: u32 = 200;
const MOST: u32 = 5000;

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CalendarParams {
    /// Key of a topic; what is below it is included.
    #[serde(default)]
    topic: Option<i32>,
    /// Key of a district, 0 for the whole city; every district unless said otherwise.
    #[serde(default)]
    district: Option<i32>,
    /// Seasons that begin within so many days, 1 to 400, and those under way.
    #[serde(default)]
    days: Option<u32>,
    /// At most so many, 1 to 5000.
    #[serde(default)]
    limit: Option<u32>,
}

/// What comes back every year: when it begins, how sure, how high it rises, and the quiet weeks before it.
#[utoipa::path(get, path = "/calendar", tag = "calendar", params(CalendarParams),
    responses((status = OK, body = CalendarView), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 503, body = Problem)))]
pub(super) async fn calendar(
    State(state): State<AppState>,
    Params(params): Params<CalendarParams>,
) -> Result<Json<CalendarView>, Problem> {
    let limit = Some(page_size(params.limit, USUAL, MOST)?);
    let until = match params.days {
        None => None,
        Some(days @ 1..=400) => Some(state.today().plus(days as i32)),
        Some(days) => return Err(Problem::bad(format!("days is {days}: write 1 to 400"))),
    };
    let base = state.boards.base(&state.store).await?;
    for (name, names, key) in
        [("topic", &base.topics, params.topic), ("district", &base.districts, params.district)]
    {
        if key.is_some_and(|key| !names.has(key)) {
            return Err(Problem::not_found(format!("there is no {name} {}", key.unwrap_or_default())));
        }
    }
    let filter =
        CalendarFilter { topic: params.topic.filter(|t| *t != 0), district: params.district, until, limit };
    let view = seasons::read(&state, filter).await?;
    view.map(Json).ok_or_else(|| {
        Problem::not_found("no calendar yet: it is laid out when hotspots are looked for; see /api/v1/runs")
    })
}
