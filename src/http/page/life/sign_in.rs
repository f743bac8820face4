//! Signing in with a token and out again.
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use minijinja::context;
use serde::Deserialize;

use super::{Desk, Form};
use crate::http::{
    AppState,
    access::{Asker, cookie, refused_attempt, see_other, signed_in},
    problem::{Params, Problem},
};

#[derive(Debug, Default, Deserialize)]
pub struct NextParams {
    next: Option<String>,
}

/// Where to go on: an address of ours, relative to the first page; anything else leads to the first page.
fn next(asked: Option<&str>) -> &str {
    let is_plain = |text: &&str| {
        let path = text.split('?').next().unwrap_or_default();
        !text.is_empty()
            && !text.starts_with('/')
            && !path.contains([':', '\\', '.'])
            && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\'))
    };
    asked.filter(is_plain).unwrap_or("./")
}

fn page(desk: &Desk<'_>, asked: Option<&str>, wrong: Option<String>) -> Result<Response, Problem> {
    let status = if wrong.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    desk.page(status, "signin.html", &desk.say("l_sign_in"), context! { next => next(asked), wrong })
}

pub async fn show(
    State(state): State<AppState>,
    Params(params): Params<NextParams>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    if !state.gate.is_closed() {
        return Ok(see_other("./"));
    }
    page(&Desk::new(&state, &headers, &uri), params.next.as_deref(), None)
}

#[derive(Debug, Deserialize)]
pub struct Sent {
    form: String,
    token: String,
    next: Option<String>,
}

pub async fn sign_in(
    State(state): State<AppState>,
    Asker(client): Asker,
    headers: HeaderMap,
    uri: Uri,
    sent: Result<Form<Sent>, Problem>,
) -> Result<Response, Problem> {
    let desk = Desk::new(&state, &headers, &uri);
    let Form(sent) = sent?;
    if let Err(problem) = desk.check_form(&sent.form) {
        return page(&desk, sent.next.as_deref(), Some(problem.detail));
    }
    let Some(viewer) = signed_in(&state, sent.token.trim(), state.now()).await? else {
        if let Err(too_many) = refused_attempt(&state, client) {
            return Ok(too_many);
        }
        return page(&desk, sent.next.as_deref(), Some(desk.say("l_wrong_token")));
    };
    tracing::info!(token = viewer.name, role = viewer.role.name(), "signed in");
    let (name, value) = cookie(&state, Some(&viewer.name));
    Ok(([(name, value)], see_other(next(sent.next.as_deref()))).into_response())
}

#[derive(Debug, Deserialize)]
pub struct Leave {
    form: String,
}

pub async fn sign_out(
    State(state): State<AppState>,
    headers: HeaderMap,
    uri: Uri,
    sent: Result<Form<Leave>, Problem>,
) -> Result<Response, Problem> {
    Desk::new(&state, &headers, &uri).check_form(&sent?.0.form)?;
    let (name, value) = cookie(&state, None);
    Ok(([(name, value)], see_other("signin")).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_on_stays_with_us() {
        for (asked, leads) in [
            (Some("alerts/5?lang=zh"), "alerts/5?lang=zh"),
            (Some("backtest"), "backtest"),
            (Some("?topic=3"), "?topic=3"),
            (None, "./"),
            (Some(""), "./"),
            (Some("/evil"), "./"),
            (Some("//evil.example"), "./"),
            (Some("https://evil.example"), "./"),
            (Some("javascript:alert(1)"), "./"),
            (Some("..\\evil"), "./"),
            (Some("../signout"), "./"),
            (Some("a\r\nb"), "./"),
        ] {
            assert_eq!(next(asked), leads, "{asked:?}");
        }
    }
}
