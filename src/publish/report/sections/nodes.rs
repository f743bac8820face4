//! 诉求结构 and 区域分析: topics and districts with shares and changes. Districts stand in the order of the register and in
//! tiers, because a table of ranks would reward those whose people have given up calling.
use super::Part;
use crate::{
    publish::report::{
        cell::Cell,
        facts::Facts,
        grid::Measured,
        period::Range,
        table::{Chart, Column, Row, Shape, Table},
    },
    ticket::Basis,
};

/// Topics of the second level shown.
const SUBTOPICS: usize = 10;
/// A change on last year beyond which a district's tier is `rising` or `falling`.
const TIER: f64 = 0.1;
/// Columns after the name.
const COLUMNS: [&str; 9] =
    ["raw", "share", "previous", "mom", "last_year", "yoy", "lunar_yoy", "dedup", "repeat_share"];

pub(super) fn topics(facts: &Facts) -> Part {
    let mut part = Part::default();
    let ids = facts.topics.at_depth(1);
    part.table(largest_first(of(facts, "topics", &ids, &|id, basis, days| facts.topic(id, basis, days))));
    let ids = if facts.topics.deepest(2) == 2 { facts.topics.at_depth(2) } else { Vec::new() };
    let mut table = of(facts, "subtopics", &ids, &|id, basis, days| facts.topic(id, basis, days));
    table = largest_first(table);
    table.rows.truncate(SUBTOPICS);
    part.table(table);
    part.chart(Chart::new(facts.words, "topics", Shape::Bars, &["raw"]));
    part
}

pub(super) fn districts(facts: &Facts) -> Part {
    let mut part = Part::default();
    let ids = facts.districts.at_depth(1);
    let table = of(facts, "districts", &ids, &|id, basis, days| facts.district(id, basis, days));
    part.table(with_tier(facts, table));
    part.chart(Chart::new(facts.words, "districts", Shape::Bars, &["raw"]));
    part.table(tiers(facts, part.tables.first()));
    part
}

/// Rows of nodes with a ticket in the period.
fn of(
    facts: &Facts,
    name: &'static str,
    ids: &[i32],
    measured: &dyn Fn(i32, Basis, Range) -> Measured,
) -> Table {
    let mut columns = vec!["name"];
    columns.extend(COLUMNS.into_iter().filter(|c| facts.is_lunar || *c != "lunar_yoy"));
    let mut table = Table::new(facts.words, name, &columns);
    let names = if name == "districts" { &facts.districts } else { &facts.topics };
    let whole = Cell::tickets(Some(facts.topic(0, Basis::Raw, facts.period.days()).n), facts.threshold);
    for id in ids {
        let of = |days: Range| measured(*id, Basis::Raw, days);
        let now = of(facts.period.days());
        if now.n == 0 {
            continue;
        }
        let ticket = |n| Cell::tickets(n, facts.threshold);
        let raw = ticket(Some(now.n));
        let mut cells = vec![Cell::text(names.path(*id)), raw.clone(), Cell::share(&raw, &whole)];
        for days in [facts.period.before().days(), facts.last_year()] {
            let then = of(days);
            let past = ticket(then.count());
            let change = Cell::change(now.change(then), &raw, &past);
            cells.extend([past, change]);
        }
        if facts.is_lunar {
            let then = of(facts.lunar_year());
            cells.push(Cell::change(now.change(then), &raw, &ticket(then.count())));
        }
        let dedup = measured(*id, Basis::Dedup, facts.period.days()).n;
        let repeats = Cell::share(&ticket(Some(now.n.saturating_sub(dedup))), &raw);
        cells.extend([ticket(Some(dedup)), repeats]);
        table.push(format!("n{id}"), cells);
    }
    table
}

fn largest_first(mut table: Table) -> Table {
    let at = table.column("raw").unwrap_or(1);
    let size = |row: &Row| row.cells.get(at).and_then(Cell::number).unwrap_or(0.0);
    table.rows.sort_by(|a, b| size(b).total_cmp(&size(a)));
    table
}

/// Adds the tier by the change on last year, or on the period before where last year is not known.
fn with_tier(facts: &Facts, mut table: Table) -> Table {
    table.columns.push(Column::new(facts.words, "tier"));
    let (yoy, mom) = (table.column("yoy"), table.column("mom"));
    for row in &mut table.rows {
        let change = |at: Option<usize>| at.and_then(|i| row.cells.get(i)).and_then(Cell::number);
        let name = match change(yoy).or(change(mom)) {
            None => "unknown",
            Some(x) if x > TIER => "rising",
            Some(x) if x < -TIER => "falling",
            Some(_) => "steady",
        };
        row.cells.push(Cell::text(facts.words.say("tier", name)));
    }
    table
}

/// Districts by tier: how many, and which.
fn tiers(facts: &Facts, districts: Option<&Table>) -> Table {
    let mut table = Table::new(facts.words, "tiers", &["tier", "number", "members"]);
    let Some(districts) = districts else { return table };
    let at = districts.column("tier").unwrap_or_default();
    for tier in ["rising", "steady", "falling", "unknown"] {
        let said = facts.words.say("tier", tier);
        let members: Vec<String> = (districts.rows.iter())
            .filter(|row| row.cells.get(at) == Some(&Cell::Text(said.clone())))
            .filter_map(|row| row.cells.first().map(|name| name.shown(facts.words.lang)))
            .collect();
        if !members.is_empty() {
            let number = Cell::Count(members.len() as u64);
            let list = members.join(&facts.words.say("mark", "list"));
            table.push(tier, vec![Cell::text(said), number, Cell::text(list)]);
        }
    }
    table
}
