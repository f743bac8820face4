//! The real daemon: start, catching up, service manager, signals, and what it does when its surroundings fail.
//!
//! Most daemons here stand at one instant (`--now`), so that only slots caught up at the start are run; where time
//! must pass, the pauses of the real clock are short.
use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixDatagram,
    time::{Duration, Instant},
};

use sqlx::{Connection, Executor, PgConnection, SqliteConnection};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

use crate::support::{
    Database, POSTGRES, for_each_database,
    installation::{Daemon, Installation, LATER, MORNING, text, until},
    proxy::Proxy,
};

const DAILY: &str = "daily = \"10 5 * * *\"";
const SLOTS: &str = "SELECT stage || ' ' || slot || ' ' || status FROM slots ORDER BY 1";
const ONE_CHAIN: [&str; 5] = ["ingest ok", "aggregate ok", "fit ok", "forecast ok", "detect ok"];

/// A schedule with the given jobs and no other.
fn schedule(jobs: &[&str]) -> String {
    let mut text = "[schedule]\n".to_owned();
    for job in ["daily", "publish", "export", "weekly", "prune"] {
        match jobs.iter().find(|given| given.starts_with(job)) {
            Some(given) => text.push_str(given),
            None => text.push_str(&format!("{job} = \"off\"")),
        }
        text.push('\n');
    }
    text
}

fn receiver(url: &str) -> String {
    format!("[[receiver]]\nname = \"office\"\nurl = \"{url}\"\n\n")
}

fn sqlite() -> (tempfile::TempDir, Installation) {
    let folder = tempfile::tempdir().unwrap();
    let at = Installation::new(&Database::sqlite(&folder), "2025-11-10", "");
    (folder, at)
}

/// Today's date in the city, for daemons on the real clock.
fn today() -> String {
    chrono::Utc::now().with_timezone(&chrono_tz::Asia::Shanghai).date_naive().to_string()
}

async fn is_done(at: &Installation, job: &str) -> bool {
    at.ask(SLOTS).await.iter().any(|slot| slot.starts_with(job))
}

fn wal(at: &Installation) -> u64 {
    std::fs::metadata(at.path("weisu.db-wal")).map_or(0, |file| file.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_writes_the_report_of_the_month_and_the_digest_of_the_week_gone_by() {
    let (_folder, at) = sqlite();
    at.must(&["once"], MORNING);
    let jobs = schedule(&["export = \"40 6 1 * *\"", "weekly = \"50 6 * * 1\""]);
    let daemon = Daemon::start(&at, &jobs, Some(MORNING), &[]);
    until!("both slots", is_done(&at, "export").await && is_done(&at, "weekly").await);
    let url = format!("http://{}/api/v1/exports", daemon.address());
    let listed = crate::support::server::client().get(url).send().await.unwrap().text().await.unwrap();
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let mut names: Vec<String> = (listed.as_array().unwrap().iter())
        .map(|e| format!("{} {}", e["kind"].as_str().unwrap(), e["period"].as_str().unwrap()))
        .collect();
    names.sort();
    assert_eq!(names, ["forecast 2025-12", "report-en 2025-10", "weekly-en 2025-W45"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_catches_up_one_missed_slot_serves_and_stops_clean() {
    let (_folder, at) = sqlite();
    let mut daemon = Daemon::start(&at, &schedule(&[DAILY]), Some(MORNING), &[]);
    until!("readiness", daemon.status("/readyz").await == 200);
    assert_eq!(daemon.status("/healthz").await, 200);
    until!("the slot", is_done(&at, "daily").await);
    // Forty days were missed, one slot is made up for: the newest.
    assert_eq!(at.ask(SLOTS).await, ["daily 2025-11-10T05:10 done"]);
    assert_eq!(at.runs().await, ONE_CHAIN);

    let other = at.run(&["run"], MORNING);
    let said = text(&other.stderr);
    assert_eq!(other.status.code(), Some(75), "{said}");
    assert!(said.contains("another weisu daemon already uses") && said.contains("weisu.db"), "{said}");

    // A client that never ends its request must not keep it up.
    let mut idle = TcpStream::connect(daemon.address()).unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").unwrap();
    let begun = Instant::now();
    daemon.signal("-TERM");
    assert_eq!(daemon.ended().await, Some(0), "{}", daemon.log());
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!(wal(&at), 0, "the WAL is folded back");
    let _ = idle.read(&mut [0]);

    let again = Daemon::start(&at, &schedule(&[DAILY]), Some(MORNING), &[]);
    until!("readiness", again.status("/readyz").await == 200);
    again.stop().await;
    assert_eq!(at.runs().await, ONE_CHAIN, "a slot that is done is not run again");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_manager_is_told_and_the_watchdog_petted() {
    let (_folder, at) = sqlite();
    let socket = at.path("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let env = [("NOTIFY_SOCKET", socket.to_str().unwrap()), ("WATCHDOG_USEC", "600000")];
    let mut daemon = Daemon::start(&at, &schedule(&[DAILY]), Some(MORNING), &env);
    let mut told = String::new();
    let mut hear = |until: &str| {
        let begun = Instant::now();
        while !told.contains(until) && begun.elapsed() < Duration::from_secs(20) {
            let mut buffer = [0; 4096];
            if let Ok(n) = manager.recv(&mut buffer) {
                told.push_str(&text(&buffer[..n]));
                told.push('\n');
            }
        }
        assert!(told.contains(until), "{until} is not in {told}");
        std::mem::take(&mut told)
    };
    hear("READY=1");
    hear("STATUS=daily of 2025-11-10T05:10 done");
    for _ in 0..3 {
        hear("WATCHDOG=1");
    }
    daemon.signal("-HUP");
    hear("RELOADING=1");
    hear("READY=1");
    daemon.signal("-TERM");
    hear("STOPPING=1");
    assert_eq!(daemon.ended().await, Some(0), "{}", daemon.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_takes_a_good_configuration_and_refuses_a_bad_one() {
    let (_folder, at) = sqlite();
    let office = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(204)).mount(&office).await;
    let daemon = Daemon::start(&at, &schedule(&[]), Some(MORNING), &[]);
    until!("health", daemon.status("/healthz").await == 200);
    assert_eq!(at.runs().await, [""; 0], "everything is off");

    daemon.reload(&at, "[schedule]\ndaily = \"61 * * * *\"\n");
    daemon.says("configuration not reloaded, the old one stays").await;
    assert!(daemon.log().contains("schedule.daily"), "{}", daemon.log());
    at.reconfigure("[http]\nlisten = \"127.0.0.1:1\"\n");
    daemon.signal("-HUP");
    daemon.says("change only with a restart").await;
    assert_eq!(daemon.status("/healthz").await, 200);
    assert_eq!(at.runs().await, [""; 0], "the old schedule is in force");

    daemon.reload(&at, &format!("{}{}", receiver(&office.uri()), schedule(&[DAILY])));
    until!("the new schedule", is_done(&at, "daily").await);
    let sent = office.received_requests().await.unwrap().len();
    assert!(sent > 0, "the new receiver is in force");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_a_delivery_under_way_end() {
    let (_folder, at) = sqlite();
    let office = MockServer::start().await;
    let slow = ResponseTemplate::new(204).set_delay(Duration::from_millis(800));
    Mock::given(method("POST")).respond_with(slow).mount(&office).await;
    let more = format!("{}{}", receiver(&office.uri()), schedule(&[DAILY]));
    let mut daemon = Daemon::start(&at, &more, Some(MORNING), &[]);
    until!("a delivery", !office.received_requests().await.unwrap().is_empty());
    daemon.signal("-TERM");
    until!("draining", daemon.status("/readyz").await == 503);
    assert_eq!(daemon.ended().await, Some(0), "{}", daemon.log());
    assert_eq!(at.runs().await.last().unwrap(), "publish ok");
    assert!(is_done(&at, "daily").await);
    let open = at.ask("SELECT id FROM deliveries WHERE status <> 'delivered'").await;
    assert_eq!((open.len(), wal(&at)), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_recovers_gets_each_alert_once_under_one_id() {
    let (_folder, at) = sqlite();
    let office = MockServer::start().await;
    let broken =
        Mock::given(method("POST")).respond_with(ResponseTemplate::new(500)).mount_as_scoped(&office).await;
    let every_minute = schedule(&[DAILY, "publish = \"* * * * *\""]);
    let more = format!("{}{every_minute}", receiver(&office.uri()));
    let daemon = Daemon::start(&at, &more, Some(MORNING), &[]);
    until!("the slots", is_done(&at, "daily").await && is_done(&at, "publish").await);
    daemon.stop().await;
    let failed = ids(&office).await;
    assert!(!failed.is_empty());
    drop(broken);

    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).mount(&office).await;
    let daemon = Daemon::start(&at, &more, Some(LATER), &[]);
    let waits = "SELECT id FROM deliveries WHERE status = 'pending'";
    until!("the deliveries", at.ask(waits).await.is_empty());
    daemon.stop().await;
    let stored = at.ask("SELECT id FROM deliveries ORDER BY id").await;
    let mut taken = ids(&office).await.split_off(failed.len());
    taken.sort();
    assert_eq!(taken, stored, "each once");
    assert!(failed.iter().all(|id| stored.contains(id)), "under the id of the failed attempt");
}

/// The webhook-ids that a receiver has seen, in order.
async fn ids(office: &MockServer) -> Vec<String> {
    let requests = office.received_requests().await.unwrap();
    requests.iter().map(|r| r.headers.get("webhook-id").unwrap().to_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_held_up_is_waited_for_and_the_slot_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::sqlite(&folder);
    let at = Installation::new(&database, &today(), "");
    let base = std::fs::read_to_string(at.path("base.toml")).unwrap();
    std::fs::write(at.path("base.toml"), base.replace("[store]\n", "[store]\nwait_seconds = 1\n")).unwrap();
    at.reconfigure("");
    at.must(&["status"], MORNING);
    let mut holder = SqliteConnection::connect(&database.url).await.unwrap();
    holder.execute("BEGIN IMMEDIATE").await.unwrap();

    let daemon = Daemon::start(&at, &schedule(&[DAILY]), None, &[]);
    daemon.says("slot failed, trying again").await;
    assert!(daemon.log().contains("another process holds the write lock"), "{}", daemon.log());
    assert_eq!(daemon.status("/healthz").await, 200);
    // By hand it is the same, with the exit code for "try again later".
    let by_hand = at.run(&["once"], MORNING);
    assert_eq!(by_hand.status.code(), Some(75), "{}", text(&by_hand.stderr));
    holder.execute("ROLLBACK").await.unwrap();
    until!("the slot", is_done(&at, "daily").await);
    daemon.stop().await;
    assert_eq!(at.runs().await, ONE_CHAIN);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_on_one_postgresql_run_a_slot_once_and_one_survives_the_other() {
    for_each_database(|database| async move {
        if database.url.starts_with("sqlite") {
            return;
        }
        let at = Installation::new(&database, &today(), "");
        let first = Daemon::start(&at, &schedule(&[DAILY]), None, &[]);
        // Both read one configuration file, and the second's port is written over the first's.
        until!("the first", first.status("/healthz").await == 200);
        let second = Daemon::start(&at, &schedule(&[DAILY]), None, &[]);
        until!("the slot", is_done(&at, "daily").await);
        // The other has looked while it was run, and looks again after its pause.
        tokio::time::sleep(Duration::from_secs(6)).await;
        assert_eq!(at.ask(SLOTS).await.len(), 1);
        assert_eq!(at.runs().await, ONE_CHAIN);
        let log = [first.log(), second.log()].concat();
        assert!(
            log.contains("slot is being run elsewhere") || log.matches("stage done").count() == 5,
            "{log}"
        );
        first.stop().await;
        until!("the other", second.status("/readyz").await == 200);
        second.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_killed_leaves_its_slot_to_the_other() {
    for_each_database(|database| async move {
        if database.url.starts_with("sqlite") {
            return;
        }
        let office = MockServer::start().await;
        let slow = ResponseTemplate::new(204).set_delay(Duration::from_secs(3));
        Mock::given(method("POST")).respond_with(slow).mount(&office).await;
        let at = Installation::new(&database, &today(), "");
        let more = format!("{}{}", receiver(&office.uri()), schedule(&[DAILY]));
        let first = Daemon::start(&at, &more, None, &[]);
        until!("its run", !at_runs(&at).await.is_empty());
        drop(first);
        let second = Daemon::start(&at, &more, None, &[]);
        until!("the slot", is_done(&at, "daily").await);
        let runs = at.runs().await;
        let ok: Vec<&String> =
            runs.iter().filter(|run| run.ends_with("ok") && !run.starts_with("publish")).collect();
        assert!(!runs.iter().any(|run| run.ends_with("running")), "{runs:?}");
        assert!(ok.len() >= 5, "{runs:?}");
        second.stop().await;
    })
    .await;
}

/// Runs once the schema is there.
async fn at_runs(at: &Installation) -> Vec<String> {
    let tables = at.ask("SELECT tablename::text FROM pg_tables WHERE tablename = 'runs'").await;
    if tables.is_empty() { Vec::new() } else { at.runs().await }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_is_reported_and_waited_for() {
    for_each_database(|database| async move {
        let Some((_, server)) = database.url.split_once('@') else { return };
        let (server, name) = server.split_once('/').unwrap();
        let proxy = Proxy::start(server.to_owned()).await;
        let through = database.url.replace(server, &proxy.at.to_string());
        let behind = Database { url: through, ..database.clone() };
        let at = Installation::new(&behind, &today(), "");
        let base = std::fs::read_to_string(at.path("base.toml")).unwrap();
        std::fs::write(at.path("base.toml"), base.replace("[store]\n", "[store]\nwait_seconds = 1\n"))
            .unwrap();
        let daemon = Daemon::start(&at, &schedule(&[]), None, &[]);
        until!("health", daemon.status("/healthz").await == 200);

        // Every connection is ended by the server: the next use opens a new one.
        let mut admin = PgConnection::connect(&std::env::var(POSTGRES).unwrap()).await.unwrap();
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
        sqlx::query(kill).bind(name).execute(&mut admin).await.unwrap();
        admin.close().await.unwrap();
        daemon.reload(&at, &schedule(&[DAILY]));
        proxy_outage(&daemon, &proxy).await;
        proxy.mend();
        until!("the slot", is_done(&at, "daily").await);
        until!("readiness", daemon.status("/readyz").await == 200);
        let runs = at.runs().await;
        assert!(!runs.iter().any(|run| run.ends_with("running")), "{runs:?}");
        daemon.stop().await;
    })
    .await;
}

/// Cuts the database off until the daemon has said so.
async fn proxy_outage(daemon: &Daemon, proxy: &Proxy) {
    daemon.says("configuration reloaded").await;
    proxy.cut();
    daemon.says("slot failed, trying again").await;
    assert_eq!((daemon.status("/healthz").await, daemon.status("/readyz").await), (200, 503));
    let log = daemon.log();
    assert!(log.contains("is the database up"), "{log}");
}
