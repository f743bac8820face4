//! Every query of every board for real: in SQL on a PostgreSQL, in PromQL through `promtool` on a running server.
//!
//! Panels, variables and annotations must answer rows, with every column or series that their settings name.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sqlx::{Column, Connection, PgConnection, Row};
use weisu::{
    config::Lang,
    store::alarms::{Kind, Severity},
};

use crate::{
    dashboards::{boards, macros, panels},
    prom::{has, promtool},
    support::{Database, city, for_each_database, server::Server},
};

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Columns or series that a panel's settings name.
fn named(panel: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for over in list(panel, "/fieldConfig/overrides") {
        names.insert(text(over, "/matcher/options").to_owned());
        let below = list(over, "/properties").filter(|p| p["id"] == "custom.fillBelowTo");
        names.extend(below.map(|p| text(p, "/value").to_owned()));
    }
    let field = text(panel, "/options/reduceOptions/fields").trim_matches(['/', '^', '$']);
    names.extend((!field.is_empty()).then(|| field.to_owned()));
    names
}

/// What settings name and no query has.
fn missing(panel: &Value, have: &BTreeSet<String>) -> Vec<String> {
    let missing: Vec<String> = named(panel).difference(have).cloned().collect();
    if missing.is_empty() {
        return Vec::new();
    }
    vec![format!("{}: settings for {missing:?}, but there is only {have:?}", panel["title"])]
}

/// Expands macros and variables as Grafana's engine does, with the range around the fixture's last day.
fn expand(sql: &str) -> String {
    let mut sql = sql.to_owned();
    let (from, to) = ("2026-09-01T00:00:00Z", "2027-02-01T00:00:00Z");
    for argument in macros(&sql.clone()) {
        sql = sql.replace(
            &format!("$__timeFilter({argument})"),
            &format!("{argument} BETWEEN '{from}' AND '{to}'"),
        );
    }
    // The fixture stands in November 2026: what counts from today on must count from there.
    let sql = sql.replace("$basis", "raw").replace("$topic", "1").replace("$district", "3");
    sql.replace("CURRENT_DATE", "DATE '2026-11-09'")
}

/// The columns of a query's first row, or what is wrong with it.
async fn columns(c: &mut PgConnection, what: &Value, sql: &str) -> Result<BTreeSet<String>, String> {
    let sql = expand(sql);
    let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone())).fetch_all(c).await;
    let rows = rows.map_err(|e| format!("{what}: {e}\n{sql}"))?;
    let first = rows.first().ok_or_else(|| format!("{what} answers nothing\n{sql}"))?;
    Ok(first.columns().iter().map(|c| c.name().to_owned()).collect())
}

/// What is wrong with a board's queries on PostgreSQL.
async fn wrong_in_sql(c: &mut PgConnection, board: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for panel in panels(board) {
        let mut have = BTreeSet::new();
        for target in list(panel, "/targets") {
            match columns(c, &panel["title"], text(target, "/rawSql")).await {
                Ok(found) => have.extend(found),
                Err(error) => wrong.push(error),
            }
        }
        wrong.extend(missing(panel, &have));
    }
    let variables = list(board, "/templating/list").filter(|v| v["type"] == "query");
    let variables = variables.map(|v| (&v["name"], text(v, "/query"), ["__text", "__value"].as_slice()));
    let marks = list(board, "/annotations/list").filter(|a| a["target"].is_object());
    let marks = marks.map(|a| (&a["name"], text(a, "/target/rawSql"), ["time", "text", "tags"].as_slice()));
    for (what, sql, wanted) in variables.chain(marks) {
        match columns(c, what, sql).await {
            Ok(have) if wanted.iter().all(|w| have.contains(*w)) => {}
            Ok(have) => wrong.push(format!("{what} lacks one of {wanted:?}: {have:?}")),
            Err(error) => wrong.push(error),
        }
    }
    wrong
}

async fn on_postgresql<F, Fut>(test: F)
where
    F: Fn(Database) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    for_each_database(move |database| {
        let test = test.clone();
        async move {
            if database.url.starts_with("postgres") {
                test(database).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn every_query_of_every_board_answers_on_postgresql() {
    on_postgresql(|database| async move {
        city::store(&database, Some(&city::ZH)).await.close().await;
        let mut c = PgConnection::connect(&database.url).await.unwrap();
        for board in boards("", "zh") {
            let wrong = wrong_in_sql(&mut c, &board).await;
            assert!(wrong.is_empty(), "{}:\n{}", board["title"], wrong.join("\n"));
        }
        // A column under another name, or an edge of a band that is not there, is found.
        let overview = boards("", "zh").remove(0).to_string();
        for (from, to) in
            [("data_age_days FROM", "data_age_days AS age FROM"), ("\"value\":\"q10\"", "\"value\":\"q1O\"")]
        {
            let broken: Value = serde_json::from_str(&overview.replace(from, to)).unwrap();
            let wrong = wrong_in_sql(&mut c, &broken).await;
            assert_eq!(wrong.len(), 1, "{from}: {wrong:?}");
        }
        c.close().await.unwrap();
    })
    .await;
}

/// The words of the other language change no query but for the names of the whole.
#[tokio::test]
async fn the_english_boards_answer_too() {
    on_postgresql(|database| async move {
        city::store(&database, Some(&city::EN)).await.close().await;
        let mut c = PgConnection::connect(&database.url).await.unwrap();
        for board in boards("", "en") {
            assert_eq!(wrong_in_sql(&mut c, &board).await, Vec::<String>::new(), "{}", board["title"]);
        }
        c.close().await.unwrap();
    })
    .await;
}

/// Variables as Grafana fills them in.
fn fill(expr: &str) -> String {
    expr.replace("$topic", "供热采暖").replace("$district", "朝阳区").replace("$basis", "raw")
}

/// Label sets of what an expression answers, through `promtool`.
async fn ask(server: &Server, expr: &str, instant: bool) -> Result<Vec<BTreeMap<String, String>>, String> {
    let expr = fill(expr);
    let said = if instant {
        promtool(server, "instant", &["--format=json", "--time=2026-11-09T00:30:00Z", &expr]).await
    } else {
        let range = ["--start=2026-09-01T00:00:00Z", "--end=2027-02-01T00:00:00Z", "--step=24h"];
        promtool(server, "range", &[["--format=json"].as_slice(), &range, &[&expr]].concat()).await
    };
    let found: Value =
        said.and_then(|json| serde_json::from_str(&json).map_err(|e| format!("{e}: {json}")))?;
    let found: Vec<BTreeMap<String, String>> = found
        .as_array()
        .into_iter()
        .flatten()
        .map(|series| serde_json::from_value(series["metric"].clone()).unwrap())
        .collect();
    if found.is_empty() { Err(format!("{expr} answers nothing")) } else { Ok(found) }
}

/// The names that Grafana gives to what a target answers.
fn given(panel: &Value, target: &Value, found: &[BTreeMap<String, String>]) -> BTreeSet<String> {
    if target["format"] != "table" {
        let legend = text(target, "/legendFormat");
        let label = legend.strip_prefix("{{").and_then(|l| l.strip_suffix("}}"));
        let name = |labels: &BTreeMap<String, String>| match label {
            Some(label) => labels.get(label).cloned().unwrap_or_default(),
            None => legend.to_owned(),
        };
        return found.iter().map(name).collect();
    }
    let alone = list(panel, "/targets").count() == 1;
    let value = if alone { "Value".to_owned() } else { format!("Value #{}", text(target, "/refId")) };
    let organize = list(panel, "/transformations").find(|t| t["id"] == "organize").unwrap();
    let renamed = |field: &str| {
        let to = organize["options"]["renameByName"][field].as_str();
        to.unwrap_or(field).to_owned()
    };
    let labels = found.iter().flat_map(BTreeMap::keys).map(|label| renamed(label));
    labels.chain([renamed(&value)]).collect()
}

async fn wrong_in_promql(server: &Server, board: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    // Bars by kind and severity are named for all there are, whatever was raised.
    let kinds = Kind::ALL.map(Kind::name).into_iter().chain(Severity::ALL.map(Severity::name));
    let kinds: BTreeSet<String> = kinds.map(str::to_owned).collect();
    for panel in panels(board) {
        let mut have = BTreeSet::new();
        for target in list(panel, "/targets") {
            match ask(server, text(target, "/expr"), target["instant"] == true).await {
                Ok(found) => have.extend(given(panel, target, &found)),
                Err(error) => wrong.push(format!("{} {}: {error}", panel["title"], target["refId"])),
            }
        }
        if !have.is_disjoint(&kinds) {
            have.extend(kinds.clone());
        }
        wrong.extend(missing(panel, &have));
    }
    for mark in list(board, "/annotations/list").filter(|a| a["expr"].is_string()) {
        wrong.extend(ask(server, text(mark, "/expr"), false).await.err());
    }
    for variable in list(board, "/templating/list").filter(|v| v["type"] == "query") {
        let query = text(variable, "/query/query");
        let inner = query.strip_prefix("label_values(").and_then(|q| q.strip_suffix(")"));
        let (selector, label) = inner.and_then(|q| q.rsplit_once(", ")).unwrap();
        let values = promtool(server, "labels", &[&format!("--match={selector}"), label]).await;
        if !values.as_ref().is_ok_and(|v| v.lines().count() >= 4) {
            wrong.push(format!("variable {}: {values:?}", variable["name"]));
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_every_board_answers_without_postgresql() {
    if !has("promtool") {
        println!("skipped: promtool is not installed; tests/run installs it");
        return;
    }
    let (server, _folder) = Server::of_a_city(Lang::Zh).await;
    for board in boards("-prom", "zh") {
        let wrong = wrong_in_promql(&server, &board).await;
        assert!(wrong.is_empty(), "{}:\n{}", board["title"], wrong.join("\n"));
    }
    // A column under another name, and a metric that is none, are found.
    let operations = boards("-prom", "zh").pop().unwrap().to_string();
    for (from, to) in [
        ("\"Value #A\":\"delivered\"", "\"Value #A\":\"sent\""),
        ("weisu_rejected_rows)", "weisu_reject_rows)"),
    ] {
        let broken: Value = serde_json::from_str(&operations.replace(from, to)).unwrap();
        assert_eq!(wrong_in_promql(&server, &broken).await.len(), 1, "{from}");
    }
}

/// The role of reader.sql sees the views and no table, and cannot write.
#[tokio::test]
async fn the_reading_role_sees_the_views_and_no_table() {
    on_postgresql(|database| async move {
        city::store(&database, Some(&city::EN)).await.close().await;
        let role = format!("reader_{}", std::process::id());
        let script = weisu::dashboards::files("UTC").unwrap()["reader.sql"].clone();
        let script = script.replace("weisu_reader", &role).replace(":'password'", "'for a test'");
        database.execute(script).await;
        let options: sqlx::postgres::PgConnectOptions = database.url.parse().unwrap();
        let mut c =
            PgConnection::connect_with(&options.username(&role).password("for a test")).await.unwrap();
        let ask = async |c: &mut PgConnection, sql: &'static str| {
            sqlx::raw_sql(sql).execute(c).await.map_err(|e| e.to_string())
        };
        for view in [
            "v_forecast",
            "v_calendar",
            "v_season",
            "v_alarm",
            "v_delivery",
            "v_reject",
            "v_health",
            "v_month",
        ] {
            let sql = sqlx::AssertSqlSafe(format!("SELECT * FROM grafana.{view} LIMIT 1"));
            sqlx::raw_sql(sql).execute(&mut c).await.unwrap_or_else(|e| panic!("{view}: {e}"));
        }
        for table in ["SELECT * FROM public.tickets LIMIT 1", "SELECT body FROM public.deliveries LIMIT 1"] {
            assert!(ask(&mut c, table).await.unwrap_err().contains("permission denied"), "{table}");
        }
        let wrote = ask(&mut c, "CREATE TABLE public.mine (a INTEGER)").await.unwrap_err();
        assert!(wrote.contains("read-only"), "{wrote}");
        let (limit,): (String,) = sqlx::query_as("SHOW statement_timeout").fetch_one(&mut c).await.unwrap();
        assert_eq!(limit, "30s");
        c.close().await.unwrap();
        database.execute(format!("DROP OWNED BY {role}; DROP ROLE {role};")).await;
    })
    .await;
}

/// The views agree with what the API says.
#[tokio::test]
async fn the_views_add_up() {
    for_each_database(|database| async move {
        if database.url.starts_with("sqlite") {
            return;
        }
        let store = city::store(&database, Some(&city::EN)).await;
        let mut c = PgConnection::connect(&database.url).await.unwrap();
        let day = weisu::ticket::Day::from(city::origin());
        for at in [(0, 0), (1, 0), (0, 3), (6, 2)] {
            let daily = store.daily(at, weisu::ticket::Basis::Raw, day.plus(-9), day).await.unwrap();
            let (n,): (i64,) = sqlx::query_as(
                "SELECT CAST(SUM(n) AS BIGINT) FROM grafana.v_actual \
                 WHERE basis = 'raw' AND topic_id = $1 AND district_id = $2 AND day BETWEEN $3::date AND $4::date",
            )
            .bind(at.0)
            .bind(at.1)
            .bind(day.plus(-9).to_string())
            .bind(day.to_string())
            .fetch_one(&mut c)
            .await
            .unwrap();
            assert_eq!(n, daily.iter().map(|d| d.n).sum::<i64>(), "{at:?}");
        }
        let ledger: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT COUNT(*), COUNT(*) FILTER (WHERE inside_80) FROM grafana.v_ledger \
             WHERE basis = 'raw' AND topic_depth + district_depth = 0",
        )
        .fetch_all(&mut c)
        .await
        .unwrap();
        // Origins 28, 21, 14 and 7 days back, each scored to the last day.
        assert_eq!(ledger[0].0, 28 + 21 + 14 + 7);
        c.close().await.unwrap();
        store.close().await;
    })
    .await;
}
