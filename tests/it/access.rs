//! Who may see and do what over HTTP: tokens and their districts, the sign-in page, forms, limits.
use reqwest::{Response, StatusCode, redirect::Policy};
use serde_json::{Value, json};
use weisu::{
    config::{Access, Http, Lang},
    publish::links::Key,
    store::{
        Store,
        tokens::{Role, Token, hash},
    },
};

use crate::support::{
    Database, city,
    server::{Server, With, serve_with},
};

/// Alerts of the fixture: Northgate's is firing, so is Harbour's of heating.
pub(crate) const NOISE: &str = "00000000-0000-5000-8000-000000000001";
const HEATING_NORTH: &str = "00000000-0000-5000-8000-000000000002";
pub(crate) const HEATING_HARBOUR: &str = "00000000-0000-5000-8000-000000000003";

/// Makes a token that is its own name.
pub(crate) async fn token(store: &Store, name: &str, role: Role, districts: &[&str]) {
    let token = Token {
        name: name.to_owned(),
        role,
        districts: districts.iter().map(|d| (*d).to_owned()).collect(),
        created: 0,
        expires: None,
        revoked: None,
    };
    let mut tx = store.begin().await.unwrap();
    assert!(tx.put_token(&token, &hash(name)).await.unwrap());
    tx.commit().await.unwrap();
}

pub(crate) struct Office {
    pub(crate) server: Server,
    pub(crate) store: Store,
    pub(crate) key: Key,
    pub(crate) database: Database,
    _folder: tempfile::TempDir,
}

/// The fixture city for those who have a token.
pub(crate) async fn office(http: Http) -> Office {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::sqlite(&folder);
    let store = city::store(&database, Some(&city::EN)).await;
    for (name, role, districts) in [
        ("viewer", Role::Viewer, &[][..]),
        ("officer", Role::Officer, &["Northgate"]),
        ("planner", Role::Planner, &[]),
        ("admin", Role::Admin, &[]),
    ] {
        token(&store, name, role, districts).await;
    }
    let key = Key::of_process().unwrap();
    let server =
        serve_with(store.clone(), Lang::En, With { http, key: key.clone(), ..With::default() }).await;
    Office { server, store, key, database, _folder: folder }
}

pub(crate) fn closed() -> Http {
    Http { access: Access::Tokens, ..Http::default() }
}

fn browser() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(Policy::none()).build().unwrap()
}

impl Office {
    pub(crate) async fn get(&self, path: &str, token: &str) -> Response {
        let request = browser().get(self.server.url(path)).header("accept-language", "en");
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        request.send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: &Value) -> Response {
        let request = browser().post(self.server.url(path)).json(body);
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        request.send().await.unwrap()
    }

    pub(crate) async fn form(&self, path: &str, cookie: &str, pairs: &[(&str, &str)]) -> Response {
        let mut body = reqwest::Url::parse("http://form/").unwrap();
        body.query_pairs_mut().extend_pairs(pairs);
        browser()
            .post(self.server.url(path))
            .header("cookie", cookie)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.query().unwrap_or_default().to_owned())
            .send()
            .await
            .unwrap()
    }

    async fn page(&self, path: &str, cookie: &str) -> (StatusCode, String) {
        let answer = browser().get(self.server.url(path)).header("cookie", cookie).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |v| v.to_str().unwrap())
}

/// The hidden value of the first form of a page.
fn form_value(page: &str) -> String {
    page.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn without_a_token_only_what_says_nothing_answers() {
    let office = office(closed()).await;
    for path in ["/healthz", "/readyz", "/signin"] {
        assert_eq!(office.get(path, "").await.status(), 200, "{path}");
    }
    for path in [
        "/api/v1/alerts",
        "/api/v1/status",
        "/api/openapi.json",
        "/metrics",
        "/prom/api/v1/labels",
        "/api/nothing",
    ] {
        for wrong in ["", "nobody's"] {
            let answer = office.get(path, wrong).await;
            assert_eq!(answer.status(), 401, "{path} {wrong}");
            assert_eq!(header(&answer, "www-authenticate"), "Bearer realm=\"weisu\"");
            assert_eq!(header(&answer, "content-type"), "application/problem+json");
        }
        assert_ne!(office.get(path, "viewer").await.status(), 401, "{path}");
    }
    for (path, to) in [("/", "signin?next="), ("/alerts/5?lang=zh", "../signin?next=alerts/5%3Flang%3Dzh")] {
        let answer = office.get(path, "").await;
        assert_eq!((answer.status().as_u16(), header(&answer, "location")), (303, to));
    }
    let answer = office.post(&format!("/api/v1/alerts/{NOISE}/ack"), "", &json!({})).await;
    assert_eq!(answer.status(), 401);
    let basic = browser().get(office.server.url("/metrics")).basic_auth("prometheus", Some("viewer"));
    assert_eq!(basic.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn each_role_may_what_it_may() {
    let office = office(closed()).await;
    let status = async |token: &str, path: &str| office.get(path, token).await.status().as_u16();
    let does = async |token: &str, id: &str, action: &str| {
        office.post(&format!("/api/v1/alerts/{id}/{action}"), token, &json!({})).await.status().as_u16()
    };
    assert_eq!(does("viewer", NOISE, "ack").await, 403);
    assert_eq!((status("viewer", "/").await, status("viewer", "/api/v1/audit").await), (200, 403));
    assert_eq!(
        (does("officer", NOISE, "ack").await, does("officer", HEATING_HARBOUR, "ack").await),
        (200, 404)
    );
    assert_eq!(does("planner", HEATING_HARBOUR, "ack").await, 200);
    assert_eq!(
        (status("planner", "/api/v1/audit").await, status("admin", "/api/v1/audit").await),
        (403, 200)
    );
    let newest: Value = office.get("/api/v1/audit?limit=1", "admin").await.json().await.unwrap();
    assert_eq!((&newest[0]["author"], &newest[0]["via"]), (&json!("planner"), &json!("api")));
}

#[tokio::test]
async fn an_officer_sees_his_districts_and_nothing_else() {
    let office = office(closed()).await;
    let ids = async |token: &str, path: &str| -> Vec<String> {
        let found: Value = office.get(path, token).await.json().await.unwrap();
        found.as_array().unwrap().iter().map(|a| a["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("officer", "/api/v1/alerts?state=open").await, [NOISE, HEATING_NORTH]);
    assert_eq!(ids("viewer", "/api/v1/alerts?state=open").await.len(), 3);
    assert_eq!(ids("officer", "/api/v1/alerts?district=4").await, Vec::<String>::new());
    let alarms: Value = office.get("/api/v1/alarms", "officer").await.json().await.unwrap();
    assert!(alarms.as_array().unwrap().iter().all(|a| a["district"][0] == "Northgate"), "{alarms}");
    for (path, status) in [
        ("/api/v1/forecast?district=3", 200),
        ("/api/v1/forecast?district=4", 403),
        ("/api/v1/forecast?topic=1", 403),
        ("/api/v1/forecast?topic=1&district=4&district=3", 403),
        ("/api/v1/series?district=3", 200),
        ("/api/v1/series", 403),
        ("/api/v1/outlook?district=3", 403),
        ("/api/v1/status", 403),
        ("/prom/api/v1/labels", 403),
        ("/metrics", 403),
        ("/api/v1/topics", 200),
        ("/alerts", 200),
    ] {
        assert_eq!(office.get(path, "officer").await.status(), status, "{path}");
    }
    let first = office.get("/", "officer").await;
    assert_eq!((first.status().as_u16(), header(&first, "location")), (303, "alerts"));
    let page = office.get("/alerts", "officer").await.text().await.unwrap();
    assert!(page.contains("Northgate") && !page.contains("Harbour"));
    assert_eq!(office.get(&format!("/alerts/{HEATING_HARBOUR}"), "officer").await.status(), 404);
    let until = "2026-11-10T00:00:00Z";
    let silence = json!({ "district_id": 3, "until": until, "reason": "works" });
    assert_eq!(office.post("/api/v1/silences", "officer", &silence).await.status(), 201);
    let other = json!({ "district_id": 4, "until": until, "reason": "works" });
    assert_eq!(office.post("/api/v1/silences", "officer", &other).await.status(), 403);
    let all = json!({ "kind": "spike", "until": until, "reason": "works" });
    assert_eq!(office.post("/api/v1/silences", "officer", &all).await.status(), 403);
}

#[tokio::test]
async fn a_token_that_was_taken_back_or_has_expired_is_worth_nothing() {
    let office = office(closed()).await;
    office.database.execute("UPDATE tokens SET expires = 1 WHERE name = 'viewer'").await;
    assert_eq!(office.get("/api/v1/status", "viewer").await.status(), 401);
    let cookie = sign_in(&office, "planner").await;
    assert_eq!(office.page("/alerts", &cookie).await.0, 200);
    let mut tx = office.store.begin().await.unwrap();
    assert!(tx.revoke_token("planner", 5).await.unwrap());
    assert!(!tx.revoke_token("planner", 6).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(office.get("/api/v1/status", "planner").await.status(), 401);
    assert_eq!(office.page("/alerts", &cookie).await.0, 303, "nor is its session");
}

/// Signs in; the cookie.
async fn sign_in(office: &Office, token: &str) -> String {
    let (_, page) = office.page("/signin", "").await;
    let pairs = [("form", form_value(&page)), ("token", token.to_owned()), ("next", "alerts".to_owned())];
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let answer = office.form("/signin", "", &pairs).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "location")), (303, "alerts"));
    let cookie = header(&answer, "set-cookie").to_owned();
    assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax"), "{cookie}");
    assert!(!cookie.contains(token));
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn people_sign_in_act_and_sign_out_and_no_other_site_acts_for_them() {
    let office = office(closed()).await;
    let (_, page) = office.page("/signin?lang=zh", "").await;
    assert!(page.contains("口令") && !page.contains("href=\"/") && !page.contains("<script"));
    let form = form_value(&page);
    let wrong = office.form("/signin", "", &[("form", &form), ("token", "guess")]).await;
    assert_eq!(wrong.status(), 401);
    assert!(header(&wrong, "set-cookie").is_empty());
    let foreign = office.form("/signin", "", &[("form", "00"), ("token", "officer")]).await;
    assert_eq!(foreign.status(), 401);
    let cookie = sign_in(&office, "officer").await;
    let (status, page) = office.page(&format!("/alerts/{NOISE}?lang=zh"), &cookie).await;
    assert_eq!(status, 200);
    for says in ["签收", "处理记录", "噪声", "Northgate"] {
        assert!(page.contains(says) || says == "噪声", "the page does not say {says}");
    }
    assert!(!page.contains(" style=") && !page.contains("<style") && !page.contains("href=\"/"));
    let form = form_value(&page);
    let ack = format!("/alerts/{NOISE}/ack");
    for (cookie, pairs, status) in [
        (&cookie[..], vec![], 400),
        (&cookie, vec![("form", "00")], 403),
        ("", vec![("form", &form[..])], 303),
    ] {
        let refused = office.form(&ack, cookie, &pairs).await;
        assert_eq!(refused.status(), status);
        // Who has no session is led to the sign-in.
        assert_eq!(header(&refused, "location").contains("signin?next=alerts/"), status == 303);
    }
    let api: Value = office.get(&format!("/api/v1/alerts/{NOISE}"), "officer").await.json().await.unwrap();
    assert_eq!((&api["state"], api["audit"].as_array().unwrap().len()), (&json!("firing"), 0));
    let done = office.form(&ack, &cookie, &[("form", &form), ("note", "出发 & 到场")]).await;
    assert_eq!(
        (done.status().as_u16(), header(&done, "location")),
        (303, format!("../{NOISE}?lang=en").as_str())
    );
    let verdict = [("form", &form[..]), ("verdict", "confirmed"), ("cause", "event"), ("note", "")];
    assert_eq!(office.form(&format!("/alerts/{NOISE}/verdict"), &cookie, &verdict).await.status(), 303);
    let hush = [("form", &form[..]), ("hours", "72"), ("note", "演练")];
    assert_eq!(office.form(&format!("/alerts/{NOISE}/silence"), &cookie, &hush).await.status(), 303);
    let again = office.form(&format!("/alerts/{NOISE}/start"), &cookie, &[("form", &form)]).await;
    assert_eq!(again.status(), 409);
    assert!(again.text().await.unwrap().contains("lift the silence first"));
    let (_, page) = office.page(&format!("/alerts/{NOISE}?lang=zh"), &cookie).await;
    for says in [
        "出发 &amp; 到场",
        "静默至 11月12日 08:30",
        "officer (网页)",
        "复核",
        "属实 · 活动或事故",
        "演练",
        "取消静默",
    ] {
        assert!(page.contains(says), "the page does not say {says}: {page}");
    }
    let out = office.form("/signout", &cookie, &[("form", &form)]).await;
    assert!(header(&out, "set-cookie").contains("Max-Age=0"));
    let api: Value = office.get(&format!("/api/v1/alerts/{NOISE}"), "officer").await.json().await.unwrap();
    let did: Vec<&str> =
        api["audit"].as_array().unwrap().iter().map(|a| a["action"].as_str().unwrap()).collect();
    assert_eq!(did, ["ack", "verdict", "silence"]);
    assert_eq!(api["possible"], json!(["resolve", "close", "silence", "lift", "verdict", "note"]));
}

#[tokio::test]
async fn what_another_site_can_send_is_not_taken_where_access_is_open() {
    let office = office(Http::default()).await;
    let path = format!("/api/v1/alerts/{NOISE}/ack");
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let request = browser().post(office.server.url(&path)).header("content-type", kind).body("{}");
        assert_eq!(request.send().await.unwrap().status(), 415, "{kind}");
    }
    let form = format!("/alerts/{NOISE}/ack");
    assert_eq!(office.form(&form, "", &[("form", "00")]).await.status(), 403);
    let (_, page) = office.page(&format!("/alerts/{NOISE}"), "").await;
    assert_eq!(office.form(&form, "", &[("form", &form_value(&page))]).await.status(), 303);
    let api: Value = office.get(&format!("/api/v1/alerts/{NOISE}"), "").await.json().await.unwrap();
    assert_eq!((&api["state"], &api["audit"][0]["author"]), (&json!("acknowledged"), &json!("local")));
    assert_eq!(office.get("/signin", "").await.status(), 303, "nothing to sign in to");
}

#[tokio::test]
async fn who_asks_too_often_is_told_how_long_to_wait() {
    let office = office(Http { requests_per_minute: 30, ..closed() }).await;
    let mut seen = Vec::new();
    for _ in 0..40 {
        seen.push(office.get("/api/v1/topics", "viewer").await.status().as_u16());
    }
    let ok = seen.iter().filter(|s| **s == 200).count();
    assert!((30..40).contains(&ok), "{seen:?}");
    let answer = office.get("/api/v1/topics", "viewer").await;
    assert_eq!(answer.status(), 429);
    let wait: u32 = header(&answer, "retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(header(&answer, "content-type"), "application/problem+json");
    assert_eq!(office.get("/api/v1/topics", "planner").await.status(), 200, "each has its own");
    let mut wrote = Vec::new();
    for _ in 0..5 {
        let body = json!({ "note": "x" });
        wrote.push(
            office.post(&format!("/api/v1/alerts/{NOISE}/note"), "planner", &body).await.status().as_u16(),
        );
    }
    assert_eq!(wrote, [200, 200, 200, 429, 429]);
    let mut guessed = 0;
    while office.get("/api/v1/topics", "guess").await.status() == 401 {
        guessed += 1;
        assert!(guessed < 50);
    }
    let told = office.get("/api/v1/topics", "guess").await.text().await.unwrap();
    assert!(guessed >= 20 && told.contains("http.attempts_per_minute"), "{guessed}: {told}");
    assert_eq!(office.get("/api/v1/topics", "admin").await.status(), 200, "a good token is not kept out");
    // The machine's own requests are not counted while access is open, a proxy's are.
    let office = super::access::office(Http { requests_per_minute: 10, ..Http::default() }).await;
    for _ in 0..20 {
        assert_eq!(office.get("/api/v1/topics", "").await.status(), 200);
    }
    let behind =
        || browser().get(office.server.url("/api/v1/topics")).header("x-forwarded-for", "203.0.113.7").send();
    let mut n = 0;
    while behind().await.unwrap().status() == 200 {
        n += 1;
        assert!(n < 30);
    }
    assert!(n >= 10);
}
