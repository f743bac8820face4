//! Page, API, health and metrics over a fixture city.
use std::process::Command;

use serde_json::Value;
use weisu::config::Lang;

use crate::support::{
    Database, city, for_each_database,
    server::{Server, serve},
};

/// On both stores the same answers, to the last digit shown.
#[tokio::test]
async fn the_api_answers_what_a_planner_asks() {
    for_each_database(|database| async move {
        let server = Server::at(&database, Lang::Zh).await;
        let outlook = server.json("/api/v1/outlook").await;
        assert_eq!(outlook["topics"][0]["name"], "供热采暖", "heating is what rises in winter");
        assert_eq!(outlook["districts"][0]["name"], "朝阳区", "the largest district rises most");
        insta::assert_json_snapshot!("outlook", rounded(outlook));
        insta::assert_json_snapshot!("scoreboard", rounded(server.json("/api/v1/scoreboard").await));
        let mut newest = server.json("/api/v1/backtests/latest?basis=dedup").await;
        assert_eq!(newest["scores"].as_array().unwrap().len(), 3 * 4 * 4);
        newest["scores"].as_array_mut().unwrap().truncate(2);
        insta::assert_json_snapshot!("backtest", rounded(newest));
        let ledger = server.json("/api/v1/ledger").await;
        // Five districts with the city, two topics with three below each, and two levels of cells; four weeks.
        assert_eq!(ledger.as_array().unwrap().len(), (5 + 8 + 2) * 4);
        insta::assert_json_snapshot!("ledger", rounded(ledger[0].clone()));
        let mut status = server.json("/api/v1/status").await;
        status["version"] = "[version]".into();
        insta::assert_json_snapshot!("status", status);
        let alerts = server.json("/api/v1/alerts?state=open").await;
        insta::assert_json_snapshot!("alerts", alerts[0]);
        assert_eq!(alerts.as_array().unwrap().len(), 3);
        let of_district =
            server.json("/api/v1/alerts?district=4&kind=forecast_exceedance&lane=seasonal").await;
        assert_eq!(of_district.as_array().unwrap().len(), 1);
        assert_eq!(server.json("/api/v1/alarms").await.as_array().unwrap().len(), 4);
        assert_eq!(server.json("/api/v1/runs?limit=3").await[0]["stage"], "publish");
    })
    .await;
}

/// Sums and means differ in the last bits with the order that a database adds in.
fn rounded(mut value: Value) -> Value {
    match &mut value {
        Value::Array(items) => items.iter_mut().for_each(|item| *item = rounded(item.take())),
        Value::Object(fields) => fields.values_mut().for_each(|field| *field = rounded(field.take())),
        Value::Number(n) => {
            if let Some(float) = n.as_f64().filter(|_| n.is_f64()) {
                value = serde_json::json!((float * 1e6).round() / 1e6);
            }
        }
        _ => {}
    }
    value
}

#[tokio::test]
async fn a_forecast_has_its_past_its_bands_and_last_year() {
    let (server, _folder) = Server::of_a_city(Lang::En).await;
    let day = server.json("/api/v1/forecast?topic=3&district=2&history=30").await;
    assert_eq!(day["past"].as_array().unwrap().len(), 30);
    assert_eq!(day["coming"].as_array().unwrap().len(), 90);
    assert_eq!(day["coming"][0]["start"], "2026-11-09");
    assert_eq!(day["topic"], serde_json::json!(["Heating", "Cold rooms"]));
    assert!(day["coming"][0]["last_year"].is_number());
    // The season before ended in March, long before the 30 days of history.
    let heating = serde_json::json!({
        "name": "heating", "zh": "heating", "en": "heating",
        "from": "2026-11-15", "to": "2027-03-15", "announced": false,
    });
    assert_eq!(day["seasons"], serde_json::json!([heating]));
    let month = server.json("/api/v1/forecast?grain=month").await;
    assert_eq!(month["seasons"], serde_json::json!([]));
    let coming = month["coming"].as_array().unwrap();
    assert_eq!((coming.len(), &coming[0]["start"]), (12, &Value::from("2026-12-01")));
    for c in day["coming"].as_array().unwrap().iter().chain(coming) {
        let q = ["q025", "q10", "q50", "q90", "q975"].map(|k| c[k].as_f64().unwrap());
        assert!(q.is_sorted() && q[0] >= 0.0, "{c}");
    }
    // 24 months that are over, the one with the gap of two days among them, and the one that is not.
    let past = month["past"].as_array().unwrap();
    let (open, over) = past.split_last().unwrap();
    assert_eq!((&open["start"], open["actual"].is_null()), (&Value::from("2026-11-01"), true));
    assert!(over.iter().all(|p| p["actual"].is_number()), "{over:?}");
}

#[tokio::test]
async fn a_gap_is_absent_and_not_zero() {
    let (server, _folder) = Server::of_a_city(Lang::En).await;
    let forecast = server.json("/api/v1/forecast?history=700").await;
    let gaps = forecast["past"].as_array().unwrap().iter().filter(|p| p["actual"].is_null()).count();
    assert_eq!(gaps, 2);
    assert_eq!(server.json("/api/v1/status").await["gap_days"], 2);
}

#[tokio::test]
async fn series_are_found_by_words_and_paged() {
    let (server, _folder) = Server::of_a_city(Lang::En).await;
    let found = server.json("/api/v1/series?q=NOISE&district_depth=1").await;
    let names: Vec<&Value> = found["items"].as_array().unwrap().iter().map(|s| &s["district"][0]).collect();
    assert_eq!(names, ["Eastside", "Westside", "Northgate", "Harbour"]);
    assert_eq!(
        server.json("/api/v1/series?q=%25").await["items"],
        serde_json::json!([]),
        "a wildcard is only text"
    );
    let mut after = 0;
    let mut seen = 0;
    loop {
        let page = server.json(&format!("/api/v1/series?limit=7&after={after}")).await;
        seen += page["items"].as_array().unwrap().len();
        match page["next"].as_i64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(seen, 45, "every series once");
}

#[tokio::test]
async fn what_cannot_be_answered_is_a_problem_document() {
    let (server, _folder) = Server::of_a_city(Lang::En).await;
    for (path, status, says) in [
        ("/api/v1/series?limit=0", 400, "limit is 0"),
        ("/api/v1/series?limits=10", 400, "unknown field"),
        ("/api/v1/forecast?topic=north", 400, "topic"),
        ("/api/v1/forecast?topic=99", 404, "no forecast of topic 99"),
        ("/api/v1/forecast?history=0", 400, "history is 0"),
        ("/api/v1/outlook?months=13", 400, "months is 13"),
        ("/api/v1/outlook?topic=99", 404, "no topic 99"),
        ("/api/v1/alerts?kind=omen", 400, "kind"),
        ("/api/v1/nothing", 404, "nothing at this address"),
        ("/assets/000000000000/page.css", 404, "no such file"),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path}");
        let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().contains(says), "{path}: {problem}");
    }
}

#[tokio::test]
async fn an_answer_is_not_sent_twice() {
    let (server, _folder) = Server::of_a_city(Lang::En).await;
    let first = server.get("/api/v1/outlook").await;
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    let again = server.get_with("/api/v1/outlook", &[("if-none-match", &tag)]).await;
    assert_eq!(again.status(), 304);
    assert_eq!(server.get("/api/v1/alerts").await.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn the_openapi_document_lists_every_address() {
    let mut document = serde_json::to_value(weisu::http::openapi()).unwrap();
    document["info"]["version"] = "[version]".into();
    insta::assert_json_snapshot!("openapi", document);
    let (server, _folder) = Server::of_a_city(Lang::En).await;
    let document = server.json("/api/openapi.json").await;
    let paths = document["paths"].as_object().unwrap().iter();
    for (path, _) in paths.filter(|(path, of)| of["get"].is_object() && !path.contains('{')) {
        server.json(path).await;
    }
}

#[tokio::test]
async fn ready_means_a_store_and_a_forecast() {
    let folder = tempfile::tempdir().unwrap();
    let store = city::store(&Database::sqlite(&folder), None).await;
    let empty = serve(store.clone(), Lang::Zh).await;
    let answer = empty.get("/readyz").await;
    assert_eq!(answer.status(), 503);
    assert!(answer.text().await.unwrap().contains("no forecast"));
    assert_eq!(empty.get("/healthz").await.status(), 200);
    let page = empty.get("/").await.text().await.unwrap();
    assert!(page.contains("还没有预测可看") && page.contains("还没有运行记录"));
    assert_eq!(empty.get("/metrics").await.status(), 200);
    store.close().await;
    assert_eq!(empty.get("/readyz").await.status(), 503);
    assert_eq!(empty.get("/api/v1/status").await.status(), 503);
    assert!(empty.get("/metrics").await.text().await.unwrap().contains("weisu_store_up 0"));

    let (server, _folder) = Server::of_a_city(Lang::Zh).await;
    assert_eq!(server.get("/readyz").await.status(), 200);
    server.health.drain();
    assert_eq!(server.get("/readyz").await.status(), 503);
}

#[tokio::test]
async fn the_page_says_it_in_the_readers_language_and_without_a_script() {
    let (server, _folder) = Server::of_a_city(Lang::Zh).await;
    let zh = server.get("/").await.text().await.unwrap();
    for says in [
        "预计<em>供热采暖</em>将明显上升",
        "什么会涨",
        "朝阳区",
        "没有诉求也不等于没有问题",
        "80% 区间",
        "2026年12月",
    ] {
        assert!(zh.contains(says), "the page does not say {says}");
    }
    assert!(!zh.contains("预言"));
    let en = server.get_with("/", &[("accept-language", "en-GB,zh;q=0.5")]).await.text().await.unwrap();
    assert!(en.contains("lang=\"en\"") && en.contains("At a glance") | en.contains("is expected to rise"));
    assert!(en.contains("no tickets do not mean no problems"));
    let asked = server
        .get_with("/?lang=zh&topic=6&district=3", &[("accept-language", "en")])
        .await
        .text()
        .await
        .unwrap();
    assert!(
        asked.contains("城市管理 › 噪声扰民 · 朝阳区")
            && asked.contains("?lang=en&amp;topic=6&amp;district=3")
    );
    let none = server.get("/?topic=999").await.text().await.unwrap();
    assert!(none.contains("这一组合没有预测"));
    for page in [&zh, &en] {
        assert!(
            !page.contains("href=\"/") && !page.contains("src=\"/") && !page.contains("http://"),
            "addresses must be relative"
        );
        assert!(
            !page.contains(" style=") && !page.contains("<style") && !page.contains(" onclick"),
            "the policy forbids it"
        );
    }
}

#[tokio::test]
async fn the_backtest_has_a_page_that_is_linked_both_ways() {
    let (server, _folder) = Server::of_a_city(Lang::Zh).await;
    let first = server.get("/").await.text().await.unwrap();
    assert!(first.contains("href=\"backtest?lang=zh\""), "the first page leads to it");
    let zh = server.get("/backtest").await.text().await.unwrap();
    // 28 + 21 + 14 + 7 days of the city's total.
    for says in [
        "预测复盘台账",
        "70 次预测，60 次落在 80% 区间内（86%）",
        "供热采暖",
        "朝阳区",
        "类别 2 × 区域 1",
        "weisu 预测 <b>最优</b>",
        "各层级平均",
        "2026年9月13日",
        "href=\"./?lang=zh\"",
    ] {
        assert!(zh.contains(says), "the page does not say {says}: {zh}");
    }
    let en = server.get("/backtest?lang=en").await.text().await.unwrap();
    assert!(en.contains("70 forecasts, 60 of them inside the 80% band (86%)") && en.contains("lang=\"en\""));
    for page in [&zh, &en] {
        assert!(!page.contains("预言") && !page.contains("href=\"/") && !page.contains("<script"));
        assert!(!page.contains(" style=") && !page.contains("<style"), "the policy forbids it");
    }
    let folder = tempfile::tempdir().unwrap();
    let empty = serve(city::store(&Database::sqlite(&folder), None).await, Lang::En).await;
    let page = empty.get("/backtest").await.text().await.unwrap();
    assert!(page.contains("No backtest is stored yet") && page.contains("has come due yet"));
    assert_eq!(empty.get("/api/v1/backtests/latest").await.status(), 404);
}

#[tokio::test]
async fn names_from_outside_cannot_become_markup() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::sqlite(&folder);
    let store = city::store(&database, Some(&city::EN)).await;
    database.execute("UPDATE topics SET name = '<script>alert(1)</script>' WHERE id = 1").await;
    let page = serve(store, Lang::En).await.get("/").await.text().await.unwrap();
    assert!(page.contains("&lt;script&gt;alert(1)"));
    assert!(!page.contains("<script>alert(1)"));
}

#[tokio::test]
async fn every_answer_carries_the_policy_and_assets_are_kept_for_good() {
    let (server, _folder) = Server::of_a_city(Lang::En).await;
    for path in ["/", "/api/v1/status", "/metrics", "/nothing"] {
        let answer = server.get(path).await;
        assert!(
            answer.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'")
        );
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    }
    let page = server.get("/").await.text().await.unwrap();
    let assets: Vec<&str> = page.split('"').filter(|part| part.starts_with("assets/")).collect();
    assert_eq!(assets.len(), 4);
    for asset in assets {
        let answer = server.get_with(&format!("/{asset}"), &[("accept-encoding", "gzip")]).await;
        assert_eq!(answer.status(), 200, "{asset}");
        assert!(answer.headers()["cache-control"].to_str().unwrap().contains("immutable"));
        if asset.ends_with(".js") || asset.ends_with(".css") {
            assert_eq!(answer.headers()["content-encoding"], "gzip", "{asset}");
        }
    }
}

/// Whether a program can be run here.
pub(crate) fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success())
}

#[tokio::test]
async fn metrics_are_as_prometheus_wants_them() {
    let (server, _folder) = Server::of_a_city(Lang::Zh).await;
    let text = server.get("/metrics").await.text().await.unwrap();
    let names: Vec<&str> = text
        .lines()
        .filter_map(|l| l.strip_prefix("# HELP "))
        .map(|l| l.split(' ').next().unwrap())
        .collect();
    insta::assert_json_snapshot!("metrics", names);
    for line in [
        "weisu_store_up 1",
        // 00:30 UTC on the 9th is eight and a half hours after the midnight in Shanghai that ended the 8th.
        "weisu_data_age_seconds 30600",
        "weisu_alerts_open{kind=\"spike\",severity=\"critical\"} 1",
        "weisu_outbox_pending 1",
        "weisu_outbox_dead 1",
        "weisu_series{model=\"mstl\"} 30",
    ] {
        assert!(text.lines().any(|l| l == line), "no {line} in\n{text}");
    }
    if !has("promtool") {
        eprintln!("skipped: no promtool here");
        return;
    }
    let mut check = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut check.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let out = check.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    assert!(out.status.success() && said.is_empty(), "{said}");
}

/// Ends a program that the test started.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_scrapes_us() {
    if !has("prometheus") {
        eprintln!("skipped: no prometheus here");
        return;
    }
    let (server, folder) = Server::of_a_city(Lang::En).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let rules = crate::support::root().join("dashboards/prometheus/weisu.rules.yml");
    let config = format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{}]\n\
         scrape_configs:\n  - job_name: weisu\n    static_configs: [{{ targets: ['{}'] }}]\n",
        rules.display(),
        server.at
    );
    let file = folder.path().join("prometheus.yml");
    std::fs::write(&file, config).unwrap();
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("tsdb").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--log.level=error")
        .spawn()
        .unwrap();
    let _running = Running(child);
    let ask = async |query: &str| {
        let url = format!("http://127.0.0.1:{port}/api/v1/query?query={query}");
        let answer = crate::support::server::client().get(url).send().await.ok()?.text().await.ok()?;
        let answer: Value = serde_json::from_str(&answer).ok()?;
        answer.pointer("/data/result/0/value/1")?.as_str().map(str::to_owned)
    };
    let mut up = None;
    for _ in 0..60 {
        up = ask("up").await;
        if up.as_deref() == Some("1") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    assert_eq!(up.as_deref(), Some("1"), "Prometheus could not scrape us");
    assert_eq!(ask("weisu_outbox_dead").await.as_deref(), Some("1"));
    let samples: f64 = ask("scrape_samples_scraped").await.unwrap().parse().unwrap();
    assert!(samples < 400.0, "{samples} samples: labels explode");
}

#[test]
fn the_rules_do_what_their_tests_say() {
    if !has("promtool") {
        eprintln!("skipped: no promtool here");
        return;
    }
    let folder = crate::support::root().join("dashboards/prometheus");
    let out = Command::new("promtool")
        .args(["test", "rules", "weisu.rules.test.yml"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    // Every metric a rule names is one that we have.
    let rules = std::fs::read_to_string(folder.join("weisu.rules.yml")).unwrap();
    let known = weisu::metrics::Metrics::new().unwrap();
    known.run("fit", "failed", 1.0);
    known.rejected("no_topic", 1);
    let text = known.text().unwrap();
    let named = rules.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| w.starts_with("weisu_"));
    for name in named {
        let gauge_with_labels = ["weisu_forecast_coverage_ratio"].contains(&name);
        assert!(gauge_with_labels || text.contains(name), "a rule names {name}, which is not a metric");
    }
}
