//! Messages of several alerts: those of one run for one office, and the daily digest.
use std::collections::BTreeMap;

use chrono::NaiveDate;
use minijinja::context;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    event::{CloudEvent, Sender, rfc3339},
    lifecycle::EventKind,
    message::{self, TEMPLATES},
};
use crate::{
    config::Lang,
    store::{
        alarms::Severity,
        outbox::How,
        restraint::{Member, NewMessage},
    },
    ticket::Millis,
};

/// CloudEvents type of the alerts of one run.
pub const GROUP: &str = "org.weisu.alert.group";
/// CloudEvents type of the daily digest.
pub const DIGEST: &str = "org.weisu.digest";

/// Alerts that are told in full in one message; the rest has a line each.
const SECTIONS: usize = 8;
/// Lines of alerts at most.
const LINES: usize = 20;
/// Alerts that go along as data at most, and their bytes.
const ALERTS: usize = 100;
const BYTES: usize = 200 * 1024;

/// Several alerts for one receiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    /// The message for people.
    pub text: String,
    /// Its first line.
    pub title: String,
    /// The highest of the severities.
    pub severity: Severity,
    /// Alerts by severity.
    pub counts: BTreeMap<String, usize>,
    /// Alerts that are here because the receiver had its share of the day.
    pub over_budget: usize,
    /// Alerts that are counted and not in `alerts`, because they are too many.
    pub left_out: usize,
    /// Where all of them can be seen and acknowledged; absent where that is not set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// The newest event of each alert, the most severe first.
    pub alerts: Vec<CloudEvent>,
}

/// What people are told of the members of a receiver, as one message; nothing when no member can be read.
pub fn message(
    receiver: &str,
    members: &[Member],
    is_digest: bool,
    day: NaiveDate,
    sender: Sender<'_>,
    page: Option<String>,
    now: Millis,
) -> Option<NewMessage> {
    let (event, how) = if is_digest { (DIGEST, How::Digest) } else { (GROUP, How::Immediate) };
    let id = id(event, receiver, members);
    let bundle = bundle(members, is_digest, day, sender.lang, page)?;
    let wrapped = CloudEvent {
        specversion: "1.0".to_owned(),
        id,
        source: sender.source.to_owned(),
        kind: event.to_owned(),
        subject: id.to_string(),
        time: rfc3339(now),
        datacontenttype: "application/json".to_owned(),
        data: bundle,
    };
    Some(NewMessage {
        id,
        receiver: receiver.to_owned(),
        event: event.to_owned(),
        body: within_bytes(wrapped),
        how,
        members: members.iter().map(|m| m.id.clone()).collect(),
    })
}

/// The same members for the same receiver are the same message, however often it is made.
fn id(event: &str, receiver: &str, members: &[Member]) -> Uuid {
    let mut ids: Vec<&str> = members.iter().map(|m| m.id.as_str()).collect();
    ids.sort_unstable();
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{event}\n{receiver}\n{}", ids.join("\n")).as_bytes())
}

fn within_bytes(mut wrapped: CloudEvent<Bundle>) -> String {
    loop {
        let body = serde_json::to_string(&wrapped).unwrap_or_default();
        let n = wrapped.data.alerts.len();
        if body.len() <= BYTES || n <= 1 {
            return body;
        }
        wrapped.data.left_out += n - n / 2;
        wrapped.data.alerts.truncate(n / 2);
    }
}

fn bundle(
    members: &[Member],
    is_digest: bool,
    day: NaiveDate,
    lang: Lang,
    page: Option<String>,
) -> Option<Bundle> {
    let mut alerts = newest(members);
    alerts.sort_by_key(|e| {
        (e.is_over(), std::cmp::Reverse(e.data.body.severity), e.time.clone(), e.subject.clone())
    });
    let severity = alerts.iter().map(|e| e.data.body.severity).max()?;
    let mut counts = BTreeMap::new();
    for event in &alerts {
        *counts.entry(event.data.body.severity.name().to_owned()).or_insert(0) += 1;
    }
    let over_budget = if is_digest { members.iter().filter(|m| m.how() == How::Budget).count() } else { 0 };
    let mut text = text(&alerts, severity, is_digest, day, over_budget, lang);
    if let Some(page) = &page {
        let label = if lang == Lang::Zh { "详情与签收" } else { "Details and acknowledgement" };
        text = format!("{text}\n{label}: {page}");
    }
    let left_out = alerts.len().saturating_sub(ALERTS);
    alerts.truncate(ALERTS);
    let title = text.lines().next().unwrap_or_default().to_owned();
    Some(Bundle { title, text, severity, counts, over_budget, left_out, page, alerts })
}

/// The newest event of each alert; people need not read what has changed since.
fn newest(members: &[Member]) -> Vec<CloudEvent> {
    let mut by_alert: BTreeMap<&str, CloudEvent> = BTreeMap::new();
    for member in members {
        match serde_json::from_str::<CloudEvent>(&member.body) {
            Ok(event) => {
                by_alert.insert(&member.alert, event);
            }
            Err(error) => tracing::error!(id = member.id, %error, "a stored event cannot be read"),
        }
    }
    by_alert.into_values().collect()
}

fn text(
    alerts: &[CloudEvent],
    severity: Severity,
    is_digest: bool,
    day: NaiveDate,
    over: usize,
    lang: Lang,
) -> String {
    let full = if is_digest { 0 } else { SECTIONS.min(alerts.len()) };
    let (sections, rest) = alerts.split_at(full);
    let name = match (is_digest, lang) {
        (true, Lang::Zh) => "digest_zh",
        (true, Lang::En) => "digest_en",
        (false, Lang::Zh) => "group_zh",
        (false, Lang::En) => "group_en",
    };
    let rendered = TEMPLATES.get_template(name).and_then(|template| {
        template.render(context! {
            day => day.to_string(),
            total => alerts.len(),
            colour => message::colour(lang, severity),
            counts => counts(alerts, lang),
            over => over,
            sections => sections.iter().map(|e| e.data.text.trim().to_owned()).collect::<Vec<_>>(),
            lines => rest.iter().take(LINES).map(|e| line(e, lang)).collect::<Vec<_>>(),
            more => rest.len().saturating_sub(LINES),
        })
    });
    rendered.map_or_else(
        |error| {
            tracing::error!(%error, name, "message template");
            alerts.iter().map(|e| line(e, lang)).collect::<Vec<_>>().join("\n")
        },
        |text| text.trim().to_owned(),
    )
}

/// 红 1、橙 2
fn counts(alerts: &[CloudEvent], lang: Lang) -> String {
    let parts: Vec<String> = Severity::ALL
        .into_iter()
        .rev()
        .filter_map(|severity| {
            let n = alerts.iter().filter(|e| e.data.body.severity == severity).count();
            (n > 0).then(|| format!("{} {n}", message::colour(lang, severity)))
        })
        .collect();
    parts.join(if lang == Lang::Zh { "、" } else { ", " })
}

/// 【橙】供暖-室温不达标 朝阳区: 412 件(预计 180, 区间 131–246)
fn line(event: &CloudEvent, lang: Lang) -> String {
    let colour = message::colour(lang, event.data.body.severity);
    let is = |kind: EventKind| event.kind == kind.name();
    let mark = match lang {
        Lang::Zh if is(EventKind::Superseded) => format!("【{colour}·并入】"),
        Lang::Zh if is(EventKind::Expired) => format!("【{colour}·到期】"),
        Lang::Zh if is(EventKind::Closed) => format!("【{colour}·办结】"),
        Lang::Zh if event.is_over() => format!("【{colour}·解除】"),
        Lang::Zh if is(EventKind::Updated) => format!("【{colour}·升级】"),
        Lang::Zh => format!("【{colour}】"),
        Lang::En if is(EventKind::Superseded) => format!("[{colour}, taken up] "),
        Lang::En if is(EventKind::Expired) => format!("[{colour}, expired] "),
        Lang::En if is(EventKind::Closed) => format!("[{colour}, dealt with] "),
        Lang::En if event.is_over() => format!("[{colour}, cleared] "),
        Lang::En if is(EventKind::Updated) => format!("[{colour}, raised] "),
        Lang::En => format!("[{colour}] "),
    };
    format!("{mark}{}", event.data.body.title)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        publish::{
            event::tests::sender,
            lifecycle::{
                Event,
                tests::{alert, body},
            },
        },
        store::alarms::Kind,
        ticket::Day,
    };

    pub(crate) fn member(n: usize, kind: EventKind, severity: Severity, lang: Lang, how: How) -> Member {
        let mut alert = alert(&format!("f{n}"), 100);
        alert.body = body(Kind::Spike, severity);
        alert.body.title = message::title(lang, &alert.body);
        let event = Event { kind, alert, before: None, day: Day(100) };
        let sender = sender("/weisu", lang);
        Member {
            id: event.delivery_id("duty").to_string(),
            alert: event.alert.id.to_string(),
            event: kind.name().to_owned(),
            body: serde_json::to_string(&CloudEvent::of(&event, sender, 0)).unwrap(),
            how: how.name().to_owned(),
            created: n as Millis,
            not_before: 0,
        }
    }

    fn made(members: &[Member], is_digest: bool, lang: Lang) -> CloudEvent<Bundle> {
        let sender = sender("/weisu", lang);
        let day = "2024-11-16".parse().unwrap();
        let message = message("duty", members, is_digest, day, sender, None, 0).unwrap();
        assert_eq!(message.members.len(), members.len());
        serde_json::from_str(&message.body).unwrap()
    }

    #[test]
    fn digests_and_groups_read_well_in_both_languages() {
        let mut all = Vec::new();
        for lang in [Lang::Zh, Lang::En] {
            let few = [
                member(1, EventKind::Firing, Severity::Medium, lang, How::Digest),
                member(2, EventKind::Firing, Severity::High, lang, How::Budget),
                member(1, EventKind::Resolved, Severity::Medium, lang, How::Digest),
                member(3, EventKind::Updated, Severity::Medium, lang, How::Digest),
            ];
            all.push(made(&few, true, lang).data.text);
            all.push(made(&few[1..2], true, lang).data.text);
            all.push(made(&few[1..3], false, lang).data.text);
        }
        assert!(all.iter().all(|t| !t.contains("预言") && !t.contains('{')), "{all:?}");
        insta::assert_snapshot!(all.join("\n---\n"));
    }

    #[test]
    fn many_alerts_are_counted_and_the_most_severe_shown() {
        let members: Vec<Member> = (0..130)
            .map(|n| {
                let severity = if n == 77 { Severity::Critical } else { Severity::High };
                member(n, EventKind::Firing, severity, Lang::Zh, How::Digest)
            })
            .collect();
        let digest = made(&members, true, Lang::Zh).data;
        assert_eq!(digest.text.lines().count(), 22);
        assert!(digest.text.lines().nth(1).unwrap().starts_with("【红】"), "{}", digest.text);
        assert!(digest.text.ends_with("…另有 110 条"), "{}", digest.text);
        assert_eq!(digest.counts["high"], 129);
        assert_eq!(digest.alerts.len() + digest.left_out, 130);
        let group = made(&members, false, Lang::Zh).data;
        assert_eq!(group.text.matches("研判").count(), SECTIONS);
        assert!(group.text.ends_with("…另有 102 条"));
        assert!(serde_json::to_string(&group).unwrap().len() <= BYTES);
    }

    #[test]
    fn a_digest_leads_to_the_page_of_all_alerts() {
        let sender = sender("/weisu", Lang::Zh);
        let members = [member(1, EventKind::Firing, Severity::Low, Lang::Zh, How::Digest)];
        let page = Some("https://city.example/weisu/alerts".to_owned());
        let message =
            message("duty", &members, true, "2024-11-16".parse().unwrap(), sender, page.clone(), 0).unwrap();
        let bundle: CloudEvent<Bundle> = serde_json::from_str(&message.body).unwrap();
        assert!(bundle.data.text.ends_with("\n详情与签收: https://city.example/weisu/alerts"));
        assert_eq!(bundle.data.page, page);
    }

    #[test]
    fn the_same_members_are_the_same_message() {
        let member = |n| member(n, EventKind::Firing, Severity::Low, Lang::En, How::Digest);
        let of = |members: &[Member]| made(members, true, Lang::En).id;
        assert_eq!(of(&[member(1), member(2)]), of(&[member(2), member(1)]));
        assert_ne!(of(&[member(1)]), of(&[member(1), member(2)]));
    }
}
