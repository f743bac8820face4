//! The page at `/`, and those of the alerts, of the backtest, of the calendar, of plans and of the exports: in Chinese or
//! English, what a planner asks first.
//!
//! Every number is in the HTML the server writes, so the page can be read, searched, printed and heard without a
//! line of script; the script only draws the chart from the data that the table below it shows as well.
use std::sync::LazyLock;

use axum::{
    extract::State,
    http::HeaderMap,
    response::{Html, IntoResponse, Response},
};
use minijinja::{Environment, Value, context, value::Serde};
use serde::Deserialize;

use super::{
    AppState, api, assets,
    problem::{Params, Problem},
    scoreboard,
};
use crate::{
    config::Lang,
    store::{Grain, board::AlertFilter, verdicts},
    ticket::Basis,
};

mod alerts;
mod answers;
mod backtest;
mod calendar;
mod exports;
mod hotspots;
mod lanes;
pub(super) mod life;
mod map;
mod options;
mod outlook;
mod rises;
pub(super) mod text;
mod track;
mod why;

pub(super) use alerts::show as alerts;
pub(super) use backtest::backtest;
pub(super) use calendar::{calendar, plan};
pub(super) use exports::exports;
use text::Text;

static TEMPLATES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut env = Environment::new();
    for (name, text) in [
        ("layout.html", include_str!("templates/layout.html")),
        ("page.html", include_str!("templates/page.html")),
        ("alerts.html", include_str!("templates/alerts.html")),
        ("cards.html", include_str!("templates/cards.html")),
        ("lanes.html", include_str!("templates/lanes.html")),
        ("backtest.html", include_str!("templates/backtest.html")),
        ("calendar.html", include_str!("templates/calendar.html")),
        ("plan.html", include_str!("templates/plan.html")),
        ("exports.html", include_str!("templates/exports.html")),
        ("answers.html", include_str!("templates/answers.html")),
        ("hotspots.html", include_str!("templates/hotspots.html")),
        ("rises.html", include_str!("templates/rises.html")),
        ("outlook.html", include_str!("templates/outlook.html")),
        ("track.html", include_str!("templates/track.html")),
    ] {
        env.add_template(name, text)?;
    }
    Ok(env)
});

/// What the address says; a value that means nothing here is passed over.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PageParams {
    lang: Option<String>,
    topic: Option<String>,
    district: Option<String>,
    basis: Option<String>,
    grain: Option<String>,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Choice {
    /// `None` = the one that rises most.
    topic: Option<i32>,
    district: i32,
    basis: Basis,
    grain: Grain,
}

impl From<&PageParams> for Choice {
    fn from(params: &PageParams) -> Self {
        let key = |text: &Option<String>| text.as_deref().and_then(|t| t.parse().ok());
        Self {
            topic: key(&params.topic),
            district: key(&params.district).unwrap_or(0),
            basis: params.basis.as_deref().and_then(Basis::from_name).unwrap_or(Basis::Raw),
            grain: if params.grain.as_deref() == Some("month") { Grain::Month } else { Grain::Day },
        }
    }
}

/// Hotspots shown in full; the rest are counted.
const HOTSPOTS: i64 = 6;

pub(super) async fn page(
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(params): Params<PageParams>,
) -> Result<Response, Problem> {
    let text = Text::new(text::language(params.lang.as_deref(), &headers, state.city.lang), state.city.zone);
    let html = written(&state, &text, &params).await?;
    Ok(([("vary", "accept-language")], Html(html)).into_response())
}

/// Reads what the first view shows, so that the first who asks does not wait for it.
pub(super) async fn warm(state: &AppState) -> Result<(), Problem> {
    let text = Text::new(state.city.lang, state.city.zone);
    written(state, &text, &PageParams::default()).await.map(drop)
}

async fn written(state: &AppState, text: &Text, params: &PageParams) -> Result<String, Problem> {
    let choice = Choice::from(params);
    let status = api::status::read(state).await?;
    let base = state.boards.base(&state.store).await?;
    let score = scoreboard::scoreboard(state, choice.basis).await?;
    let rises = rises::read(state, choice).await?;
    let topic = Some(choice.topic.unwrap_or(rises.topic));
    let outlook = outlook::view(state, text, &base, Choice { topic, ..choice }).await?;
    let map = state.outlines.as_ref().and_then(|outlines| map::view(text, outlines, &base, &rises));
    let cards: Vec<_> = open_alerts(state).await?.iter().map(|a| hotspots::view(text, a)).collect();
    let lanes = super::lanes::lanes(state, choice.basis).await?;
    let runs: Vec<_> = state.store.recent_runs(8).await?.iter().map(|r| track::run(text, r)).collect();
    let html = templates()?.get_template("page.html")?.render(context! {
        title => text.say("title", context! { city => state.city.name.clone() }),
        data_to => status.data_to.map(|d| text.say("data_to", context! { day => text.date(d) })),
        issued => status.forecast.as_ref().and_then(|f| f.issued_at)
            .map(|at| text.say("issued", context! { at => text.instant(at) })),
        answers => Value::from(Serde(answers::view(text, &rises, &score))),
        lanes => Value::from(Serde(lanes::view(text, &lanes, state.today().date()))),
        hotspots => Value::from(Serde(cards)),
        more => (status.open_alerts > HOTSPOTS)
            .then(|| text.say("more_alerts", context! { n => status.open_alerts - HOTSPOTS })),
        what => Value::from(Serde(rises::what(text, &rises, &base, choice))),
        places => Value::from(Serde(rises::places(text, &rises, &base))),
        map => map.map(|map| Value::from(Serde(map))),
        outlook => Value::from(Serde(outlook)),
        past => Value::from(Serde(track::past(text, &score))),
        precision => Value::from(Serde(track::precision(text, &verdicts::precision(&state.store.judged_alerts().await?)))),
        health => Value::from(Serde(track::health(text, &status))),
        runs => Value::from(Serde(runs)),
        ..frame(state, text, keep(params)),
    })?;
    Ok(html)
}

fn templates() -> Result<&'static Environment<'static>, Problem> {
    TEMPLATES.as_ref().map_err(|error| {
        tracing::error!(%error, "a page template cannot be read");
        Problem::internal()
    })
}

/// The navigation: each entry with the word of `page.<key>` in the catalogue, and its address from the first level.
const PAGES: [(&str, &str); 5] = [
    ("overview", "./"),
    ("alerts", "alerts"),
    ("calendar", "calendar"),
    ("forecasts", "backtest"),
    ("exports", "exports"),
];

/// What every page has around its own part; `keep` is the choice that a change of language keeps.
fn frame(state: &AppState, text: &Text, keep: Vec<(&'static str, String)>) -> Value {
    let (short, other) = if text.lang == Lang::Zh { ("zh", "en") } else { ("en", "zh") };
    // Our own names: a slash in them needs no escaping.
    let file = |name| Value::from_safe_string(assets::address(name));
    context! {
        t => text.fixed(),
        lang => text.tag(),
        short,
        other,
        keep => Value::from(Serde(keep)),
        pages => PAGES.into_iter().map(|(key, path)| context! { key, path => Value::from_safe_string(path.to_owned()), name => text.word("page", key) }).collect::<Value>(),
        city => state.city.name.clone(),
        files => context! {
            css => file("page.css"),
            js => file("page.js"),
            charts => file("echarts.custom.min.js"),
            icon => file("icon.svg"),
        },
        version => env!("CARGO_PKG_VERSION"),
    }
}

async fn open_alerts(state: &AppState) -> Result<Vec<super::alert_view::AlertView>, Problem> {
    let filter = AlertFilter { state: Some("open".to_owned()), limit: HOTSPOTS, ..AlertFilter::default() };
    let rows = state.store.find_alerts(&filter).await?;
    Ok(rows.into_iter().filter_map(super::alert_view::AlertView::new).collect())
}

/// The choice as name and value, for links and forms that change something else.
fn keep(params: &PageParams) -> Vec<(&'static str, String)> {
    let choice = Choice::from(params);
    let mut keep = Vec::new();
    keep.extend(choice.topic.map(|t| ("topic", t.to_string())));
    keep.extend((choice.district != 0).then(|| ("district", choice.district.to_string())));
    keep.extend((choice.basis != Basis::Raw).then(|| ("basis", choice.basis.name().to_owned())));
    keep.extend((choice.grain != Grain::Day).then(|| ("grain", choice.grain.name().to_owned())));
    keep
}
