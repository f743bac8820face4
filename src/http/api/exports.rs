//! Files of the exports folder: monthly forecasts, reports and weekly digests. Read only.
//!
//! A file is served when the manifest of the folder lists its very name; a name is looked up and never made into a path
//! before, so that no spelling of `..` leads anywhere else.
use std::{io, path::PathBuf};

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokio_util::io::ReaderStream;

use crate::{
    http::{AppState, problem::Problem},
    publish::export::{Entry, FileEntry, MANIFEST, Manifest},
};

/// What a report may do in a browser: show its own text, styles and charts, and nothing else.
const REPORT_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; sandbox; base-uri 'none'; frame-ancestors 'none'";

/// An export or report.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct ExportView {
    /// File name without ending.
    pub name: String,
    /// `forecast`, `report-zh`, `report-en`, `weekly-zh` or `weekly-en`.
    pub kind: String,
    /// The month or week it is about, `2026-11` or `2026-W46`.
    pub period: String,
    /// The run it rests on.
    pub run: i64,
    /// When that was finished.
    pub issued_at: String,
    /// The last day that was known.
    pub origin: String,
    /// What is counted.
    pub basis: Vec<String>,
    /// Lines of its tables.
    pub rows: u64,
    /// Counts from 1 to this less one were taken out; 0 = none.
    pub small_cell: u32,
    /// How many were.
    pub small_cells: u64,
    /// Its files.
    pub files: Vec<FileView>,
}

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct FileView {
    /// `csv`, `html`, `parquet` or `xlsx`.
    pub ending: String,
    /// Its name, to be asked for at `/api/v1/exports/{name}`.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its checksum.
    pub sha256: String,
}

/// Exports and reports that the manifest of the folder lists, the newest run first.
#[utoipa::path(get, path = "/exports", tag = "exports",
    responses((status = OK, body = Vec<ExportView>), (status = 500, body = Problem)))]
pub(crate) async fn exports(State(state): State<AppState>) -> Result<Json<Vec<ExportView>>, Problem> {
    Ok(Json(list(&state).await?))
}

/// The same list for the page.
pub(crate) async fn list(state: &AppState) -> Result<Vec<ExportView>, Problem> {
    let mut all: Vec<ExportView> =
        manifest(state).await?.exports.into_iter().map(|(name, entry)| view(name, entry)).collect();
    all.sort_by(|a, b| (b.run, &b.period, &a.name).cmp(&(a.run, &a.period, &b.name)));
    Ok(all)
}

/// A file that the list names.
#[utoipa::path(get, path = "/exports/{name}", tag = "exports", params(("name" = String, Path, description = "Name of a file")),
    responses((status = OK, description = "The file", content_type = "application/octet-stream"),
        (status = 404, body = Problem), (status = 500, body = Problem)))]
pub(crate) async fn file(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found("there is no such export: /api/v1/exports lists them");
    let listed: Option<FileEntry> = (manifest(&state).await?.exports.into_values())
        .flat_map(|entry| entry.files.into_values())
        .find(|file| file.name == name && is_plain(&file.name));
    let (Some(listed), Some(folder)) = (listed, &state.exports) else { return Err(missing()) };
    let opened = tokio::fs::File::open(folder.join(&listed.name)).await;
    let opened = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing()),
        opened => opened.map_err(|error| unreadable(&listed.name, &error))?,
    };
    let mut response = Body::from_stream(ReaderStream::new(opened)).into_response();
    let is_report = listed.name.ends_with(".html");
    let how = if is_report { "inline" } else { "attachment" };
    let headers = [
        (header::CONTENT_TYPE, kind_of(&listed.name).to_owned()),
        (header::CONTENT_LENGTH, listed.bytes.to_string()),
        (header::CONTENT_DISPOSITION, format!("{how}; filename=\"{}\"", listed.name)),
        (header::ETAG, format!("\"{}\"", listed.sha256)),
        (HeaderName::from_static("cache-control"), "no-cache".to_owned()),
    ];
    for (key, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(key, value);
        }
    }
    if is_report {
        let policy = HeaderValue::from_static(REPORT_POLICY);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

fn view(name: String, entry: Entry) -> ExportView {
    let files = entry.files.into_iter().map(|(ending, file)| FileView {
        ending,
        name: file.name,
        bytes: file.bytes,
        sha256: file.sha256,
    });
    ExportView {
        name,
        kind: entry.kind,
        period: entry.month,
        run: entry.run,
        issued_at: entry.issued_at,
        origin: entry.origin,
        basis: entry.basis,
        rows: entry.rows,
        small_cell: entry.small_cell,
        small_cells: entry.small_cells,
        files: files.collect(),
    }
}

/// A folder without a manifest has no exports.
async fn manifest(state: &AppState) -> Result<Manifest, Problem> {
    let Some(folder) = &state.exports else { return Ok(Manifest::default()) };
    match tokio::fs::read(folder.join(MANIFEST)).await {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| unreadable(MANIFEST, &error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Manifest::default()),
        Err(error) => Err(unreadable(MANIFEST, &error)),
    }
}

fn unreadable(name: &str, error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(name, %error, "a file of the exports folder cannot be read");
    Problem::internal()
}

/// One component that is no way up: what a manifest of ours holds.
fn is_plain(name: &str) -> bool {
    let path = PathBuf::from(name);
    path.file_name().is_some_and(|own| own == path.as_os_str())
        && !name.starts_with('.')
        && !name.contains(['/', '\\', '"'])
}

fn kind_of(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("csv") => "text/csv; charset=utf-8",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Some("parquet") => "application/vnd.apache.parquet",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_files() {
        for (name, plain) in [
            ("demo_report-zh_2026-10_20.html", true),
            ("", false),
            (".", false),
            ("..", false),
            ("../weisu.toml", false),
            ("a/b.csv", false),
            ("a\\b.csv", false),
            (".demo.part", false),
            ("/etc/passwd", false),
        ] {
            assert_eq!(is_plain(name), plain, "{name}");
        }
    }
}
