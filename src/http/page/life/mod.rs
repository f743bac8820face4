//! The pages of people who act: sign-in, one alert with its buttons and its audit, and the page behind a link to
//! acknowledge. Made for a phone, without a script; a GET changes nothing.
use std::sync::LazyLock;

use axum::{
    Router,
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use minijinja::{Environment, Value, context};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Text, frame, hotspots, text};
use crate::http::{AppState, access, problem::Problem};

mod alert;
mod history;
mod sign_in;
mod tap;

/// Addresses of these pages.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/signin", get(sign_in::show).post(sign_in::sign_in))
        .route("/signout", post(sign_in::sign_out))
        .route("/alerts/{id}", get(alert::show))
        .route("/alerts/{id}/{action}", post(alert::act))
        .route("/a/{token}", get(tap::show).post(tap::acknowledge))
}

static TEMPLATES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut env = Environment::new();
    for (name, text) in [
        ("layout.html", include_str!("../templates/layout.html")),
        ("frame.html", include_str!("../templates/life/frame.html")),
        ("what.html", include_str!("../templates/life/what.html")),
        ("alert.html", include_str!("../templates/life/alert.html")),
        ("signin.html", include_str!("../templates/life/signin.html")),
        ("tap.html", include_str!("../templates/life/tap.html")),
        ("notice.html", include_str!("../templates/life/notice.html")),
    ] {
        env.add_template(name, text)?;
    }
    Ok(env)
});

/// The language that an address asks for.
#[derive(Debug, Default, Deserialize)]
struct LangParams {
    lang: Option<String>,
}

/// What every page here needs of its request.
struct Desk<'a> {
    state: &'a AppState,
    headers: &'a HeaderMap,
    text: Text,
    /// The way up to the first page: `../` for each step of the address but the last.
    root: String,
}

impl<'a> Desk<'a> {
    fn new(state: &'a AppState, headers: &'a HeaderMap, uri: &Uri) -> Self {
        let asked = axum::extract::Query::<LangParams>::try_from_uri(uri).ok().and_then(|q| q.0.lang);
        let lang = text::language(asked.as_deref(), headers, state.city.lang);
        let root = "../".repeat(uri.path().matches('/').count().saturating_sub(1));
        Self { state, headers, text: Text::new(lang, state.city.zone), root }
    }

    fn say(&self, key: &str) -> String {
        self.text.say(key, Value::UNDEFINED)
    }

    /// `zh` or `en`.
    fn short(&self) -> &'static str {
        &self.text.tag()[..2]
    }

    /// Writes a page.
    fn page(
        &self,
        status: StatusCode,
        template: &str,
        title: &str,
        values: Value,
    ) -> Result<Response, Problem> {
        let env = TEMPLATES.as_ref().map_err(|error| {
            tracing::error!(%error, "a page template cannot be read");
            Problem::internal()
        })?;
        let act = context! {
            title,
            up => self.root.clone(),
            signed_in => self.state.gate.is_closed(),
            form => access::form_value(self.state.gate.key(), self.headers, self.state.now()),
        };
        let frame = context! { ..values, ..act, ..frame(self.state, &self.text, Vec::new()) };
        let html = env.get_template(template)?.render(frame)?;
        Ok((status, [("vary", "accept-language, cookie")], Html(html)).into_response())
    }

    /// A page that says one thing.
    fn notice(&self, status: StatusCode, title: &str, body: &str) -> Response {
        let page = self.page(status, "notice.html", title, context! { heading => title, body });
        page.unwrap_or_else(IntoResponse::into_response)
    }

    /// What went wrong, as a page.
    fn problem(&self, problem: &Problem) -> Response {
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let title = match problem.status {
            403 => "l_forbidden",
            404 => "l_none",
            409 => "l_conflict",
            400 => "l_bad",
            _ => "l_failed",
        };
        self.notice(status, &self.say(title), &problem.detail)
    }

    /// Refuses a form that another site could have sent.
    fn check_form(&self, value: &str) -> Result<(), Problem> {
        if access::is_ours(self.state.gate.key(), self.headers, value, self.state.now()) {
            Ok(())
        } else {
            Err(Problem::forbidden(self.say("l_stale_form")))
        }
    }
}

/// What a form has sent.
struct Form<T>(T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("application/x-www-form-urlencoded") {
            return Err(Problem::bad("this address takes the form of its page only"));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|e| Problem::bad(e.body_text()))?;
        // A form is written as a query is.
        let uri = std::str::from_utf8(&bytes).ok().and_then(|text| format!("/?{text}").parse::<Uri>().ok());
        let uri = uri.ok_or_else(|| Problem::bad("the form cannot be read"))?;
        axum::extract::Query::<T>::try_from_uri(&uri)
            .map(|query| Self(query.0))
            .map_err(|rejection| Problem::bad(rejection.body_text()))
    }
}
