//! 民情月历: which problems come back in which month, how sure, and against what is usual.
use serde_json::{Value, json};

use super::{
    BoardError, Flavour, Source,
    frame::{self, Frame},
    parts::{Chart, Column, by_name, chart, kind, line, places, row, severity, table, thresholds, words},
};

/// The board in the source's language.
pub(super) fn board(source: &Source) -> Result<Value, BoardError> {
    let panels = [
        row(source, "r_calendar", 1, 0)?,
        table(source, "calendar", 2, [0, 1, 24, 12], returning(source)?, None)?,
        row(source, "r_seasons", 3, 13)?,
        table(source, "seasons", 4, [0, 14, 24, 10], seasons(source)?, None)?,
        row(source, "r_months", 10, 24)?,
        by_topic(source)?,
        one_topic(source)?,
        row(source, "r_ahead", 20, 47)?,
        table(source, "ahead", 21, [0, 48, 24, 9], ahead(source)?, None)?,
    ];
    let frame = Frame {
        name: "calendar",
        from: "now-400d",
        to: "now+370d",
        variables: &["topic", "district", "basis"],
        annotations: &[("alerts", false)],
    };
    frame::board(source, &frame, &panels)
}

fn change(name: &'static str) -> Column<'static> {
    let steps = thresholds(&[(None, "text"), (Some(0.1), "orange"), (Some(0.3), "red")]);
    Column::new(name, "percentunit")
        .with("thresholds", steps)
        .with("custom.cellOptions", json!({ "type": "color-text" }))
}

/// Months in which a topic is well above its own average month or its norm. The query API answers for one instant, so
/// there the months are those of thirty, sixty and ninety days ahead.
fn returning(source: &Source) -> Result<Vec<Column<'static>>, BoardError> {
    let number = |name| Column::new(name, "none").with("noValue", json!("–"));
    let [topic, _] = places(source)?;
    Ok(match source.flavour {
        Flavour::Sql => vec![
            Column::new("month", "none"),
            topic,
            number("expected"),
            number("q10"),
            number("q90"),
            number("norm"),
            number("last_year"),
            change("change_norm"),
            change("change_last_year"),
            number("season").with("decimals", json!(2)),
            number("lead_days"),
        ],
        Flavour::Prom => vec![
            topic,
            number("expected_30"),
            change("change_30"),
            number("expected_60"),
            change("change_60"),
            number("expected_90"),
            change("change_90"),
        ],
    })
}

fn by_topic(source: &Source) -> Result<Value, BoardError> {
    let look =
        Chart { unit: "none", bars: false, bounds: (Some(0.0), None), no_value: "never", overrides: vec![] };
    let mut panel = chart(source, ("months_topic", &["months_topic"]), 11, [0, 25, 24, 11], &look)?;
    // A month's value is the same from its first day to its last.
    panel["fieldConfig"]["defaults"]["custom"]["lineInterpolation"] = json!("stepAfter");
    Ok(panel)
}

fn one_topic(source: &Source) -> Result<Value, BoardError> {
    let edge = |name: &str, more: (&'static str, Value)| {
        let color = ("color", json!({ "mode": "fixed", "fixedColor": "blue" }));
        let named = ("displayName", json!(source.say(&format!("c_{name}"))?));
        Ok::<_, BoardError>(by_name(name, &[named, color, ("custom.lineWidth", json!(0)), more]))
    };
    let mut upper = edge("q90", ("custom.fillBelowTo", json!("q10")))?;
    if let Some(properties) = upper["properties"].as_array_mut() {
        properties.push(json!({ "id": "custom.fillOpacity", "value": 22 }));
    }
    let hidden = ("custom.hideFrom", json!({ "legend": true, "tooltip": false, "viz": false }));
    let overrides = vec![
        upper,
        edge("q10", hidden)?,
        line(source, "expected", "c_expected", "blue")?,
        line(source, "actual", "c_actual", "text")?,
        line(source, "norm", "c_norm", "green")?,
        line(source, "last_year", "c_last_year", "orange")?,
    ];
    let look = Chart { unit: "none", bars: false, bounds: (Some(0.0), None), no_value: "never", overrides };
    let keys = ("months_one", ["months_actual", "months_expected"].as_slice());
    let mut panel = chart(source, keys, 12, [0, 36, 24, 11], &look)?;
    panel["fieldConfig"]["defaults"]["custom"]["lineInterpolation"] = json!("stepAfter");
    Ok(panel)
}

/// What each topic with a yearly season is expected to do in the chosen district.
fn seasons(source: &Source) -> Result<Vec<Column<'static>>, BoardError> {
    let coloured = |name: &'static str, prefix: &str, names: &[(&str, &str)]| {
        let column = Column::new(name, "none").with("mappings", words(source, prefix, names)?);
        Ok::<_, BoardError>(column.with("custom.cellOptions", json!({ "type": "color-text" })))
    };
    let [topic, district] = places(source)?;
    Ok(vec![
        coloured("standing", "se_", &[("under_way", "orange"), ("ahead", "text")])?,
        topic,
        district,
        Column::new("onset", "time:YYYY-MM-DD"),
        Column::new("lead_days", "none"),
        Column::new("probability", "percentunit"),
        coloured("timing", "ti_", &[("early", "orange"), ("usual", "text"), ("late", "blue")])?,
        Column::new("shift_days", "none"),
        Column::new("peak", "time:YYYY-MM-DD"),
        Column::new("peak_expected", "none"),
        Column::new("peak_low", "none"),
        Column::new("peak_high", "none"),
    ])
}

/// Open alerts about days to come.
fn ahead(source: &Source) -> Result<Vec<Column<'static>>, BoardError> {
    let [topic, district] = places(source)?;
    Ok(vec![
        Column::new("lead_days", "none"),
        severity(source)?,
        kind(source)?,
        topic,
        district,
        Column::new("onset", "time:YYYY-MM-DD"),
        Column::new("expected", "none"),
        Column::new("upper", "none"),
    ])
}
