//! 附: 统计口径: which days are compared with which, and the settings that the numbers rest on.
use super::Part;
use crate::{
    publish::report::{
        cell::Cell,
        facts::{AHEAD_DAYS, Facts},
        table::Table,
    },
    ticket::Day,
};

pub(super) fn part(facts: &Facts, sources: &[String]) -> Part {
    let mut part = Part::default();
    part.table(periods(facts));
    part.table(settings(facts, sources));
    part
}

fn periods(facts: &Facts) -> Table {
    let mut table = Table::new(facts.words, "periods", &["span", "from", "to", "days", "known", "gaps"]);
    let mut spans = vec![
        ("this", facts.period.days()),
        ("previous", facts.period.before().days()),
        ("last_year", facts.last_year()),
    ];
    if facts.is_lunar {
        spans.push(("lunar", facts.lunar_year()));
    }
    spans.push(("next", facts.period.after().days()));
    for (name, (from, to)) in spans {
        let (days, known) = facts.known.within((from, to));
        let gaps = if name == "next" { Cell::Unknown } else { Cell::Count(u64::from(days - known)) };
        let cells = vec![
            Cell::text(facts.words.say("span", name)),
            Cell::Date(from.date()),
            Cell::Date(to.date()),
            Cell::Count(u64::from(days)),
            Cell::Count(u64::from(known)),
            gaps,
        ];
        table.push(name, cells);
    }
    table
}

fn settings(facts: &Facts, sources: &[String]) -> Table {
    let mut table = Table::new(facts.words, "settings", &["setting", "value"]);
    let date = |day: Option<Day>| day.map_or(Cell::Unknown, |day| Cell::Date(day.date()));
    let origin = |run: Option<&crate::store::Run>| date(run.and_then(|run| run.origin).map(Day));
    let rows = [
        ("city", Cell::text(facts.city.clone())),
        ("period", Cell::text(facts.period.to_string())),
        ("sources", Cell::text(sources.join(&facts.words.say("mark", "list")))),
        ("first_known", date(facts.known.ends().map(|ends| ends.0))),
        ("last_known", date(facts.known.ends().map(|ends| ends.1))),
        ("run", Cell::text(facts.run.id.to_string())),
        ("next_origin", origin(facts.next.as_ref().map(|issued| &issued.run))),
        ("small_cell", Cell::Count(u64::from(facts.threshold))),
        ("band", Cell::Share(0.8)),
        ("reach", Cell::Count(u64::from(AHEAD_DAYS.unsigned_abs()))),
        ("version", Cell::text(env!("CARGO_PKG_VERSION"))),
    ];
    for (name, value) in rows {
        table.push(name, vec![Cell::text(facts.words.say("setting", name)), value]);
    }
    table
}
