//! What waits for its hour: digests, quiet hours, budgets, messages of several alerts, escalation.
use chrono::DateTime;
use serde_json::Value;
use weisu::{
    config::{Receiver, ReceiverKind, routing},
    publish::{
        compose::{self, Composed},
        dispatch::{self, Desk},
        lifecycle::{Event, EventKind},
        restraint::Told,
    },
    store::{Store, StoreError, alarms::Severity, alerts::State, outbox::How},
    ticket::Millis,
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

use crate::{
    publish::{Hand, desk, drain, event},
    support::for_each_database,
};

fn at(text: &str) -> Millis {
    text.parse::<DateTime<chrono::Utc>>().unwrap().timestamp_millis()
}

async fn office() -> MockServer {
    let server = MockServer::start().await;
    let ok = ResponseTemplate::new(200).set_body_json(serde_json::json!({ "errcode": 0 }));
    Mock::given(method("POST")).respond_with(ok).mount(&server).await;
    server
}

async fn texts(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    let text = |body: &[u8]| -> String {
        let json: Value = serde_json::from_slice(body).unwrap();
        json["markdown"]["content"].as_str().unwrap().to_owned()
    };
    requests.iter().map(|r| text(&r.body)).collect()
}

fn duty(folder: &std::path::Path, server: &MockServer, name: &str) -> Receiver {
    let file = folder.join(format!("{name}.url"));
    std::fs::write(&file, format!("{}/?key={name}", server.uri())).unwrap();
    Receiver {
        name: name.into(),
        kind: ReceiverKind::Wecom,
        url_file: Some(file),
        quiet: Some("22:00-07:00".parse().unwrap()),
        quiet_critical: true,
        daily_budget: Some(3),
        ..Receiver::default()
    }
}

fn alert(n: u128, severity: Severity) -> Event {
    let mut event = event(n, EventKind::Firing, 20_000);
    event.alert.body.severity = severity;
    event.alert.body.title = format!("alert {n}");
    event
}

/// Writes alerts and deliveries as the detecting stage does.
async fn tell(store: &Store, desk: Desk<'_>, events: &[Event], now: Millis) -> Vec<How> {
    let rows = store.told_at_once(dispatch::told_since(now)).await.unwrap();
    let out = dispatch::dispatch(desk, events, &mut Told::new(&rows, desk.zone), now);
    let raised: Vec<_> = events.iter().map(|e| e.alert.clone()).collect();
    let mut tx = store.begin().await.unwrap();
    tx.put_alerts(&raised, &[]).await.unwrap();
    tx.enqueue(&out.deliveries, now).await.unwrap();
    tx.put_deadlines(&out.deadlines).await.unwrap();
    tx.put_unrouted(&out.unrouted, &out.routed, now).await.unwrap();
    tx.commit().await.unwrap();
    out.deliveries.iter().map(|d| d.how).collect()
}

async fn publish(store: &Store, receivers: &[Receiver], clock: &Hand) -> Composed {
    let made = compose::compose(store, desk(receivers), clock.millis()).await.unwrap();
    drain(store, receivers, clock).await;
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_a_duty_officer() {
    for_each_database(|db| async move {
        let (store, server) = (db.open().await.unwrap(), office().await);
        let receivers = [duty(&db.folder, &server, "duty")];
        let clock = Hand::at(at("2024-11-15T13:30:00Z")); // 21:30 there
        let events = [alert(1, Severity::High), alert(2, Severity::High), alert(3, Severity::Low)];
        let how = tell(&store, desk(&receivers), &events, clock.millis()).await;
        assert_eq!(how, [How::Immediate, How::Immediate, How::Digest]);
        assert!(store.deliveries_due(clock.millis()).await.unwrap());
        let waits: Vec<String> = store.unfinished(9).await.unwrap().into_iter().map(|u| u.how).collect();
        assert_eq!(waits, ["immediate", "immediate", "digest"], "in the order they go");
        let made = publish(&store, &receivers, &clock).await;
        assert_eq!((made.groups, made.digests), (1, 0), "one message for the two");
        assert!(!store.deliveries_due(clock.millis()).await.unwrap(), "the digest's hour has not come");

        clock.forward(3_600_000); // 22:30: quiet
        let events = [alert(4, Severity::Critical), alert(5, Severity::High)];
        let how = tell(&store, desk(&receivers), &events, clock.millis()).await;
        assert_eq!(how, [How::Immediate, How::Quiet]);
        assert_eq!(publish(&store, &receivers, &clock).await.singles, 1);
        let how = tell(&store, desk(&receivers), &[alert(6, Severity::Critical)], clock.millis()).await;
        assert_eq!(how, [How::Budget], "three were told today");

        let quiet_ends = at("2024-11-15T23:00:00Z");
        clock.forward(quiet_ends - clock.millis() - 1);
        assert!(!store.deliveries_due(clock.millis()).await.unwrap());
        clock.forward(1);
        assert_eq!(publish(&store, &receivers, &clock).await.singles, 1);
        clock.forward(at("2024-11-16T00:07:00Z") - clock.millis());
        assert_eq!(publish(&store, &receivers, &clock).await.digests, 1);
        assert_eq!(publish(&store, &receivers, &clock).await, Composed::default());

        let texts = texts(&server).await;
        assert_eq!(texts.len(), 4);
        assert!(texts[0].contains("共 2 条: 橙 2"), "{}", texts[0]);
        assert!(texts[3].contains("【每日汇总】2024-11-16 共 2 条: 红 1、蓝 1"), "{}", texts[3]);
        assert!(texts[3].contains("其中 1 条因超过当日即时提示上限"), "{}", texts[3]);
        assert!(texts[3].contains("alert 3") && texts[3].contains("alert 6"));
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_that_was_cut_off_is_made_again_under_its_id_and_sent_once() {
    for_each_database(|db| async move {
        let (store, server) = (db.open().await.unwrap(), office().await);
        let receivers = [duty(&db.folder, &server, "duty")];
        let clock = Hand::at(at("2024-11-15T04:00:00Z"));
        let events = [alert(1, Severity::Low), alert(2, Severity::Medium)];
        tell(&store, desk(&receivers), &events, clock.millis()).await;
        clock.forward(24 * 3_600_000);
        // Killed inside the transaction: it is rolled back, and everything waits as before.
        let mut tx = store.begin().await.unwrap();
        assert_eq!(tx.take_members("duty", clock.millis()).await.unwrap().len(), 2);
        drop(tx);
        let ids = |rows: Vec<weisu::store::outbox::DeliveryRow>| -> Vec<String> {
            rows.into_iter().filter(|d| d.event == "org.weisu.digest").map(|d| d.id).collect()
        };
        // Killed between making it and sending it.
        compose::compose(&store, desk(&receivers), clock.millis()).await.unwrap();
        let made = ids(store.deliveries("pending", 9).await.unwrap());
        assert_eq!(made.len(), 1);
        // Killed while sending it: the claim runs out, and the next one sends it under the same id.
        let claim = store.claim("duty", clock.millis(), clock.millis() + 40_000).await.unwrap().unwrap();
        assert_eq!(claim.id, made[0]);
        assert_eq!(publish(&store, &receivers, &clock).await, Composed::default());
        clock.forward(60_000);
        for _ in 0..3 {
            assert_eq!(publish(&store, &receivers, &clock).await, Composed::default());
        }
        assert_eq!(ids(store.deliveries("delivered", 9).await.unwrap()), made);
        assert_eq!(texts(&server).await.len(), 1);
        // Two at once make it once, too.
        tell(&store, desk(&receivers), &[alert(3, Severity::Low)], clock.millis()).await;
        clock.forward(24 * 3_600_000);
        let other = db.open().await.unwrap();
        let (one, two) = tokio::join!(
            compose::compose(&store, desk(&receivers), clock.millis()),
            compose::compose(&other, desk(&receivers), clock.millis())
        );
        assert_eq!(one.unwrap().digests + two.unwrap().digests, 1);
        other.close().await;
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rises_in_the_night_takes_along_what_was_held_back() {
    for_each_database(|db| async move {
        let (store, server) = (db.open().await.unwrap(), office().await);
        let receivers = [duty(&db.folder, &server, "duty")];
        let clock = Hand::at(at("2024-11-15T15:00:00Z"));
        assert_eq!(
            tell(&store, desk(&receivers), &[alert(1, Severity::High)], clock.millis()).await,
            [How::Quiet]
        );
        assert_eq!(publish(&store, &receivers, &clock).await, Composed::default());
        clock.forward(1000);
        let rises = Event { kind: EventKind::Updated, ..alert(1, Severity::Critical) };
        assert_eq!(tell(&store, desk(&receivers), &[rises], clock.millis()).await, [How::Immediate]);
        assert_eq!(publish(&store, &receivers, &clock).await.groups, 1);
        clock.forward(24 * 3_600_000);
        assert_eq!(publish(&store, &receivers, &clock).await, Composed::default(), "nothing comes late");
        // What waits for the digest is old news once a rise was told.
        assert_eq!(
            tell(&store, desk(&receivers), &[alert(2, Severity::Low)], clock.millis()).await,
            [How::Digest]
        );
        clock.forward(1000);
        let rises = Event { kind: EventKind::Updated, ..alert(2, Severity::Critical) };
        assert_eq!(tell(&store, desk(&receivers), &[rises], clock.millis()).await, [How::Immediate]);
        assert_eq!(publish(&store, &receivers, &clock).await.singles, 1);
        clock.forward(24 * 3_600_000);
        assert_eq!(publish(&store, &receivers, &clock).await, Composed::default());
        assert_eq!(texts(&server).await.len(), 2);
        store.close().await;
    })
    .await;
}

const TABLE: &str = "topic,receiver,escalate_to,ack_minutes\n测试事项,duty,boss,30\n";

fn table(folder: &std::path::Path) -> Result<routing::Table, weisu::config::Problems> {
    let path = folder.join("routing.csv");
    std::fs::write(&path, TABLE).unwrap();
    routing::Table::read(&path, &["duty", "boss"])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_acknowledges_is_handed_on_once() {
    for_each_database(|db| async move {
        let (store, server) = (db.open().await.unwrap(), office().await);
        let receivers = [duty(&db.folder, &server, "duty"), duty(&db.folder, &server, "boss")];
        let table = table(&db.folder).unwrap();
        let with_table = Desk { table: Some(&table), ..desk(&receivers) };
        let clock = Hand::at(at("2024-11-15T04:00:00Z"));
        let elsewhere = {
            let mut event = alert(3, Severity::High);
            event.alert.body.topic = vec!["噪声".into()];
            event
        };
        let events = [alert(1, Severity::High), alert(2, Severity::High), elsewhere];
        assert_eq!(tell(&store, with_table, &events, clock.millis()).await.len(), 2, "one has no row");
        assert_eq!(store.unrouted().await.unwrap()[0].0, events[2].alert.id.to_string());
        publish(&store, &receivers, &clock).await;
        db.execute(format!("UPDATE alerts SET state = 'acknowledged' WHERE id = '{}'", events[0].alert.id))
            .await;
        clock.forward(30 * 60_000 - 1);
        assert!(!store.deliveries_due(clock.millis()).await.unwrap());
        clock.forward(1);
        assert!(store.deliveries_due(clock.millis()).await.unwrap());
        assert_eq!(publish(&store, &receivers, &clock).await.escalated, 1, "the other was acknowledged");
        clock.forward(3 * 3_600_000);
        assert_eq!(publish(&store, &receivers, &clock).await, Composed::default(), "once");
        let handed_on: Vec<String> =
            texts(&server).await.into_iter().filter(|t| t.contains("尚无人签收")).collect();
        assert_eq!(handed_on.len(), 1);
        let rows = store.deliveries("delivered", 9).await.unwrap();
        assert_eq!(rows.iter().filter(|d| d.receiver == "boss").count(), 1);
        assert_eq!(store.alert(events[1].alert.id).await.unwrap().unwrap().state, State::Firing);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_dead_letter_can_be_sent_again_by_its_id() {
    for_each_database(|db| async move {
        let (store, server) = (db.open().await.unwrap(), office().await);
        let receivers = [duty(&db.folder, &server, "duty")];
        let clock = Hand::at(at("2024-11-15T04:00:00Z"));
        for n in 1..=3 {
            tell(&store, desk(&receivers), &[alert(n, Severity::High)], clock.millis()).await;
        }
        store.bury("duty", Millis::MAX, "shut", clock.millis()).await.unwrap();
        let dead = store.deliveries("dead", 9).await.unwrap();
        assert_eq!(dead.len(), 3);
        assert_eq!(store.replay("duty", Some(&dead[1].id), clock.millis()).await.unwrap(), 1);
        assert_eq!(store.replay("boss", Some(&dead[0].id), clock.millis()).await.unwrap(), 0);
        publish(&store, &receivers, &clock).await;
        let done = store.deliveries("delivered", 9).await.unwrap();
        assert_eq!(done.iter().map(|d| &d.id).collect::<Vec<_>>(), [&dead[1].id]);
        assert!(matches!(store.replay("duty", None, clock.millis()).await, Ok::<u64, StoreError>(2)));
        store.close().await;
    })
    .await;
}
