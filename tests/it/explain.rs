//! Explanations of what an installation published: command, API and page say the same, on both stores.
use std::fs;

use serde_json::Value;

use crate::support::{
    for_each_database,
    installation::{Daemon, Installation, text, until},
    server::client,
};

const MORNINGS: [&str; 2] = ["2025-11-03T00:00:00Z", "2025-11-10T00:00:00Z"];

fn explain(at: &Installation, args: &[&str]) -> Value {
    let out = at.run(&[&["explain"], args, &["--format", "json"]].concat(), MORNINGS[1]);
    assert!(out.status.success(), "{args:?}: {}", text(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn factors(parts: &Value) -> f64 {
    parts.as_array().unwrap().iter().map(|part| part["factor"].as_f64().unwrap()).product()
}

fn tickets(parts: &Value) -> f64 {
    parts.as_array().unwrap().iter().map(|part| part["tickets"].as_f64().unwrap()).sum()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(1.0)
}

/// The week's published means of the whole city, and the parts that make them.
async fn check_whole_city(at: &Installation, answer: &Value) {
    let published = at
        .ask(
            "SELECT CAST(f.mean AS TEXT) FROM forecasts f JOIN series s ON s.id = f.series WHERE f.grain = 0 \
             AND s.topic = 0 AND s.district = 0 AND s.basis = 'raw' AND f.run = (SELECT MAX(run) FROM forecasts) \
             ORDER BY f.target",
        )
        .await;
    let days = answer["days"].as_array().unwrap();
    assert_eq!(days.len(), 7);
    for (day, published) in days.iter().zip(&published) {
        let mean = day["mean"].as_f64().unwrap();
        assert!(close(mean, published.parse().unwrap()), "{mean} was not published: {published}");
        assert!(close(day["rate"].as_f64().unwrap() * factors(&day["parts"]), mean), "{day}");
    }
    for sum in [&answer["total"], &answer["since"]["change"]] {
        let (from, to) = (sum["from"].as_f64().unwrap(), sum["to"].as_f64().unwrap());
        assert!(
            close(from + tickets(&sum["parts"]), to) && close(from * factors(&sum["parts"]), to),
            "{sum}"
        );
    }
}

#[tokio::test]
async fn what_was_published_is_taken_apart_exactly() {
    for_each_database(|database| async move {
        let at = Installation::new(&database, "2025-11-10", "");
        let said = at.run(&["explain"], MORNINGS[0]);
        assert!(text(&said.stderr).contains("no forecast yet: run `weisu once`"), "{}", text(&said.stderr));
        at.must(&["once"], MORNINGS[0]);
        assert!(explain(&at, &[])["since"].is_null());
        at.must(&["once"], MORNINGS[1]);
        let answer = explain(&at, &[]);
        assert_eq!(answer["since"]["origin"], "2025-11-02");
        check_whole_city(&at, &answer).await;

        // A cell borrows from its topic and its district; nothing but making levels add up is left over.
        let (topic, district) = (name(&at, "topics").await, name(&at, "districts").await);
        let cell = explain(&at, &["--topic", &topic, "--district", &district]);
        for day in cell["days"].as_array().unwrap() {
            let coherence =
                day["parts"].as_array().unwrap().iter().find(|p| p["part"] == "coherence").unwrap();
            assert!(coherence["factor"].as_f64().unwrap().ln().abs() < 0.3, "{day}");
        }
        let table = at.must(&["explain", "--topic", &topic], MORNINGS[1]);
        assert!(table.contains("weekday") && table.contains("Since run"), "{table}");
        let unknown = at.run(&["explain", "--topic", "nothing of the kind"], MORNINGS[1]);
        assert!(text(&unknown.stderr).contains("there is no \"nothing of the kind\""));
        let late = at.run(&["explain", "--from", "2030-01-01", "--to", "2030-01-02"], MORNINGS[1]);
        assert!(text(&late.stderr).contains("has no such series or days"), "{}", text(&late.stderr));

        let daemon = Daemon::start(&at, "", Some(MORNINGS[1]), &[]);
        until!("readiness", daemon.status("/readyz").await == 200);
        let client = client();
        let get =
            async |path: &str| client.get(format!("http://{}{path}", daemon.address())).send().await.unwrap();
        let served: Value = get("/api/v1/explanation").await.json().await.unwrap();
        assert_eq!(served, answer);
        for (lang, words) in [("zh", "未来一周为什么是这个数"), ("en", "Why the coming week")] {
            let page = get(&format!("/?topic=0&lang={lang}")).await.text().await.unwrap();
            let shown = format!("{:.0}", answer["total"]["to"].as_f64().unwrap());
            assert!(page.contains(words) && page.contains(&shown), "{lang}: no {shown}");
        }
        assert_eq!(get("/api/v1/explanation?topic=99999").await.status(), 404);
        assert_eq!(get("/api/v1/explanation?from=2025-11-11").await.status(), 400);
        daemon.stop().await;
    })
    .await;
}

/// The first top-level name of a tree.
async fn name(at: &Installation, tree: &str) -> String {
    at.ask(&format!("SELECT name FROM {tree} WHERE depth = 1 ORDER BY id LIMIT 1")).await.remove(0)
}

/// Weather that is measured shows as a part of its own, and a file that cannot be read costs a warning only.
#[tokio::test]
async fn weather_is_a_part_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let database = crate::support::Database::sqlite(&folder);
    let regressor =
        "[[regressor]]\nname = \"temperature\"\nfile = \"weather.csv\"\nkind = \"known_future\"\n";
    let at = Installation::new(&database, "2025-11-10", regressor);
    let start = chrono::NaiveDate::from_ymd_opt(2023, 1, 1).unwrap();
    let wave = |t: u64| (t as f64 / 3.0).sin() * 5.0;
    let rows = (0..1100).map(|t| format!("{},{:.2}\n", start + chrono::Days::new(t), wave(t)));
    fs::write(at.path("weather.csv"), format!("ds,value\n{}", rows.collect::<String>())).unwrap();
    at.must(&["once"], MORNINGS[1]);
    let has_weather = |answer: &Value| {
        let parts = answer["total"]["parts"].as_array().unwrap();
        parts.iter().any(|p| p["part"] == "regressor" && p["name"] == "temperature")
    };
    assert!(has_weather(&explain(&at, &[])));
    // A file that is half written costs a part of the forecast, not the forecast.
    fs::write(at.path("weather.csv"), "ds,value\n2025-11-").unwrap();
    assert!(!has_weather(&explain(&at, &[])));
}
