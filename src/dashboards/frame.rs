//! What every board has around its panels: range, variables, annotations, links to the others.
use serde_json::{Value, json};

use super::{BoardError, Flavour, Language, Source};

/// A board's name, range and what may be chosen on it.
pub(super) struct Frame<'a> {
    /// In uid and messages: `t_<name>` is the title and `t_<name>_d` the description.
    pub name: &'a str,
    /// First instant shown.
    pub from: &'a str,
    /// Last instant shown; in the future.
    pub to: &'a str,
    /// Variables besides the data source, in order.
    pub variables: &'a [&'a str],
    /// Annotations, and whether they are shown from the start.
    pub annotations: &'a [(&'a str, bool)],
}

/// A board with its panels.
pub(super) fn board(source: &Source, frame: &Frame<'_>, panels: &[Value]) -> Result<Value, BoardError> {
    let (name, suffix) = (frame.name, source.flavour.suffix());
    let language = match source.language {
        Language::En => "",
        Language::Zh => "-zh",
    };
    let title = source.say(&format!("t_{name}"))?;
    Ok(json!({
        "id": null,
        "uid": format!("weisu-{name}{suffix}{language}"),
        "title": match source.flavour {
            Flavour::Sql => title.to_owned(),
            Flavour::Prom => format!("{title} (Prometheus)"),
        },
        "description": source.say(&format!("t_{name}_d"))?,
        "tags": [source.flavour.tag()],
        "schemaVersion": 39,
        "editable": false,
        "graphTooltip": 1,
        "timezone": if source.zone == "UTC" { "utc" } else { &source.zone },
        "time": { "from": frame.from, "to": frame.to },
        "timepicker": {},
        "refresh": "5m",
        "fiscalYearStartMonth": 0,
        "weekStart": "monday",
        "liveNow": false,
        "links": [{
            "type": "dashboards", "title": source.say("links")?, "tags": [source.flavour.tag()], "asDropdown": true,
            "keepTime": true, "includeVars": true, "icon": "external link", "targetBlank": false, "tooltip": "", "url": "",
        }],
        "templating": { "list": variables(source, frame.variables)? },
        "annotations": { "list": annotations(source, frame.annotations)? },
        "panels": panels,
    }))
}

fn variables(source: &Source, names: &[&str]) -> Result<Vec<Value>, BoardError> {
    let uid = match source.flavour {
        Flavour::Sql => "weisu-postgres",
        Flavour::Prom => "weisu-prom",
    };
    let mut all = vec![json!({
        "type": "datasource", "name": "datasource", "label": source.say("v_datasource")?,
        "query": source.flavour.datasource(), "refresh": 1, "regex": "", "multi": false, "includeAll": false,
        "hide": 0, "skipUrlSync": false, "options": [],
        "current": { "text": uid.replace("-postgres", ""), "value": uid },
    })];
    for name in names {
        all.push(match (*name, source.flavour) {
            ("basis", _) => basis(source)?,
            (name, Flavour::Sql) => queried(source, name)?,
            (name, Flavour::Prom) => labelled(source, name)?,
        });
    }
    Ok(all)
}

fn basis(source: &Source) -> Result<Value, BoardError> {
    let (raw, dedup) = (source.say("basis_raw")?, source.say("basis_dedup")?);
    Ok(json!({
        "type": "custom", "name": "basis", "label": source.say("v_basis")?,
        "query": format!("{raw} : raw, {dedup} : dedup"), "multi": false, "includeAll": false, "hide": 0,
        "skipUrlSync": false,
        "options": [
            { "text": raw, "value": "raw", "selected": true }, { "text": dedup, "value": "dedup", "selected": false },
        ],
        "current": { "text": raw, "value": "raw" },
    }))
}

/// A topic or a district by its key; 0 = all.
fn queried(source: &Source, name: &str) -> Result<Value, BoardError> {
    let sql = source.sql(&source.queries.variable, name)?;
    let all = if name == "topic" { "ALL_TOPICS" } else { "WHOLE_CITY" };
    Ok(json!({
        "type": "query", "name": name, "label": source.say(&format!("v_{name}"))?, "datasource": source.datasource(),
        "query": sql, "definition": sql, "refresh": 2, "sort": 0, "multi": false, "includeAll": false, "hide": 0,
        "regex": "", "skipUrlSync": false, "options": [],
        "current": { "text": source.say(all)?, "value": "0" },
    }))
}

/// A topic or a district by its label. `all` is a series of its own, so Grafana's "All" is turned into it.
fn labelled(source: &Source, name: &str) -> Result<Value, BoardError> {
    let missing = || BoardError::Missing(name.to_owned());
    let query = source.exprs.variable.get(name).ok_or_else(missing)?;
    Ok(json!({
        "type": "query", "name": name, "label": source.say(&format!("v_{name}"))?, "datasource": source.datasource(),
        "query": { "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery" }, "definition": query,
        "refresh": 2, "sort": 1, "multi": false, "includeAll": true, "allValue": "all", "hide": 0, "regex": "",
        "skipUrlSync": false, "options": [], "current": { "text": "All", "value": "$__all" },
    }))
}

fn annotations(source: &Source, names: &[(&str, bool)]) -> Result<Vec<Value>, BoardError> {
    let mut all = vec![json!({
        "builtIn": 1, "name": "Annotations & Alerts", "type": "dashboard", "enable": true, "hide": true,
        "iconColor": "rgba(0, 211, 255, 1)", "datasource": { "type": "grafana", "uid": "-- Grafana --" },
    })];
    for (name, on) in names {
        let mut mark = json!({
            "name": source.say(&format!("a_{name}"))?, "datasource": source.datasource(), "enable": on, "hide": false,
            "iconColor": if *name == "alerts" { "orange" } else { "purple" },
        });
        match source.flavour {
            Flavour::Sql => {
                mark["target"] = json!({
                    "refId": "Anno", "datasource": source.datasource(), "editorMode": "code", "format": "table",
                    "rawQuery": true, "rawSql": source.sql(&source.queries.annotation, name)?,
                });
            }
            Flavour::Prom => {
                let missing = || BoardError::Missing((*name).to_owned());
                let marks = source.exprs.annotation.get(*name).ok_or_else(missing)?;
                // Older versions of Grafana read expression and step beside the target, newer ones in it.
                mark["expr"] = json!(marks.expr);
                mark["step"] = json!("1d");
                mark["titleFormat"] = json!(marks.title);
                mark["textFormat"] = json!("");
                mark["tagKeys"] = json!(marks.tags);
                mark["target"] = json!({ "refId": "Anno", "expr": marks.expr, "interval": "1d" });
            }
        }
        all.push(mark);
    }
    Ok(all)
}
