//! Answers as Prometheus writes them.
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use serde_json::{Value as Data, json};

use super::{
    evaluate::Value,
    series::{Labels, QueryError},
};

/// A number as Go prints it: no exponent, and words for what is not finite.
fn number(value: f64) -> String {
    match value {
        v if v.is_nan() => "NaN".to_owned(),
        v if v.is_infinite() => if v > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        v => v.to_string(),
    }
}

/// Seconds with three decimals at most.
fn seconds(instant: i64) -> Data {
    if instant % 1000 == 0 { json!(instant / 1000) } else { json!(instant as f64 / 1000.0) }
}

fn point(instant: i64, value: f64) -> Data {
    json!([seconds(instant), number(value)])
}

/// The result of an instant query.
pub fn instant(value: Value, instant: i64) -> Data {
    match value {
        Value::Scalar(values) => {
            let value = values.first().copied().unwrap_or(f64::NAN);
            json!({ "resultType": "scalar", "result": point(instant, value) })
        }
        Value::Vector(lines) => {
            let result: Vec<Data> = lines
                .into_iter()
                .filter_map(|line| {
                    let value = line.values.first().copied().flatten()?;
                    Some(json!({ "metric": line.labels, "value": point(instant, value) }))
                })
                .collect();
            json!({ "resultType": "vector", "result": result })
        }
    }
}

/// The result of a range query.
pub fn range(value: Value, instants: &[i64]) -> Data {
    let points = |values: &[Option<f64>]| {
        let points = instants.iter().zip(values).filter_map(|(t, v)| Some(point(*t, (*v)?)));
        points.collect::<Vec<Data>>()
    };
    let result: Vec<Data> = match value {
        Value::Scalar(values) => {
            let values: Vec<Option<f64>> = values.into_iter().map(Some).collect();
            vec![json!({ "metric": Labels::new(), "values": points(&values) })]
        }
        Value::Vector(lines) => lines
            .into_iter()
            .filter(|line| line.values.iter().any(Option::is_some))
            .map(|line| json!({ "metric": line.labels, "values": points(&line.values) }))
            .collect(),
    };
    json!({ "resultType": "matrix", "result": result })
}

/// A sound answer.
pub fn success(data: impl Into<Data>) -> Response {
    Json(json!({ "status": "success", "data": data.into() })).into_response()
}

impl IntoResponse for QueryError {
    fn into_response(self) -> Response {
        let (status, kind) = self.kind();
        let body = json!({ "status": "error", "errorType": kind, "error": self.to_string() });
        (status, Json(body)).into_response()
    }
}
