//! The calendar of seasons as iCalendar (RFC 5545), for planners to subscribe to: one event for each begin to come and
//! for each season under way.
//!
//! An event keeps its UID from day to day while its date moves, so that a calendar program moves it too; it is that of the
//! topic, the district and the year that the season is named after. Its day is the first of the week expected, the
//! interval stands in the text. Everything in it comes from the run, so the same run gives the same bytes.
use std::fmt::Write as _;

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Days, NaiveDate, Utc};
use icalendar::{Calendar, Component, Event, EventLike, Property};
use minijinja::context;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    AppState,
    page::text::{self, Text},
    problem::{Params, Problem},
    seasons::{self, SeasonView},
};
use crate::store::calendar::CalendarFilter;

/// Days of the week that an event covers.
const WEEK: u64 = 7;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeedParams {
    topic: Option<i32>,
    district: Option<i32>,
    lang: Option<String>,
}

/// `/calendar.ics`: seasons of a topic (with all below it) and of a district, by default of the whole city.
pub(super) async fn feed(
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(params): Params<FeedParams>,
) -> Result<Response, Problem> {
    let text = Text::new(text::language(params.lang.as_deref(), &headers, state.city.lang), state.city.zone);
    let filter = CalendarFilter {
        topic: params.topic.filter(|t| *t != 0),
        district: Some(params.district.unwrap_or(0)),
        ..CalendarFilter::default()
    };
    let view = seasons::read(&state, filter).await?;
    let view = view.ok_or_else(|| {
        Problem::not_found("no calendar yet: it is laid out when hotspots are looked for; see /api/v1/runs")
    })?;
    let at = view.issued_at.unwrap_or_default();
    let feed = write(&text, (&state.city.name, &state.city.code), at, &view.items);
    let kind = (header::CONTENT_TYPE, "text/calendar; charset=utf-8");
    Ok(([kind, (header::VARY, "accept-language")], feed).into_response())
}

/// The feed as text.
fn write(text: &Text, (city, code): (&str, &str), at: DateTime<Utc>, seasons: &[SeasonView]) -> String {
    let mut feed = Calendar::empty();
    for (name, value) in [
        ("VERSION", "2.0"),
        ("PRODID", "-//weisu//calendar of seasons//EN"),
        ("CALSCALE", "GREGORIAN"),
        ("METHOD", "PUBLISH"),
    ] {
        feed.append_property(Property::new(name, value));
    }
    feed.name(&text.say("ics_name", context! { city }));
    feed.ttl(&chrono::Duration::days(1));
    for season in seasons {
        if let Some(begun) = season.begun {
            feed.push(event(text, (code, at), season, (begun, season.season - 1), true));
        }
        feed.push(event(text, (code, at), season, (season.onset, season.season), false));
    }
    feed.to_string()
}

fn event(
    text: &Text,
    (code, at): (&str, DateTime<Utc>),
    season: &SeasonView,
    (day, year): (NaiveDate, i32),
    begun: bool,
) -> Event {
    let topic = season.topic.join(" / ");
    let district = text.path(&season.district, "whole_city");
    let key = if begun { "ics_begun" } else { "ics_onset" };
    let mut event = Event::new();
    event
        .uid(&uid(code, &season.topic, &season.district, year))
        .timestamp(at)
        .summary(&text.say(key, context! { topic, district }))
        .description(&description(text, season, begun))
        .starts(day)
        .ends(day + Days::new(WEEK))
        // It takes nobody's time.
        .add_property("TRANSP", "TRANSPARENT");
    event.done()
}

/// The same for ever for one season: names and not keys go in, so that a rebuilt store gives the same.
fn uid(code: &str, topic: &[String], district: &[String], year: i32) -> String {
    let mut name = String::new();
    for path in [topic, district] {
        let _ = write!(name, "{}\u{1f}{}\u{1e}", path.len(), path.join("\u{1f}"));
    }
    let _ = write!(name, "{year}");
    format!("{}-{year}@{code}.weisu", Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()))
}

fn description(text: &Text, season: &SeasonView, begun: bool) -> String {
    let mut lines = Vec::new();
    if !begun {
        lines.push(text.say(
            "ics_interval",
            context! {
                from => text.date(season.interval.from), to => text.date(season.interval.to),
                chance => text.share(season.probability), by => text.word("said_by", &season.said_by),
            },
        ));
    }
    if begun == (season.standing == "under_way") {
        lines.push(text.say(
            "ics_peak",
            context! {
                week => text.date(season.peak_week), n => text.count(season.peak_expected),
                low => text.count(season.peak_low), high => text.count(season.peak_high),
            },
        ));
    }
    let past: Vec<String> = season.past.iter().map(|p| text.date(p.onset)).collect();
    if !past.is_empty() {
        lines.push(text.say(
            "past_onsets",
            context! { days => past.join(text.say("list_comma", context! {}).as_str()) },
        ));
    }
    if season.dates_of == "city" {
        lines.push(text.say("dates_borrowed", context! {}));
    }
    if let Some(plan) = &season.plan {
        lines.push(
            text.say("ics_plan", context! { title => plan.title.clone(), owner => plan.owner.clone() }),
        );
    }
    lines.join("\n")
}
