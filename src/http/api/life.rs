//! One alert with everything that was done to it, and what people do to it.
use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::silences::{Part, check_until, hush};
use crate::{
    http::{
        AppState,
        access::Viewer,
        alert_view::{AlertView, instant},
        problem::{At, Body, Params, Problem, page_size},
    },
    publish::{
        acts::{self, Deed},
        life::{self, Action},
    },
    store::{
        alerts::State as Stage,
        audit::{About, Record, Via},
        board::AlertFilter,
        verdicts::{Cause, Said, Verdict},
    },
};

/// Something that was done, and by whom.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct AuditView {
    /// Its number, rising.
    pub id: i64,
    /// When.
    pub at: Option<DateTime<Utc>>,
    /// Who: the name of a token or a receiver, `local` where nobody is asked, `weisu` for the program itself.
    pub author: String,
    /// By which way.
    pub via: Via,
    /// To what.
    pub about: About,
    /// Its key.
    pub subject: String,
    /// What.
    pub action: String,
    /// State before, where it changed.
    pub from: Option<Stage>,
    /// State after, where it changed.
    pub to: Option<Stage>,
    /// What else was said.
    #[schema(value_type = Object)]
    pub detail: Value,
}

impl From<Record> for AuditView {
    fn from(Record { id, entry }: Record) -> Self {
        Self {
            id,
            at: instant(entry.at),
            author: entry.author,
            via: entry.via,
            about: entry.about,
            subject: entry.subject,
            action: entry.action,
            from: entry.from,
            to: entry.to,
            detail: entry.detail,
        }
    }
}

/// What somebody said an alert turned out to be.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct VerdictView {
    /// When.
    pub at: Option<DateTime<Utc>>,
    /// What.
    pub verdict: Verdict,
    /// Why.
    pub cause: Option<Cause>,
    /// Who said so.
    pub author: String,
    /// In their words.
    pub note: Option<String>,
}

impl From<Said> for VerdictView {
    fn from(said: Said) -> Self {
        let Said { at, verdict, cause, author, note, .. } = said;
        Self { at: instant(at), verdict, cause, author, note }
    }
}

/// An alert with its life so far.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct AlertDetail {
    /// The alert.
    #[serde(flatten)]
    pub alert: AlertView,
    /// Until when somebody is to acknowledge it, before somebody else is told; nothing while it is silenced.
    pub acknowledge_by: Option<DateTime<Utc>>,
    /// Until when nobody is told of it.
    pub silenced_until: Option<DateTime<Utc>>,
    /// What whoever asks may do now.
    pub possible: Vec<Action>,
    /// What people said it turned out to be, oldest first; the newest counts.
    pub verdicts: Vec<VerdictView>,
    /// Everything that was done to it, oldest first.
    pub audit: Vec<AuditView>,
}

/// Reads an alert for somebody; what he may not see is not there for him.
pub(crate) async fn read(state: &AppState, viewer: &Viewer, id: Uuid) -> Result<AlertDetail, Problem> {
    let alert = seen(state, viewer, id).await?;
    let now = state.now();
    let holding = state.store.silences(now).await?;
    let until =
        holding.iter().filter(|s| s.scope.covers(&alert.fingerprint, &alert.body)).map(|s| s.until).max();
    let is_silenced = alert.state == Stage::Silenced.name();
    let deadline = state.store.deadline_of(id).await?;
    let possible = Stage::from_name(&alert.state).map(life::possible).unwrap_or_default();
    Ok(AlertDetail {
        acknowledge_by: deadline.and_then(instant),
        silenced_until: until.filter(|_| is_silenced).and_then(instant),
        possible: viewer.may(possible),
        verdicts: state.store.said_of(id).await?.into_iter().map(Into::into).collect(),
        audit: state
            .store
            .audit_of(About::Alert, &id.to_string())
            .await?
            .into_iter()
            .map(Into::into)
            .collect(),
        alert,
    })
}

/// An alert that somebody may see.
pub(crate) async fn seen(state: &AppState, viewer: &Viewer, id: Uuid) -> Result<AlertView, Problem> {
    let filter = AlertFilter { id: Some(id.to_string()), limit: 1, ..AlertFilter::default() };
    let row = state.store.find_alerts(&filter).await?.into_iter().next();
    let none = || {
        Problem::not_found(format!("there is no alert {id} for you: /api/v1/alerts lists those there are"))
    };
    let view = AlertView::new(row.ok_or_else(none)?).ok_or_else(Problem::internal)?;
    if viewer.sees_alert(&view.body) { Ok(view) } else { Err(none()) }
}

/// Does something to an alert for somebody.
pub(crate) async fn act(
    state: &AppState,
    viewer: &Viewer,
    id: Uuid,
    deed: &Deed,
    via: Via,
) -> Result<(), Problem> {
    seen(state, viewer, id).await?;
    let actor = viewer.author(via)?;
    acts::act(&state.store, id, deed, &actor, state.now()).await?;
    Ok(())
}

/// One alert: what it says, what was done to it and by whom, what can be done now.
#[utoipa::path(get, path = "/alerts/{id}", tag = "alerts", params(("id" = String, Path, format = "uuid", description = "Key of the alert")),
    responses((status = OK, body = AlertDetail), (status = 404, body = Problem)))]
pub(super) async fn alert(
    State(state): State<AppState>,
    viewer: Viewer,
    At(id): At<Uuid>,
) -> Result<Json<AlertDetail>, Problem> {
    read(&state, &viewer, id).await.map(Json)
}

/// A step, with a word if you like.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StepBody {
    /// In your words, 1,000 characters at most; no names of callers.
    #[serde(default)]
    note: Option<String>,
}

type Answer = Result<Json<AlertDetail>, Problem>;

async fn step(state: &AppState, viewer: &Viewer, id: Uuid, action: Action, said: StepBody) -> Answer {
    let note = acts::words(said.note.as_deref()).map_err(Problem::bad)?;
    if action == Action::Note && note.is_none() {
        return Err(Problem::bad("note is empty: write something"));
    }
    act(state, viewer, id, &Deed::Step { action, note }, Via::Api).await?;
    read(state, viewer, id).await.map(Json)
}

/// A handler of one step.
macro_rules! step {
    ($name:ident, $path:literal, $action:expr, $doc:literal) => {
        #[doc = $doc]
        #[utoipa::path(post, path = $path, tag = "alerts", request_body = StepBody,
            params(("id" = String, Path, format = "uuid", description = "Key of the alert")),
            responses((status = OK, body = AlertDetail, description = "The alert as it is now"),
                (status = 404, body = Problem), (status = 409, body = Problem, description = "Its state does not allow it")))]
        pub(super) async fn $name(
            State(state): State<AppState>,
            viewer: Viewer,
            At(id): At<Uuid>,
            Body(said): Body<StepBody>,
        ) -> Answer {
            step(&state, &viewer, id, $action, said).await
        }
    };
}

step!(ack, "/alerts/{id}/ack", Action::Acknowledge, "Take it (签收). Taking it again changes nothing.");
step!(start, "/alerts/{id}/start", Action::Start, "Work on it.");
step!(resolve, "/alerts/{id}/resolve", Action::Resolve, "It is over.");
step!(close, "/alerts/{id}/close", Action::Close, "Be done with it.");
step!(lift, "/alerts/{id}/lift", Action::Lift, "Take the silence of this one alert back.");
step!(note, "/alerts/{id}/note", Action::Note, "Say something of it.");

/// What it turned out to be.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VerdictBody {
    /// What.
    verdict: Verdict,
    /// Why.
    #[serde(default)]
    cause: Option<Cause>,
    /// In your words, 1,000 characters at most; no names of callers.
    #[serde(default)]
    note: Option<String>,
}

/// Say what it turned out to be. The newest verdict counts, the others stay.
#[utoipa::path(post, path = "/alerts/{id}/verdict", tag = "alerts", request_body = VerdictBody,
    params(("id" = String, Path, format = "uuid", description = "Key of the alert")),
    responses((status = OK, body = AlertDetail), (status = 404, body = Problem)))]
pub(super) async fn verdict(
    State(state): State<AppState>,
    viewer: Viewer,
    At(id): At<Uuid>,
    Body(said): Body<VerdictBody>,
) -> Answer {
    let note = acts::words(said.note.as_deref()).map_err(Problem::bad)?;
    let deed = Deed::Verdict { verdict: said.verdict, cause: said.cause, note };
    act(&state, &viewer, id, &deed, Via::Api).await?;
    read(&state, &viewer, id).await.map(Json)
}

/// A silence from an alert on.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SilenceBody {
    /// Until when; 400 days ahead at most.
    until: DateTime<Utc>,
    /// Why, 1,000 characters at most.
    reason: String,
    /// What else it covers: all alerts that have these parts in common with this one. None for this one's own trouble.
    #[serde(default)]
    scope: Vec<Part>,
}

/// Tell nobody of it for a while, or of all alerts with the same topic, district or kind.
#[utoipa::path(post, path = "/alerts/{id}/silence", tag = "alerts", request_body = SilenceBody,
    params(("id" = String, Path, format = "uuid", description = "Key of the alert")),
    responses((status = OK, body = AlertDetail), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(super) async fn silence(
    State(state): State<AppState>,
    viewer: Viewer,
    At(id): At<Uuid>,
    Body(said): Body<SilenceBody>,
) -> Answer {
    let until = check_until(said.until, state.now())?;
    let alert = seen(&state, &viewer, id).await?;
    let hush = hush(&viewer, &alert, &said.scope, until, &said.reason)?;
    act(&state, &viewer, id, &Deed::Silence(hush), Via::Api).await?;
    read(&state, &viewer, id).await.map(Json)
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditParams {
    /// Entries with a smaller number only; the smallest number of the page before.
    before: Option<i64>,
    /// At most so many, 1 to 1000.
    limit: Option<u32>,
}

/// Everything that was done to alerts, silences and tokens, newest first; for admins.
#[utoipa::path(get, path = "/audit", tag = "alerts", params(AuditParams),
    responses((status = OK, body = Vec<AuditView>), (status = 400, body = Problem)))]
pub(super) async fn audit(
    State(state): State<AppState>,
    viewer: Viewer,
    Params(params): Params<AuditParams>,
) -> Result<Json<Vec<AuditView>>, Problem> {
    viewer.administers()?;
    let limit = page_size(params.limit, 100, 1000)?;
    let rows = state.store.audit(params.before.unwrap_or(i64::MAX), limit).await?;
    Ok(Json(rows.into_iter().map(Into::into).collect()))
}
