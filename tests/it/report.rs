//! The monthly report and the weekly digest: every number of the prose is a cell, the cells are the store's counts, small
//! counts stay inside, and the same store gives the same bytes.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Cursor, Read},
    path::Path,
    process::Command,
};

use chrono::NaiveDate;
use roxmltree::{Document, Node, ParsingOptions};
use weisu::{
    config::{City, Lang},
    publish::{
        export::{MANIFEST, Manifest},
        report::{Period, ReportError, Request, Summary, write},
    },
    store::Store,
    ticket::{Basis, Day},
};
use weisu_models::calendar::{Calendar, Region};

use crate::{
    export::{FORMULA, city as export_city, fill},
    support::{Database, city, for_each_database},
};

fn month(text: &str) -> Period {
    Period::Month(text.parse().unwrap())
}

fn week(text: &str) -> Period {
    Period::week_of(text.parse().unwrap())
}

async fn report(store: &Store, city: &City, what: (Period, Lang), small_cell: u32, folder: &Path) -> Summary {
    try_report(store, city, what, small_cell, folder).await.unwrap()
}

async fn try_report(
    store: &Store,
    city: &City,
    (period, lang): (Period, Lang),
    small_cell: u32,
    folder: &Path,
) -> Result<Summary, ReportError> {
    let calendar = Calendar::for_region(Region::China, 2022, 2028);
    let sources = ["hotline".to_owned()];
    let request = Request { city, calendar: &calendar, sources: &sources, period, lang, small_cell };
    write(store, &request, folder).await
}

fn read(folder: &Path, summary: &Summary, ending: &str) -> Vec<u8> {
    fs::read(folder.join(&summary.entry.files[ending].name)).unwrap()
}

fn html(folder: &Path, summary: &Summary) -> String {
    String::from_utf8(read(folder, summary, "html")).unwrap()
}

pub(crate) fn parse(html: &str) -> Document<'_> {
    Document::parse_with_options(html, ParsingOptions { allow_dtd: true, ..ParsingOptions::default() })
        .unwrap()
}

pub(crate) fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|n| n.text()).collect()
}

/// Cells by their anchor.
pub(crate) fn cells(document: &Document<'_>) -> BTreeMap<String, String> {
    let cells = document.descendants().filter(|n| n.has_tag_name("td") || n.has_tag_name("th"));
    let found: Vec<(String, String)> =
        cells.filter_map(|n| Some((n.attribute("id")?.to_owned(), text(n)))).collect();
    let by_anchor: BTreeMap<String, String> = found.iter().cloned().collect();
    assert_eq!(by_anchor.len(), found.len(), "an anchor names one cell");
    by_anchor
}

fn has_class(node: &Node<'_, '_>, class: &str) -> bool {
    node.attribute("class").is_some_and(|all| all.split(' ').any(|one| one == class))
}

fn prose(document: &Document<'_>) -> String {
    document.descendants().filter(|n| has_class(n, "prose")).map(text).collect()
}

/// What is wrong with the prose of a report: digits outside a reference, references to no cell, and numbers that are not
/// those of their cell.
pub(crate) fn untraced(document: &Document<'_>) -> Vec<String> {
    let cells = cells(document);
    let mut wrong = Vec::new();
    for paragraph in document.descendants().filter(|n| has_class(n, "prose")) {
        for part in paragraph.descendants() {
            let reference = part.ancestors().find_map(|n| n.attribute("data-ref"));
            match (part.is_text(), reference) {
                (true, None) if part.text().is_some_and(|t| t.chars().any(|c| c.is_numeric())) => {
                    wrong.push(format!("{:?} is of no cell", part.text()));
                }
                (true, Some(anchor)) => {
                    let unsigned = |t: &str| t.trim_start_matches(['+', '−', '±']).to_owned();
                    let said = part.text().unwrap_or_default();
                    if cells.get(anchor).map(|cell| unsigned(cell)) != Some(said.to_owned()) {
                        wrong.push(format!("{said:?} is not {anchor}: {:?}", cells.get(anchor)));
                    }
                }
                _ => {}
            }
        }
    }
    wrong
}

/// Sections in the office's order.
const SECTIONS: [&str; 11] = [
    "总体情况",
    "诉求结构",
    "区域分析",
    "热点与苗头",
    "重复与异常诉求",
    "下月趋势预测",
    "季节性预案提醒",
    "共性问题治理建议",
    "主动治理成效",
    "预测复盘",
    "附：统计口径",
];

#[test]
fn numbers_that_are_of_no_cell_are_found() {
    let page = |prose: &str| {
        format!(
            "<div><p class=\"prose\">{prose}</p><table><tr><td id=\"a.b.c\">+12.5%</td></tr></table></div>"
        )
    };
    let link = |anchor: &str, said: &str| format!("<a data-ref=\"{anchor}\">{said}</a>");
    for (prose, wrong) in [
        (link("a.b.c", "12.5%"), 0),
        ("十件".to_owned(), 0),
        ("共 7 件".to_owned(), 1),
        (link("a.b.c", "12.6%"), 1),
        (link("a.b.d", "12.5%"), 1),
    ] {
        assert_eq!(untraced(&parse(&page(&prose))).len(), wrong, "{prose}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_of_the_prose_is_a_cell_and_both_stores_say_the_same() {
    let said = std::sync::Arc::new(std::sync::Mutex::new(BTreeMap::<String, BTreeSet<String>>::new()));
    let heard = said.clone();
    for_each_database(move |db| {
        let said = heard.clone();
        async move {
            let store = city::store(&db, Some(&city::ZH)).await;
            let city = City { name: "示范市".into(), ..export_city() };
            for period in [month("2026-10"), month("2026-11"), month("2025-02"), week("2026-11-04")] {
                for lang in [Lang::Zh, Lang::En] {
                    let summary = report(&store, &city, (period, lang), 5, &db.folder).await;
                    let html = html(&db.folder, &summary);
                    let document = parse(&html);
                    assert_eq!(untraced(&document), Vec::<String>::new(), "{period} {lang:?}");
                    let links = document.descendants().filter(|n| n.attribute("data-ref").is_some()).count();
                    assert!(links > 60, "{period} {lang:?}: {links}");
                    let prose = prose(&document);
                    assert!(
                        ["预言", "none", "undefined", "{"].iter().all(|word| !prose.contains(word)),
                        "{prose}"
                    );
                    outside(&document, &html);
                    said.lock().unwrap().entry(summary.stem).or_default().insert(html);
                }
            }
            let zh = report(&store, &city, (month("2026-10"), Lang::Zh), 5, &db.folder).await;
            let html = html(&db.folder, &zh);
            let headings: Vec<String> =
                parse(&html).descendants().filter(|n| n.has_tag_name("h2")).map(text).collect();
            assert_eq!(headings, SECTIONS);
            store.close().await;
        }
    })
    .await;
    let said = said.lock().unwrap();
    assert_eq!(said.len(), 8);
    assert!(said.values().all(|htmls| htmls.len() == 1), "the same on every store");
}

/// The file needs nothing but itself.
fn outside(document: &Document<'_>, html: &str) {
    assert!(!html.contains("<script") && !html.contains("@import") && !html.contains("url("));
    for node in document.descendants() {
        assert!(node.attribute("src").is_none(), "{node:?}");
        let link = node.attribute("href").unwrap_or("#");
        assert!(link.starts_with('#'), "{link}");
    }
    let charts = document.descendants().filter(|n| n.tag_name().name() == "svg").count();
    assert!(charts >= 4, "{charts} charts");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cells_are_the_counts_of_the_store() {
    for_each_database(|db| async move {
        let store = city::store(&db, Some(&city::EN)).await;
        let city = City { lang: Lang::En, ..export_city() };
        let summary = report(&store, &city, (month("2026-10"), Lang::En), 5, &db.folder).await;
        let html = html(&db.folder, &summary);
        let cells = cells(&parse(&html));
        let number = |anchor: &str| cells[anchor].replace([',', '\u{a0}'], "");
        let sum = async |at, basis, from: &str, to: &str| -> i64 {
            let day = |t: &str| Day::from(t.parse::<NaiveDate>().unwrap());
            let rows = store.daily(at, basis, day(from), day(to)).await.unwrap();
            rows.iter().map(|row| row.n).sum()
        };
        for (anchor, at, basis, from, to) in [
            ("total.raw.count", (0, 0), Basis::Raw, "2026-10-01", "2026-10-31"),
            ("total.dedup.count", (0, 0), Basis::Dedup, "2026-10-01", "2026-10-31"),
            ("total.raw.previous", (0, 0), Basis::Raw, "2026-09-01", "2026-09-30"),
            ("total.raw.last_year", (0, 0), Basis::Raw, "2025-10-01", "2025-10-31"),
            ("topics.n1.raw", (1, 0), Basis::Raw, "2026-10-01", "2026-10-31"),
            ("topics.n2.dedup", (2, 0), Basis::Dedup, "2026-10-01", "2026-10-31"),
            ("subtopics.n6.last_year", (6, 0), Basis::Raw, "2025-10-01", "2025-10-31"),
            ("districts.n3.raw", (0, 3), Basis::Raw, "2026-10-01", "2026-10-31"),
            ("trend.2026-03.raw", (0, 0), Basis::Raw, "2026-03-01", "2026-03-31"),
            ("days.2026-10-05.raw", (0, 0), Basis::Raw, "2026-10-05", "2026-10-05"),
        ] {
            assert_eq!(number(anchor), sum(at, basis, from, to).await.to_string(), "{anchor}");
        }
        let share = |a: &str, b: &str| number(a).parse::<f64>().unwrap() / number(b).parse::<f64>().unwrap();
        let change = (share("total.raw.count", "total.raw.last_year") - 1.0) * 100.0;
        assert_eq!(number("total.raw.yoy"), format!("{change:+.1}%").replace('-', "−"));
        // Lunar New Year: 2025-01-29 and 2024-02-10, so February lies where February and March lay.
        let lunar = report(&store, &city, (month("2025-02"), Lang::En), 5, &db.folder).await;
        let html = self::html(&db.folder, &lunar);
        let cells = self::cells(&parse(&html));
        assert_eq!(
            (&*cells["periods.lunar.from"], &*cells["periods.last_year.from"]),
            ("2024-02-13", "2024-02-01")
        );
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_store_gives_the_same_bytes_under_the_promised_names() {
    for_each_database(|db| async move {
        let store = city::store(&db, Some(&city::ZH)).await;
        let city = export_city();
        let (one, two) = (db.folder.join("one"), db.folder.join("two/deep"));
        for folder in [&one, &two, &two] {
            for what in [(month("2026-10"), Lang::Zh), (week("2026-11-08"), Lang::En)] {
                report(&store, &city, what, 5, folder).await;
            }
        }
        let mut names: Vec<String> =
            fs::read_dir(&one).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        let promised = ["demo_report-zh_2026-10_20", "demo_weekly-en_2026-W45_20"];
        let mut wanted: Vec<String> =
            promised.iter().flat_map(|stem| ["csv", "html", "xlsx"].map(|e| format!("{stem}.{e}"))).collect();
        wanted.push(MANIFEST.to_owned());
        assert_eq!(names, wanted);
        for name in &names {
            assert!(fs::read(one.join(name)).unwrap() == fs::read(two.join(name)).unwrap(), "{name} differs");
        }
        let manifest: Manifest = serde_json::from_slice(&fs::read(one.join(MANIFEST)).unwrap()).unwrap();
        use sha2::Digest;
        for file in promised.iter().flat_map(|stem| manifest.exports[*stem].files.values()) {
            let bytes = fs::read(one.join(&file.name)).unwrap();
            let sha: String = sha2::Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!((&sha, bytes.len() as u64), (&file.sha256, file.bytes));
        }
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_counts_stay_inside_in_tables_prose_workbook_and_csv() {
    for_each_database(|db| async move {
        let store = db.open().await.unwrap();
        fill(&store).await;
        // The rare topic has three tickets in February 2023, the other three a day.
        let what = (month("2023-02"), Lang::Zh);
        let summary = report(&store, &export_city(), what, 5, &db.folder).await;
        assert!(summary.entry.small_cells > 0);
        let html = html(&db.folder, &summary);
        let document = parse(&html);
        let shown = cells(&document);
        assert_eq!((&*shown["topics.n3.raw"], &*shown["topics.n3.share"]), ("<5", "—"));
        assert_eq!(shown["days.2023-02-10.raw"], "<5");
        assert_eq!(shown["topics.n1.raw"], "84");
        let prose = prose(&document);
        assert!(prose.contains(&format!("{FORMULA}（<5 件次）")), "{prose}");
        assert_eq!(untraced(&document), Vec::<String>::new());
        let csv = String::from_utf8(read(&db.folder, &summary, "csv")).unwrap();
        assert!(csv.starts_with('\u{feff}') && csv.contains("structure,topics,n3,raw,件次,<5,\r\n"));
        assert!(csv.contains("\"'=HYPERLINK"), "a formula is inert");
        let book = Workbook::open(read(&db.folder, &summary, "xlsx"));
        let topics = book.sheet("一级类别");
        assert_eq!(topics.row(2)[..3], [FORMULA, "<5", "—"]);
        assert_eq!(topics.row(1)[1], "84");

        let open = db.folder.join("open");
        let summary = report(&store, &export_city(), what, 0, &open).await;
        let html = self::html(&open, &summary);
        assert_eq!((&*cells(&parse(&html))["topics.n3.raw"], summary.entry.small_cells), ("3", 0));
        store.close().await;
    })
    .await;
}

/// A workbook as its parts.
struct Workbook {
    parts: BTreeMap<String, String>,
    names: Vec<String>,
    strings: Vec<String>,
}

struct Sheet<'a> {
    book: &'a Workbook,
    xml: &'a str,
}

impl Workbook {
    fn open(bytes: Vec<u8>) -> Self {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut parts = BTreeMap::new();
        for i in 0..archive.len() {
            let mut file = archive.by_index(i).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            parts.insert(file.name().to_owned(), text);
        }
        let all = |part: &str, tag: &str, of: &dyn Fn(Node<'_, '_>) -> String| -> Vec<String> {
            let document = Document::parse(&parts[part]).unwrap();
            document.descendants().filter(|n| n.tag_name().name() == tag).map(of).collect()
        };
        let names = all("xl/workbook.xml", "sheet", &|n| n.attribute("name").unwrap().to_owned());
        let strings = all("xl/sharedStrings.xml", "si", &text);
        Self { names, strings, parts }
    }

    fn sheet(&self, name: &str) -> Sheet<'_> {
        let at =
            self.names.iter().position(|n| n == name).unwrap_or_else(|| panic!("{name} in {:?}", self.names));
        Sheet { book: self, xml: &self.parts[&format!("xl/worksheets/sheet{}.xml", at + 1)] }
    }
}

impl Sheet<'_> {
    /// Cells of a row from 0, strings looked up.
    fn row(&self, at: usize) -> Vec<String> {
        let document = Document::parse(self.xml).unwrap();
        let row = document.descendants().filter(|n| n.tag_name().name() == "row").nth(at).unwrap();
        let value = |cell: Node<'_, '_>| {
            let v = cell.children().find(|n| n.tag_name().name() == "v").map(text).unwrap_or_default();
            match cell.attribute("t") {
                Some("s") => self.book.strings[v.parse::<usize>().unwrap()].clone(),
                _ => v,
            }
        };
        row.children().filter(|n| n.tag_name().name() == "c").map(value).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workbook_has_a_sheet_a_table_frozen_headers_formats_and_charts() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::sqlite(&folder);
    let store = city::store(&db, Some(&city::EN)).await;
    let city = City { lang: Lang::En, ..export_city() };
    let summary = report(&store, &city, (month("2026-11"), Lang::En), 5, &db.folder).await;
    let page = html(&db.folder, &summary);
    let document = parse(&page);
    let captions: Vec<String> =
        document.descendants().filter(|n| n.has_tag_name("caption")).map(text).collect();
    let book = Workbook::open(read(&db.folder, &summary, "xlsx"));
    assert_eq!(book.names.len(), captions.len() + 1);
    for name in &book.names[1..] {
        assert!(book.sheet(name).xml.contains("state=\"frozen\""), "{name}");
    }
    assert!(book.sheet("Report").row(0)[0].contains("Hotline report of the month"));
    let districts = book.sheet("Districts");
    assert_eq!(districts.row(0)[..2], ["Name", "Tickets"]);
    assert_eq!(districts.row(1)[0], "Eastside");
    assert_eq!(districts.row(1)[1], cells(&document)["districts.n1.raw"].replace(',', ""));
    for format in ["#,##0", "0.0%", "+0.0%;-0.0%;0.0%", "yyyy-mm-dd"] {
        assert!(book.parts["xl/styles.xml"].contains(format) || format == "#,##0", "{format}");
    }
    let charts = book.parts.keys().filter(|name| name.starts_with("xl/charts/chart")).count();
    let drawn = document.descendants().filter(|n| n.tag_name().name() == "svg").count();
    assert!(charts == drawn && charts >= 5, "{charts} native, {drawn} drawn");
    assert!(book.parts["docProps/core.xml"].contains("2026-11-09"), "the time of the run");
    opens_in_an_office(&folder.path().join(&summary.entry.files["xlsx"].name), &book);
    store.close().await;
}

/// LibreOffice reads every sheet as it stands; skipped where it is not installed.
fn opens_in_an_office(file: &Path, book: &Workbook) {
    let folder = tempfile::tempdir().unwrap();
    let profile = format!("-env:UserInstallation=file://{}/profile", folder.path().display());
    // Every sheet as a CSV of its own.
    let filter = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1";
    let mut office = Command::new("soffice");
    office.args([&profile, "--headless", "--convert-to", filter, "--outdir"]).arg(folder.path()).arg(file);
    let Ok(out) = office.output() else {
        println!("skipped: LibreOffice is not installed");
        return;
    };
    assert!(out.status.success(), "{out:?}");
    let mut sheets = 0;
    for entry in fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()) {
        if entry.extension().is_some_and(|e| e == "csv") {
            sheets += 1;
            assert!(!fs::read_to_string(&entry).unwrap().trim().is_empty(), "{}", entry.display());
        }
    }
    assert_eq!(sheets, book.names.len(), "{out:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_that_is_not_known_says_what_is() {
    for_each_database(|db| async move {
        let store = db.open().await.unwrap();
        let what = (month("2031-01"), Lang::Zh);
        let error = try_report(&store, &export_city(), what, 5, &db.folder).await.unwrap_err();
        assert!(error.to_string().contains("read tickets first"), "{error}");
        fill(&store).await;
        let error = try_report(&store, &export_city(), what, 5, &db.folder).await.unwrap_err();
        assert!(
            error.to_string().contains("choose a month or week between 2022-12-01 and 2024-01-31"),
            "{error}"
        );
        assert!(!db.folder.join(MANIFEST).exists());
        store.close().await;
    })
    .await;
}
