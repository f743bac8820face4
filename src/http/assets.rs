//! The page's own files, inside the binary. An address holds the hash of the content, so browsers keep it for good.
use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::problem::Problem;

#[derive(RustEmbed)]
#[folder = "src/http/assets"]
struct Files;

fn tag(file: &EmbeddedFile) -> String {
    file.metadata.sha256_hash().iter().take(6).map(|b| format!("{b:02x}")).collect()
}

/// The relative address of a file, or the bare name of one that is not there.
pub fn address(name: &str) -> String {
    match Files::get(name) {
        Some(file) => format!("assets/{}/{name}", tag(&file)),
        None => name.to_owned(),
    }
}

pub(super) async fn asset(Path(path): Path<String>) -> Response {
    let missing = || Problem::not_found("there is no such file in this version").into_response();
    let Some((asked, name)) = path.split_once('/') else { return missing() };
    let Some(file) = Files::get(name).filter(|f| tag(f) == asked) else { return missing() };
    let kind = match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    };
    let mut response = file.data.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let keep = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(header::CACHE_CONTROL, keep);
    response
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// The bundle is built by hand from `.charts` (`npm ci --ignore-scripts && npm run build`); whoever changes it must say so in the recorded hash.
    #[test]
    fn the_chart_bundle_is_the_recorded_one_and_its_licences_are_with_it() {
        let recorded = include_str!(".charts/echarts.custom.min.js.sha256");
        let bundle = Files::get("echarts.custom.min.js").unwrap();
        let hash: String = Sha256::digest(&bundle.data).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(recorded.split_whitespace().next(), Some(hash.as_str()));
        let text = |name| String::from_utf8(Files::get(name).unwrap().data.into_owned()).unwrap();
        assert!(text("echarts.LICENSE.txt").contains("Apache License"));
        assert!(text("echarts.NOTICE.txt").contains("Apache ECharts"));
    }

    #[test]
    fn the_lock_file_names_no_registry() {
        assert!(!include_str!(".charts/package-lock.json").contains("resolved"));
    }
}
