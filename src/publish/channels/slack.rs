//! Slack incoming webhooks: mrkdwn text, 429 with `Retry-After` when there are too many, the word `ok` is success.
use reqwest::{Client, RequestBuilder};
use serde_json::json;

use super::{Answer, Bot, Note, Said, Secrets, text};
use crate::ticket::Millis;

/// Characters of a text that are shown in one message.
const LIMIT: usize = 4000;

/// The channel.
pub struct Slack;

/// The three signs that mrkdwn gives a meaning to; a text so escaped holds no link and no mention.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Bot for Slack {
    fn limit(&self) -> usize {
        LIMIT
    }

    fn cost(_: char) -> usize {
        1
    }

    fn lines(&self, note: &Note) -> Vec<String> {
        text::lines(&note.text)
            .into_iter()
            .map(|(heading, line)| match text::link(line, &note.links) {
                Some((label, url)) => format!("<{url}|{}>", escape(label)),
                None if heading => format!("*{}*", escape(line)),
                None => escape(line),
            })
            .collect()
    }

    fn request(&self, client: &Client, secrets: &Secrets, _: &Note, part: &str, _: Millis) -> RequestBuilder {
        client.post(secrets.address()).json(&json!({ "text": part }))
    }

    fn judge(&self, said: &Said) -> Answer {
        if !said.status.is_success() {
            return said.by_status();
        }
        let status = Some(said.status.as_u16());
        if said.body.trim() == "ok" {
            return Answer::Taken { status };
        }
        Answer::Refused {
            status,
            error: format!("HTTP {}, but not \"ok\": {}", said.status.as_u16(), said.excerpt()),
        }
    }
}
