//! Exports and reports over HTTP: listed, served as they lie in the folder, and nothing beside them.
use std::fs;

use weisu::config::Lang;
use weisu_models::calendar::Calendar;

use crate::{
    export::city as export_city,
    support::{
        Database, city,
        server::{Server, With, serve, serve_with},
    },
};

/// A server over the fixture city with one report in its exports, and the folder of both.
async fn served() -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = city::store(&Database::sqlite(&folder), Some(&city::ZH)).await;
    let exports = folder.path().join("exports");
    let (calendar, city) = (Calendar::new(), export_city());
    let request = weisu::publish::report::Request {
        city: &city,
        calendar: &calendar,
        sources: &["hotline".to_owned()],
        period: weisu::publish::report::Period::Month("2026-10".parse().unwrap()),
        lang: Lang::Zh,
        small_cell: 5,
    };
    weisu::publish::report::write(&store, &request, &exports).await.unwrap();
    (serve_with(store, Lang::Zh, With { exports: Some(exports), ..With::default() }).await, folder)
}

#[tokio::test]
async fn exports_are_listed_and_served_as_they_lie() {
    let (server, folder) = served().await;
    let list = server.json("/api/v1/exports").await;
    assert_eq!((&list[0]["kind"], &list[0]["period"]), (&"report-zh".into(), &"2026-10".into()));
    for file in list[0]["files"].as_array().unwrap() {
        let name = file["name"].as_str().unwrap();
        let answer = server.get(&format!("/api/v1/exports/{name}")).await;
        assert_eq!(answer.status(), 200, "{name}");
        let header = |key: &str| answer.headers()[key].to_str().unwrap().to_owned();
        let (kind, how) = match name.rsplit('.').next().unwrap() {
            "html" => ("text/html; charset=utf-8", "inline"),
            "csv" => ("text/csv; charset=utf-8", "attachment"),
            _ => ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "attachment"),
        };
        assert_eq!(header("content-type"), kind);
        assert!(header("content-disposition").starts_with(how), "{name}");
        assert_eq!(header("etag"), format!("\"{}\"", file["sha256"].as_str().unwrap()));
        assert_eq!(header("x-content-type-options"), "nosniff");
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert_eq!(policy.contains("sandbox"), name.ends_with(".html"), "a report runs nothing");
        let bytes = answer.bytes().await.unwrap();
        assert_eq!(bytes, fs::read(folder.path().join("exports").join(name)).unwrap(), "{name}");
    }
    let page = server.get("/exports?lang=zh").await.text().await.unwrap();
    assert!(page.contains("月报(中文)") && page.contains("api/v1/exports/demo_report-zh_2026-10_20.html"));
    let page = server.get("/exports?lang=en").await.text().await.unwrap();
    assert!(page.contains("Monthly report in Chinese"));
}

#[tokio::test]
async fn nothing_beside_the_exports_is_served() {
    let (server, folder) = served().await;
    fs::write(folder.path().join("secret.txt"), "secret").unwrap();
    fs::write(folder.path().join("exports/unlisted.csv"), "secret").unwrap();
    for path in [
        "..%2Fsecret.txt",
        "%2e%2e/secret.txt",
        "..%5Csecret.txt",
        "%2Fetc%2Fpasswd",
        "unlisted.csv",
        "manifest.json",
        ".",
        "..%00",
        "",
    ] {
        let answer = server.get(&format!("/api/v1/exports/{path}")).await;
        // The client itself resolves some of these to other addresses of the API.
        let found = answer.status().is_success();
        let said = answer.text().await.unwrap();
        assert!(!said.contains("secret") && !said.contains("root:"), "{path}: {said}");
        assert!(!found || said.starts_with('['), "{path}: {said}");
    }
    // A manifest that somebody else wrote leads nowhere else either.
    let manifest = folder.path().join("exports/manifest.json");
    let forged =
        fs::read_to_string(&manifest).unwrap().replace("demo_report-zh_2026-10_20.csv", "../secret.txt");
    fs::write(&manifest, forged).unwrap();
    assert_eq!(server.get("/api/v1/exports/..%2Fsecret.txt").await.status(), 404);
    fs::write(&manifest, "not a manifest").unwrap();
    assert_eq!(server.get("/api/v1/exports").await.status(), 500);
}

#[tokio::test]
async fn a_server_without_exports_has_an_empty_list() {
    let folder = tempfile::tempdir().unwrap();
    let store = city::store(&Database::sqlite(&folder), Some(&city::EN)).await;
    let server = serve(store, Lang::En).await;
    assert_eq!(server.json("/api/v1/exports").await, serde_json::json!([]));
    assert_eq!(server.get("/api/v1/exports/x.csv").await.status(), 404);
    assert!(server.get("/exports").await.text().await.unwrap().contains("No report or export yet"));
}
