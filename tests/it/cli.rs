//! The command line on a small city, and when the store or the disk is not as it should be.
use std::{fs, path::Path, process::Command, time::Instant};

use sqlx::{Connection, Executor, SqliteConnection};
use weisu::{
    config::Lang,
    simulate::{City, Params},
};

use crate::support::{
    Database,
    command::{Said, weisu},
    office::MAPPING,
};

const NOW: [&str; 2] = ["--now", "2025-11-10T01:00:00Z"];
/// Fewer models than by default, so that the chain takes a second.
const QUICK: &str = "[forecast]\ndays = 28\nmonths = 2\norigins = 3\ntopic_depth = 1\n";
const HEADER: &str = "id,received,closed,updated,repeat,topic,subtopic,district";

/// A folder with a small simulated city's tickets and configuration; the number of tickets.
fn small_city(folder: &Path) -> u64 {
    let until = "2025-11-10".parse().unwrap();
    let city =
        City::new(Params { years: 2, districts: 2, scale: 0.02, ..Params::demo(Lang::En, until) }).unwrap();
    let truth = city.write(&mut fs::File::create(folder.join("t.csv")).unwrap(), &|_| {}).unwrap();
    let config = city.config_toml("t.csv", None, "sqlite://weisu.db") + QUICK;
    fs::write(folder.join("weisu.toml"), config).unwrap();
    truth.tickets
}

/// A configuration with one source read by the tests' mapping.
fn configure(folder: &Path, store: &str) {
    let text = format!("{store}\n[[source]]\nname = \"hotline\"\nfiles = [\"tickets/*.csv\"]\n{MAPPING}");
    fs::write(folder.join("weisu.toml"), text).unwrap();
}

fn tickets(folder: &Path, name: &str, n: usize) {
    let row = |i| format!("{i},2025-05-01 08:00:00,,,,Streets,Noise,North\n");
    fs::write(folder.join(name), format!("{HEADER}\n{}", (0..n).map(row).collect::<String>())).unwrap();
}

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let said = weisu(folder.path(), &["--help"]).ok();
    let commands = "demo simulate ingest once run forecast detect backtest export status send-test alert verdict token check-config";
    for word in commands.split(' ').chain(["--config", "--format", "75 busy", "78 configuration"]) {
        assert!(said.contains(word), "{word} in {said}");
    }
    for command in commands.split(' ') {
        let said = weisu(folder.path(), &[command, "--help"]).ok();
        assert!(said.contains("Usage: weisu") && said.contains("--config"), "{said}");
    }
    let said = weisu(folder.path(), &["ingset"]).failed(2);
    assert!(said.contains("ingest"), "a slip is answered with the command that was meant: {said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_chain_runs_once_and_then_has_nothing_new_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let tickets = small_city(at);
    let run = |args: &[&str]| weisu(at, &[args, &NOW[..]].concat());

    let dry = run(&["ingest", "--dry-run", "t.csv", "--format", "json"]).json();
    assert_eq!(
        (dry[0]["accepted"].as_u64(), dry[0]["rejected"].to_string()),
        (Some(tickets), "{}".to_owned())
    );
    assert!(!at.join("weisu.db").exists(), "a dry run writes nothing");

    let first = run(&["once", "--format", "json"]).json();
    assert_eq!(first["ingest"]["files"][0]["added"].as_u64(), Some(tickets));
    assert_eq!(first["aggregate"]["watermark"], "2025-11-09");
    for stage in ["fit", "forecast"] {
        assert!(first[stage]["series"].as_u64().unwrap() > 10, "{stage} in {first}");
    }
    assert_eq!(first["detect"]["judged"], serde_json::json!(["2025-11-09", "2025-11-09"]));
    let second = run(&["once", "--format", "json"]).json();
    assert_eq!(second["ingest"], serde_json::json!({ "files": [], "known_files": 1 }));
    for stage in ["fit", "forecast", "detect"] {
        assert!(second.get(stage).is_none(), "{stage} has nothing new to do: {second}");
    }
    assert!(run(&["once"]).ok().contains("1 files already taken"));
    let again = run(&["ingest", "t.csv"]).ok();
    assert!(
        again.contains(&format!("{tickets} rows = 0 added + 0 replaced + {tickets} duplicates + 0 rejected"))
    );
    assert!(run(&["forecast"]).ok().contains("nothing new to do"));

    let status = run(&["status", "--format", "json"]).json();
    assert_eq!((&status["closed_until"], &status["dialect"]), (&"2025-11-09".into(), &"sqlite".into()));
    let runs = status["runs"].as_array().unwrap();
    assert!(runs.iter().all(|run| run["status"] == "ok") && runs.len() >= 5, "{status}");
    assert!(run(&["status"]).ok().contains("closed until 2025-11-09"));
}

#[test]
fn a_refused_file_is_an_error_and_a_dry_run_says_so_beforehand() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    configure(at, "");
    fs::write(at.join("bad.csv"), format!("{HEADER}\n1,never,,,,a,b,c\n2,2025-05-01 08:00:00,,,,a,b,c\n"))
        .unwrap();
    let said = weisu(at, &["ingest", "--dry-run", "bad.csv"]).failed(1);
    assert!(said.contains("1 of 1 files would be refused"), "{said}");
    let said = weisu(at, &["ingest", "bad.csv"]).failed(1);
    assert!(said.contains("bad.csv: 1 of 2 rows rejected (50.0 %"), "{said}");
    assert!(said.contains("rejects/1-0-bad.csv.csv"), "{said}");
    assert_eq!(fs::read_to_string(at.join("rejects/1-0-bad.csv.csv")).unwrap(), "line,reason\n2,bad_time\n");
    let status = weisu(at, &["status"]).ok();
    assert!(status.contains("failed") && status.contains("closed until -"), "{status}");
}

#[test]
fn files_are_told_apart_by_pattern_or_by_the_source_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let shallow = MAPPING.replace("topic = [\"topic\", \"subtopic\"]", "topic = [\"topic\"]");
    let text = format!(
        "[[source]]\nname = \"deep\"\nfiles = [\"deep/*.csv\"]\n{MAPPING}\n[[source]]\nname = \"flat\"\nfiles = [\"flat/*.csv\"]\n{shallow}"
    );
    fs::write(at.join("weisu.toml"), text).unwrap();
    fs::create_dir(at.join("deep")).unwrap();
    tickets(at, "deep/a.csv", 3);
    tickets(at, "else.csv", 4);
    // The configuration is named relatively, the file absolutely.
    let absolute = at.join("deep/a.csv").display().to_string();
    let taken = weisu(at, &["ingest", &absolute, "--format", "json"]).json();
    assert_eq!((&taken["files"][0]["source"], &taken["files"][0]["added"]), (&"deep".into(), &3.into()));
    let said = weisu(at, &["ingest", "else.csv"]).failed(1);
    assert!(said.contains("else.csv fits the files of no source (deep, flat): use --source"), "{said}");
    let said = weisu(at, &["ingest", "--source", "none", "else.csv"]).failed(1);
    assert!(said.contains("no source \"none\" in the configuration; it has deep, flat"), "{said}");
    let dry = weisu(at, &["ingest", "--source", "flat", "--dry-run", "else.csv", "--format", "json"]).json();
    assert_eq!(dry[0]["accepted"], 4);
    let taken = weisu(at, &["ingest", "--source", "flat", "else.csv", "--format", "json"]).json();
    assert_eq!((&taken["files"][0]["source"], &taken["files"][0]["added"]), (&"flat".into(), &4.into()));
    // Both sources' topics end at one depth, though the other one was not read.
    let store = fs::read(at.join("weisu.db")).unwrap();
    assert!(memchr::memmem::find(&store, b"(none)").is_some());
}

#[test]
fn logs_never_hold_what_is_personal() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    configure(at, "");
    let mut text = format!("{HEADER},name,phone\n0,never,,,,a,b,c,Zhang,13800138000\n");
    (1..=40).for_each(|id| text += &format!("{id},2025-05-01 08:00:00,,,,a,b,c,Zhang,13800138000\n"));
    fs::write(at.join("t.csv"), text).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_weisu"))
        .args(["ingest", "t.csv"])
        .current_dir(at)
        .env("WEISU_LOG", "trace")
        .output()
        .unwrap();
    let said = Said::from(out);
    assert!(said.err.contains("INFO") || said.err.contains("DEBUG"), "{}", said.err);
    assert!(!format!("{said:?}").contains("Zhang") && !format!("{said:?}").contains("13800138000"));
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    tickets(at, "t.csv", 2);
    // Not even root can write below /proc or below a file.
    for (url, hint) in [
        ("sqlite:///proc/weisu.db", "check that folder and file can be written"),
        ("sqlite://t.csv/weisu.db", "check that folder and file can be written"),
        ("sqlite://no/such/folder/weisu.db", "no/such/folder does not exist: create it"),
    ] {
        configure(at, &format!("[store]\nurl = \"{url}\"\n"));
        let said = weisu(at, &["ingest", "t.csv"]).failed(75);
        assert!(said.contains("cannot open the store") && said.contains(hint), "{said}");
    }
}

#[test]
fn a_file_that_is_no_store_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    configure(at, "");
    let text = "not a database, but long enough to be read as one: ".repeat(40);
    fs::write(at.join("weisu.db"), &text).unwrap();
    let said = weisu(at, &["status"]);
    assert!(said.code != 0 && said.err.contains("weisu.db"), "{said:?}");
    assert_eq!(fs::read_to_string(at.join("weisu.db")).unwrap(), text);
}

#[tokio::test]
async fn a_store_from_a_newer_version_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    configure(at, "");
    tickets(at, "t.csv", 2);
    weisu(at, &["ingest", "t.csv"]).ok();
    let database = Database::sqlite(&folder);
    let future = "INSERT INTO _sqlx_migrations VALUES (20990101, 'later', CURRENT_TIMESTAMP, TRUE, x'00', 1)";
    database.execute(future).await;
    for command in [&["status"][..], &["ingest", "t.csv"], &["once"]] {
        let said = weisu(at, command).failed(1);
        assert!(said.contains("was written by a newer weisu (schema 20990101)"), "{said}");
        assert!(said.contains("install that version, or restore a backup"), "{said}");
    }
}

#[tokio::test]
async fn a_locked_store_is_waited_for_and_then_said_to_be_busy() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    configure(at, "[store]\nurl = \"sqlite://weisu.db\"\nwait_seconds = 1\n");
    tickets(at, "t.csv", 2);
    weisu(at, &["status"]).ok();
    let mut other = SqliteConnection::connect(&Database::sqlite(&folder).url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let since = Instant::now();
    let said = weisu(at, &["ingest", "t.csv"]).failed(75);
    assert!(since.elapsed().as_millis() >= 1000, "it was waited for");
    assert!(said.contains("another process holds the write lock"), "{said}");
    weisu(at, &["status"]).ok();
    other.execute("ROLLBACK").await.unwrap();
    weisu(at, &["ingest", "t.csv"]).ok();
}

/// A file system of 12 MB that is full but for 700 KB, in a mount namespace of its own.
const FULL_DISK: &str = r#"
mount -t tmpfs -o size=12m tmpfs disk || exit 99
"$WEISU" ingest small.csv || exit 98
dd if=/dev/zero of=disk/ballast bs=64k 2>/dev/null
truncate -s -700K disk/ballast
"$WEISU" ingest big.csv
echo "code $?"
"$WEISU" status || exit 97
rm disk/ballast
"$WEISU" ingest big.csv || exit 96
"#;

#[test]
fn a_full_disk_is_said_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("disk")).unwrap();
    configure(at, "[store]\nurl = \"sqlite://disk/weisu.db\"\n");
    tickets(at, "small.csv", 5);
    tickets(at, "big.csv", 40_000);
    let out = Command::new("unshare")
        .args(["-rm", "sh", "-c", FULL_DISK])
        .env("WEISU", env!("CARGO_BIN_EXE_weisu"))
        .current_dir(at)
        .output();
    let said = match out.map(Said::from) {
        Ok(said) if said.code == 0 || (96..99).contains(&said.code) => said,
        other => {
            println!("skipped: no small file system can be mounted here ({other:?})");
            return;
        }
    };
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("code 1") && said.err.contains("the disk is full; free space"), "{said:?}");
    assert!(
        said.out.contains("40000 rows = 39995 added + 0 replaced + 5 duplicates + 0 rejected"),
        "{said:?}"
    );
}
