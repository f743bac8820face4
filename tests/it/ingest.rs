//! Tickets from files into counts, through the ingest stage: forms of files, versions, sources, names, days.
use std::{io::Write, path::PathBuf, sync::Arc};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use chrono::NaiveDateTime;
use parquet::arrow::ArrowWriter;

use crate::support::{
    Database, for_each_database,
    office::{Cells, MAPPING, Office, accounts, is_anywhere},
};

/// id, received, closed, updated, repeat, topic, subtopic, district.
const TICKETS: [[&str; 8]; 6] = [
    ["1", "2024-05-01 08:00:00", "2024-05-03 09:00:00", "", "否", "供热采暖", "室温不达标", "东城区"],
    ["2", "2024-05-01 23:59:59", "", "", "是", "供热采暖", "室温不达标", "东城区"],
    ["3", "2024-05-02 00:00:00", "", "", "否", "供热采暖", "室温不达标", "东城区"],
    ["4", "2024-05-02 12:00:00", "", "", "否", "供热采暖", "", "西城区"],
    ["5", "2024-05-02 13:00:00", "", "", "否", "城市管理", "占道经营", "西城区"],
    ["6", "2024-05-02 14:00:00", "", "", "否", "城市管理", "占道经营", ""],
];
const HEADER: [&str; 8] = ["id", "received", "closed", "updated", "repeat", "topic", "subtopic", "district"];

fn date(text: &str) -> chrono::NaiveDate {
    text.parse().unwrap()
}

fn expected(times: i64) -> Cells {
    let cell = |topic: &str, district: &str, day: &str, raw, dedup| {
        ((topic.to_owned(), district.to_owned(), date(day)), (raw * times, dedup * times))
    };
    Cells::from([
        cell("供热采暖/室温不达标", "东城区", "2024-05-01", 2, 1),
        cell("供热采暖/室温不达标", "东城区", "2024-05-02", 1, 1),
        cell("供热采暖/(none)", "西城区", "2024-05-02", 1, 1),
        cell("城市管理/占道经营", "西城区", "2024-05-02", 1, 1),
        cell("城市管理/占道经营", "(none)", "2024-05-02", 1, 1),
    ])
}

/// The tickets as CSV, with two personal columns among the others.
fn csv(delimiter: &str) -> String {
    let line = |fields: &[&str; 8], name: &str, phone: &str| {
        let (front, back) = fields.split_at(3);
        [front, &[name, phone], back].concat().join(delimiter) + "\n"
    };
    TICKETS
        .iter()
        .fold(line(&HEADER, "来电人", "联系电话"), |text, t| text + &line(t, "张三丰", "13800138000"))
}

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(text.as_ref()).unwrap();
    out.finish().unwrap()
}

fn zipped(text: &str) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in [("readme.txt", "about"), ("tickets.csv", text)] {
        out.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        out.write_all(content.as_bytes()).unwrap();
    }
    out.finish().unwrap().into_inner()
}

fn jsonl() -> String {
    let object = |ticket: &[&str; 8]| {
        // As the open-data services write them: what is empty is left out, and the id is a number.
        let mut object: serde_json::Map<_, _> = HEADER
            .iter()
            .zip(ticket)
            .filter(|(_, v)| !v.is_empty())
            .map(|(k, v)| ((*k).to_owned(), (*v).into()))
            .collect();
        object.insert("id".to_owned(), ticket[0].parse::<i64>().unwrap().into());
        object.insert("phone".to_owned(), "13800138000".into());
        serde_json::Value::Object(object).to_string() + "\n"
    };
    TICKETS.iter().map(object).collect()
}

/// Columns of their own types, as a warehouse writes them.
fn parquet() -> Vec<u8> {
    let text = |i: usize| -> ArrayRef { Arc::new(StringArray::from_iter_values(TICKETS.map(|t| t[i]))) };
    let at =
        |t: &str| NaiveDateTime::parse_from_str(t, "%Y-%m-%d %H:%M:%S").unwrap().and_utc().timestamp_millis();
    let ids = Int64Array::from_iter_values(TICKETS.map(|t| t[0].parse().unwrap()));
    let times = TimestampMillisecondArray::from_iter_values(TICKETS.map(|t| at(t[1])));
    let mut columns: Vec<(&str, ArrayRef)> = vec![("id", Arc::new(ids)), ("received", Arc::new(times))];
    columns.extend((2..8).map(|i| (HEADER[i], text(i))));
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut out = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    out.write(&batch).unwrap();
    out.into_inner().unwrap()
}

#[tokio::test]
async fn every_form_of_a_file_gives_the_same_counts() {
    for_each_database(|database| async move {
        let mut office = Office::with_mapping(&database).await;
        let plain = csv(",");
        let forms: Vec<(&str, Vec<u8>)> = vec![
            ("plain.csv", plain.clone().into_bytes()),
            ("bom.csv", format!("\u{feff}{plain}").into_bytes()),
            ("crlf.csv", plain.replace('\n', "\r\n").into_bytes()),
            ("blank_lines.csv", format!("\n\n{}", plain.replace('\n', "\n\n")).into_bytes()),
            ("semicolon.csv", csv(";").into_bytes()),
            ("tab.tsv", csv("\t").into_bytes()),
            ("gb18030.csv", encoding_rs::GB18030.encode(&plain).0.into_owned()),
            (
                "utf16.csv",
                [0xFF, 0xFE].into_iter().chain(plain.encode_utf16().flat_map(u16::to_le_bytes)).collect(),
            ),
            ("gzip.csv.gz", gzip(&plain)),
            ("two_members.csv.gz", [gzip(&plain.as_bytes()[..200]), gzip(&plain.as_bytes()[200..])].concat()),
            ("zstd.csv.zst", zstd::encode_all(plain.as_bytes(), 1).unwrap()),
            ("zip.csv.zip", zipped(&plain)),
            ("lines.jsonl", jsonl().into_bytes()),
            ("lines.jsonl.gz", gzip(jsonl())),
            ("table.parquet", parquet()),
        ];
        for (i, (name, bytes)) in forms.into_iter().enumerate() {
            // A source of its own each, so that every form adds all of its tickets to the same cells.
            office.config.source[0].name = name.to_owned();
            assert_eq!(office.take(&office.file(name, bytes)).await, [6, 6, 0, 0, 0], "{name}");
            assert_eq!(office.cells().await, expected(i as i64 + 1), "{name}");
        }
        office.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn gb18030_is_told_by_the_header_and_taken_when_configured() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = Office::with_mapping(&Database::sqlite(&folder)).await;
    let text = csv(",").replace("来电人,联系电话", "caller,phone");
    let file = office.file("ascii_header.csv", encoding_rs::GB18030.encode(&text).0);
    // An ASCII header tells nothing: the rows are refused for their encoding, and the setting mends it.
    let error = office.ingest(Some(std::slice::from_ref(&file))).await.unwrap_err();
    assert!(
        format!("{error:#}").contains("6 of 6 rows rejected (100.0 %, most often encoding)"),
        "{error:#}"
    );
    office.config.source[0].mapping.as_mut().unwrap().encoding = Some("gb18030".to_owned());
    assert_eq!(office.take(&file).await, [6, 6, 0, 0, 0]);
    assert_eq!(office.cells().await, expected(1));
}

#[tokio::test]
async fn a_known_file_changes_nothing_and_a_newer_version_moves_its_count() {
    for_each_database(|database| async move {
        let mut office = Office::with_mapping(&database).await;
        let file = office.file("may.csv", csv(","));
        assert_eq!(office.take(&file).await, [6, 6, 0, 0, 0]);
        assert_eq!(office.take(&file).await, [6, 0, 0, 6, 0]);
        assert_eq!(office.cells().await, expected(1));
        // Unnamed, a file whose bytes were taken is passed over, whatever it is called now.
        office.config.source[0].files = vec![office.folder.join("*.csv").display().to_string()];
        office.file("copy.csv", csv(","));
        let summary = office.ingest(None).await.unwrap();
        assert_eq!(
            (summary["known_files"].as_u64(), summary["files"].as_array().unwrap().len()),
            (Some(2), 0)
        );

        let header = HEADER.join(",");
        let newer =
            format!("{header}\n3,2024-05-02 00:00:00,,2024-05-09 10:00:00,否,城市管理,占道经营,西城区\n");
        assert_eq!(office.take(&office.file("newer.csv", newer)).await, [1, 0, 1, 0, 0]);
        let mut moved = expected(1);
        moved.remove(&("供热采暖/室温不达标".to_owned(), "东城区".to_owned(), date("2024-05-02")));
        moved.insert(("城市管理/占道经营".to_owned(), "西城区".to_owned(), date("2024-05-02")), (2, 2));
        assert_eq!(office.cells().await, moved);
        // The older file again brings nothing back.
        assert_eq!(office.take(&file).await, [6, 0, 0, 6, 0]);
        assert_eq!(office.cells().await, moved);
        office.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn personal_columns_never_reach_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let kept = tempfile::tempdir().unwrap();
    let mut office = Office::with_mapping(&Database::sqlite(&kept)).await;
    office.folder = folder.path().to_owned();
    office.config.source[0].max_reject_share = 0.5;
    let bad = csv(",") + "7,never,,张三丰,13800138000,,,供热采暖,室温不达标,东城区\n";
    let file = office.file("may.csv", bad);
    let summary = office.ingest(Some(&[file])).await.unwrap();
    assert_eq!(accounts(&summary["files"][0]), [7, 6, 0, 0, 1]);
    assert_eq!(summary["files"][0]["dropped_columns"], serde_json::json!(["来电人", "联系电话"]));
    office.store.close().await;
    assert!(is_anywhere(kept.path(), "室温不达标") && is_anywhere(kept.path(), "bad_time"));
    assert!(!is_anywhere(kept.path(), "13800138000") && !is_anywhere(kept.path(), "张三丰"));
}

#[tokio::test]
async fn two_sources_share_the_trees_and_keep_their_ids_apart() {
    let folder = tempfile::tempdir().unwrap();
    let shallow = MAPPING.replace("topic = [\"topic\", \"subtopic\"]", "topic = [\"topic\"]");
    let sources = format!(
        "[[source]]\nname = \"deep\"\nfiles = [\"deep/*.csv\"]\n{MAPPING}\n[[source]]\nname = \"shallow\"\nfiles = [\"shallow/*.csv\"]\n{shallow}"
    );
    let mut office = Office::open(&Database::sqlite(&folder), &sources).await;
    let mut paths: Vec<PathBuf> = Vec::new();
    for (i, name) in ["deep", "shallow"].into_iter().enumerate() {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        office.config.source[i].files = vec![folder.path().join(name).join("*.csv").display().to_string()];
        // The same name in both folders, each with a row that is rejected.
        office.config.source[i].max_reject_share = 0.5;
        let text = format!("{}7,never,,,,,,供热采暖,室温不达标,东城区\n", csv(","));
        paths.push(office.file(&format!("{name}/may.csv"), text));
    }
    let summary = office.ingest(Some(&paths)).await.unwrap();
    assert_eq!(accounts(&summary["files"][0]), [7, 6, 0, 0, 1]);
    assert_eq!(accounts(&summary["files"][1]), [7, 6, 0, 0, 1]);
    let lists = [0, 1].map(|i| summary["files"][i]["rejects_file"].as_str().unwrap().to_owned());
    assert_ne!(lists[0], lists[1], "each file has its own list of rejected rows");
    assert!(lists.iter().all(|list| std::fs::read_to_string(list).unwrap() == "line,reason\n8,bad_time\n"));
    let cells = office.cells().await;
    assert_eq!(cells.values().map(|n| n.0).sum::<i64>(), 12);
    assert_eq!(cells[&("供热采暖/(none)".to_owned(), "东城区".to_owned(), date("2024-05-01"))], (2, 1));
    let stray = office.file("stray.csv", csv(","));
    let error = format!("{:#}", office.ingest(Some(&[stray])).await.unwrap_err());
    assert!(error.contains("stray.csv fits the files of no source (deep, shallow)"), "{error}");
}

#[tokio::test]
async fn renamed_topics_and_districts_are_one_with_their_new_names() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[[source]]\nname = \"hotline\"\nrename_topic = {{ \"供热采暖\" = \"供暖\" }}\nrename_district = {{ \"西城区\" = \"东城区\" }}\n{MAPPING}"
    );
    let office = Office::open(&Database::sqlite(&folder), &text).await;
    let both = csv(",") + "7,2024-05-02 15:00:00,,,,,,供暖,室温不达标,东城区\n";
    assert_eq!(office.take(&office.file("may.csv", both)).await, [7, 7, 0, 0, 0]);
    let cells = office.cells().await;
    assert!(
        cells.keys().all(|(topic, district, _)| !topic.contains("供热采暖") && district != "西城区"),
        "{cells:?}"
    );
    assert_eq!(cells[&("供暖/室温不达标".to_owned(), "东城区".to_owned(), date("2024-05-02"))], (2, 2));
}

/// Where a wall-clock time lands: the instant in UTC and the city's local day.
async fn lands(city: &str, zone: &str, received: &str) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::sqlite(&folder);
    let mut office = Office::with_mapping(&database).await;
    let config = weisu::config::Config::parse(&format!("[city]\nzone = \"{city}\""), "x".as_ref()).unwrap();
    office.config.city = config.city;
    let mapping = office.config.source[0].mapping.as_mut().unwrap();
    mapping.zone = (!zone.is_empty()).then(|| zone.to_owned());
    let file = office.file("t.csv", format!("{}\n1,{received},,,,a,b,c\n", HEADER.join(",")));
    let mapping = office.config.source[0].mapping();
    let context = weisu::ingest::Context {
        mapping: &mapping,
        zone: office.config.city.zone.0,
        now: crate::support::office::now(),
    };
    let batch = weisu::ingest::open(&file, context).unwrap().next_batch(9).unwrap().unwrap();
    let draft = &batch.drafts[0];
    let instant = chrono::DateTime::from_timestamp_millis(draft.received).unwrap();
    assert_eq!(office.take(&file).await, [1, 1, 0, 0, 0]);
    let days: Vec<_> = office.cells().await.into_keys().map(|key| key.2).collect();
    assert_eq!(days, [draft.day.date()], "the store counts the day that the reader cut");
    (instant.format("%m-%dT%H:%MZ").to_string(), draft.day.to_string())
}

#[tokio::test]
async fn days_are_the_citys_and_skipped_or_repeated_hours_land_on_them() {
    let cases = [
        // Skipped hour: the clock that wrote it had not been put forward.
        ("America/New_York", "", "2024-03-10 02:30:00", "03-10T07:30Z", "2024-03-10"),
        // Repeated hour: its first passage.
        ("America/New_York", "", "2024-11-03 01:30:00", "11-03T05:30Z", "2024-11-03"),
        ("America/New_York", "", "2024-11-03 02:00:00", "11-03T07:00Z", "2024-11-03"),
        // A day that begins at one o'clock.
        ("America/Sao_Paulo", "", "2018-11-04 00:30:00", "11-04T03:30Z", "2018-11-04"),
        // A source in another zone than the city's.
        ("Asia/Shanghai", "UTC", "2024-05-01 17:00:00", "05-01T17:00Z", "2024-05-02"),
        // A time that names its offset is cut in the city's zone all the same.
        ("America/New_York", "Asia/Shanghai", "2024-05-02T03:30:00+00:00", "05-02T03:30Z", "2024-05-01"),
    ];
    for (city, zone, received, instant, day) in cases {
        assert_eq!(
            lands(city, zone, received).await,
            (instant.to_owned(), day.to_owned()),
            "{city} {received}"
        );
    }
}
