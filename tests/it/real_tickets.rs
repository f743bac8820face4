//! Published tickets, where they are at hand: every row accounted for.
use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    report::{cells, parse, text, untraced},
    support::{command::weisu, office::is_anywhere, root},
};

/// A file beside the workspace; says so when it is not there.
fn shared(path: &str) -> Option<PathBuf> {
    let file = root().join("../shared/data").join(path);
    if !file.exists() {
        println!("skipped: {} is not here", file.display());
    }
    file.exists().then_some(file)
}

fn configure(folder: &Path, zone: &str, calendar: &str, preset: &str, file: &Path) {
    let text = format!(
        "[city]\nzone = \"{zone}\"\ncalendar = \"{calendar}\"\n\n[[source]]\nname = \"{preset}\"\npreset = \"{preset}\"\nfiles = [\"{}\"]\n\n\
         [forecast]\norigins = 4\nmonths = 3\n",
        file.display()
    );
    fs::write(folder.join("weisu.toml"), text).unwrap();
}

#[test]
fn sao_paulo_is_taken_to_the_last_row_and_the_chain_ends_well() {
    let Some(file) = shared("sao_paulo_156/tickets_2015_2018.csv.gz") else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    configure(at, "America/Sao_Paulo", "BR", "sao_paulo_156", &file);
    let now = ["--now", "2019-01-02T12:00:00Z"];
    let said = weisu(at, &[&["ingest", &file.display().to_string()], &now[..]].concat()).ok();
    assert!(said.contains("371117 rows = 371117 added + 0 replaced + 0 duplicates + 0 rejected"), "{said}");
    let ran = weisu(at, &[&["once", "--format", "json"], &now[..]].concat()).json();
    assert_eq!(ran["ingest"]["known_files"], 1);
    assert_eq!(ran["aggregate"]["watermark"], "2018-12-31");
    assert!(ran["forecast"]["series"].as_u64().unwrap() > 200, "{ran}");
    november_reads_well(at);
}

/// The report of a month that lies in the past; its figures were counted in the published file by other means.
fn november_reads_well(at: &Path) {
    let args = ["report", "--month", "2018-11", "--lang", "zh,en", "--out", "reports", "--format", "json"];
    let written = weisu(at, &args).json();
    for summary in written.as_array().unwrap() {
        let name = summary["entry"]["files"]["html"]["name"].as_str().unwrap();
        let html = fs::read_to_string(at.join("reports").join(name)).unwrap();
        let document = parse(&html);
        assert_eq!(untraced(&document), Vec::<String>::new(), "{name}");
        let cells = cells(&document);
        for (anchor, shown) in [
            ("total.raw.count", "11,267"),
            ("total.raw.previous", "10,942"),
            ("total.raw.last_year", "8,573"),
            ("periods.this.known", "30"),
        ] {
            assert_eq!(cells[anchor], shown, "{name}: {anchor}");
        }
        let topics = document.descendants().find(|n| n.attribute("id") == Some("topics")).unwrap();
        let first = topics.descendants().filter(|n| n.has_tag_name("tr")).nth(1).unwrap();
        assert!(text(first).starts_with("Trânsito e Transporte4,126"), "{}", text(first));
    }
}

#[test]
fn bostons_zip_is_accounted_for_and_its_addresses_are_dropped() {
    let Some(file) = shared("boston_311_2011/311_service_requests_2011.zip") else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    configure(at, "America/New_York", "US", "boston_311", &file);
    let path = file.display().to_string();
    let args = ["ingest", &path, "--format", "json", "--now", "2012-01-02T12:00:00Z"];
    let said = weisu(at, &args).json();
    let n = |key: &str| said["files"][0][key].as_u64().unwrap();
    assert_eq!(n("rows"), 58_251);
    assert_eq!(n("added") + n("replaced") + n("duplicates") + n("rejected"), n("rows"), "{said}");
    assert_eq!((n("added"), n("rejected")), (58_251, 0), "{said}");
    let dropped = serde_json::json!(["location", "location_street_name", "location_zipcode"]);
    assert_eq!(said["files"][0]["dropped_columns"], dropped);
    assert!(is_anywhere(at, "Greater Mattapan"));
    assert!(!is_anywhere(at, "Groveland St") && !is_anywhere(at, "39 Lorraine St"));
}
