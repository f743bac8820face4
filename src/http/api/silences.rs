//! Silences: what nobody is told of until a time.
use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    http::{
        AppState,
        access::Viewer,
        alert_view::{AlertView, instant},
        problem::{At, Body, Problem},
    },
    publish::acts::{self, ActError, Hush},
    store::{
        alarms::Kind,
        audit::Via,
        silences::{Scope, Silence},
    },
    ticket::Millis,
};

/// Days that a silence lasts at most.
const MOST_DAYS: Millis = 400;

/// What alerts have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// The topic, and what is below it.
    Topic,
    /// The district, and what is below it.
    District,
    /// The kind of deviation.
    Kind,
}

/// The end of a silence, where it makes sense.
pub(crate) fn check_until(until: DateTime<Utc>, now: Millis) -> Result<Millis, Problem> {
    let until = until.timestamp_millis();
    if until <= now || until > now + MOST_DAYS * 86_400_000 {
        return Err(Problem::bad(format!("until must lie ahead, by {MOST_DAYS} days at most")));
    }
    Ok(until)
}

fn reason(text: &str) -> Result<String, Problem> {
    let words = acts::words(Some(text)).map_err(Problem::bad)?;
    words.ok_or_else(|| Problem::bad("reason is empty: say why, others will want to know"))
}

/// A silence of an alert and what has `parts` in common with it, for somebody who may.
pub(crate) fn hush(
    viewer: &Viewer,
    alert: &AlertView,
    parts: &[Part],
    until: Millis,
    why: &str,
) -> Result<Hush, Problem> {
    let with = |part| parts.contains(&part);
    let path = |part, names: &[String]| if with(part) { names.to_vec() } else { Vec::new() };
    let scope = Scope {
        fingerprint: parts.is_empty().then(|| alert.fingerprint.clone()),
        topic: path(Part::Topic, &alert.body.topic),
        district: path(Part::District, &alert.body.district),
        kind: with(Part::Kind).then_some(alert.body.kind),
    };
    made(viewer, scope, until, why)
}

fn made(viewer: &Viewer, scope: Scope, until: Millis, why: &str) -> Result<Hush, Problem> {
    if scope.is_empty() {
        let detail = "a silence of everything is not to be had: name a topic, a district or a kind";
        return Err(Problem::bad(detail));
    }
    viewer.hushes(&scope)?;
    Ok(Hush { scope, until, reason: reason(why)? })
}

/// A silence.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(super) struct SilenceView {
    /// Key.
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
    /// What it covers.
    scope: Scope,
    /// Until when.
    until: Option<DateTime<Utc>>,
    /// Why.
    reason: String,
    /// Who said so.
    author: String,
    /// When.
    created: Option<DateTime<Utc>>,
}

impl From<Silence> for SilenceView {
    fn from(silence: Silence) -> Self {
        let Silence { id, scope, until, reason, author, created, .. } = silence;
        Self { id, scope, until: instant(until), reason, author, created: instant(created) }
    }
}

/// Silences that hold, the one that ends first comes first.
#[utoipa::path(get, path = "/silences", tag = "alerts", responses((status = OK, body = Vec<SilenceView>)))]
pub(super) async fn silences(
    State(state): State<AppState>,
    viewer: Viewer,
) -> Result<Json<Vec<SilenceView>>, Problem> {
    let mut holding = state.store.silences(state.now()).await?;
    holding.retain(|silence| viewer.sees(&silence.scope.district));
    Ok(Json(holding.into_iter().map(Into::into).collect()))
}

/// A silence of a topic, a district, a kind, or what has all that is said.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSilence {
    /// Key of a topic; what is below it is covered too.
    #[serde(default)]
    topic_id: Option<i32>,
    /// Key of a district; what is below it is covered too.
    #[serde(default)]
    district_id: Option<i32>,
    /// What kind of deviation.
    #[serde(default)]
    kind: Option<Kind>,
    /// Until when; 400 days ahead at most.
    until: DateTime<Utc>,
    /// Why, 1,000 characters at most.
    reason: String,
}

/// Tell nobody of a topic, a district or a kind for a while.
#[utoipa::path(post, path = "/silences", tag = "alerts", request_body = NewSilence,
    responses((status = CREATED, body = SilenceView), (status = 404, body = Problem)))]
pub(super) async fn silence(
    State(state): State<AppState>,
    viewer: Viewer,
    Body(said): Body<NewSilence>,
) -> Result<(axum::http::StatusCode, Json<SilenceView>), Problem> {
    let actor = viewer.author(Via::Api)?;
    let until = check_until(said.until, state.now())?;
    let base = state.boards.base(&state.store).await?;
    let path = |id: Option<i32>, names: &crate::http::board::Names, what: &str| match id.unwrap_or(0) {
        0 => Ok(Vec::new()),
        id if names.has(id) => Ok(names.path(id)),
        id => Err(Problem::not_found(format!("there is no {what} {id}"))),
    };
    let scope = Scope {
        fingerprint: None,
        topic: path(said.topic_id, &base.topics, "topic")?,
        district: path(said.district_id, &base.districts, "district")?,
        kind: said.kind,
    };
    let hush = made(&viewer, scope, until, &said.reason)?;
    let silence = acts::silence(&state.store, &hush, &actor, state.now()).await?;
    Ok((axum::http::StatusCode::CREATED, Json(silence.into())))
}

/// Take a silence back; alerts that nothing else covers are as they were.
#[utoipa::path(post, path = "/silences/{id}/lift", tag = "alerts", request_body = Nothing,
    params(("id" = String, Path, format = "uuid", description = "Key of the silence")),
    responses((status = OK, body = Vec<SilenceView>, description = "Those that still hold"), (status = 404, body = Problem)))]
pub(super) async fn lift(
    State(state): State<AppState>,
    viewer: Viewer,
    At(id): At<Uuid>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Json<Vec<SilenceView>>, Problem> {
    let actor = viewer.author(Via::Api)?;
    let found = state.store.silence(id).await?.filter(|s| viewer.sees(&s.scope.district));
    let found = found.ok_or(ActError::NoSilence(id))?;
    viewer.hushes(&found.scope)?;
    acts::lift(&state.store, id, &actor, state.now()).await?;
    silences(State(state), viewer).await
}

/// `{}`
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}
