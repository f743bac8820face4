//! Panels, queries and overrides as Grafana's classic JSON wants them.
use serde_json::{Value, json};

use super::{BoardError, Source, datasource};

/// Where a panel stands: x, y, width, height on a grid of 24 columns.
pub(super) type Place = [u32; 4];

/// Unit and threshold of a stat: steps of (from, colour), the first from everything.
pub(super) struct Stat<'a> {
    pub key: &'a str,
    pub column: &'a str,
    pub unit: &'a str,
    pub steps: &'a [(Option<f64>, &'a str)],
    pub no_value: &'a str,
}

/// A panel's common part. Its id is the key's place in the board, so it stays when others move.
pub(super) fn panel(
    source: &Source,
    kind: &str,
    key: &str,
    id: u32,
    [x, y, w, h]: Place,
) -> Result<Value, BoardError> {
    Ok(json!({
        "id": id,
        "type": kind,
        "title": source.say(key)?,
        "description": source.say(&format!("{key}_d"))?,
        "datasource": datasource(),
        "gridPos": { "x": x, "y": y, "w": w, "h": h },
    }))
}

/// A query of a panel.
pub(super) fn target(source: &Source, key: &str, letter: &str, series: bool) -> Result<Value, BoardError> {
    Ok(json!({
        "refId": letter,
        "datasource": datasource(),
        "editorMode": "code",
        "format": if series { "time_series" } else { "table" },
        "rawQuery": true,
        "rawSql": source.sql(&source.queries.panel, key)?,
    }))
}

/// A row that heads a group of panels.
pub(super) fn row(source: &Source, key: &str, id: u32, y: u32) -> Result<Value, BoardError> {
    Ok(json!({
        "id": id,
        "type": "row",
        "title": source.say(key)?,
        "collapsed": false,
        "gridPos": { "x": 0, "y": y, "w": 24, "h": 1 },
        "panels": [],
    }))
}

/// Steps of absolute thresholds.
pub(super) fn thresholds(steps: &[(Option<f64>, &str)]) -> Value {
    let steps: Vec<Value> =
        steps.iter().map(|(from, color)| json!({ "value": from, "color": color })).collect();
    json!({ "mode": "absolute", "steps": steps })
}

/// One number, coloured by thresholds.
pub(super) fn stat(source: &Source, stat: &Stat<'_>, id: u32, place: Place) -> Result<Value, BoardError> {
    let mut panel = panel(source, "stat", stat.key, id, place)?;
    panel["targets"] = json!([target(source, stat.key, "A", false)?]);
    panel["fieldConfig"] = json!({
        "defaults": {
            "unit": stat.unit,
            "noValue": source.say(stat.no_value)?,
            "color": { "mode": "thresholds" },
            "thresholds": thresholds(stat.steps),
            "mappings": [],
        },
        "overrides": [],
    });
    panel["options"] = json!({
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value",
        "wideLayout": true,
        "reduceOptions": { "calcs": ["lastNotNull"], "fields": format!("/^{}$/", stat.column), "values": false },
    });
    Ok(panel)
}

/// Settings of one column, by its name in the query.
pub(super) fn by_name(name: &str, properties: &[(&str, Value)]) -> Value {
    let properties: Vec<Value> =
        properties.iter().map(|(id, value)| json!({ "id": id, "value": value })).collect();
    json!({ "matcher": { "id": "byName", "options": name }, "properties": properties })
}

/// A column of a table, with its name in the board's language, unit and width.
pub(super) struct Column<'a> {
    pub name: &'a str,
    pub unit: &'a str,
    pub more: Vec<(&'a str, Value)>,
}

impl<'a> Column<'a> {
    pub fn new(name: &'a str, unit: &'a str) -> Self {
        Self { name, unit, more: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, id: &'a str, value: Value) -> Self {
        self.more.push((id, value));
        self
    }
}

/// A table with a named column each.
pub(super) fn table(
    source: &Source,
    key: &str,
    id: u32,
    place: Place,
    columns: Vec<Column<'_>>,
    sort: Option<&str>,
) -> Result<Value, BoardError> {
    let mut panel = panel(source, "table", key, id, place)?;
    panel["targets"] = json!([target(source, key, "A", false)?]);
    let mut overrides = Vec::new();
    for column in columns {
        let mut properties = vec![
            ("displayName", json!(source.say(&format!("c_{}", column.name))?)),
            ("unit", json!(column.unit)),
        ];
        properties.extend(column.more);
        overrides.push(by_name(column.name, &properties));
    }
    panel["fieldConfig"] = json!({
        "defaults": {
            "unit": "none",
            "decimals": 0,
            "noValue": source.say("no_value")?,
            "color": { "mode": "thresholds" },
            "thresholds": thresholds(&[(None, "text")]),
            "custom": { "align": "auto", "cellOptions": { "type": "auto" }, "filterable": false },
        },
        "overrides": overrides,
    });
    let sort_by = match sort {
        Some(column) => json!([{ "displayName": source.say(&format!("c_{column}"))?, "desc": true }]),
        None => json!([]),
    };
    panel["options"] = json!({ "showHeader": true, "cellHeight": "sm", "sortBy": sort_by });
    Ok(panel)
}

/// Words and colours in place of stored names.
pub(super) fn words(source: &Source, prefix: &str, names: &[(&str, &str)]) -> Result<Value, BoardError> {
    let mut options = serde_json::Map::new();
    for (index, (name, color)) in names.iter().enumerate() {
        let text = source.say(&format!("{prefix}{name}"))?;
        options.insert((*name).to_owned(), json!({ "text": text, "color": color, "index": index }));
    }
    Ok(json!([{ "type": "value", "options": options }]))
}
