//! The simulated city through the command line and the ordinary reader.
use std::{fs, io::Read, path::Path, process::Command};

use weisu::simulate::Truth;

fn weisu(folder: &Path, args: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_weisu")).args(args).current_dir(folder).output().unwrap();
    let (said, errors) = (String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap());
    assert!(out.status.success(), "{args:?}: {said}{errors}");
    said
}

fn simulate(folder: &Path, out: &str, lang: &str) -> Truth {
    let args = ["simulate", "--out", out, "--lang", lang, "--until", "2025-11-10", "--scale", "0.01"];
    weisu(folder, &[&args[..], &["--truth", "truth.json"]].concat());
    serde_json::from_slice(&fs::read(folder.join("truth.json")).unwrap()).unwrap()
}

#[test]
fn plain_and_compressed_files_hold_the_same_rows_and_no_part_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let plain = simulate(folder.path(), "a.csv", "zh");
    assert_eq!(simulate(folder.path(), "b.csv.gz", "zh"), plain);
    let mut unpacked = Vec::new();
    let packed = fs::File::open(folder.path().join("b.csv.gz")).unwrap();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut unpacked).unwrap();
    assert!(fs::read(folder.path().join("a.csv")).unwrap() == unpacked);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "two files and the truth");
}

#[test]
fn a_failed_write_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_weisu"))
        .args(["simulate", "--out", "no/such/folder/t.csv", "--scale", "0.001"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(!out.status.success() && said.contains("no/such/folder/t.csv"), "{said}");
}

#[tokio::test]
async fn every_row_is_taken_and_nothing_personal_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    for lang in [weisu::config::Lang::Zh, weisu::config::Lang::En] {
        let params = weisu::simulate::Params {
            scale: 0.01,
            ..weisu::simulate::Params::demo(lang, chrono::NaiveDate::from_ymd_opt(2025, 11, 10).unwrap())
        };
        let city = weisu::simulate::City::new(params).unwrap();
        let name = format!("{lang:?}");
        let mut file = fs::File::create(folder.path().join(format!("{name}.csv"))).unwrap();
        let truth = city.write(&mut file, &|_| {}).unwrap();
        let config = city.config_toml(&format!("{name}.csv"), None, &format!("sqlite://{name}.db"));
        fs::write(folder.path().join(format!("{name}.toml")), config).unwrap();
        weisu(
            folder.path(),
            &[
                "--config",
                &format!("{name}.toml"),
                "ingest",
                &format!("{name}.csv"),
                "--now",
                "2025-11-10T00:00:00Z",
            ],
        );

        let url = format!("sqlite://{}", folder.path().join(format!("{name}.db")).display());
        let options = weisu::store::Options { url, wait: std::time::Duration::from_secs(5), connections: 2 };
        let store = weisu::store::Store::open(&options).await.unwrap();
        let stored: i64 = store.tickets_per_day().await.unwrap().iter().map(|(_, _, n)| n).sum();
        assert_eq!(stored as u64, truth.tickets);
        let topics = store.tree(weisu::store::Tree::Topics).await.unwrap();
        assert_eq!(topics.iter().filter(|t| t.depth == 1).count(), 8);
        assert_eq!(
            topics.iter().filter(|t| t.depth == 2).count(),
            40,
            "the old name is not a topic of its own"
        );
        assert!(topics.iter().any(|t| t.name == truth.renamed.new));
        store.close().await;
        let kept = fs::read(folder.path().join(format!("{name}.db"))).unwrap();
        let has = |needle: &str| kept.windows(needle.len()).any(|w| w == needle.as_bytes());
        assert!(has(&truth.renamed.new) && !has("000-0000") && !has("虚构路") && !has("Fictional"));
    }
}
