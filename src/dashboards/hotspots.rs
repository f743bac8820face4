//! Hotspots: what is open, what detectors raised over time, and where.
use serde_json::{Value, json};

use super::{
    BoardError, Source,
    frame::{self, Frame},
    overview::alerts,
    parts::{Chart, Column, chart, line, numbers, places, row, severity_color, table},
};
use crate::store::alarms::{Kind, Severity};

/// The board in the source's language.
pub(super) fn board(source: &Source) -> Result<Value, BoardError> {
    let panels = [
        row(source, "r_open", 1, 0)?,
        numbers(source, "open_severity", 2, [0, 1, 24, 4], &severities(source)?)?,
        table(source, "alerts", 3, [0, 5, 24, 10], alerts(source)?, None)?,
        row(source, "r_alarms", 10, 15)?,
        bars(source, "alarms_kind", 11, [0, 16, 12, 10], kinds(source)?)?,
        bars(source, "alarms_severity", 12, [12, 16, 12, 10], severities(source)?)?,
        row(source, "r_where", 20, 26)?,
        table(source, "by_district", 21, [0, 27, 12, 10], place(source, 1)?, Some("alerts_open"))?,
        table(source, "by_topic", 22, [12, 27, 12, 10], place(source, 0)?, Some("alerts_open"))?,
    ];
    let frame = Frame {
        name: "hotspots",
        from: "now-30d",
        to: "now+14d",
        variables: &["basis"],
        annotations: &[("alerts", true)],
    };
    frame::board(source, &frame, &panels)
}

fn severities(source: &Source) -> Result<Vec<Value>, BoardError> {
    let named = |s: Severity| line(source, s.name(), &format!("s_{}", s.name()), severity_color(s));
    Severity::ALL.into_iter().map(named).collect()
}

/// Every kind there is has its name, whether or not it was raised.
fn kinds(source: &Source) -> Result<Vec<Value>, BoardError> {
    const COLORS: [&str; 10] = [
        "red",
        "orange",
        "blue",
        "purple",
        "yellow",
        "dark-red",
        "semi-dark-orange",
        "text",
        "green",
        "light-blue",
    ];
    let named = |(k, color): (Kind, &&str)| line(source, k.name(), &format!("k_{}", k.name()), color);
    Kind::ALL.into_iter().zip(COLORS.iter().cycle()).map(named).collect()
}

fn bars(
    source: &Source,
    key: &str,
    id: u32,
    at: [u32; 4],
    overrides: Vec<Value>,
) -> Result<Value, BoardError> {
    let look =
        Chart { unit: "none", bars: true, bounds: (Some(0.0), None), no_value: "no_alarms", overrides };
    chart(source, (key, &[key]), id, at, &look)
}

/// Open alerts of each topic or district.
fn place(source: &Source, nth: usize) -> Result<Vec<Column<'static>>, BoardError> {
    let name = places(source)?.into_iter().nth(nth);
    let number = |name| Column::new(name, "none").with("noValue", json!("–"));
    let numbers = [
        number("alerts_open"),
        number("score").with("decimals", json!(1)),
        number("observed"),
        number("expected"),
    ];
    Ok(name.into_iter().chain(numbers).collect())
}
