//! The channels: how a delivery is put into a vendor's request, and what the vendor's answer means.
//!
//! One file a channel. A bot answers HTTP 200 to nearly everything, so the body decides. Bots take only so many messages
//! a minute and so many bytes a message: [`pace`] makes deliveries wait that are no failed attempts then, and [`text`]
//! splits a long message into numbered parts; which of them were taken is kept with the delivery.
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use uuid::Uuid;

use super::{
    bundle::{self, Bundle},
    event::CloudEvent,
    message,
    retry::Answer,
    secrets::Secrets,
};
use crate::{
    config::{Lang, Receiver, ReceiverKind},
    store::alarms::Severity,
    ticket::Millis,
};

pub mod alertmanager;
mod dingtalk;
mod feishu;
pub mod pace;
mod said;
mod slack;
mod smtp;
mod text;
mod v4;
mod webhook;
mod wecom;

use pace::Pace;
use said::Said;

/// An event larger than this is not sent.
const LARGEST_EVENT: usize = 256 * 1024;
/// After this no further part of a long message is begun; its claim lasts so much longer than one part may take.
const PARTS_TIME: Duration = Duration::from_secs(20);

/// What is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// The webhook-id, the same over all attempts.
    pub id: &'a str,
    /// The CloudEvent, JSON.
    pub body: &'a str,
    /// Parts that were taken by earlier attempts.
    pub parts: usize,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What the receiver said last.
    pub answer: Answer,
    /// Parts that it has now.
    pub parts: usize,
}

impl From<Answer> for Attempt {
    fn from(answer: Answer) -> Self {
        Self { answer, parts: 0 }
    }
}

/// A stored event, read back.
#[derive(Debug, Clone, PartialEq)]
pub enum Parcel {
    /// One alert.
    Alert(Box<CloudEvent>),
    /// Several.
    Bundle(Box<CloudEvent<Bundle>>),
}

impl Parcel {
    /// Reads a stored event.
    pub fn read(body: &str) -> Result<Self, String> {
        #[derive(serde::Deserialize)]
        struct Type {
            #[serde(rename = "type")]
            kind: String,
        }
        let read = |error: serde_json::Error| format!("the stored event is unreadable: {error}");
        let kind = serde_json::from_str::<Type>(body).map_err(read)?.kind;
        if kind == bundle::GROUP || kind == bundle::DIGEST {
            serde_json::from_str(body).map(Self::Bundle).map_err(read)
        } else {
            serde_json::from_str(body).map(Self::Alert).map_err(read)
        }
    }

    /// The events of its alerts.
    fn alerts(&self) -> &[CloudEvent] {
        match self {
            Self::Alert(event) => std::slice::from_ref(event),
            Self::Bundle(event) => &event.data.alerts,
        }
    }

    /// Alerts that it counts and does not hold.
    fn left_out(&self) -> usize {
        match self {
            Self::Alert(_) => 0,
            Self::Bundle(event) => event.data.left_out,
        }
    }

    /// What people read of it.
    fn note(&self, lang: Lang) -> Note {
        match self {
            Self::Alert(event) => Note {
                subject: message::subject(lang, &event.data.body),
                text: event.data.text.clone(),
                severity: event.data.body.severity,
                is_over: event.is_over(),
                threads: vec![event.data.id],
                begins: event.kind == super::lifecycle::EventKind::Firing.name(),
                links: links(std::slice::from_ref(event)).collect(),
            },
            Self::Bundle(event) => Note {
                subject: event.data.title.clone(),
                text: event.data.text.clone(),
                severity: event.data.severity,
                is_over: false,
                threads: event.data.alerts.iter().map(|e| e.data.id).collect(),
                begins: true,
                links: links(&event.data.alerts).chain(event.data.page.clone()).collect(),
            },
        }
    }
}

/// What people read.
#[derive(Debug, Clone, PartialEq)]
struct Note {
    /// One line that stays the same over the life of an alert.
    subject: String,
    /// The message; its first line and each after an empty one is a heading.
    text: String,
    /// How much it matters.
    severity: Severity,
    /// Whether the trouble is over.
    is_over: bool,
    /// Ids of the alerts it is about.
    threads: Vec<Uuid>,
    /// Whether it is the first that is said of them.
    begins: bool,
    /// Addresses of our own in the text; nothing else in it is a link.
    links: Vec<String>,
}

/// Addresses by which alerts are acknowledged and their plans are read.
fn links(alerts: &[CloudEvent]) -> impl Iterator<Item = String> {
    let of = |event: &CloudEvent| {
        let plan = event.data.plan.as_ref().and_then(|plan| plan.url.clone());
        event.data.ack.as_ref().map(|ack| ack.url.clone()).into_iter().chain(plan)
    };
    alerts.iter().flat_map(of)
}

/// What sends: clients, limits, and how fast bots may be asked.
#[derive(Debug, Clone)]
pub struct Courier {
    /// The HTTP client.
    pub client: Client,
    /// Time one request may take.
    pub timeout: Duration,
    /// Language of subjects.
    pub lang: Lang,
    /// How fast.
    pub pace: Pace,
}

impl Courier {
    /// Makes one attempt at an item, as of `now`.
    pub async fn attempt(
        &self,
        receiver: &Receiver,
        secrets: &Secrets,
        item: Item<'_>,
        now: Millis,
    ) -> Attempt {
        if item.body.len() > LARGEST_EVENT {
            let error = format!("the event has {} bytes, more than {LARGEST_EVENT}", item.body.len());
            return Answer::Unsendable { error }.into();
        }
        let parcel = match Parcel::read(item.body) {
            Ok(parcel) => parcel,
            Err(error) => return Answer::Unsendable { error }.into(),
        };
        match receiver.kind {
            ReceiverKind::Webhook => {
                let request = webhook::request(&self.client, receiver, secrets, item, &parcel, now);
                self.by_status(request, secrets, now).await.into()
            }
            ReceiverKind::Alertmanager => {
                let alerts: Vec<_> = parcel.alerts().iter().flat_map(alertmanager::alerts).collect();
                let request = self.client.post(alertmanager::endpoint(secrets.address())).json(&alerts);
                self.by_status(Ok(request), secrets, now).await.into()
            }
            ReceiverKind::Smtp => {
                smtp::send(receiver, secrets, item.id, &parcel.note(self.lang), self.timeout, now)
                    .await
                    .into()
            }
            ReceiverKind::Wecom => self.bot(&wecom::Wecom, receiver, secrets, item, &parcel, now).await,
            ReceiverKind::Dingtalk => {
                self.bot(&dingtalk::Dingtalk, receiver, secrets, item, &parcel, now).await
            }
            ReceiverKind::Feishu => self.bot(&feishu::Feishu, receiver, secrets, item, &parcel, now).await,
            ReceiverKind::Slack => self.bot(&slack::Slack, receiver, secrets, item, &parcel, now).await,
        }
    }

    /// Sends a request whose answer is judged by its status.
    async fn by_status(
        &self,
        request: Result<RequestBuilder, String>,
        secrets: &Secrets,
        now: Millis,
    ) -> Answer {
        let request = match request {
            Ok(request) => request,
            Err(error) => return Answer::Unsendable { error },
        };
        match self.send(request, secrets, now).await {
            Ok(said) => said.by_status(),
            Err(answer) => answer,
        }
    }

    /// Sends the parts of a message that a bot has not taken yet.
    async fn bot<B: Bot>(
        &self,
        bot: &B,
        receiver: &Receiver,
        secrets: &Secrets,
        item: Item<'_>,
        parcel: &Parcel,
        now: Millis,
    ) -> Attempt {
        let note = parcel.note(self.lang);
        let parts = text::split(&bot.lines(&note), bot.limit(), B::cost);
        let begun = Instant::now();
        let mut taken = item.parts.min(parts.len().saturating_sub(1));
        loop {
            let Some(part) = parts.get(taken) else {
                return Attempt { answer: Answer::Taken { status: Some(200) }, parts: taken };
            };
            if let Err(wait) = self.pace.take(receiver.kind, secrets.address(), now) {
                return Attempt { answer: Answer::Paced { wait }, parts: taken };
            }
            let request = bot.request(&self.client, secrets, &note, part, now);
            let answer = match self.send(request, secrets, now).await {
                Ok(said) => bot.judge(&said),
                Err(answer) => answer,
            };
            if !answer.is_success() {
                return Attempt { answer, parts: taken };
            }
            taken += 1;
            if taken < parts.len() && begun.elapsed() > PARTS_TIME {
                return Attempt { answer: Answer::Paced { wait: Duration::from_secs(1) }, parts: taken };
            }
        }
    }

    async fn send(&self, request: RequestBuilder, secrets: &Secrets, now: Millis) -> Result<Said, Answer> {
        match request.timeout(self.timeout).send().await {
            Ok(response) => Ok(Said::read(response, secrets, now).await),
            // The error's own text names the URL, and with it what the query holds.
            Err(error) => Err(Answer::None { error: secrets.hide(&chain(&error.without_url())) }),
        }
    }
}

/// A bot of a group: Markdown in, a word of its own out.
trait Bot {
    /// Bytes (by [`Bot::cost`]) that a message may have.
    fn limit(&self) -> usize;
    /// What a character takes of the limit.
    fn cost(c: char) -> usize;
    /// The note in the vendor's Markdown, line by line.
    fn lines(&self, note: &Note) -> Vec<String>;
    /// The request for one part.
    fn request(
        &self,
        client: &Client,
        secrets: &Secrets,
        note: &Note,
        part: &str,
        now: Millis,
    ) -> RequestBuilder;
    /// What an answer means.
    fn judge(&self, said: &Said) -> Answer;
}

/// HMAC-SHA256 in Base64.
fn hmac_sha256(key: &[u8], message: &[u8]) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use hmac::{Hmac, KeyInit, Mac};
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<sha2::Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(message);
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// An error with its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
