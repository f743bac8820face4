//! How good past forecasts were, and how data and runs are.
use minijinja::{Value, context};
use serde::Serialize;

use super::Text;
use crate::{
    http::{
        alert_view::instant,
        api::status::Status,
        scoreboard::{Backtest, Published, Scoreboard},
    },
    store::{Run, verdicts::Precision},
};

/// Levels of a table, one row each.
#[derive(Debug, Serialize)]
pub(super) struct Past {
    sentence: String,
    published: Vec<PublishedRow>,
    backtest: Vec<BacktestRow>,
}

/// How precise a rule is.
#[derive(Debug, Serialize)]
pub(super) struct RuleRow {
    kind: String,
    method: String,
    reviewed: u64,
    share: String,
    interval: String,
}

/// The rules of which somebody has reviewed an alert.
pub(super) fn precision(text: &Text, all: &[Precision]) -> Vec<RuleRow> {
    let row = |rule: &Precision| {
        Some(RuleRow {
            kind: text.word("kind", rule.kind.name()),
            method: rule.method.clone(),
            reviewed: rule.reviewed,
            share: text.share(rule.precision?),
            interval: format!("{}–{}", text.share(rule.interval[0]), text.share(rule.interval[1])),
        })
    };
    all.iter().filter_map(row).collect()
}

#[derive(Debug, Serialize)]
struct PublishedRow {
    level: String,
    scored: String,
    c80: String,
    c95: String,
    /// Where the share lies between 0 and 100, for its mark.
    at: String,
    skill: String,
    bias: String,
}

#[derive(Debug, Serialize)]
struct BacktestRow {
    level: String,
    series: String,
    c80: String,
    c95: String,
    mase: String,
    skill: String,
}

/// The value, or a dash.
pub(super) fn or_dash(value: Option<String>) -> String {
    value.unwrap_or_else(|| "–".to_owned())
}

/// A level in words.
pub(super) fn level(text: &Text, topic: i32, district: i32) -> String {
    let key = match (topic, district) {
        (..0, _) => "level_all",
        (0, 0) => "level_total",
        (_, 0) => "level_topic",
        (0, _) => "level_district",
        _ => "level_cross",
    };
    text.say(key, context! { t => topic, d => district })
}

/// Writes the tables.
pub(super) fn past(text: &Text, score: &Scoreboard) -> Past {
    Past {
        sentence: sentence(text, &score.published),
        published: score.published.iter().map(|p| published(text, p)).collect(),
        backtest: score.backtest.iter().map(|b| backtest(text, b)).collect(),
    }
}

fn sentence(text: &Text, published: &[Published]) -> String {
    let scored: usize = published.iter().map(|p| p.scored).sum();
    let inside: usize = published.iter().map(|p| p.inside_80).sum();
    let from = published.iter().map(|p| p.from).min();
    let to = published.iter().map(|p| p.to).max();
    match (from, to) {
        (Some(from), Some(to)) => text.say(
            "past_sentence",
            context! {
                from => text.date(from),
                to => text.date(to),
                n => text.count(scored as f64),
                inside => text.count(inside as f64),
                share => text.share(inside as f64 / scored as f64),
            },
        ),
        _ => text.say("past_none", Value::UNDEFINED),
    }
}

fn published(text: &Text, p: &Published) -> PublishedRow {
    PublishedRow {
        level: level(text, p.topic_depth, p.district_depth),
        scored: text.count(p.scored as f64),
        c80: text.share(p.coverage_80),
        c95: text.share(p.coverage_95),
        at: format!("{:.1}", p.coverage_80 * 100.0),
        skill: or_dash(p.skill.map(|s| text.change(s))),
        bias: or_dash(p.bias.map(|b| text.change(b))),
    }
}

fn backtest(text: &Text, b: &Backtest) -> BacktestRow {
    BacktestRow {
        level: level(text, b.topic_depth, b.district_depth),
        series: text.count(b.series as f64),
        c80: or_dash(b.coverage_80.map(|c| text.share(c))),
        c95: or_dash(b.coverage_95.map(|c| text.share(c))),
        mase: or_dash(b.mase.map(|m| format!("{m:.2}"))),
        skill: or_dash(b.skill.map(|s| text.change(s))),
    }
}

/// Name and value of a line.
type Line = (String, String);

/// Writes the state of the data.
pub(super) fn health(text: &Text, status: &Status) -> Vec<Line> {
    let say = |key: &str| text.say(key, Value::UNDEFINED);
    let range = status
        .data_from
        .zip(status.data_to)
        .map(|(from, to)| text.say("h_range", context! { from => text.date(from), to => text.date(to) }));
    let age = status
        .data_age_seconds
        .map(|s| text.say("h_age_value", context! { n => text.count((s / 3600.0).floor().max(0.0)) }));
    let issued = status.forecast.as_ref().and_then(|f| f.issued_at).map(|at| text.instant(at));
    vec![
        (say("h_data"), range.unwrap_or_else(|| say("no_data"))),
        (say("h_age"), or_dash(age)),
        (say("h_gaps"), status.gap_days.to_string()),
        (say("h_forecast"), or_dash(issued)),
        (say("h_outbox"), format!("{} / {}", status.outbox_pending, status.outbox_dead)),
        (say("h_version"), status.version.to_owned()),
    ]
}

/// A run in the table.
#[derive(Debug, Serialize)]
pub(super) struct RunRow {
    stage: String,
    status: String,
    status_word: String,
    slot: String,
    finished: String,
    took: String,
    error: Option<String>,
}

/// Writes a run.
pub(super) fn run(text: &Text, run: &Run) -> RunRow {
    let took = run.finished.map(|end| (end - run.started) as f64 / 1000.0);
    RunRow {
        stage: text.word("stage", &run.stage),
        status_word: text.word("status", &run.status),
        status: run.status.clone(),
        slot: run.slot.clone(),
        finished: or_dash(run.finished.and_then(instant).map(|at| text.instant(at))),
        took: or_dash(took.map(|s| text.say("seconds", context! { n => text.count(s) }))),
        error: run.error.clone(),
    }
}
