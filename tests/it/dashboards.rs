//! The Grafana boards: the committed files are the generated ones and keep the conventions.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use serde_json::Value;
use weisu::dashboards::files;

use crate::support::root;

/// The boards, each in two languages and for two data sources.
const NAMES: [&str; 5] = ["overview", "calendar", "hotspots", "accuracy", "operations"];
const FLAVOURS: [&str; 2] = ["", "-prom"];

/// Every file, generated once.
static FILES: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| files("UTC").unwrap());

/// A board as it is generated.
pub fn board(name: &str, flavour: &str, language: &str) -> Value {
    let name = format!("weisu-{name}{flavour}.{language}.json");
    serde_json::from_str(&FILES[&name]).unwrap()
}

/// All boards of a data source in a language.
pub fn boards(flavour: &str, language: &str) -> Vec<Value> {
    NAMES.iter().map(|name| board(name, flavour, language)).collect()
}

fn all() -> Vec<Value> {
    FLAVOURS.iter().flat_map(|f| boards(f, "zh").into_iter().chain(boards(f, "en"))).collect()
}

/// Panels that ask something.
pub fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    board["panels"].as_array().unwrap().iter().filter(|p| p["type"] != "row")
}

#[test]
fn the_committed_boards_are_the_generated_ones() {
    for (name, text) in &*FILES {
        let path = root().join("dashboards/grafana").join(name);
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == *text, "{name} is not up to date: run `cargo run --release -- dashboards`");
    }
}

#[test]
fn a_board_of_another_zone_names_it_everywhere() {
    let files = files("Asia/Shanghai").unwrap();
    for (name, text) in files.iter().filter(|(name, _)| name.ends_with(".json")) {
        assert!(!text.contains("'ZONE'") && !text.contains("'UTC'"), "{name}");
        assert!(text.contains("\"timezone\": \"Asia/Shanghai\""), "{name}");
    }
    assert!(files["weisu-overview.zh.json"].contains("AT TIME ZONE 'Asia/Shanghai'"));
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
    // Grafana 10.4 reads 39 and older; one that is newer than the server is refused in part.
    if board["schemaVersion"] != 39 {
        wrong.push(format!("schemaVersion {}", board["schemaVersion"]));
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
    let variables = board["templating"]["list"].as_array().unwrap();
    if variables[0]["type"] != "datasource" || variables[0]["name"] != "datasource" {
        wrong.push("its first variable is not the data source".to_owned());
    }
    for source in variables {
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
    // Every series must be named by something that settings can match.
    if targets.iter().any(|t| t["expr"].is_string() && t["legendFormat"].as_str().is_none_or(str::is_empty)) {
        wrong.push("an expression without a name".to_owned());
    }
    // A counter's rate would want an interval that suits the scrape; nothing here is scraped.
    if text.contains("rate(") || text.contains("increase(") {
        wrong.push("asks for a rate".to_owned());
    }
    for sql in targets.iter().filter_map(|t| t["rawSql"].as_str()) {
        wrong
            .extend(macros(sql).into_iter().filter(|m| m.contains('(')).map(|m| format!("nested macro {m}")));
    }
    wrong
}

/// Arguments of `$__timeFilter(…)`.
pub fn macros(sql: &str) -> Vec<&str> {
    sql.split("$__timeFilter(").skip(1).map(|rest| rest.split(')').next().unwrap()).collect()
}

#[test]
fn the_boards_keep_the_conventions() {
    let mut uids = BTreeSet::new();
    for board in all() {
        assert_eq!(lint(&board), Vec::<String>::new(), "{}", board["title"]);
        assert!(uids.insert(board["uid"].to_string()), "{} is used twice", board["uid"]);
    }
    assert_eq!(uids.len(), 20);
}

#[test]
fn the_lint_finds_what_it_is_for() {
    let breaks: [(&str, &str, Value); 8] = [
        ("/schemaVersion", "schemaVersion", 42.into()),
        ("/panels/1/gridPos/x", "lies on", 3.into()),
        ("/panels/1/fieldConfig/defaults/unit", "unit", "shrot".into()),
        ("/panels/1/description", "no description", "".into()),
        ("/panels/2/id", "has the id", 2.into()),
        ("/time/to", "future", "now".into()),
        ("/templating/list/0/name", "first variable", "source".into()),
        (
            "/panels/7/targets/0/rawSql",
            "nested macro",
            "SELECT 1 WHERE $__timeFilter(date_trunc('day', x))".into(),
        ),
    ];
    for (pointer, says, value) in breaks {
        let mut board = board("overview", "", "zh");
        *board.pointer_mut(pointer).unwrap() = value;
        assert!(lint(&board).iter().any(|w| w.contains(says)), "{pointer}: {:?}", lint(&board));
    }
}

/// What must not change with the language.
fn shape(board: &Value) -> Vec<Value> {
    let keep =
        |p: &Value| serde_json::json!([p["id"], p["type"], p["gridPos"], p["targets"], p["transformations"]]);
    panels(board).map(keep).collect()
}

/// Everything but words is the same in both languages, and uids differ.
#[test]
fn both_languages_show_the_same_panels() {
    for (name, flavour) in NAMES.iter().flat_map(|name| FLAVOURS.map(|flavour| (name, flavour))) {
        let [zh, en] = ["zh", "en"].map(|language| board(name, flavour, language));
        assert_ne!(zh["uid"], en["uid"]);
        // The words for the whole stand in some queries.
        let plain = |board: &Value| {
            let text = serde_json::to_string(&shape(board)).unwrap();
            text.replace("全市", "Whole city").replace("全部类别", "All topics")
        };
        assert_eq!(plain(&zh), plain(&en), "{name}{flavour}");
        for (a, b) in panels(&zh).zip(panels(&en)) {
            assert_ne!(a["description"], b["description"], "{}", a["title"]);
        }
    }
}

/// Both data sources show the same panels at the same places.
#[test]
fn both_data_sources_show_the_same_panels() {
    for name in NAMES {
        let places = |flavour| {
            let board = board(name, flavour, "zh");
            let place =
                |p: &Value| (p["title"].clone(), p["id"].clone(), p["type"].clone(), p["gridPos"].clone());
            panels(&board).map(place).collect::<Vec<_>>()
        };
        assert_eq!(places(""), places("-prom"), "{name}");
    }
}
