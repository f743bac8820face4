//! 下月趋势预测: what the published forecast says of the next period. Months have their own bands; of a week the days have
//! bands and topics a sum of means, because quantiles of days do not add up.
use std::collections::BTreeMap;

use super::Part;
use crate::{
    publish::report::{
        cell::Cell,
        facts::{Facts, Issued},
        grid::Measured,
        names::Names,
        period::{Period, Range},
        table::{Chart, Shape, Table},
    },
    store::board::Point,
    ticket::{Basis, Day},
};

pub(super) fn part(facts: &Facts) -> Part {
    let mut part = Part::default();
    let Some(issued) = &facts.next else { return part };
    part.table(total(facts, issued));
    part.table(nodes(facts, issued, "next_topics"));
    part.table(nodes(facts, issued, "next_districts"));
    if matches!(facts.period, Period::Week(_)) {
        part.table(days(facts, issued));
        part.chart(Chart::new(facts.words, "next_days", Shape::Lines, &["expected", "lower", "upper"]));
        part.chart(Chart::new(facts.words, "next_topics", Shape::Bars, &["expected"]));
    } else {
        let columns = ["expected", "lower", "upper"];
        part.chart(Chart::new(facts.words, "next_topics", Shape::Bars, &columns));
    }
    part
}

/// Mean over the period, and its 80 % band where the period has one point.
fn expected(points: &[&Point]) -> (Option<f64>, Option<f64>, Option<f64>) {
    match points {
        [] => (None, None, None),
        [one] => (Some(one.mean), Some(one.q10), Some(one.q90)),
        all => (Some(all.iter().map(|p| p.mean).sum()), None, None),
    }
}

/// Expected tickets beside this period's and last year's, by both calendars.
fn cells(facts: &Facts, points: &[&Point], measured: &dyn Fn(Range) -> Measured) -> Vec<Cell> {
    let (mean, lower, upper) = expected(points);
    let tickets = |n: Option<f64>| Cell::expected(n, facts.threshold);
    let mean_cell = tickets(mean);
    let mut cells = vec![mean_cell.clone(), tickets(lower), tickets(upper)];
    let next = facts.period.after();
    let mut pasts = vec![facts.period.days(), next.last_year(weisu_models::calendar::Alignment::Solar)];
    if facts.is_lunar {
        pasts.push(next.last_year(weisu_models::calendar::Alignment::SpringFestival));
    }
    for days in pasts {
        let then = measured(days);
        let past = Cell::tickets(then.count(), facts.threshold);
        let count = then.count().filter(|n| *n > 0).map(|n| n as f64);
        let change = Cell::change(mean.zip(count).map(|(mean, n)| mean.round() / n - 1.0), &mean_cell, &past);
        cells.extend([past, change]);
    }
    cells
}

fn columns(facts: &Facts, first: &'static str) -> Vec<&'static str> {
    let mut columns = vec![first, "expected", "lower", "upper", "this_period", "mom", "last_year", "yoy"];
    if facts.is_lunar {
        columns.extend(["lunar_ref", "lunar_yoy"]);
    }
    columns
}

fn total(facts: &Facts, issued: &Issued) -> Table {
    let mut table = Table::new(facts.words, "next_total", &columns(facts, "basis"));
    for (basis, points) in [(Basis::Raw, &issued.raw), (Basis::Dedup, &issued.dedup)] {
        let of_city: Vec<&Point> = points.iter().filter(|p| p.topic == 0 && p.district == 0).collect();
        if !of_city.is_empty() {
            let mut row = vec![Cell::text(facts.words.say("basis", basis.name()))];
            row.extend(cells(facts, &of_city, &|days| facts.topic(0, basis, days)));
            table.push(basis.name(), row);
        }
    }
    table
}

/// Top-level topics or districts, the largest expected change in tickets first.
fn nodes(facts: &Facts, issued: &Issued, id: &'static str) -> Table {
    let of_topics = id == "next_topics";
    let names: &Names = if of_topics { &facts.topics } else { &facts.districts };
    let mut by_node: BTreeMap<i32, Vec<&Point>> = BTreeMap::new();
    for point in &issued.raw {
        let (own, other) =
            if of_topics { (point.topic, point.district) } else { (point.district, point.topic) };
        if own != 0 && other == 0 {
            by_node.entry(own).or_default().push(point);
        }
    }
    let mut rows: Vec<(f64, i32, Vec<Cell>)> = Vec::new();
    for (node, points) in by_node {
        let measured = |days| match of_topics {
            true => facts.topic(node, Basis::Raw, days),
            false => facts.district(node, Basis::Raw, days),
        };
        let (mean, ..) = expected(&points);
        let change = mean.unwrap_or(0.0) - measured(facts.period.days()).n as f64;
        let mut row = vec![Cell::text(names.path(node))];
        row.extend(cells(facts, &points, &measured));
        rows.push((change, node, row));
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut table = Table::new(facts.words, id, &columns(facts, "name"));
    for (_, node, row) in rows {
        table.push(format!("n{node}"), row);
    }
    table
}

fn days(facts: &Facts, issued: &Issued) -> Table {
    let mut table = Table::new(facts.words, "next_days", &["date", "expected", "lower", "upper"]);
    for p in issued.raw.iter().filter(|p| p.topic == 0 && p.district == 0) {
        let mut row = vec![Cell::Date(Day(p.target).date())];
        row.extend([p.mean, p.q10, p.q90].map(|n| Cell::expected(Some(n), facts.threshold)));
        table.push(Day(p.target).to_string(), row);
    }
    table
}
