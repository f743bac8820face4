//! What an operator relies on, end to end: a real Prometheus scrapes the daemon, a rule that ships fires, a real
//! Alertmanager routes it, and a receiver has it.
use std::{
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::mpsc;
use weisu::config::Lang;

use crate::{prom::has, support::root, support::server::Server};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(program: &str, args: &[String]) -> Running {
    Running(Command::new(program).args(args).stderr(Stdio::null()).spawn().unwrap())
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A receiver on the loopback that hands on what it gets.
async fn receiver() -> (SocketAddr, mpsc::UnboundedReceiver<Value>) {
    let (out, got) = mpsc::unbounded_channel();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let take = async move |axum::Json(body): axum::Json<Value>| {
        let _ = out.send(body);
    };
    let router = axum::Router::new().route("/hook", axum::routing::post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (at, got)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_fires_and_its_alert_reaches_a_receiver() {
    for program in ["prometheus", "prometheus-alertmanager"] {
        if !has(program) {
            println!("skipped: {program} is not installed; tests/run installs it");
            return;
        }
    }
    // The fixture has a delivery that was given up on.
    let (server, folder) = Server::of_a_city(Lang::Zh).await;
    let (hook, mut got) = receiver().await;
    let (prometheus, alertmanager) = (free(), free());
    let path = |name: &str| folder.path().join(name).display().to_string();
    // The rules as they ship, but without patience.
    let rules = std::fs::read_to_string(root().join("dashboards/prometheus/weisu.rules.yml")).unwrap();
    let impatient = rules.lines().map(|line| match line.trim_start().strip_prefix("for: ") {
        Some(_) => format!("{}for: 1s\n", " ".repeat(line.len() - line.trim_start().len())),
        None => format!("{line}\n"),
    });
    std::fs::write(path("weisu.rules.yml"), impatient.collect::<String>()).unwrap();
    std::fs::write(
        path("am.yml"),
        format!(
            "route:\n  receiver: nobody\n  routes:\n    - matchers: ['alertname=\"WeisuDeadLetters\"']\n      receiver: duty\n      \
             group_by: [alertname]\n      group_wait: 1s\n      group_interval: 1s\n\
             receivers:\n  - name: nobody\n  - name: duty\n    webhook_configs: [{{ url: 'http://{hook}/hook' }}]\n"
        ),
    )
    .unwrap();
    std::fs::write(
        path("prometheus.yml"),
        format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{}]\n\
             alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ['{alertmanager}'] }}] }}] }}\n\
             scrape_configs:\n  - job_name: weisu\n    static_configs: [{{ targets: ['{}'] }}]\n",
            path("weisu.rules.yml"),
            server.at
        ),
    )
    .unwrap();
    let flag = |name: &str, value: &dyn std::fmt::Display| format!("--{name}={value}");
    let _alertmanager = start(
        "prometheus-alertmanager",
        &[
            flag("config.file", &path("am.yml")),
            flag("storage.path", &path("am")),
            flag("web.listen-address", &alertmanager),
            flag("cluster.listen-address", &""),
        ],
    );
    let _prometheus = start(
        "prometheus",
        &[
            flag("config.file", &path("prometheus.yml")),
            flag("storage.tsdb.path", &path("tsdb")),
            flag("web.listen-address", &prometheus),
        ],
    );
    let body = tokio::time::timeout(Duration::from_secs(60), got.recv())
        .await
        .expect("no alert within a minute")
        .unwrap();
    assert_eq!(
        (&body["version"], &body["status"], &body["receiver"]),
        (&"4".into(), &"firing".into(), &"duty".into())
    );
    let alert = &body["alerts"][0];
    assert_eq!(alert["labels"]["alertname"], "WeisuDeadLetters");
    assert_eq!(alert["labels"]["severity"], "warning");
    assert_eq!(alert["labels"]["job"], "weisu");
    assert_eq!(alert["annotations"]["summary"], "1 deliveries were given up on / 有提示未能送达");
}
