//! `plan`, `status`, `check-config` and `send-test` over an outbox with everything that can wait in it.
use std::path::Path;

use chrono::DateTime;
use serde_json::Value;
use weisu::{
    config::Config,
    publish::{
        dispatch::{self, Desk},
        event::Sender,
        lifecycle::{Event, EventKind},
        restraint::Told,
    },
    store::alarms::Severity,
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

use crate::{
    publish::event,
    support::{
        Database,
        command::weisu,
        mail::{MailServer, Manner},
    },
};

const EVENING: &str = "2024-11-15T14:30:00Z"; // 22:30 there
const TABLE: &str = "区域,最低级别,接收,抄送,升级,签收时限\n东城区,,duty,,boss,30\n西城区,高,duty,,,\n";

fn configure(folder: &Path, url: &str, mail: &str) {
    let text = format!(
        "[city]\nzone = \"Asia/Shanghai\"\nlang = \"zh\"\n[store]\nurl = \"sqlite://{}/weisu.db\"\n\
         [publish]\nrouting = \"routing.csv\"\n\
         [[receiver]]\nname = \"duty\"\nkind = \"wecom\"\nurl_file = \"duty.url\"\nquiet = \"22:00-07:00\"\n\
         quiet_critical = true\ndaily_budget = 1\n\
         [[receiver]]\nname = \"boss\"\nkind = \"smtp\"\nurl = \"{mail}\"\ntls = \"none\"\n\
         from = \"weisu@city.example\"\nto = [\"boss@city.example\"]\n\
         [[receiver]]\nname = \"hub\"\nurl = \"{url}/hub\"\ndistricts = [\"东城区\"]\n",
        folder.display()
    );
    std::fs::write(folder.join("weisu.toml"), text).unwrap();
    std::fs::write(folder.join("routing.csv"), TABLE.replace("高", "橙")).unwrap();
    std::fs::write(folder.join("duty.url"), format!("{url}/?key=s3cr3t\n")).unwrap();
}

fn alert(n: u128, district: &str, severity: Severity) -> Event {
    let mut event = event(n, EventKind::Firing, 20_000);
    event.alert.body.district = vec![district.into()];
    event.alert.body.severity = severity;
    event.alert.body.title = format!("alert {n}");
    event
}

async fn fill(db: &Database) {
    let config = Config::load(&db.folder.join("weisu.toml")).unwrap();
    let table = config.routing().unwrap();
    let events = [
        alert(1, "东城区", Severity::Critical),
        alert(2, "东城区", Severity::Low),
        alert(3, "西城区", Severity::High),
        alert(4, "西城区", Severity::Low),
        alert(5, "东城区", Severity::Critical),
    ];
    let now = EVENING.parse::<DateTime<chrono::Utc>>().unwrap().timestamp_millis();
    let desk = Desk::of(&config, table.as_ref(), Sender::of(&config));
    let out = dispatch::dispatch(desk, &events, &mut Told::default(), now);
    let raised: Vec<_> = events.iter().map(|e| e.alert.clone()).collect();
    let store = db.open().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.put_alerts(&raised, &[]).await.unwrap();
    tx.enqueue(&out.deliveries, now).await.unwrap();
    tx.put_deadlines(&out.deadlines).await.unwrap();
    tx.put_unrouted(&out.unrouted, &out.routed, now).await.unwrap();
    tx.commit().await.unwrap();
    store.disable_receiver("hub", now, "answered 410 Gone").await.unwrap();
    store.close().await;
}

fn lines(plan: &Value) -> Vec<String> {
    let field = |line: &Value, name: &str| line[name].as_str().unwrap_or("-").to_owned();
    let line = |l: &Value| ["what", "receiver", "rule", "why", "at"].map(|name| field(l, name)).join(" ");
    plan.as_array().unwrap().iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_who_gets_what_when_and_why_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::sqlite(&folder);
    configure(folder.path(), "http://127.0.0.1:9", "smtp://127.0.0.1:9");
    fill(&db).await;
    let run = |args: &[&str]| weisu(folder.path(), &[&["--now", EVENING], args].concat());
    let wanted = [
        "alert 1 duty routing.csv:2 immediate 2024-11-15T14:30:00.000Z",
        "alert 1 hub filter immediate 2024-11-15T14:30:00.000Z",
        "alert 2 hub filter immediate 2024-11-15T14:30:00.000Z",
        "alert 5 hub filter immediate 2024-11-15T14:30:00.000Z",
        "alert 1 boss routing.csv:2 escalation 2024-11-15T15:00:00.000Z",
        "alert 3 duty routing.csv:3 quiet 2024-11-15T23:00:00.000Z",
        "alert 2 duty routing.csv:2 digest 2024-11-16T00:07:00.000Z",
        "alert 5 duty routing.csv:2 budget 2024-11-16T00:07:00.000Z",
        "alert 2 boss routing.csv:2 escalation 2024-11-16T00:37:00.000Z",
        "alert 5 boss routing.csv:2 escalation 2024-11-16T00:37:00.000Z",
        "alert 4 - - unrouted -",
    ];
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    let plan = || sorted(lines(&run(&["plan", "--format", "json"]).json()));
    let rule = |line: &str| line.replace("alert 4 - - ", "alert 4 -  ");
    assert_eq!(plan(), sorted(wanted.map(rule).to_vec()));
    assert_eq!(plan(), sorted(wanted.map(rule).to_vec()), "a second look finds the same");
    let text = run(&["plan"]).ok();
    assert!(text.contains("2024-11-16 08:07  duty (wecom)  digest  routing.csv:2  alert 2"), "{text}");
    assert!(text.contains("nobody (-)  unrouted"), "{text}");
    let again = lines(&run(&["plan", "--alerts", "--format", "json"]).json());
    assert!(again.iter().any(|l| l.starts_with("alert 1 duty routing.csv:2 budget")), "{again:?}");

    let status = run(&["status"]).ok();
    assert!(status.contains("receiver hub gets nothing since 2024-11-15T14:30"), "{status}");
    assert!(status.contains("nobody gets alert 00000000-0000-0000-0000-000000000004: alert 4"), "{status}");
    assert_eq!(run(&["status", "--format", "json"]).json()["unrouted"][0]["title"], "alert 4");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_with_mistakes_is_refused_with_every_line() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path(), "http://127.0.0.1:9", "smtp://127.0.0.1:9");
    weisu(folder.path(), &["check-config"]).ok();
    std::fs::write(folder.path().join("routing.csv"), "district,receiver\na,duty\nb,nobody\na,boss\n")
        .unwrap();
    for command in ["check-config", "plan"] {
        let said = weisu(folder.path(), &[command]).failed(78);
        assert!(said.contains("routing.csv:3: no [[receiver]] has the name \"nobody\""), "{said}");
        assert!(said.contains("routing.csv:4: fits as closely as line 2"), "{said}");
    }
    std::fs::write(folder.path().join("routing.csv"), "district,receiver\na,hub\n").unwrap();
    let said = weisu(folder.path(), &["check-config"]).failed(78);
    assert!(said.contains("receiver \"hub\" stands in the table and has filters too"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_goes_through_each_channel() {
    let (folder, server) = (tempfile::tempdir().unwrap(), MockServer::start().await);
    let mails = MailServer::start(Manner::default()).await;
    let ok = ResponseTemplate::new(200).set_body_json(serde_json::json!({ "errcode": 0 }));
    Mock::given(method("POST")).respond_with(ok).mount(&server).await;
    configure(folder.path(), &server.uri(), &mails.url());
    let at = folder.path().to_owned();
    let sent = tokio::task::spawn_blocking(move || {
        ["duty", "boss", "hub"].map(|name| weisu(&at, &["send-test", name]).ok())
    });
    for said in sent.await.unwrap() {
        assert!(said.contains("taken") || said.contains("200 OK"), "{said}");
    }
    assert_eq!((server.received_requests().await.unwrap().len(), mails.got().len()), (2, 1));
    let refuses = ResponseTemplate::new(200)
        .set_body_json(serde_json::json!({ "errcode": 93_000, "errmsg": "s3cr3t" }));
    server.reset().await;
    Mock::given(method("POST")).respond_with(refuses).mount(&server).await;
    let at = folder.path().to_owned();
    let said = tokio::task::spawn_blocking(move || weisu(&at, &["send-test", "duty"])).await.unwrap();
    assert_eq!(said.code, 1);
    assert!(said.out.contains("code 93000: …") && !said.out.contains("s3cr3t"), "{}", said.out);
}
