//! The page at `/calendar`: what comes back within 60 days, then the year by month; and that of a plan, `/plan`.
use axum::{
    extract::State,
    http::HeaderMap,
    response::{Html, IntoResponse, Response},
};
use chrono::{Datelike, Months, NaiveDate};
use minijinja::{Value, context, value::Serde};
use serde::{Deserialize, Serialize};

use super::{Text, frame, options::Choose, templates, text};
use crate::{
    http::{
        AppState,
        board::first_of_month,
        problem::{Params, Problem},
        seasons::{self, CalendarView, PlanView, SeasonView},
    },
    store::calendar::CalendarFilter,
    ticket::Day,
};

/// Days that the first part looks ahead.
const NEAR: i32 = 60;
/// Months of the year's view.
const MONTHS: u32 = 12;
/// Districts are chosen down to this depth: what lies below has no calendar unless it is dense.
const DEPTH: i32 = 2;

/// What the address says; a value that means nothing here is passed over.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct CalendarParams {
    lang: Option<String>,
    topic: Option<String>,
    district: Option<String>,
}

/// A season in words.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    district: String,
    begin: String,
    begin_note: String,
    chance: String,
    lead: String,
    peak: String,
    peak_note: String,
    ends: Option<String>,
    past: Vec<String>,
    repair: Option<String>,
    borrowed: bool,
    plan: Option<PlanView>,
}

/// A month of the year's view.
#[derive(Debug, Serialize)]
struct MonthCard {
    name: String,
    begins: Vec<Mark>,
    repairs: Vec<Mark>,
}

#[derive(Debug, Serialize)]
struct Mark {
    name: String,
    when: String,
}

pub(crate) async fn calendar(
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(params): Params<CalendarParams>,
) -> Result<Response, Problem> {
    let text = Text::new(text::language(params.lang.as_deref(), &headers, state.city.lang), state.city.zone);
    let key = |asked: &Option<String>| asked.as_deref().and_then(|t| t.parse::<i32>().ok()).unwrap_or(0);
    let (topic, district) = (key(&params.topic), key(&params.district));
    let filter = CalendarFilter {
        topic: Some(topic).filter(|t| *t != 0),
        district: Some(district),
        ..CalendarFilter::default()
    };
    let (base, view) = (state.boards.base(&state.store).await?, seasons::read(&state, filter).await?);
    let today = state.today();
    let mut keep = Vec::new();
    keep.extend((topic != 0).then(|| ("topic", topic.to_string())));
    keep.extend((district != 0).then(|| ("district", district.to_string())));
    let say = |key| text.say(key, Value::UNDEFINED);
    let html = templates()?.get_template("calendar.html")?.render(context! {
        title => text.say("calendar_title", context! { city => state.city.name.clone() }),
        topics => Value::from(Serde(Choose::tree(&base.topics, base.depth.0, topic, say("all_topics")))),
        districts => Value::from(Serde(Choose::tree(&base.districts, base.depth.1.min(DEPTH), district, say("whole_city")))),
        view => view.map(|view| Value::from(Serde(parts(&text, &view, today)))),
        feed => keep.iter().map(|(name, value)| format!("&{name}={value}")).collect::<String>(),
        ..frame(&state, &text, keep),
    })?;
    Ok(([("vary", "accept-language")], Html(html)).into_response())
}

/// What the page shows of a calendar.
#[derive(Debug, Serialize)]
struct Parts {
    stamp: String,
    under_way: Vec<Line>,
    coming: Vec<Line>,
    months: Vec<MonthCard>,
}

fn parts(text: &Text, view: &CalendarView, today: Day) -> Parts {
    let until = today.plus(NEAR).date();
    let (under_way, ahead): (Vec<&SeasonView>, Vec<&SeasonView>) =
        view.items.iter().partition(|season| season.standing == "under_way");
    let issued = view.issued_at.map_or_else(String::new, |at| text.instant(at));
    let to = view.origin.map_or_else(String::new, |day| text.date(day));
    Parts {
        stamp: text.say("calendar_stamp", context! { at => issued, to, run => view.run, n => view.total }),
        under_way: under_way.into_iter().map(|season| line(text, season)).collect(),
        coming: ahead.into_iter().filter(|s| s.onset <= until).map(|season| line(text, season)).collect(),
        months: months(text, &view.items, today.date()),
    }
}

fn line(text: &Text, season: &SeasonView) -> Line {
    let (begin, begin_note) = begin(text, season);
    let count = |n| text.count(n);
    let low_high = context! { low => count(season.peak_low), high => count(season.peak_high), week => text.day(season.peak_week) };
    let past = season.past.iter().map(|past| {
        let values =
            context! { begin => text.date(past.onset), week => text.day(past.peak), n => count(past.height) };
        text.say("past_season", values)
    });
    Line {
        name: text.path(&season.topic, "all_topics"),
        district: text.path(&season.district, "whole_city"),
        begin,
        begin_note,
        chance: text.share(season.probability),
        lead: text.say("in_days", context! { n => season.lead_days.max(0) }),
        peak: text.say("about_n", context! { n => count(season.peak_expected) }),
        peak_note: text.say("peak_note", low_high),
        ends: season.ends.map(|day| text.say("until_about", context! { day => text.date(day) })),
        past: past.collect(),
        repair: season.repair.map(|span| text.span(span.from, span.to)),
        borrowed: season.dates_of == "city",
        plan: season.plan.clone(),
    }
}

/// When it begins or began, and how that is known.
fn begin(text: &Text, season: &SeasonView) -> (String, String) {
    if season.standing == "under_way" {
        let since = season.begun.map(|day| text.say("since", context! { day => text.date(day) }));
        return (since.unwrap_or_else(|| text.say("since_unknown", Value::UNDEFINED)), String::new());
    }
    let interval = text.span(season.interval.from, season.interval.to);
    let timing = text.say(&format!("onset.{}", season.timing), context! { days => season.shift_days.abs() });
    let by = text.word("said_by", &season.said_by);
    (text.date(season.onset), text.say("begin_note", context! { interval, timing, by }))
}

/// The coming twelve months with what begins and what is best mended in each.
fn months(text: &Text, seasons: &[SeasonView], today: NaiveDate) -> Vec<MonthCard> {
    let first = first_of_month(today);
    let month = |k: u32| {
        let first = first.checked_add_months(Months::new(k)).unwrap_or(first);
        let is_in = |day: NaiveDate| (day.year(), day.month()) == (first.year(), first.month());
        let mark =
            |season: &SeasonView, when: String| Mark { name: text.path(&season.topic, "all_topics"), when };
        let begins = seasons
            .iter()
            .filter(|s| is_in(s.onset))
            .map(|s| mark(s, text.span(s.interval.from, s.interval.to)));
        let repairs = seasons.iter().filter_map(|s| {
            let span = s.repair.filter(|span| is_in(span.from.max(today)))?;
            Some(mark(s, text.span(span.from, span.to)))
        });
        MonthCard { name: text.month(first), begins: begins.collect(), repairs: repairs.collect() }
    };
    (0..MONTHS).map(month).collect()
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct PlanParams {
    lang: Option<String>,
    name: Option<String>,
}

/// One plan for people to read and print.
pub(crate) async fn plan(
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(params): Params<PlanParams>,
) -> Result<Response, Problem> {
    let text = Text::new(text::language(params.lang.as_deref(), &headers, state.city.lang), state.city.zone);
    let name = params.name.unwrap_or_default();
    let plans = seasons::plans(&state).await?;
    let plan = plans
        .get(&name)
        .ok_or_else(|| Problem::not_found("there is no plan of this name in publish.plans"))?;
    let html = templates()?.get_template("plan.html")?.render(context! {
        title => plan.title.clone(),
        plan => Value::from(Serde(PlanView::from(plan))),
        topic => text.path(&plan.topic, "all_topics"),
        district => text.path(&plan.district, "every_district"),
        // Sanitised where it was read.
        body => Value::from_safe_string(plan.html.clone()),
        ..frame(&state, &text, vec![("name", plan.name.clone())]),
    })?;
    Ok(([("vary", "accept-language")], Html(html)).into_response())
}
