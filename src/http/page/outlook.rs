//! The selected series: choices, sentence, table, and the data that the chart draws.
use chrono::NaiveDate;
use minijinja::{Value, context};
use serde::Serialize;

use super::{Choice, Text, options::Choose, why};
use crate::{
    config::Lang,
    http::{
        AppState,
        api::{
            explanation,
            forecast::{self, Ask, Forecast},
        },
        board::Base,
        problem::Problem,
    },
    store::Grain,
};

/// The section.
#[derive(Debug, Serialize)]
pub(super) struct Outlook {
    topics: Vec<Choose>,
    districts: Vec<Choose>,
    bases: Vec<Choose>,
    grains: Vec<Choose>,
    series: Option<Series>,
}

#[derive(Debug, Serialize)]
struct Series {
    name: String,
    label: String,
    notes: Vec<String>,
    coming: Vec<ComingRow>,
    past: Vec<PastRow>,
    chart: Chart,
    why: Option<why::Why>,
}

#[derive(Debug, Serialize)]
struct ComingRow {
    date: String,
    median: String,
    band80: String,
    band95: String,
    last_year: String,
}

#[derive(Debug, Serialize)]
struct PastRow {
    date: String,
    actual: String,
    last_year: String,
}

/// What the script draws. Arrays instead of objects: a row is a period.
#[derive(Debug, Serialize)]
struct Chart {
    grain: Grain,
    /// Start, actual, last year.
    past: Vec<(NaiveDate, Option<f64>, Option<f64>)>,
    /// Start, 2.5 %, 10 %, 50 %, 90 %, 97.5 %, last year.
    coming: Vec<(NaiveDate, [f64; 5], Option<f64>)>,
    /// Days off: date and name.
    holidays: Vec<(NaiveDate, String)>,
    /// Seasons that share a day with either: first day, last day, name.
    seasons: Vec<(NaiveDate, NaiveDate, String)>,
    words: Words,
}

#[derive(Debug, Serialize)]
struct Words {
    actual: String,
    median: String,
    band80: String,
    band95: String,
    last_year: String,
    now: String,
    lang: &'static str,
}

/// Writes the section; a combination without a forecast has no series.
pub(super) async fn view(
    state: &AppState,
    text: &Text,
    base: &Base,
    choice: Choice,
) -> Result<Outlook, Problem> {
    let topic = choice.topic.unwrap_or(0);
    let history = if choice.grain == Grain::Day { 120 } else { 24 };
    let ask = Ask { at: (topic, choice.district), basis: choice.basis, grain: choice.grain, history };
    let series = match forecast::read(state, ask).await {
        Ok(forecast) => {
            let explained = explanation::read(state, ask.at, ask.basis, None).await.ok();
            let why = explained.map(|explanation| why::view(text, &state.calendar, &explanation));
            Some(Series { why, ..series(text, &forecast) })
        }
        Err(problem) if problem.status == 404 => None,
        Err(problem) => return Err(problem),
    };
    let say = |key| text.say(key, Value::UNDEFINED);
    let raw = choice.basis == crate::ticket::Basis::Raw;
    let day = choice.grain == Grain::Day;
    Ok(Outlook {
        topics: Choose::tree(&base.topics, base.depth.0, topic, say("all_topics")),
        districts: Choose::tree(&base.districts, base.depth.1, choice.district, say("whole_city")),
        bases: Choose::of([("raw", say("basis_raw"), raw), ("dedup", say("basis_dedup"), !raw)]),
        grains: Choose::of([("day", say("grain_day"), day), ("month", say("grain_month"), !day)]),
        series,
    })
}

fn series(text: &Text, forecast: &Forecast) -> Series {
    let name = format!(
        "{} · {}",
        text.path(&forecast.topic, "all_topics"),
        text.path(&forecast.district, "whole_city")
    );
    let date = |d| if forecast.grain == Grain::Day { text.date(d) } else { text.month(d) };
    let count = |n: Option<f64>| n.map_or_else(|| "–".to_owned(), |n| text.count(n));
    let band = |low, high| format!("{}–{}", text.count(low), text.count(high));
    Series {
        label: text.say("chart_label", context! { name => name.clone() }),
        notes: notes(text, forecast),
        coming: forecast
            .coming
            .iter()
            .map(|c| ComingRow {
                date: date(c.start),
                median: text.count(c.q50),
                band80: band(c.q10, c.q90),
                band95: band(c.q025, c.q975),
                last_year: count(c.last_year),
            })
            .collect(),
        past: forecast
            .past
            .iter()
            .rev()
            .take(28)
            .map(|p| PastRow { date: date(p.start), actual: count(p.actual), last_year: count(p.last_year) })
            .collect(),
        chart: chart(text, forecast),
        why: None,
        name,
    }
}

fn notes(text: &Text, forecast: &Forecast) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(model) = &forecast.model {
        notes.push(text.say("model_line", context! { model => text.word("model", model) }));
    }
    if let Some(reason) = &forecast.fallback {
        notes.push(text.say("fallback_line", context! { reason => text.word("fallback", reason) }));
    }
    if let (Some(mase), Some(coverage)) = (forecast.scores.mase, forecast.scores.coverage_80) {
        let values = context! { mase => format!("{mase:.2}"), c80 => text.share(coverage) };
        notes.push(text.say("series_scores", values));
    }
    notes
}

fn chart(text: &Text, forecast: &Forecast) -> Chart {
    let say = |key| text.say(key, Value::UNDEFINED);
    Chart {
        grain: forecast.grain,
        past: forecast.past.iter().map(|p| (p.start, p.actual, p.last_year)).collect(),
        coming: forecast
            .coming
            .iter()
            .map(|c| (c.start, [c.q025, c.q10, c.q50, c.q90, c.q975].map(round), c.last_year))
            .collect(),
        holidays: forecast
            .holidays
            .iter()
            .filter(|h| h.off)
            .map(|h| (h.date, text.holiday(&h.name)))
            .collect(),
        seasons: forecast.seasons.iter().map(|s| (s.from, s.to, season(text, s))).collect(),
        words: Words {
            actual: say("s_actual"),
            median: say("s_median"),
            band80: say("s_band80"),
            band95: say("s_band95"),
            last_year: say("s_last_year"),
            now: say("s_now"),
            lang: text.tag(),
        },
    }
}

/// What people read for a season.
fn season(text: &Text, season: &forecast::SeasonView) -> String {
    match text.lang {
        Lang::Zh => season.zh.clone(),
        Lang::En => season.en.clone(),
    }
}

/// Two decimals are more than a chart shows.
fn round(n: f64) -> f64 {
    (n * 100.0).round() / 100.0
}
