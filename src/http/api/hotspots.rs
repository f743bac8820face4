//! Classes of emerging hot and cold spots.
use axum::{Json, extract::State};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    http::{
        AppState,
        access::Viewer,
        problem::{Params, Problem},
    },
    store::ClassRow,
    ticket::Day,
};

/// Which classes.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassParams {
    /// Key of the topic; all without it.
    topic: Option<i32>,
    /// Class on what is more or less than expected, such as `hot_new` or `cold_persistent`; all without it.
    class: Option<String>,
}

/// A topic in a district that is, or was, a hot or cold spot.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(super) struct ClassView {
    /// Key of the topic.
    topic_id: i32,
    /// Names from the top down.
    topic: Vec<String>,
    /// Key of the district.
    district_id: i32,
    /// Names from the top down.
    district: Vec<String>,
    /// Class of what is more or less than expected: `hot_` or `cold_` and `new`, `consecutive`, `intensifying`,
    /// `persistent`, `diminishing`, `sporadic`, `oscillating` or `historical`; `none` without a pattern.
    on_expected: String,
    /// Class of the counts as they are.
    on_counts: String,
    /// Gi* of the last week, on what is more or less than expected; above 0 = hot.
    z: f64,
    /// Tickets of the last week.
    observed: f64,
    /// Tickets expected in it: the district's share of what the topic's season expects.
    expected: f64,
    /// Monday of the first week.
    #[schema(value_type = String, format = Date)]
    from: NaiveDate,
    /// Last day of the last week.
    #[schema(value_type = String, format = Date)]
    to: NaiveDate,
}

/// Hot and cold spots by class over the last half year of whole weeks, as the newest run of detect saw them. Empty without a
/// map or list of neighbours.
#[utoipa::path(get, path = "/hotspots/classes", tag = "hotspots", params(ClassParams),
    responses((status = OK, body = Vec<ClassView>), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn classes(
    State(state): State<AppState>,
    viewer: Viewer,
    Params(params): Params<ClassParams>,
) -> Result<Json<Vec<ClassView>>, Problem> {
    let base = state.boards.base(&state.store).await?;
    let rows = state.store.hotspot_classes(params.topic).await?;
    let wanted = |row: &&ClassRow| params.class.as_ref().is_none_or(|class| *class == row.on_expected);
    let view = |row: &ClassRow| ClassView {
        topic_id: row.topic,
        topic: base.topics.path(row.topic),
        district_id: row.district,
        district: base.districts.path(row.district),
        on_expected: row.on_expected.clone(),
        on_counts: row.on_counts.clone(),
        z: row.z,
        observed: row.observed,
        expected: row.expected,
        from: Day(row.first_week).date(),
        to: Day(row.first_week).plus(7 * row.weeks - 1).date(),
    };
    let views = rows.iter().filter(wanted).map(view);
    Ok(Json(views.filter(|view| viewer.sees(&view.district)).collect()))
}
