//! 热点与苗头: what people were told of, and the cells that rise most though nobody may have been told.
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::Part;
use crate::{
    publish::{
        message,
        report::{
            cell::Cell,
            facts::Facts,
            grid::Measured,
            period::Range,
            table::{Chart, Shape, Table},
        },
    },
    store::{
        alarms::{Kind, Severity},
        alerts::Alert,
        report::PeriodCell,
    },
    ticket::Day,
};

/// Alerts listed in full; the rest are counted.
const ALERTS: usize = 15;
/// Rising cells shown.
const RISING: usize = 10;
/// Tickets that a rising cell has at least.
const LEAST: f64 = 10.0;
/// Share by which it exceeds the larger of both references.
const SHARE: f64 = 0.3;
/// Standard deviations of a Poisson count by which it does.
const SIGMAS: f64 = 3.0;

/// Kinds that speak of data and repeats; they stand in the section on those.
pub(super) const OF_DATA: [Kind; 3] = [Kind::RepeatCluster, Kind::Data, Kind::Drop];

pub(super) fn part(facts: &Facts) -> Part {
    let mut part = Part::default();
    let is_hot = |a: &&Alert| !OF_DATA.contains(&a.body.kind) && a.body.kind != Kind::SeasonOnset;
    let alerts: Vec<&Alert> = of_period(facts).filter(is_hot).collect();
    part.table(kinds(facts, &alerts));
    part.table(list(facts, "alerts", &alerts));
    part.table(rising(facts));
    part.chart(Chart::new(facts.words, "rising", Shape::Bars, &["raw"]));
    part
}

/// Alerts that touch the period itself.
pub(super) fn of_period(facts: &Facts) -> impl Iterator<Item = &Alert> {
    let (from, to) = facts.period.days();
    facts.alerts.iter().filter(move |alert| {
        let (onset, last) = (Day::from(alert.body.onset), alert.last_day);
        let within = |day: Day| from <= day && day <= to;
        within(onset) || within(last) || (onset < from && last > to)
    })
}

/// How many alerts of each kind, how many are open and what people said of them.
fn kinds(facts: &Facts, alerts: &[&Alert]) -> Table {
    let mut table =
        Table::new(facts.words, "alert_kinds", &["kind", "alerts", "severe", "open", "confirmed"]);
    let mut counts: BTreeMap<Option<Kind>, [u64; 4]> = BTreeMap::new();
    for alert in alerts {
        let verdict = facts.verdicts.get(&alert.id.to_string()).map(String::as_str);
        let marks = [
            true,
            alert.body.severity >= Severity::High,
            alert.state.is_open(),
            matches!(verdict, Some("confirmed" | "new_trend")),
        ];
        for kind in [None, Some(alert.body.kind)] {
            let row = counts.entry(kind).or_default();
            row.iter_mut().zip(marks).for_each(|(n, mark)| *n += u64::from(mark));
        }
    }
    for (kind, counts) in counts {
        let key = kind.map_or("all", Kind::name);
        let mut cells = vec![Cell::text(facts.words.say("kind", key))];
        cells.extend(counts.map(Cell::Count));
        table.push(key, cells);
    }
    table
}

/// Alerts in full, the most severe and most abnormal first.
pub(super) fn list(facts: &Facts, id: &'static str, alerts: &[&Alert]) -> Table {
    let columns = [
        "severity", "subject", "kind", "onset", "observed", "expected", "lower", "upper", "state", "verdict",
    ];
    let mut table = Table::new(facts.words, id, &columns);
    let mut sorted: Vec<&&Alert> = alerts.iter().collect();
    sorted.sort_by(|a, b| {
        (b.body.severity, b.body.score)
            .partial_cmp(&(a.body.severity, a.body.score))
            .unwrap_or(std::cmp::Ordering::Equal)
            .then(a.id.cmp(&b.id))
    });
    let words = facts.words;
    for (i, alert) in sorted.into_iter().take(ALERTS).enumerate() {
        let body = &alert.body;
        let tickets = |n: Option<f64>| Cell::expected(n, facts.threshold);
        let verdict = facts.verdicts.get(&alert.id.to_string()).map_or("unreviewed", String::as_str);
        table.push(
            (i + 1).to_string(),
            vec![
                Cell::text(message::colour(words.lang, body.severity)),
                Cell::text(message::subject(words.lang, body)),
                Cell::text(words.say("kind", body.kind.name())),
                Cell::Date(body.onset),
                tickets(body.observed),
                tickets(Some(body.expected)),
                tickets(Some(body.lower.unwrap_or(0.0))),
                tickets(Some(body.upper)),
                Cell::text(words.say("state", alert.state.name())),
                Cell::text(words.say("verdict", verdict)),
            ],
        );
    }
    table
}

/// Cells of second-level topics in top-level districts, by topic and district.
fn sums(facts: &Facts, cells: &[PeriodCell]) -> FxHashMap<(i32, i32), u64> {
    let depth = facts.topics.deepest(2);
    let mut out: FxHashMap<(i32, i32), u64> = FxHashMap::default();
    for cell in cells {
        let at = (facts.topics.up_to(cell.topic, depth), facts.districts.up_to(cell.district, 1));
        *out.entry(at).or_default() += u64::try_from(cell.raw).unwrap_or(0);
    }
    out
}

fn rising(facts: &Facts) -> Table {
    let mut table = Table::new(
        facts.words,
        "rising",
        &["name", "district", "raw", "previous", "mom", "last_year", "yoy"],
    );
    let spans = [facts.period.days(), facts.period.before().days(), facts.last_year()];
    let [now, before, last_year] = [0, 1, 2].map(|i: usize| sums(facts, &facts.cells[i]));
    let measured = |sums: &FxHashMap<(i32, i32), u64>, at, days: Range| {
        let (days, known) = facts.known.within(days);
        Measured { n: sums.get(at).copied().unwrap_or(0), days, known }
    };
    let mut found: Vec<(f64, (i32, i32), [Measured; 3])> = Vec::new();
    for at in now.keys() {
        let all = [
            measured(&now, at, spans[0]),
            measured(&before, at, spans[1]),
            measured(&last_year, at, spans[2]),
        ];
        if let Some(score) = score(all) {
            found.push((score, *at, all));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    for (_, (topic, district), [now, before, last_year]) in found.into_iter().take(RISING) {
        let raw = Cell::tickets(Some(now.n), facts.threshold);
        let mut cells = vec![
            Cell::text(facts.topics.path(topic)),
            Cell::text(facts.districts.path(district)),
            raw.clone(),
        ];
        for then in [before, last_year] {
            let past = Cell::tickets(then.count(), facts.threshold);
            let change = Cell::change(now.change(then), &raw, &past);
            cells.extend([past, change]);
        }
        table.push(format!("n{topic}d{district}"), cells);
    }
    table
}

/// By how many standard deviations a cell exceeds the larger of its references; `None` where it does not rise.
fn score([now, before, last_year]: [Measured; 3]) -> Option<f64> {
    let references = [before, last_year].map(|m| m.count().map(|n| n as f64));
    let most = references.into_iter().flatten().max_by(f64::total_cmp)?;
    let n = now.count()? as f64;
    let score = (n - most) / (most + 1.0).sqrt();
    (n >= LEAST && n >= (1.0 + SHARE) * most && score >= SIGMAS).then_some(score)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_rises_when_it_exceeds_both_references_by_more_than_chance() {
        let of = |n| Measured { n, days: 30, known: 30 };
        let unknown = Measured { n: 0, days: 30, known: 0 };
        for (now, before, last_year, rises) in [
            (of(100), of(40), of(50), true),
            (of(100), of(40), of(95), false),
            (of(9), of(0), of(0), false),
            (of(12), of(9), of(9), false),
            (of(40), unknown, of(10), true),
            (of(40), unknown, unknown, false),
        ] {
            assert_eq!(score([now, before, last_year]).is_some(), rises, "{now:?} {before:?} {last_year:?}");
        }
    }
}
