//! The page behind a signed link: what, where, how many, and one button. Opening it changes nothing, because mail servers
//! and bots open links by themselves; the button acknowledges, and a second tap finds it done.
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use minijinja::{Value, context, value::Serde};

use super::{Desk, history, hotspots};
use crate::{
    http::{
        AppState,
        access::{Asker, Viewer, refused_attempt, see_other},
        api::life as api,
        problem::{At, Problem},
    },
    publish::{
        acts::{self, Actor, Deed},
        life::Action,
        links::{self, Tap, Void},
    },
    store::audit::Via,
};

/// What a link stands for, or the page that says why it is worth nothing.
#[expect(clippy::result_large_err, reason = "an answer, made once a request")]
fn tap(desk: &Desk<'_>, client: std::net::IpAddr, token: &str) -> Result<Tap, Response> {
    links::read(desk.state.gate.key(), token, desk.state.now()).or_else(|void| match void {
        Void::Forged => {
            refused_attempt(desk.state, client)?;
            Err(desk.notice(StatusCode::FORBIDDEN, &desk.say("l_forged"), &desk.say("l_forged_help")))
        }
        Void::Expired(at) => {
            let at = crate::http::alert_view::instant(at).unwrap_or_default();
            let body = desk.text.say("l_expired_help", context! { at => desk.text.instant(at) });
            Err(desk.notice(StatusCode::GONE, &desk.say("l_expired"), &body))
        }
    })
}

/// The answer to whoever came by a link: what `answer` makes of a good one, else the page that says what is wrong.
async fn by_link(
    desk: &Desk<'_>,
    client: std::net::IpAddr,
    token: &str,
    answer: impl AsyncFnOnce(Tap) -> Result<Response, Problem>,
) -> Response {
    match tap(desk, client, token) {
        Ok(tap) => answer(tap).await.unwrap_or_else(|problem| desk.problem(&problem)),
        Err(page) => page,
    }
}

pub async fn show(
    State(state): State<AppState>,
    Asker(client): Asker,
    At(token): At<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let desk = Desk::new(&state, &headers, &uri);
    let page = async |tap: Tap| {
        // The link itself is the right to see this one alert.
        let detail = api::read(&state, &Viewer::everybody(), tap.alert).await?;
        let waits = detail.possible.contains(&Action::Acknowledge);
        let is_over =
            crate::store::alerts::State::from_name(&detail.alert.state).is_some_and(|s| !s.is_open());
        let deadline = detail.acknowledge_by.filter(|_| waits);
        let values = context! {
            alert => Value::from(Serde(hotspots::view(&desk.text, &detail.alert))),
            id => detail.alert.id.clone(),
            receiver => tap.receiver.clone(),
            waits,
            is_over,
            done => history::acknowledged(&desk, &detail.audit),
            deadline => deadline.map(|at| desk.text.say("l_deadline", context! { at => desk.text.instant(at) })),
        };
        desk.page(StatusCode::OK, "tap.html", &detail.alert.body.title, values)
    };
    by_link(&desk, client, &token, page).await
}

pub async fn acknowledge(
    State(state): State<AppState>,
    Asker(client): Asker,
    At(token): At<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let desk = Desk::new(&state, &headers, &uri);
    let take = async |tap: Tap| {
        let actor = Actor { name: tap.receiver, via: Via::Link };
        let deed = Deed::Step { action: Action::Acknowledge, note: None };
        acts::act(&state.store, tap.alert, &deed, &actor, state.now()).await?;
        Ok(see_other(&format!("{token}?lang={}", desk.short())))
    };
    by_link(&desk, client, &token, take).await
}
