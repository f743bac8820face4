//! What the page says: the message catalogue, numbers and dates as each language writes them.
use std::{collections::BTreeMap, sync::LazyLock};

use axum::http::{HeaderMap, header};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;
use minijinja::{Environment, Value};
use serde::Deserialize;
use weisu_models::calendar::china;

use crate::config::Lang;

#[derive(Debug, Deserialize)]
struct Entry {
    zh: String,
    en: String,
}

static CATALOGUE: LazyLock<BTreeMap<String, Entry>> = LazyLock::new(|| {
    let files = [include_str!("messages.toml"), include_str!("messages_life.toml")];
    let read = |text| toml::from_str::<BTreeMap<String, Entry>>(text).unwrap_or_default();
    files.into_iter().flat_map(read).collect()
});

/// The language a request wants: `?lang=`, else the first of `Accept-Language` that is spoken here, else the city's.
pub fn language(asked: Option<&str>, headers: &HeaderMap, city: Lang) -> Lang {
    let known = |tag: &str| match tag.trim().get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("zh") => Some(Lang::Zh),
        Some("en") => Some(Lang::En),
        _ => None,
    };
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    asked.and_then(known).or_else(|| accepted.split(',').find_map(known)).unwrap_or(city)
}

/// Writes in one language and in the city's zone.
#[derive(Debug)]
pub struct Text {
    /// The language.
    pub lang: Lang,
    zone: Tz,
    env: Environment<'static>,
}

impl Text {
    /// A writer.
    pub fn new(lang: Lang, zone: Tz) -> Self {
        Self { lang, zone, env: Environment::new() }
    }

    /// The language as an HTML `lang`.
    pub fn tag(&self) -> &'static str {
        match self.lang {
            Lang::Zh => "zh-CN",
            Lang::En => "en",
        }
    }

    fn raw(&self, key: &str) -> Option<&'static str> {
        CATALOGUE.get(key).map(|e| match self.lang {
            Lang::Zh => e.zh.as_str(),
            Lang::En => e.en.as_str(),
        })
    }

    /// A message with its blanks filled in; the key itself where there is none.
    pub fn say(&self, key: &str, values: Value) -> String {
        let Some(template) = self.raw(key) else { return key.to_owned() };
        self.env.render_str(template, values).unwrap_or_else(|error| {
            tracing::error!(key, %error, "a message cannot be written");
            key.to_owned()
        })
    }

    /// A message that may hold markup; its blanks are escaped.
    pub fn html(&self, key: &str, values: Value) -> Value {
        let Some(template) = self.raw(key) else { return Value::from(key) };
        let html = self.env.render_named_str("message.html", template, values);
        html.map_or_else(|_| Value::from(key), Value::from_safe_string)
    }

    /// The word for a stored name, or the name itself.
    pub fn word(&self, group: &str, name: &str) -> String {
        self.raw(&format!("{group}.{name}")).unwrap_or(name).to_owned()
    }

    /// Every message without blanks, for the templates.
    pub fn fixed(&self) -> BTreeMap<&'static str, &'static str> {
        CATALOGUE.keys().filter_map(|k| Some((k.as_str(), self.raw(k)?))).collect()
    }

    /// A count: whole, in groups of three; one decimal below ten.
    pub fn count(&self, n: f64) -> String {
        if n != n.round() && n.abs() < 10.0 { format!("{n:.1}") } else { group(n.round() as i64) }
    }

    /// A share, in whole per cent.
    pub fn share(&self, share: f64) -> String {
        format!("{:.0}%", share * 100.0)
    }

    /// A relative change with its sign.
    pub fn change(&self, change: f64) -> String {
        let n = (change * 100.0).round();
        let sign = if n > 0.0 {
            "+"
        } else if n < 0.0 {
            "−"
        } else {
            "±"
        };
        format!("{sign}{}%", group(n.abs() as i64))
    }

    /// A probability; beyond the published quantiles nothing more exact is known.
    pub fn probability(&self, p: f64) -> String {
        match p {
            p if p >= 0.97 => self.say("over", Value::UNDEFINED),
            p if p <= 0.03 => self.say("under", Value::UNDEFINED),
            p => self.share(p),
        }
    }

    /// A small probability with as many digits as it needs.
    pub fn p_value(&self, p: f64) -> String {
        let percent = p * 100.0;
        match percent {
            p if p < 0.0001 => "<0.0001%".to_owned(),
            p if p >= 1.0 => format!("{p:.0}%"),
            p => {
                let digits = (1.0 - p.log10()).ceil().clamp(1.0, 4.0) as usize;
                format!("{}%", format!("{p:.digits$}").trim_end_matches('0'))
            }
        }
    }

    /// A day without its year.
    pub fn day(&self, date: NaiveDate) -> String {
        match self.lang {
            Lang::Zh => format!("{}月{}日", date.month(), date.day()),
            Lang::En => date.format("%-d %b").to_string(),
        }
    }

    /// A day with its year.
    pub fn date(&self, date: NaiveDate) -> String {
        match self.lang {
            Lang::Zh => format!("{}年{}月{}日", date.year(), date.month(), date.day()),
            Lang::En => date.format("%-d %b %Y").to_string(),
        }
    }

    /// A month.
    pub fn month(&self, first: NaiveDate) -> String {
        match self.lang {
            Lang::Zh => format!("{}年{}月", first.year(), first.month()),
            Lang::En => first.format("%B %Y").to_string(),
        }
    }

    /// A holiday; the calendar of China names its own in Chinese.
    pub fn holiday(&self, name: &str) -> String {
        let english = (self.lang == Lang::En).then(|| china::english_name(name)).flatten();
        english.unwrap_or(name).to_owned()
    }

    /// Tickets more or fewer.
    pub fn signed(&self, n: f64) -> String {
        let sign = if n < 0.0 { "−" } else { "+" };
        format!("{sign}{}", self.count(n.abs()))
    }

    /// A span of days.
    pub fn span(&self, from: NaiveDate, to: NaiveDate) -> String {
        if from == to { self.day(from) } else { format!("{}–{}", self.day(from), self.day(to)) }
    }

    /// An instant in the city's zone.
    pub fn instant(&self, at: DateTime<Utc>) -> String {
        let local = at.with_timezone(&self.zone);
        format!("{} {}", self.day(local.date_naive()), local.format("%H:%M"))
    }

    /// Names from the top down.
    pub fn path(&self, path: &[String], all: &str) -> String {
        if path.is_empty() { self.say(all, Value::UNDEFINED) } else { path.join(" › ") }
    }
}

/// Digits in groups of three.
fn group(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::from(if n < 0 { "−" } else { "" });
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lang: Lang) -> Text {
        Text::new(lang, Tz::UTC)
    }

    #[test]
    fn every_message_is_there_in_both_languages_and_can_be_written() {
        assert!(CATALOGUE.len() > 100, "the catalogue cannot be read");
        let env = Environment::new();
        for (key, entry) in &*CATALOGUE {
            for message in [&entry.zh, &entry.en] {
                assert!(!message.is_empty(), "{key}");
                env.render_str(message, ()).unwrap_or_else(|e| panic!("{key}: {e}"));
                assert!(!message.contains("预言") && !message.contains("prophe"), "{key}");
            }
            let blanks = |m: &str| m.matches("{{").count();
            assert_eq!(blanks(&entry.zh), blanks(&entry.en), "{key} says more in one language");
        }
    }

    #[test]
    fn every_name_the_store_can_hold_has_a_word() {
        use crate::store::{
            alarms::{Kind, Severity},
            alerts::State,
        };
        let names = Kind::ALL.map(|k| ("kind", k.name())).into_iter();
        let names = names.chain(Severity::ALL.map(|s| ("severity", s.name())));
        let names = names.chain(State::ALL.map(|s| ("state", s.name())));
        let names = names.chain(weisu_models::forecast::explain::Part::ALL.map(|p| ("part", p.name())));
        for (group, name) in names {
            assert_ne!(text(Lang::Zh).word(group, name), name, "{group}.{name}");
        }
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        let (zh, en) = (text(Lang::Zh), text(Lang::En));
        assert_eq!([1234567.0, 999.6, 3.25, 4.0].map(|n| zh.count(n)), ["1,234,567", "1,000", "3.2", "4"]);
        assert_eq!([0.384, -0.12, 0.001].map(|n| zh.change(n)), ["+38%", "−12%", "±0%"]);
        assert_eq!(en.share(0.812), "81%");
        assert_eq!([0.05, 0.00034, 1e-9].map(|p| zh.p_value(p)), ["5%", "0.034%", "<0.0001%"]);
        assert_eq!([0.99, 0.6, 0.01].map(|p| zh.probability(p)), ["超过 97%", "60%", "不足 3%"]);
    }

    #[test]
    fn the_language_is_the_asked_one_then_the_browsers_then_the_citys() {
        let mut headers = HeaderMap::new();
        assert_eq!(language(None, &headers, Lang::Zh), Lang::Zh);
        headers.insert(header::ACCEPT_LANGUAGE, "fr-FR,en-GB;q=0.8,zh;q=0.5".parse().unwrap());
        assert_eq!(language(None, &headers, Lang::Zh), Lang::En);
        assert_eq!(language(Some("zh"), &headers, Lang::En), Lang::Zh);
        assert_eq!(language(Some("xx"), &headers, Lang::Zh), Lang::En);
    }
}
