//! Daily counts as `aggregate` keeps them are those of the tickets, on both stores, and no longer speak when tickets have
//! come since.
use std::sync::Arc;

use weisu::{
    config::Config,
    metrics::Metrics,
    stages::{Activation, Cx, Owner, Silent, Stage, activate},
    store::{
        Store, Tree,
        board::{DayCount, NodeDay, Scope},
    },
    ticket::{Basis, Day},
};

use crate::support::for_each_database;

const FIRST: i32 = 20_000;
const DAYS: i32 = 12;

/// Two topics with two leaves each and one by itself, in two districts of ten offices and one of two; two sources.
fn script() -> String {
    let mut sql = String::from("BEGIN; INSERT INTO sources (id, name) VALUES (1, 'a'), (2, 'b');");
    let mut insert = |table: &str, rows: Vec<String>| {
        sql += &format!("INSERT INTO {table} VALUES {};", rows.join(","));
    };
    let topics = [(1, 0), (2, 0), (3, 0), (11, 1), (12, 1), (21, 2), (22, 2)];
    let depth = |parent| if parent == 0 { 1 } else { 2 };
    let node = |(id, parent): &(i32, i32)| format!("({id}, {parent}, {}, 'n{id}')", depth(*parent));
    let mut districts = vec![(1, 0), (2, 0), (3, 0)];
    districts.extend((101..=110).map(|id| (id, 1)));
    districts.extend((201..=210).map(|id| (id, 2)));
    districts.extend((301..=302).map(|id| (id, 3)));
    insert("topics (id, parent, depth, name)", topics.iter().map(node).collect());
    insert("districts (id, parent, depth, name)", districts.iter().map(node).collect());
    let mut counts = Vec::new();
    for (k, topic) in (0..).zip([3, 11, 12, 21, 22]) {
        for office in districts.iter().filter(|(_, parent)| *parent > 0).map(|(id, _)| id) {
            for source in 1..=1 + office % 2 {
                let (day, raw) = (FIRST + (office * 5 + k + source) % DAYS, 2 + (office + k) % 3);
                counts.push(format!("({source}, {topic}, {office}, {day}, {raw}, {})", raw - office % 2));
            }
        }
    }
    insert("counts (source, topic, district, day, raw, dedup)", counts);
    sql + "COMMIT;"
}

type Read = (Vec<Vec<DayCount>>, Vec<Vec<NodeDay>>);

/// Everything that can be asked of some days, in one order.
async fn read(store: &Store) -> Read {
    let (from, to) = (Day(FIRST + 2), Day(FIRST + DAYS - 2));
    let (mut series, mut scopes) = (Vec::new(), Vec::new());
    for basis in Basis::ALL {
        for topic in [0, 1, 2, 3, 11, 22] {
            for district in [0, 1, 3, 101, 302] {
                series.push(store.daily((topic, district), basis, from, to).await.unwrap());
            }
        }
        for (of, within) in [
            (Tree::Topics, 0),
            (Tree::Topics, 1),
            (Tree::Topics, 3),
            (Tree::Districts, 0),
            (Tree::Districts, 12),
        ] {
            scopes.push(store.daily_by_top(Scope { of, within }, basis, from, to).await.unwrap());
        }
    }
    (series, scopes)
}

async fn aggregate(cx: &Cx) {
    let ran = activate(cx, Stage::Aggregate, "slot", None).await.unwrap();
    assert!(matches!(ran, Activation::Ran { .. }), "{ran:?}");
}

#[tokio::test]
async fn kept_sums_are_those_of_the_counts_until_tickets_come() {
    for_each_database(|database| async move {
        let store = database.open().await.unwrap();
        database.execute(script()).await;
        let mut config = Config::default();
        config.store.data = database.folder.join("data");
        let cx = Cx {
            store: store.clone(),
            config: Arc::new(config),
            now: "2024-11-01T01:00:00Z".parse().unwrap(),
            owner: Owner::this_process(),
            progress: Arc::new(Silent),
            metrics: Metrics::new().unwrap(),
        };
        let from_counts = read(&store).await;
        assert!(from_counts.0[0].len() > 5 && from_counts.1[0].len() > 10, "there is something to compare");
        aggregate(&cx).await;
        assert_eq!(read(&store).await, from_counts);
        // What is read is what was kept: counts that change behind its back do not show …
        database.execute("UPDATE counts SET raw = raw + 1, dedup = dedup + 1").await;
        let (kept, now) = (read(&store).await, from_counts);
        assert_eq!(kept.0[0], now.0[0], "the city's total is kept");
        assert_ne!(kept, now, "a cell of its own is not");
        // … until an ingest says that they did; the next aggregate keeps them.
        database
            .execute(
                "INSERT INTO runs (id, stage, slot, status, started, seed, config_hash, version, summary) \
                 SELECT MAX(id) + 1, 'ingest', 'slot', 'ok', 0, 0, '', '', '{}' FROM runs",
            )
            .await;
        let changed = read(&store).await;
        assert_ne!(changed.0[0], now.0[0]);
        aggregate(&cx).await;
        assert_eq!(read(&store).await, changed);
        store.close().await;
    })
    .await;
}
