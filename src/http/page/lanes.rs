//! The three lanes side by side: 共性, 季节, 风险.
use chrono::NaiveDate;
use minijinja::{Value, context};
use serde::Serialize;

use super::{Text, hotspots};
use crate::{
    config::Lang,
    http::{
        alert_view::AlertView,
        api::forecast::SeasonView,
        lanes::{CommonTopic, Lanes, Open},
        seasons::SeasonView as Returning,
    },
    store::alerts::Lane,
};

/// A lane.
#[derive(Debug, Serialize)]
pub(super) struct Column {
    key: &'static str,
    name: String,
    lead: String,
    items: Vec<Item>,
    none: String,
    /// Its open alerts in words, for the link to them; none while there are none.
    alerts: Option<String>,
}

/// A line of a lane; what it leads to is a topic, a season, an alert, or nothing.
#[derive(Debug, Default, Serialize)]
struct Item {
    name: String,
    value: String,
    note: String,
    topic: Option<i32>,
    /// The topic of a season of the calendar page.
    season: Option<i32>,
    alert: Option<String>,
    severity: Option<&'static str>,
}

/// Seasons named.
const SEASONS: usize = 3;

/// Writes the lanes; `today` tells what has begun.
pub(super) fn view(text: &Text, lanes: &Lanes, today: NaiveDate) -> [Column; 3] {
    let day = |d: Option<NaiveDate>| d.map_or_else(|| "–".to_owned(), |d| text.day(d));
    let (common, seasonal) = (&lanes.common, &lanes.seasonal);
    let from_to = context! { from => day(common.from), to => day(common.to) };
    let mut seasons: Vec<&SeasonView> = seasonal.seasons.iter().collect();
    // What is about to begin matters more than what has long been under way.
    seasons.sort_by_key(|s| if s.from >= today { (0, s.from - today) } else { (1, today - s.from) });
    let returning: Vec<Item> = seasonal.coming.iter().map(|s| returning(text, s)).collect();
    let most = if returning.is_empty() { SEASONS } else { 1 };
    let seasons = seasons.into_iter().take(most).map(|s| season(text, s, today));
    let seasons = returning.into_iter().chain(seasons);
    let alerts = |open: &Open| open.first.iter().map(|a| alert(text, a)).collect::<Vec<_>>();
    let until = context! { to => text.day(seasonal.to) };
    [
        column(
            text,
            Lane::Common,
            from_to,
            common.topics.iter().map(|t| topic(text, t)).chain(alerts(&common.open)).collect(),
            &common.open,
        ),
        column(text, Lane::Seasonal, until, seasons.chain(alerts(&seasonal.open)).collect(), &seasonal.open),
        column(text, Lane::Risk, ().into(), alerts(&lanes.risk.open), &lanes.risk.open),
    ]
}

fn column(text: &Text, lane: Lane, values: Value, items: Vec<Item>, open: &Open) -> Column {
    let key = lane.name();
    let severities: Vec<String> = open
        .severities
        .iter()
        .map(|c| format!("{} {}", text.word("severity", c.severity.name()), c.alerts))
        .collect();
    Column {
        key,
        name: text.word("lane", key),
        lead: text.say(&format!("lane_lead.{key}"), values),
        items,
        none: text.word("lane_none", key),
        alerts: (open.alerts > 0).then(|| {
            text.say("lane_alerts", context! { n => open.alerts, severities => severities.join(" · ") })
        }),
    }
}

fn topic(text: &Text, topic: &CommonTopic) -> Item {
    let share = text.share(topic.share);
    let note = match topic.change {
        Some(change) => text.say("common_note", context! { share, change => text.change(change) }),
        None => text.say("common_note_new", context! { share }),
    };
    Item {
        name: topic.name.clone(),
        value: text.say("tickets", context! { n => text.count(topic.tickets) }),
        note,
        topic: Some(topic.id),
        ..Item::default()
    }
}

fn returning(text: &Text, season: &Returning) -> Item {
    let interval = text.span(season.interval.from, season.interval.to);
    Item {
        name: text.path(&season.topic, "all_topics"),
        value: text.day(season.onset),
        note: text.say(
            "season_note",
            context! { days => season.lead_days, interval, chance => text.share(season.probability) },
        ),
        season: Some(season.topic_id),
        ..Item::default()
    }
}

fn season(text: &Text, season: &SeasonView, today: NaiveDate) -> Item {
    let name = if text.lang == Lang::Zh { &season.zh } else { &season.en };
    let days = (season.from - today).num_days();
    let when = match days {
        1.. => text.say("season_in", context! { days }),
        0 => text.say("season_today", Value::UNDEFINED),
        _ => text.say("season_on", context! { to => text.day(season.to) }),
    };
    let status = text.word("season_status", if season.announced { "announced" } else { "predicted" });
    Item {
        name: name.clone(),
        value: text.day(season.from),
        note: format!("{when} · {status}"),
        ..Item::default()
    }
}

fn alert(text: &Text, alert: &AlertView) -> Item {
    let (topic, district) = hotspots::names(text, &alert.body);
    Item {
        name: format!("{topic} · {district}"),
        value: text.word("severity", alert.body.severity.name()),
        note: hotspots::numbers(text, &alert.body),
        alert: Some(alert.id.clone()),
        severity: Some(alert.body.severity.name()),
        ..Item::default()
    }
}
