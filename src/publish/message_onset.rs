//! What a message says of a season to come.
use minijinja::{Value, context};

use crate::{
    config::Lang,
    store::{alerts::AlertBody, details::OnsetDetails},
};

/// Onsets of past years named in a message.
const YEARS: usize = 3;

/// Values of the onset's lines in the templates; undefined for other alerts.
pub(super) fn values(lang: Lang, body: &AlertBody) -> Value {
    let Some(onset) = &body.details.onset else { return Value::UNDEFINED };
    let separator = match lang {
        Lang::Zh => "、",
        Lang::En => ", ",
    };
    let past: Vec<String> = onset.past.iter().take(YEARS).map(ToString::to_string).collect();
    context! {
        date => onset.date.to_string(),
        from => onset.from.to_string(),
        to => onset.to.to_string(),
        chance => format!("{:.0}%", onset.probability * 100.0),
        peak_week => onset.peak_week.to_string(),
        peak => format!("{:.0}", onset.peak_expected),
        past => past.join(separator),
        status => status(lang, onset),
    }
}

/// 比往年早 9 天
fn status(lang: Lang, onset: &OnsetDetails) -> String {
    use crate::store::details::OnsetStatus::{Early, Late, Usual};
    let days = onset.shift_days.abs();
    match (lang, onset.status) {
        (Lang::Zh, Early) => format!("比往年早 {days} 天"),
        (Lang::Zh, Usual) => "与往年相当".to_owned(),
        (Lang::Zh, Late) => format!("比往年晚 {days} 天"),
        (Lang::En, Early) => format!("{days} days earlier than in past years"),
        (Lang::En, Usual) => "as in past years".to_owned(),
        (Lang::En, Late) => format!("{days} days later than in past years"),
    }
}

/// One line: what, where, from when, up to how many.
pub(super) fn title(lang: Lang, subject: &str, onset: &OnsetDetails) -> String {
    let peak = format!("{:.0}", onset.peak_expected);
    let (date, from, to) = (onset.date, onset.from, onset.to);
    match lang {
        Lang::Zh => format!("{subject}: 预计 {date} 起进入高发期(区间 {from} 至 {to}), 峰值每周 {peak} 件"),
        Lang::En => {
            format!(
                "{subject}: season expected from {date} (interval {from} to {to}), up to {peak} tickets a week"
            )
        }
    }
}
