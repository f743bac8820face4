//! The backtest and the honesty ledger of an installation, on both stores.
use std::{fs, process::Stdio, time::Duration};

use serde_json::Value;
use weisu::{store::Grain, ticket::Basis};

use crate::support::{
    city, for_each_database,
    installation::{Installation, MORNING, text},
};

/// Mornings on which forecasts are published: the second knows September beyond the first, the third a week more.
const MORNINGS: [&str; 3] = ["2025-08-28T00:00:00Z", "2025-10-01T00:00:00Z", "2025-10-09T00:00:00Z"];

fn json(at: &Installation, args: &[&str], now: &str) -> Value {
    let out = at.run(&[args, &["--format", "json"]].concat(), now);
    assert!(out.status.success(), "{args:?}: {}", text(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn total<'a>(rows: &'a Value, model: &str, grain: &str, band: &str) -> &'a Value {
    let is = |r: &&Value| {
        r["model"] == model
            && r["grain"] == grain
            && r["band"] == band
            && r["topic_depth"] == 0
            && r["district_depth"] == 0
    };
    rows.as_array().unwrap().iter().find(is).unwrap_or_else(|| panic!("{model} {grain} {band} in {rows}"))
}

#[tokio::test]
async fn a_backtest_is_kept_with_its_run_and_read_back_to_the_last_digit() {
    for_each_database(|database| async move {
        let at = Installation::new(&database, "2025-11-10", "");
        at.must(&["ingest", "tickets.csv"], MORNING);
        let out = at.run(&["backtest"], MORNING);
        assert!(text(&out.stderr).contains("run `weisu ingest FILE…` and `weisu once` first"), "{}", text(&out.stderr));
        at.must(&["once"], MORNING);
        let asked = ["backtest", "--origins", "2", "--horizon", "14", "--months", "1", "--step", "35"];
        let loose = json(&at, &[&asked[..], &["--no-store"]].concat(), MORNING);
        assert!(loose["run"].is_null());
        assert_eq!(at.ask("SELECT CAST(COUNT(*) AS TEXT) FROM backtests").await, ["0"]);

        let kept = json(&at, &asked, MORNING);
        assert_eq!(kept["origins"], serde_json::json!(["2025-09-21", "2025-10-26"]));
        assert_eq!(kept["scores"], loose["scores"], "the same input gives the same scores");
        let (ours, naive) = (total(&kept["scores"], "weisu", "day", "all"), total(&kept["scores"], "seasonal_naive", "day", "all"));
        assert_eq!((&ours["n"], &naive["rel_all"]), (&2.into(), &1.0.into()));
        assert!(ours["mase"].as_f64().unwrap() > 0.0);
        // Only October is wholly after an origin and over.
        assert_eq!(total(&kept["scores"], "weisu", "month", "all")["n"], 1);
        assert!(total(&kept["scores"], "last_year", "day", "8-14")["wql"].is_number());
        let run = kept["run"].as_i64().unwrap();
        assert_eq!(at.runs().await.last().unwrap(), "backtest ok");
        let wql = at
            .ask(&format!(
                "SELECT CAST(wql AS TEXT) FROM backtests WHERE run = {run} AND basis = 'raw' AND model = 'weisu' \
                 AND topic_depth = 0 AND district_depth = 0 AND grain = 0 AND band = 'all'"
            ))
            .await;
        let wql: f64 = wql[0].parse().unwrap();
        assert!((wql - ours["wql"].as_f64().unwrap()).abs() < 1e-12);

        let said = at.must(&asked, MORNING);
        assert!(said.contains(&format!("kept as run {}", run + 1)) && said.contains("* has the least"), "{said}");
        let out = at.run(&["backtest", "--origins", "2030-01-01"], MORNING);
        assert!(text(&out.stderr).contains("cannot be scored: choose a day from"), "{}", text(&out.stderr));
        assert_eq!(at.runs().await.last().unwrap(), "backtest failed");
    })
    .await;
}

#[tokio::test]
async fn keeping_time_takes_neither_backtests_nor_the_ledger() {
    for_each_database(|database| async move {
        let store = city::store(&database, Some(&city::EN)).await;
        let (ledger, scores) =
            (store.ledger(Basis::Raw).await.unwrap(), store.backtest(16, Basis::Raw).await.unwrap());
        let mut tx = store.begin().await.unwrap();
        tx.prune(i64::MAX).await.unwrap();
        tx.commit().await.unwrap();
        assert!(store.forecasts(11, Grain::Day).await.unwrap().is_empty());
        assert_eq!(store.ledger(Basis::Raw).await.unwrap(), ledger);
        assert_eq!(store.backtest(16, Basis::Raw).await.unwrap(), scores);
        let kept: Vec<i64> = store.recent_runs(50).await.unwrap().iter().map(|r| r.id).collect();
        assert!([11, 14, 16, 20].iter().all(|id| kept.contains(id)) && !kept.contains(&15), "{kept:?}");
        store.close().await;
    })
    .await;
}

/// The tickets received before a morning, as the installation's file.
fn arrive(at: &Installation, all: &str, morning: &str) {
    let received = all.lines().next().unwrap().split(',').position(|name| name == "受理时间").unwrap();
    let is_there = |row: &&str| row.split(',').nth(received).unwrap() < &morning[..10];
    let (head, rows) = all.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().filter(is_there).collect();
    fs::write(at.path("tickets.csv"), format!("{head}\n{}\n", rows.join("\n"))).unwrap();
}

const LEDGER: &str = "SELECT run || ' ' || basis || ' ' || grain || ' ' || lead_from || ' ' || lead_to || ' ' || topic_depth || ' ' \
     || district_depth || ' ' || series || ' ' || n || ' ' || inside_80 || ' ' || expected || ' ' || actual || ' ' || error \
     || ' ' || scored_by FROM ledger ORDER BY 1";

#[tokio::test]
async fn published_forecasts_are_scored_once_when_their_truth_has_come() {
    for_each_database(|database| async move {
        let at = Installation::new(&database, "2025-11-10", "");
        let all = fs::read_to_string(at.path("tickets.csv")).unwrap();
        arrive(&at, &all, MORNINGS[0]);
        at.must(&["once"], MORNINGS[0]);
        assert!(at.ask(LEDGER).await.is_empty());
        assert!(at.must(&["backtest", "--ledger"], MORNINGS[0]).contains("has come due yet"));
        let first = at.ask("SELECT CAST(id AS TEXT) FROM runs WHERE stage = 'forecast'").await.remove(0);
        arrive(&at, &all, MORNINGS[1]);
        // Killed at any moment, nothing is scored by halves.
        for wait in [150, 400, 900, 1600] {
            let mut child = at.weisu(&["once"], Some(MORNINGS[1])).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            tokio::time::sleep(Duration::from_millis(wait)).await;
            child.kill().unwrap();
            child.wait().unwrap();
            let done = at.ask("SELECT CAST(id AS TEXT) FROM runs WHERE stage = 'forecast' AND status = 'ok'").await;
            assert_eq!(at.ask(LEDGER).await.is_empty(), done.len() == 1, "scores come with the next forecast or not at all");
        }
        at.must(&["once"], MORNINGS[1]);
        let scored = at.ask(LEDGER).await;

        let lines = json(&at, &["backtest", "--ledger"], MORNINGS[1]);
        let of_total: Vec<(String, i64, i64)> = lines
            .as_array()
            .unwrap()
            .iter()
            .filter(|l| l["topic_depth"] == 0 && l["district_depth"] == 0)
            .map(|l| (format!("{} {}-{}", l["grain"].as_str().unwrap(), l["lead_from"], l["lead_to"]), l["forecasts"].as_i64().unwrap(), l["runs"].as_i64().unwrap()))
            .collect();
        // Fourteen days, and September; October is under way.
        let want = [("day 1-7", 7), ("day 8-14", 7), ("month 1-1", 1)].map(|(band, n)| (band.to_owned(), n, 1));
        assert_eq!(of_total, want);
        let districts = lines.as_array().unwrap().iter().filter(|l| l["district_depth"] == 1 && l["topic_depth"] == 0);
        assert!(districts.clone().count() == 9 && districts.clone().all(|l| l["district"].as_array().unwrap().len() == 1));
        let cells: Vec<&Value> = lines.as_array().unwrap().iter().filter(|l| l["topic_depth"] == 1 && l["district_depth"] == 1).collect();
        assert!(cells.len() == 3 && cells[0]["forecasts"].as_i64().unwrap() > 7 * 3, "{cells:?}");

        // An audit finds the same in what was published and counted.
        let audit = format!(
            "SELECT COUNT(*) || ' ' || SUM(CASE WHEN c.n BETWEEN f.q10 AND f.q90 THEN 1 ELSE 0 END) || ' ' || SUM(c.n) \
             FROM forecasts f JOIN (SELECT day, SUM(raw) AS n FROM counts GROUP BY day) c ON c.day = f.target \
             JOIN series s ON s.id = f.series AND s.basis = 'raw' AND s.topic = 0 AND s.district = 0 \
             JOIN runs r ON r.id = f.run WHERE f.run = {first} AND f.grain = 0 AND f.target <= r.origin + 7"
        );
        let found = "SELECT n || ' ' || inside_80 || ' ' || CAST(actual AS INTEGER) FROM ledger \
             WHERE basis = 'raw' AND grain = 0 AND lead_from = 1 AND topic_depth = 0 AND district_depth = 0";
        assert_eq!(at.ask(found).await, at.ask(&audit).await);

        // Counts that are revised afterwards and a further forecast change nothing that was scored.
        database.execute("UPDATE counts SET raw = raw + 3, dedup = dedup + 3").await;
        arrive(&at, &all, MORNINGS[2]);
        at.must(&["once"], MORNINGS[2]);
        let later = at.ask(LEDGER).await;
        assert!(scored.iter().all(|row| later.contains(row)), "a score was changed");
        assert!(later.len() > scored.len(), "the second run's first week has been scored");
        assert_ne!(at.ask(found).await[0], at.ask(&audit).await[0], "the revision shows");
        assert!(at.must(&["backtest", "--ledger"], MORNINGS[2]).contains("14 forecasts"));
    })
    .await;
}
