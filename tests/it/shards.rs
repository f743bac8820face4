//! The city as the stages read it, shard by shard, is the city as it lies in memory, on both stores.
use std::sync::Arc;

use ndarray::Array2;
use weisu::{
    config::Config,
    metrics::Metrics,
    stages::{Cx, Owner, Silent, city, shards::Shards},
    ticket::Basis,
};
use weisu_models::series::Cells;

use crate::support::for_each_database;

/// Two sources; 3 topics of 700 districts each and one of 2, 12 days, one of them missing at the second source.
fn script() -> String {
    let mut sql = String::from("BEGIN; INSERT INTO sources (id, name) VALUES (1, 'a'), (2, 'b');");
    let mut rows = |table: &str, rows: Vec<String>| {
        for chunk in rows.chunks(500) {
            sql += &format!("INSERT INTO {table} VALUES {};", chunk.join(","));
        }
    };
    rows("topics (id, parent, depth, name)", (1..=4).map(|id| format!("({id}, 0, 1, 't{id}')")).collect());
    rows(
        "districts (id, parent, depth, name)",
        (1..=700).map(|id| format!("({id}, 0, 1, 'd{id}')")).collect(),
    );
    let mut counts = Vec::new();
    for topic in 1..=4 {
        for district in 1..=if topic == 3 { 2 } else { 700 } {
            for source in 1..=2 {
                if source == 2 && district % 5 > 0 {
                    continue;
                }
                let (day, raw) = (20_000 + (district * 7 + topic + source) % 12, 1 + district % 4);
                counts.push(format!("({source}, {topic}, {district}, {day}, {raw}, {})", raw - district % 2));
            }
        }
    }
    rows("counts (source, topic, district, day, raw, dedup)", counts);
    let days = (1..=2).flat_map(|source| {
        (20_000..20_012).map(move |day| {
            let status = if source == 2 && day == 20_005 { "missing" } else { "closed" };
            format!("({source}, {day}, 9, '{status}')")
        })
    });
    rows("source_days (source, day, tickets, status)", days.collect());
    sql + "COMMIT;"
}

#[tokio::test]
async fn shards_are_the_panel_cell_by_cell() {
    for_each_database(|database| async move {
        let store = database.open().await.unwrap();
        database.execute(script()).await;
        let mut config = Config::default();
        config.store.data = database.folder.join("data");
        let cx = Cx {
            store,
            config: Arc::new(config),
            now: "2024-11-01T01:00:00Z".parse().unwrap(),
            owner: Owner::this_process(),
            progress: Arc::new(Silent),
            metrics: Metrics::new().unwrap(),
        };
        for basis in Basis::ALL {
            let (whole, to) = city::panel(&cx, basis).await.unwrap();
            let shards = Shards::open(&cx, basis).await.unwrap();
            assert_eq!((shards.index.keys.len(), shards.to), (whole.keys.len(), to));
            assert_eq!((&shards.index.keys, &shards.index.hierarchy), (&whole.keys, &whole.hierarchy));
            assert_eq!((shards.start(), shards.shards()), (whole.panel.start, vec![0..1400, 1400..2102]));
            let want = format!("{:?}", whole.panel.counts.as_slice().unwrap());
            assert!(want.contains("NaN") && want.contains("3.0"));
            let read = move || {
                // From the store, then from what was kept of it.
                [0, 1].map(|_| {
                    let mut all = Array2::zeros((0, shards.days()));
                    for shard in 0..shards.shards().len() {
                        all.append(ndarray::Axis(0), shards.load(shard).unwrap().view()).unwrap();
                    }
                    format!("{:?}", all.as_slice().unwrap())
                })
            };
            for got in tokio::task::spawn_blocking(read).await.unwrap() {
                assert!(got == want, "{basis:?}");
            }
        }
        cx.store.close().await;
    })
    .await;
}
