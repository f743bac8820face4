//! Panels, queries and overrides as Grafana's classic JSON wants them.
use serde_json::{Map, Value, json};

use super::{
    BoardError, Flavour, Source,
    targets::{Form, rows, targets},
};
use crate::store::{
    alarms::{Kind, Severity},
    alerts::State,
};

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
        "datasource": source.datasource(),
        "gridPos": { "x": x, "y": y, "w": w, "h": h },
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
    panel["targets"] = json!(targets(source, &[stat.key], Form::Newest)?);
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
    let (targets, transformations, columns) = rows(source, key, columns)?;
    panel["targets"] = json!(targets);
    panel["transformations"] = transformations;
    let sort = sort.filter(|name| columns.iter().any(|column| column.name == *name));
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
    let mut options = Map::new();
    for (index, (name, color)) in names.iter().enumerate() {
        let text = source.say(&format!("{prefix}{name}"))?;
        options.insert((*name).to_owned(), json!({ "text": text, "color": color, "index": index }));
    }
    Ok(json!([{ "type": "value", "options": options }]))
}

/// The colour of a severity.
pub(super) fn severity_color(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "red",
        Severity::High => "orange",
        Severity::Medium => "yellow",
        Severity::Low => "blue",
    }
}

/// A column of severities, in words and colours.
pub(super) fn severity(source: &Source) -> Result<Column<'static>, BoardError> {
    let names = Severity::ALL.map(|s| (s.name(), severity_color(s)));
    Ok(Column::new("severity", "none")
        .with("mappings", words(source, "s_", &names)?)
        .with("custom.cellOptions", json!({ "type": "color-text" })))
}

/// A column of kinds of alarms, in words.
pub(super) fn kind(source: &Source) -> Result<Column<'static>, BoardError> {
    let names = Kind::ALL.map(|k| (k.name(), "text"));
    Ok(Column::new("kind", "none").with("mappings", words(source, "k_", &names)?))
}

/// A column of states of alerts, in words.
pub(super) fn state(source: &Source) -> Result<Column<'static>, BoardError> {
    let names = State::ALL.map(|s| (s.name(), "text"));
    Ok(Column::new("state", "none").with("mappings", words(source, "st_", &names)?))
}

/// The columns of a topic and a district; the whole has a name of its own.
pub(super) fn places(source: &Source) -> Result<[Column<'static>; 2], BoardError> {
    let column = |name: &'static str, all: &str| {
        let all = source.say(all)?;
        let mapping = json!([{ "type": "value", "options": { "all": { "text": all, "index": 0 } } }]);
        Ok::<_, BoardError>(Column::new(name, "none").with("noValue", json!(all)).with("mappings", mapping))
    };
    Ok([column("topic", "ALL_TOPICS")?, column("district", "WHOLE_CITY")?])
}

/// How a chart is drawn.
pub(super) struct Chart<'a> {
    /// Unit of its values.
    pub unit: &'a str,
    /// Bars that stand on each other rather than lines.
    pub bars: bool,
    /// Least and greatest value of the axis.
    pub bounds: (Option<f64>, Option<f64>),
    /// Message for an empty chart.
    pub no_value: &'a str,
    /// Settings of named series.
    pub overrides: Vec<Value>,
}

/// A chart over time. Each key names queries; see [`targets`].
pub(super) fn chart(
    source: &Source,
    (key, keys): (&str, &[&str]),
    id: u32,
    place: Place,
    chart: &Chart<'_>,
) -> Result<Value, BoardError> {
    let mut panel = panel(source, "timeseries", key, id, place)?;
    panel["targets"] = json!(targets(source, keys, Form::Series)?);
    let (style, width, fill, stacking) =
        if chart.bars { ("bars", 1, 70, "normal") } else { ("line", 1, 0, "none") };
    let mut defaults = json!({
        "unit": chart.unit,
        "noValue": source.say(chart.no_value)?,
        "color": { "mode": "palette-classic" },
        "thresholds": thresholds(&[(None, "text")]),
        "custom": {
            "drawStyle": style, "lineInterpolation": "linear", "lineWidth": width, "fillOpacity": fill,
            "showPoints": "auto", "spanNulls": false, "axisPlacement": "auto", "axisLabel": "",
            "scaleDistribution": { "type": "linear" }, "stacking": { "mode": stacking, "group": "A" },
            "thresholdsStyle": { "mode": "off" }, "hideFrom": { "legend": false, "tooltip": false, "viz": false },
        },
    });
    for (name, bound) in [("min", chart.bounds.0), ("max", chart.bounds.1)] {
        if let Some(bound) = bound {
            defaults[name] = json!(bound);
        }
    }
    panel["fieldConfig"] = json!({ "defaults": defaults, "overrides": chart.overrides });
    panel["options"] = json!({
        "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
        "tooltip": { "mode": "multi", "sort": "none" },
    });
    // A range is asked for by day: a shorter step of the query API repeats the day's value.
    if source.flavour == Flavour::Prom {
        panel["interval"] = json!("1d");
    }
    Ok(panel)
}

/// A series' name in the board's language, and its colour.
pub(super) fn line(source: &Source, name: &str, message: &str, color: &str) -> Result<Value, BoardError> {
    Ok(by_name(
        name,
        &[
            ("displayName", json!(source.say(message)?)),
            ("color", json!({ "mode": "fixed", "fixedColor": color })),
        ],
    ))
}

/// Several numbers beside each other, each coloured by its series.
pub(super) fn numbers(
    source: &Source,
    key: &str,
    id: u32,
    place: Place,
    overrides: &[Value],
) -> Result<Value, BoardError> {
    let mut panel = panel(source, "stat", key, id, place)?;
    panel["targets"] = json!(targets(source, &[key], Form::Newest)?);
    panel["fieldConfig"] = json!({
        "defaults": {
            "unit": "none",
            "noValue": source.say("no_value")?,
            "color": { "mode": "thresholds" },
            "thresholds": thresholds(&[(None, "text")]),
            "mappings": [],
        },
        "overrides": overrides,
    });
    panel["options"] = json!({
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value_and_name",
        "wideLayout": true,
        "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
    });
    Ok(panel)
}
