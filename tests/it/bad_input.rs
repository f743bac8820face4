//! Files and rows that are no good: a counted rejection with line and reason, or an error that says what to mend, and
//! nothing half taken.
use std::{fmt::Write, path::PathBuf};

use weisu::ingest::{self, Reject, row::Reason};

use crate::support::{
    Database, for_each_database,
    office::{self, MAPPING, Office, is_anywhere},
};

const HEADER: &str = "id,received,closed,updated,repeat,topic,subtopic,district";

/// A sound row.
fn row(id: usize) -> String {
    format!("{id},2024-05-01 08:00:00,,,,Streets,Noise,North\n")
}

async fn office(folder: &tempfile::TempDir) -> Office {
    let mut office = Office::with_mapping(&Database::sqlite(folder)).await;
    office.config.source[0].max_reject_share = 1.0;
    office
}

/// Takes one file; its accounts and its list of rejected rows.
async fn listed(office: &Office, file: PathBuf) -> ([u64; 5], Vec<String>) {
    let summary = office.ingest(Some(&[file])).await.unwrap();
    let file = &summary["files"][0];
    let list = file["rejects_file"].as_str().map_or(String::new(), |at| std::fs::read_to_string(at).unwrap());
    let rejects: Vec<String> = list.lines().skip(1).map(str::to_owned).collect();
    let counted: u64 = file["reasons"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(counted, rejects.len() as u64, "reasons add up");
    let accounts = office::accounts(file);
    assert_eq!(accounts[0], accounts[1..].iter().sum::<u64>(), "accounts add up");
    (accounts, rejects)
}

/// A file with every fault of a row once; its sound rows, and the faults by line.
fn every_fault(line_end: &str) -> (Vec<u8>, u64, Vec<String>) {
    let time = "2024-05-01 08:00:00";
    let lines: [(Vec<u8>, Option<Reason>); 22] = [
        (row(1).into(), None),
        (format!("2,{time},,,,\"Streets,Noise,North\n").into(), Some(Reason::UnclosedQuote)),
        (format!("3,{time},,,,\"Streets\",\"Noise\",North\n").into(), None),
        (format!("4,{time},,,,Streets\n").into(), Some(Reason::FieldCount)),
        (format!("5,{time},,,,Streets,Noise,North,more\n").into(), Some(Reason::FieldCount)),
        (format!(",{time},,,,Streets,Noise,North\n").into(), Some(Reason::NoId)),
        ("7,,,,,Streets,Noise,North\n".into(), Some(Reason::NoTime)),
        ("8,2024-02-30 08:00:00,,,,Streets,Noise,North\n".into(), Some(Reason::BadTime)),
        ("9,2025-01-03 08:00:00,,,,Streets,Noise,North\n".into(), Some(Reason::Future)),
        ("10,1899-12-30 00:00:00,,,,Streets,Noise,North\n".into(), Some(Reason::LongAgo)),
        (format!("11,{time},,,,,,North\n").into(), Some(Reason::NoTopic)),
        (format!("12,{time},,,,Streets,Noise,Elsewhere\n").into(), Some(Reason::UnknownDistrict)),
        (
            [format!("13,{time},,,,Streets,").as_bytes(), b"No\xff\xfese,North\n"].concat(),
            Some(Reason::Encoding),
        ),
        (format!("14,{time},,,,{},Noise,North\n", "x".repeat(10 << 20)).into(), Some(Reason::TooLong)),
        // Two faults whose quotes pair up: each costs its own row.
        (format!("15,{time},,,,\"Streets,Noise,North\n").into(), Some(Reason::UnclosedQuote)),
        (format!("16,{time},,,,\"Streets,Noise,North\n").into(), Some(Reason::UnclosedQuote)),
        // Quotes that are text.
        (format!("17,{time},,,,Streets,2\" pipe,North\n").into(), None),
        (format!("18,{time},,,,Streets,\"say \"\"hush\"\"\",North\n").into(), None),
        // A field of two lines.
        (format!("19,{time},,,,Streets,\"Noise{line_end}at night\",North\n").into(), None),
        (b"\n".to_vec(), None),
        (format!("20,{time},not a time,neither,perhaps,Streets,Noise,North\n").into(), None),
        (format!("21,{time},,,,Streets,a \"b\" c,North").into(), None),
    ];
    let (mut text, mut rejects, mut good) = (format!("{HEADER}{line_end}").into_bytes(), Vec::new(), 0);
    for (line, fault) in lines {
        let at = memchr::memchr_iter(b'\n', &text).count() + 1;
        rejects.extend(fault.map(|reason| format!("{at},{}", reason.name())));
        good += u64::from(fault.is_none() && line != b"\n");
        match line.strip_suffix(b"\n") {
            Some(line) => text.extend([line, line_end.as_bytes()].concat()),
            None => text.extend(line),
        }
    }
    (text, good, rejects)
}

#[tokio::test]
async fn every_reason_is_listed_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut office = office(&folder).await;
    office.config.source[0].mapping.as_mut().unwrap().known_districts = vec!["North".to_owned()];
    for (name, line_end) in [("unix.csv", "\n"), ("windows.csv", "\r\n")] {
        office.config.source[0].name = name.to_owned();
        let (text, good, faults) = every_fault(line_end);
        let (accounts, rejects) = listed(&office, office.file(name, text)).await;
        assert_eq!(rejects, faults, "{name}");
        assert_eq!(accounts, [good + faults.len() as u64, good, 0, 0, faults.len() as u64], "{name}");
    }
    let topics = office.cells().await.into_keys().map(|key| key.0).collect::<std::collections::BTreeSet<_>>();
    for topic in ["Streets/2\" pipe", "Streets/say \"hush\"", "Streets/Noise\nat night", "Streets/a \"b\" c"]
    {
        assert!(topics.contains(topic), "{topic:?} in {topics:?}");
    }
}

/// Reads a whole file without a store; tickets and rejects.
fn read(office: &Office, file: &std::path::Path) -> Result<(usize, Vec<Reject>), ingest::IngestError> {
    let mapping = office.config.source[0].mapping();
    let context = ingest::Context { mapping: &mapping, zone: chrono_tz::UTC, now: office::now() };
    let mut tickets = ingest::open(file, context)?;
    let (mut good, mut rejects) = (0, Vec::new());
    while let Some(batch) = tickets.next_batch(1000)? {
        good += batch.drafts.len();
        rejects.extend(batch.rejects);
    }
    Ok((good, rejects))
}

#[tokio::test]
async fn an_unclosed_quote_costs_one_row_however_much_comes_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(&folder).await;
    // More than a record may be long, in front of and behind the fault.
    let mut text = format!("{HEADER}\n");
    (0..60_000).for_each(|id| {
        if id == 30_000 || id == 59_998 {
            let _ = writeln!(text, "{id},2024-05-01 08:00:00,,,,\"Streets,Noise,North");
        } else {
            text += &row(id);
        }
    });
    let (good, rejects) = read(&office, &office.file("long.csv", text)).unwrap();
    let reason = Reason::UnclosedQuote;
    assert_eq!(rejects, [Reject { line: 30_002, reason }, Reject { line: 60_000, reason }]);
    assert_eq!(good, 59_998);
}

#[tokio::test]
async fn lines_that_are_no_objects_are_counted_wherever_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(&folder).await;
    let good = r#"{"id":1,"received":"2024-05-01 08:00:00","topic":"a","district":"b"}"#;
    let long = format!(r#"{{"id":2,"topic":"{}"}}"#, "x".repeat(10 << 20));
    let text = [
        "not json".as_bytes(),
        b"[1,2]",
        b"",
        good.as_bytes(),
        b"{\"id\":\"\xff\"}",
        long.as_bytes(),
        b"{\"id\":3,",
        good.replace(":1", ":4").as_bytes(),
    ]
    .join(&b'\n');
    let (accounts, rejects) = listed(&office, office.file("t.jsonl", text)).await;
    assert_eq!(rejects, ["1,not_json", "2,not_json", "5,encoding", "6,too_long", "7,not_json"]);
    assert_eq!(accounts, [7, 2, 0, 0, 5]);
}

/// The error of a file that is no good as a whole.
async fn refused(office: &Office, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let before = office.cells().await;
    let error = format!("{:#}", office.ingest(Some(&[office.file(name, bytes)])).await.unwrap_err());
    assert!(error.contains(name), "the error names the file: {error}");
    assert_eq!(office.cells().await, before, "{name}");
    error
}

#[tokio::test]
async fn a_file_that_is_no_table_of_tickets_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(&folder).await;
    let gzip = |text: &str| {
        use std::io::Write;
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(text.as_bytes()).unwrap();
        out.finish().unwrap()
    };
    let many: String = (0..5000).map(row).collect();
    let cut = gzip(&format!("{HEADER}\n{many}"));
    let chinese = encoding_rs::GB18030.encode("编号,时间,分类\n1,2024-05-01 08:00:00,噪声\n").0.into_owned();
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("empty.csv", vec![], &["is empty: expected a header line"]),
        ("blank.csv", b"\n \r\n\n".to_vec(), &["is empty: expected a header line"]),
        ("empty.jsonl", vec![], &["is empty"]),
        (
            "other.csv",
            b"number,when,kind,phone\n1,2,3,4\n".to_vec(),
            &[
                "no column [\"received\"] for received",
                "the file has: number, when, kind.",
                "source.mapping.received",
            ],
        ),
        ("chinese.csv", chinese, &["the file has: 编号, 时间, 分类"]),
        ("no_topic.csv", b"id,received,district\n".to_vec(), &["no column [\"topic\"] for topic"]),
        ("no_id.csv", b"received,topic,subtopic,district\n".to_vec(), &["no column [\"id\"] for id"]),
        ("header.csv", format!("id,\"received\n{many}").into_bytes(), &["the first line is not a header"]),
        ("table.jsonl", many.clone().into_bytes(), &["no JSON object in its first 1001 lines"]),
        ("cut.csv.gz", cut[..cut.len() / 2].to_vec(), &["cannot read"]),
        ("text.csv.gz", many.clone().into_bytes(), &["cannot read"]),
        ("text.csv.zst", many.clone().into_bytes(), &["cannot read"]),
        ("text.csv.zip", many.clone().into_bytes(), &["cannot be read as zip"]),
        ("text.parquet", many.clone().into_bytes(), &["cannot be read as Parquet"]),
    ];
    for (name, bytes, said) in cases {
        let error = refused(&office, name, bytes).await;
        said.iter().for_each(|part| assert!(error.contains(part), "{name}: {error}"));
    }
    let absent = format!("{:#}", office.ingest(Some(&["no/such.csv".into()])).await.unwrap_err());
    assert!(absent.contains("cannot read no/such.csv"), "{absent}");
    // A header without tickets is a sound file of no tickets.
    assert_eq!(office.take(&office.file("header_only.csv", format!("{HEADER}\n"))).await, [0; 5]);
    assert_eq!(office.take(&office.file("header_alone.csv", HEADER)).await, [0; 5]);
}

#[tokio::test]
async fn a_file_without_a_header_does_not_put_its_first_ticket_into_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(&folder).await;
    let error = refused(&office, "bare.csv", "1,张三,13800138000,2024-05-01 08:00:00\n").await;
    assert!(error.contains("its first line looks like a ticket"), "{error}");
    office.store.close().await;
    std::fs::remove_file(folder.path().join("bare.csv")).unwrap();
    assert!(!error.contains("张三") && !is_anywhere(folder.path(), "13800138000"));
}

#[tokio::test]
async fn above_the_limit_of_rejects_nothing_is_kept() {
    for_each_database(|database| async move {
        let mut office = Office::with_mapping(&database).await;
        office.config.source[0].max_reject_share = 0.05;
        let sound = format!("{HEADER}\n{}", (0..10).map(row).collect::<String>());
        assert_eq!(office.take(&office.file("sound.csv", &sound)).await, [10, 10, 0, 0, 0]);
        let days = office.store.tickets_per_day().await.unwrap();
        // 3,000 new tickets, so that batches were written before the limit was passed.
        let bad: String = (100..3100).map(|id| row(id).replace("Noise", "New") + "a,b\n").collect();
        let error = refused(&office, "bad.csv", format!("{HEADER}\n{bad}")).await;
        assert!(error.contains("3000 of 6000 rows rejected (50.0 %, most often field_count)"), "{error}");
        assert_eq!(office.store.tickets_per_day().await.unwrap(), days);
        let topics = office.store.tree(weisu::store::Tree::Topics).await.unwrap();
        assert!(topics.iter().all(|topic| topic.name != "New"), "not even its names");
        // Named with a sound one, the sound one is taken and the run still fails.
        let files = ["bad.csv", "second.csv"].map(|name| office.folder.join(name));
        office.file("second.csv", format!("{HEADER}\n{}", row(50)));
        let error = format!("{:#}", office.ingest(Some(&files)).await.unwrap_err());
        assert!(error.contains("bad.csv") && error.contains("(1 other files were taken)"), "{error}");
        assert_eq!(office.cells().await.values().map(|n| n.0).sum::<i64>(), 11);
        // Exactly at the limit is allowed.
        office.config.source[0].max_reject_share = 0.5;
        assert_eq!(office.take(&office.folder.join("bad.csv")).await, [6000, 3000, 0, 0, 3000]);
        office.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_list_of_rejects_that_cannot_be_written_stops_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::sqlite(&folder);
    let mut office = Office::open(&database, &format!("[[source]]\nname = \"hotline\"\n{MAPPING}")).await;
    office.config.source[0].max_reject_share = 1.0;
    let file = office.file("bad.csv", format!("{HEADER}\n{}a,b\n", row(1)));
    // A folder below a file.
    office.config.store.data = folder.path().join("bad.csv");
    let error = format!("{:#}", office.ingest(Some(std::slice::from_ref(&file))).await.unwrap_err());
    assert!(error.contains("cannot write rejected rows to") && error.contains("store.data"), "{error}");
    // A full disk under the list only.
    office.config.store.data = folder.path().to_owned();
    std::fs::create_dir(folder.path().join("rejects")).unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join("rejects/2-0-bad.csv.csv.part")).unwrap();
    let error = format!("{:#}", office.ingest(Some(std::slice::from_ref(&file))).await.unwrap_err());
    assert!(error.contains("cannot write rejected rows to") && error.contains("No space left"), "{error}");
    assert_eq!(office.cells().await, office::Cells::new(), "nothing of it was kept");
    assert_eq!(office.take(&file).await, [2, 1, 0, 0, 1]);
}
