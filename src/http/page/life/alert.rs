//! One alert: what it says, buttons for what can be done now, and its audit.
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use chrono::Duration;
use minijinja::{Value, context, value::Serde};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Desk, Form, history, hotspots};
use crate::{
    http::{
        access::{Viewer, see_other},
        api::{
            life::{self as api, AlertDetail},
            silences::{self, Part},
        },
        problem::{At, Problem},
    },
    publish::{
        acts::{self, Deed},
        life::Action,
    },
    store::{
        audit::Via,
        verdicts::{Cause, Verdict},
    },
};

/// Steps that have a button, in the order of a life.
const STEPS: [Action; 5] = [Action::Acknowledge, Action::Start, Action::Resolve, Action::Close, Action::Lift];
/// Hours of a silence that can be chosen.
const HOURS: [i64; 5] = [4, 24, 72, 168, 720];

#[derive(Debug, Serialize)]
struct Choice {
    value: String,
    name: String,
}

pub async fn show(
    State(state): State<crate::http::AppState>,
    viewer: Viewer,
    At(id): At<Uuid>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let desk = Desk::new(&state, &headers, &uri);
    match api::read(&state, &viewer, id).await.and_then(|detail| page(&desk, &viewer, &detail)) {
        Ok(page) => page,
        Err(problem) => desk.problem(&problem),
    }
}

fn page(desk: &Desk<'_>, viewer: &Viewer, detail: &AlertDetail) -> Result<Response, Problem> {
    let text = &desk.text;
    let can = |action| detail.possible.contains(&action);
    let named = |group: &str, names: &[&str]| -> Vec<Choice> {
        let choice = |name: &&str| Choice { value: (*name).to_owned(), name: text.word(group, name) };
        names.iter().map(choice).collect()
    };
    let steps: Vec<&str> = STEPS.into_iter().filter(|a| can(*a)).map(Action::name).collect();
    let at = |key: &str, at: Option<chrono::DateTime<chrono::Utc>>| {
        at.map(|at| text.say(key, context! { at => text.instant(at) }))
    };
    let hours =
        HOURS.map(|h| Choice { value: h.to_string(), name: text.say("l_hours", context! { n => h }) });
    let wide = !viewer.is_restricted() && viewer.acts();
    let values = context! {
        alert => Value::from(Serde(hotspots::view(text, &detail.alert))),
        id => detail.alert.id.clone(),
        deadline => at("l_deadline", detail.acknowledge_by),
        silenced => at("l_silenced_until", detail.silenced_until),
        unrouted => detail.alert.unrouted,
        restricted => viewer.is_restricted(),
        steps => Value::from(Serde(named("l_do", &steps))),
        can_say => can(Action::Note),
        can_silence => can(Action::Silence),
        hours => Value::from(Serde(hours)),
        parts => Value::from(Serde(if wide { named("l_part", &["topic", "district", "kind"]) } else { Vec::new() })),
        verdicts => Value::from(Serde(named("l_verdict", &Verdict::ALL.map(Verdict::name)))),
        causes => Value::from(Serde(named("l_cause", &Cause::ALL.map(Cause::name)))),
        history => Value::from(Serde(history::lines(desk, &detail.audit))),
    };
    desk.page(StatusCode::OK, "alert.html", &detail.alert.body.title, values)
}

/// What the forms of the page send; each has a part of it.
#[derive(Debug, Deserialize)]
pub struct Sent {
    form: String,
    note: Option<String>,
    verdict: Option<String>,
    cause: Option<String>,
    hours: Option<i64>,
    topic: Option<String>,
    district: Option<String>,
    kind: Option<String>,
}

pub async fn act(
    State(state): State<crate::http::AppState>,
    viewer: Viewer,
    At((id, action)): At<(Uuid, String)>,
    headers: HeaderMap,
    uri: Uri,
    sent: Result<Form<Sent>, Problem>,
) -> Response {
    let desk = Desk::new(&state, &headers, &uri);
    let done = async {
        let Form(sent) = sent?;
        desk.check_form(&sent.form)?;
        let deed = deed(&desk, &viewer, id, &action, &sent).await?;
        api::act(&state, &viewer, id, &deed, Via::Page).await
    };
    match done.await {
        Ok(()) => see_other(&format!("../{id}?lang={}", desk.short())),
        Err(problem) => desk.problem(&problem),
    }
}

async fn deed(
    desk: &Desk<'_>,
    viewer: &Viewer,
    id: Uuid,
    action: &str,
    sent: &Sent,
) -> Result<Deed, Problem> {
    let action = Action::OF_PEOPLE.into_iter().find(|a| a.name() == action);
    let action = action.ok_or_else(|| Problem::not_found("an alert has no such action"))?;
    let note = acts::words(sent.note.as_deref()).map_err(Problem::bad)?;
    match action {
        Action::Verdict => {
            let verdict = sent.verdict.as_deref().and_then(Verdict::from_name);
            let verdict = verdict.ok_or_else(|| Problem::bad("there is no such verdict"))?;
            Ok(Deed::Verdict { verdict, cause: sent.cause.as_deref().and_then(Cause::from_name), note })
        }
        Action::Silence => {
            let hours = sent.hours.filter(|h| HOURS.contains(h)).unwrap_or(HOURS[1]);
            let until =
                silences::check_until(desk.state.clock.now() + Duration::hours(hours), desk.state.now())?;
            let chosen =
                [(Part::Topic, &sent.topic), (Part::District, &sent.district), (Part::Kind, &sent.kind)];
            let parts: Vec<Part> =
                chosen.into_iter().filter(|(_, on)| on.is_some()).map(|(part, _)| part).collect();
            let alert = api::seen(desk.state, viewer, id).await?;
            silences::hush(viewer, &alert, &parts, until, note.as_deref().unwrap_or_default())
                .map(Deed::Silence)
        }
        Action::Note if note.is_none() => Err(Problem::bad(desk.say("l_empty_note"))),
        action => Ok(Deed::Step { action, note }),
    }
}
