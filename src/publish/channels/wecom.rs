//! 企业微信 group bots: Markdown of at most 4,096 bytes, twenty messages a minute, `errcode` 0 is success.
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::json;

use super::{Answer, Bot, Note, Said, Secrets, text};
use crate::{store::alarms::Severity, ticket::Millis};

/// Bytes of a Markdown message.
const LIMIT: usize = 4096;
/// 接口调用超过限制.
const TOO_MANY: i64 = 45009;

/// The channel.
pub struct Wecom;

impl Bot for Wecom {
    fn limit(&self) -> usize {
        LIMIT
    }

    fn cost(c: char) -> usize {
        c.len_utf8()
    }

    fn lines(&self, note: &Note) -> Vec<String> {
        let colour = match note.severity {
            _ if note.is_over => "info",
            Severity::High | Severity::Critical => "warning",
            Severity::Low | Severity::Medium => "comment",
        };
        text::lines(&note.text)
            .into_iter()
            .enumerate()
            .map(|(i, (heading, line))| match (i, heading) {
                (0, _) => format!("**<font color=\"{colour}\">{}</font>**", text::plain(line)),
                (_, true) => format!("**{}**", text::plain(line)),
                (_, false) => text::linked(line, &note.links),
            })
            .collect()
    }

    fn request(&self, client: &Client, secrets: &Secrets, _: &Note, part: &str, _: Millis) -> RequestBuilder {
        client
            .post(secrets.address())
            .json(&json!({ "msgtype": "markdown", "markdown": { "content": part } }))
    }

    fn judge(&self, said: &Said) -> Answer {
        said.by_code("WeCom", &["errcode"], &["errmsg"], |code, _| {
            (code == TOO_MANY).then_some(Duration::from_secs(60))
        })
    }
}
