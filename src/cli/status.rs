//! `weisu status`: what is stored, what ran, what waits.
use std::fmt::Write;

use super::{Global, text};
use crate::{
    publish::event::rfc3339,
    store::{Tree, verdicts},
};

/// Runs it.
pub async fn run(global: &Global) -> anyhow::Result<()> {
    let cx = global.cx(global.load()?).await?;
    let runs = cx.store.recent_runs(20).await?;
    let alerts = cx.store.open_alerts().await?;
    let mark = crate::aggregate::watermark(&cx.store.source_days().await?);
    let outbox = cx.store.delivery_counts().await?;
    let precision = verdicts::precision(&cx.store.judged_alerts().await?);
    let disabled = cx.store.disabled_receivers().await?;
    let unrouted = cx.store.unrouted().await?;
    let map = match cx.config.city.geography() {
        Ok(Some(geography)) => geography.matched(&cx.store.tree(Tree::Districts).await?).left_over(),
        Ok(None) => Vec::new(),
        Err(mistakes) => mistakes.into_iter().map(|m| format!("{}; {}", m.problem, m.remedy)).collect(),
    };
    cx.store.close().await;
    let waiting: std::collections::BTreeMap<String, i64> =
        outbox.iter().map(|d| (format!("{}/{}", d.receiver, d.status), d.n)).collect();
    let nobody: Vec<serde_json::Value> = unrouted
        .iter()
        .map(|(id, since)| {
            let title = alerts.iter().find(|a| a.id.to_string() == *id).map(|a| a.body.title.as_str());
            serde_json::json!({ "alert": id, "since": rfc3339(*since), "title": title })
        })
        .collect();
    let value = serde_json::json!({
        "store": cx.store.at(), "dialect": cx.store.dialect(), "closed_until": mark.map(crate::ticket::Day::date),
        "open_alerts": alerts.len(), "outbox": waiting,
        "disabled_receivers": disabled, "unrouted": nobody, "runs": runs, "precision": precision, "map": map,
    });
    text::result(global.format, &value, || {
        let mut out = format!("store {} ({})\n", cx.store.at(), cx.store.dialect());
        let _ = writeln!(out, "closed until {}", mark.map_or("-".to_owned(), |d| d.to_string()));
        let _ = writeln!(out, "{} open alerts, outbox {waiting:?}", alerts.len());
        for rule in precision.iter().filter(|rule| rule.reviewed > 0) {
            let _ = writeln!(
                out,
                "rule {}/{}: {:.0} % of {} reviewed alerts useful (95 % interval {:.0}-{:.0} %)",
                rule.kind.name(),
                rule.method,
                100.0 * rule.precision.unwrap_or_default(),
                rule.reviewed,
                100.0 * rule.interval[0],
                100.0 * rule.interval[1],
            );
        }
        for receiver in &disabled {
            let since = rfc3339(receiver.since);
            let name = &receiver.name;
            let _ = writeln!(
                out,
                "receiver {name} gets nothing since {since}: {}; `weisu send-test {name} --replay` ends that",
                receiver.reason
            );
        }
        for alert in &nobody {
            let title = alert["title"].as_str().unwrap_or_default();
            let _ = writeln!(
                out,
                "nobody gets alert {}: {title}; give it a row of the routing table or a receiver",
                alert["alert"].as_str().unwrap_or_default()
            );
        }
        for line in &map {
            let _ = writeln!(out, "map: {line}");
        }
        for run in &runs {
            let ended = run
                .finished
                .map_or("under way".to_owned(), |f| format!("{:.1} s", (f - run.started) as f64 / 1000.0));
            let why = run.error.as_deref().map_or(String::new(), |e| format!("  {e}"));
            let _ = writeln!(
                out,
                "run {:>4} {:<9} {:<16} {:<7} {ended}{why}",
                run.id, run.stage, run.slot, run.status
            );
        }
        out
    })
}
