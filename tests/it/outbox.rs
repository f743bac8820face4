//! The outbox under every fault at once, and kill -9 while it is emptied: nothing is lost, nothing changes its id.
//!
//! Five offices: one is fine, one is down for an hour, one asks for time with 429, one answers too late at first, and one
//! shows a wrong certificate until its address is mended. The daemon is killed at random in the middle of it, again and
//! again. `WEISU_OUTBOX_FULL=1 cargo test --test it -- --nocapture kill_9_while_delivering` does it with 10,000
//! alerts and 50 kills; without the variable it is 500 and 8.
use std::{
    collections::{BTreeMap, BTreeSet},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use rand::{RngExt, SeedableRng};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use weisu::{
    config::Receiver,
    publish::lifecycle::{Event, EventKind},
    store::{RunStatus, Store},
};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::method};

use crate::{
    publish::{enqueue, event, receiver},
    support::{Database, root},
};

const OFFICES: [&str; 5] = ["fine", "down", "throttles", "slow", "certificate"];
const MINUTE: i64 = 60_000;

/// What offices saw and took.
#[derive(Default)]
struct Seen {
    /// webhook-ids by alert.
    ids: Mutex<BTreeMap<String, BTreeSet<String>>>,
    /// webhook-ids that were answered 2xx in time.
    taken: Mutex<BTreeSet<String>>,
    requests: AtomicU64,
    is_down: AtomicBool,
}

/// How an office behaves: its name, what it saw, its requests so far, and how many it takes between two 429.
struct Office(&'static str, Arc<Seen>, AtomicU64, u64);

impl Respond for Office {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let Self(name, seen, count, patience) = self;
        seen.requests.fetch_add(1, Ordering::SeqCst);
        let n = count.fetch_add(1, Ordering::SeqCst);
        let id = request.headers["webhook-id"].to_str().unwrap().to_owned();
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        let alert = format!("{name} {}", body["subject"].as_str().unwrap());
        seen.ids.lock().unwrap().entry(alert).or_default().insert(id.clone());
        match *name {
            "down" if seen.is_down.load(Ordering::SeqCst) => ResponseTemplate::new(502),
            "throttles" if n % patience == 7 => ResponseTemplate::new(429).insert_header("Retry-After", "90"),
            "slow" if n < 4 => ResponseTemplate::new(200).set_delay(Duration::from_secs(5)),
            _ => {
                seen.taken.lock().unwrap().insert(id);
                ResponseTemplate::new(204).set_delay(Duration::from_millis(2))
            }
        }
    }
}

async fn office(name: &'static str, seen: &Arc<Seen>, patience: u64) -> MockServer {
    let server = MockServer::start().await;
    let office = Office(name, Arc::clone(seen), AtomicU64::default(), patience);
    Mock::given(method("POST")).respond_with(office).mount(&server).await;
    server
}

/// A server with a certificate of another name, signed by nobody; the count of those who have said hello.
pub(crate) fn wrong_certificate() -> (String, Arc<AtomicU64>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = root().join("tests/fixtures/tls");
    let certificate = CertificateDer::from_pem_file(folder.join("wrong.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("wrong.key")).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/hook", listener.local_addr().unwrap().port());
    let hellos = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&hellos);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            // The client turns away when it has seen the certificate.
            while session.is_handshaking() && session.complete_io(&mut stream).is_ok() {}
        }
    });
    (url, hellos)
}

/// Alerts in turn for each office.
fn alerts(n: u128) -> Vec<Event> {
    (0..n)
        .map(|i| {
            let mut event = event(i + 1, EventKind::Firing, 20_000);
            event.alert.body.district = vec![OFFICES[i as usize % OFFICES.len()].to_owned()];
            event
        })
        .collect()
}

struct Place<'a> {
    folder: &'a Path,
    url: &'a str,
}

impl Place<'_> {
    fn configure(&self, addresses: &[String]) -> Vec<Receiver> {
        let mut text = format!("[store]\nurl = \"{}\"\n[publish]\ntimeout_seconds = 1\n", self.url);
        text += "[http]\nenabled = false\n[schedule]\ndaily = \"off\"\nexport = \"off\"\nweekly = \"off\"\nprune = \"off\"\n";
        for (name, address) in OFFICES.iter().zip(addresses) {
            text +=
                &format!("[[receiver]]\nname = \"{name}\"\nurl = \"{address}\"\ndistricts = [\"{name}\"]\n");
        }
        std::fs::write(self.folder.join("weisu.toml"), text).unwrap();
        let districts = |name: &str| vec![name.to_owned()];
        OFFICES
            .iter()
            .zip(addresses)
            .map(|(name, address)| Receiver { districts: districts(name), ..receiver(name, address) })
            .collect()
    }

    /// A daemon that empties the outbox as of an instant.
    fn daemon(&self, now: i64) -> Child {
        let now = DateTime::<Utc>::from_timestamp_millis(now).unwrap().to_rfc3339();
        Command::new(env!("CARGO_BIN_EXE_weisu"))
            .current_dir(self.folder)
            .args(["--config", "weisu.toml", "--quiet", "--now", &now, "run"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }
}

/// Lets a process deliver for a random while and kills it; whether it was still at it.
async fn kill_while_delivering(child: &mut Child, seen: &Seen, more: u64) -> bool {
    let (before, begun) = (seen.requests.load(Ordering::SeqCst), Instant::now());
    while seen.requests.load(Ordering::SeqCst) < before + more
        && begun.elapsed() < Duration::from_secs(10)
        && child.try_wait().unwrap().is_none()
    {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let was_at_it = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    was_at_it
}

/// Lets a daemon send what is due.
async fn empty(place: &Place<'_>, store: &Store, now: i64) {
    let last = async || store.last_run("publish", RunStatus::Ok).await.unwrap().map_or(0, |run| run.id);
    let (before, mut daemon) = (last().await, place.daemon(now));
    let begun = Instant::now();
    while last().await == before {
        assert!(begun.elapsed() < Duration::from_secs(600), "the outbox was not emptied");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}

async fn left(store: &Store) -> i64 {
    let counts = store.delivery_counts().await.unwrap();
    counts.iter().filter(|c| c.status != "delivered").map(|c| c.n).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_while_delivering_loses_nothing_and_changes_no_id() {
    let is_full = std::env::var_os("WEISU_OUTBOX_FULL").is_some();
    let (n, kills): (u128, usize) = if is_full { (10_000, 50) } else { (500, 8) };
    let folder = tempfile::tempdir().unwrap();
    let database = Database::sqlite(&folder);
    let place = Place { folder: folder.path(), url: &database.url };
    let seen = Arc::new(Seen::default());
    seen.is_down.store(true, Ordering::SeqCst);
    let mut servers = Vec::new();
    for name in OFFICES {
        servers.push(office(name, &seen, u64::try_from(n).unwrap() / 25).await);
    }
    let mended: Vec<String> = servers.iter().map(MockServer::uri).collect();
    let (wrong, hellos) = wrong_certificate();
    let mut addresses = mended.clone();
    addresses[4] = wrong;
    let receivers = place.configure(&addresses);

    let store = database.open().await.unwrap();
    let mut now = 1_731_600_000_000;
    assert_eq!(enqueue(&store, &alerts(n), &receivers, now).await, u64::try_from(n).unwrap());
    let begun = Instant::now();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(11);
    let (mut hit, mut attempts) = (0, 0);
    while hit < kills && attempts < 2 * kills {
        let more = rng.random_range(1..=u64::try_from(n).unwrap() / u64::try_from(kills).unwrap());
        hit += usize::from(kill_while_delivering(&mut place.daemon(now), &seen, more).await);
        attempts += 1;
        // An hour of faults over all the kills; each time what a killed process had claimed has come free.
        now += 2 * MINUTE + 60 * MINUTE / i64::try_from(kills).unwrap();
    }
    assert!(hit * 4 >= kills * 3, "{hit} of {attempts} were killed while delivering");
    let left_over = left(&store).await;
    assert!(left_over > 0, "everything went before the faults were over");
    seen.is_down.store(false, Ordering::SeqCst);
    place.configure(&mended);
    let mut rounds = 0;
    while left(&store).await > 0 && rounds < 60 {
        empty(&place, &store, now).await;
        now += 45 * MINUTE;
        rounds += 1;
    }
    assert_eq!(left(&store).await, 0, "after {rounds} rounds");
    assert!(hellos.load(Ordering::SeqCst) > 0, "nobody saw the wrong certificate");
    report(&store, &seen, n, (hit, left_over, rounds), begun.elapsed()).await;
    store.close().await;
}

async fn report(
    store: &Store,
    seen: &Seen,
    n: u128,
    (kills, left, rounds): (usize, i64, u32),
    took: Duration,
) {
    let rows = store.deliveries("delivered", i64::MAX).await.unwrap();
    let stored: BTreeSet<String> = rows.iter().map(|d| d.id.clone()).collect();
    let taken = seen.taken.lock().unwrap();
    assert_eq!(*taken, stored, "every delivery was taken, under its one id");
    let ids = seen.ids.lock().unwrap();
    assert_eq!(ids.len() as u128, n, "every alert was seen");
    assert!(ids.values().all(|ids| ids.len() == 1), "one webhook-id an alert");
    let requests = seen.requests.load(Ordering::SeqCst);
    println!(
        "{n} alerts, {kills} kills while delivering, {left} left when the faults ended, {rounds} rounds after: \
         {requests} requests, {} of them repeats, none lost, {:.1} s",
        u128::from(requests) - n,
        took.as_secs_f64()
    );
}
