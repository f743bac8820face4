//! Queries of panels for either data source, under names that settings can rely on.
use serde_json::{Map, Value, json};

use super::{BoardError, Flavour, Named, Source, parts::Column};

/// What a panel wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Values over the range.
    Series,
    /// Newest values.
    Newest,
}

fn letters() -> impl Iterator<Item = String> + Clone {
    (b'A'..=b'Z').map(|letter| char::from(letter).to_string())
}

fn sql(source: &Source, key: &str, letter: &str, format: &str) -> Result<Value, BoardError> {
    Ok(json!({
        "refId": letter,
        "datasource": source.datasource(),
        "editorMode": "code",
        "format": format,
        "rawQuery": true,
        "rawSql": source.sql(&source.queries.panel, key)?,
    }))
}

fn expr(source: &Source, (name, expr): &Named, letter: &str, form: Form, format: &str) -> Value {
    json!({
        "refId": letter,
        "datasource": source.datasource(),
        "editorMode": "code",
        "expr": expr,
        "legendFormat": name,
        "format": format,
        "instant": form == Form::Newest,
        "range": form == Form::Series,
    })
}

/// Queries of a chart or of a panel of numbers. Each key is a query in SQL and one or more expressions, each with the
/// name of its series.
pub(super) fn targets(source: &Source, keys: &[&str], form: Form) -> Result<Vec<Value>, BoardError> {
    match source.flavour {
        Flavour::Sql => {
            let format = if form == Form::Series { "time_series" } else { "table" };
            keys.iter().zip(letters()).map(|(key, letter)| sql(source, key, &letter, format)).collect()
        }
        Flavour::Prom => {
            let mut named = Vec::new();
            for key in keys {
                let exprs = source.exprs.series.get(*key);
                named.extend(exprs.ok_or_else(|| BoardError::Missing((*key).to_owned()))?);
            }
            let target = |(one, letter): (&Named, String)| expr(source, one, &letter, form, "time_series");
            Ok(named.into_iter().zip(letters()).map(target).collect())
        }
    }
}

/// Queries of a table, and what makes its columns of them. Columns that the data source cannot give are taken out.
pub(super) fn rows<'a>(
    source: &Source,
    key: &str,
    columns: Vec<Column<'a>>,
) -> Result<(Vec<Value>, Value, Vec<Column<'a>>), BoardError> {
    if source.flavour == Flavour::Sql {
        return Ok((vec![sql(source, key, "A", "table")?], json!([]), columns));
    }
    let vectors = source.exprs.table.get(key).ok_or_else(|| BoardError::Missing(key.to_owned()))?;
    let named = vectors.values.iter().zip(letters());
    let targets: Vec<Value> =
        named.clone().map(|(one, letter)| expr(source, one, &letter, Form::Newest, "table")).collect();
    // One query leaves a field `Value`, several leave `Value #A`, `Value #B`, ….
    let alone = targets.len() == 1;
    let field = |letter: &str| if alone { "Value".to_owned() } else { format!("Value #{letter}") };
    // A label is written `label` or `label:column`.
    let labels = vectors.labels.iter().map(|label| label.split_once(':').unwrap_or((label, label)));
    let labels = labels.map(|(label, column)| (label.to_owned(), column.to_owned()));
    let fields: Vec<(String, String)> =
        labels.chain(named.map(|((name, _), letter)| (field(&letter), name.clone()))).collect();
    let gives = |column: &Column<'_>| fields.iter().any(|(_, name)| name == column.name);
    let columns: Vec<Column<'_>> = columns.into_iter().filter(gives).collect();
    let renamed = fields.iter().filter(|(field, name)| field != name);
    let renamed: Map<String, Value> = renamed.map(|(field, name)| (field.clone(), json!(name))).collect();
    let place = |name: &str| columns.iter().position(|column| column.name == name);
    let order = fields.iter().filter_map(|(field, name)| Some((field.clone(), json!(place(name)?))));
    let order: Map<String, Value> = order.collect();
    let transformations = json!([
        { "id": "merge", "options": {} },
        { "id": "organize", "options": {
            "excludeByName": { "Time": true }, "indexByName": order, "renameByName": renamed,
        } },
    ]);
    Ok((targets, transformations, columns))
}
