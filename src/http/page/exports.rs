//! The page at `/exports`: reports to read and files to take away.
use axum::{
    extract::State,
    http::HeaderMap,
    response::{Html, IntoResponse, Response},
};
use minijinja::{Value, context, value::Serde};
use serde::Serialize;

use super::{PageParams, Text, frame, templates, text};
use crate::http::{
    AppState,
    api::exports::{ExportView, list},
    problem::{Params, Problem},
};

/// One line of the list.
#[derive(Debug, Serialize)]
struct Line {
    kind: String,
    period: String,
    origin: String,
    run: i64,
    files: Vec<Link>,
}

#[derive(Debug, Serialize)]
struct Link {
    name: String,
    ending: String,
    size: String,
}

pub(crate) async fn exports(
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(params): Params<PageParams>,
) -> Result<Response, Problem> {
    let text = Text::new(text::language(params.lang.as_deref(), &headers, state.city.lang), state.city.zone);
    let lines: Vec<Line> = list(&state).await?.into_iter().map(|export| line(&text, export)).collect();
    let html = templates()?.get_template("exports.html")?.render(context! {
        title => text.say("exports_title", context! { city => state.city.name.clone() }),
        lines => Value::from(Serde(lines)),
        ..frame(&state, &text, Vec::new()),
    })?;
    Ok(([("vary", "accept-language")], Html(html)).into_response())
}

fn line(text: &Text, export: ExportView) -> Line {
    let files = export.files.into_iter().map(|file| Link {
        size: text.count((file.bytes as f64 / 1024.0).ceil()),
        ending: file.ending,
        name: file.name,
    });
    Line {
        kind: text.word("export", &export.kind),
        period: export.period,
        origin: export.origin,
        run: export.run,
        files: files.collect(),
    }
}
