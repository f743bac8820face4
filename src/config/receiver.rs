//! `[[receiver]]`: who gets alerts, by which channel, and how much of them at once.
use std::path::PathBuf;

use garde::Validate;
use serde::{Deserialize, Serialize};

use super::{LocalTime, Problem, Quiet};
use crate::store::alarms::Severity;

/// How a receiver wants its alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiverKind {
    /// Standard Webhooks around a CloudEvent, or what `body` says.
    #[default]
    Webhook,
    /// `POST /api/v2/alerts` of a Prometheus Alertmanager.
    Alertmanager,
    /// 企业微信: a bot of a group.
    Wecom,
    /// 钉钉: a bot of a group.
    Dingtalk,
    /// 飞书: a bot of a group.
    Feishu,
    /// Slack: an incoming webhook.
    Slack,
    /// Mail.
    Smtp,
}

impl ReceiverKind {
    /// Name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Alertmanager => "alertmanager",
            Self::Wecom => "wecom",
            Self::Dingtalk => "dingtalk",
            Self::Feishu => "feishu",
            Self::Slack => "slack",
            Self::Smtp => "smtp",
        }
    }

    /// A bot, whose address is a key.
    pub fn is_bot(self) -> bool {
        matches!(self, Self::Wecom | Self::Dingtalk | Self::Feishu | Self::Slack)
    }

    /// Read by people: alerts that come together are one message.
    pub fn is_for_people(self) -> bool {
        self.is_bot() || self == Self::Smtp
    }
}

/// What a webhook's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookBody {
    /// A CloudEvent.
    #[default]
    Cloudevents,
    /// What an Alertmanager posts to its webhooks, version 4.
    AlertmanagerV4,
}

/// How a mail server is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// Plain at first, encrypted before anything is said; usually port 587.
    #[default]
    Starttls,
    /// Encrypted from the first byte; usually port 465.
    Tls,
    /// Never: only for a server on the same machine.
    None,
}

/// Someone who gets alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(default)]
pub struct Receiver {
    /// Its own name.
    #[garde(length(chars, min = 1, max = 60))]
    pub name: String,
    /// How it wants them.
    #[garde(skip)]
    pub kind: ReceiverKind,
    /// Where to post; `smtp://host:port` for mail.
    #[garde(skip)]
    #[serde(serialize_with = "without_secrets")]
    pub url: String,
    /// File that holds the address instead, for addresses that are keys. Looked up like `secret_file`.
    #[garde(skip)]
    pub url_file: Option<PathBuf>,
    /// File with the `whsec_…` signing secret, one a line while rotating; with the signing secret of a DingTalk or Feishu
    /// bot; or with user and password of the mail server, one a line. A name without a folder is looked up in systemd's
    /// credentials folder.
    #[garde(skip)]
    pub secret_file: Option<PathBuf>,
    /// What a webhook's body is.
    #[garde(skip)]
    pub body: WebhookBody,
    /// How the mail server is talked to.
    #[garde(skip)]
    pub tls: Encryption,
    /// Sender of mail.
    #[garde(skip)]
    pub from: String,
    /// Whom mail goes to.
    #[garde(skip)]
    pub to: Vec<String>,
    /// District names it is for; empty = all.
    #[garde(skip)]
    pub districts: Vec<String>,
    /// Top-level topic names it is for; empty = all.
    #[garde(skip)]
    pub topics: Vec<String>,
    /// Severity from which an alert goes at once, the rest waits for the digest. Unset: `high` for people, everything
    /// for a webhook or an Alertmanager.
    #[garde(skip)]
    pub immediate: Option<Severity>,
    /// Local time of the daily digest.
    #[garde(skip)]
    pub digest_at: LocalTime,
    /// Local hours in which nothing is sent at once.
    #[garde(skip)]
    pub quiet: Option<Quiet>,
    /// Critical alerts break the quiet hours.
    #[garde(skip)]
    pub quiet_critical: bool,
    /// Alerts that go at once on a local day; more of them wait for the digest.
    #[garde(inner(range(min = 1, max = 1000)))]
    pub daily_budget: Option<u32>,
}

impl Default for Receiver {
    fn default() -> Self {
        Self {
            name: String::new(),
            kind: ReceiverKind::default(),
            url: String::new(),
            url_file: None,
            secret_file: None,
            body: WebhookBody::default(),
            tls: Encryption::default(),
            from: String::new(),
            to: Vec::new(),
            districts: Vec::new(),
            topics: Vec::new(),
            immediate: None,
            digest_at: LocalTime::of(8, 7),
            quiet: None,
            quiet_critical: false,
            daily_budget: None,
        }
    }
}

impl Receiver {
    /// Severity from which an alert goes at once.
    pub fn at_once_from(&self) -> Severity {
        let usual = if self.kind.is_for_people() { Severity::High } else { Severity::Low };
        self.immediate.unwrap_or(usual)
    }

    /// What cannot be said of one key alone; `i` is its place in the list.
    pub(super) fn semantic(&self, i: usize, found: &mut Vec<Problem>) {
        let mut say = |key: &str, problem: &str, remedy: &str| {
            found.push(Problem::at(format!("receiver[{i}].{key}"), problem, remedy));
        };
        self.address(&mut say);
        if self.kind == ReceiverKind::Smtp {
            self.mail(&mut say);
        }
        let only = |used: bool, kinds: &[ReceiverKind]| used && !kinds.contains(&self.kind);
        if only(self.body != WebhookBody::default(), &[ReceiverKind::Webhook]) {
            say("body", "only a webhook has a choice of bodies", "remove it, or write kind = \"webhook\"");
        }
        if only(
            self.secret_file.is_some(),
            &[ReceiverKind::Webhook, ReceiverKind::Dingtalk, ReceiverKind::Feishu, ReceiverKind::Smtp],
        ) {
            say("secret_file", "this kind of receiver signs nothing", "remove it");
        }
        if self.kind == ReceiverKind::Alertmanager
            && (self.immediate.is_some_and(|s| s != Severity::Low) || self.daily_budget.is_some())
        {
            let key = if self.immediate.is_some() { "immediate" } else { "daily_budget" };
            say(
                key,
                "an Alertmanager takes alerts one by one and never a digest",
                "remove it; group and mute there",
            );
        }
        if self.quiet.is_some_and(|quiet| quiet.holds(self.digest_at)) {
            say(
                "digest_at",
                "the digest would come in the quiet hours",
                "set digest_at to a time after they end",
            );
        }
    }

    fn address(&self, say: &mut impl FnMut(&str, &str, &str)) {
        let schemes: &[&str] = match self.kind {
            ReceiverKind::Smtp => &["smtp", "smtps"],
            _ => &["http", "https"],
        };
        match &self.url_file {
            Some(_) if !self.url.is_empty() => {
                say("url_file", "url says the address already", "remove one of the two");
            }
            Some(_) => {}
            None if self.kind.is_bot() => say(
                if self.url.is_empty() { "url_file" } else { "url" },
                "the address of a bot is a key and does not belong here",
                "write it into a file of its own (mode 0600), and its path into url_file",
            ),
            None if !is_url(&self.url, schemes) && self.kind == ReceiverKind::Smtp => {
                say(
                    "url",
                    "not the address of a mail server",
                    "write it such as \"smtp://mail.example:587\"; user and password go into secret_file",
                );
            }
            None if !is_url(&self.url, schemes) => say(
                "url",
                "not an http(s) URL",
                "write the receiver's full address, such as \"https://office.example/hook\"",
            ),
            None => {}
        }
    }

    fn mail(&self, say: &mut impl FnMut(&str, &str, &str)) {
        if let Err(why) = mailbox(&self.from) {
            say("from", &why, "write an address such as \"weisu <weisu@city.example>\"");
        }
        if self.to.is_empty() {
            say("to", "nobody to write to", "write one address or more, such as [\"duty@office.example\"]");
        }
        for why in self.to.iter().filter_map(|to| mailbox(to).err()) {
            say("to", &why, "write addresses such as \"duty@office.example\"");
        }
    }
}

fn mailbox(text: &str) -> Result<(), String> {
    match text.parse::<lettre::message::Mailbox>() {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("{text:?} is not a mail address")),
    }
}

fn without_secrets<S: serde::Serializer>(url: &str, s: S) -> Result<S::Ok, S::Error> {
    if url.is_empty() { s.serialize_str("") } else { s.serialize_str(&super::without_secrets(url)) }
}

fn is_url(url: &str, schemes: &[&str]) -> bool {
    reqwest::Url::parse(url).is_ok_and(|parsed| schemes.contains(&parsed.scheme()) && parsed.has_host())
}
