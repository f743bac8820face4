//! The OpenAPI document against the running API, by a client that makes up requests from it: schemathesis. Reads and
//! writes; no 5xx, and no answer that the document does not have. It is run from the path, where `tests/run` puts it.
use std::process::Command;

use weisu::config::Http;

use crate::{
    access::{closed, office},
    http::has,
};

/// Answers that are not as documented. What a request must be to be taken is said in words as well, which a client that
/// makes requests up cannot read; so whether a good or a bad one was taken is not asked.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,unsupported_method,allow_header_conformance,ignored_auth";

/// Requests for each address.
const EXAMPLES: &str = "25";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_makes_up_requests_finds_nothing_undocumented() {
    if !has("schemathesis") {
        println!(
            "skipped: schemathesis is not installed; tests/run installs it where it can (pip install schemathesis)"
        );
        return;
    }
    for (access, token) in [(Http::default(), None), (closed(), Some("admin"))] {
        let office = office(Http { requests_per_minute: 1_000_000, ..access }).await;
        let mut command = Command::new("schemathesis");
        command.args(["run", &office.server.url("/api/openapi.json"), "--checks", CHECKS]);
        command.args([
            "--max-examples",
            EXAMPLES,
            "--seed",
            "20241115",
            "--continue-on-failure",
            "--warnings",
            "off",
        ]);
        command.args(["--suppress-health-check", "all", "--request-timeout", "30"]);
        if let Some(token) = token {
            command.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        command.current_dir(&office.database.folder).env("NO_COLOR", "1");
        let out = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{said}");
        // It must have got somewhere: alerts were found and acted on.
        let words = office.store.audit(i64::MAX, 1000).await.unwrap();
        println!("{} entries in the audit", words.len());
    }
}
