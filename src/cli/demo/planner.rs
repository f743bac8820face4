//! What a planner wants to know, printed: the coming rises, live hotspots, how good past forecasts were.
//!
//! The numbers are the API's own answers, asked in process, so that the terminal, the page and the API cannot
//! disagree.
use std::{fmt::Write, net::SocketAddr, path::Path, time::Duration};

use anyhow::Context;
use axum::{Router, body::Body, http::Request};
use serde_json::Value;
use tower::ServiceExt;
use unicode_width::UnicodeWidthStr;

use super::receiver::Receiver;
use crate::{
    config::Lang,
    http::{self, AppState},
    simulate::Truth,
};

/// Lines of each list.
const TOP: usize = 6;

/// `zh` or `en`.
fn say<'a>(lang: Lang, zh: &'a str, en: &'a str) -> &'a str {
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

/// What was simulated.
pub fn intro(lang: Lang, truth: &Truth, dir: &Path) -> String {
    let (n, repeats) = (grouped(truth.tickets as f64), grouped(truth.repeats as f64));
    let (from, to, dir) = (truth.from, truth.to, dir.display());
    match lang {
        Lang::Zh => {
            format!("模拟城市: {from} 至 {to} 共 {n} 件工单, 其中重复来电 {repeats} 件; 文件在 {dir}\n")
        }
        Lang::En => format!(
            "Simulated city: {n} tickets from {from} to {to}, {repeats} of them repeats; files in {dir}\n"
        ),
    }
}

/// The report, and the open alerts that it speaks of.
pub async fn report(lang: Lang, state: AppState) -> anyhow::Result<(String, Vec<Value>)> {
    let router = http::router(state);
    let mut out = String::from("\n");
    rises(&mut out, lang, &ask(&router, "/api/v1/outlook").await?);
    let alerts = ask(&router, "/api/v1/alerts?state=open&limit=50").await?;
    hotspots(&mut out, lang, &alerts);
    past(&mut out, lang, &ask(&router, "/api/v1/scoreboard").await?);
    Ok((out, alerts.as_array().cloned().unwrap_or_default()))
}

async fn ask(router: &Router, path: &str) -> anyhow::Result<Value> {
    let response = router.clone().oneshot(Request::get(path).body(Body::empty())?).await?;
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 26).await?;
    anyhow::ensure!(status.is_success(), "{path} answered {status}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).with_context(|| format!("{path} did not answer in JSON"))
}

fn rises(out: &mut String, lang: Lang, outlook: &Value) {
    let title = say(lang, "预计上升(与常年同月比)", "Expected rises (against the same month of past years)");
    let heads = [
        [say(lang, "类别", "Topic"), say(lang, "月份", "Month")],
        [say(lang, "预计", "Expected"), say(lang, "80% 区间", "80 % band")],
        [say(lang, "较去年", "On last year"), say(lang, "较常年", "On the norm")],
    ];
    for (key, name) in [("topics", heads[0][0]), ("districts", say(lang, "区域", "District"))] {
        let _ = writeln!(out, "{title}");
        row(out, [name, heads[0][1], heads[1][0], heads[1][1], heads[2][0], heads[2][1]]);
        for rise in outlook[key].as_array().into_iter().flatten().take(TOP) {
            let band = &rise["band_80"];
            row(
                out,
                [
                    text(&rise["name"]),
                    rise["month"].as_str().and_then(|m| m.get(..7)).unwrap_or("-"),
                    &count(&rise["expected"]),
                    &format!("{}–{}", count(&band["lower"]), count(&band["upper"])),
                    &change(&rise["change_last_year"]),
                    &change(&rise["change_norm"]),
                ],
            );
        }
        out.push('\n');
    }
}

fn hotspots(out: &mut String, lang: Lang, alerts: &Value) {
    let alerts: Vec<&Value> = alerts.as_array().into_iter().flatten().collect();
    let _ = writeln!(out, "{}: {}", say(lang, "未结提示", "Open alerts"), alerts.len());
    for alert in alerts.iter().take(2 * TOP) {
        let drivers: Vec<String> = alert["drivers"]
            .as_array()
            .into_iter()
            .flatten()
            .take(3)
            .map(|d| {
                let name = if alert["district"].as_array().is_some_and(Vec::is_empty) {
                    &d["district"]
                } else {
                    &d["topic"]
                };
                format!("{} {:.0}%", text(name), 100.0 * d["share"].as_f64().unwrap_or(0.0))
            })
            .collect();
        let when = match alert["lead_days"].as_i64() {
            Some(lead) if lead > 0 => match lang {
                Lang::Zh => format!("{} 起一周, 提前 {lead} 天", text(&alert["window"][0])),
                Lang::En => format!(
                    "week of {}, {lead} day{} ahead",
                    text(&alert["window"][0]),
                    if lead == 1 { "" } else { "s" }
                ),
            },
            _ => text(&alert["onset"]).to_owned(),
        };
        let _ = writeln!(
            out,
            "  [{}] {} ({when})",
            severity(lang, text(&alert["severity"])),
            text(&alert["title"])
        );
        if !drivers.is_empty() {
            let _ = writeln!(out, "        {} {}", say(lang, "主要来自", "driven by"), drivers.join(", "));
        }
    }
    out.push('\n');
}

fn severity(lang: Lang, name: &str) -> &str {
    match (lang, name) {
        (Lang::Zh, "critical") => "红",
        (Lang::Zh, "high") => "橙",
        (Lang::Zh, "medium") => "黄",
        (Lang::Zh, "low") => "蓝",
        _ => name,
    }
}

fn past(out: &mut String, lang: Lang, scoreboard: &Value) {
    let _ = writeln!(
        out,
        "{}",
        say(lang, "预测复盘(滚动回测)", "How good past forecasts were (rolling backtest)")
    );
    let heads = [
        say(lang, "层级", "Level"),
        say(lang, "序列", "Series"),
        "MASE",
        say(lang, "较季节朴素法", "Skill v. naive"),
        say(lang, "80% 区间命中", "Held by 80 %"),
        say(lang, "95% 区间命中", "Held by 95 %"),
    ];
    row(out, heads);
    for level in scoreboard["backtest"].as_array().into_iter().flatten() {
        let depth = |key: &str| level[key].as_i64().unwrap_or(0);
        let name = match (depth("topic_depth"), depth("district_depth")) {
            (0, 0) => say(lang, "全市", "City").to_owned(),
            (t, 0) => format!("{} {t}", say(lang, "类别", "Topics")),
            (0, d) => format!("{} {d}", say(lang, "区域", "Districts")),
            (t, d) => format!("{} {t} × {} {d}", say(lang, "类别", "Topics"), say(lang, "区域", "districts")),
        };
        let share = |key: &str| level[key].as_f64().map_or("-".to_owned(), |x| format!("{:.0} %", 100.0 * x));
        let mase = level["mase"].as_f64().map_or("-".to_owned(), |x| format!("{x:.2}"));
        row(
            out,
            [
                &name,
                &level["series"].to_string(),
                &mase,
                &share("skill"),
                &share("coverage_80"),
                &share("coverage_95"),
            ],
        );
    }
}

/// What was delivered and exported.
pub fn deliveries(lang: Lang, receiver: &Receiver, export: &Value) -> String {
    let got = receiver.got();
    let mut out = match lang {
        Lang::Zh => format!("\n回环接收端收到 {} 条签名正确的提示, 拒收 {} 条\n", got.ids.len(), got.refused),
        Lang::En => format!(
            "\nThe receiver on loopback took {} alerts with a good signature and refused {}\n",
            got.ids.len(),
            got.refused
        ),
    };
    if let Some(message) = got.first.as_ref().and_then(|event| event["data"]["text"].as_str()) {
        message.lines().for_each(|line| {
            let _ = writeln!(out, "  | {line}");
        });
    }
    let _ = write!(out, "{} {}", say(lang, "月度导出", "Monthly export"), text(&export["manifest"]));
    out
}

/// How long it took, and where to look.
pub fn outro(lang: Lang, took: Duration, listen: Option<SocketAddr>) -> String {
    let seconds = took.as_secs_f64();
    match (lang, listen) {
        (Lang::Zh, Some(at)) => format!(
            "用时 {seconds:.0} 秒。页面 http://{at}/ , 接口 http://{at}/api/openapi.json , 指标 http://{at}/metrics ; Ctrl-C 结束"
        ),
        (Lang::En, Some(at)) => format!(
            "Took {seconds:.0} s. Page http://{at}/ , API http://{at}/api/openapi.json , metrics http://{at}/metrics ; Ctrl-C ends it"
        ),
        (Lang::Zh, None) => format!("用时 {seconds:.0} 秒"),
        (Lang::En, None) => format!("Took {seconds:.0} s"),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn count(value: &Value) -> String {
    value.as_f64().map_or("-".to_owned(), grouped)
}

fn change(value: &Value) -> String {
    // Rounded first, so that a change of nothing is never shown as -0.
    value.as_f64().map_or("-".to_owned(), |x| format!("{:+.0} %", (100.0 * x).round() + 0.0))
}

/// 12345 as 12,345.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// One line of a table; columns are as wide as a terminal shows them, Chinese characters taking two cells.
fn row<const N: usize>(out: &mut String, cells: [&str; N]) {
    for (i, cell) in cells.iter().enumerate() {
        let (width, pad) = (if i == 0 { 30 } else { 14 }, UnicodeWidthStr::width(*cell));
        let blanks = " ".repeat(usize::saturating_sub(width, pad));
        let _ = if i == 0 { write!(out, "  {cell}{blanks}") } else { write!(out, "{blanks} {cell}") };
    }
    out.push('\n');
}
