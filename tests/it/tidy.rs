//! The house rules as tests: layout, directions between modules, where SQL and the clock may be, sizes.
//!
//! Each rule is a function from text to what is wrong with it, so that it can be shown to fail on a bad snippet.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::support::root;

/// What stands at the top of the repository, besides hidden files.
const TOP: [&str; 10] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "dashboards",
    "models",
    "src",
    "systemd",
    "tests",
];
const HIDDEN: [&str; 9] = [
    ".cargo",
    ".ci",
    ".clippy.toml",
    ".config",
    ".deny.toml",
    ".gitattributes",
    ".github",
    ".gitignore",
    ".rustfmt.toml",
];

/// Where the wall clock is read.
const CLOCK: &str = "src/schedule/clock.rs";

// ---- Rules

fn unexpected_at_the_top<'a>(entries: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    entries.filter(|entry| !TOP.contains(entry) && !HIDDEN.contains(entry)).collect()
}

/// Lines with SQL: keywords in capitals, as the store writes them, or the driver itself.
fn sql_in(text: &str) -> Vec<&str> {
    const WORDS: [&str; 11] = [
        "SELECT ",
        "INSERT INTO",
        "UPDATE ",
        "DELETE FROM",
        "CREATE TABLE",
        "CREATE INDEX",
        "CREATE VIEW",
        "ALTER TABLE",
        "DROP TABLE",
        "PRAGMA ",
        "sqlx::",
    ];
    lines_with(text, &WORDS)
}

fn clock_in(text: &str) -> Vec<&str> {
    lines_with(text, &["Utc::now", "Local::now", "SystemTime::now", "Utc.now", "OffsetDateTime::now"])
}

/// Lines that make the mathematics impure.
fn world_in(text: &str) -> Vec<&str> {
    const WORDS: [&str; 12] = [
        "tokio",
        "sqlx",
        "reqwest",
        "async fn",
        "std::fs",
        "std::io",
        "std::env",
        "std::net",
        "std::time",
        "Instant::now",
        "rand::rng()",
        "println!",
    ];
    let mut found = lines_with(text, &WORDS);
    found.extend(clock_in(text));
    found
}

fn unfinished_in(text: &str) -> Vec<&str> {
    let words = ["TODO", "FIXME", "todo!(", "unimplemented!(", "#[ignore"];
    text.lines().filter(|line| words.iter().any(|word| line.contains(word))).collect()
}

/// Paths of somebody's machine.
fn machine_paths_in(text: &str) -> Vec<&str> {
    let words = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    text.lines().filter(|line| words.iter().any(|word| line.contains(word))).collect()
}

fn is_too_long(text: &str, most: usize) -> bool {
    text.lines().count() > most
}

/// Uses of other modules that the picture does not have, as (module, used).
fn wrong_directions(
    picture: &BTreeMap<String, BTreeSet<String>>,
    module: &str,
    text: &str,
) -> Vec<(String, String)> {
    used_modules(text)
        .into_iter()
        .filter(|used| used != module && !picture.get(module).is_some_and(|may| may.contains(used)))
        .map(|used| (module.to_owned(), used))
        .collect()
}

/// Lines that climb out of the top-level module with `super`, where `crate::` would say where to.
fn leaving_by_super<'a>(path: &str, text: &'a str) -> Vec<&'a str> {
    let module = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let climb = "super::".repeat(module.split('/').count());
    lines_with(text, &[&climb])
}

// ---- Reading

fn lines_with<'a>(text: &'a str, words: &[&str]) -> Vec<&'a str> {
    text.lines().filter(|line| words.iter().any(|word| line.contains(word))).collect()
}

/// The part of a file that ships: no comments, and nothing from its test module on.
fn shipped(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// The modules that `crate::…`, `weisu::…` and `weisu_models::…` name, also in braces; `models` for the latter.
fn used_modules(text: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    if text.contains("weisu_models::") {
        used.insert("models".to_owned());
    }
    for start in ["crate::", "weisu::"] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || "_$".contains(c)) {
                continue;
            }
            match text[at + start.len()..].strip_prefix('{') {
                Some(list) => used.extend(names_in_braces(list)),
                None => used.extend(identifier(&text[at + start.len()..])),
            }
        }
    }
    used
}

/// First names of the items of a `use` list whose opening brace has been read.
fn names_in_braces(list: &str) -> Vec<String> {
    let (mut depth, mut item, mut names) = (1, String::new(), Vec::new());
    for c in list.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if depth == 0 || (depth == 1 && c == ',') {
            names.extend(identifier(item.trim_start()));
            item.clear();
        } else {
            item.push(c);
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn identifier(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    // A macro or a type at the crate's root is no module.
    (!name.is_empty()
        && name.chars().all(|c| c.is_lowercase() || c == '_')
        && !text[name.len()..].starts_with('!'))
    .then_some(name)
}

/// The picture in the crate's documentation: the fenced lines `module -> a, b`.
fn picture(lib: &str) -> BTreeMap<String, BTreeSet<String>> {
    let names = |list: &str| {
        let names = list.split(',').map(str::trim).filter(|n| !n.is_empty() && *n != "nothing");
        names.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let fenced = lib.split("//! ```text\n").nth(1).unwrap_or_default();
    fenced
        .lines()
        .take_while(|line| *line != "//! ```")
        .filter_map(|line| line.strip_prefix("//! ")?.split_once("->"))
        .flat_map(|(modules, uses)| names(modules).into_iter().map(move |module| (module, names(uses))))
        .collect()
}

/// A module on a cycle, if there is one: modules that use nothing are taken away until none is left.
fn cycle(picture: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    let mut left = picture.clone();
    loop {
        let free: Vec<String> = left
            .iter()
            .filter(|(_, uses)| !uses.iter().any(|u| left.contains_key(u)))
            .map(|(m, _)| m.clone())
            .collect();
        if free.is_empty() {
            return left.into_keys().next();
        }
        free.iter().for_each(|module| {
            left.remove(module);
        });
    }
}

struct File {
    /// Relative to the repository, with slashes.
    path: String,
    text: String,
    is_test: bool,
}

impl File {
    /// `store` of `src/store/mod.rs`, `ticket` of `src/ticket.rs`.
    fn module(&self) -> &str {
        let rest = self.path.strip_prefix("src/").unwrap_or(&self.path);
        rest.split(['/', '.']).next().unwrap_or_default()
    }
}

fn walk(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, endings, found);
        } else if path.extension().is_none_or(|e| endings.iter().any(|ending| e == *ending)) {
            found.push(path);
        }
    }
}

/// Files under a folder whose name ends in one of `endings`, or in nothing.
fn files(folder: &str, endings: &[&str]) -> Vec<File> {
    let mut paths = Vec::new();
    walk(&root().join(folder), endings, &mut paths);
    let read: Vec<File> = paths
        .iter()
        .filter_map(|path| Some((path.strip_prefix(root()).ok()?, fs::read_to_string(path).ok()?)))
        .map(|(path, text)| File { path: path.display().to_string(), text, is_test: false })
        .collect();
    let tests = test_files(&read);
    read.into_iter()
        .map(|file| {
            let is_test =
                tests.iter().any(|t| file.path.starts_with(t.as_str())) || file.path.contains("/benches/");
            File { is_test, ..file }
        })
        .collect()
}

/// Paths of the modules that are declared as `#[cfg(test)] mod name;`.
fn test_files(files: &[File]) -> Vec<String> {
    let declared = |file: &File| {
        let folder =
            file.path.trim_end_matches(".rs").trim_end_matches("/mod").trim_end_matches("/lib").to_owned();
        let names = file.text.split("#[cfg(test)]\nmod ").skip(1).filter_map(|rest| {
            let name = rest.split([';', ' ', '{']).next()?;
            rest[name.len()..].starts_with(';').then(|| name.to_owned())
        });
        names.map(move |name| format!("{folder}/{name}.rs")).collect::<Vec<_>>()
    };
    files.iter().flat_map(declared).collect()
}

/// Applies a rule to files and fails with everything it found.
fn check(rule: &str, files: &[File], wrong: impl Fn(&File) -> Vec<String>) {
    assert!(files.len() > 3, "{rule}: looked at {} files only", files.len());
    let found: Vec<String> = files
        .iter()
        .flat_map(|file| wrong(file).into_iter().map(move |w| format!("{}: {}", file.path, w.trim())))
        .collect();
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

fn owned(lines: Vec<&str>) -> Vec<String> {
    lines.into_iter().map(str::to_owned).collect()
}

// ---- The rules on the repository

#[test]
fn the_top_level_is_fixed() {
    let git = std::process::Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let Some(listed) = git.ok().filter(|o| o.status.success() && !o.stdout.is_empty()) else {
        println!("skipped: not a git checkout");
        return;
    };
    let listed = String::from_utf8(listed.stdout).unwrap();
    let entries: BTreeSet<&str> =
        listed.split('\0').filter_map(|p| p.split('/').next()).filter(|e| !e.is_empty()).collect();
    assert_eq!(unexpected_at_the_top(entries.into_iter()), Vec::<&str>::new());
}

#[test]
fn sql_is_in_the_store_only() {
    let outside: Vec<File> =
        files("src", &["rs"]).into_iter().filter(|f| !f.is_test && f.module() != "store").collect();
    check("SQL belongs in src/store", &outside, |f| owned(sql_in(&shipped(&f.text))));
}

#[test]
fn one_file_reads_the_wall_clock() {
    let mut all = files("src", &["rs"]);
    all.extend(files("models/src", &["rs"]));
    let others: Vec<File> = all.into_iter().filter(|f| f.path != CLOCK).collect();
    check("time is an argument; only schedule/clock.rs reads the clock", &others, |f| {
        owned(clock_in(&f.text))
    });
    let clock = fs::read_to_string(root().join(CLOCK)).unwrap();
    assert!(!clock_in(&clock).is_empty(), "{CLOCK} is where the clock is read");
}

#[test]
fn modules_use_each_other_as_the_picture_shows() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let picture = picture(&lib);
    let declared: BTreeSet<String> = lib
        .lines()
        .filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned))
        .collect();
    let drawn: BTreeSet<String> = picture.keys().filter(|m| *m != "main").cloned().collect();
    assert_eq!(drawn, declared, "the picture in src/lib.rs has every module and no other");
    assert_eq!(cycle(&picture), None, "modules form layers");
    for leaf in ["schedule", "ticket", "metrics", "telemetry"] {
        assert!(picture[leaf].is_empty(), "{leaf} uses nothing else in src");
    }
    let daemon_users: Vec<&String> =
        picture.iter().filter(|(_, uses)| uses.contains("daemon")).map(|(m, _)| m).collect();
    assert_eq!(daemon_users, ["cli"], "nothing but the command line points at the daemon");
    let shipping: Vec<File> =
        files("src", &["rs"]).into_iter().filter(|f| !f.is_test && f.path != "src/lib.rs").collect();
    check("a direction that src/lib.rs does not draw", &shipping, |f| {
        let text = shipped(&f.text);
        let wrong = wrong_directions(&picture, f.module(), &text)
            .into_iter()
            .map(|(m, used)| format!("{m} -> {used}"));
        wrong.chain(leaving_by_super(&f.path, &text).into_iter().map(str::to_owned)).collect()
    });
}

#[test]
fn the_mathematics_knows_nothing_of_the_world() {
    let shipping: Vec<File> = files("models/src", &["rs"]).into_iter().filter(|f| !f.is_test).collect();
    check("models are pure", &shipping, |f| owned(world_in(&shipped(&f.text))));
    let manifest = fs::read_to_string(root().join("models/Cargo.toml")).unwrap();
    for dependency in ["tokio", "sqlx", "reqwest", "axum", "weisu "] {
        assert!(
            !manifest.lines().any(|l| l.starts_with(dependency)),
            "models must not depend on {dependency}"
        );
    }
}

#[test]
fn files_are_short_and_finished() {
    let mut all = files("src", &["rs"]);
    all.extend(files("models", &["rs"]));
    all.extend(files("tests", &["rs"]));
    check("look again at 500 lines", &all, |f| {
        if is_too_long(&f.text, 500) { vec![format!("{} lines", f.text.lines().count())] } else { Vec::new() }
    });
    check("finish it", &all, |f| {
        if f.path.ends_with("tidy.rs") { Vec::new() } else { owned(unfinished_in(&f.text)) }
    });
    let main = fs::read_to_string(root().join("src/main.rs")).unwrap();
    assert!(!is_too_long(&main, 60), "src/main.rs only starts the command line");
}

#[test]
fn nothing_names_a_path_of_somebodys_machine() {
    let endings = [
        "rs", "toml", "sql", "md", "json", "yml", "txt", "service", "tmpfiles", "sysusers", "html", "css",
        "js",
    ];
    let mut all = Vec::new();
    for folder in ["src", "models", "tests", "systemd", "dashboards", ".ci", ".config", ".cargo"] {
        all.extend(files(folder, &endings));
    }
    for name in ["README.md", "Cargo.toml", "CHANGELOG.md"] {
        let text = fs::read_to_string(root().join(name)).unwrap_or_default();
        all.push(File { path: name.to_owned(), text, is_test: false });
    }
    check("a path of somebody's machine", &all, |f| owned(machine_paths_in(&f.text)));
}

// ---- Each rule on a bad snippet

#[test]
fn a_stray_top_level_entry_is_found() {
    assert_eq!(unexpected_at_the_top(["src", "Makefile", ".ci", "notes"].into_iter()), ["Makefile", "notes"]);
}

#[test]
fn stray_sql_is_found_and_comments_and_tests_are_not() {
    let text = "// UPDATE in a comment\nlet q = \"SELECT id FROM runs\";\nuse sqlx::Row;\nlet updated = 1;\n\
                #[cfg(test)]\nmod tests {\n let q = \"DELETE FROM runs\";\n}\n";
    assert_eq!(sql_in(&shipped(text)), ["let q = \"SELECT id FROM runs\";", "use sqlx::Row;"]);
}

#[test]
fn a_stray_clock_is_found_and_a_stopwatch_is_not() {
    assert_eq!(clock_in("let t = Utc::now();").len(), 1);
    assert_eq!(clock_in("let t = std::time::SystemTime::now();").len(), 1);
    assert_eq!(clock_in("let t = chrono::Local::now();").len(), 1);
    assert_eq!(clock_in("let t = Instant::now();").len(), 0);
}

#[test]
fn the_world_in_the_mathematics_is_found() {
    for bad in [
        "use std::fs::File;",
        "std::time::Instant::now()",
        "tokio::spawn(x)",
        "pub async fn f()",
        "println!(\"\")",
    ] {
        assert_eq!(world_in(bad).len(), 1, "{bad}");
    }
    assert_eq!(world_in("let fit = model.fit(&series);").len(), 0);
}

#[test]
fn unfinished_work_and_machine_paths_are_found() {
    assert_eq!(unfinished_in("// TODO later\nfine\n#[ignore = \"slow\"]\ntodo!()").len(), 3);
    let path = format!("let p = \"{}x\";\nlet q = \"/var/lib/weisu\";", concat!("/ho", "me/"));
    assert_eq!(machine_paths_in(&path).len(), 1);
    assert!(is_too_long("a\nb\nc\n", 2) && !is_too_long("a\nb\n", 2));
}

#[test]
fn used_modules_are_read_from_every_way_of_naming_them() {
    let text = "use crate::{\n    config::{Config, Lang},\n    store::Store, ticket::{self},\n};\nuse crate::http;\n\
                let x = crate::metrics::Metrics::default();\npub(crate) fn f() {}\n$crate::store::on_tx!();\n\
                crate::execute!(tx);\nweisu_models::calendar::Calendar::new()";
    let used: Vec<String> = used_modules(text).into_iter().collect();
    assert_eq!(used, ["config", "http", "metrics", "models", "store", "ticket"]);
}

#[test]
fn a_wrong_direction_and_a_cycle_are_found() {
    let lib = "//! [`x`] -> [`y`] prose\n//! ```text\n//! cli -> store, ticket\n//! store -> ticket\n//! ticket -> nothing\n//! ```\n//! a -> b\n";
    let drawn = picture(lib);
    assert_eq!(drawn.len(), 3);
    assert_eq!(cycle(&drawn), None);
    assert_eq!(wrong_directions(&drawn, "cli", "use crate::store::Store;"), []);
    let wrong = wrong_directions(&drawn, "store", "use crate::{cli::Args, ticket::Day};");
    assert_eq!(wrong, [("store".to_owned(), "cli".to_owned())]);
    assert_eq!(wrong_directions(&drawn, "unknown", "use crate::ticket::Day;").len(), 1);
    let circle = picture("//! ```text\n//! cli -> store\n//! store -> cli\n//! ```\n");
    assert_eq!(cycle(&circle).as_deref(), Some("cli"));
}

#[test]
fn climbing_out_of_a_module_is_found() {
    let (once, twice) = ("use super::Store;", "use super::super::{Store, Tree};");
    assert_eq!(leaving_by_super("src/ticket.rs", once).len(), 1);
    assert_eq!(leaving_by_super("src/store/mod.rs", once).len(), 1);
    assert_eq!(leaving_by_super("src/store/runs.rs", once).len(), 0);
    assert_eq!(leaving_by_super("src/store/runs.rs", twice).len(), 1);
    assert_eq!(leaving_by_super("src/store/board/mod.rs", twice).len(), 1);
    assert_eq!(leaving_by_super("src/store/board/alerts.rs", twice).len(), 0);
}

#[test]
fn declared_test_modules_are_told_from_shipped_ones() {
    let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned(), is_test: false };
    let files = [
        file("src/simulate/mod.rs", "mod rows;\n#[cfg(test)]\nmod tests;\n"),
        file("src/ticket.rs", "#[cfg(test)]\nmod tests {\n}"),
        file("src/x/y.rs", "#[cfg(test)]\nmod checks;\n"),
    ];
    assert_eq!(test_files(&files), ["src/simulate/tests.rs", "src/x/y/checks.rs"]);
}
