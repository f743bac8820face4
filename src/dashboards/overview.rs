//! The overview board: how fresh, what is expected, what stands out, how good forecasts were.
use serde_json::{Value, json};

use super::{
    BoardError, Language, Source, datasource,
    parts::{Column, Stat, by_name, panel, row, stat, table, target, thresholds, words},
};

/// The colour of what is expected.
const EXPECTED: &str = "blue";

/// The board in the source's language.
pub(super) fn board(source: &Source) -> Result<Value, BoardError> {
    let mut panels = vec![row(source, "r_state", 1, 0)?];
    panels.extend(stats(source)?);
    panels.push(row(source, "r_outlook", 10, 5)?);
    panels.push(outlook(source)?);
    panels.push(row(source, "r_hotspots", 20, 19)?);
    panels.extend(hotspots(source)?);
    panels.push(row(source, "r_quality", 30, 40)?);
    panels.extend(quality(source)?);
    Ok(json!({
        "id": null,
        "uid": match source.language { Language::En => "weisu-overview", Language::Zh => "weisu-overview-zh" },
        "title": source.say("title")?,
        "description": source.say("description")?,
        "tags": ["weisu"],
        "schemaVersion": 39,
        "editable": false,
        "graphTooltip": 1,
        "timezone": if source.zone == "UTC" { "utc" } else { &source.zone },
        "time": { "from": "now-60d", "to": "now+90d" },
        "timepicker": {},
        "refresh": "5m",
        "fiscalYearStartMonth": 0,
        "weekStart": "monday",
        "liveNow": false,
        "links": [{
            "type": "dashboards", "title": source.say("links")?, "tags": ["weisu"], "asDropdown": true, "keepTime": true,
            "includeVars": true, "icon": "external link", "targetBlank": false, "tooltip": "", "url": "",
        }],
        "templating": { "list": variables(source)? },
        "annotations": { "list": annotations(source)? },
        "panels": panels,
    }))
}

fn variables(source: &Source) -> Result<Vec<Value>, BoardError> {
    let query = |name: &str, label: &str, all: &str| -> Result<Value, BoardError> {
        let sql = source.sql(&source.queries.variable, name)?;
        Ok(json!({
            "type": "query", "name": name, "label": source.say(label)?, "datasource": datasource(),
            "query": sql, "definition": sql, "refresh": 2, "sort": 0, "multi": false, "includeAll": false, "hide": 0,
            "regex": "", "skipUrlSync": false, "options": [],
            "current": { "text": source.say(all)?, "value": "0" },
        }))
    };
    let (raw, dedup) = (source.say("basis_raw")?, source.say("basis_dedup")?);
    Ok(vec![
        json!({
            "type": "datasource", "name": "datasource", "label": source.say("v_datasource")?,
            "query": "grafana-postgresql-datasource", "refresh": 1, "regex": "", "multi": false, "includeAll": false,
            "hide": 0, "skipUrlSync": false, "options": [],
            "current": { "text": "weisu", "value": "weisu-postgres" },
        }),
        query("topic", "v_topic", "ALL_TOPICS")?,
        query("district", "v_district", "WHOLE_CITY")?,
        json!({
            "type": "custom", "name": "basis", "label": source.say("v_basis")?,
            "query": format!("{raw} : raw, {dedup} : dedup"), "multi": false, "includeAll": false, "hide": 0,
            "skipUrlSync": false,
            "options": [
                { "text": raw, "value": "raw", "selected": true }, { "text": dedup, "value": "dedup", "selected": false },
            ],
            "current": { "text": raw, "value": "raw" },
        }),
    ])
}

fn annotations(source: &Source) -> Result<Vec<Value>, BoardError> {
    let query = |name: &str, key: &str, color: &str, on: bool| -> Result<Value, BoardError> {
        let sql = source.sql(&source.queries.annotation, name)?;
        Ok(json!({
            "name": source.say(key)?, "datasource": datasource(), "enable": on, "hide": false, "iconColor": color,
            "target": { "refId": "Anno", "datasource": datasource(), "editorMode": "code", "format": "table", "rawQuery": true, "rawSql": sql },
        }))
    };
    Ok(vec![
        json!({
            "builtIn": 1, "name": "Annotations & Alerts", "type": "dashboard", "enable": true, "hide": true,
            "iconColor": "rgba(0, 211, 255, 1)", "datasource": { "type": "grafana", "uid": "-- Grafana --" },
        }),
        query("alerts", "a_alerts", "orange", true)?,
        query("forecasts", "a_forecasts", "purple", false)?,
    ])
}

fn stats(source: &Source) -> Result<Vec<Value>, BoardError> {
    let all = [
        Stat {
            key: "data_age",
            column: "data_age_days",
            unit: "none",
            steps: &[(None, "green"), (Some(2.0), "orange"), (Some(4.0), "red")],
            no_value: "no_value",
        },
        Stat {
            key: "forecast_age",
            column: "forecast_age_seconds",
            unit: "s",
            steps: &[(None, "green"), (Some(93_600.0), "orange"), (Some(180_000.0), "red")],
            no_value: "never",
        },
        Stat {
            key: "alerts_open",
            column: "alerts_open",
            unit: "none",
            steps: &[(None, "text"), (Some(1.0), "orange")],
            no_value: "no_value",
        },
        Stat {
            key: "coverage",
            column: "coverage_80",
            unit: "percentunit",
            steps: &[(None, "red"), (Some(0.7), "orange"), (Some(0.75), "green"), (Some(0.92), "orange")],
            no_value: "never",
        },
        Stat {
            key: "outbox_dead",
            column: "outbox_dead",
            unit: "none",
            steps: &[(None, "green"), (Some(1.0), "red")],
            no_value: "no_value",
        },
    ];
    let places = [[0, 1, 5, 4], [5, 1, 5, 4], [10, 1, 4, 4], [14, 1, 5, 4], [19, 1, 5, 4]];
    all.iter().zip(places).zip(2..).map(|((s, place), id)| stat(source, s, id, place)).collect()
}

fn outlook(source: &Source) -> Result<Value, BoardError> {
    let mut panel = panel(source, "timeseries", "forecast", 11, [0, 6, 24, 13])?;
    panel["targets"] = json!([
        target(source, "actual", "A", true)?,
        target(source, "forecast", "B", true)?,
        target(source, "last_year", "C", true)?,
    ]);
    panel["fieldConfig"] = json!({
        "defaults": {
            "unit": "none",
            "decimals": 0,
            "min": 0,
            "noValue": source.say("never")?,
            "color": { "mode": "fixed", "fixedColor": "text" },
            "thresholds": thresholds(&[(None, "text")]),
            "custom": {
                "drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 0, "showPoints": "never",
                "spanNulls": false, "axisPlacement": "auto", "axisLabel": "", "scaleDistribution": { "type": "linear" },
                "stacking": { "mode": "none", "group": "A" }, "thresholdsStyle": { "mode": "off" },
                "hideFrom": { "legend": false, "tooltip": false, "viz": false },
            },
        },
        "overrides": outlook_overrides(source)?,
    });
    panel["options"] = json!({
        "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
        "tooltip": { "mode": "multi", "sort": "none" },
    });
    Ok(panel)
}

/// Two nested bands, the wider one first: each upper edge fills down to its lower one.
fn outlook_overrides(source: &Source) -> Result<Vec<Value>, BoardError> {
    let color = |color: &str| ("color", json!({ "mode": "fixed", "fixedColor": color }));
    let name =
        |column: &str| Ok::<_, BoardError>(("displayName", json!(source.say(&format!("c_{column}"))?)));
    let upper = |column: &str, lower: &str, fill: u32| {
        Ok::<_, BoardError>(by_name(
            column,
            &[
                name(column)?,
                color(EXPECTED),
                ("custom.lineWidth", json!(0)),
                ("custom.fillOpacity", json!(fill)),
                ("custom.fillBelowTo", json!(lower)),
            ],
        ))
    };
    let lower = |column: &str| {
        Ok::<_, BoardError>(by_name(
            column,
            &[
                name(column)?,
                color(EXPECTED),
                ("custom.lineWidth", json!(0)),
                ("custom.hideFrom", json!({ "legend": true, "tooltip": false, "viz": false })),
            ],
        ))
    };
    Ok(vec![
        by_name("actual", &[name("actual")?, color("text"), ("custom.lineWidth", json!(2))]),
        upper("q975", "q025", 12)?,
        lower("q025")?,
        upper("q90", "q10", 22)?,
        lower("q10")?,
        by_name(
            "q50",
            &[
                name("q50")?,
                color(EXPECTED),
                ("custom.lineWidth", json!(2)),
                ("custom.lineStyle", json!({ "fill": "dash", "dash": [8, 6] })),
            ],
        ),
        by_name("last_year", &[name("last_year")?, color("orange"), ("custom.lineWidth", json!(1))]),
    ])
}

fn hotspots(source: &Source) -> Result<Vec<Value>, BoardError> {
    let number = |name| Column::new(name, "none");
    let severities = [("critical", "red"), ("high", "orange"), ("medium", "yellow"), ("low", "blue")];
    let kinds = [("spike", "text"), ("forecast_exceedance", "text")];
    let alerts = vec![
        number("severity")
            .with("mappings", words(source, "s_", &severities)?)
            .with("custom.cellOptions", json!({ "type": "color-text" })),
        Column::new("onset", "time:YYYY-MM-DD"),
        number("topic").with("noValue", json!(source.say("ALL_TOPICS")?)),
        number("district").with("noValue", json!(source.say("WHOLE_CITY")?)),
        number("kind").with("mappings", words(source, "k_", &kinds)?),
        number("state"),
        number("observed").with("noValue", json!("–")),
        number("expected"),
        number("upper"),
        number("score").with("decimals", json!(1)),
        number("lead_days"),
    ];
    let rises = || {
        let change = thresholds(&[(None, "text"), (Some(0.1), "orange"), (Some(0.3), "red")]);
        vec![
            number("name"),
            number("month"),
            number("expected"),
            number("q10"),
            number("q90"),
            number("last_year").with("noValue", json!("–")),
            Column::new("change", "percentunit")
                .with("thresholds", change)
                .with("custom.cellOptions", json!({ "type": "color-text" })),
        ]
    };
    Ok(vec![
        table(source, "alerts", 21, [0, 20, 24, 9], alerts, None)?,
        table(source, "rise_topic", 22, [0, 29, 12, 11], rises(), Some("change"))?,
        table(source, "rise_district", 23, [12, 29, 12, 11], rises(), Some("change"))?,
    ])
}

fn quality(source: &Source) -> Result<Vec<Value>, BoardError> {
    let share = |name| Column::new(name, "percentunit");
    let accuracy = vec![
        Column::new("topic_depth", "none"),
        Column::new("district_depth", "none"),
        Column::new("series", "none"),
        Column::new("mase", "none").with("decimals", json!(2)),
        share("skill"),
        share("coverage_80"),
        share("coverage_95"),
    ];
    let statuses = [("ok", "green"), ("failed", "red"), ("running", "blue")];
    let runs = vec![
        Column::new("time", "dateTimeAsIso"),
        Column::new("stage", "none"),
        Column::new("slot", "none"),
        Column::new("status", "none")
            .with("mappings", words(source, "", &statuses)?)
            .with("custom.cellOptions", json!({ "type": "color-text" })),
        Column::new("duration_seconds", "s").with("decimals", json!(1)),
        Column::new("error", "none"),
    ];
    Ok(vec![
        ledger(source)?,
        table(source, "accuracy", 32, [12, 41, 12, 9], accuracy, None)?,
        table(source, "runs", 33, [0, 50, 24, 9], runs, None)?,
    ])
}

fn ledger(source: &Source) -> Result<Value, BoardError> {
    let mut panel = panel(source, "timeseries", "ledger", 31, [0, 41, 12, 9])?;
    panel["targets"] = json!([target(source, "ledger", "A", true)?]);
    let line = |column: &str, color: &str| {
        Ok::<_, BoardError>(by_name(
            column,
            &[
                ("displayName", json!(source.say(&format!("c_{column}"))?)),
                ("color", json!({ "mode": "fixed", "fixedColor": color })),
            ],
        ))
    };
    panel["fieldConfig"] = json!({
        "defaults": {
            "unit": "percentunit",
            "min": 0,
            "max": 1,
            "noValue": source.say("never")?,
            "thresholds": thresholds(&[(None, "transparent"), (Some(0.8), "blue"), (Some(0.95), "purple")]),
            "custom": {
                "drawStyle": "line", "lineWidth": 1, "fillOpacity": 0, "showPoints": "auto", "spanNulls": false,
                "thresholdsStyle": { "mode": "line" },
            },
        },
        "overrides": [line("inside_80", "blue")?, line("inside_95", "purple")?],
    });
    panel["options"] = json!({
        "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": ["mean"] },
        "tooltip": { "mode": "multi", "sort": "none" },
    });
    Ok(panel)
}
