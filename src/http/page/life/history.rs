//! What was done to an alert, in words.
use minijinja::{Value, context};
use serde::Serialize;

use super::Desk;
use crate::{http::api::life::AuditView, store::audit::PROGRAM};

/// A line of the audit.
#[derive(Debug, Serialize)]
pub struct Line {
    at: String,
    who: String,
    what: String,
    note: String,
}

/// Writes the audit, the newest first.
pub fn lines(desk: &Desk<'_>, audit: &[AuditView]) -> Vec<Line> {
    audit.iter().rev().map(|entry| line(desk, entry)).collect()
}

/// Who did something, as people read it.
pub fn who(desk: &Desk<'_>, entry: &AuditView) -> String {
    match entry.author.as_str() {
        PROGRAM => desk.say("l_program"),
        name => format!("{name} ({})", desk.text.word("l_via", entry.via.name())),
    }
}

fn line(desk: &Desk<'_>, entry: &AuditView) -> Line {
    let text = &desk.text;
    let action = text.word("l_did", &entry.action);
    let what = match (entry.from, entry.to) {
        (Some(from), Some(to)) if from != to => {
            let (from, to) = (text.word("state", from.name()), text.word("state", to.name()));
            text.say("l_from_to", context! { action, from, to })
        }
        _ => action,
    };
    let said = |key: &str| entry.detail.get(key).and_then(|v| v.as_str()).map(str::to_owned);
    let word = |group: &str, key: &str| said(key).map(|name| text.word(group, &name));
    let until = said("until")
        .and_then(|t| t.parse().ok())
        .map(|at| text.say("l_until", context! { at => text.instant(at) }));
    let parts = [
        word("l_verdict", "verdict"),
        word("l_cause", "cause"),
        word("severity", "to").map(|s| text.say("l_risen", context! { severity => s })),
        said("receiver"),
        until,
        said("reason"),
        said("note"),
    ];
    Line {
        at: entry.at.map_or_else(String::new, |at| text.instant(at)),
        who: who(desk, entry),
        what,
        note: parts.into_iter().flatten().collect::<Vec<_>>().join(" · "),
    }
}

/// Who acknowledged and when, in one sentence.
pub fn acknowledged(desk: &Desk<'_>, audit: &[AuditView]) -> Option<String> {
    let entry = audit.iter().rev().find(|e| e.action == crate::publish::life::Action::Acknowledge.name())?;
    let at = entry.at.map_or_else(String::new, |at| desk.text.instant(at));
    let who: Value = who(desk, entry).into();
    Some(desk.text.say("l_acknowledged_by", context! { who, at }))
}
