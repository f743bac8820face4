//! The OpenAPI document against the running API, by a client that makes up requests from it: schemathesis. Reads and
//! writes; no 5xx, and no answer that the document does not have. It is run from the path, where `tests/run` puts it.
use std::process::Command;

use weisu::config::Http;

use crate::{
    access::{HEATING_HARBOUR, NOISE, closed, office},
    prom::has,
};

/// Answers that are not as documented. What a request must be to be taken is said in words as well, which a client that
/// makes requests up cannot read; so whether a good or a bad one was taken is not asked.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,unsupported_method,allow_header_conformance,ignored_auth";

/// Requests made up for each address, besides those at the edges of what it takes.
const EXAMPLES: &str = "8";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_makes_up_requests_finds_nothing_undocumented() {
    if !has("schemathesis") {
        println!("skipped: schemathesis is not installed; tests/run installs it where it can");
        return;
    }
    let http = Http { requests_per_minute: 1_000_000, attempts_per_minute: 1_000_000, ..closed() };
    let office = office(http).await;
    // Made-up keys name nothing: every other one is that of an alert.
    let known = format!(
        "[dictionaries.alerts]\nvalues = [\"{NOISE}\", \"{HEATING_HARBOUR}\"]\n\n\
         [parameters]\n\"path.id\" = {{ dictionary = \"alerts\", probability = 0.5 }}\n"
    );
    std::fs::write(office.database.folder.join("schemathesis.toml"), known).unwrap();
    let mut command = Command::new("schemathesis");
    command
        .args(["run", &office.server.url("/api/openapi.json"), "--checks", CHECKS])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", "20241115"])
        .args(["--continue-on-failure", "--warnings", "off", "--suppress-health-check", "all"])
        .args(["--header", "Authorization: Bearer admin", "--request-timeout", "30"])
        .current_dir(&office.database.folder)
        .env("NO_COLOR", "1");
    let out = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
    let did = office.store.audit(i64::MAX, 1000).await.unwrap();
    assert!(!did.is_empty(), "nothing was ever done to an alert: {said}");
}
