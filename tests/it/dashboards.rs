//! The Grafana boards: the committed files are the generated ones, keep the conventions, and every query runs.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sqlx::{Column, Connection, PgConnection, Row};
use weisu::dashboards::files;

use crate::support::{city, for_each_database, root};

const BOARDS: [&str; 2] = ["weisu-overview.zh.json", "weisu-overview.en.json"];

fn boards() -> Vec<Value> {
    let files = files("UTC").unwrap();
    BOARDS.iter().map(|name| serde_json::from_str(&files[*name]).unwrap()).collect()
}

/// Panels that ask something.
fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    board["panels"].as_array().unwrap().iter().filter(|p| p["type"] != "row")
}

#[test]
fn the_committed_boards_are_the_generated_ones() {
    for (name, text) in files("UTC").unwrap() {
        let path = root().join("dashboards/grafana").join(&name);
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "{name} is not up to date: run `cargo run --release -- dashboards`");
    }
}

#[test]
fn a_board_of_another_zone_names_it_everywhere() {
    let files = files("Asia/Shanghai").unwrap();
    for name in BOARDS {
        assert!(!files[name].contains("'ZONE'") && !files[name].contains("'UTC'"));
        assert!(files[name].contains("AT TIME ZONE 'Asia/Shanghai'"));
        assert!(files[name].contains("\"timezone\": \"Asia/Shanghai\""));
    }
}

/// What is wrong with a board by the conventions.
fn lint(board: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let text = board.to_string();
    for key in ["apiVersion", "kind\":\"Dashboard", "\"elements\"", "__inputs", "http://", "https://"] {
        if text.contains(key) {
            wrong.push(format!("holds {key}"));
        }
    }
    if board["editable"] != false || !board["id"].is_null() || board["graphTooltip"] != 1 {
        wrong.push("editable, with an id, or without a shared tooltip".to_owned());
    }
    if !board["time"]["to"].as_str().is_some_and(|to| to.starts_with("now+")) {
        wrong.push("its range does not reach the future".to_owned());
    }
    let uid = board["uid"].as_str().unwrap_or_default();
    if uid.is_empty() || uid.len() > 40 {
        wrong.push(format!("uid {uid:?}"));
    }
    wrong.extend(places(board));
    for panel in panels(board) {
        let title = panel["title"].as_str().unwrap_or_default();
        wrong.extend(lint_panel(panel).into_iter().map(|w| format!("{title}: {w}")));
    }
    for source in board.pointer("/templating/list").into_iter().flat_map(|l| l.as_array().unwrap()) {
        let query = source["type"] == "query";
        if query && (source["refresh"] != 2 || source["datasource"]["uid"] != "${datasource}") {
            wrong.push(format!("variable {}", source["name"]));
        }
    }
    wrong
}

/// Overlaps, cells outside the 24 columns, ids used twice.
fn places(board: &Value) -> Vec<String> {
    let (mut taken, mut ids, mut wrong) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for panel in board["panels"].as_array().unwrap() {
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        if at("x") + at("w") > 24 {
            wrong.push(format!("{} is too wide", panel["title"]));
        }
        let cells =
            (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y)));
        if cells.filter(|cell| !taken.insert(*cell)).count() > 0 {
            wrong.push(format!("{} lies on another panel", panel["title"]));
        }
        if !ids.insert(panel["id"].as_u64()) {
            wrong.push(format!("{} has the id of another panel", panel["title"]));
        }
    }
    wrong
}

fn lint_panel(panel: &Value) -> Vec<String> {
    const UNITS: [&str; 5] = ["none", "percentunit", "s", "dateTimeAsIso", "time:YYYY-MM-DD"];
    let mut wrong = Vec::new();
    for key in ["title", "description"] {
        if panel[key].as_str().is_none_or(str::is_empty) {
            wrong.push(format!("no {key}"));
        }
    }
    let targets = panel["targets"].as_array().cloned().unwrap_or_default();
    if targets.is_empty() {
        wrong.push("asks nothing".to_owned());
    }
    if targets.iter().chain([panel]).any(|t| t["datasource"]["uid"] != "${datasource}") {
        wrong.push("not on the variable data source".to_owned());
    }
    let defaults = &panel["fieldConfig"]["defaults"];
    if defaults["noValue"].as_str().is_none_or(str::is_empty) {
        wrong.push("does not say what no data means".to_owned());
    }
    let mut units = vec![&defaults["unit"]];
    for o in panel["fieldConfig"]["overrides"].as_array().unwrap() {
        units.extend(
            o["properties"].as_array().unwrap().iter().filter(|p| p["id"] == "unit").map(|p| &p["value"]),
        );
    }
    wrong.extend(
        units
            .iter()
            .filter(|u| !UNITS.contains(&u.as_str().unwrap_or_default()))
            .map(|u| format!("unit {u}")),
    );
    let text = panel.to_string();
    if text.contains("\"color\":\"#") || text.contains("fixedColor\":\"#") {
        wrong.push("a colour by number does not follow the theme".to_owned());
    }
    for sql in targets.iter().filter_map(|t| t["rawSql"].as_str()) {
        wrong
            .extend(macros(sql).into_iter().filter(|m| m.contains('(')).map(|m| format!("nested macro {m}")));
    }
    wrong
}

/// Arguments of `$__timeFilter(…)`.
fn macros(sql: &str) -> Vec<&str> {
    sql.split("$__timeFilter(").skip(1).map(|rest| rest.split(')').next().unwrap()).collect()
}

#[test]
fn the_boards_keep_the_conventions() {
    for board in boards() {
        assert_eq!(lint(&board), Vec::<String>::new());
    }
}

#[test]
fn the_lint_finds_what_it_is_for() {
    let breaks: [(&str, &str, Value); 6] = [
        ("/panels/1/gridPos/x", "lies on", 3.into()),
        ("/panels/1/fieldConfig/defaults/unit", "unit", "shrot".into()),
        ("/panels/1/description", "no description", "".into()),
        ("/panels/2/id", "has the id", 2.into()),
        ("/time/to", "future", "now".into()),
        (
            "/panels/7/targets/0/rawSql",
            "nested macro",
            "SELECT 1 WHERE $__timeFilter(date_trunc('day', x))".into(),
        ),
    ];
    for (pointer, says, value) in breaks {
        let mut board = boards().remove(0);
        *board.pointer_mut(pointer).unwrap() = value;
        assert!(lint(&board).iter().any(|w| w.contains(says)), "{pointer}: {:?}", lint(&board));
    }
}

/// Everything but words is the same in both languages, and uids differ.
#[test]
fn both_languages_show_the_same_panels() {
    let [zh, en] = <[Value; 2]>::try_from(boards()).unwrap();
    assert_ne!(zh["uid"], en["uid"]);
    let shape = |board: &Value| {
        let shape =
            |p: &Value| (p["id"].clone(), p["type"].clone(), p["gridPos"].clone(), p["targets"].clone());
        panels(board).map(shape).collect::<Vec<_>>()
    };
    assert_eq!(shape(&zh), shape(&en));
    for (a, b) in panels(&zh).zip(panels(&en)) {
        assert_ne!(a["description"], b["description"], "{}", a["title"]);
    }
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
    sql.replace("$basis", "raw").replace("$topic", "1").replace("$district", "3")
}

/// Queries of a board by what they are for, with the columns that settings name.
fn queries(board: &Value) -> BTreeMap<String, (String, Vec<String>)> {
    let mut found = BTreeMap::new();
    for panel in panels(board) {
        for target in panel["targets"].as_array().unwrap() {
            let key = format!("{} {}", panel["title"], target["refId"]);
            found.insert(key, (target["rawSql"].as_str().unwrap().to_owned(), Vec::new()));
        }
    }
    for variable in board["templating"]["list"].as_array().unwrap().iter().filter(|v| v["type"] == "query") {
        let columns = vec!["__text".to_owned(), "__value".to_owned()];
        let sql = variable["query"].as_str().unwrap().to_owned();
        found.insert(format!("variable {}", variable["name"]), (sql, columns));
    }
    for annotation in
        board["annotations"]["list"].as_array().unwrap().iter().filter(|a| a["target"].is_object())
    {
        let columns = ["time", "text", "tags"].map(str::to_owned).to_vec();
        let sql = annotation["target"]["rawSql"].as_str().unwrap().to_owned();
        found.insert(format!("annotation {}", annotation["name"]), (sql, columns));
    }
    found
}

/// Columns that a panel's settings name.
fn named(panel: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for o in panel["fieldConfig"]["overrides"].as_array().unwrap() {
        names.insert(o["matcher"]["options"].as_str().unwrap().to_owned());
        let below = o["properties"].as_array().unwrap().iter().filter(|p| p["id"] == "custom.fillBelowTo");
        names.extend(below.map(|p| p["value"].as_str().unwrap().to_owned()));
    }
    if let Some(field) = panel.pointer("/options/reduceOptions/fields").and_then(Value::as_str) {
        names.insert(field.trim_matches(['/', '^', '$']).to_owned());
    }
    names
}

#[tokio::test]
async fn every_query_of_every_board_answers_on_postgresql() {
    for_each_database(|database| async move {
        if database.url.starts_with("sqlite") {
            return;
        }
        city::store(&database, Some(&city::ZH)).await.close().await;
        let mut c = PgConnection::connect(&database.url).await.unwrap();
        for board in boards() {
            let mut columns: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (what, (sql, wanted)) in queries(&board) {
                // The fixture stands in November 2026: what counts from today on must count from there.
                let sql = expand(&sql).replace("CURRENT_DATE", "DATE '2026-11-09'");
                let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone())).fetch_all(&mut c).await;
                let rows = rows.unwrap_or_else(|e| panic!("{what}: {e}\n{sql}"));
                assert!(!rows.is_empty(), "{what} answers nothing\n{sql}");
                let have: BTreeSet<String> = rows[0].columns().iter().map(|c| c.name().to_owned()).collect();
                assert!(wanted.iter().all(|w| have.contains(w)), "{what} lacks one of {wanted:?}");
                let panel = what.rsplit_once(' ').unwrap().0.to_owned();
                columns.entry(panel).or_default().extend(have);
            }
            for panel in panels(&board) {
                let have = &columns[&panel["title"].to_string()];
                let missing: Vec<String> = named(panel).into_iter().filter(|n| !have.contains(n)).collect();
                assert!(
                    missing.is_empty(),
                    "{}: settings for columns {missing:?} that no query has",
                    panel["title"]
                );
            }
        }
        c.close().await.unwrap();
    })
    .await;
}

/// A role that may read the views can read nothing else.
#[tokio::test]
async fn a_reading_role_sees_the_views_and_no_table() {
    for_each_database(|database| async move {
        if database.url.starts_with("sqlite") {
            return;
        }
        city::store(&database, Some(&city::EN)).await.close().await;
        let role = format!("reader_{}", std::process::id());
        database
            .execute(format!(
                "CREATE ROLE {role}; GRANT USAGE ON SCHEMA grafana TO {role}; \
                 GRANT SELECT ON ALL TABLES IN SCHEMA grafana TO {role};"
            ))
            .await;
        let mut c = PgConnection::connect(&database.url).await.unwrap();
        let ask = async |c: &mut PgConnection, sql: &str| {
            let sql = format!("BEGIN; SET LOCAL ROLE {role}; {sql}; COMMIT;");
            let asked = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *c).await;
            sqlx::raw_sql("ROLLBACK").execute(&mut *c).await.unwrap();
            asked.is_ok()
        };
        assert!(ask(&mut c, "SELECT * FROM grafana.v_forecast LIMIT 1").await);
        assert!(!ask(&mut c, "SELECT * FROM public.tickets LIMIT 1").await, "a reader must not see tickets");
        database.execute(format!("DROP OWNED BY {role}; DROP ROLE {role};")).await;
        c.close().await.unwrap();
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
