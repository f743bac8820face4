//! 钉钉 group bots: signed in the address, twenty messages a minute, `errcode` 0 is success.
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Url};
use serde_json::json;

use super::{Answer, Bot, Note, Said, Secrets, hmac_sha256, text};
use crate::ticket::Millis;

/// Bytes of a Markdown message; the whole body may have 20,000.
const LIMIT: usize = 16_000;
/// Sent too fast: the bot is then shut for ten minutes.
const TOO_MANY: i64 = 130_101;

/// The channel.
pub struct Dingtalk;

/// Base64 of HMAC-SHA256 with the secret over `timestamp\nsecret`; the timestamp in milliseconds.
fn sign(secret: &str, timestamp: Millis) -> String {
    hmac_sha256(secret.as_bytes(), format!("{timestamp}\n{secret}").as_bytes())
}

/// The bot's address, signed where it has a secret.
fn address(secrets: &Secrets, now: Millis) -> String {
    match (Url::parse(secrets.address()), secrets.sign()) {
        (Ok(mut url), Some(secret)) => {
            url.query_pairs_mut()
                .append_pair("timestamp", &now.to_string())
                .append_pair("sign", &sign(secret, now));
            url.into()
        }
        _ => secrets.address().to_owned(),
    }
}

impl Bot for Dingtalk {
    fn limit(&self) -> usize {
        LIMIT
    }

    fn cost(c: char) -> usize {
        text::json_len(c)
    }

    fn lines(&self, note: &Note) -> Vec<String> {
        // Two blanks at the end make a line end there.
        text::bold(&note.text, &note.links).into_iter().map(|line| format!("{line}  ")).collect()
    }

    fn request(
        &self,
        client: &Client,
        secrets: &Secrets,
        note: &Note,
        part: &str,
        now: Millis,
    ) -> RequestBuilder {
        let title = text::plain(note.text.lines().next().unwrap_or(&note.subject));
        let body = json!({ "msgtype": "markdown", "markdown": { "title": title, "text": part } });
        client.post(address(secrets, now)).json(&body)
    }

    fn judge(&self, said: &Said) -> Answer {
        said.by_code("DingTalk", &["errcode"], &["errmsg"], |code, _| {
            (code == TOO_MANY).then_some(Duration::from_secs(600))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_the_vendor_computes() {
        // Python: base64.b64encode(hmac.new(s.encode(), f"{t}\n{s}".encode(), hashlib.sha256).digest())
        assert_eq!(sign("SECthisisatest", 1_577_262_236_757), "WXeSd2qN3ohIvW42xFChm9ZflSaTqfoZXQaADOu5WJc=");
    }
}
