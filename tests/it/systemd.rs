//! The files an operator installs: the unit verifies and is hardened, the example configuration is complete.
use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use weisu::config::Config;

use crate::support::root;

/// Exposure that `systemd-analyze security` may report at most, in tenths.
const EXPOSURE: &str = "15";

fn path(name: &str) -> PathBuf {
    root().join("systemd").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

/// Runs a tool of systemd; says that it is skipped where the tool is missing.
fn run(command: &mut Command) -> Option<(bool, String)> {
    match command.output() {
        Ok(out) => {
            let all = [out.stdout, out.stderr].concat();
            Some((out.status.success(), String::from_utf8_lossy(&all).into_owned()))
        }
        Err(error) => {
            println!("skipped: {:?}: {error}", command.get_program());
            None
        }
    }
}

/// The unit as it would be installed here: with the binary under test instead of the installed one.
fn unit() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("weisu.service");
    let installed = text("weisu.service").replace("/usr/local/bin/weisu", env!("CARGO_BIN_EXE_weisu"));
    fs::write(&unit, installed).unwrap();
    (folder, unit)
}

#[test]
fn the_unit_verifies() {
    let (_folder, unit) = unit();
    let verify = |unit: &PathBuf| run(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(unit));
    let Some((is_fine, said)) = verify(&unit) else { return };
    // Units of the machine itself may be mentioned; only ours counts.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("weisu")).collect();
    assert!(is_fine && ours.is_empty(), "{said}");

    let broken = fs::read_to_string(&unit).unwrap().replace("ProtectSystem=strict", "ProtectSytem=strict");
    fs::write(&unit, broken).unwrap();
    let (_, said) = verify(&unit).unwrap();
    assert!(said.contains("ProtectSytem"), "a misspelt key is noticed: {said}");
}

#[test]
fn the_unit_is_hardened() {
    let (_folder, unit) = unit();
    let rate = |unit: &PathBuf| {
        let threshold = format!("--threshold={EXPOSURE}");
        run(Command::new("systemd-analyze")
            .args(["security", "--no-pager", "--offline=true", &threshold])
            .arg(unit))
    };
    let Some((is_low, said)) = rate(&unit) else { return };
    if said.contains("unrecognized option") || said.contains("Unknown argument") {
        println!("skipped: this systemd-analyze rates no unit files");
        return;
    }
    assert!(is_low, "{said}");
    println!("{}", said.lines().last().unwrap_or_default());

    let bare = "[Service]\nExecStart=/bin/true\n";
    fs::write(&unit, bare).unwrap();
    assert!(!rate(&unit).unwrap().0, "a unit without hardening is above the threshold");
}

#[test]
fn the_unit_says_what_the_daemon_relies_on() {
    let unit = text("weisu.service");
    for line in
        ["Type=notify", "ExecReload=/bin/kill -HUP $MAINPID", "RestartPreventExitStatus=2 78", "User=weisu"]
    {
        assert!(unit.lines().any(|l| l == line), "{line}");
    }
    assert!(unit.lines().any(|l| l.starts_with("WatchdogSec=")));
    assert!(text("weisu.sysusers").lines().any(|l| l.starts_with("u weisu ")), "the unit's user is made");
}

#[test]
fn the_user_file_is_understood() {
    let out = run(Command::new("systemd-sysusers").arg("--dry-run").arg(path("weisu.sysusers")));
    if let Some((is_fine, said)) = out {
        assert!(is_fine || said.contains("unrecognized option"), "{said}");
    }
}

#[test]
fn the_example_configuration_is_valid_with_and_without_its_examples() {
    let example = text("weisu.toml");
    Config::load(&path("weisu.toml")).unwrap();
    // `#key` and `#[section]` are examples, `# text` is prose.
    let with_examples: String = example
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let shown = Config::parse(&with_examples, &path("weisu.toml")).unwrap();
    assert_eq!((shown.source.len(), shown.receiver.len(), shown.season.len()), (2, 4, 3));
    assert_eq!(shown.capacity.len(), 1);

    let defaults = Config::default();
    assert_eq!(
        (&shown.forecast, &shown.detect),
        (&defaults.forecast, &defaults.detect),
        "defaults are as said"
    );
    // An address and the file of a key have no default: theirs are examples.
    let http = weisu::config::Http { public_url: String::new(), key_file: None, ..shown.http.clone() };
    assert_eq!((&shown.schedule, &http), (&defaults.schedule, &defaults.http), "defaults are as said");
}

#[test]
fn the_example_configuration_mentions_every_setting() {
    let example = text("weisu.toml");
    let is_shown =
        |key: &str| example.lines().any(|l| l.trim_start_matches('#').starts_with(&format!("{key} =")));
    let mut config = Config {
        source: vec![Default::default()],
        receiver: vec![Default::default()],
        season: vec![Default::default()],
        capacity: vec![Default::default()],
        regressor: vec![Default::default()],
        ..Config::default()
    };
    config.source[0].mapping = Some(Default::default());
    let mut keys = BTreeSet::new();
    leaves(&serde_json::to_value(&config).unwrap(), &mut keys);
    let missing: Vec<&String> = keys.iter().filter(|key| !is_shown(key)).collect();
    assert!(keys.len() > 40 && missing.is_empty(), "systemd/weisu.toml does not show {missing:?}");
}

/// Names of all settings that are no section.
fn leaves(value: &serde_json::Value, keys: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(fields) => fields.iter().for_each(|(key, value)| match value {
            serde_json::Value::Object(inner) if !inner.is_empty() => leaves(value, keys),
            serde_json::Value::Array(items) if items.first().is_some_and(serde_json::Value::is_object) => {
                leaves(value, keys);
            }
            _ => {
                keys.insert(key.clone());
            }
        }),
        serde_json::Value::Array(items) => items.iter().for_each(|item| leaves(item, keys)),
        _ => {}
    }
}
