//! The calendar of seasons: kept and read on both stores, the same as API, feed, page and export.
use icalendar::parser::{Component, read_calendar, unfold};
use weisu::{
    config::{City, Lang, Plans, Zone},
    publish::export::{CalendarRequest, ExportError, MANIFEST, Manifest, calendar, export_calendar},
    store::{
        NewRun, SeriesKey, Store,
        calendar::{CalendarFilter, CalendarRow, PastSeason},
    },
    ticket::{Basis, Day},
};

use crate::support::{
    Database, city, for_each_database, for_each_store,
    server::{Server, With, serve, serve_with},
};

fn row(series: i32, onset: i32) -> CalendarRow {
    let day = |text: &str| text.parse().unwrap();
    CalendarRow {
        series,
        topic: series,
        district: 0,
        season: 2026,
        standing: "ahead".to_owned(),
        begun: None,
        onset: Day(onset),
        interval: (Day(onset - 7), Day(onset + 13)),
        probability: 0.7,
        said_by: "forecast".to_owned(),
        timing: "usual".to_owned(),
        shift_days: -2,
        peak: Day(onset + 50),
        peak_expected: 120.5,
        peak_interval: (90.0, 150.0),
        ends: Some(Day(onset + 100)),
        repair: Some((Day(onset - 100), Day(onset - 30))),
        threshold: 60.0,
        dates_of: "own".to_owned(),
        share: None,
        past: vec![PastSeason { onset: day("2025-11-10"), peak: day("2026-01-05"), height: 118.0 }],
    }
}

/// A committed detect run with a calendar, over topics 1 and 2.
async fn run(store: &Store, rows: &[CalendarRow]) -> i64 {
    let new = NewRun { stage: "detect", slot: "s", started: 1, seed: 1, config_hash: "c" };
    let run = store.begin_run(&new).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.put_calendar(run, rows).await.unwrap();
    tx.finish_run(run, 2, Some(20_000), "{}").await.unwrap();
    tx.commit().await.unwrap();
    run
}

#[tokio::test]
async fn a_run_replaces_the_calendar_of_the_one_before() {
    for_each_store(|store| async move {
        assert_eq!(store.calendar(CalendarFilter::default()).await.unwrap(), None);
        let mut tx = store.begin().await.unwrap();
        let key = |topic| SeriesKey { topic, district: 0, topic_depth: 1, district_depth: 0 };
        let series = tx.register_series(Basis::Raw, &[key(1), key(2)]).await.unwrap();
        tx.commit().await.unwrap();
        let mut busy = row(series[0], 20_300);
        (busy.standing, busy.begun, busy.repair, busy.ends) =
            ("under_way".to_owned(), Some(Day(19_950)), None, None);
        (busy.dates_of, busy.share, busy.topic) = ("city".to_owned(), Some(0.25), 1);
        let near = CalendarRow { topic: 2, ..row(series[1], 20_010) };
        run(&store, std::slice::from_ref(&near)).await;
        let newest = run(&store, &[busy.clone(), near.clone()]).await;
        let read = async |filter| {
            let (run, rows) = store.calendar(filter).await.unwrap().unwrap();
            assert_eq!(run.id, newest);
            rows
        };
        let all = CalendarFilter::default();
        assert_eq!(read(all).await, [busy.clone(), near.clone()], "under way first");
        let check = async |filter, wanted: &[&CalendarRow]| {
            assert_eq!(read(filter).await.iter().collect::<Vec<_>>(), wanted, "{filter:?}");
        };
        check(CalendarFilter { topic: Some(2), ..all }, &[&near]).await;
        check(CalendarFilter { district: Some(0), ..all }, &[&busy, &near]).await;
        check(CalendarFilter { district: Some(1), ..all }, &[]).await;
        check(CalendarFilter { until: Some(Day(20_005)), ..all }, &[&busy]).await;
        let one = CalendarFilter { limit: Some(1), ..all };
        check(one, &[&busy]).await;
        assert_eq!(
            store.calendar_size(newest, one).await.unwrap(),
            store.calendar_size(newest, all).await.unwrap()
        );
        assert_eq!(
            store.calendar_size(newest, CalendarFilter { district: Some(1), ..all }).await.unwrap(),
            0
        );
        run(&store, &[]).await;
        assert_eq!(store.calendar(all).await.unwrap().unwrap().1, []);
    })
    .await;
}

#[tokio::test]
async fn the_api_gives_dates_intervals_peaks_and_past_years() {
    for_each_database(|database| async move {
        let server = Server::at(&database, Lang::En).await;
        let all = server.json("/api/v1/calendar").await;
        assert_eq!((&all["run"], &all["total"]), (&21.into(), &5.into()));
        insta::assert_json_snapshot!("calendar", all["items"][1]);
        let names = async |path: &str| -> Vec<String> {
            let view = server.json(path).await;
            let name = |s: &serde_json::Value| format!("{}|{}", s["topic"], s["district"]);
            view["items"].as_array().unwrap().iter().map(name).collect()
        };
        let heating = "[\"Heating\"]|";
        assert_eq!(
            names("/api/v1/calendar?topic=1&days=60").await,
            [format!("{heating}[]"), format!("{heating}[\"Harbour\"]"), format!("{heating}[\"Northgate\"]")]
        );
        assert_eq!(names("/api/v1/calendar?topic=1&district=0").await.len(), 2, "bills are below heating");
        assert_eq!(names("/api/v1/calendar?limit=1").await, ["[\"Streets\"]|[]"]);
        for (path, status) in
            [("days=0", 400), ("days=401", 400), ("limit=0", 400), ("topic=99", 404), ("district=99", 404)]
        {
            assert_eq!(server.get(&format!("/api/v1/calendar?{path}")).await.status(), status, "{path}");
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let empty = serve(city::store(&Database::sqlite(&folder), None).await, Lang::En).await;
    assert_eq!(empty.get("/api/v1/calendar").await.status(), 404);
    assert_eq!(empty.get("/calendar.ics").await.status(), 404);
    assert!(empty.get("/calendar").await.text().await.unwrap().contains("There is no calendar yet"));
}

/// The value of a property of an event.
fn value<'a>(event: &'a Component<'_>, name: &str) -> &'a str {
    event.find_prop(name).unwrap_or_else(|| panic!("no {name}")).val.as_ref()
}

#[tokio::test]
async fn the_feed_is_read_back_by_a_parser_and_keeps_its_ids() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::sqlite(&folder);
    let store = city::store(&database, Some(&city::EN)).await;
    let server = serve(store.clone(), Lang::En).await;
    let answer = server.get("/calendar.ics").await;
    assert_eq!(answer.headers()["content-type"], "text/calendar; charset=utf-8");
    let text = answer.text().await.unwrap();
    assert!(text.split("\r\n").all(|line| line.len() <= 75), "lines are folded");
    let unfolded = unfold(&text);
    let calendar = read_calendar(&unfolded).unwrap();
    let events: Vec<&Component<'_>> =
        calendar.components.iter().filter(|c| c.name.as_str() == "VEVENT").collect();
    // Three topics of the whole city, one of them under way.
    assert_eq!(events.len(), 4);
    let begins = |event: &Component<'_>| value(event, "DTSTART").to_owned();
    let heating = events.iter().find(|e| value(e, "SUMMARY").contains("Heating (Whole city)")).unwrap();
    assert_eq!((begins(heating).as_str(), value(heating, "DTEND")), ("20261116", "20261123"));
    // The run, and not the clock of whoever asks.
    assert_eq!(value(heating, "DTSTAMP"), "20261109T001025Z");
    let says = value(heating, "DESCRIPTION");
    assert!(says.contains("80% interval 9 Nov 2026 to 29 Nov 2026") && says.contains("83%"), "{says}");
    let begun = events.iter().find(|e| value(e, "SUMMARY").starts_with("Season began: Streets")).unwrap();
    assert_eq!(begins(begun), "20260928");
    let ids: std::collections::BTreeSet<&str> = events.iter().map(|e| value(e, "UID")).collect();
    assert_eq!(ids.len(), 4, "{ids:?}");
    assert!(ids.iter().all(|id| id.ends_with("@demo.weisu")));

    // A week later by the next run: the same event, moved.
    database.execute("UPDATE calendar SET onset = onset + 7").await;
    let moved = server.get("/calendar.ics").await.text().await.unwrap();
    let moved = unfold(&moved);
    let moved = read_calendar(&moved).unwrap();
    let same = moved.components.iter().find(|e| value(e, "UID") == value(heating, "UID")).unwrap();
    assert_eq!(begins(same), "20261123");
    let zh = server.get("/calendar.ics?lang=zh&topic=1&district=4").await.text().await.unwrap();
    let zh = unfold(&zh);
    assert!(zh.contains("预计进入高发期：Heating（Harbour）") && zh.contains("日期取自全市"), "{zh}");
    assert_eq!(zh.matches("BEGIN:VEVENT").count(), 1);
}

const PLAN: &str = "+++\ntopic = \"供热采暖\"\nowner = \"市城管委\"\nco_owners = [\"供热集团\", \"各街道\"]\n\
    checklist = [\"巡检换热站\"]\n+++\n# 供热季预案\n\n<script>alert(1)</script>\n";

#[tokio::test]
async fn the_page_says_it_in_both_languages_with_its_plan() {
    let folder = tempfile::tempdir().unwrap();
    let plans = folder.path().join("plans");
    std::fs::create_dir(&plans).unwrap();
    std::fs::write(plans.join("heating.md"), PLAN).unwrap();
    let store = city::store(&Database::sqlite(&folder), Some(&city::ZH)).await;
    let server = serve_with(store, Lang::Zh, With { plans: Some(plans), ..With::default() }).await;
    let zh = server.get("/calendar").await.text().await.unwrap();
    for says in [
        "民情月历",
        "未来 60 天",
        "2026年11月16日",
        "区间 11月9日–11月29日，比往年晚 9 天；据预测与往年",
        "83%",
        "8 天",
        "预计 1,400 件",
        "2025年11月10日开始",
        "供热季预案",
        "主办 市城管委 · 协办 供热集团、各街道",
        "正在高发",
        "2027年3月",
        "calendar.ics?lang=zh",
    ] {
        assert!(zh.contains(says), "the page does not say {says}: {zh}");
    }
    let place = server.get("/calendar?lang=zh&district=4").await.text().await.unwrap();
    assert!(
        place.contains("日期取自全市") && place.contains("calendar.ics?lang=zh&amp;district=4"),
        "{place}"
    );
    let en = server.get("/calendar?lang=en").await.text().await.unwrap();
    assert!(en.contains("The next 60 days") && en.contains("9 days later than in past years"), "{en}");
    let plan = server.get("/plan?name=heating&lang=zh").await.text().await.unwrap();
    assert!(
        plan.contains("巡检换热站") && plan.contains("&lt;script&gt;") && plan.contains("各区"),
        "{plan}"
    );
    assert_eq!(server.get("/plan?name=none").await.status(), 404);
    for page in [&zh, &en, &place, &plan] {
        assert!(!page.contains("预言") && !page.contains("href=\"/") && !page.contains("<script"));
        assert!(!page.contains(" style=") && !page.contains("<style"), "the policy forbids it");
        for (open, close) in [("<table", "</table>"), ("<section", "</section>"), ("<li>", "</li>")] {
            assert_eq!(page.matches(open).count(), page.matches(close).count(), "{open}");
        }
    }
    let api = server.json("/api/v1/calendar?topic=1&district=3").await;
    assert_eq!(api["items"][0]["plan"]["name"], "heating", "a plan of the topic is one of its districts");
    let first = server.get("/").await.text().await.unwrap();
    assert!(first.contains("href=\"calendar?lang=zh\""), "the first page leads to it");
}

#[tokio::test]
async fn the_export_has_the_same_rows_and_the_same_bytes_again() {
    for_each_database(|database| async move {
        let store = city::store(&database, Some(&city::ZH)).await;
        let plans = database.folder.join("plans");
        std::fs::create_dir(&plans).unwrap();
        std::fs::write(plans.join("heating.md"), PLAN).unwrap();
        let (plans, found) = Plans::read(&plans);
        assert_eq!(found, []);
        let out = database.folder.join("out");
        let of = City {
            code: "demo".into(),
            zone: Zone(chrono_tz::Tz::Asia__Shanghai),
            lang: Lang::Zh,
            ..City::default()
        };
        let request = CalendarRequest { city: &of, folder: &out, small_cell: 5, plans: &plans };
        let first = export_calendar(&store, &request).await.unwrap();
        assert_eq!(
            (first.stem.as_str(), first.entry.rows, first.entry.kind.as_str()),
            ("demo_calendar_2026-11_21", 5, "calendar")
        );
        let bytes = std::fs::read(out.join("demo_calendar_2026-11_21.csv")).unwrap();
        assert!(
            bytes.starts_with("\u{feff}run_id,issued_at,origin,topic_code,topic,".as_bytes())
                && bytes.ends_with(b"\r\n")
        );
        let mut reader = csv::Reader::from_reader(&bytes[3..]);
        let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        assert_eq!(header, calendar::COLUMNS);
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let cell =
            |row: usize, name: &str| rows[row][header.iter().position(|h| h == name).unwrap()].to_owned();
        assert_eq!(cell(0, "standing"), "under_way");
        for (name, wanted) in [
            ("topic", "供热采暖"),
            ("district", "全市"),
            ("onset", "2026-11-16"),
            ("onset_from", "2026-11-09"),
            ("lead_days", "8"),
            ("peak_expected", "1400"),
            ("past_height_1", "1210"),
            ("past_height_2", "<5"),
            ("past_onset_3", ""),
            ("dates_of", "own"),
            ("plan", "供热季预案"),
            ("plan_owner", "市城管委"),
        ] {
            assert_eq!(cell(1, name), wanted, "{name}");
        }
        assert_eq!((cell(2, "dates_of"), cell(2, "share")), ("city".to_owned(), "0.29".to_owned()));
        assert_eq!(export_calendar(&store, &request).await.unwrap(), first);
        assert_eq!(std::fs::read(out.join("demo_calendar_2026-11_21.csv")).unwrap(), bytes);
        let manifest: Manifest = serde_json::from_slice(&std::fs::read(out.join(MANIFEST)).unwrap()).unwrap();
        assert_eq!(manifest.exports.keys().collect::<Vec<_>>(), ["demo_calendar_2026-11_21"]);
        store.close().await;
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let store = city::store(&Database::sqlite(&folder), None).await;
    let (of, plans) = (City::default(), Plans::default());
    let request = CalendarRequest { city: &of, folder: folder.path(), small_cell: 5, plans: &plans };
    assert!(matches!(export_calendar(&store, &request).await, Err(ExportError::NoCalendar)));
}
