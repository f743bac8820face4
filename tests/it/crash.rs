//! kill -9 at every stage and at any moment: the next run takes over at once and ends where an undisturbed one does.
use std::{
    collections::BTreeSet,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

use crate::support::{
    Database, for_each_database,
    installation::{Installation, LATER, MORNING, dead, text, until},
};

/// Everything that a run leaves behind and that does not name the run or the hour it was written.
const STATE: [(&str, &str); 9] = [
    ("files", "SELECT name || ' ' || sha256 FROM files ORDER BY 1"),
    ("topics", "SELECT id || ' ' || parent || ' ' || name FROM topics ORDER BY id"),
    (
        "tickets",
        "SELECT id || ' ' || version || ' ' || received || ' ' || day || ' ' || topic || ' ' || district FROM tickets ORDER BY 1",
    ),
    (
        "counts",
        "SELECT topic || ' ' || district || ' ' || day || ' ' || raw || ' ' || dedup FROM counts ORDER BY 1",
    ),
    ("days", "SELECT day || ' ' || tickets || ' ' || status FROM source_days ORDER BY 1"),
    (
        "forecasts",
        "SELECT series || ' ' || grain || ' ' || target || ' ' || mean || ' ' || q025 || ' ' || q50 || ' ' || q975 \
         FROM forecasts ORDER BY 1",
    ),
    (
        "alarms",
        "SELECT fingerprint || ' ' || window_start || ' ' || kind || ' ' || expected || ' ' || bound || ' ' || score \
         FROM alarms ORDER BY 1",
    ),
    (
        "alerts",
        "SELECT id || ' ' || fingerprint || ' ' || state || ' ' || onset || ' ' || severity FROM alerts ORDER BY 1",
    ),
    (
        "deliveries",
        "SELECT id || ' ' || alert || ' ' || receiver || ' ' || event || ' ' || status FROM deliveries ORDER BY 1",
    ),
];

async fn state(at: &Installation) -> Vec<(&'static str, Vec<String>)> {
    let mut state = Vec::new();
    for (name, sql) in STATE {
        state.push((name, at.ask(sql).await));
    }
    state
}

/// An office that takes a while to answer.
async fn office(delay: Duration) -> (MockServer, String) {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(204).set_delay(delay))
        .mount(&server)
        .await;
    let config = format!("[[receiver]]\nname = \"office\"\nurl = \"{}\"\n", server.uri());
    (server, config)
}

async fn ids(server: &MockServer) -> BTreeSet<String> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|r| r.headers.get("webhook-id").unwrap().to_str().unwrap().to_owned()).collect()
}

/// What an undisturbed run leaves behind.
async fn undisturbed(database: &Database) -> Vec<(&'static str, Vec<String>)> {
    let (_server, config) = office(Duration::ZERO).await;
    let at = Installation::new(database, "2025-11-10", &config);
    at.must(&["once"], MORNING);
    let state = state(&at).await;
    for (name, rows) in &state {
        assert!(!rows.is_empty(), "no {name}: the comparison would be empty");
    }
    assert!(state.last().unwrap().1.iter().all(|delivery| delivery.ends_with("delivered")));
    state
}

fn spawn(at: &Installation, args: &[&str]) -> Child {
    let mut command = at.weisu(args, Some(MORNING));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Starts the binary and kills it while `stage` is running; the dead child, or `None` when it was too quick.
async fn kill_in(at: &Installation, database: &Database, args: &[&str], stage: &str) -> Option<Child> {
    let store = database.open().await.unwrap();
    let mut child = spawn(at, args);
    until!(&format!("{stage} to begin"), {
        let runs = store.recent_runs(1).await.unwrap();
        runs.first().is_some_and(|run| run.stage == stage) || child.try_wait().unwrap().is_some()
    });
    if stage == "publish" {
        // In the middle of an attempt that the office has already seen.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    child.kill().unwrap();
    store.close().await;
    dead(&child).await;
    let is_hit = at.runs().await.last().is_some_and(|run| *run == format!("{stage} running"));
    is_hit.then_some(child)
}

/// Kills in one stage, runs again, and compares.
async fn check(database: &Database, args: &[&str], stage: &str, expected: &[(&'static str, Vec<String>)]) {
    let delay = if stage == "publish" { Duration::from_secs(2) } else { Duration::ZERO };
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let database = fresh(database, &folder).await;
        let (server, config) = office(delay).await;
        let at = Installation::new(&database, "2025-11-10", &config);
        let Some(mut child) = kill_in(&at, &database, args, stage).await else { continue };

        // Not looked after yet, so a zombie: its lease must not count all the same.
        let begun = Instant::now();
        at.must(args, MORNING);
        assert!(begun.elapsed() < Duration::from_secs(20), "{stage}: {:?}", begun.elapsed());
        child.wait().unwrap();
        let errors = at.ask("SELECT stage || ': ' || error FROM runs WHERE status = 'failed'").await;
        // Killed between its commit reaching the log and the log's index: the next to open the store finds it done.
        if errors.is_empty() && at.runs().await.contains(&format!("{stage} ok")) {
            continue;
        }
        assert_eq!(errors, [format!("{stage}: the process ended before the run did")]);
        // What an attempt was cut off from is due again when its claim has run out.
        at.must(&["once"], LATER);
        for ((name, mine), (_, theirs)) in state(&at).await.iter().zip(expected) {
            assert!(
                mine == theirs,
                "{name} after kill -9 in {stage}: {} and {} rows",
                mine.len(),
                theirs.len()
            );
        }
        let running = at.runs().await.into_iter().filter(|run| run.ends_with("running")).count();
        assert_eq!(running, 0, "{stage}");
        let stored: BTreeSet<String> = at.ask("SELECT id FROM deliveries").await.into_iter().collect();
        assert_eq!(ids(&server).await, stored, "the office saw each delivery under its one id");
        return;
    }
    panic!("{stage} was never caught running");
}

/// Another empty place like `database`.
async fn fresh(database: &Database, folder: &tempfile::TempDir) -> Database {
    if database.url.starts_with("sqlite") {
        return Database::sqlite(folder);
    }
    database
        .execute("DROP SCHEMA IF EXISTS grafana CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        .await;
    Database { folder: folder.path().to_owned(), ..database.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_in_each_stage_of_once_changes_nothing_in_the_end() {
    for_each_database(|database| async move {
        let expected = undisturbed(&database).await;
        let stages: &[&str] = match database.url.starts_with("sqlite") {
            true => &["ingest", "aggregate", "fit", "forecast", "detect", "publish"],
            false => &["ingest", "publish"],
        };
        for stage in stages {
            check(&database, &["once"], stage, &expected).await;
        }
        check(&database, &["ingest", "tickets.csv"], "ingest", &expected).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_at_any_moment_changes_nothing_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let expected = undisturbed(&Database::sqlite(&folder)).await;
    let mut hit = BTreeSet::new();
    for seed in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let (server, config) = office(Duration::from_millis(30)).await;
        let at = Installation::new(&Database::sqlite(&folder), "2025-11-10", &config);
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..8 {
            let mut child = spawn(&at, &["once"]);
            tokio::time::sleep(Duration::from_millis(rng.random_range(2..250))).await;
            child.kill().unwrap();
            child.wait().unwrap();
            if at.path("weisu.db").exists() {
                let tables = at.ask("SELECT name FROM sqlite_master WHERE name = 'leases'").await;
                let runs = if tables.is_empty() { vec!["migration".to_owned()] } else { at.runs().await };
                hit.extend(runs.into_iter().filter(|run| !run.ends_with("ok")));
            }
        }
        at.must(&["once"], MORNING);
        at.must(&["once"], LATER);
        for ((name, mine), (_, theirs)) in state(&at).await.iter().zip(&expected) {
            assert!(mine == theirs, "{name}, seed {seed}: {} and {} rows", mine.len(), theirs.len());
        }
        let stored: BTreeSet<String> = at.ask("SELECT id FROM deliveries").await.into_iter().collect();
        assert_eq!(ids(&server).await, stored, "seed {seed}");
    }
    println!("killed in {hit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_once_one_runs_and_the_other_says_who_is_busy() {
    for_each_database(|database| async move {
        let expected = undisturbed(&database).await;
        let folder = tempfile::tempdir().unwrap();
        let database = fresh(&database, &folder).await;
        let (_server, config) = office(Duration::from_millis(700)).await;
        let at = Installation::new(&database, "2025-11-10", &config);
        let store = database.open().await.unwrap();
        let mut first = spawn(&at, &["once"]);
        until!("the first to begin", !store.recent_runs(1).await.unwrap().is_empty());
        let second = at.run(&["once"], MORNING);
        assert_eq!(second.status.code(), Some(75), "{}", text(&second.stderr));
        let said = text(&second.stderr);
        let owner = format!("/{}/", first.id());
        assert!(said.contains("the daily chain is being run by") && said.contains(&owner), "{said}");
        until!("the first to end", first.try_wait().unwrap().is_some());
        assert!(first.wait().unwrap().success());
        store.close().await;
        let runs = at.runs().await;
        assert_eq!(runs, ["ingest ok", "aggregate ok", "fit ok", "forecast ok", "detect ok", "publish ok"]);
        assert!(state(&at).await == expected, "nothing was doubled");
    })
    .await;
}
