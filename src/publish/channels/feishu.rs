//! 飞书 group bots: a card, signed in the body, at most 20 KB a request; `code` (or the older `StatusCode`) 0 is success.
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::json;

use super::{Answer, Bot, Note, Said, Secrets, hmac_sha256, text};
use crate::{store::alarms::Severity, ticket::Millis};

/// Bytes of the text; the whole request may have 20 KB.
const LIMIT: usize = 18_000;
/// The bot, its group or the tenant got too many.
const TOO_MANY: [i64; 3] = [11_232, 11_233, 230_020];
/// Means a bad request, or too many of them: the text tells.
const BAD_OR_TOO_MANY: i64 = 9499;

/// The channel.
pub struct Feishu;

/// Base64 of HMAC-SHA256 with `timestamp\nsecret` as the key over nothing; the timestamp in seconds.
fn sign(secret: &str, timestamp: i64) -> String {
    hmac_sha256(format!("{timestamp}\n{secret}").as_bytes(), b"")
}

impl Bot for Feishu {
    fn limit(&self) -> usize {
        LIMIT
    }

    fn cost(c: char) -> usize {
        text::json_len(c)
    }

    fn lines(&self, note: &Note) -> Vec<String> {
        text::bold(&note.text, &note.links)
    }

    fn request(
        &self,
        client: &Client,
        secrets: &Secrets,
        note: &Note,
        part: &str,
        now: Millis,
    ) -> RequestBuilder {
        let colour = match note.severity {
            _ if note.is_over => "green",
            Severity::Critical => "red",
            Severity::High => "orange",
            Severity::Medium => "yellow",
            Severity::Low => "blue",
        };
        // The heading becomes the card's, the rest its body.
        let (title, rest) = part.split_once('\n').unwrap_or((part, ""));
        let title = title.replace("**", "");
        let elements =
            if rest.is_empty() { json!([]) } else { json!([{ "tag": "markdown", "content": rest }]) };
        let mut body = json!({
            "msg_type": "interactive",
            "card": {
                "config": { "wide_screen_mode": true },
                "header": { "template": colour, "title": { "tag": "plain_text", "content": title } },
                "elements": elements,
            },
        });
        if let Some(secret) = secrets.sign() {
            let seconds = now.div_euclid(1000);
            body["timestamp"] = seconds.to_string().into();
            body["sign"] = sign(secret, seconds).into();
        }
        client.post(secrets.address()).json(&body)
    }

    fn judge(&self, said: &Said) -> Answer {
        said.by_code("Feishu", &["code", "StatusCode"], &["msg", "StatusMessage"], |code, says| {
            let many = says.to_ascii_lowercase().contains("too many");
            (TOO_MANY.contains(&code) || (code == BAD_OR_TOO_MANY && many)).then_some(Duration::from_secs(60))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_the_vendor_computes() {
        // Python: base64.b64encode(hmac.new(f"{t}\n{s}".encode(), b"", hashlib.sha256).digest())
        assert_eq!(sign("feishu-test-secret", 1_599_360_473), "7Gq8ROqhtzskcbk2fAPXpWnrRaTUDD2iIHvbmt3/cuo=");
    }
}
