//! The Prometheus query API on a running server, asked by a plain client and by `promtool`.
use std::process::Command;

use serde_json::Value;
use weisu::config::Lang;

use crate::support::{
    city, for_each_database,
    server::{Server, client, serve},
};

/// Whether a program can be run.
pub fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// What `promtool query` says, when it ends well.
pub async fn promtool(server: &Server, kind: &str, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new("promtool");
    command.args(["query", kind]);
    let (flags, rest): (Vec<&str>, Vec<&str>) = args.iter().partition(|a| a.starts_with("--"));
    let url = server.url("/prom");
    let all = flags.into_iter().chain([url.as_str()]).chain(rest);
    let out = command.args(all).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if out.status.success() { Ok(text(out.stdout)) } else { Err(text(out.stderr)) }
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

async fn instant(server: &Server, query: &str, time: &str) -> Value {
    server.json(&format!("/prom/api/v1/query?query={}&time={}", escaped(query), escaped(time))).await
}

/// The only value of an instant query.
async fn value(server: &Server, query: &str, time: &str) -> f64 {
    let answer = instant(server, query, time).await;
    let result = answer["data"]["result"].as_array().unwrap();
    assert_eq!(result.len(), 1, "{query}: {answer}");
    result[0]["value"][1].as_str().unwrap().parse().unwrap()
}

/// Noon of a day in the fixture's zone.
fn noon(day: &str) -> String {
    format!("{day}T12:00:00+08:00")
}

#[tokio::test]
async fn grafana_s_health_check_is_answered() {
    let (server, _folder) = Server::of_a_city(Lang::En).await;
    let answer = server.json("/prom/api/v1/query?query=1%2B1&time=4").await;
    let wanted = serde_json::json!({
        "status": "success", "data": { "resultType": "scalar", "result": [4, "2"] }
    });
    assert_eq!(answer, wanted);
    let info = server.json("/prom/api/v1/status/buildinfo").await;
    assert!(info["data"]["version"].as_str().unwrap().starts_with("2."));
}

#[tokio::test]
async fn days_months_and_what_is_to_come_are_what_the_store_says() {
    for_each_database(|database| async move {
        let store = city::store(&database, Some(&city::EN)).await;
        let server = serve(store.clone(), Lang::En).await;
        let day = weisu::ticket::Day::from(city::origin());
        let counted = store.daily((6, 3), weisu::ticket::Basis::Raw, day, day).await.unwrap()[0].n as f64;
        let one = "{topic=\"Streets / Noise\",district=\"Northgate\",basis=\"raw\"}";
        assert_eq!(value(&server, &format!("weisu_tickets{one}"), &noon("2026-11-08")).await, counted);
        // A day is from local midnight to local midnight.
        let at = |time: &'static str| {
            instant(&server, "weisu_tickets{topic=\"all\",district=\"all\",basis=\"raw\"}", time)
        };
        let first = at("2026-11-08T00:00:00+08:00").await;
        assert_eq!(
            first["data"]["result"][0]["value"][1],
            at("2026-11-08T23:59:59+08:00").await["data"]["result"][0]["value"][1]
        );
        assert!(
            at("2026-11-09T00:00:00+08:00").await["data"]["result"].as_array().unwrap().is_empty(),
            "not closed yet"
        );
        // The sum over districts is the city, at every level of topics.
        let sum = value(
            &server,
            "sum(weisu_tickets{topic=\"all\",district_level=\"1\",basis=\"raw\"})",
            &noon("2026-11-08"),
        )
        .await;
        let whole = value(
            &server,
            "weisu_tickets{topic=\"all\",district=\"all\",basis=\"raw\"}",
            &noon("2026-11-08"),
        )
        .await;
        let deep = value(
            &server,
            "sum(weisu_tickets{topic_level=\"2\",district=\"all\",basis=\"raw\"})",
            &noon("2026-11-08"),
        )
        .await;
        assert_eq!((sum, deep), (whole, whole));
        // The newest forecast, ahead of now.
        let run = store.last_run("forecast", weisu::store::RunStatus::Ok).await.unwrap().unwrap().id;
        let points = store
            .forecast_of(run, (0, 0), weisu::ticket::Basis::Raw, weisu::store::Grain::Day)
            .await
            .unwrap();
        for (band, wanted) in [("mean", points[29].mean), ("q025", points[29].q025), ("q90", points[29].q90)]
        {
            let query =
                format!("weisu_forecast{{topic=\"all\",district=\"all\",basis=\"raw\",band=\"{band}\"}}");
            assert_eq!(value(&server, &query, &noon("2026-12-08")).await, wanted, "{band}");
        }
        let months = store
            .forecast_of(run, (1, 0), weisu::ticket::Basis::Dedup, weisu::store::Grain::Month)
            .await
            .unwrap();
        let query = "weisu_forecast_month{topic=\"Heating\",district=\"all\",basis=\"dedup\",band=\"q10\"}";
        assert_eq!(value(&server, query, &noon("2026-12-31")).await, months[0].q10);
        // Last year: 52 weeks back, by day; by month the calendar month, scaled to its known days.
        let day = |n: i32| weisu::ticket::Day::from(city::origin()).plus(n);
        let back = store.daily((0, 0), weisu::ticket::Basis::Raw, day(10 - 364), day(10 - 364)).await.unwrap()
            [0]
        .n as f64;
        assert_eq!(
            value(
                &server,
                "weisu_last_year{topic=\"all\",district=\"all\",basis=\"raw\"}",
                &noon("2026-11-18")
            )
            .await,
            back
        );
        let december: i64 = store
            .daily(
                (0, 0),
                weisu::ticket::Basis::Raw,
                "2025-12-01".parse::<chrono::NaiveDate>().unwrap().into(),
                "2025-12-31".parse::<chrono::NaiveDate>().unwrap().into(),
            )
            .await
            .unwrap()
            .iter()
            .map(|d| d.n)
            .sum();
        let month = value(
            &server,
            "weisu_last_year_month{topic=\"all\",district=\"all\",basis=\"raw\"}",
            &noon("2026-12-15"),
        )
        .await;
        assert_eq!(month, december as f64);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn ranges_are_on_steps_and_gaps_stay_gaps() {
    let (server, _folder) = Server::of_a_city(Lang::En).await;
    // Days 300 and 301 of 800 are a gap of the source.
    let gap = city::origin() - chrono::Days::new(800 - 1 - 300);
    let url = format!(
        "/prom/api/v1/query_range?query={}&start={}T12:00:00Z&end={}T12:00:00Z&step=1d",
        escaped("weisu_tickets{topic=\"all\",district=\"all\",basis=\"raw\"}"),
        gap - chrono::Days::new(2),
        gap + chrono::Days::new(3)
    );
    let answer = server.json(&url).await;
    let values = answer["data"]["result"][0]["values"].as_array().unwrap();
    let seconds: Vec<i64> = values.iter().map(|v| v[0].as_i64().unwrap() / 86_400).collect();
    let first = weisu::ticket::Day::from(gap).0 as i64;
    assert_eq!(seconds, [first - 2, first - 1, first + 2, first + 3]);
}

#[tokio::test]
async fn a_form_is_answered_like_an_address() {
    let (server, _folder) = Server::of_a_city(Lang::Zh).await;
    let query =
        "sum by (topic) (weisu_forecast{topic_level=\"1\",district=\"朝阳区\",basis=\"raw\",band=\"mean\"})";
    let asked = server
        .json(&format!(
            "/prom/api/v1/query_range?query={}&start=1795000000&end=1796000000&step=86400",
            escaped(query)
        ))
        .await;
    let posted = client()
        .post(server.url("/prom/api/v1/query_range"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("query={}&start=1795000000&end=1796000000&step=86400", escaped(query)))
        .send()
        .await
        .unwrap();
    assert_eq!(posted.status(), 200);
    let posted: Value = serde_json::from_str(&posted.text().await.unwrap()).unwrap();
    assert_eq!(posted, asked);
    assert_eq!(asked["data"]["result"].as_array().unwrap().len(), 2);
    assert_eq!(asked["data"]["result"][0]["values"].as_array().unwrap().len(), 12);
}

#[tokio::test]
async fn errors_are_prometheus_errors_and_never_ours() {
    let (server, _folder) = Server::of_a_city(Lang::En).await;
    let long = format!("/prom/api/v1/query?query={}", escaped(&"(".repeat(3000)));
    for (path, status, kind, says) in [
        ("/prom/api/v1/query?query=rate(weisu_tickets[5m])", 422, "bad_data", "the function rate"),
        ("/prom/api/v1/query?query=sum(", 400, "bad_data", "invalid parameter"),
        ("/prom/api/v1/query", 400, "bad_data", "missing"),
        ("/prom/api/v1/query?query=1&time=tomorrow", 400, "bad_data", "valid timestamp"),
        ("/prom/api/v1/query?query=1&time=NaN", 400, "bad_data", "valid timestamp"),
        ("/prom/api/v1/query?query=%7Btopic%3D~%22.*%22%7D", 400, "bad_data", "non-empty matcher"),
        ("/prom/api/v1/query_range?query=1&start=0&end=100000&step=1", 400, "bad_data", "11,000 points"),
        ("/prom/api/v1/query_range?query=1&start=10&end=0&step=1", 400, "bad_data", "before start"),
        ("/prom/api/v1/query_range?query=1&start=0&end=10&step=0", 400, "bad_data", "zero or negative"),
        ("/prom/api/v1/query_range?query=1&start=0&end=10&step=x", 400, "bad_data", "valid duration"),
        ("/prom/api/v1/series", 400, "bad_data", "match[]"),
        ("/prom/api/v1/series?match[]=1%2B1", 400, "bad_data", "series selector"),
        ("/prom/api/v1/rules", 404, "not_found", "nothing"),
        ("/prom/api/v1/query?query=%FF", 400, "bad_data", ""),
        (&long, 400, "bad_data", "invalid parameter"),
        (
            "/prom/api/v1/query?query=weisu_last_year%2Bon(topic)weisu_forecast&time=1794200000",
            422,
            "execution",
            "duplicate series",
        ),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), status, "{path}");
        let body: Value =
            serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert_eq!((&body["status"], &body["errorType"]), (&"error".into(), &kind.into()), "{path}: {body}");
        assert!(body["error"].as_str().unwrap().contains(says), "{path}: {body}");
    }
    // Times at the ends of what can be written.
    for time in ["-253402300799", "253402300799", "0", "1e11"] {
        for query in [
            "weisu_tickets",
            "weisu_forecast_month offset 90y",
            "weisu_alert",
            "weisu_norm_month",
            "weisu_runs",
        ] {
            let answer =
                server.get(&format!("/prom/api/v1/query?query={}&time={time}", escaped(query))).await;
            assert!(answer.status().as_u16() < 500, "{query} at {time}: {}", answer.status());
        }
    }
}

#[tokio::test]
async fn no_words_break_the_server() {
    use rand::{RngExt, SeedableRng};
    let (server, _folder) = Server::of_a_city(Lang::En).await;
    let words = [
        "weisu_tickets",
        "weisu_forecast",
        "weisu_alert",
        "weisu_ledger_coverage",
        "{",
        "}",
        "topic",
        "band",
        "=",
        "!=",
        "=~",
        "!~",
        "\"all\"",
        "\".*\"",
        "\"(\"",
        "(",
        ")",
        "sum",
        "max",
        "topk",
        "by",
        "on",
        "offset",
        "1d",
        "-1y",
        "[5m]",
        "@",
        "1",
        "-",
        "+",
        "/",
        ">",
        "bool",
        "or",
        ",",
        "rate",
        "abs",
        "vector",
        "time()",
        "Inf",
        "NaN",
        "房",
        "\u{0}",
        "\"",
        "'",
        "`",
    ];
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(11);
    for _ in 0..400 {
        let n = rng.random_range(1..9);
        let query: Vec<&str> = (0..n).map(|_| words[rng.random_range(0..words.len())]).collect();
        let query = query.join(" ");
        let answer =
            server.get(&format!("/prom/api/v1/query?query={}&time=1794200000", escaped(&query))).await;
        let status = answer.status().as_u16();
        assert!([200, 400, 422].contains(&status), "{query:?}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_reads_us() {
    if !has("promtool") {
        println!("skipped: promtool is not installed; tests/run installs it");
        return;
    }
    let (server, _folder) = Server::of_a_city(Lang::Zh).await;
    assert!(promtool(&server, "instant", &["1+1", "--time=4"]).await.unwrap().starts_with("scalar: 2"));
    let query =
        "weisu_forecast{topic=\"供热采暖\",district=\"全\",band=\"q50\",basis=\"raw\"}".replace("全", "all");
    let range = promtool(
        &server,
        "range",
        &[&query, "--start=2026-11-01T00:00:00Z", "--end=2026-12-01T00:00:00Z", "--step=24h"],
    )
    .await
    .unwrap();
    // From the day after the last known one on.
    assert_eq!(range.lines().filter(|l| l.contains(" @[")).count(), 23, "{range}");
    let series =
        promtool(&server, "series", &["--match=weisu_tickets{topic_level=\"1\",district_level=\"0\"}"])
            .await
            .unwrap();
    assert_eq!(series.lines().count(), 4, "{series}");
    let labels = promtool(&server, "labels", &["topic"]).await.unwrap();
    assert!(labels.contains("供热采暖 / 室温不达标") && labels.contains("all"), "{labels}");
    let refused = promtool(&server, "instant", &["rate(weisu_tickets[1d])"]).await.unwrap_err();
    assert!(refused.contains("the function rate is not served here"), "{refused}");
}

#[tokio::test]
async fn every_metric_has_series_and_help() {
    let (server, _folder) = Server::of_a_city(Lang::En).await;
    let about = server.json("/prom/api/v1/metadata").await;
    let names = server.json("/prom/api/v1/label/__name__/values").await;
    let names: Vec<&str> = names["data"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
    assert!(names.len() > 25, "{names:?}");
    for name in names {
        assert!(about["data"][name][0]["help"].as_str().is_some_and(|h| h.ends_with('.')), "{name}");
        let from = server.json(&format!("/prom/api/v1/series?match[]={name}")).await;
        assert!(!from["data"].as_array().unwrap().is_empty(), "{name} has no series in the fixture");
    }
    let labels = server.json("/prom/api/v1/labels?match[]=weisu_forecast").await;
    let wanted = [
        "__name__",
        "band",
        "basis",
        "district",
        "district_id",
        "district_level",
        "topic",
        "topic_id",
        "topic_level",
    ];
    assert_eq!(labels["data"], serde_json::json!(wanted));
}
