//! Hotspot cards: what, where, how many against what is expected, and why.
use minijinja::context;
use serde::Serialize;

use super::Text;
use crate::{
    http::{alert_view::AlertView, outlook::change},
    store::{alarms::Kind, alerts::AlertBody},
};

/// A card.
#[derive(Debug, Serialize)]
pub(super) struct Card {
    id: String,
    severity: &'static str,
    severity_word: String,
    kind: String,
    life: String,
    unrouted: bool,
    lane: String,
    topic: String,
    district: String,
    why: String,
    p_value: Option<String>,
    facts: Vec<String>,
    drivers: Vec<DriverLine>,
    gauge: Gauge,
    topic_id: i32,
    district_id: i32,
}

#[derive(Debug, Serialize)]
struct DriverLine {
    name: String,
    share: String,
    detail: String,
    /// Width of its bar, of 100.
    width: String,
}

/// Geometry of the gauge, in units of a 320 x 26 drawing.
#[derive(Debug, Serialize)]
struct Gauge {
    label: String,
    from: String,
    width: String,
    tick: String,
    dot: String,
}

/// Drivers named on a card.
const DRIVERS: usize = 3;

/// Writes a card.
pub(super) fn view(text: &Text, alert: &AlertView) -> Card {
    let body = &alert.body;
    let (topic, district) = names(text, body);
    Card {
        id: alert.id.clone(),
        severity: body.severity.name(),
        severity_word: text.word("severity", body.severity.name()),
        kind: text.word("kind", body.kind.name()),
        life: life(text, alert),
        unrouted: alert.unrouted,
        lane: text.word("lane", body.lane.name()),
        topic,
        district,
        why: why(text, body),
        p_value: body.observed.map(|_| text.say("why_p", context! { p => text.p_value(body.p_value) })),
        facts: facts(text, body),
        drivers: body.drivers.iter().take(DRIVERS).map(|d| driver(text, body, d)).collect(),
        gauge: gauge(text, body),
        topic_id: alert.topic_id,
        district_id: alert.district_id,
    }
}

/// Topic and district from the top down.
pub(super) fn names(text: &Text, body: &AlertBody) -> (String, String) {
    (text.path(&body.topic, "all_topics"), text.path(&body.district, "whole_city"))
}

/// The two numbers that it is about.
pub(super) fn numbers(text: &Text, body: &AlertBody) -> String {
    let (expected, norm) = (text.count(body.expected), body.compare.norm.map(|n| text.count(n)));
    match (body.observed, norm) {
        (Some(observed), _) => text.say("driver", context! { observed => text.count(observed), expected }),
        (None, Some(norm)) => text.say("ahead_numbers", context! { expected, norm }),
        (None, None) => text.say("a_expected", context! { n => expected }),
    }
}

/// Where it is in its life, since when, and who took it.
fn life(text: &Text, alert: &AlertView) -> String {
    let state = text.word("state", &alert.state);
    let since = alert.resolved.or(if alert.state == "firing" { alert.created } else { alert.updated });
    let life = match since {
        Some(at) => text.say("life", context! { state, at => text.instant(at) }),
        None => state,
    };
    match alert.acknowledged_by.as_ref().zip(alert.acknowledged_at) {
        Some((who, at)) => text.say("life_by", context! { life, who, at => text.instant(at) }),
        None => life,
    }
}

/// What the kinds with something beyond counts say.
fn why_of_kind(text: &Text, body: &AlertBody, observed: f64) -> Option<String> {
    let count = |n| text.count(n);
    let window = text.span(body.window.0, body.window.1);
    let (observed, expected) = (count(observed), count(body.expected));
    let details = &body.details;
    if let Some(fault) = details.data {
        let key = format!("why_data.{}", serde_json::to_value(fault).ok()?.as_str()?);
        return Some(text.say(&key, context! { window, observed, expected }));
    }
    if let Some(level) = &details.level {
        let day = |d| text.day(d);
        return Some(text.say(
            "why_level",
            context! {
                since => day(level.since), earliest => day(level.earliest), latest => day(level.latest),
                before => format!("{:.1}", level.before), after => format!("{:.1}", level.after),
                times => format!("{:.1}", level.ratio),
            },
        ));
    }
    if let Some(cluster) = &details.cluster {
        let names: Vec<&str> =
            cluster.names.iter().filter_map(|path| path.last()).map(String::as_str).collect();
        let state = if cluster.ongoing { "cluster.ongoing" } else { "cluster.new" };
        let state = text.say(state, context! { since => text.day(cluster.since) });
        let (of, years) = (names.len(), cluster.years());
        let districts = names.join(&text.say("join", context! {}));
        return Some(
            text.say("why_cluster", context! { window, observed, expected, of, districts, state, years }),
        );
    }
    if let Some(spread) = &details.spread {
        let values = context! { window, observed, expected, up => spread.up, of => spread.of };
        return Some(text.say("why_spread", values));
    }
    if let Some(repeats) = &details.repeats {
        let (share, usual) = (text.share(repeats.share), text.share(repeats.usual));
        return Some(text.say("why_repeats", context! { window, observed, expected, share, usual }));
    }
    let lower = count(body.lower.unwrap_or(0.0));
    (body.kind == Kind::Drop).then(|| text.say("why_fall", context! { window, observed, expected, lower }))
}

fn why(text: &Text, body: &AlertBody) -> String {
    if let Some(why) = body.observed.and_then(|observed| why_of_kind(text, body, observed)) {
        return why;
    }
    let count = |n| text.count(n);
    let window = text.span(body.window.0, body.window.1);
    if let Some(onset) = &body.details.onset {
        let (from, to) = (text.day(onset.from), text.day(onset.to));
        let status =
            text.say(&format!("onset.{}", onset.status.name()), context! { days => onset.shift_days.abs() });
        let peak = count(onset.peak_expected);
        return text.say(
            "why_onset",
            context! {
                date => text.day(onset.date), from, to, peak, status,
                week => text.day(onset.peak_week), lead => onset.lead_days,
                chance => text.share(onset.probability),
            },
        );
    }
    match body.observed {
        Some(observed) => text.say(
            "why_spike",
            context! { window, observed => count(observed), expected => count(body.expected), upper => count(body.upper) },
        ),
        None => text.say(
            "why_ahead",
            context! {
                window,
                expected => count(body.expected),
                low => count(body.lower.unwrap_or(0.0)),
                high => count(body.upper),
                norm => body.compare.norm.map_or_else(|| "–".to_owned(), count),
                lead => body.lead_days,
            },
        ),
    }
}

/// Since when, against the week before and last year, what the neighbours do and what the calendar says.
fn facts(text: &Text, body: &AlertBody) -> Vec<String> {
    let now = body.observed.unwrap_or(body.expected);
    let since = body.observed.map(|_| text.say("since", context! { day => text.day(body.onset) }));
    let c = &body.compare;
    // Away from the festival both alignments name the same days.
    let lunar = c.last_year_lunar.filter(|lunar| c.last_year != Some(*lunar));
    let changes = [("week_before", c.last_week), ("year_before", c.last_year), ("lunar_year_before", lunar)];
    let changes = changes.into_iter().filter_map(|(key, before)| {
        let change = text.change(change(now, before)?);
        Some(text.say(key, context! { change }))
    });
    let past = body.details.onset.as_ref().map(|onset| {
        let days: Vec<String> = onset.past.iter().map(ToString::to_string).collect();
        text.say("past_onsets", context! { days => days.join(", ") })
    });
    let around = body.details.neighbours.as_ref().map(|n| {
        text.say("neighbours_up", context! { up => n.up.len(), of => n.of, names => n.up.join(", ") })
    });
    let events = (!body.details.events.is_empty())
        .then(|| text.say("events_in_window", context! { names => body.details.events.join(", ") }));
    since.into_iter().chain(changes).chain(past).chain(around).chain(events).collect()
}

/// What a driver's path says beyond its alert's.
fn beyond<'a>(own: &[String], path: &'a str) -> Option<&'a str> {
    let own = own.join(" / ");
    match path.strip_prefix(&own) {
        Some("") => None,
        Some(rest) => rest.strip_prefix(" / ").or(Some(path)),
        None => Some(path),
    }
}

fn driver(text: &Text, body: &AlertBody, driver: &crate::store::alarms::Driver) -> DriverLine {
    let names = [beyond(&body.district, &driver.district), beyond(&body.topic, &driver.topic)];
    let parts: Vec<&str> = names.into_iter().flatten().collect();
    DriverLine {
        name: if parts.is_empty() { driver.district.clone() } else { parts.join(" · ") },
        share: text.share(driver.share),
        detail: text.say(
            "driver",
            context! { observed => text.count(driver.observed), expected => text.count(driver.expected) },
        ),
        width: format!("{:.0}", (driver.share * 100.0).clamp(1.0, 100.0)),
    }
}

/// The band of what is normal with its middle, and where the count lies. A forecast is held against the norm.
fn gauge(text: &Text, body: &AlertBody) -> Gauge {
    let value = body.observed.unwrap_or(body.expected);
    let tick =
        if body.observed.is_some() { body.expected } else { body.compare.norm.unwrap_or(body.expected) };
    let lower = body.lower.unwrap_or(0.0).max(0.0);
    let most = value.max(body.upper).max(tick).max(1.0);
    let x = |n: f64| 6.0 + 300.0 * n / most;
    Gauge {
        label: text.say(
            "gauge",
            context! { value => text.count(value), expected => text.count(tick), upper => text.count(body.upper) },
        ),
        from: format!("{:.1}", x(lower)),
        width: format!("{:.1}", (x(body.upper) - x(lower)).max(1.0)),
        tick: format!("{:.1}", x(tick)),
        dot: format!("{:.1}", x(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_does_not_repeat_its_alert() {
        let own = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(beyond(&own(&["供热"]), "供热 / 室温"), Some("室温"));
        assert_eq!(beyond(&own(&["供热"]), "供热"), None);
        assert_eq!(beyond(&own(&["供热"]), "供热服务"), Some("供热服务"));
        assert_eq!(beyond(&[], "供热 / 室温"), Some("供热 / 室温"));
        assert_eq!(beyond(&[], ""), None);
    }
}
