//! What an alert says to people: one line, and a message of at most 12 lines, in Chinese and English.
//!
//! The words are those of a forecast, never of a prophecy: 预计, 区间, 提示. The templates in `templates/` are compiled in.
use std::sync::LazyLock;

use minijinja::{Environment, context};

use super::lifecycle::{Event, EventKind};
use crate::{
    config::Lang,
    store::{
        alarms::{Kind, Severity},
        alerts::AlertBody,
    },
    ticket::Basis,
};

/// Lines of a message at most: a duty officer reads it on a phone.
pub const MAX_LINES: usize = 12;
/// Drivers named in a message.
const DRIVERS: usize = 3;

pub(super) static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::new();
    for (name, text) in [
        ("zh", include_str!("templates/zh.txt")),
        ("en", include_str!("templates/en.txt")),
        ("digest_zh", include_str!("templates/digest_zh.txt")),
        ("digest_en", include_str!("templates/digest_en.txt")),
        ("group_zh", include_str!("templates/group_zh.txt")),
        ("group_en", include_str!("templates/group_en.txt")),
    ] {
        // Tests render all of them, so a template that cannot be read never ships.
        if let Err(error) = env.add_template(name, text) {
            tracing::error!(%error, name, "message template");
        }
    }
    env
});

/// 供暖-室温不达标 朝阳区
pub fn subject(lang: Lang, body: &AlertBody) -> String {
    let all = |path: &[String], zh: &str, en: &str| match (path, lang) {
        ([], Lang::Zh) => zh.to_owned(),
        ([], Lang::En) => en.to_owned(),
        (path, Lang::Zh) => path.join("-"),
        (path, Lang::En) => path.join(" / "),
    };
    let (topic, district) =
        (all(&body.topic, "全部诉求", "All topics"), all(&body.district, "全市", "whole city"));
    match lang {
        Lang::Zh => format!("{topic} {district}"),
        Lang::En => format!("{topic}, {district}"),
    }
}

/// One line: what, where, how many against what is expected.
pub fn title(lang: Lang, body: &AlertBody) -> String {
    let (subject, interval) = (subject(lang, body), interval(body));
    let (expected, observed) = (count(body.expected), body.observed.map(count));
    match (lang, observed) {
        (Lang::Zh, Some(n)) => format!("{subject}: {n} 件(预计 {expected}, 区间 {interval})"),
        (Lang::Zh, None) => format!("{subject}: 预计 {expected} 件(区间 {interval})"),
        (Lang::En, Some(n)) => {
            format!("{subject}: {n} tickets (expected {expected}, interval {interval})")
        }
        (Lang::En, None) => format!("{subject}: {expected} tickets expected (interval {interval})"),
    }
}

/// The message of an event.
pub fn text(lang: Lang, event: &Event) -> Result<String, minijinja::Error> {
    let body = &event.alert.body;
    let name = match lang {
        Lang::Zh => "zh",
        Lang::En => "en",
    };
    let rendered = TEMPLATES.get_template(name)?.render(context! {
        event => match event.kind {
            EventKind::Firing => "firing",
            EventKind::Updated => "updated",
            EventKind::Resolved => "resolved",
            EventKind::Escalated => "escalated",
            EventKind::Test => "test",
        },
        colour => colour(lang, body.severity),
        raised_from => event.before.map(|before| colour(lang, before)),
        subject => subject(lang, body),
        observed => body.observed.map(count),
        expected => count(body.expected),
        interval => interval(body),
        window => window(lang, body),
        onset => body.onset.to_string(),
        lead_days => body.lead_days,
        norm => body.compare.norm.filter(|_| body.kind == Kind::ForecastExceedance).map(count),
        changes => changes(lang, body),
        drivers => drivers(lang, body),
        score => format!("{:.1}", body.score),
        basis => basis(lang, body.basis),
    })?;
    Ok(rendered.trim().lines().take(MAX_LINES).collect::<Vec<_>>().join("\n"))
}

/// 橙, or its English name.
pub fn colour(lang: Lang, severity: Severity) -> &'static str {
    match (lang, severity) {
        (Lang::Zh, Severity::Low) => "蓝",
        (Lang::Zh, Severity::Medium) => "黄",
        (Lang::Zh, Severity::High) => "橙",
        (Lang::Zh, Severity::Critical) => "红",
        (Lang::En, _) => severity.name(),
    }
}

fn basis(lang: Lang, basis: Basis) -> &'static str {
    match (lang, basis) {
        (Lang::Zh, Basis::Raw) => "件次(每件工单均计)",
        (Lang::Zh, Basis::Dedup) => "事项(重复诉求合并)",
        (Lang::En, Basis::Raw) => "every ticket",
        (Lang::En, Basis::Dedup) => "repeats merged",
    }
}

fn count(n: f64) -> String {
    // Adding zero turns a negative zero into a plain one.
    format!("{:.0}", n.round() + 0.0)
}

fn interval(body: &AlertBody) -> String {
    format!("{}–{}", count(body.lower.unwrap_or(0.0)), count(body.upper))
}

fn window(lang: Lang, body: &AlertBody) -> String {
    let (from, to) = body.window;
    match (from == to, lang) {
        (true, _) => from.to_string(),
        (false, Lang::Zh) => format!("{from} 至 {to}"),
        (false, Lang::En) => format!("{from} to {to}"),
    }
}

/// 环比 +96%, 公历同比 +41%; nothing where there is nothing to compare with.
fn changes(lang: Lang, body: &AlertBody) -> Option<String> {
    let now = body.observed.unwrap_or(body.expected);
    let (week, year) = match lang {
        Lang::Zh => ("环比", "公历同比"),
        Lang::En => ("on the week before", "on last year"),
    };
    let parts: Vec<String> = [(week, body.compare.last_week), (year, body.compare.last_year)]
        .into_iter()
        .filter_map(|(name, before)| {
            let percent = (now / before.filter(|b| *b > 0.0)? - 1.0) * 100.0;
            Some(match lang {
                Lang::Zh => format!("{name} {percent:+.0}%"),
                Lang::En => format!("{percent:+.0}% {name}"),
            })
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// A 街道 44%, B 街道 12%: the part of the name that tells a driver from its alert.
fn drivers(lang: Lang, body: &AlertBody) -> Option<String> {
    let own = (body.topic.last(), body.district.last());
    let parts: Vec<String> = body
        .drivers
        .iter()
        .take(DRIVERS)
        .map(|d| {
            let same_topic = own.0.is_some_and(|t| *t == d.topic);
            let same_district = own.1.is_some_and(|t| *t == d.district);
            let name = match (same_topic || d.topic.is_empty(), same_district || d.district.is_empty()) {
                (true, _) => d.district.clone(),
                (false, true) => d.topic.clone(),
                (false, false) => format!("{} {}", d.district, d.topic),
            };
            format!("{name} {:.0}%", d.share * 100.0)
        })
        .collect();
    let separator = match lang {
        Lang::Zh => "、",
        Lang::En => ", ",
    };
    (!parts.is_empty()).then(|| parts.join(separator))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::lifecycle::tests::{alert, body};

    fn event(kind: EventKind, body: AlertBody, before: Option<Severity>) -> Event {
        let mut alert = alert("a", 100);
        alert.body = body;
        Event { kind, alert, before, day: crate::ticket::Day(100) }
    }

    #[test]
    fn messages_read_well_in_both_languages() {
        let spike = body(Kind::Spike, Severity::High);
        let ahead = body(Kind::ForecastExceedance, Severity::Medium);
        let mut all = Vec::new();
        for lang in [Lang::Zh, Lang::En] {
            for (kind, body, before) in [
                (EventKind::Firing, &spike, None),
                (EventKind::Updated, &spike, Some(Severity::Low)),
                (EventKind::Resolved, &spike, None),
                (EventKind::Escalated, &spike, None),
                (EventKind::Firing, &ahead, None),
            ] {
                let text = text(lang, &event(kind, body.clone(), before)).unwrap();
                assert!(text.lines().count() <= MAX_LINES, "{text}");
                assert!(text.lines().all(|l| !l.trim().is_empty()), "{text}");
                assert!(!text.contains("预言") && !text.contains("{"), "{text}");
                all.push(text);
            }
        }
        insta::assert_snapshot!(all.join("\n---\n"));
    }

    #[test]
    fn one_day_is_not_days() {
        let tomorrow = AlertBody { lead_days: 1, ..body(Kind::ForecastExceedance, Severity::Medium) };
        let text = text(Lang::En, &event(EventKind::Firing, tomorrow, None)).unwrap();
        assert!(text.contains("1 day ahead"), "{text}");
    }

    #[test]
    fn titles_name_count_and_interval() {
        let spike = body(Kind::Spike, Severity::High);
        assert_eq!(title(Lang::Zh, &spike), "供暖-室温不达标 朝阳区: 412 件(预计 180, 区间 131–246)");
        let mut city = body(Kind::ForecastExceedance, Severity::High);
        (city.topic, city.district) = (Vec::new(), Vec::new());
        assert_eq!(title(Lang::En, &city), "All topics, whole city: 180 tickets expected (interval 131–246)");
    }
}
