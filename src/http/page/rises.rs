//! Tables of the coming rises, and the figures in their rows.
use minijinja::context;
use serde::Serialize;

use super::{Choice, Text};
use crate::{
    http::{
        AppState, api,
        board::Base,
        outlook::{Rise, When},
        problem::Problem,
    },
    store::Tree,
};

/// What the page says of the coming months.
#[derive(Debug, Default)]
pub(super) struct Rises {
    /// Topics in the whole city.
    pub topics: Vec<Rise>,
    /// Districts within the topic that rises most, in the month it does.
    pub places: Vec<Rise>,
    /// Topics in the chosen district.
    pub by_topic: Vec<Rise>,
    /// Districts within the chosen topic.
    pub by_district: Vec<Rise>,
    /// Whether there is any forecast.
    pub published: bool,
}

impl Rises {
    /// The topic that more likely than not exceeds its norm by the most tickets.
    pub fn headline(&self) -> Option<&Rise> {
        self.topics.first().filter(|r| r.excess() > 0.0 && r.probability.is_some_and(|p| p > 0.5))
    }
}

/// Months looked at.
const MONTHS: When = When::Next(3);

/// Reads them; a district or topic that is not there counts as all.
pub(super) async fn read(state: &AppState, choice: Choice) -> Result<Rises, Problem> {
    let base = state.boards.base(&state.store).await?;
    if base.forecast.is_none() {
        return Ok(Rises::default());
    }
    let rises = async |of, within, when| api::forecast::rises(state, of, within, choice.basis, when).await;
    let district = if base.districts.has(choice.district) { choice.district } else { 0 };
    let topic = choice.topic.filter(|t| base.topics.has(*t)).unwrap_or(0);
    let mut found = Rises {
        topics: rises(Tree::Topics, 0, MONTHS).await?,
        places: Vec::new(),
        by_topic: rises(Tree::Topics, district, MONTHS).await?,
        by_district: rises(Tree::Districts, topic, MONTHS).await?,
        published: true,
    };
    if let Some((id, month)) = found.headline().map(|r| (r.id, r.month)) {
        found.places = rises(Tree::Districts, id, When::In(month)).await?;
    }
    Ok(found)
}

/// A table.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    title: String,
    scope: Option<String>,
    head: String,
    param: &'static str,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    id: i32,
    name: String,
    month: String,
    expected: String,
    band: String,
    last_year: String,
    change: String,
    up: bool,
    norm: String,
    probability: String,
    bar: Bar,
}

/// Geometry of a band figure, in units of a 160 x 18 drawing.
#[derive(Debug, Serialize)]
struct Bar {
    label: String,
    x95: String,
    w95: String,
    x80: String,
    w80: String,
    dot: String,
    year: Option<String>,
}

/// Rows of a table at most; the rest is in the API.
const ROWS: usize = 12;
/// Width of the drawing without room for the dot.
const WIDTH: f64 = 152.0;

/// Both tables.
pub(super) fn view(text: &Text, rises: &Rises, base: &Base, choice: Choice) -> Vec<Table> {
    let scope = |path: Vec<String>| path.last().map(|name| text.say("in_scope", context! { name }));
    let table = |title: &str, head: &str, param, scope, rows: &[Rise]| {
        let most = rows.iter().take(ROWS).map(|r| r.band_95.upper.max(r.last_year.unwrap_or(0.0)));
        let most = most.fold(1.0, f64::max);
        Table {
            title: text.say(title, ().into()),
            scope,
            head: text.say(head, ().into()),
            param,
            rows: rows.iter().take(ROWS).map(|r| row(text, r, most)).collect(),
        }
    };
    vec![
        table(
            "by_topic",
            "c_name_topic",
            "topic",
            scope(base.districts.path(choice.district)),
            &rises.by_topic,
        ),
        table(
            "by_district",
            "c_name_district",
            "district",
            scope(base.topics.path(choice.topic.unwrap_or(0))),
            &rises.by_district,
        ),
    ]
}

fn row(text: &Text, rise: &Rise, most: f64) -> Row {
    let dash = || "–".to_owned();
    let (low, high) = (text.count(rise.band_80.lower), text.count(rise.band_80.upper));
    let last_year = rise.last_year.map_or_else(dash, |n| text.count(n));
    let x = |value: f64| format!("{:.1}", 4.0 + WIDTH * value / most);
    let w = |from: f64, to: f64| format!("{:.1}", (WIDTH * (to - from) / most).max(1.0));
    Row {
        id: rise.id,
        name: rise.name.clone(),
        month: text.month(rise.month),
        expected: text.count(rise.expected),
        band: format!("{low}–{high}"),
        change: rise.change_last_year.map_or_else(dash, |c| text.change(c)),
        up: rise.change_last_year.is_some_and(|c| c > 0.0),
        norm: rise.change_norm.map_or_else(dash, |c| text.change(c)),
        probability: rise.probability.map_or_else(dash, |p| text.probability(p)),
        bar: Bar {
            label: text.say(
                "band_of",
                context! { n => text.count(rise.expected), low, high, year => last_year.clone() },
            ),
            x95: x(rise.band_95.lower),
            w95: w(rise.band_95.lower, rise.band_95.upper),
            x80: x(rise.band_80.lower),
            w80: w(rise.band_80.lower, rise.band_80.upper),
            dot: x(rise.expected),
            year: rise.last_year.map(x),
        },
        last_year,
    }
}
