//! What people do from the command line: tokens, and steps in the life of an alert.
use std::fs;

use chrono::{DateTime, Utc};
use serde_json::json;
use weisu::{
    config::Lang,
    publish::sample,
    store::{audit::About, tokens::hash},
};

use crate::support::{Database, command::weisu};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_shows_once_and_only_its_hash_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("weisu.toml"), "[store]\nurl = \"sqlite://weisu.db\"\n").unwrap();
    let add = [
        "token",
        "add",
        "duty east",
        "--role",
        "officer",
        "--district",
        "东城区",
        "--days",
        "30",
        "--format",
        "json",
    ];
    let made = weisu(at, &add).json();
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("weisu_") && token.len() == 70, "{token}");
    assert!(weisu(at, &add).failed(1).contains("there is a token \"duty east\" already"));
    assert!(weisu(at, &["token", "add", "x", "--role", "officer"]).failed(1).contains("--district"));
    weisu(at, &["token", "add", "x", "--role", "king"]).failed(2);
    let listed = weisu(at, &["token", "list"]).ok();
    assert!(listed.contains("duty east: officer, 东城区, until ") && !listed.contains(token), "{listed}");
    let store = Database::sqlite(&folder).open().await.unwrap();
    assert_eq!(store.token_by_hash(&hash(token)).await.unwrap().unwrap().name, "duty east");
    let bytes = fs::read(at.join("weisu.db")).unwrap();
    assert!(!bytes.windows(token.len()).any(|w| w == token.as_bytes()), "the token itself is in the store");
    assert!(weisu(at, &["token", "revoke", "duty east"]).ok().contains("worth nothing"));
    assert!(weisu(at, &["token", "revoke", "duty east"]).failed(1).contains("no valid token"));
    assert!(weisu(at, &["token", "list"]).ok().contains("revoked "));
    let did: Vec<String> = store
        .audit_of(About::Token, "duty east")
        .await
        .unwrap()
        .into_iter()
        .map(|r| format!("{} {}", r.entry.action, r.entry.author))
        .collect();
    assert_eq!(did, ["add operator", "revoke operator"]);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_shown_and_taken_through_its_life() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("weisu.toml"), "[store]\nurl = \"sqlite://weisu.db\"\n").unwrap();
    let store = Database::sqlite(&folder).open().await.unwrap();
    let alert = sample::event(Lang::En, "2026-11-09T00:30:00Z".parse::<DateTime<Utc>>().unwrap()).alert;
    let mut tx = store.begin().await.unwrap();
    tx.put_alerts(std::slice::from_ref(&alert), &[]).await.unwrap();
    tx.commit().await.unwrap();
    store.close().await;
    let id = alert.id.to_string();
    let run = |args: &[&str]| weisu(at, &[&["--now", "2026-11-09T01:00:00Z", "alert"], args].concat());
    assert!(run(&["list"]).ok().contains(&format!("{id} firing [low] Test topic")));
    let taken = run(&["ack", &id, "--by", "duty", "--note", "on it"]).ok();
    assert!(
        taken.contains("2026-11-09T01:00:00.000Z ack -> acknowledged by duty, cli (note on it)"),
        "{taken}"
    );
    assert!(run(&["ack", &id, "--by", " "]).failed(1).contains("--by is empty"));
    assert!(run(&["lift", &id, "--by", "duty"]).failed(1).contains("it is not silenced"));
    let late = ["silence", &id, "--by", "duty", "--until", "2026-11-09T00:00:00Z", "--reason", "x"];
    assert!(run(&late).failed(1).contains("is over already"));
    let hush =
        ["silence", &id, "--by", "duty", "--until", "2026-11-10T00:00:00Z", "--reason", "drill", "--kind"];
    assert!(run(&hush).ok().contains("silence -> silenced by duty, cli"));
    assert!(run(&["lift", &id, "--by", "duty"]).failed(1).contains("silenced together with others"));
    run(&["close", &id, "--by", "duty"]).ok();
    let shown = run(&["show", &id, "--format", "json"]).json();
    assert_eq!(
        (&shown["alert"]["state"], &shown["possible"]),
        (&json!("closed"), &json!(["verdict", "note"]))
    );
    let verdict = ["verdict", &id, "false_alarm", "--cause", "campaign", "--by", "planner"];
    assert!(weisu(at, &verdict).ok().contains("false_alarm (campaign) by planner"));
    assert!(
        run(&["show", &id]).ok().contains("verdict by planner, cli (cause campaign, verdict false_alarm)")
    );
    let nobody = "00000000-0000-5000-8000-00000000dead";
    assert!(run(&["close", nobody, "--by", "duty"]).failed(1).contains("there is no alert"));
}
