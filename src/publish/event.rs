//! The CloudEvents 1.0 envelope (structured JSON) around what a receiver is told.
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    lifecycle::{Event, EventKind},
    links::Links,
    message,
};
use crate::{
    config::{Config, Lang, Plans},
    store::{
        alarms::Severity,
        alerts::{AlertBody, State},
    },
    ticket::Millis,
};

/// Content type of a structured-mode CloudEvent.
pub const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// What every event of this installation has in common.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// CloudEvents `source`, a URI reference.
    pub source: &'a str,
    /// Language of the message.
    pub lang: Lang,
    /// Counts below this leave the unit only as part of a larger one.
    pub small_cell: u32,
    /// The contingency plans that events name.
    pub plans: Option<&'a Plans>,
    /// Makes the addresses by which plans are read and alerts are acknowledged.
    pub links: Option<&'a Links>,
}

impl<'a> Sender<'a> {
    /// As configured, without plans and links.
    pub fn of(config: &'a Config) -> Self {
        Self {
            source: &config.publish.event_source,
            lang: config.city.lang,
            small_cell: config.publish.small_cell,
            plans: None,
            links: None,
        }
    }

    /// The plan for what an event is about; what is over needs none.
    fn plan(&self, event: &Event) -> Option<Preparation> {
        let body = &event.alert.body;
        let plan = self.plans.filter(|_| !event.kind.is_over())?.of(&body.topic, &body.district)?;
        Some(Preparation {
            name: plan.name.clone(),
            title: plan.title.clone(),
            owner: plan.owner.clone(),
            co_owners: plan.co_owners.clone(),
            url: self.links.map(|links| links.plan(&plan.name)),
        })
    }
}

/// A CloudEvents 1.0 event, of one alert unless said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CloudEvent<D = Data> {
    /// `1.0`
    pub specversion: String,
    /// The same for every receiver, so that a hub behind two receivers sees one event.
    pub id: Uuid,
    /// Where it comes from.
    pub source: String,
    /// `org.weisu.alert.firing`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Id of the alert; of a message of several, its own.
    pub subject: String,
    /// RFC 3339.
    pub time: String,
    /// `application/json`
    pub datacontenttype: String,
    /// The alert.
    pub data: D,
}

/// The contingency plan for what an alert is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preparation {
    /// Its name in addresses.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// 主办
    pub owner: String,
    /// 协办
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub co_owners: Vec<String>,
    /// Where it is read; absent where the page's address is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// The alert as receivers get it: the body of the API with its identity, state and message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// Id of the alert.
    pub id: Uuid,
    /// What it is about.
    pub fingerprint: String,
    /// Where it is in its life.
    pub state: State,
    /// Severity before, when it rose.
    pub previous_severity: Option<Severity>,
    /// The message for people, 12 lines at most.
    pub text: String,
    /// The contingency plan (预案), where there is one for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Preparation>,
    /// How this receiver acknowledges it; absent where that is not set up, and when the alert is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack: Option<Ack>,
    /// What it says.
    #[serde(flatten)]
    pub body: AlertBody,
}

/// How a receiver acknowledges an alert: a signed address that changes nothing when it is opened and acknowledges when
/// it is posted to. It is a key for this one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The address.
    pub url: String,
    /// Until when it is good, RFC 3339.
    pub expires: String,
    /// Until when to acknowledge, before somebody else is told, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
}

impl CloudEvent {
    /// Wraps an event that happened at `now`.
    pub fn of(event: &Event, sender: Sender<'_>, now: Millis) -> Self {
        let mut event = event.clone();
        mask(&mut event.alert.body, f64::from(sender.small_cell));
        let plan = sender.plan(&event);
        let text = message::text(sender.lang, &event, plan.as_ref()).unwrap_or_else(|error| {
            tracing::error!(%error, "message template");
            event.alert.body.title.clone()
        });
        Self {
            specversion: "1.0".to_owned(),
            id: event.id(),
            source: sender.source.to_owned(),
            kind: event.kind.name().to_owned(),
            subject: event.alert.id.to_string(),
            time: rfc3339(now),
            datacontenttype: "application/json".to_owned(),
            data: Data {
                id: event.alert.id,
                fingerprint: event.alert.fingerprint,
                state: event.alert.state,
                previous_severity: event.before,
                text,
                plan,
                ack: None,
                body: event.alert.body,
            },
        }
    }

    /// Whether nothing more will be told of it.
    pub fn is_over(&self) -> bool {
        EventKind::ALL.iter().any(|kind| kind.is_over() && self.kind == kind.name())
    }

    /// Whether the operator sent it to try a receiver.
    pub fn is_test(&self) -> bool {
        self.kind == EventKind::Test.name()
    }
}

/// Takes out counts so small that they could point at a person.
fn mask(body: &mut AlertBody, small: f64) {
    let shown = |n: f64| n == 0.0 || n >= small;
    body.drivers.retain(|d| shown(d.observed));
    let compare = &mut body.compare;
    for n in [&mut compare.last_week, &mut compare.last_year, &mut compare.last_year_lunar] {
        *n = n.filter(|n| shown(*n));
    }
}

/// An instant in RFC 3339, UTC.
pub fn rfc3339(at: Millis) -> String {
    DateTime::<Utc>::from_timestamp_millis(at)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        publish::{
            lifecycle::tests::{alert, body},
            links::Key,
        },
        store::alarms::Kind,
        ticket::Day,
    };

    pub(crate) fn sender(source: &str, lang: Lang) -> Sender<'_> {
        Sender { source, lang, small_cell: 5, plans: None, links: None }
    }

    #[test]
    fn the_plan_is_named_with_who_leads_and_where_it_is_read() {
        let plan =
            "+++\ntopic = \"供暖\"\nowner = \"区城管委\"\nco_owners = [\"供热集团\"]\n+++\n# 供热季预案\n";
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("heating.md"), plan).unwrap();
        let (plans, found) = Plans::read(folder.path());
        assert!(found.is_empty(), "{found:?}");
        let links = Links::new(Key::of_process().unwrap(), "https://city.example", 24);
        let mut alert = alert("a", 20_000);
        alert.body = body(Kind::Spike, Severity::High);
        alert.body.topic = vec!["供暖".into(), "室温不达标".into()];
        let text = |lang, kind, topic: &[&str], links| {
            let mut event = Event { kind, alert: alert.clone(), before: None, day: Day(20_000) };
            event.alert.body.topic = topic.iter().map(|t| (*t).to_owned()).collect();
            let sender = Sender { plans: Some(&plans), links, ..sender("/weisu", lang) };
            CloudEvent::of(&event, sender, 0).data.text
        };
        let heating = ["供暖", "室温不达标"];
        for (lang, links, line) in [
            (Lang::Zh, None, "预案: 供热季预案(主办 区城管委, 协办 供热集团)"),
            (Lang::En, None, "Plan: 供热季预案 (led by 区城管委, with 供热集团)"),
            (
                Lang::Zh,
                Some(&links),
                "预案: 供热季预案(主办 区城管委, 协办 供热集团): https://city.example/plan?name=heating",
            ),
        ] {
            let text = text(lang, EventKind::Firing, &heating, links);
            assert!(text.lines().any(|l| l == line), "{text}");
        }
        let over = text(Lang::Zh, EventKind::Resolved, &heating, None);
        let other = text(Lang::Zh, EventKind::Firing, &["噪音"], None);
        assert!(!over.contains("预案") && !other.contains("预案"), "{over}\n{other}");
    }

    #[test]
    fn an_event_is_a_cloud_event_and_reads_back() {
        let mut alert = alert("a", 20_000);
        alert.body = body(Kind::Spike, Severity::High);
        alert.body.drivers[1].observed = 4.0;
        alert.body.compare.last_year = Some(3.0);
        let event = Event { kind: EventKind::Firing, alert, before: None, day: Day(20_000) };
        let sender = sender("/weisu/demo", Lang::Zh);
        let wrapped = CloudEvent::of(&event, sender, 1_728_000_000_000);
        insta::assert_json_snapshot!(wrapped);
        let text = serde_json::to_string(&wrapped).unwrap();
        assert_eq!(serde_json::from_str::<CloudEvent>(&text).unwrap(), wrapped);
    }
}
