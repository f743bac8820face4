//! Verdicts, the precision of rules, thresholds from verdicts, and when tickets became known, on both databases.
use chrono::{DateTime, Utc};
use weisu::{
    config::Lang,
    publish::sample,
    store::{
        Arrival, IngestTx, Store,
        alarms::Kind,
        verdicts::{self, Cause, Said, Threshold, Verdict},
    },
    ticket::{Day, Ticket},
};

use crate::support::{for_each_store, server::serve};

/// Raises `n` alerts; their ids.
async fn raise(store: &Store, n: i64) -> Vec<uuid::Uuid> {
    let alerts: Vec<_> = (0..n)
        .map(|i| {
            let mut alert = sample::event(Lang::En, DateTime::<Utc>::from_timestamp_millis(i).unwrap()).alert;
            alert.body.p_value = 1e-4 * (i + 1) as f64;
            alert
        })
        .collect();
    let mut tx = store.begin().await.unwrap();
    tx.put_alerts(&alerts, &[]).await.unwrap();
    tx.commit().await.unwrap();
    alerts.into_iter().map(|a| a.id).collect()
}

async fn say(store: &Store, alert: uuid::Uuid, at: i64, verdict: Verdict) -> bool {
    let said =
        Said { alert, at, verdict, cause: Some(Cause::Weather), author: "duty office".into(), note: None };
    let mut tx = store.begin().await.unwrap();
    let known = tx.say(&said).await.unwrap();
    tx.commit().await.unwrap();
    known
}

#[tokio::test]
async fn the_newest_verdict_counts_and_the_others_stay_as_history() {
    for_each_store(|store| async move {
        let ids = raise(&store, 3).await;
        assert!(say(&store, ids[0], 100, Verdict::FalseAlarm).await);
        assert!(say(&store, ids[0], 100, Verdict::Confirmed).await, "the same millisecond");
        assert!(say(&store, ids[1], 100, Verdict::Expected).await);
        assert!(!say(&store, uuid::Uuid::nil(), 100, Verdict::Confirmed).await, "no such alert");
        let said: Vec<_> =
            store.said_of(ids[0]).await.unwrap().into_iter().map(|s| (s.at, s.verdict)).collect();
        assert_eq!(said, [(100, Verdict::FalseAlarm), (101, Verdict::Confirmed)]);

        let rules = verdicts::precision(&store.judged_alerts().await.unwrap());
        assert_eq!(rules.len(), 1);
        assert_eq!((rules[0].kind, rules[0].method.as_str()), (Kind::Spike, "send-test"));
        assert_eq!((rules[0].reviewed, rules[0].precision), (2, Some(0.5)));
        let by: Vec<_> = rules[0].verdicts.iter().map(|(name, n)| (name.as_str(), *n)).collect();
        assert_eq!(by, [("confirmed", 1), ("expected", 1), ("unreviewed", 1)]);

        say(&store, ids[0], 200, Verdict::Unreviewed).await;
        let rules = verdicts::precision(&store.judged_alerts().await.unwrap());
        assert_eq!((rules[0].reviewed, rules[0].precision), (1, Some(0.0)), "taken back");
    })
    .await;
}

#[tokio::test]
async fn the_newest_threshold_of_a_kind_is_in_force() {
    for_each_store(|store| async move {
        let threshold =
            |kind, alpha| Threshold { kind, alpha, author: "data office".into(), reviewed: 20, useful: 9 };
        for (at, all) in [
            (1, vec![threshold(Kind::Spike, 0.002), threshold(Kind::Drop, 0.01)]),
            (2, vec![threshold(Kind::Spike, 0.001)]),
        ] {
            let mut tx = store.begin().await.unwrap();
            tx.put_thresholds(at, &all).await.unwrap();
            tx.commit().await.unwrap();
        }
        let in_force: Vec<_> =
            store.thresholds().await.unwrap().into_iter().map(|t| (t.kind, t.alpha)).collect();
        assert_eq!(in_force, [(Kind::Drop, 0.01), (Kind::Spike, 0.001)]);
    })
    .await;
}

#[tokio::test]
async fn arrivals_add_up_to_the_counts() {
    for_each_store(|store| async move {
        let ticket = |id: &str, version, day| Ticket {
            id: id.into(),
            version,
            received: 0,
            day: Day(day),
            topic: 1,
            district: 1,
            closed: None,
            is_repeat: false,
        };
        for (arrived, batch) in [
            (11, vec![ticket("a", 1, 10), ticket("b", 1, 10)]),
            (12, vec![ticket("b", 1, 10), ticket("c", 1, 10), ticket("d", 1, 11)]),
            // A correction moves a ticket to another day.
            (12, vec![ticket("a", 2, 11)]),
        ] {
            let mut tx = store.begin().await.unwrap();
            let source = tx.source("test").await.unwrap();
            let mut ingest = IngestTx::new(tx, source).arriving(Day(arrived));
            ingest.put(&batch).await.unwrap();
            let (tx, _) = ingest.finish().await.unwrap();
            tx.commit().await.unwrap();
        }
        let row = |day, arrived, n| Arrival { source: 1, day, arrived, n };
        let arrivals = store.arrivals(Day(0)).await.unwrap();
        assert_eq!(
            arrivals,
            [row(10, 11, 2), row(10, 12, 0), row(11, 12, 2)],
            "on day 12 one came and one went of day 10"
        );
        assert_eq!(store.arrivals(Day(11)).await.unwrap(), [row(11, 12, 2)]);
        assert_eq!(store.tickets_per_day().await.unwrap(), [(1, 10, 2), (1, 11, 2)]);
    })
    .await;
}

#[tokio::test]
async fn rows_that_came_twice_are_counted_by_day() {
    for_each_store(|store| async move {
        let ticket = |id: &str, received, day| Ticket {
            id: id.into(),
            version: 1,
            received,
            day: Day(day),
            topic: 1,
            district: 1,
            closed: None,
            is_repeat: false,
        };
        let deliveries = [
            // One under another id, one under the same.
            vec![ticket("a", 5, 10), ticket("b", 5, 10), ticket("a", 5, 10), ticket("c", 6, 10)],
            // An overlap with what came before is none.
            vec![ticket("c", 6, 10), ticket("d", 7, 11), ticket("e", 7, 11)],
        ];
        for batch in deliveries {
            let mut tx = store.begin().await.unwrap();
            let source = tx.source("test").await.unwrap();
            let mut ingest = IngestTx::new(tx, source);
            ingest.put(&batch).await.unwrap();
            let (tx, _) = ingest.finish().await.unwrap();
            tx.commit().await.unwrap();
        }
        let twins: Vec<_> = store.twins(Day(0)).await.unwrap().into_iter().collect();
        assert_eq!(twins, [(Day(10), 2), (Day(11), 1)]);
        assert_eq!(store.twins(Day(11)).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_classes_of_a_run_take_the_place_of_those_before() {
    for_each_store(|store| async move {
        let row = |run, topic, class: &str| weisu::store::ClassRow {
            run,
            topic,
            district: 3,
            first_week: 20_000,
            weeks: 26,
            on_expected: class.into(),
            on_counts: "none".into(),
            z: 2.5,
            observed: 40.0,
            expected: 21.5,
        };
        for rows in [vec![row(1, 1, "hot_new"), row(1, 2, "cold_new")], vec![row(2, 1, "hot_consecutive")]] {
            let mut tx = store.begin().await.unwrap();
            tx.put_hotspot_classes(&rows).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(store.hotspot_classes(None).await.unwrap(), rows);
        }
        assert_eq!(store.hotspot_classes(Some(1)).await.unwrap().len(), 1);
        assert_eq!(store.hotspot_classes(Some(2)).await.unwrap(), []);
        let server = serve(store, Lang::En).await;
        let served = server.json("/api/v1/hotspots/classes?topic=1&class=hot_consecutive").await;
        assert_eq!(served.as_array().unwrap().len(), 1);
        assert_eq!((&served[0]["district_id"], &served[0]["expected"]), (&3.into(), &21.5.into()));
        assert_eq!((&served[0]["from"], &served[0]["to"]), (&"2024-10-04".into(), &"2025-04-03".into()));
        assert_eq!(server.json("/api/v1/hotspots/classes?class=cold_new").await, serde_json::json!([]));
    })
    .await;
}
