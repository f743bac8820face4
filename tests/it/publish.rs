//! The outbox and its deliverer against receivers that fail in every way a receiver can, on both stores.
use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use standardwebhooks::Webhook;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use weisu::{
    config::{Lang, Receiver},
    publish::{
        channels::pace::Pace,
        deliver::{self, Limits, Now, Summary},
        dispatch::{self, Desk},
        event::{CloudEvent, Sender},
        lifecycle::{Event, EventKind},
        restraint::Told,
        sample,
    },
    store::{Store, outbox::Outcome},
    ticket::{Day, Millis},
};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::method};

use crate::support::for_each_database;

const SECOND: i64 = 1000;
pub(crate) const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
const OTHER_KEY: &str = "whsec_AAKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

/// A clock that a test moves by hand.
#[derive(Clone)]
pub(crate) struct Hand(Arc<AtomicI64>);

impl Hand {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(Utc::now().timestamp_millis())))
    }

    /// A clock that shows an instant.
    pub(crate) fn at(millis: Millis) -> Self {
        Self(Arc::new(AtomicI64::new(millis)))
    }

    pub(crate) fn millis(&self) -> Millis {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn forward(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Now {
        let at = Arc::clone(&self.0);
        Arc::new(move || DateTime::from_timestamp_millis(at.load(Ordering::SeqCst)).unwrap())
    }
}

pub(crate) fn receiver(name: &str, url: &str) -> Receiver {
    Receiver { name: name.to_owned(), url: url.to_owned(), ..Receiver::default() }
}

pub(crate) fn limits(timeout: Duration) -> Limits {
    Limits { timeout, parallel: 4, credentials: None, pace: Pace::default(), lang: Lang::Zh }
}

pub(crate) async fn drain(store: &Store, receivers: &[Receiver], clock: &Hand) -> Summary {
    drain_within(store, receivers, clock, Duration::from_secs(5)).await
}

async fn drain_within(store: &Store, receivers: &[Receiver], clock: &Hand, timeout: Duration) -> Summary {
    let client = deliver::client().unwrap();
    let cancel = CancellationToken::new();
    deliver::drain(store, receivers, &client, &clock.now(), &limits(timeout), &cancel).await.unwrap()
}

/// An event of a made-up alert.
pub(crate) fn event(alert: u128, kind: EventKind, day: i32) -> Event {
    let mut event = sample::event(Lang::Zh, DateTime::from_timestamp_millis(1_728_000_000_000).unwrap());
    event.kind = kind;
    event.alert.id = Uuid::from_u128(alert);
    event.alert.fingerprint = format!("{alert:032x}");
    event.day = Day(day);
    event
}

/// A desk in Shanghai without a table.
pub(crate) fn desk(receivers: &[Receiver]) -> Desk<'_> {
    let sender = Sender { source: "/weisu/test", lang: Lang::Zh, small_cell: 5, plans: None, links: None };
    Desk { receivers, table: None, zone: chrono_tz::Tz::Asia__Shanghai, sender }
}

pub(crate) async fn enqueue(store: &Store, events: &[Event], receivers: &[Receiver], now: Millis) -> u64 {
    let dispatched = dispatch::dispatch(desk(receivers), events, &mut Told::default(), now);
    let mut tx = store.begin().await.unwrap();
    let new = tx.enqueue(&dispatched.deliveries, now).await.unwrap();
    tx.commit().await.unwrap();
    new
}

pub(crate) fn fires(n: u128) -> Vec<Event> {
    (1..=n).map(|alert| event(alert, EventKind::Firing, 20_000)).collect()
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).unwrap().to_str().unwrap()
}

fn ids(requests: &[Request]) -> Vec<String> {
    requests.iter().map(|r| header(r, "webhook-id").to_owned()).collect()
}

async fn answers(server: &MockServer, answer: ResponseTemplate, times: Option<u64>) {
    let mock = Mock::given(method("POST")).respond_with(answer);
    match times {
        Some(n) => mock.up_to_n_times(n).with_priority(1).mount(server).await,
        None => mock.mount(server).await,
    }
}

async fn requests(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

async fn status_of(store: &Store) -> Vec<(String, i64)> {
    store.delivery_counts().await.unwrap().into_iter().map(|c| (c.status, c.n)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_attempt_is_repeated_with_the_same_id_and_both_signatures_verify() {
    for_each_database(|db| async move {
        let (store, clock, server) = (db.open().await.unwrap(), Hand::new(), MockServer::start().await);
        answers(&server, ResponseTemplate::new(500).set_body_string("busy\nnow"), Some(1)).await;
        answers(&server, ResponseTemplate::new(204), None).await;
        let secret = db.folder.join("duty.secret");
        std::fs::write(&secret, format!("{KEY}\n{OTHER_KEY}\n")).unwrap();
        let duty = [Receiver { secret_file: Some(secret), ..receiver("duty", &server.uri()) }];
        assert_eq!(enqueue(&store, &fires(1), &duty, clock.millis()).await, 1);
        assert_eq!(
            enqueue(&store, &fires(1), &duty, clock.millis()).await,
            0,
            "planned twice, enqueued once"
        );

        assert_eq!(drain(&store, &duty, &clock).await.retried, 1);
        let waiting = store.deliveries("pending", 9).await.unwrap();
        assert_eq!(waiting[0].last_error.as_deref(), Some("500 Internal Server Error: busy now"));
        assert_eq!(waiting[0].http_status, Some(500));
        clock.forward(4 * SECOND);
        assert_eq!(drain(&store, &duty, &clock).await, Summary::default(), "not due yet");
        clock.forward(2 * SECOND);
        assert_eq!(drain(&store, &duty, &clock).await.delivered, 1);
        assert_eq!(drain(&store, &duty, &clock).await, Summary::default());

        let got = requests(&server).await;
        assert_eq!(got.len(), 2);
        assert_eq!(ids(&got)[0], ids(&got)[1]);
        assert_eq!(got[0].body, got[1].body);
        for request in &got {
            for key in [KEY, OTHER_KEY] {
                Webhook::new(key).unwrap().verify(&request.body, &request.headers).unwrap();
            }
            assert!(header(request, "content-type").starts_with("application/cloudevents+json"));
        }
        let event: CloudEvent = serde_json::from_slice(&got[0].body).unwrap();
        assert_eq!((event.specversion.as_str(), event.kind.as_str()), ("1.0", "org.weisu.alert.firing"));
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_asks_for_time_gets_it_for_everything_that_waits() {
    for_each_database(|db| async move {
        for status in [429, 503] {
            let (store, clock, server) = (db.open().await.unwrap(), Hand::new(), MockServer::start().await);
            let name = format!("throttles-{status}");
            answers(&server, ResponseTemplate::new(status).insert_header("Retry-After", "120"), Some(1))
                .await;
            answers(&server, ResponseTemplate::new(200), None).await;
            let duty = [receiver(&name, &server.uri())];
            enqueue(&store, &fires(3), &duty, clock.millis()).await;
            assert_eq!(drain(&store, &duty, &clock).await.throttled, 1);
            assert_eq!(requests(&server).await.len(), 1);
            clock.forward(119 * SECOND);
            drain(&store, &duty, &clock).await;
            assert_eq!(requests(&server).await.len(), 1);
            clock.forward(2 * SECOND);
            assert_eq!(drain(&store, &duty, &clock).await.delivered, 3);
            let done = store.deliveries("delivered", 9).await.unwrap();
            assert!(
                done.iter().filter(|d| d.receiver == name).all(|d| d.attempts == 1),
                "waiting uses up no attempt"
            );
            store.close().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_failures_and_not_followed() {
    for_each_database(|db| async move {
        let (store, clock, server) = (db.open().await.unwrap(), Hand::new(), MockServer::start().await);
        let elsewhere = format!("{}/elsewhere", server.uri());
        answers(&server, ResponseTemplate::new(307).insert_header("Location", elsewhere), None).await;
        let duty = [receiver("duty", &server.uri())];
        enqueue(&store, &fires(1), &duty, clock.millis()).await;
        assert_eq!(drain(&store, &duty, &clock).await.retried, 1);
        assert_eq!(requests(&server).await.len(), 1);
        let waiting = store.deliveries("pending", 9).await.unwrap();
        assert!(waiting[0].last_error.as_deref().unwrap().contains("redirects are not followed"));
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_keeps_nobody_else_waiting() {
    for_each_database(|db| async move {
        let (store, clock) = (db.open().await.unwrap(), Hand::new());
        let (hangs, fine) = (MockServer::start().await, MockServer::start().await);
        answers(&hangs, ResponseTemplate::new(200).set_delay(Duration::from_secs(60)), None).await;
        answers(&fine, ResponseTemplate::new(200), None).await;
        let both = [receiver("hangs", &hangs.uri()), receiver("fine", &fine.uri())];
        enqueue(&store, &fires(20), &both, clock.millis()).await;
        let begun = Instant::now();
        let summary = drain_within(&store, &both, &clock, Duration::from_millis(300)).await;
        assert_eq!((summary.delivered, summary.retried), (20, 3), "after three failures it is left alone");
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        assert_eq!(drain(&store, &both, &clock).await, Summary::default(), "its rest waits too");
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_disables_a_receiver_until_the_operator_replays() {
    for_each_database(|db| async move {
        let (store, clock, server) = (db.open().await.unwrap(), Hand::new(), MockServer::start().await);
        answers(&server, ResponseTemplate::new(410), Some(1)).await;
        answers(&server, ResponseTemplate::new(200), None).await;
        let duty = [receiver("duty", &server.uri())];
        enqueue(&store, &fires(3), &duty, clock.millis()).await;
        let summary = drain(&store, &duty, &clock).await;
        assert_eq!((summary.disabled, summary.dead), (vec!["duty".to_owned()], 3));
        assert_eq!(store.disabled_receivers().await.unwrap()[0].reason, "answered 410 Gone");
        enqueue(&store, &[event(9, EventKind::Firing, 20_001)], &duty, clock.millis()).await;
        clock.forward(SECOND);
        assert_eq!(drain(&store, &duty, &clock).await.dead, 1, "nothing piles up for it");
        assert_eq!(requests(&server).await.len(), 1);

        assert!(store.enable_receiver("duty").await.unwrap());
        assert_eq!(store.replay("duty", None, clock.millis()).await.unwrap(), 4);
        assert_eq!(drain(&store, &duty, &clock).await.delivered, 4);
        let sent: BTreeSet<String> = ids(&requests(&server).await).into_iter().collect();
        assert_eq!(sent.len(), 4, "the refused one again under its old id");
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_claim_and_outcome_repeats_the_delivery_under_its_id() {
    for_each_database(|db| async move {
        let (store, clock, server) = (db.open().await.unwrap(), Hand::new(), MockServer::start().await);
        answers(&server, ResponseTemplate::new(200), None).await;
        let duty = [receiver("duty", &server.uri())];
        enqueue(&store, &fires(1), &duty, clock.millis()).await;
        let now = clock.millis();
        let claim = store.claim("duty", now, now + 40 * SECOND).await.unwrap().unwrap();
        // The claiming process dies here. Nobody else takes the delivery while its attempt could still be under way.
        clock.forward(39 * SECOND);
        assert_eq!(drain(&store, &duty, &clock).await, Summary::default());
        clock.forward(2 * SECOND);
        assert_eq!(drain(&store, &duty, &clock).await.delivered, 1);
        assert_eq!(ids(&requests(&server).await), std::slice::from_ref(&claim.id));
        // It was only stalled after all: what it says of a claim it has lost changes nothing.
        let late = Outcome::Dead { error: "late".into() };
        assert!(!store.record(&claim, None, &late, 0, clock.millis()).await.unwrap());
        assert_eq!(status_of(&store).await, [("delivered".to_owned(), 1)]);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_deliverers_never_send_one_delivery_twice() {
    for_each_database(|db| async move {
        let (one, two) = (db.open().await.unwrap(), db.open().await.unwrap());
        let (clock, server) = (Hand::new(), MockServer::start().await);
        answers(&server, ResponseTemplate::new(200).set_delay(Duration::from_millis(20)), None).await;
        let all: Vec<Receiver> = ["a", "b", "c"].map(|name| receiver(name, &server.uri())).to_vec();
        assert_eq!(enqueue(&one, &fires(25), &all, clock.millis()).await, 75);
        let (first, second) = tokio::join!(drain(&one, &all, &clock), drain(&two, &all, &clock));
        assert_eq!(first.delivered + second.delivered, 75);
        assert!(first.delivered > 0 && second.delivered > 0, "{first:?} {second:?}");
        let sent = ids(&requests(&server).await);
        assert_eq!(sent.len(), 75);
        assert_eq!(sent.iter().collect::<BTreeSet<_>>().len(), 75);
        one.close().await;
        two.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_three_days_a_delivery_is_a_dead_letter_and_can_be_replayed() {
    for_each_database(|db| async move {
        let (store, clock, server) = (db.open().await.unwrap(), Hand::new(), MockServer::start().await);
        answers(&server, ResponseTemplate::new(500), Some(11)).await;
        answers(&server, ResponseTemplate::new(200), None).await;
        let duty = [receiver("duty", &server.uri())];
        enqueue(&store, &fires(1), &duty, clock.millis()).await;
        let begun = clock.millis();
        while status_of(&store).await == [("pending".to_owned(), 1)] {
            let due = store.deliveries("pending", 1).await.unwrap()[0].next_attempt;
            clock.forward((due - clock.millis()).max(0));
            drain(&store, &duty, &clock).await;
        }
        let hours = (clock.millis() - begun) / 3_600_000;
        assert!((60..73).contains(&hours), "{hours} hours");
        let dead = store.deliveries("dead", 9).await.unwrap();
        assert_eq!(dead[0].attempts, 11);
        assert!(dead[0].last_error.as_deref().unwrap().starts_with("given up after 11 attempts: 500"));
        assert_eq!(store.replay("duty", None, clock.millis()).await.unwrap(), 1);
        assert_eq!(drain(&store, &duty, &clock).await.delivered, 1);
        assert_eq!(ids(&requests(&server).await).into_iter().collect::<BTreeSet<_>>().len(), 1);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_one_alert_arrives_in_order() {
    for_each_database(|db| async move {
        let (store, clock, server) = (db.open().await.unwrap(), Hand::new(), MockServer::start().await);
        answers(&server, ResponseTemplate::new(500), Some(1)).await;
        answers(&server, ResponseTemplate::new(200), None).await;
        let duty = [receiver("duty", &server.uri())];
        // The same instant for three events: the order they were enqueued in counts.
        for kind in [EventKind::Firing, EventKind::Updated, EventKind::Resolved] {
            enqueue(&store, &[event(1, kind, 20_000)], &duty, clock.millis()).await;
        }
        clock.forward(SECOND);
        enqueue(&store, &[event(2, EventKind::Firing, 20_000)], &duty, clock.millis()).await;
        let summary = drain(&store, &duty, &clock).await;
        assert_eq!((summary.retried, summary.delivered), (1, 1), "the other alert need not wait");
        clock.forward(6 * SECOND);
        assert_eq!(drain(&store, &duty, &clock).await.delivered, 3);
        let order: Vec<(String, String)> = requests(&server)
            .await
            .iter()
            .map(|r| serde_json::from_slice::<CloudEvent>(&r.body).unwrap())
            .map(|e| (e.subject[35..].to_owned(), e.kind["org.weisu.alert.".len()..].to_owned()))
            .collect();
        let wanted = [("1", "firing"), ("2", "firing"), ("1", "firing"), ("1", "updated"), ("1", "resolved")];
        assert_eq!(order, wanted.map(|(a, k)| (a.to_owned(), k.to_owned())));
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_sends_nothing_and_uses_up_nothing() {
    for_each_database(|db| async move {
        let (store, clock, server) = (db.open().await.unwrap(), Hand::new(), MockServer::start().await);
        answers(&server, ResponseTemplate::new(200), None).await;
        let secret_file = Some(Path::new("/nonexistent/duty.secret").to_owned());
        let duty = [Receiver { secret_file, ..receiver("duty", &server.uri()) }];
        enqueue(&store, &fires(1), &duty, clock.millis()).await;
        let summary = drain(&store, &duty, &clock).await;
        assert!(summary.unusable[0].contains("LoadCredential=duty.secret"), "{summary:?}");
        assert_eq!(requests(&server).await.len(), 0);
        assert_eq!(store.deliveries("pending", 1).await.unwrap()[0].attempts, 0);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_an_address_is_not_written_down() {
    for_each_database(|db| async move {
        let (store, clock, server) = (db.open().await.unwrap(), Hand::new(), MockServer::start().await);
        let echo = ResponseTemplate::new(404).set_body_string("nothing at /hook?key=hunter2 here");
        answers(&server, echo, None).await;
        let both = [
            receiver("echoes", &format!("{}/hook?key=hunter2", server.uri())),
            receiver("refuses", "http://127.0.0.1:9/hook?key=hunter2"),
        ];
        enqueue(&store, &fires(1), &both, clock.millis()).await;
        assert_eq!(drain(&store, &both, &clock).await.retried, 2);
        for waiting in store.deliveries("pending", 9).await.unwrap() {
            let error = waiting.last_error.unwrap();
            assert!(!error.is_empty() && !error.contains("hunter2"), "{error}");
        }
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_without_a_receiver_are_counted_then_given_up() {
    for_each_database(|db| async move {
        let (store, clock) = (db.open().await.unwrap(), Hand::new());
        enqueue(&store, &fires(2), &[receiver("former", "http://127.0.0.1:9")], clock.millis()).await;
        assert_eq!(drain(&store, &[], &clock).await.orphaned, 2);
        clock.forward(4 * 86_400 * SECOND);
        let summary = drain(&store, &[], &clock).await;
        assert_eq!((summary.orphaned, summary.dead), (0, 2));
        store.close().await;
    })
    .await;
}
