//! Why the selected series is expected to be what it is: parts of the coming week.
use minijinja::context;
use serde::Serialize;

use weisu_models::calendar::Calendar;

use super::Text;
use crate::{
    config::Lang,
    explain::{Explanation, PartView, Sum},
};

/// Parts that change the mean by less than this share are not worth a line.
const LEAST: f64 = 0.005;

/// The table.
#[derive(Debug, Serialize)]
pub(super) struct Why {
    sentence: String,
    rows: Vec<Row>,
    since: Option<String>,
    changes: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    /// -100 to 100, for the bar.
    size: i32,
    factor: String,
    tickets: String,
}

/// Writes the explanation of a week.
pub(super) fn view(text: &Text, calendar: &Calendar, explanation: &Explanation) -> Why {
    let total = &explanation.total;
    let values = context! { average => text.count(total.from), mean => text.count(total.to) };
    Why {
        sentence: text.say("why_week", values),
        rows: rows(text, calendar, total),
        since: explanation.since.as_ref().map(|since| {
            let values = context! {
                day => text.date(since.origin),
                before => text.count(since.change.from),
                now => text.count(since.change.to),
            };
            text.say("why_since", values)
        }),
        changes: explanation
            .since
            .as_ref()
            .map_or_else(Vec::new, |since| rows(text, calendar, &since.change)),
    }
}

fn rows(text: &Text, calendar: &Calendar, sum: &Sum) -> Vec<Row> {
    let most = sum.parts.iter().map(|part| part.tickets.abs()).fold(0.0, f64::max);
    let worth = |part: &&PartView| (part.factor - 1.0).abs() >= LEAST;
    let row = |part: &PartView| Row {
        name: name(text, calendar, part),
        size: (part.tickets / most.max(1e-9) * 100.0).round() as i32,
        factor: format!("×{:.2}", part.factor),
        tickets: text.signed(part.tickets),
    };
    sum.parts.iter().filter(worth).map(row).collect()
}

fn name(text: &Text, calendar: &Calendar, part: &PartView) -> String {
    let word = text.word("part", part.part);
    let named = part.name.as_ref().map(|name| match (part.part, text.lang) {
        ("season", Lang::Zh) => calendar.season_label(name).zh,
        ("season", Lang::En) => calendar.season_label(name).en,
        _ => name.clone(),
    });
    named.map_or_else(|| word.clone(), |name| format!("{word} · {name}"))
}
