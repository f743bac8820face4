//! A small made-up city in a store: 2 topics with 3 below each, 4 districts, 800 days, forecasts of several origins,
//! fits, runs, alarms, alerts and deliveries. Written with plain SQL that both dialects take, so that what reads
//! the store is tested without the stages that fill it.
use chrono::{Datelike, Months, NaiveDate};
use geojson::{Geometry, GeometryValue};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use weisu::{
    map::{Geography, Place},
    store::Store,
    ticket::Day,
};

use super::Database;

/// Names of a city in one language: topics with what is below them, and districts.
pub struct Names {
    /// (top-level topic, what is below it).
    pub topics: [(&'static str, [&'static str; 3]); 2],
    /// Districts.
    pub districts: [&'static str; 4],
}

/// 中文
pub const ZH: Names = Names {
    topics: [
        ("供热采暖", ["室温不达标", "管道漏水", "供热收费"]),
        ("城市管理", ["噪声扰民", "占道经营", "垃圾清运"]),
    ],
    districts: ["东城区", "西城区", "朝阳区", "海淀区"],
};
/// English
pub const EN: Names = Names {
    topics: [
        ("Heating", ["Cold rooms", "Leaking pipes", "Heating bills"]),
        ("Streets", ["Noise", "Blocked pavements", "Waste collection"]),
    ],
    districts: ["Eastside", "Westside", "Northgate", "Harbour"],
};

/// The last day with data.
pub fn origin() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 8).unwrap()
}

/// The morning after.
pub fn now() -> chrono::DateTime<chrono::Utc> {
    origin().succ_opt().unwrap().and_hms_opt(0, 30, 0).unwrap().and_utc()
}

const DAYS: i32 = 800;
const AHEAD: i32 = 90;

/// Expected tickets of a cell on a day: size x weekday x season, heating with its onset in November.
fn expected(topic: usize, child: usize, district: usize, day: Day) -> f64 {
    let date = day.date();
    let weekday = [1.1, 1.05, 1.0, 1.0, 1.0, 0.75, 0.7][date.weekday().num_days_from_monday() as usize];
    let year = f64::from(date.ordinal()) / 365.25 * std::f64::consts::TAU;
    let season = match topic {
        0 if (date.month(), date.day()) >= (11, 10) || date.month() <= 3 => 3.0 + 0.8 * year.cos(),
        0 => 0.35,
        _ => 1.0 - 0.25 * year.cos(),
    };
    let growth = 1.0 + 0.00035 * f64::from(day.0 - Day::from(origin()).0 + DAYS);
    [11.0, 7.0, 4.0][child] * [0.6, 0.8, 1.6, 1.2][district] * weekday * season * growth
}

struct Script(String);

impl Script {
    fn rows(&mut self, table: &str, rows: impl IntoIterator<Item = String>) {
        let rows: Vec<String> = rows.into_iter().map(|row| format!("({row})")).collect();
        for chunk in rows.chunks(400) {
            self.0 += &format!("INSERT INTO {table} VALUES {};\n", chunk.join(",\n"));
        }
    }
}

/// Cells below a node: topic 0 or 1 with child, `None` = all.
type Part = (Option<usize>, Option<usize>, Option<usize>);

/// (id, topic key, district key, part) of every series on one basis.
fn series() -> Vec<(i32, i32, i32, i32, i32, Part)> {
    let mut topics = vec![(0, 0, None, None)];
    for top in 0..2 {
        topics.push((1 + top as i32, 1, Some(top), None));
        topics.extend((0..3).map(|c| (3 + (top * 3 + c) as i32, 2, Some(top), Some(c))));
    }
    let mut out = Vec::new();
    for (topic, depth, top, child) in topics {
        for d in 0..5_i32 {
            let place = (d > 0).then(|| d as usize - 1);
            out.push((out.len() as i32 + 1, topic, d, depth, i32::from(d > 0), (top, child, place)));
        }
    }
    out
}

fn mean(part: Part, day: Day) -> f64 {
    let within = |i: usize, chosen: Option<usize>| chosen.is_none_or(|c| c == i);
    let mut sum = 0.0;
    for (t, c, d) in (0..2).flat_map(|t| (0..3).flat_map(move |c| (0..4).map(move |d| (t, c, d)))) {
        if within(t, part.0) && within(c, part.1) && within(d, part.2) {
            sum += expected(t, c, d, day);
        }
    }
    sum
}

/// Statements that fill a store.
pub fn script(names: &Names) -> String {
    let mut out = Script(String::new());
    trees(&mut out, names);
    counts(&mut out);
    runs(&mut out);
    panel(&mut out);
    quality(&mut out);
    alerts(&mut out, names);
    calendar(&mut out);
    out.0
}

/// Heating begins in a week, in one district with dates of its own and in another with the city's; the streets are busy
/// already, and bills follow in spring.
fn calendar(out: &mut Script) {
    let last = Day::from(origin());
    let id_of =
        |topic: i32, district: i32| series().iter().find(|s| s.1 == topic && s.2 == district).unwrap().0;
    let past = serde_json::json!([
        {"onset": "2025-11-10", "peak": "2026-01-05", "height": 1210.0},
        {"onset": "2024-11-11", "peak": "2025-01-06", "height": 3.0}
    ]);
    let row = |series: i32, standing: &str, begun: &str, begin: i32, share: f64, dates: &str, by: &str| {
        let onset = last.plus(begin).0;
        let of = if dates == "own" { "NULL".to_owned() } else { share.to_string() };
        format!(
            "21, {series}, {}, '{standing}', {begun}, {onset}, {}, {}, 0.83, '{by}', 'late', 9, {}, {}, {}, {}, {}, {}, {}, {}, \
             '{dates}', {of}, '{past}'",
            last.plus(begin).date().year(),
            onset - 7,
            onset + 13,
            onset + 56,
            1400.0 * share,
            1180.0 * share,
            1640.0 * share,
            onset + 120,
            last.plus(200).0,
            last.plus(270).0,
            620.0 * share,
        )
    };
    out.rows(
        "calendar",
        [
            row(id_of(1, 0), "ahead", "NULL", 8, 1.0, "own", "forecast"),
            row(id_of(1, 3), "ahead", "NULL", 15, 0.38, "own", "forecast"),
            row(id_of(1, 4), "ahead", "NULL", 8, 0.29, "city", "forecast"),
            row(id_of(2, 0), "under_way", &last.plus(-41).0.to_string(), 320, 0.6, "own", "past_years"),
            row(id_of(5, 0), "ahead", "NULL", 120, 0.2, "own", "past_years"),
        ],
    );
}

fn trees(out: &mut Script, names: &Names) {
    out.rows("sources", ["1, 'hotline'".to_owned()]);
    let tops = names.topics.iter().enumerate().map(|(i, (top, _))| format!("{}, 0, 1, '{top}'", i + 1));
    out.rows("topics", tops);
    let below = names.topics.iter().enumerate().flat_map(|(i, (_, below))| {
        below.iter().enumerate().map(move |(c, name)| format!("{}, {}, 2, '{name}'", 3 + i * 3 + c, i + 1))
    });
    out.rows("topics", below);
    out.rows(
        "districts",
        names.districts.iter().enumerate().map(|(i, name)| format!("{}, 0, 1, '{name}'", i + 1)),
    );
}

fn counts(out: &mut Script) {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let last = Day::from(origin());
    let mut per_day = vec![0_i64; DAYS as usize];
    let mut rows = Vec::new();
    for topic in 0..6 {
        for district in 0..4 {
            for (i, total) in per_day.iter_mut().enumerate() {
                let day = last.plus(i as i32 + 1 - DAYS);
                // Days 300 and 301 are a gap of the source.
                if i == 300 || i == 301 {
                    continue;
                }
                let mean = expected(topic / 3, topic % 3, district, day);
                let burst = if topic == 3 && district == 2 && i as i32 >= DAYS - 2 { 2.6 } else { 1.0 };
                let noise: f64 = (0..4).map(|_| rng.random_range(-1.0..1.0)).sum::<f64>() / 1.15;
                let n = (mean * burst + noise * (mean + 0.01 * mean * mean).sqrt()).round().max(0.0) as i64;
                *total += n;
                if n > 0 {
                    rows.push(format!("1, {}, {}, {}, {n}, {}", topic + 3, district + 1, day.0, n - n / 9));
                }
            }
        }
    }
    out.rows("counts", rows);
    let days = per_day.iter().enumerate().map(|(i, n)| {
        let status = if *n == 0 { "missing" } else { "closed" };
        format!("1, {}, {n}, '{status}'", last.plus(i as i32 + 1 - DAYS).0)
    });
    out.rows("source_days", days);
}

/// Forecast runs 11, 12, 13, 14 and 20 know the days up to 28, 21, 14, 7 and 0 days before the origin.
const FORECASTS: [(i64, i32); 5] = [(11, 28), (12, 21), (13, 14), (14, 7), (20, 0)];

fn runs(out: &mut Script) {
    let last = Day::from(origin());
    let morning = now().timestamp_millis();
    let mut run = |id: i64, stage: &str, back: i32, status: &str, seconds: i64, error: &str| {
        let started = morning - i64::from(back) * 86_400_000 - 1_200_000 + id * 1000;
        let slot = last.plus(1 - back);
        out.rows(
            "runs",
            [format!(
                "{id}, '{stage}', '{slot} 05:10', '{status}', {started}, {}, {}, 1, 'abc', '0.1.0', '{{\"fit_run\":19}}', {error}",
                started + seconds * 1000,
                last.plus(-back).0
            )],
        );
    };
    for (id, back) in &FORECASTS[..4] {
        run(*id, "forecast", *back, "ok", 9, "NULL");
    }
    run(15, "detect", 7, "failed", 1, "'store: write alarms failed: the disk is full'");
    run(17, "ingest", 0, "ok", 14, "NULL");
    run(18, "aggregate", 0, "ok", 1, "NULL");
    run(19, "fit", 0, "ok", 31, "NULL");
    run(20, "forecast", 0, "ok", 9, "NULL");
    run(21, "detect", 0, "ok", 4, "NULL");
    run(22, "publish", 0, "ok", 0, "NULL");
    let read = serde_json::json!({ "files": [{
        "file": "hotline-2026-11-08.csv", "source": "hotline", "rows": 1204, "added": 1190, "rejected": 14,
        "reasons": { "no_topic": 9, "bad_time": 5 }
    }] });
    out.0 += &format!("UPDATE runs SET summary = '{read}' WHERE id = 17;\n");
}

/// A backtest (run 16) and the ledger of runs 11 to 14, both bases alike.
fn quality(out: &mut Script) {
    let last = Day::from(origin());
    let summary = serde_json::json!({
        "origins": [last.plus(-56).date(), last.plus(-28).date()], "days": 28, "months": 1, "series": 45,
        "chosen": [{
            "topic_depth": 0, "district_depth": 0, "model": "glm", "n": 2, "mase": 0.6, "rmsse": 0.5, "wql": 0.05,
            "skill": 0.4, "coverage_80": 0.8, "coverage_95": 0.96
        }]
    });
    let (started, to) = (now().timestamp_millis() - 7 * 86_400_000, last.plus(-7).0);
    out.rows(
        "runs",
        [format!(
            "16, 'backtest', 'by hand', 'ok', {started}, {}, {to}, 1, 'abc', '0.1.0', '{summary}', NULL",
            started + 60_000
        )],
    );
    let mut rows = Vec::new();
    for basis in ["raw", "dedup"] {
        for (model, loss) in [("weisu", 0.06), ("seasonal_naive", 0.1), ("last_year", 0.09)] {
            for (topic, district) in [(-1, -1), (0, 0), (1, 0), (2, 1)] {
                let (loss, rel) = (loss * f64::from(3 + topic), loss / 0.1);
                for (grain, band) in [(0, "all"), (0, "1-7"), (0, "8-14"), (1, "all")] {
                    rows.push(format!(
                        "16, '{basis}', '{model}', {topic}, {district}, {grain}, '{band}', 90, 0.7, 0.6, 0.5, {loss}, 6.0, 0.81, \
                         0.96, 0.02, NULL, {rel}, {rel}, {rel}, {rel}, {}",
                        1.0 - rel
                    ));
                }
            }
        }
    }
    out.rows("backtests", rows);
    let mut rows = Vec::new();
    let all = series();
    for (basis, shift) in [("raw", 0), ("dedup", all.len() as i32)] {
        for (run, back) in &FORECASTS[..4] {
            for week in 0..back / 7 {
                let leads = format!("0, {}, {}", 7 * week + 1, 7 * week + 7);
                let margins = all.iter().filter(|s| s.3 == 0 || s.4 == 0).map(|s| (s.3, s.4, s.0 + shift));
                for (topic, district, series) in margins.chain([(1, 1, 0), (2, 1, 0)]) {
                    rows.push(format!(
                        "{run}, '{basis}', {leads}, {topic}, {district}, {series}, {}, 7, 6, 7, 700, 690, 60, 90, 50, 20",
                        last.plus(-back).0
                    ));
                }
            }
        }
    }
    out.rows("ledger", rows);
}

/// A fit as the daily step stores it.
const FIT: &str = r#"{"model":"glm","fallback":null,"alpha":0.1,"growth":[1.0,1.0,1.0,1.0],"alpha_month":0.1,"mse":2.0,"scores":{"mase":null,"rmsse":null,"wql":null,"wql_naive":null,"coverage_80":null,"coverage_95":null,"n":0}}"#;

fn panel(out: &mut Script) {
    let last = Day::from(origin());
    let all = series();
    let offset = all.len() as i32;
    for (basis, shift, share) in [("raw", 0, 1.0), ("dedup", offset, 0.9)] {
        let rows = all
            .iter()
            .map(|(id, t, d, td, dd, _)| format!("{}, {t}, {d}, {td}, {dd}, '{basis}'", id + shift));
        out.rows("series", rows);
        let fits = all.iter().map(|(id, .., dd, (top, child, _))| {
            let (model, fallback) = match (child, dd) {
                (Some(2), 1) => ("seasonal_naive", "'not_better'"),
                (Some(_), _) => ("glm", "NULL"),
                _ => ("mstl", "NULL"),
            };
            let spread = f64::from(id % 7) / 100.0 + if top.is_some() { 0.02 } else { 0.0 };
            format!(
                "19, {}, '{model}', {fallback}, '{FIT}', {}, 0.8, {}, 0.2, {}, {}, 224",
                id + shift,
                0.62 + spread,
                0.13 + spread / 2.0,
                0.83 - spread / 2.0,
                0.965 - spread / 4.0
            )
        });
        out.rows("fits", fits);
        for (run, back) in FORECASTS {
            // Old runs keep what is scored, the newest has everything.
            let kept = all.iter().filter(|s| back == 0 || s.3 + s.4 <= 1);
            let rows = kept.flat_map(|(id, .., part)| {
                forecasts(run, id + shift, *part, last.plus(-back), share, back == 0)
            });
            out.rows("forecasts", rows.collect::<Vec<_>>());
        }
    }
}

fn forecasts(run: i64, series: i32, part: Part, origin: Day, share: f64, months: bool) -> Vec<String> {
    let row = |grain: i32, target: Day, mean: f64, spread: f64| {
        let q = |z: f64| (mean + z * spread).max(0.0);
        let [a, b, c, d] = [-1.96, -1.2816, 1.2816, 1.96].map(q);
        format!(
            "{run}, {series}, {grain}, {}, {mean:.4}, {a:.4}, {b:.4}, {mean:.4}, {c:.4}, {d:.4}",
            target.0
        )
    };
    let mut rows = Vec::new();
    for lead in 1..=AHEAD {
        let day = origin.plus(lead);
        let mean = share * mean(part, day);
        rows.push(row(
            0,
            day,
            mean,
            (1.4 * mean + (0.05 + 0.0006 * f64::from(lead)).powi(2) * mean * mean).sqrt(),
        ));
    }
    let first = origin.date().with_day(1).unwrap();
    for ahead in 1..=if months { 12 } else { 0 } {
        let month = first + Months::new(ahead);
        let days = Day::from(month).0..Day::from(month + Months::new(1)).0;
        let mean: f64 = days.map(|d| share * mean(part, Day(d))).sum();
        rows.push(row(1, month.into(), mean, (mean + (0.07 * mean).powi(2)).sqrt()));
    }
    rows
}

fn alerts(out: &mut Script, names: &Names) {
    let last = Day::from(origin());
    let id_of =
        |topic: i32, district: i32| series().iter().find(|s| s.1 == topic && s.2 == district).unwrap().0;
    let (heat, [cold, leak, _]) = names.topics[0];
    let (streets, [noise, blocked, _]) = names.topics[1];
    let [east, _, third, fourth] = names.districts;
    let created = now().timestamp_millis() - 300_000;
    let spike = serde_json::json!({
        "title": format!("{noise} {third}"), "topic": [streets, noise], "district": [third], "basis": "raw",
        "kind": "spike", "lane": "risk", "severity": "critical", "observed": 151.0, "expected": 58.4, "lower": 41.0,
        "upper": 81.0, "score": 4.1, "p_value": 1.2e-6, "lead_days": 0, "onset": last.plus(-1).date(),
        "window": [last.plus(-1).date(), last.date()], "method": "robust_glm",
        "drivers": [
            {"topic": format!("{streets} / {noise}"), "district": format!("{third} / A"), "observed": 88.0, "expected": 21.0, "share": 0.72},
            {"topic": format!("{streets} / {noise}"), "district": format!("{third} / B"), "observed": 31.0, "expected": 20.0, "share": 0.12}
        ],
        "compare": {"last_week": 55.0, "last_year": 47.0, "norm": null}
    });
    let ahead = |district: &str, share: f64| {
        serde_json::json!({
            "title": format!("{heat} {district}"), "topic": [heat], "district": [district], "basis": "raw",
            "kind": "forecast_exceedance", "lane": "seasonal", "severity": "high", "observed": null,
            "expected": 1460.0 * share, "lower": 1240.0 * share, "upper": 1690.0 * share, "score": 1.6,
            "p_value": 0.004, "lead_days": 8, "onset": last.plus(8).date(),
            "window": [last.plus(8).date(), last.plus(14).date()], "method": "robust_glm",
            "drivers": [
                {"topic": format!("{heat} / {cold}"), "district": district, "observed": 790.0 * share, "expected": 610.0 * share, "share": 0.61},
                {"topic": format!("{heat} / {leak}"), "district": district, "observed": 430.0 * share, "expected": 350.0 * share, "share": 0.27}
            ],
            "compare": {"last_week": 410.0 * share, "last_year": 1120.0 * share, "norm": 1105.0 * share}
        })
    };
    let rows = [
        ("00000000-0000-5000-8000-000000000001", "f1", "firing", id_of(6, 3), spike.clone()),
        ("00000000-0000-5000-8000-000000000002", "f2", "acknowledged", id_of(1, 3), ahead(third, 1.0)),
        ("00000000-0000-5000-8000-000000000003", "f3", "firing", id_of(1, 4), ahead(fourth, 0.75)),
        ("00000000-0000-5000-8000-000000000004", "f4", "resolved", id_of(7, 1), {
            let mut over = spike;
            over["topic"] = serde_json::json!([streets, blocked]);
            over["district"] = serde_json::json!([east]);
            over["severity"] = "medium".into();
            over
        }),
    ];
    let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
    let alerts = rows.iter().map(|(id, print, state, series, body)| {
        let onset: NaiveDate = body["onset"].as_str().unwrap().parse().unwrap();
        let resolved = if *state == "resolved" { created.to_string() } else { "NULL".to_owned() };
        format!(
            "'{id}', '{print}', '{}', '{}', '{}', '{state}', {series}, {}, {}, {}, 0, '{body}', {created}, {created}, {resolved}, NULL",
            text(&body["kind"]),
            text(&body["lane"]),
            text(&body["severity"]),
            Day::from(onset).0,
            last.0,
            last.0
        )
    });
    out.rows("alerts", alerts.collect::<Vec<_>>());
    let alarms = rows.iter().map(|(_, print, _, series, body)| {
        let day = |i: usize| Day::from(body["window"][i].as_str().unwrap().parse::<NaiveDate>().unwrap()).0;
        format!(
            "'{print}', {}, {}, 21, '{}', 'robust_glm', {series}, {}, {}, {}, {}, {}, {}, '{}', '{}', NULL",
            day(0),
            day(1),
            text(&body["kind"]),
            if body["observed"].is_null() { "NULL".to_owned() } else { body["observed"].to_string() },
            body["expected"],
            body["upper"],
            body["p_value"],
            body["score"],
            body["lead_days"],
            text(&body["severity"]),
            body["drivers"]
        )
    });
    out.rows("alarms", alarms.collect::<Vec<_>>());
    let deliveries = rows.iter().zip(["delivered", "pending", "dead", "delivered"]).map(|((id, ..), status)| {
        format!("'d{id}', '{id}', 'office', 'org.weisu.alert.firing', '{{}}', '{status}', 1, {created}, {created}, NULL, 200, NULL")
    });
    out.rows(
        "deliveries (id, alert, receiver, event, body, status, attempts, next_attempt, created, finished, http_status, last_error)",
        deliveries.collect::<Vec<_>>(),
    );
}

/// The city's map: its districts two by two, and the next city's, which is none of ours.
pub fn map(names: &Names) -> Geography {
    let place = |(i, name): (usize, &&str)| {
        let (west, south) = (116.0 + (i % 2) as f64, 39.0 + (i / 2) as f64);
        let corners = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]];
        let ring = corners.map(|[x, y]| geojson::Position::from([west + x, south + y])).to_vec();
        let outline = Some(Geometry::new(GeometryValue::Polygon { coordinates: vec![ring] }));
        Place { name: (*name).to_owned(), codes: Vec::new(), centroid: Some((west + 0.5, south + 0.5)), outline }
    };
    let places = names.districts.iter().chain(&["Elsewhere"]).enumerate().map(place).collect();
    Geography { places, pairs: vec![(0, 1), (0, 2), (1, 3), (2, 3)] }
}

/// An empty store, or one with the city in it.
pub async fn store(database: &Database, names: Option<&Names>) -> Store {
    let store = database.open().await.unwrap();
    if let Some(names) = names {
        database.execute(format!("BEGIN;{}COMMIT;", script(names))).await;
    }
    store
}
