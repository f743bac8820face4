//! The page at `/backtest`: the ledger of published forecasts, and the newest backtest in full.
use std::collections::BTreeMap;

use axum::{
    extract::State,
    http::HeaderMap,
    response::{Html, IntoResponse, Response},
};
use minijinja::{Value, context, value::Serde};
use serde::Serialize;

use super::{
    PageParams, Text, frame, templates, text,
    track::{level, or_dash},
};
use crate::{
    http::{
        AppState,
        api::backtest::{BacktestView, newest},
        board::Base,
        problem::{Params, Problem},
    },
    store::{BacktestRow, Grain, LedgerSum},
    ticket::Basis,
};

/// Models in the order of the tables.
const MODELS: [&str; 3] = ["weisu", "seasonal_naive", "last_year"];
/// Days ahead that a line of the ledger holds.
const AHEAD: i32 = 28;

pub(crate) async fn backtest(
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(params): Params<PageParams>,
) -> Result<Response, Problem> {
    let text = Text::new(text::language(params.lang.as_deref(), &headers, state.city.lang), state.city.zone);
    let basis = params.basis.as_deref().and_then(Basis::from_name).unwrap_or(Basis::Raw);
    let base = state.boards.base(&state.store).await?;
    let test = newest(&state, basis).await?.map(|test| view(&text, &test));
    let ledger = lines(&text, &base, &state.store.ledger(basis).await?);
    let keep = (basis != Basis::Raw).then(|| ("basis", basis.name().to_owned()));
    let html = templates()?.get_template("backtest.html")?.render(context! {
        title => text.say("backtest_title", context! { city => state.city.name.clone() }),
        test => test.map(|test| Value::from(Serde(test))),
        ledger => Value::from(Serde(ledger)),
        ..frame(&state, &text, keep.into_iter().collect()),
    })?;
    Ok(([("vary", "accept-language")], Html(html)).into_response())
}

/// The newest backtest in words.
#[derive(Debug, Serialize)]
struct Test {
    lead: String,
    days: Vec<ScoreRow>,
    day_bands: Bands,
    months: Vec<ScoreRow>,
    chosen: Vec<ChosenRow>,
}

#[derive(Debug, Serialize)]
struct ScoreRow {
    level: String,
    model: String,
    best: bool,
    n: String,
    mase: String,
    rmsse: String,
    wql: String,
    c80: String,
    c95: String,
    bias: String,
    skill: String,
}

/// One column a band of leads.
#[derive(Debug, Serialize)]
struct Bands {
    names: Vec<String>,
    rows: Vec<BandRow>,
}

#[derive(Debug, Serialize)]
struct BandRow {
    level: String,
    cells: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ChosenRow {
    level: String,
    model: String,
    n: String,
    mase: String,
    wql: String,
    c80: String,
    skill: String,
}

fn view(text: &Text, test: &BacktestView) -> Test {
    let origins = &test.summary.origins;
    let day = |date: Option<&chrono::NaiveDate>| or_dash(date.map(|d| text.date(*d)));
    let lead = text.say(
        "backtest_lead",
        context! {
            from => day(origins.first()),
            to => day(origins.last()),
            n => origins.len(),
            days => test.summary.days,
            series => text.count(test.summary.series as f64),
        },
    );
    let chosen = test.summary.chosen.iter().map(|c| ChosenRow {
        level: level(text, c.topic_depth, c.district_depth),
        model: text.word("model", &c.model),
        n: text.count(c.n as f64),
        mase: decimal(c.mase),
        wql: decimal(c.wql),
        c80: or_dash(c.coverage_80.map(|s| text.share(s))),
        skill: or_dash(c.skill.map(|s| text.change(s))),
    });
    Test {
        lead,
        days: scores(text, &test.scores, Grain::Day),
        day_bands: bands(text, &test.scores, Grain::Day),
        months: scores(text, &test.scores, Grain::Month),
        chosen: chosen.collect(),
    }
}

fn decimal(value: Option<f64>) -> String {
    or_dash(value.map(|v| format!("{v:.3}")))
}

/// The whole horizon: levels from the mean over all down, each with every model.
fn scores(text: &Text, rows: &[BacktestRow], grain: Grain) -> Vec<ScoreRow> {
    let mut whole: Vec<&BacktestRow> =
        rows.iter().filter(|r| r.grain == grain.code() && r.band == "all").collect();
    whole.sort_by_key(|r| (depths(r), MODELS.iter().position(|m| *m == r.model)));
    let best = |row: &BacktestRow| {
        let others = whole.iter().filter(|r| depths(r) == depths(row)).filter_map(|r| r.wql);
        row.wql.is_some() && row.wql == others.min_by(f64::total_cmp)
    };
    let row = |r: &&BacktestRow| ScoreRow {
        level: level(text, r.topic_depth, r.district_depth),
        model: text.word("model", &r.model),
        best: best(r),
        n: text.count(r.n as f64),
        mase: decimal(r.mase),
        rmsse: decimal(r.rmsse),
        wql: decimal(r.wql),
        c80: or_dash(r.coverage_80.map(|s| text.share(s))),
        c95: or_dash(r.coverage_95.map(|s| text.share(s))),
        bias: or_dash(r.bias.map(|b| text.change(b))),
        skill: or_dash(r.skill.map(|s| text.change(s))),
    };
    whole.iter().map(row).collect()
}

/// Sorts levels from the mean over all down.
fn depths(row: &BacktestRow) -> (i32, i32) {
    (row.topic_depth + row.district_depth, -row.topic_depth)
}

/// The engine by band of leads.
fn bands(text: &Text, rows: &[BacktestRow], grain: Grain) -> Bands {
    let mut ours: Vec<&BacktestRow> =
        rows.iter().filter(|r| r.grain == grain.code() && r.model == MODELS[0] && r.band != "all").collect();
    ours.sort_by_key(|r| depths(r));
    let mut names: Vec<String> = Vec::new();
    for row in &ours {
        if !names.contains(&row.band) {
            names.push(row.band.clone());
        }
    }
    let cell = |r: &BacktestRow| {
        let skill = or_dash(r.skill.map(|s| text.change(s)));
        format!("{skill} / {}", or_dash(r.coverage_80.map(|s| text.share(s))))
    };
    let rows = ours.chunk_by(|a, b| depths(a) == depths(b)).map(|of_level| BandRow {
        level: level(text, of_level[0].topic_depth, of_level[0].district_depth),
        cells: names
            .iter()
            .map(|name| or_dash(of_level.iter().find(|r| r.band == *name).map(|r| cell(r))))
            .collect(),
    });
    let rows = rows.collect();
    Bands { names, rows }
}

/// A line of the ledger in words.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    leads: String,
    hits: String,
    c95: String,
    skill: String,
    bias: String,
}

/// The city, each top-level topic and district, and every deeper level as a whole; days up to four weeks ahead and
/// months each in one line.
fn lines(text: &Text, base: &Base, sums: &[LedgerSum]) -> Vec<Line> {
    let mut merged: BTreeMap<(i32, i32, i32, i32, i32), LedgerSum> = BTreeMap::new();
    for sum in sums.iter().filter(|s| s.grain != Grain::Day.code() || s.lead_to <= AHEAD) {
        let depth = sum.topic_depth + sum.district_depth;
        let (topic, district) = if depth <= 1 { (sum.topic, sum.district) } else { (0, 0) };
        let key = (sum.grain, depth, -sum.topic_depth, topic, district);
        let start = LedgerSum { topic, district, ..*sum };
        merged.entry(key).and_modify(|there| there.merge(sum)).or_insert(start);
    }
    merged.values().map(|sum| line(text, base, sum)).collect()
}

fn line(text: &Text, base: &Base, sum: &LedgerSum) -> Line {
    let path: Vec<String> =
        base.topics.path(sum.topic).into_iter().chain(base.districts.path(sum.district)).collect();
    let name =
        if path.is_empty() { level(text, sum.topic_depth, sum.district_depth) } else { path.join(" · ") };
    let key = if sum.grain == Grain::Day.code() { "leads_day" } else { "leads_month" };
    let share = |n: i64| text.share(n as f64 / sum.n.max(1) as f64);
    let hits = context! {
        n => text.count(sum.n as f64),
        inside => text.count(sum.inside_80 as f64),
        share => share(sum.inside_80),
    };
    Line {
        name,
        leads: text.say(key, context! { from => sum.lead_from, to => sum.lead_to }),
        hits: text.say("ledger_hits", hits),
        c95: share(sum.inside_95),
        skill: or_dash(sum.skill().map(|s| text.change(s))),
        bias: or_dash(sum.bias().map(|b| text.change(b))),
    }
}
