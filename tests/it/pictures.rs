//! Pictures for the README, taken of the demo city:
//! `cargo nextest run --release --run-ignored only pictures`.
use std::{
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{
    browser::{Browser, Screen, available},
    root,
    server::client,
};

/// A picture is part of the repository.
const MOST_BYTES: usize = 300_000;
/// The morning on which they are taken.
const MORNING: &str = "2026-11-24T08:30:00+08:00";

/// A demo that has come up; it ends with the value.
struct Demo {
    child: Child,
    at: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Demo {
    async fn start(lang: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_weisu"))
            .args(["--now", MORNING, "demo", "--lang", lang, "--listen", &at.to_string(), "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let demo = Self { child, at, _folder: folder };
        let up = Instant::now() + Duration::from_secs(600);
        while !client().get(demo.url("readyz")).send().await.is_ok_and(|a| a.status().is_success()) {
            assert!(Instant::now() < up, "the demo does not come up");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        demo
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.at)
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes dashboards/*.png from a full demo: for whoever changes the pages"]
async fn the_pictures_of_the_readme() {
    if !available() {
        return;
    }
    let mut browser = Browser::start();
    let desk = Screen { height: 1500, ..Screen::DESK };
    let mut keep = |demo: &Demo, path: &str, screen: Screen, name: &str| {
        browser.open(&demo.url(path), screen);
        assert_eq!(browser.complaints(), Vec::<String>::new());
        let picture = browser.picture(false);
        assert!(picture.len() < MOST_BYTES, "{name}: {} bytes", picture.len());
        std::fs::write(root().join("dashboards").join(name), picture).unwrap();
    };
    let zh = Demo::start("zh").await;
    keep(&zh, "?lang=zh", desk, "page-zh.png");
    keep(&zh, "?lang=zh", Screen { height: 1500, ..Screen::PHONE }, "page-phone.png");
    drop(zh);
    let en = Demo::start("en").await;
    keep(&en, "?lang=en", desk, "page-en.png");
}
