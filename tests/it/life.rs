//! The life of alerts in the store, on both databases: people's steps, silences, the audit, and what is told when.
use chrono::{DateTime, Utc};
use uuid::Uuid;
use weisu::{
    config::{Lang, Receiver},
    publish::{
        acts::{self, ActError, Actor, Deed, Hush},
        compose,
        life::Action,
        lifecycle::{self, EventKind, Rules},
        sample,
    },
    store::{
        Store,
        alarms::Kind,
        alerts::{Alert, State},
        audit::{About, Via},
        outbox::Outcome,
        restraint::Deadline,
        silences::Scope,
        verdicts::{Cause, Verdict},
    },
};

use crate::{
    publish::{desk, enqueue, event, receiver},
    support::{for_each_database, for_each_store},
};

const NOW: i64 = 1_731_643_200_000;

fn officer() -> Actor {
    Actor { name: "duty east".into(), via: Via::Api }
}

/// Raises alerts of fingerprints `a`, `b`, … in a state.
async fn raise(store: &Store, n: u8, state: State) -> Vec<Alert> {
    let alerts: Vec<Alert> = (0..n)
        .map(|i| {
            let at = DateTime::<Utc>::from_timestamp_millis(NOW + i64::from(i)).unwrap();
            let mut alert = sample::event(Lang::En, at).alert;
            (alert.state, alert.fingerprint) = (state, char::from(b'a' + i).to_string());
            alert
        })
        .collect();
    let mut tx = store.begin().await.unwrap();
    tx.put_alerts(&alerts, &[]).await.unwrap();
    tx.commit().await.unwrap();
    alerts
}

async fn step(store: &Store, alert: Uuid, action: Action, note: Option<&str>) -> Result<bool, ActError> {
    let deed = Deed::Step { action, note: note.map(str::to_owned) };
    acts::act(store, alert, &deed, &officer(), NOW + 1000).await
}

/// The audit of an alert as `action from>to author`.
async fn audit(store: &Store, alert: Uuid) -> Vec<String> {
    let name = |state: Option<State>| state.map_or("", State::name);
    let rows = store.audit_of(About::Alert, &alert.to_string()).await.unwrap();
    rows.iter()
        .map(|r| &r.entry)
        .map(|e| format!("{} {}>{} {}", e.action, name(e.from), name(e.to), e.author))
        .collect()
}

/// Two alerts in a state, of which word to the receivers is in the outbox.
async fn enqueued(store: &Store, state: State, receivers: &[Receiver]) -> Vec<Alert> {
    let mut events: Vec<_> = (1..=2).map(|n| event(n, EventKind::Firing, 20_000)).collect();
    events.iter_mut().for_each(|e| e.alert.state = state);
    let alerts: Vec<Alert> = events.iter().map(|e| e.alert.clone()).collect();
    let mut tx = store.begin().await.unwrap();
    tx.put_alerts(&alerts, &[]).await.unwrap();
    tx.commit().await.unwrap();
    enqueue(store, &events, receivers, NOW).await;
    alerts
}

async fn state(store: &Store, alert: Uuid) -> State {
    store.alert(alert).await.unwrap().unwrap().state
}

#[tokio::test]
async fn people_take_an_alert_through_its_life_and_each_step_is_written_down() {
    for_each_store(|store| async move {
        let id = raise(&store, 1, State::Firing).await[0].id;
        assert!(step(&store, id, Action::Acknowledge, None).await.unwrap());
        assert!(!step(&store, id, Action::Acknowledge, None).await.unwrap(), "a second tap changes nothing");
        assert!(
            step(&store, id, Action::Acknowledge, Some("on my way")).await.unwrap(),
            "but a word is kept"
        );
        assert!(step(&store, id, Action::Start, None).await.unwrap());
        let deed = Deed::Verdict { verdict: Verdict::Confirmed, cause: Some(Cause::Outage), note: None };
        assert!(acts::act(&store, id, &deed, &officer(), NOW).await.unwrap());
        assert!(step(&store, id, Action::Resolve, Some("pipe mended")).await.unwrap());
        assert!(step(&store, id, Action::Close, None).await.unwrap());
        let refused = step(&store, id, Action::Start, None).await.unwrap_err();
        assert!(matches!(refused, ActError::Refused(_)), "{refused}");
        assert!(refused.to_string().contains("closed cannot be changed by \"start\""), "{refused}");
        assert!(matches!(step(&store, Uuid::nil(), Action::Close, None).await, Err(ActError::NoAlert(_))));
        let wanted = [
            "raise >firing weisu",
            "ack firing>acknowledged duty east",
            "note > duty east",
            "start acknowledged>in_progress duty east",
            "verdict > duty east",
            "resolve in_progress>resolved duty east",
            "close resolved>closed duty east",
        ];
        assert_eq!(audit(&store, id).await, wanted);
        let said = store.said_of(id).await.unwrap();
        assert_eq!((said[0].verdict, said[0].cause), (Verdict::Confirmed, Some(Cause::Outage)));
        let last = store.audit(i64::MAX, 2).await.unwrap();
        assert_eq!(last[0].entry.action, "close");
        assert_eq!(last[1].entry.detail["note"], "pipe mended");
        assert_eq!(store.audit(last[1].id, 1).await.unwrap()[0].entry.action, "verdict", "page by page");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_take_it_once() {
    for_each_store(|store| async move {
        let id = raise(&store, 1, State::Firing).await[0].id;
        let taps = (0..8).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { step(&store, id, Action::Acknowledge, None).await.unwrap() })
        });
        let mut changed = 0;
        for tap in taps.collect::<Vec<_>>() {
            changed += usize::from(tap.await.unwrap());
        }
        assert_eq!(changed, 1);
        assert_eq!(audit(&store, id).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn rows_of_the_audit_are_neither_changed_nor_dropped() {
    for_each_database(|database| async move {
        let store = database.open().await.unwrap();
        let id = raise(&store, 1, State::Firing).await[0].id;
        for sql in ["UPDATE audit SET author = 'nobody'", "DELETE FROM audit"] {
            let database = database.clone();
            let ended = tokio::spawn(async move { database.execute(sql).await }).await;
            assert!(ended.is_err(), "{sql}");
        }
        assert_eq!(audit(&store, id).await, ["raise >firing weisu"]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_silence_covers_what_it_says_and_gives_back_what_was() {
    for_each_store(|store| async move {
        let alerts = raise(&store, 3, State::Firing).await;
        let [a, b, c] = [0, 1, 2].map(|i| alerts[i].id);
        step(&store, b, Action::Start, None).await.unwrap();
        step(&store, c, Action::Close, None).await.unwrap();
        // Nobody was told of it, so nobody is told of its end.
        assert_eq!(compose::compose(&store, desk(&[]), NOW + 1000).await.unwrap().ended, 0);
        let hush = |scope: Scope, until: i64| Hush { scope, until, reason: "drill".into() };
        let all = hush(Scope { kind: Some(Kind::Spike), ..Scope::default() }, NOW + 10_000);
        let one = hush(Scope { fingerprint: Some("a".into()), ..Scope::default() }, NOW + 20_000);
        let wide = acts::silence(&store, &all, &officer(), NOW).await.unwrap();
        assert_eq!([state(&store, a).await, state(&store, b).await], [State::Silenced; 2]);
        assert_eq!(state(&store, c).await, State::Closed);
        let refused = step(&store, a, Action::Lift, None).await.unwrap_err();
        assert!(matches!(refused, ActError::Wider(id) if id == wide.id), "{refused}");
        acts::act(&store, a, &Deed::Silence(one), &officer(), NOW).await.unwrap();
        let over = acts::act(&store, c, &Deed::Silence(all.clone()), &officer(), NOW).await.unwrap_err();
        assert!(matches!(over, ActError::Refused(_)), "{over}");
        acts::lift(&store, wide.id, &officer(), NOW + 5000).await.unwrap();
        assert!(matches!(acts::lift(&store, wide.id, &officer(), NOW).await, Err(ActError::NoSilence(_))));
        assert_eq!(state(&store, a).await, State::Silenced, "its own silence holds");
        assert_eq!(state(&store, b).await, State::InProgress, "as it was");
        assert!(!store.deliveries_due(NOW + 19_999).await.unwrap());
        assert!(store.deliveries_due(NOW + 20_000).await.unwrap(), "its end has to be seen to");
        assert_eq!(acts::lapse(&store, NOW + 20_000).await.unwrap(), 1);
        assert_eq!(acts::lapse(&store, NOW + 20_000).await.unwrap(), 0);
        assert!(!store.deliveries_due(NOW + 20_000).await.unwrap());
        assert_eq!(state(&store, a).await, State::Firing);
        let wanted = [
            "raise >firing weisu",
            "silence firing>silenced duty east",
            "silence silenced>silenced duty east",
            "lift silenced>firing weisu",
        ];
        assert_eq!(audit(&store, a).await, wanted);
        acts::act(
            &store,
            b,
            &Deed::Silence(hush(Scope { fingerprint: Some("b".into()), ..Scope::default() }, NOW + 90_000)),
            &officer(),
            NOW,
        )
        .await
        .unwrap();
        assert!(step(&store, b, Action::Lift, Some("drill is over")).await.unwrap());
        assert_eq!(state(&store, b).await, State::InProgress);
        assert_eq!(store.silences(NOW).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_silence_holds_the_deadline_and_gives_back_what_was_left_of_it() {
    for_each_store(|store| async move {
        let receivers = [receiver("office", "http://127.0.0.1:1/"), receiver("boss", "http://127.0.0.1:1/")];
        let alerts = enqueued(&store, State::Firing, &receivers[..1]).await;
        let id = alerts[0].id;
        let mut tx = store.begin().await.unwrap();
        let deadline = Deadline {
            alert: id.to_string(),
            receiver: "boss".into(),
            due: NOW + 60_000,
            rule: "routing.csv:2".into(),
        };
        tx.put_deadlines(&[deadline]).await.unwrap();
        tx.commit().await.unwrap();
        let scope = Scope { fingerprint: Some(alerts[0].fingerprint.clone()), ..Scope::default() };
        let hush = |until| Deed::Silence(Hush { scope: scope.clone(), until, reason: "drill".into() });
        let escalated = async |at| compose::compose(&store, desk(&receivers), at).await.unwrap().escalated;
        // Taken back by somebody after 100 s with 50 s to go, silenced again, and over by itself after 200 s.
        acts::act(&store, id, &hush(NOW + 500_000), &officer(), NOW + 10_000).await.unwrap();
        assert_eq!(store.deadline_of(id).await.unwrap(), None);
        assert_eq!(escalated(NOW + 90_000).await, 0, "nobody is to be told");
        let lift = Deed::Step { action: Action::Lift, note: None };
        acts::act(&store, id, &lift, &officer(), NOW + 110_000).await.unwrap();
        assert_eq!(store.deadline_of(id).await.unwrap(), Some(NOW + 160_000));
        acts::act(&store, id, &hush(NOW + 320_000), &officer(), NOW + 120_000).await.unwrap();
        assert_eq!(escalated(NOW + 320_000).await, 0, "40 s are left");
        assert_eq!(store.deadline_of(id).await.unwrap(), Some(NOW + 360_000));
        assert_eq!(store.deadlines(NOW + 359_999).await.unwrap(), []);
        assert_eq!(store.deadlines(NOW + 360_000).await.unwrap()[0].due, NOW + 360_000);
        assert_eq!(escalated(NOW + 360_000).await, 1);
        assert_eq!(escalated(NOW + 999_000).await, 0, "once");
    })
    .await;
}

/// Where a run finds a silence over before anything else does, as `weisu once` in the morning.
#[tokio::test]
async fn a_silence_that_a_run_finds_over_gives_its_deadline_back() {
    for_each_store(|store| async move {
        let receivers = [receiver("office", "http://127.0.0.1:1/")];
        let (told, untold) =
            (raise(&store, 1, State::Firing).await, enqueued(&store, State::Pending, &receivers).await);
        let (told, untold) = (&told[0], &untold[0]);
        let mut tx = store.begin().await.unwrap();
        let deadlines = [told, untold].map(|alert| Deadline {
            alert: alert.id.to_string(),
            receiver: "boss".into(),
            due: NOW + 60_000,
            rule: "routing.csv:2".into(),
        });
        tx.put_deadlines(&deadlines).await.unwrap();
        tx.commit().await.unwrap();
        let hush = Hush { scope: Scope::default(), until: NOW + 50_000, reason: "drill".into() };
        acts::silence(&store, &hush, &officer(), NOW + 10_000).await.unwrap();
        let run = async |now| {
            let mut tx = store.begin().await.unwrap();
            let (open, silences) = (tx.open_alerts().await.unwrap(), tx.silences(now).await.unwrap());
            let rules = Rules { resolve_after: 9, silences: &silences };
            let plan = lifecycle::plan(&open, &[], told.judged, now, rules);
            tx.put_alerts(&plan.raised, &plan.changed).await.unwrap();
            acts::follow(&mut tx, &open, &plan.changed, now).await.unwrap();
            tx.commit().await.unwrap();
        };
        run(NOW + 40_000).await;
        assert_eq!(
            (state(&store, told.id).await, store.deadline_of(told.id).await.unwrap()),
            (State::Silenced, None)
        );
        run(NOW + 100_000).await;
        assert_eq!(state(&store, told.id).await, State::Firing);
        assert_eq!(store.deadline_of(told.id).await.unwrap(), Some(NOW + 150_000), "held for 90 s");
        assert_eq!(state(&store, untold.id).await, State::Pending);
        assert_eq!(store.deadline_of(untold.id).await.unwrap(), None, "nobody was told, nobody is late");
    })
    .await;
}

#[tokio::test]
async fn what_is_silenced_or_done_is_not_told_any_more() {
    for_each_store(|store| async move {
        let receivers = [receiver("office", "http://127.0.0.1:1/")];
        let alerts = enqueued(&store, State::Firing, &receivers).await;
        let scope = Scope { fingerprint: Some(alerts[0].fingerprint.clone()), ..Scope::default() };
        let hush = Hush { scope, until: NOW + 10_000, reason: "known".into() };
        acts::act(&store, alerts[0].id, &Deed::Silence(hush), &officer(), NOW).await.unwrap();
        step(&store, alerts[1].id, Action::Close, None).await.unwrap();
        assert_eq!(store.unfinished(9).await.unwrap(), []);
        let dropped = store.deliveries("bundled", 9).await.unwrap();
        let mut why: Vec<&str> = dropped.iter().map(|d| d.last_error.as_deref().unwrap()).collect();
        why.sort_unstable();
        assert_eq!(why, ["close", "silenced"]);
    })
    .await;
}

#[tokio::test]
async fn an_alert_is_pending_until_somebody_has_it() {
    for_each_store(|store| async move {
        let receivers = [receiver("office", "http://127.0.0.1:1/")];
        let alerts = enqueued(&store, State::Pending, &receivers).await;
        let retry = Outcome::Retry { at: NOW, counted: true, error: "down".into() };
        for (outcome, wanted) in [(retry, State::Pending), (Outcome::Delivered, State::Firing)] {
            let claim = store.claim("office", NOW, NOW + 60_000).await.unwrap().unwrap();
            assert!(store.record(&claim, Some(200), &outcome, 0, NOW).await.unwrap());
            assert_eq!(state(&store, alerts[0].id).await, wanted);
        }
        assert_eq!(state(&store, alerts[1].id).await, State::Pending);
        assert_eq!(audit(&store, alerts[0].id).await, ["raise >pending weisu", "tell pending>firing weisu"]);
    })
    .await;
}

#[test]
fn words_are_plain_and_short() {
    assert_eq!(acts::words(None), Ok(None));
    assert_eq!(acts::words(Some("  ")), Ok(None));
    assert_eq!(acts::words(Some(" 已到现场\n正在抢修 ")), Ok(Some("已到现场\n正在抢修".into())));
    assert!(acts::words(Some(&"长".repeat(1001))).unwrap_err().contains("1001 characters"));
    assert!(acts::words(Some("a\u{7}")).unwrap_err().contains("control"));
}

#[tokio::test]
async fn whoever_was_told_is_told_that_a_person_has_ended_it() {
    for_each_store(|store| async move {
        let receivers = [receiver("office", "http://127.0.0.1:1/")];
        let alerts = enqueued(&store, State::Firing, &receivers).await;
        let claim = store.claim("office", NOW, NOW + 60_000).await.unwrap().unwrap();
        assert!(store.record(&claim, Some(200), &Outcome::Delivered, 0, NOW).await.unwrap());
        for alert in &alerts {
            step(&store, alert.id, Action::Close, None).await.unwrap();
        }
        assert!(store.deliveries_due(NOW + 1000).await.unwrap());
        let made = compose::compose(&store, desk(&receivers), NOW + 1000).await.unwrap();
        assert_eq!(made.ended, 1, "nobody has heard of the other");
        let waits = store.unfinished(9).await.unwrap();
        assert_eq!(waits.len(), 1);
        assert_eq!(
            (waits[0].event.as_str(), waits[0].alert.as_str()),
            ("org.weisu.alert.closed", claim.alert.as_str())
        );
        assert_eq!(compose::compose(&store, desk(&receivers), NOW + 2000).await.unwrap().ended, 0);
    })
    .await;
}
