//! Acknowledging by a link in a message, and what HTTP writes at all.
use std::path::Path;

use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use uuid::Uuid;
use weisu::{
    config::{Http, ReceiverKind},
    publish::{
        dispatch::{self, Desk},
        event::Sender,
        lifecycle::EventKind,
        links::{Key, Links},
        restraint::Told,
    },
    store::alarms::Severity,
};
use wiremock::MockServer;

use crate::{
    access::{HEATING_HARBOUR, NOISE, Office, closed, office},
    channels::{BOTS, answers, bodies, bot, publish, taken},
    publish::{Hand, desk, event},
    support::{
        browser::{self, Browser, Screen},
        city, for_each_database,
    },
};

const HOUR: i64 = 3_600_000;

/// Path of a link to acknowledge as of so many hours ago, good for two.
fn link(office: &Office, alert: &str, hours_ago: i64) -> String {
    let links = Links::new(office.key.clone(), "https://city.example/weisu", 2);
    let from = city::now().timestamp_millis() - hours_ago * HOUR;
    let (url, _) = links.acknowledge(Uuid::parse_str(alert).unwrap(), "值班室", from);
    url.strip_prefix("https://city.example/weisu").unwrap().to_owned()
}

async fn alert(office: &Office, id: &str) -> Value {
    office.get(&format!("/api/v1/alerts/{id}"), "planner").await.json().await.unwrap()
}

#[tokio::test]
async fn one_tap_acknowledges_and_opening_the_link_changes_nothing() {
    let office = office(closed()).await;
    let path = link(&office, NOISE, 0);
    for _ in 0..3 {
        let answer = office.get(&format!("{path}?lang=zh"), "").await;
        assert_eq!(answer.status(), 200, "no sign-in is needed");
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let page = answer.text().await.unwrap();
        for says in [
            "Northgate",
            "Noise",
            "151 件",
            "预计 58",
            "<button class=\"first\">签收</button>",
            "值班室",
            "width=device-width",
        ] {
            assert!(page.contains(says), "the page does not say {says}: {page}");
        }
        assert_eq!(page.matches("<button").count(), 1, "one button");
        assert!(!page.contains("<script") && !page.contains("href=\"/") && !page.contains(" style="));
    }
    assert_eq!(alert(&office, NOISE).await["state"], "firing");
    for _ in 0..2 {
        let tapped = office.form(&format!("{path}?lang=zh"), "", &[]).await;
        let back = tapped.headers()["location"].to_str().unwrap().to_owned();
        assert_eq!(
            (tapped.status().as_u16(), back.as_str()),
            (303, &format!("{}?lang=zh", &path["/a/".len()..])[..])
        );
    }
    let after = alert(&office, NOISE).await;
    assert_eq!(after["state"], "acknowledged");
    let audit = after["audit"].as_array().unwrap();
    assert_eq!(audit.len(), 1, "a second tap finds it done");
    assert_eq!((&audit[0]["author"], &audit[0]["via"]), (&json!("值班室"), &json!("link")));
    let page = office.get(&format!("{path}?lang=zh"), "").await.text().await.unwrap();
    assert!(
        page.contains("已由 值班室 (消息链接) 于 11月9日 08:30 签收") && !page.contains("<button"),
        "{page}"
    );
    let en = office.get(&path, "").await.text().await.unwrap();
    assert!(en.contains("Acknowledged by 值班室 (link), 9 Nov 08:30."), "{en}");
}

#[tokio::test]
async fn links_that_are_worth_nothing_say_so() {
    let office = office(closed()).await;
    let good = link(&office, NOISE, 0);
    let last = if good.ends_with('0') { "1" } else { "0" };
    let forged = format!("{}{last}", &good[..good.len() - 1]);
    let expired = link(&office, NOISE, 3);
    for (path, status, zh, en) in [
        (forged.as_str(), 403, "链接无效", "This link is not valid"),
        ("/a/00", 403, "链接无效", "nothing was acknowledged"),
        (&expired, 410, "该链接有效期至 11月9日 07:30", "This link has expired"),
        (&link(&office, "00000000-0000-5000-8000-00000000dead", 0), 404, "没有找到", "Not found"),
    ] {
        for (lang, says) in [("zh", zh), ("en", en)] {
            let path = format!("{path}?lang={lang}");
            let (got, posted) = (office.get(&path, "").await, office.form(&path, "", &[]).await);
            assert_eq!((got.status().as_u16(), posted.status().as_u16()), (status, status), "{path}");
            assert!(got.text().await.unwrap().contains(says), "{path} does not say {says}");
        }
    }
    assert_eq!(alert(&office, NOISE).await["state"], "firing");
    // The alert may have come to its end in the meantime.
    office.post(&format!("/api/v1/alerts/{NOISE}/close"), "planner", &json!({})).await;
    let page = office.get(&good, "").await.text().await.unwrap();
    assert!(page.contains("This alert is over") && !page.contains("<button"));
    assert_eq!(office.form(&good, "", &[]).await.status(), 409);
}

/// Makes every write fail but that of people's words.
async fn lock(office: &Office) {
    let mut c = SqliteConnection::connect(&office.database.url).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
        .fetch_all(&mut c)
        .await
        .unwrap();
    let words = ["audit", "silences", "verdicts", "endings", "sqlite_sequence"];
    let mut sql = String::new();
    let mut forbid = |table: &str, what: &str| {
        let name = format!("lock_{table}_{}", what.replace([' ', ','], "_"));
        sql += &format!(
            "CREATE TRIGGER {name} BEFORE {what} ON {table} BEGIN SELECT RAISE(ABORT, 'locked'); END;"
        );
    };
    for table in tables.iter().filter(|t| !words.contains(&t.as_str())) {
        forbid(table, "INSERT");
        forbid(table, "DELETE");
        match table.as_str() {
            "alerts" => forbid(
                table,
                "UPDATE OF id, fingerprint, kind, lane, severity, series, onset, last_day, judged, quiet, payload, created",
            ),
            "deliveries" => forbid(
                table,
                "UPDATE OF id, alert, receiver, event, body, attempts, next_attempt, created, not_before, how, rule",
            ),
            "escalations" => forbid(table, "UPDATE OF alert, receiver, due, rule"),
            _ => forbid(table, "UPDATE"),
        }
    }
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut c).await.unwrap();
    c.close().await.unwrap();
}

#[tokio::test]
async fn http_writes_what_people_say_of_alerts_and_nothing_else() {
    let office = office(Http::default()).await;
    lock(&office).await;
    let until = "2026-12-01T00:00:00Z";
    for (path, body, status) in [
        (format!("alerts/{NOISE}/ack"), json!({}), 200),
        (format!("alerts/{NOISE}/start"), json!({ "note": "on it" }), 200),
        (format!("alerts/{NOISE}/note"), json!({ "note": "第二次到场" }), 200),
        (format!("alerts/{NOISE}/verdict"), json!({ "verdict": "confirmed", "cause": "event" }), 200),
        (format!("alerts/{NOISE}/resolve"), json!({}), 200),
        (format!("alerts/{NOISE}/close"), json!({}), 200),
        (format!("alerts/{HEATING_HARBOUR}/silence"), json!({ "until": until, "reason": "drill" }), 200),
        (format!("alerts/{HEATING_HARBOUR}/lift"), json!({}), 200),
        ("silences".to_owned(), json!({ "topic_id": 1, "until": until, "reason": "drill" }), 201),
    ] {
        let answer = office.post(&format!("/api/v1/{path}"), "", &body).await;
        let (found, said) = (answer.status().as_u16(), answer.text().await.unwrap());
        assert_eq!(found, status, "{path}: {said}");
    }
    let holding: Value = office.get("/api/v1/silences", "").await.json().await.unwrap();
    assert_eq!(holding[0]["scope"]["topic"], json!(["Heating"]));
    assert_eq!(alert(&office, HEATING_HARBOUR).await["state"], "silenced");
    assert_eq!(alert(&office, HEATING_HARBOUR).await["silenced_until"], until);
    let lift = format!("/api/v1/silences/{}/lift", holding[0]["id"].as_str().unwrap());
    assert_eq!(office.post(&lift, "", &json!({})).await.json::<Value>().await.unwrap(), json!([]));
    assert_eq!(office.post(&lift, "", &json!({})).await.status(), 404);
    assert_eq!(alert(&office, HEATING_HARBOUR).await["state"], "firing");
    for path in ["/", "/backtest", "/alerts", "/api/v1/outlook", "/metrics", "/prom/api/v1/labels", "/readyz"]
    {
        assert_eq!(office.get(path, "").await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_a_problem_document() {
    let office = office(Http::default()).await;
    let post = async |path: &str, body: Value| {
        let answer = office.post(&format!("/api/v1/{path}"), "", &body).await;
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
        let problem: Value = answer.json().await.unwrap();
        (problem["status"].as_u64().unwrap(), problem["detail"].as_str().unwrap().to_owned())
    };
    let check = |found: (u64, String), status: u64, says: &str| {
        assert!(found.0 == status && found.1.contains(says), "{found:?}");
    };
    let of = |action: &str| format!("alerts/{NOISE}/{action}");
    check(post(&of("lift"), json!({})).await, 409, "it is not silenced");
    check(post(&of("ack"), json!({ "who": "me" })).await, 400, "unknown field");
    check(post(&of("ack"), json!({ "note": "x".repeat(1001) })).await, 400, "1001 characters");
    check(post(&of("note"), json!({})).await, 400, "note is empty");
    check(post(&of("verdict"), json!({ "verdict": "omen" })).await, 400, "unknown variant");
    check(
        post(&of("silence"), json!({ "until": "2026-01-01T00:00:00Z", "reason": "x" })).await,
        400,
        "must lie ahead",
    );
    check(
        post(&of("silence"), json!({ "until": "2026-12-01T00:00:00Z", "reason": " " })).await,
        400,
        "reason is empty",
    );
    check(
        post("silences", json!({ "until": "2026-12-01T00:00:00Z", "reason": "x" })).await,
        400,
        "everything",
    );
    check(
        post("silences", json!({ "topic_id": 99, "until": "2026-12-01T00:00:00Z", "reason": "x" })).await,
        404,
        "no topic 99",
    );
    check(post("alerts/00000000-0000-5000-8000-00000000dead/ack", json!({})).await, 404, "there is no alert");
    check(post("alerts/north/ack", json!({})).await, 404, "north");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_acknowledge_is_one_in_each_vendors_markup() {
    for_each_database(|db| async move {
        let (store, clock) = (db.open().await.unwrap(), Hand::new());
        let links = Links::new(Key::of_process().unwrap(), "https://city.example/a_b", 2);
        for kind in BOTS {
            let server = MockServer::start().await;
            answers(&server, taken(kind)).await;
            let duty = [bot(kind, &db, &server.uri())];
            let plain = desk(&duty);
            let desk = Desk { sender: Sender { links: Some(&links), ..plain.sender }, ..plain };
            let mut fired = event(1, EventKind::Firing, 20_000);
            fired.alert.body.severity = Severity::High;
            let out = dispatch::dispatch(desk, &[fired], &mut Told::default(), clock.millis());
            let ack: Value = serde_json::from_str(&out.deliveries[0].body).unwrap();
            let url = ack["data"]["ack"]["url"].as_str().unwrap();
            let mut tx = store.begin().await.unwrap();
            tx.enqueue(&out.deliveries, clock.millis()).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(publish(&store, &duty, &clock).await.delivered, 1);
            let shown = bodies(&server).await.remove(0).to_string();
            let wanted = match kind {
                ReceiverKind::Slack => format!("<{url}|签收>"),
                _ => format!("[签收]({url})"),
            };
            assert!(shown.contains(&wanted), "{kind:?}: {wanted} in {shown}");
        }
        store.close().await;
    })
    .await;
}

/// The pages of people who act, as a phone draws them. Pictures are kept in `WEISU_SCREENSHOTS` if that is set.
#[tokio::test(flavor = "multi_thread")]
async fn a_phone_draws_the_pages_without_a_complaint() {
    if !browser::available() {
        return;
    }
    let (open, shut) = (office(Http::default()).await, office(closed()).await);
    open.post(&format!("/api/v1/alerts/{NOISE}/ack"), "", &json!({ "note": "on my way" })).await;
    let tap = link(&open, HEATING_HARBOUR, 0);
    let mut seen = Vec::new();
    for (office, name, path, zh, en) in [
        (&open, "tap", tap.as_str(), "签收人", "Acknowledged as"),
        (&open, "alert", &format!("/alerts/{NOISE}"), "处理记录", "What was done"),
        (&shut, "signin", "/signin", "口令由管理员发放", "Your administrator"),
    ] {
        for (lang, says) in [("zh", zh), ("en", en)] {
            seen.push((format!("{name}-{lang}"), office.server.url(&format!("{path}?lang={lang}")), says));
        }
    }
    let look = move || {
        let mut browser = Browser::start();
        for (name, url, says) in seen {
            browser.open(&url, Screen::PHONE);
            let text = browser.run("document.body.innerText");
            assert!(text.as_str().unwrap().contains(says), "{name} does not say {says}: {text}");
            assert_eq!(browser.complaints(), Vec::<String>::new(), "{name}");
            let wide = browser.run("document.documentElement.scrollWidth");
            assert!(wide.as_u64().unwrap() <= u64::from(Screen::PHONE.width), "{name} is {wide} wide");
            let picture = browser.picture(true);
            assert!(picture.len() > 10_000, "{name} is nearly empty");
            if let Ok(folder) = std::env::var("WEISU_SCREENSHOTS") {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(Path::new(&folder).join(format!("{name}.png")), picture).unwrap();
            }
        }
    };
    tokio::task::spawn_blocking(look).await.unwrap();
}
