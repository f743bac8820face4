//! A real Prometheus Alertmanager takes our alerts and lets them go again.
use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use weisu::{
    config::{Receiver, ReceiverKind},
    publish::lifecycle::EventKind,
};

use crate::{
    publish::{Hand, drain, enqueue, event, receiver},
    support::for_each_database,
};

/// Debian's name of the program.
const PROGRAM: &str = "prometheus-alertmanager";

struct Alertmanager {
    child: Child,
    url: String,
    _data: tempfile::TempDir,
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Alertmanager {
    /// Starts one; `None` where it is not installed.
    async fn start() -> Option<Self> {
        let data = tempfile::tempdir().unwrap();
        let config = data.path().join("am.yml");
        std::fs::write(&config, "route: {receiver: none}\nreceivers: [{name: none}]\n").unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(PROGRAM)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", data.path().display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--cluster.listen-address=", "--log.level=error"])
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let started = Self { child, url: format!("http://127.0.0.1:{port}"), _data: data };
        for _ in 0..200 {
            if started.alerts().await.is_some() {
                return Some(started);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{PROGRAM} did not become ready");
    }

    async fn alerts(&self) -> Option<serde_json::Value> {
        let client = weisu::publish::deliver::client().unwrap();
        client.get(format!("{}/api/v2/alerts", self.url)).send().await.ok()?.json().await.ok()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alertmanager_takes_our_alerts_and_resolves_them() {
    let Some(alertmanager) = Alertmanager::start().await else {
        println!("skipped: {PROGRAM} is not installed; tests/run installs it");
        return;
    };
    let url = alertmanager.url.clone();
    let receivers = [Receiver { kind: ReceiverKind::Alertmanager, ..receiver("am", &url) }];
    for_each_database(move |db| {
        let receivers = receivers.clone();
        async move {
            let (store, clock) = (db.open().await.unwrap(), Hand::new());
            enqueue(&store, &[event(1, EventKind::Firing, 20_000)], &receivers, clock.millis()).await;
            assert_eq!(drain(&store, &receivers, &clock).await.delivered, 1);
            store.close().await;
        }
    })
    .await;
    let alerts = alertmanager.alerts().await.unwrap();
    assert_eq!(alerts.as_array().unwrap().len(), 1, "{alerts}");
    let labels = &alerts[0]["labels"];
    assert_eq!(labels["alertname"], "WeisuAlert");
    assert_eq!(labels["topic"], "测试事项");
    assert_eq!(labels["district"], "all");
    assert_eq!(labels["severity"], "low");
    assert_eq!(alerts[0]["status"]["state"], "active");
    assert!(alerts[0]["annotations"]["description"].as_str().unwrap().contains("工作提示"));

    let receivers = [Receiver { kind: ReceiverKind::Alertmanager, ..receiver("am", &alertmanager.url) }];
    for_each_database(move |db| {
        let receivers = receivers.clone();
        async move {
            let (store, clock) = (db.open().await.unwrap(), Hand::new());
            enqueue(&store, &[event(1, EventKind::Resolved, 20_001)], &receivers, clock.millis()).await;
            assert_eq!(drain(&store, &receivers, &clock).await.delivered, 1);
            store.close().await;
        }
    })
    .await;
    let alerts = alertmanager.alerts().await.unwrap();
    assert_eq!(alerts.as_array().unwrap().len(), 0, "{alerts}");
}
