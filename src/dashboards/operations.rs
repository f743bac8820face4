//! 运行: whether weisu itself works. Data in, runs, forecasts, deliveries out.
use serde_json::{Value, json};

use super::{
    BoardError, Source,
    frame::{self, Frame},
    overview::runs,
    parts::{Chart, Column, Stat, chart, line, row, stat, table},
};

/// The board in the source's language.
pub(super) fn board(source: &Source) -> Result<Value, BoardError> {
    let mut panels = vec![row(source, "r_state", 1, 0)?];
    panels.extend(stats(source)?);
    panels.push(row(source, "r_runs", 10, 5)?);
    panels.push(bars(
        source,
        "runs_day",
        11,
        [0, 6, 12, 9],
        &[("ok", "ok", "green"), ("failed", "failed", "red")],
    )?);
    let took =
        Chart { unit: "s", bars: false, bounds: (Some(0.0), None), no_value: "no_value", overrides: vec![] };
    panels.push(chart(source, ("run_seconds", &["run_seconds"]), 12, [12, 6, 12, 9], &took)?);
    panels.push(table(source, "runs", 13, [0, 15, 24, 9], runs(source)?, None)?);
    panels.push(row(source, "r_rows", 20, 24)?);
    panels.push(bars(source, "rejects", 21, [0, 25, 24, 8], &[])?);
    panels.push(row(source, "r_deliveries", 30, 33)?);
    let outcomes = [
        ("delivered", "c_delivered", "green"),
        ("pending", "c_pending", "orange"),
        ("dead", "c_dead", "red"),
    ];
    panels.push(bars(source, "deliveries", 31, [0, 34, 14, 9], &outcomes)?);
    let receivers = ["receiver", "delivered", "pending", "dead"];
    let receivers = receivers.map(|name| Column::new(name, "none").with("noValue", json!("0")));
    panels.push(table(source, "outbox", 32, [14, 34, 10, 9], receivers.into(), None)?);
    let frame = Frame {
        name: "operations",
        from: "now-14d",
        to: "now+1d",
        variables: &[],
        annotations: &[("forecasts", false)],
    };
    frame::board(source, &frame, &panels)
}

fn stats(source: &Source) -> Result<Vec<Value>, BoardError> {
    let number = |key, column, unit, steps, no_value| Stat { key, column, unit, steps, no_value };
    let any: &[(Option<f64>, &str)] = &[(None, "green"), (Some(1.0), "red")];
    let all = [
        number(
            "data_age",
            "data_age_days",
            "none",
            &[(None, "green"), (Some(2.0), "orange"), (Some(4.0), "red")],
            "no_value",
        ),
        number(
            "forecast_age",
            "forecast_age_seconds",
            "s",
            &[(None, "green"), (Some(93_600.0), "orange"), (Some(180_000.0), "red")],
            "never",
        ),
        number("runs_failed", "failed", "none", any, "no_value"),
        number(
            "outbox_pending",
            "outbox_pending",
            "none",
            &[(None, "green"), (Some(20.0), "orange"), (Some(100.0), "red")],
            "no_value",
        ),
        number("outbox_dead", "outbox_dead", "none", any, "no_value"),
        number(
            "unmapped",
            "unmapped",
            "percentunit",
            &[(None, "green"), (Some(0.01), "orange"), (Some(0.05), "red")],
            "no_rows",
        ),
    ];
    let stats = all.iter().zip([0, 4, 8, 12, 16, 20]).zip(2..);
    stats.map(|((one, x), id)| stat(source, one, id, [x, 1, 4, 4])).collect()
}

fn bars(
    source: &Source,
    key: &str,
    id: u32,
    at: [u32; 4],
    lines: &[(&str, &str, &str)],
) -> Result<Value, BoardError> {
    let overrides = lines.iter().map(|(name, message, color)| line(source, name, message, color));
    let overrides = overrides.collect::<Result<_, _>>()?;
    let look = Chart { unit: "none", bars: true, bounds: (Some(0.0), None), no_value: "no_value", overrides };
    chart(source, (key, &[key]), id, at, &look)
}
