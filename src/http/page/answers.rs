//! The first screen: what rises, where, when, how sure, against last year.
use minijinja::{Value, context};
use serde::Serialize;

use super::{Text, rises::Rises};
use crate::http::{outlook::Rise, scoreboard::Scoreboard};

/// One question with its answer.
#[derive(Debug, Serialize)]
struct Answer {
    question: String,
    answer: String,
    note: String,
}

/// The headline and the five answers; none while nothing clearly rises.
#[derive(Debug, Serialize)]
pub(super) struct Answers {
    headline: Value,
    help: Option<String>,
    five: Vec<Answer>,
}

/// Writes them.
pub(super) fn view(text: &Text, rises: &Rises, score: &Scoreboard) -> Answers {
    let say = |key| text.say(key, Value::UNDEFINED);
    match rises.headline() {
        Some(rise) => Answers {
            headline: text.html("headline_rise", context! { topic => rise.name.clone() }),
            help: None,
            five: five(text, rise, rises, score),
        },
        None if rises.published => {
            Answers { headline: Value::from(say("headline_calm")), help: None, five: Vec::new() }
        }
        None => Answers {
            headline: Value::from(say("headline_none")),
            help: Some(say("none_help")),
            five: Vec::new(),
        },
    }
}

fn five(text: &Text, rise: &Rise, rises: &Rises, score: &Scoreboard) -> Vec<Answer> {
    let count = |n| text.count(n);
    let answer = |question, answer: String, note: String| Answer {
        question: text.say(question, Value::UNDEFINED),
        answer,
        note,
    };
    let what = context! {
        n => count(rise.expected), low => count(rise.band_80.lower), high => count(rise.band_80.upper),
    };
    let week = rise.steepest_week.map(|w| context! { week => text.day(w.from), n => count(w.expected) });
    let (place, place_note) = place(text, rises);
    vec![
        answer("q_what", rise.name.clone(), text.say("a_what", what)),
        answer("q_where", place, place_note),
        answer("q_when", text.month(rise.month), week.map_or_else(String::new, |w| text.say("a_when", w))),
        answer(
            "q_sure",
            rise.probability.map_or_else(|| "–".to_owned(), |p| text.probability(p)),
            sure(text, score),
        ),
        answer(
            "q_year",
            rise.change_last_year.map_or_else(|| "–".to_owned(), |c| text.change(c)),
            match rise.last_year {
                Some(n) => text.say("a_year", context! { n => count(n) }),
                None => text.say("a_year_none", Value::UNDEFINED),
            },
        ),
    ]
}

/// The district that takes most of the rise, or the whole city where none stands out.
fn place(text: &Text, rises: &Rises) -> (String, String) {
    let total: f64 = rises.places.iter().map(|r| r.excess().max(0.0)).sum();
    match rises.places.first() {
        Some(first) if first.excess() > 0.0 && total > 0.0 => {
            let share = first.excess() / total;
            let even = 1.2 / rises.places.len() as f64;
            if rises.places.len() > 1 && share < even {
                return (text.say("whole_city", Value::UNDEFINED), text.say("a_where_all", Value::UNDEFINED));
            }
            let note = context! { n => text.count(first.excess()), share => text.share(share) };
            (first.name.clone(), text.say("a_where", note))
        }
        _ => (text.say("whole_city", Value::UNDEFINED), String::new()),
    }
}

/// What a probability is worth: how past bands did, published ones if any have come due.
fn sure(text: &Text, score: &Scoreboard) -> String {
    let sure = text.say("a_sure", Value::UNDEFINED);
    let scored: usize = score.published.iter().map(|p| p.scored).sum();
    let inside: usize = score.published.iter().map(|p| p.inside_80).sum();
    let backtest = || score.backtest.first().and_then(|b| b.coverage_80);
    let share = if scored > 0 { Some(inside as f64 / scored as f64) } else { backtest() };
    match share {
        Some(share) => {
            let past = text.say("a_sure_past", context! { share => text.share(share) });
            format!("{sure}{}{past}", if text.tag() == "en" { "; " } else { "；" })
        }
        None => sure,
    }
}
