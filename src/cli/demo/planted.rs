//! What was planted in the last weeks, beside the alert that found it.
use std::fmt::Write;

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use crate::{
    config::Lang,
    simulate::{Kind, Planted, Truth},
};

/// What was planted, the kind of alert that should find it, and its name in both languages.
type Row = (Kind, &'static str, &'static str, &'static str);

/// The kinds of events that live on the last day, in both languages, with the alert that should find each.
const KINDS: [Row; 8] = [
    (Kind::EmergingCluster, "spike", "单点突增", "rise in one cell"),
    (Kind::NeighbourCluster, "cluster", "邻区聚集", "cluster of neighbours"),
    (Kind::Widespread, "widespread", "多区同升", "rise in many districts"),
    (Kind::LevelShift, "level_shift", "水平抬升", "level has moved"),
    (Kind::RepeatCluster, "repeat_cluster", "重复集中", "repeats pile up"),
    (Kind::Drop, "drop", "异常下降", "unusually few"),
    (Kind::DataFault, "data", "数据缺失", "day without data"),
    (Kind::ComingRise, "season_onset", "季节将至", "season to come"),
];

/// A topic that makes up this share of an alert's excess is what the alert is about.
const IS: f64 = 0.5;

/// The table.
pub fn table(lang: Lang, truth: &Truth, alerts: &[Value]) -> String {
    let mut out = String::new();
    let planted: Vec<(&Planted, &Row)> = KINDS
        .iter()
        .filter_map(|kind| Some((truth.events.iter().rfind(|event| event.kind == kind.0)?, kind)))
        .collect();
    let of = |kind: &Row| alerts.iter().filter(|alert| alert["kind"] == kind.1).collect::<Vec<_>>();
    let found: Vec<Option<&Value>> = planted
        .iter()
        .map(|(event, kind)| {
            let alerts = of(kind);
            // A part is told with the whole that it was folded under, which names it.
            let own = alerts.iter().find(|alert| finds(alert, event));
            own.or_else(|| alerts.iter().find(|alert| driver(alert, event).is_some())).copied()
        })
        .collect();
    let n = found.iter().flatten().count();
    let _ = match lang {
        Lang::Zh => writeln!(out, "植入与发现: {} 项中发现 {n} 项", planted.len()),
        Lang::En => writeln!(out, "Planted and found: {n} of {}", planted.len()),
    };
    for ((event, (_, _, zh, en)), alert) in planted.iter().zip(found) {
        let name = match lang {
            Lang::Zh => zh,
            Lang::En => en,
        };
        let found = match (alert, lang) {
            (Some(alert), _) => said(lang, alert, event),
            (None, Lang::Zh) => "未发现".to_owned(),
            (None, Lang::En) => "not found".to_owned(),
        };
        let blanks = " ".repeat(24_usize.saturating_sub(UnicodeWidthStr::width(*name)));
        let _ = writeln!(out, "  {name}{blanks}{}\n{:26}-> {found}", place(lang, event), "");
    }
    out
}

/// Where and when an event was planted, and by how much.
fn place(lang: Lang, event: &Planted) -> String {
    let topic = match event.topic.last() {
        Some(topic) => topic.as_str(),
        None if lang == Lang::Zh => "全部诉求",
        None => "all topics",
    };
    let districts: Vec<&str> = event.district.iter().chain(&event.neighbours).map(String::as_str).collect();
    let districts = match (districts.is_empty(), lang) {
        (false, _) => districts.join(", "),
        (true, Lang::Zh) => "全市".to_owned(),
        (true, Lang::En) => "whole city".to_owned(),
    };
    format!("{topic}, {districts}, {} – {}, x {:.1}", event.from, event.to, event.factor)
}

/// The title of the alert that found an event, with its part in it where the alert is of the whole.
fn said(lang: Lang, alert: &Value, event: &Planted) -> String {
    let title = alert["title"].as_str().unwrap_or_default();
    match driver(alert, event).map(|share| (100.0 * share).round()) {
        None => title.to_owned(),
        Some(share) => match lang {
            Lang::Zh => format!("{title}；其中 {share}% 为{}", name_of(&event.topic)),
            Lang::En => format!("{title}; {share}% of it {}", name_of(&event.topic)),
        },
    }
}

fn name_of(topic: &[String]) -> &str {
    topic.last().map_or("", String::as_str)
}

fn path<'a>(alert: &'a Value, key: &str) -> Vec<&'a str> {
    alert[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The share that an event's topic has in an alert of what contains it, where most of the excess is the event's.
fn driver(alert: &Value, event: &Planted) -> Option<f64> {
    let topic = path(alert, "topic");
    let is_whole = topic.len() < event.topic.len() && topic.iter().zip(&event.topic).all(|(a, b)| a == b);
    let is_there = path(alert, "district") == event.district.iter().map(String::as_str).collect::<Vec<_>>();
    let own = event.topic.join(" / ");
    let share = alert["drivers"].as_array()?.iter().find(|driver| driver["topic"] == own.as_str())?["share"]
        .as_f64()?;
    (is_whole && is_there && share >= IS).then_some(share)
}

/// Whether an alert is of the topic and the place of an event.
fn finds(alert: &Value, event: &Planted) -> bool {
    let (topic, district) = (path(alert, "topic"), path(alert, "district"));
    let same_topic = match event.kind {
        // A season is announced for the top-level topic that it belongs to.
        Kind::ComingRise => topic.first() == event.topic.first().map(String::as_str).as_ref(),
        _ => topic == event.topic,
    };
    let same_place = match event.kind {
        Kind::NeighbourCluster => {
            let names = alert["details"]["cluster"]["names"].as_array().into_iter().flatten();
            let told: Vec<&str> = names.filter_map(|path| path.as_array()?.last()?.as_str()).collect();
            let planted = event.district.iter().chain(&event.neighbours);
            2 * planted.clone().filter(|name| told.contains(&name.as_str())).count() > planted.count()
        }
        _ => district == event.district.iter().map(String::as_str).collect::<Vec<_>>(),
    };
    same_topic && same_place
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_planted_stands_beside_what_found_it() {
        let event = |kind, topic: &[&str], district: Option<&str>, neighbours: &[&str]| Planted {
            kind,
            topic: topic.iter().map(|t| (*t).to_owned()).collect(),
            district: district.map(str::to_owned),
            neighbours: neighbours.iter().map(|d| (*d).to_owned()).collect(),
            from: "2025-11-01".parse().unwrap(),
            to: "2025-11-09".parse().unwrap(),
            factor: 2.5,
        };
        let mut truth: Truth = serde_json::from_value(json!({
            "seed": 1, "from": "2022-11-10", "to": "2025-11-09", "tickets": 9, "repeats": 1, "events": [],
            "renamed": { "old": "a", "new": "b", "on": "2024-01-01" }, "outage": "2025-01-01",
        }))
        .unwrap();
        truth.events = vec![
            event(
                Kind::NeighbourCluster,
                &["Traffic", "Signals"],
                Some("Lakeview"),
                &["Riverside", "North Park"],
            ),
            event(Kind::Drop, &[], Some("Bluestone"), &[]),
            event(Kind::LevelShift, &["Roads", "Damage"], Some("Riverside"), &[]),
        ];
        let cluster = json!({ "kind": "cluster", "topic": ["Traffic", "Signals"], "district": [], "title": "Signals up",
            "details": { "cluster": { "names": [["Riverside"], ["Lakeview"]] } } });
        let whole = |share: f64| {
            json!({ "kind": "level_shift", "topic": ["Roads"], "district": ["Riverside"], "title": "Roads up",
                "drivers": [{ "topic": "Roads / Lights", "share": 0.2 }, { "topic": "Roads / Damage", "share": share }] })
        };
        let text = table(Lang::En, &truth, &[cluster, whole(0.63)]);
        assert!(text.starts_with("Planted and found: 2 of 3"), "{text}");
        assert!(text.contains("-> Roads up; 63% of it Damage\n"), "{text}");
        assert!(table(Lang::Zh, &truth, &[whole(0.63)]).contains("-> Roads up；其中 63% 为Damage\n"));
        assert!(table(Lang::En, &truth, &[whole(0.4)]).starts_with("Planted and found: 0 of 3"));
        assert!(
            text.contains("Signals, Lakeview, Riverside, North Park, 2025-11-01 – 2025-11-09, x 2.5\n"),
            "{text}"
        );
        assert!(text.contains("-> Signals up\n") && text.contains("all topics, Bluestone"), "{text}");
        assert!(
            table(Lang::Zh, &truth, &[]).contains("3 项中发现 0 项") && text.contains("-> not found"),
            "{text}"
        );
    }
}
