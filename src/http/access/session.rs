//! Sessions of people who signed in with a token, and what makes a form ours: both signed, so that nothing is stored.
use axum::http::{HeaderMap, header};

use super::Gate;
use crate::{publish::links::Key, ticket::Millis};

/// Name of the cookie.
const COOKIE: &str = "weisu_session";
const SESSION: &str = "weisu session 1";
/// Hours that a form may lie open.
const FORM_HOURS: u32 = 12;
/// Stands for the session where there is none.
const NONE: &str = "none";

fn seconds(now: Millis) -> u32 {
    u32::try_from(now.div_euclid(1000)).unwrap_or(0)
}

/// The cookie of a token's session, or the one that ends it.
pub fn cookie(gate: &Gate, name: Option<&str>, now: Millis) -> String {
    let hours = gate.session_hours;
    let (value, age) = match name {
        Some(name) => {
            let expires = seconds(now).saturating_add(hours * 3600);
            let payload = [&expires.to_be_bytes()[..], name.as_bytes()].concat();
            (gate.key.sign(SESSION, &payload), hours * 3600)
        }
        None => (String::new(), 0),
    };
    let secure = if gate.is_secure { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path={}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}", gate.path)
}

/// The session a browser has sent.
fn sent(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    cookies.flat_map(|line| line.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE && !value.is_empty()).then_some(value)
    })
}

/// Name of the token whose session a browser has sent, if it still holds.
pub fn read(gate: &Gate, headers: &HeaderMap, now: Millis) -> Option<String> {
    let payload = gate.key.verified(SESSION, sent(headers)?)?;
    let (expires, name) = payload.split_first_chunk::<4>()?;
    if seconds(now) >= u32::from_be_bytes(*expires) {
        return None;
    }
    String::from_utf8(name.to_vec()).ok()
}

fn purpose(headers: &HeaderMap) -> String {
    format!("weisu form 1 {}", sent(headers).unwrap_or(NONE))
}

/// The value that a form of this session carries.
pub fn form_value(key: &Key, headers: &HeaderMap, now: Millis) -> String {
    let expires = seconds(now).saturating_add(FORM_HOURS * 3600);
    key.sign(&purpose(headers), &expires.to_be_bytes())
}

/// Whether a form was ours and of this session.
pub fn is_ours(key: &Key, headers: &HeaderMap, value: &str, now: Millis) -> bool {
    let expires =
        key.verified(&purpose(headers), value).and_then(|payload| <[u8; 4]>::try_from(payload).ok());
    expires.is_some_and(|bytes| seconds(now) < u32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Http;

    const NOW: Millis = 1_731_643_200_000;
    const HOUR: Millis = 3_600_000;

    fn gate_of(url: &str) -> Gate {
        let http = Http { public_url: url.to_owned(), ..Http::default() };
        Gate::new(&http, Key::of_process().unwrap())
    }

    fn headers(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers
            .insert(header::COOKIE, format!("a=b; {}", cookie.split(';').next().unwrap()).parse().unwrap());
        headers
    }

    #[test]
    fn a_session_holds_for_its_hours_and_below_the_public_path() {
        let gate = gate_of("https://city.example/weisu");
        let cookie = cookie(&gate, Some("值班 east"), NOW);
        assert!(cookie.ends_with("; Path=/weisu; Max-Age=43200; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
        let sent = headers(&cookie);
        assert_eq!(read(&gate, &sent, NOW + 12 * HOUR - 1).as_deref(), Some("值班 east"));
        assert_eq!(read(&gate, &sent, NOW + 12 * HOUR), None);
        let other = gate_of("");
        assert_eq!(read(&other, &sent, NOW), None, "another key");
        assert!(super::cookie(&other, None, NOW).contains("Path=/; Max-Age=0; HttpOnly; SameSite=Lax"));
    }

    #[test]
    fn a_form_is_of_one_session() {
        let gate = gate_of("");
        let (mine, nobody) = (headers(&cookie(&gate, Some("a"), NOW)), HeaderMap::new());
        let value = form_value(&gate.key, &mine, NOW);
        assert!(is_ours(&gate.key, &mine, &value, NOW));
        assert!(!is_ours(&gate.key, &nobody, &value, NOW));
        assert!(!is_ours(&gate.key, &mine, &form_value(&gate.key, &nobody, NOW), NOW));
        assert!(!is_ours(&gate.key, &mine, &value, NOW + 13 * HOUR));
        assert!(!is_ours(&gate.key, &mine, "", NOW));
    }
}
