//! 回测与命中: what forecasts were worth, by rolling-origin backtest and by the ledger of what was published.
use serde_json::{Value, json};

use super::{
    BoardError, Source,
    frame::{self, Frame},
    overview::held,
    parts::{Chart, Column, Stat, chart, line, row, stat, table},
};

/// The board in the source's language.
pub(super) fn board(source: &Source) -> Result<Value, BoardError> {
    let mut panels = vec![row(source, "r_fit", 1, 0)?];
    panels.extend(stats(source)?);
    panels.push(row(source, "r_ledger", 10, 5)?);
    panels.extend(ledger(source)?);
    panels.push(row(source, "r_backtest", 20, 16)?);
    panels.push(table(
        source,
        "backtest_models",
        21,
        [0, 17, 24, 9],
        scores(&["model", "grain", "rel_all"]),
        None,
    )?);
    let levels = scores(&["topic_depth", "district_depth", "grain"]);
    panels.push(table(source, "backtest_levels", 22, [0, 26, 12, 11], levels, None)?);
    panels.push(table(source, "backtest_leads", 23, [12, 26, 12, 11], scores(&["leads", "grain"]), None)?);
    panels.push(row(source, "r_levels", 30, 37)?);
    let accuracy = ["topic_depth", "district_depth", "series", "mase", "skill", "coverage_80", "coverage_95"];
    panels.push(table(source, "accuracy", 31, [0, 38, 14, 9], accuracy.map(score).into(), None)?);
    let models = ["model", "fallback", "series"].map(score).into();
    panels.push(table(source, "models", 32, [14, 38, 10, 9], models, Some("series"))?);
    let frame = Frame {
        name: "accuracy",
        from: "now-180d",
        to: "now+1d",
        variables: &["basis"],
        annotations: &[("forecasts", false)],
    };
    frame::board(source, &frame, &panels)
}

fn stats(source: &Source) -> Result<Vec<Value>, BoardError> {
    let number = |key, column, unit, steps| Stat { key, column, unit, steps, no_value: "never" };
    let all = [
        number(
            "coverage",
            "coverage_80",
            "percentunit",
            &[(None, "red"), (Some(0.7), "orange"), (Some(0.75), "green"), (Some(0.92), "orange")],
        ),
        number(
            "coverage_wide",
            "coverage_95",
            "percentunit",
            &[(None, "red"), (Some(0.85), "orange"), (Some(0.92), "green"), (Some(0.995), "orange")],
        ),
        number(
            "skill",
            "skill",
            "percentunit",
            &[(None, "red"), (Some(0.0), "orange"), (Some(0.1), "green")],
        ),
        number("mase", "mase", "none", &[(None, "green"), (Some(1.0), "orange"), (Some(1.3), "red")]),
    ];
    let stats = all.iter().zip([0, 6, 12, 18]).zip(2..);
    stats.map(|((one, x), id)| stat(source, one, id, [x, 1, 6, 4])).collect()
}

/// What was published, held against what came, by the day it was published.
fn ledger(source: &Source) -> Result<[Value; 2], BoardError> {
    let inside = vec![
        line(source, "inside_80", "c_inside_80", "blue")?,
        line(source, "inside_95", "c_inside_95", "purple")?,
    ];
    let errors = vec![line(source, "wape", "c_wape", "orange")?, line(source, "skill", "c_skill", "green")?];
    let look = Chart {
        unit: "percentunit",
        bars: false,
        bounds: (None, Some(1.0)),
        no_value: "not_scored",
        overrides: errors,
    };
    Ok([
        held(source, "scored_inside", 11, [0, 6, 12, 10], inside)?,
        chart(source, ("scored_error", &["scored_error"]), 12, [12, 6, 12, 10], &look)?,
    ])
}

/// A column by its name.
fn score(name: &'static str) -> Column<'static> {
    match name {
        "coverage_80" | "coverage_95" | "skill" | "bias" => Column::new(name, "percentunit"),
        "mase" | "rmsse" | "wql" | "rel_all" => Column::new(name, "none").with("decimals", json!(3)),
        _ => Column::new(name, "none").with("noValue", json!("–")),
    }
}

/// What a table is by, and the scores of a backtest.
fn scores(by: &[&'static str]) -> Vec<Column<'static>> {
    let scores = ["mase", "rmsse", "wql", "skill", "coverage_80", "coverage_95", "bias"];
    by.iter().copied().chain(scores).map(score).collect()
}
