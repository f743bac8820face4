//! What the store promises, on both dialects.
use std::collections::BTreeMap;

use weisu::{
    store::{
        IngestTx, NewRun, Store, StoreError, Tally, Tree,
        board::{SeriesFilter, SeriesRow},
    },
    ticket::{Basis, Day, Ticket},
};

use crate::support::{city, for_each_database, for_each_store};

const DAY: Day = Day(20_000);

fn ticket(id: &str, version: i64, topic: i32) -> Ticket {
    Ticket {
        id: id.into(),
        version,
        received: i64::from(DAY.0) * 86_400_000,
        day: DAY,
        topic,
        district: 1,
        closed: None,
        is_repeat: false,
    }
}

fn repeat(id: &str, topic: i32) -> Ticket {
    Ticket { is_repeat: true, ..ticket(id, 1, topic) }
}

/// Ingests batches in one transaction.
async fn ingest(store: &Store, batches: &[&[Ticket]]) -> Tally {
    let mut tx = store.begin().await.unwrap();
    let source = tx.source("test").await.unwrap();
    let mut ingest = IngestTx::new(tx, source);
    for batch in batches {
        ingest.put(batch).await.unwrap();
    }
    let (tx, tally) = ingest.finish().await.unwrap();
    tx.commit().await.unwrap();
    tally
}

/// Counts by topic and day.
async fn counts(store: &Store, basis: Basis) -> BTreeMap<(i32, i32), i64> {
    let cells = store.counts(basis, Day(0), Day(40_000)).await.unwrap();
    cells.into_iter().map(|cell| ((cell.topic, cell.day), cell.n)).collect()
}

fn tally(added: u64, replaced: u64, duplicates: u64) -> Tally {
    Tally { added, replaced, duplicates }
}

#[tokio::test]
async fn the_same_batch_twice_changes_nothing() {
    for_each_store(|store| async move {
        let batch: Vec<Ticket> = (0..2500).map(|i| ticket(&format!("t{i}"), 1, 1 + i % 7)).collect();
        assert_eq!(ingest(&store, &[&batch]).await, tally(2500, 0, 0));
        let before = counts(&store, Basis::Raw).await;
        assert_eq!(before.values().sum::<i64>(), 2500);
        assert_eq!(ingest(&store, &[&batch]).await, tally(0, 0, 2500));
        assert_eq!(ingest(&store, &[&batch[..1000], &batch[500..]]).await, tally(0, 0, 3000));
        assert_eq!(counts(&store, Basis::Raw).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_batch_may_be_larger_than_a_statement() {
    for_each_store(|store| async move {
        let mut batch: Vec<Ticket> = (0..10_000).map(|i| ticket(&format!("t{i}"), 1, 1)).collect();
        batch.push(ticket("t0", 2, 2));
        assert_eq!(ingest(&store, &[&batch]).await, tally(10_000, 1, 0));
        assert_eq!(counts(&store, Basis::Raw).await, [((1, DAY.0), 9_999), ((2, DAY.0), 1)].into());
    })
    .await;
}

#[tokio::test]
async fn a_batch_of_known_and_new_tickets_adds_only_the_new() {
    for_each_store(|store| async move {
        ingest(&store, &[&[ticket("a", 1, 1), ticket("b", 1, 1)]]).await;
        let mixed = [ticket("b", 1, 1), ticket("c", 1, 1), ticket("a", 2, 2)];
        assert_eq!(ingest(&store, &[&mixed]).await, tally(1, 1, 1));
        assert_eq!(counts(&store, Basis::Raw).await, [((1, DAY.0), 2), ((2, DAY.0), 1)].into());
    })
    .await;
}

#[tokio::test]
async fn a_newer_version_replaces_and_moves_its_count() {
    for_each_store(|store| async move {
        ingest(&store, &[&[ticket("a", 1, 1), repeat("b", 1)]]).await;
        let moved = Ticket { day: DAY.plus(1), is_repeat: true, closed: Some(5), ..ticket("a", 2, 3) };
        assert_eq!(ingest(&store, &[&[moved]]).await, tally(0, 1, 0));
        assert_eq!(counts(&store, Basis::Raw).await, [((1, DAY.0), 1), ((3, DAY.0 + 1), 1)].into());
        assert_eq!(counts(&store, Basis::Dedup).await, [((1, DAY.0), 0), ((3, DAY.0 + 1), 0)].into());
        // Back again: nothing is left where it had gone.
        assert_eq!(ingest(&store, &[&[ticket("a", 3, 1)]]).await, tally(0, 1, 0));
        assert_eq!(counts(&store, Basis::Raw).await, [((1, DAY.0), 2)].into());
        assert_eq!(counts(&store, Basis::Dedup).await, [((1, DAY.0), 1)].into());
    })
    .await;
}

#[tokio::test]
async fn an_older_or_equal_version_is_a_duplicate() {
    for_each_store(|store| async move {
        ingest(&store, &[&[ticket("a", 5, 1)]]).await;
        assert_eq!(ingest(&store, &[&[ticket("a", 4, 2)]]).await, tally(0, 0, 1));
        assert_eq!(ingest(&store, &[&[ticket("a", 5, 2)]]).await, tally(0, 0, 1));
        assert_eq!(counts(&store, Basis::Raw).await, [((1, DAY.0), 1)].into());
    })
    .await;
}

#[tokio::test]
async fn the_newest_of_an_id_within_a_batch_and_across_batches_wins() {
    for_each_store(|store| async move {
        let batch = [ticket("a", 2, 2), ticket("a", 3, 3), ticket("a", 1, 1), ticket("b", 1, 1)];
        assert_eq!(ingest(&store, &[&batch]).await, tally(2, 0, 2));
        assert_eq!(counts(&store, Basis::Raw).await, [((1, DAY.0), 1), ((3, DAY.0), 1)].into());
        // The second batch of one transaction replaces what the first one added.
        assert_eq!(ingest(&store, &[&[ticket("c", 1, 1)], &[ticket("c", 2, 2)]]).await, tally(1, 1, 0));
        assert_eq!(
            counts(&store, Basis::Raw).await,
            [((1, DAY.0), 1), ((2, DAY.0), 1), ((3, DAY.0), 1)].into()
        );
    })
    .await;
}

#[tokio::test]
async fn repeats_count_in_raw_only_and_a_cell_of_repeats_is_a_known_zero() {
    for_each_store(|store| async move {
        ingest(&store, &[&[ticket("a", 1, 1), repeat("b", 1), repeat("c", 1), repeat("d", 2)]]).await;
        assert_eq!(counts(&store, Basis::Raw).await, [((1, DAY.0), 3), ((2, DAY.0), 1)].into());
        assert_eq!(counts(&store, Basis::Dedup).await, [((1, DAY.0), 1), ((2, DAY.0), 0)].into());
    })
    .await;
}

#[tokio::test]
async fn the_same_id_of_two_sources_is_two_tickets() {
    for_each_store(|store| async move {
        for name in ["north", "south"] {
            let mut tx = store.begin().await.unwrap();
            let source = tx.source(name).await.unwrap();
            assert_eq!(tx.source(name).await.unwrap(), source);
            let mut ingest = IngestTx::new(tx, source);
            ingest.put(&[ticket("a", 1, 1)]).await.unwrap();
            let (tx, tallied) = ingest.finish().await.unwrap();
            assert_eq!(tallied, tally(1, 0, 0));
            tx.commit().await.unwrap();
        }
        assert_eq!(counts(&store, Basis::Raw).await, [((1, DAY.0), 2)].into());
        assert_eq!(store.tickets_per_day().await.unwrap(), [(1, DAY.0, 1), (2, DAY.0, 1)]);
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_nothing() {
    for_each_store(|store| async move {
        let mut tx = store.begin().await.unwrap();
        let source = tx.source("test").await.unwrap();
        tx.intern(Tree::Topics, &[vec!["Noise".to_owned()]]).await.unwrap();
        let mut unfinished = IngestTx::new(tx, source);
        unfinished.put(&[ticket("a", 1, 1)]).await.unwrap();
        drop(unfinished);

        assert_eq!(ingest(&store, &[&[ticket("a", 1, 1)]]).await, tally(1, 0, 0), "the id is still new");
        assert_eq!(counts(&store, Basis::Raw).await, [((1, DAY.0), 1)].into());
        assert_eq!(store.tree(Tree::Topics).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn paths_are_interned_once_with_parents_first() {
    for_each_store(|store| async move {
        let path = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let mut tx = store.begin().await.unwrap();
        let paths =
            [path(&["噪声", "施工"]), path(&["噪声"]), path(&["卫生", "施工"]), path(&["噪声", "施工"])];
        let ids = tx.intern(Tree::Topics, &paths).await.unwrap();
        assert_eq!(ids[0], ids[3]);
        assert_ne!(ids[0], ids[2], "the same name under another parent is another topic");
        let districts = tx.intern(Tree::Districts, &paths[..1]).await.unwrap();
        tx.commit().await.unwrap();

        let tree = store.tree(Tree::Topics).await.unwrap();
        let described: Vec<_> = tree.iter().map(|n| (n.id, n.parent, n.depth, n.name.as_str())).collect();
        assert_eq!(described, [(1, 0, 1, "噪声"), (2, 1, 2, "施工"), (3, 0, 1, "卫生"), (4, 3, 2, "施工")]);
        assert_eq!((ids[1], districts[0]), (1, 2));

        let mut tx = store.begin().await.unwrap();
        let again = tx.intern(Tree::Topics, &[path(&["卫生", "施工"]), path(&["绿化"])]).await.unwrap();
        assert_eq!(again, [4, 5]);
        assert_eq!(tx.intern(Tree::Topics, &[vec![]]).await.unwrap(), [0], "an empty path is the root");
    })
    .await;
}

#[tokio::test]
async fn a_lease_has_one_owner_until_it_expires_and_a_takeover_fences_the_first() {
    for_each_store(|store| async move {
        let first = store.lease("forecast", "one", 1_000, 2_000).await.unwrap().unwrap();
        assert_eq!(store.lease("forecast", "two", 1_999, 3_000).await.unwrap(), None, "still held");
        let renewed = store.lease("forecast", "one", 1_500, 2_500).await.unwrap().unwrap();
        assert_eq!(renewed, first, "renewing keeps the fence");
        assert!(store.lease("detect", "two", 1_500, 2_500).await.unwrap().is_some(), "another lease is free");

        let second = store.lease("forecast", "two", 2_500, 9_000).await.unwrap().unwrap();
        assert!(second.fence > first.fence);
        let mut late = store.begin().await.unwrap();
        late.source("late").await.unwrap();
        let error = late.hold(&first).await.unwrap_err();
        assert!(matches!(&error, StoreError::Fenced { name } if name == "forecast"), "{error}");
        drop(late);
        let mut holder = store.begin().await.unwrap();
        holder.hold(&second).await.unwrap();
        assert_eq!(holder.source("kept").await.unwrap(), 1, "what the fenced one wrote was rolled back");
        holder.commit().await.unwrap();

        store.release(&first).await.unwrap();
        assert_eq!(
            store.lease("forecast", "one", 3_000, 4_000).await.unwrap(),
            None,
            "only its owner gives it back"
        );
        store.release(&second).await.unwrap();
        let third = store.lease("forecast", "one", 3_000, 4_000).await.unwrap().unwrap();
        assert!(third.fence > second.fence, "an owner that comes back does not get its old fence");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_ask_for_a_lease_at_once_one_gets_it() {
    for_each_store(|store| async move {
        let asked = (0..8).map(|i| {
            let store = store.clone();
            tokio::spawn(async move { store.lease("fit", &format!("owner {i}"), 0, 1_000).await.unwrap() })
        });
        let mut got = 0;
        for answer in asked.collect::<Vec<_>>() {
            got += i32::from(answer.await.unwrap().is_some());
        }
        assert_eq!(got, 1);
    })
    .await;
}

#[tokio::test]
async fn a_slot_is_done_once_and_the_newest_is_found_by_due_time() {
    for_each_store(|store| async move {
        assert_eq!(store.last_slot("fit").await.unwrap(), None);
        store.finish_slot("fit", "2024-01-02T05:10", 200, "done", 201).await.unwrap();
        store.finish_slot("fit", "2024-01-01T05:10", 100, "done", 202).await.unwrap();
        store.finish_slot("fit", "2024-01-03T05:10", 300, "skipped", 301).await.unwrap();
        store.finish_slot("detect", "2024-01-04T05:10", 400, "done", 401).await.unwrap();
        assert_eq!(store.last_slot("fit").await.unwrap(), Some(("2024-01-02T05:10".to_owned(), 200)));
        assert!(store.slot_done("fit", "2024-01-01T05:10").await.unwrap());
        assert!(!store.slot_done("fit", "2024-01-03T05:10").await.unwrap(), "skipped is not done");
        assert!(!store.slot_done("detect", "2024-01-01T05:10").await.unwrap());
        store.finish_slot("fit", "2024-01-03T05:10", 300, "done", 302).await.unwrap();
        assert_eq!(store.last_slot("fit").await.unwrap().unwrap().1, 300);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_begun_at_once_get_ids_of_their_own() {
    for_each_store(|store| async move {
        let begun = (0..6).map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let run = NewRun { stage: "fit", slot: "s", started: 1, seed: 7, config_hash: "c" };
                store.begin_run(&run).await.unwrap()
            })
        });
        let mut ids = Vec::new();
        for id in begun.collect::<Vec<_>>() {
            ids.push(id.await.unwrap());
        }
        ids.sort_unstable();
        assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
    })
    .await;
}

#[tokio::test]
async fn a_run_ends_with_what_it_wrote_or_is_marked_failed() {
    for_each_store(|store| async move {
        use weisu::store::RunStatus::{Failed, Ok, Running};
        let run = NewRun { stage: "fit", slot: "2024-01-01T05:10", started: 10, seed: 7, config_hash: "c" };
        let first = store.begin_run(&run).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        tx.finish_run(first, 20, Some(19_000), "{\"n\":1}").await.unwrap();
        drop(tx);
        assert_eq!(store.last_run("fit", Running).await.unwrap().unwrap().id, first, "not committed");
        let mut tx = store.begin().await.unwrap();
        tx.finish_run(first, 21, Some(19_000), "{\"n\":1}").await.unwrap();
        tx.commit().await.unwrap();
        let ended = store.last_run("fit", Ok).await.unwrap().unwrap();
        assert_eq!(
            (ended.finished, ended.origin, ended.summary.as_str()),
            (Some(21), Some(19_000), "{\"n\":1}")
        );

        let second = store.begin_run(&run).await.unwrap();
        assert_eq!(
            store.fail_abandoned("detect", 30).await.unwrap(),
            0,
            "another stage's runs are not touched"
        );
        assert_eq!(store.fail_abandoned("fit", 30).await.unwrap(), 1);
        let failed = store.last_run("fit", Failed).await.unwrap().unwrap();
        assert!(failed.id == second && failed.error.unwrap().contains("process ended"));
        assert_eq!(
            store.recent_runs(9).await.unwrap().iter().map(|r| r.id).collect::<Vec<_>>(),
            [second, first]
        );
    })
    .await;
}

#[tokio::test]
async fn a_store_is_opened_again_as_it_was_and_a_newer_one_is_refused() {
    for_each_database(|database| async move {
        let store = database.open().await.unwrap();
        ingest(&store, &[&[ticket("a", 1, 1)]]).await;
        store.close().await;
        let store = database.open().await.unwrap();
        assert_eq!(counts(&store, Basis::Raw).await, [((1, DAY.0), 1)].into());
        store.ping().await.unwrap();
        store.close().await;

        database
            .execute(
                "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 SELECT 9999, 'from the future', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
            )
            .await;
        let error = database.open().await.unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 9999, .. }), "{error}");
        assert!(error.to_string().contains("newer weisu"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn an_unusable_url_says_what_to_do_and_shows_no_password() {
    let open = async |url: &str| {
        let wait = std::time::Duration::from_millis(200);
        let options = weisu::store::Options { url: url.to_owned(), wait, connections: 2 };
        let error = Store::open(&options).await.unwrap_err();
        format!("{error} {error:?}")
    };
    let text = open("mysql://me:secret@db/weisu").await;
    assert!(text.contains("sqlite://") && !text.contains("secret"), "{text}");
    let text = open("sqlite:///no/such/folder/weisu.db").await;
    assert!(text.contains("/no/such/folder does not exist"), "{text}");
    // Port 9 on loopback: nobody listens.
    let text = open("postgres://me:secret@127.0.0.1:9/weisu").await;
    assert!(text.contains("127.0.0.1:9/weisu") && text.contains("server is up"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_go_on_while_a_writer_is_at_work_and_see_only_what_is_committed() {
    for_each_store(|store| async move {
        ingest(&store, &[&[ticket("a", 1, 1)]]).await;
        let mut tx = store.begin().await.unwrap();
        let source = tx.source("test").await.unwrap();
        let mut writing = IngestTx::new(tx, source);
        writing.put(&[ticket("b", 1, 1)]).await.unwrap();
        assert_eq!(counts(&store, Basis::Raw).await, [((1, DAY.0), 1)].into());
        let (tx, _) = writing.finish().await.unwrap();
        assert_eq!(counts(&store, Basis::Raw).await, [((1, DAY.0), 1)].into());
        tx.commit().await.unwrap();
        assert_eq!(counts(&store, Basis::Raw).await, [((1, DAY.0), 2)].into());
    })
    .await;
}

/// Each filter finds what a look at every series finds, on both dialects, page by page.
#[tokio::test]
async fn series_are_found_by_whatever_is_asked_for() {
    for_each_database(|database| async move {
        let store = city::store(&database, Some(&city::EN)).await;
        let any = SeriesFilter {
            basis: Basis::Raw,
            topic: None,
            district: None,
            topic_depth: None,
            district_depth: None,
            text: None,
            after: 0,
            limit: 1000,
        };
        let all = store.find_series(&any).await.unwrap();
        assert!(all.len() > 40 && all.iter().all(|s| s.basis == "raw" && s.model.is_some()), "{all:?}");
        type Fits = fn(&SeriesRow) -> bool;
        let checks: [(SeriesFilter, Fits); 7] = [
            (SeriesFilter { topic: Some(1), ..any.clone() }, |s| s.topic == 1),
            (SeriesFilter { district: Some(3), ..any.clone() }, |s| s.district == 3),
            (SeriesFilter { topic: Some(0), district: Some(0), ..any.clone() }, |s| {
                (s.topic, s.district) == (0, 0)
            }),
            (SeriesFilter { topic_depth: Some(1), ..any.clone() }, |s| s.topic_depth == 1),
            (SeriesFilter { topic_depth: Some(1), district_depth: Some(1), ..any.clone() }, |s| {
                (s.topic_depth, s.district_depth) == (1, 1)
            }),
            (SeriesFilter { after: 20, ..any.clone() }, |s| s.id > 20),
            (SeriesFilter { text: Some("no such name".into()), ..any.clone() }, |_| false),
        ];
        for (filter, fits) in checks {
            let wanted: Vec<i32> = all.iter().filter(|s| fits(s)).map(|s| s.id).collect();
            let found: Vec<i32> = store.find_series(&filter).await.unwrap().iter().map(|s| s.id).collect();
            assert_eq!(found, wanted, "{filter:?}");
            let first = store.find_series(&SeriesFilter { limit: 3, ..filter }).await.unwrap();
            assert_eq!(first.iter().map(|s| s.id).collect::<Vec<_>>(), wanted[..wanted.len().min(3)]);
        }
        let named = SeriesFilter { text: Some("eastSIDE".into()), ..any };
        assert!(!store.find_series(&named).await.unwrap().is_empty(), "whatever its letters");
        store.close().await;
    })
    .await;
}
