//! The overview board: how fresh, what is expected, what stands out, how good forecasts were.
use serde_json::{Value, json};

use super::{
    BoardError, Source,
    frame::{self, Frame},
    parts::{
        Chart, Column, Stat, by_name, chart, kind, line, places, row, severity, stat, state, table,
        thresholds, words,
    },
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
    let frame = Frame {
        name: "overview",
        from: "now-60d",
        to: "now+90d",
        variables: &["topic", "district", "basis"],
        annotations: &[("alerts", true), ("forecasts", false)],
    };
    frame::board(source, &frame, &panels)
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
    let keys = ("forecast", ["actual", "forecast", "last_year"].as_slice());
    let look = Chart {
        unit: "none",
        bars: false,
        bounds: (Some(0.0), None),
        no_value: "never",
        overrides: outlook_overrides(source)?,
    };
    let mut panel = chart(source, keys, 11, [0, 6, 24, 13], &look)?;
    panel["fieldConfig"]["defaults"]["decimals"] = json!(0);
    panel["fieldConfig"]["defaults"]["custom"]["showPoints"] = json!("never");
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
        table(source, "alerts", 21, [0, 20, 24, 9], alerts(source)?, None)?,
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
    Ok(vec![
        ledger(source)?,
        table(source, "accuracy", 32, [12, 41, 12, 9], accuracy, None)?,
        table(source, "runs", 33, [0, 50, 24, 9], runs(source)?, None)?,
    ])
}

fn ledger(source: &Source) -> Result<Value, BoardError> {
    let lines = vec![
        line(source, "inside_80", "c_inside_80", "blue")?,
        line(source, "inside_95", "c_inside_95", "purple")?,
    ];
    held(source, "ledger", 31, [0, 41, 12, 9], lines)
}

/// Shares of what lay inside bands, with lines where the bands should be.
pub(super) fn held(
    source: &Source,
    key: &str,
    id: u32,
    place: [u32; 4],
    overrides: Vec<Value>,
) -> Result<Value, BoardError> {
    let look = Chart {
        unit: "percentunit",
        bars: false,
        bounds: (Some(0.0), Some(1.0)),
        no_value: "never",
        overrides,
    };
    let mut panel = chart(source, (key, &[key]), id, place, &look)?;
    let defaults = &mut panel["fieldConfig"]["defaults"];
    defaults["thresholds"] =
        thresholds(&[(None, "transparent"), (Some(0.8), "blue"), (Some(0.95), "purple")]);
    defaults["custom"]["thresholdsStyle"] = json!({ "mode": "line" });
    Ok(panel)
}

/// The columns of a list of runs.
pub(super) fn runs(source: &Source) -> Result<Vec<Column<'static>>, BoardError> {
    let statuses = [("ok", "green"), ("failed", "red"), ("running", "blue")];
    Ok(vec![
        Column::new("time", "dateTimeAsIso"),
        Column::new("stage", "none"),
        Column::new("slot", "none"),
        Column::new("status", "none")
            .with("mappings", words(source, "", &statuses)?)
            .with("custom.cellOptions", json!({ "type": "color-text" })),
        Column::new("duration_seconds", "s").with("decimals", json!(1)),
        Column::new("error", "none"),
    ])
}

/// The columns of a list of alerts.
pub(super) fn alerts(source: &Source) -> Result<Vec<Column<'static>>, BoardError> {
    let number = |name| Column::new(name, "none");
    let [topic, district] = places(source)?;
    Ok(vec![
        severity(source)?,
        Column::new("onset", "time:YYYY-MM-DD"),
        topic,
        district,
        kind(source)?,
        state(source)?,
        number("observed").with("noValue", json!("–")),
        number("expected"),
        number("upper"),
        number("score").with("decimals", json!(1)),
        number("lead_days"),
    ])
}
