//! Who may ask, who may act, and how often.
//!
//! With `http.access = "open"` everybody who reaches the address is a planner with every right: loopback only. With
//! `"tokens"` a request shows a token (`Authorization: Bearer`, or as the password of `Basic` for clients that know
//! nothing else) or the session that the sign-in page gave for one. Open to all stay `/healthz` and `/readyz`, which say
//! nothing of the city, the page's own files, the sign-in, and the signed links of messages. `/metrics` and the query API
//! below `/prom` want a token like everything else.
//!
//! Whose token is for some districts is let in by a list of addresses, so that one that is added later shows nobody more
//! than he may see. Cookies are sent with our own forms only (`SameSite=Lax`), every form carries a signed value that no
//! other site can read, and the API takes JSON only, which no other site can send.
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{HeaderMap, Method, StatusCode, Uri, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};

use super::{AppState, problem::Problem};
use crate::{
    config::{Access, Http},
    publish::links::Key,
    store::tokens,
    ticket::Millis,
};

mod limits;
mod session;
mod viewer;

use limits::{Lane, Limits};
pub(super) use session::{form_value, is_ours};
pub(super) use viewer::Viewer;

/// What decides who may do what.
#[derive(Debug)]
pub struct Gate {
    access: Access,
    key: Key,
    path: String,
    is_secure: bool,
    session_hours: u32,
    limits: Limits,
}

impl Gate {
    /// As configured, signing with a key.
    pub fn new(http: &Http, key: Key) -> Self {
        Self {
            access: http.access,
            key,
            path: http.public_path(),
            is_secure: http.public_url.starts_with("https:"),
            session_hours: http.session_hours,
            limits: Limits::new(http.requests_per_minute, http.attempts_per_minute),
        }
    }

    /// Whether tokens are asked for.
    pub(super) fn is_closed(&self) -> bool {
        self.access == Access::Tokens
    }

    /// What links and sessions are signed with.
    pub(super) fn key(&self) -> &Key {
        &self.key
    }
}

/// The peer, or whom a proxy on this machine forwards for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Client {
    address: IpAddr,
    is_forwarded: bool,
}

impl Client {
    fn of(request: &Request) -> Self {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |ConnectInfo(at)| at.ip().to_canonical());
        let last = request.headers().get_all("x-forwarded-for").iter().next_back();
        let forwarded = last.and_then(|v| v.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        // Anybody can write the header; only what a proxy here has added to it counts.
        match forwarded.filter(|_| peer.is_loopback()) {
            Some(address) => Self { address, is_forwarded: true },
            None => Self { address: peer, is_forwarded: false },
        }
    }

    fn is_this_machine(self) -> bool {
        self.address.is_loopback() && !self.is_forwarded
    }
}

/// Addresses that ask nobody who he is.
fn is_public(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/signin" | "/signout")
        || path.starts_with("/assets/")
        || path.starts_with("/a/")
}

/// Whether people look at it, who are better off with the sign-in page than with a problem document; also when their
/// session ended while a form lay open.
fn is_page(request: &Request) -> bool {
    let path = request.uri().path();
    let is_data = ["/api/", "/prom/", "/metrics"].iter().any(|begin| path.starts_with(begin));
    !is_data && (is_read(request.method()) || path.starts_with("/alerts/"))
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Lets a request in, or says why not.
pub(super) async fn guard(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let gate = &state.gate;
    let client = Client::of(&request);
    let is_public = gate.is_closed() && is_public(request.uri().path());
    // Where nobody is asked, a header that is meant for somebody else, such as a proxy's own sign-in, does no harm.
    let viewer = if is_public { Ok(None) } else { identify(&state, request.headers()).await };
    let viewer = match viewer {
        Ok(viewer) => viewer,
        Err(problem) if problem.status == 401 => {
            return refused_attempt(&state, client.address).err().unwrap_or_else(|| problem.into_response());
        }
        Err(problem) => return problem.into_response(),
    };
    if gate.is_closed() || !client.is_this_machine() {
        let key = match viewer.as_ref().filter(|_| gate.is_closed()) {
            Some(viewer) => format!("token {}", viewer.name),
            None => limits::address(client.address),
        };
        let is_query = request.uri().path().starts_with("/prom/");
        let lane = if is_read(request.method()) || is_query { Lane::Read } else { Lane::Write };
        if let Err(wait) = gate.limits.take(lane, &key) {
            return too_many(lane, wait);
        }
    }
    if let Some(viewer) = viewer {
        if let Err(answer) = admit(&state, &viewer, request.uri()).await {
            return answer;
        }
        request.extensions_mut().insert(viewer);
    } else if !is_public {
        return if is_page(&request) { to_sign_in(&request) } else { unknown("no token was shown") };
    }
    next.run(request).await
}

/// Who asks; nobody where no token is shown. An error where one is shown that is worth nothing.
async fn identify(state: &AppState, headers: &HeaderMap) -> Result<Option<Viewer>, Problem> {
    if !state.gate.is_closed() {
        return Ok(Some(Viewer::everybody()));
    }
    let now = state.now();
    if let Some(shown) = headers.get(header::AUTHORIZATION) {
        let token = shown.to_str().ok().and_then(shown_token);
        let token = token.ok_or_else(|| Problem::unknown("the Authorization header holds no token"))?;
        return match signed_in(state, &token, now).await? {
            Some(viewer) => Ok(Some(viewer)),
            None => Err(Problem::unknown("the token is not known, has expired or was taken back")),
        };
    }
    let Some(name) = session::read(&state.gate, headers, now) else { return Ok(None) };
    let token = state.store.token(&name).await?;
    Ok(token.filter(|t| t.is_valid(now)).map(Viewer::of))
}

/// Whose token it is, if it is worth anything.
pub(super) async fn signed_in(state: &AppState, token: &str, now: Millis) -> Result<Option<Viewer>, Problem> {
    let known = state.store.token_by_hash(&tokens::hash(token)).await?;
    Ok(known.filter(|t| t.is_valid(now)).map(Viewer::of))
}

fn shown_token(header: &str) -> Option<String> {
    let (scheme, rest) = header.split_once(' ')?;
    let rest = rest.trim();
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(rest.to_owned()),
        "basic" => {
            let pair = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
            pair.split_once(':').map(|(_, password)| password.to_owned())
        }
        _ => None,
    }
}

/// What a viewer may ask for at all; what it may see of it is for the handlers.
async fn admit(state: &AppState, viewer: &Viewer, uri: &Uri) -> Result<(), Response> {
    let path = uri.path();
    if !viewer.is_restricted() || is_public(path) || viewer::is_for_districts(path) {
        return Ok(());
    }
    if matches!(path, "/" | "/backtest") {
        return Err(Redirect::to("alerts").into_response());
    }
    let refused = || {
        let detail =
            format!("this token is for {}: it cannot see the whole city", viewer.districts.join(", "));
        Problem::forbidden(detail).into_response()
    };
    if !viewer::is_by_district(path) {
        return Err(refused());
    }
    let district = uri.query().unwrap_or_default().split('&').find_map(|p| p.strip_prefix("district="));
    let Some(district) = district.and_then(|d| d.parse::<i32>().ok()) else { return Err(refused()) };
    let base = state.boards.base(&state.store).await.map_err(|e| Problem::from(e).into_response())?;
    if viewer.sees(&base.districts.path(district)) { Ok(()) } else { Err(refused()) }
}

/// The sign-in page, which leads back.
fn to_sign_in(request: &Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    let up = "../".repeat(path.matches('/').count());
    let asked = request.uri().path_and_query().map_or("", |p| p.as_str().trim_start_matches('/'));
    // A form goes to an address below its page.
    let next =
        if is_read(request.method()) { asked } else { path.rsplit_once('/').map_or("", |(page, _)| page) };
    let query = form_value_of(next);
    Redirect::to(&format!("{up}signin?next={query}")).into_response()
}

/// A text as the value of a query parameter.
fn form_value_of(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' => char::from(b).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

fn unknown(detail: &str) -> Response {
    Problem::unknown(detail).into_response()
}

fn too_many(lane: Lane, wait: std::time::Duration) -> Response {
    let seconds = wait.as_secs_f64().ceil().max(1.0);
    let detail = format!("too many requests: wait {seconds} s, or ask for {} to be raised", lane.key());
    let mut response = Problem::too_many(detail).into_response();
    let value = axum::http::HeaderValue::from_str(&format!("{seconds:.0}"));
    value.into_iter().for_each(|v| drop(response.headers_mut().insert(header::RETRY_AFTER, v)));
    response
}

/// Notes an attempt with what is worth nothing; an answer where there were too many.
#[expect(clippy::result_large_err, reason = "an answer, made once a request")]
pub(super) fn refused_attempt(state: &AppState, client: IpAddr) -> Result<(), Response> {
    state
        .gate
        .limits
        .take(Lane::Refused, &limits::address(client))
        .map_err(|wait| too_many(Lane::Refused, wait))
}

/// The address of whoever asks, for counting what it gets wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let mut request = Request::new(axum::body::Body::empty());
        (*request.headers_mut(), *request.extensions_mut()) =
            (parts.headers.clone(), parts.extensions.clone());
        Ok(Self(Client::of(&request).address))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::unknown("no token was shown"))
    }
}

/// Sets a session, or takes it away.
pub(super) fn cookie(state: &AppState, name: Option<&str>) -> (header::HeaderName, String) {
    (header::SET_COOKIE, session::cookie(&state.gate, name, state.now()))
}

/// The answer to a form: look at this instead.
pub(super) fn see_other(to: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, to.to_owned())]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_shown_in_two_ways() {
        let basic = format!("Basic {}", BASE64_STANDARD.encode("calendar:weisu_x:y"));
        for (header, token) in [
            ("Bearer weisu_x", Some("weisu_x")),
            ("bearer  weisu_x ", Some("weisu_x")),
            (basic.as_str(), Some("weisu_x:y")),
            ("Basic ???", None),
            ("Digest x", None),
            ("weisu_x", None),
        ] {
            assert_eq!(shown_token(header).as_deref(), token, "{header}");
        }
    }

    #[test]
    fn only_a_proxy_on_this_machine_says_whom_it_asks_for() {
        let client = |peer: &str, forwarded: Option<&str>| {
            let mut request = Request::new(axum::body::Body::empty());
            let at: SocketAddr = format!("{peer}:1").parse().unwrap();
            request.extensions_mut().insert(ConnectInfo(at));
            if let Some(forwarded) = forwarded {
                request.headers_mut().insert("x-forwarded-for", forwarded.parse().unwrap());
            }
            Client::of(&request)
        };
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(client("127.0.0.1", None).is_this_machine());
        let behind = client("127.0.0.1", Some("6.6.6.6, 10.0.0.7"));
        assert_eq!((behind.address, behind.is_this_machine()), (address("10.0.0.7"), false));
        assert!(!client("127.0.0.1", Some("127.0.0.1")).is_this_machine());
        assert_eq!(client("10.0.0.9", Some("6.6.6.6")).address, address("10.0.0.9"));
    }

    #[test]
    fn the_way_to_the_sign_in_is_relative() {
        let to = |path: &str| {
            let request = Request::builder().uri(path).body(axum::body::Body::empty()).unwrap();
            to_sign_in(&request).headers()[header::LOCATION].to_str().unwrap().to_owned()
        };
        assert_eq!(to("/"), "signin?next=");
        assert_eq!(to("/backtest?lang=zh"), "signin?next=backtest%3Flang%3Dzh");
        assert_eq!(to("/alerts/5"), "../signin?next=alerts/5");
        let form = Request::post("/alerts/5/ack").body(axum::body::Body::empty()).unwrap();
        assert!(is_page(&form));
        assert_eq!(to_sign_in(&form).headers()[header::LOCATION], "../../signin?next=alerts/5");
    }
}
