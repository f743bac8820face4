//! The configuration: what is accepted, and the message of each mistake.
//!
//! Every `tests/fixtures/config/bad/*.toml` stands beside the `*.txt` that it must be answered with;
//! `WEISU_BLESS=1` writes those texts anew.
use std::{
    fs,
    path::{Path, PathBuf},
};

use weisu::config::{Config, Problems};

use crate::support::{command::weisu, root};

fn fixtures(kind: &str) -> Vec<PathBuf> {
    let folder = root().join("tests/fixtures/config").join(kind);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    files
}

fn parse(file: &Path) -> Result<Config, Problems> {
    Config::parse(&fs::read_to_string(file).unwrap(), Path::new(file.file_name().unwrap()))
}

#[test]
fn good_configurations_are_accepted_and_printed_so_that_they_read_the_same() {
    for file in fixtures("good") {
        let config = parse(&file).unwrap_or_else(|problems| panic!("{problems}"));
        let printed = toml::to_string(&config).unwrap();
        let again =
            Config::parse(&printed, Path::new("printed.toml")).unwrap_or_else(|p| panic!("{printed}{p}"));
        let print = |config: &Config| toml::to_string(config).unwrap();
        assert_eq!(print(&again), printed, "{}", file.display());
    }
    let example = root().join("systemd/weisu.toml");
    parse(&example).unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn every_bad_configuration_gets_the_message_beside_it() {
    let bless = std::env::var_os("WEISU_BLESS").is_some();
    let mut wrong = Vec::new();
    for file in fixtures("bad") {
        let said = format!("{}\n", parse(&file).expect_err(&file.display().to_string()));
        let expected = file.with_extension("txt");
        if bless {
            fs::write(&expected, &said).unwrap();
        }
        if fs::read_to_string(&expected).unwrap_or_default() != said {
            wrong.push(said);
        }
    }
    assert!(wrong.is_empty(), "not as beside the file; WEISU_BLESS=1 accepts:\n{}", wrong.join("\n"));
}

#[test]
fn every_mistake_has_a_line_a_key_and_a_remedy() {
    for file in fixtures("bad") {
        let Problems { found, .. } = parse(&file).unwrap_err();
        for problem in &found {
            let name = file.display();
            assert!(problem.line.is_some(), "{name}: {problem:?} has no line");
            assert!(!problem.remedy.is_empty() && !problem.problem.is_empty(), "{name}: {problem:?}");
            let is_syntax = problem.problem.starts_with("not valid TOML");
            assert_eq!(problem.key.is_empty(), is_syntax, "{name}: {problem:?}");
        }
        let mut keys: Vec<_> = found.iter().map(|p| (&p.key, &p.problem)).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), found.len(), "{}: nothing is said twice", file.display());
    }
}

#[test]
fn five_mistakes_are_reported_at_once_with_exit_code_78() {
    let folder = root().join("tests/fixtures/config/bad");
    for command in [&["check-config"][..], &["once"], &["run"], &["ingest", "x.csv"], &["status"]] {
        let said = weisu(&folder, &[&["--config", "five_mistakes.toml"], command].concat()).failed(78);
        assert!(said.starts_with("weisu: 5 mistakes in the configuration"), "{command:?}: {said}");
        let places = [
            "five_mistakes.toml:3: city.zone: ",
            "five_mistakes.toml:6: store.wait_seconds: ",
            "five_mistakes.toml:10: source[0].preset: ",
            "five_mistakes.toml:11: source[0].colour: ",
            "five_mistakes.toml:14: schedule.daily: ",
        ];
        places.iter().for_each(|place| assert!(said.contains(place), "{place} in {said}"));
        assert_eq!(said.matches("\n    -> ").count(), 5, "{said}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().filter(|e| is_database(e.as_ref().unwrap())).count(), 0);
}

fn is_database(entry: &fs::DirEntry) -> bool {
    entry.path().extension().is_some_and(|e| e == "db")
}

#[test]
fn a_missing_or_unreadable_file_is_a_mistake_of_configuration_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let said = weisu(at, &["--config", "no/such.toml", "check-config"]).failed(78);
    assert!(
        said.contains("no/such.toml: cannot be read: No such file") && said.contains("-> name an"),
        "{said}"
    );
    fs::write(at.join("latin1.toml"), b"[city]\nname = \"S\xe3o Paulo\"\n").unwrap();
    let said = weisu(at, &["--config", "latin1.toml", "check-config"]).failed(78);
    assert!(said.contains("latin1.toml: cannot be read: stream did not contain valid UTF-8"), "{said}");
    // Nothing named and nothing in the usual places.
    if !Path::new("/etc/weisu/weisu.toml").exists() {
        let said = weisu(at, &["check-config"]).failed(78);
        assert!(said.contains("looked for weisu.toml and /etc/weisu/weisu.toml"), "{said}");
    }
}

#[test]
fn holiday_files_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("weisu.toml"), "[city]\nholidays = [\"a.csv\", \"none.csv\", \"b.csv\"]\n").unwrap();
    fs::write(at.join("a.csv"), "ds,name\n2024-05-10,Fair\n").unwrap();
    fs::write(at.join("b.csv"), "ds,name\n10.5.2024,Fair\n").unwrap();
    let said = weisu(at, &["check-config"]).failed(78);
    assert!(said.contains("2 mistakes") && !said.contains("holidays[0]"), "{said}");
    assert!(said.contains("city.holidays[1]: cannot read") && said.contains("none.csv"), "{said}");
    assert!(said.contains("city.holidays[2]") && said.contains("b.csv: expected columns ds,name"), "{said}");
    fs::write(at.join("weisu.toml"), "[city]\nholidays = [\"a.csv\"]\n").unwrap();
    weisu(at, &["check-config"]).ok();
}

#[test]
fn regressor_files_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let text = "[[regressor]]\nname = \"rain\"\nfile = \"rain.csv\"\nkind = \"past_only\"\n";
    fs::write(at.join("weisu.toml"), text).unwrap();
    fs::write(at.join("rain.csv"), "ds,value\n2024-05-10,wet\n").unwrap();
    let said = weisu(at, &["check-config"]).failed(78);
    assert!(said.contains("regressor[0].file") && said.contains("line 2: \"wet\" is no number"), "{said}");
    fs::write(at.join("rain.csv"), "ds,value\n2024-05-10,3.5\n").unwrap();
    weisu(at, &["check-config"]).ok();
}

#[test]
fn printing_shows_every_key_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[store]\nurl = \"postgres://weisu:s3cr3t@db.example:5432/weisu?password=s3cr3t&sslmode=require\"\n\
        [[receiver]]\nname = \"bot\"\nurl = \"https://user:s3cr3t@bot.example/hook?key=s3cr3t\"\n";
    fs::write(folder.path().join("weisu.toml"), text).unwrap();
    for format in ["text", "json"] {
        let said = weisu(folder.path(), &["check-config", "--print", "--format", format]).ok();
        assert!(!said.contains("s3cr3t"), "{said}");
        for shown in ["db.example:5432/weisu", "bot.example/hook?key=", "refit_days", "weisu:", "sslmode"] {
            assert!(said.contains(shown), "{shown} in {said}");
        }
    }
    // A store that cannot be reached is named without its password as well.
    let text = "[store]\nurl = \"postgres://weisu:s3cr3t@127.0.0.1:1/weisu\"\nwait_seconds = 1\n";
    fs::write(folder.path().join("weisu.toml"), text).unwrap();
    let said = weisu(folder.path(), &["status"]).failed(75);
    assert!(said.contains("cannot open the store") && said.contains("127.0.0.1"), "{said}");
    assert!(!said.contains("s3cr3t"), "{said}");
}

#[tokio::test]
async fn the_map_is_opened_and_compared_with_the_districts_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let config =
        |city: &str| fs::write(at.join("weisu.toml"), format!("[city]\nname = \"X\"\n{city}")).unwrap();
    let square = r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1],[0,0]]]}"#;
    let map = |name: &str| {
        let feature = format!(r#"{{"type":"Feature","properties":{{"name":"{name}"}},"geometry":{square}}}"#);
        let text = format!(r#"{{"type":"FeatureCollection","features":[{feature}]}}"#);
        fs::write(at.join("m.geojson"), text).unwrap();
    };
    map("North");
    config("map = \"m.geojson\"\nmap_name = \"id\"\nadjacency = \"n.csv\"\n");
    let said = weisu(at, &["check-config"]).failed(78);
    let place = "weisu.toml:4: city.map_name: ";
    assert!(said.contains(place) && said.contains("m.geojson: feature 1: no property \"id\""), "{said}");
    assert!(said.contains("-> name one of: name"), "{said}");
    config("map = \"m.geojson\"\nadjacency = \"n.csv\"\n");
    let said = weisu(at, &["check-config"]).failed(78);
    assert!(
        said.contains("weisu.toml:4: city.adjacency: ") && said.contains("n.csv: cannot be read"),
        "{said}"
    );
    config("map = \"m.geojson\"\n");
    let said = weisu(at, &["check-config"]).ok();
    assert!(!said.contains("city.map"), "no store yet, so nothing to compare with: {said}");
    assert_eq!(fs::read_dir(at).unwrap().filter(|e| is_database(e.as_ref().unwrap())).count(), 0);

    let store = crate::support::Database::sqlite(&folder).open().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    let paths = ["North", "South"].map(|name| vec![name.to_owned()]);
    tx.intern(weisu::store::Tree::Districts, &paths).await.unwrap();
    tx.commit().await.unwrap();
    store.close().await;
    for command in ["check-config", "status"] {
        let said = weisu(at, &[command]).ok();
        assert!(said.contains("not on the map and have no neighbours: South"), "{said}");
        assert!(!said.contains("no district has the name of"), "{said}");
    }
    map("Elsewhere");
    let said = weisu(at, &["check-config", "--format", "json"]).json();
    assert!(said["map"][1].as_str().unwrap().contains("Elsewhere; compare city.map_name"), "{said}");
}
