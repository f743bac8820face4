//! 总体情况: how many on both bases, against the period before and last year by both calendars; the trend; each day.
use super::Part;
use crate::{
    publish::report::{
        cell::Cell,
        facts::Facts,
        period::{Period, Range},
        table::{Chart, Shape, Table},
    },
    ticket::{Basis, Day},
};

/// Periods of the trend.
const TRAIL: usize = 25;
const TRAIL_WEEKS: usize = 13;

pub(super) fn part(facts: &Facts) -> Part {
    let mut part = Part::default();
    part.table(total(facts));
    part.table(extremes(facts));
    part.table(trend(facts));
    part.table(days(facts));
    part.chart(Chart::new(facts.words, "trend", Shape::Lines, &["raw", "dedup"]));
    part.chart(Chart::new(facts.words, "days", Shape::Columns, &["raw"]));
    part
}

fn total(facts: &Facts) -> Table {
    let mut columns = vec!["basis", "count", "daily", "previous", "mom", "last_year", "yoy"];
    if facts.is_lunar {
        columns.extend(["lunar_ref", "lunar_yoy"]);
    }
    let mut table = Table::new(facts.words, "total", &columns);
    for basis in Basis::ALL {
        let of = |days: Range| facts.topic(0, basis, days);
        let now = of(facts.period.days());
        let count = Cell::tickets(Some(now.n), facts.threshold);
        let daily = match count {
            Cell::Count(_) => now.daily().map_or(Cell::Unknown, Cell::Decimal),
            _ => Cell::Unknown,
        };
        let mut cells = vec![Cell::text(facts.words.say("basis", basis.name())), count.clone(), daily];
        let mut pasts = vec![facts.period.before().days(), facts.last_year()];
        if facts.is_lunar {
            pasts.push(facts.lunar_year());
        }
        for then in pasts.into_iter().map(of) {
            let past = Cell::tickets(then.count(), facts.threshold);
            let change = Cell::change(now.change(then), &count, &past);
            cells.extend([past, change]);
        }
        table.push(basis.name(), cells);
    }
    table
}

/// Days of the period that are known, with their tickets.
fn known_days(facts: &Facts) -> impl Iterator<Item = (Day, u64)> {
    let (from, to) = facts.period.days();
    let days = (from.0..=to.0).map(Day).filter(|day| facts.known.holds(*day));
    days.map(|day| (day, facts.by_topic.on(0, Basis::Raw, day)))
}

fn extremes(facts: &Facts) -> Table {
    let mut table = Table::new(facts.words, "extremes", &["extreme", "date", "weekday", "raw"]);
    // The first of equal days.
    let most = known_days(facts).max_by_key(|(day, n)| (*n, std::cmp::Reverse(*day)));
    let least = known_days(facts).min_by_key(|(day, n)| (*n, *day));
    for (key, found) in [("most", most), ("least", least)] {
        let Some((day, n)) = found else { continue };
        let cells = vec![
            Cell::text(facts.words.say("extreme", key)),
            Cell::Date(day.date()),
            Cell::text(weekday(facts, day)),
            Cell::tickets(Some(n), facts.threshold),
        ];
        table.push(key, cells);
    }
    table
}

fn weekday(facts: &Facts, day: Day) -> String {
    use chrono::Datelike;
    facts.words.say("weekday", &day.date().weekday().num_days_from_monday().to_string())
}

fn trend(facts: &Facts) -> Table {
    let mut table = Table::new(facts.words, "trend", &["period", "raw", "dedup"]);
    let n = match facts.period {
        Period::Month(_) => TRAIL,
        Period::Week(_) => TRAIL_WEEKS,
    };
    for period in facts.period.trail(n) {
        let of = |basis| {
            let measured = facts.topic(0, basis, period.days());
            // The period itself is shown as far as it is known.
            let count = if period == facts.period { Some(measured.n) } else { measured.count() };
            Cell::tickets(count, facts.threshold)
        };
        let [raw, dedup] = Basis::ALL.map(of);
        if raw != Cell::Unknown {
            table.push(period.to_string(), vec![Cell::text(period.to_string()), raw, dedup]);
        }
    }
    table
}

fn days(facts: &Facts) -> Table {
    let mut table = Table::new(facts.words, "days", &["date", "weekday", "raw", "dedup"]);
    for (day, n) in known_days(facts) {
        let dedup = facts.by_topic.on(0, Basis::Dedup, day);
        let cells = vec![
            Cell::Date(day.date()),
            Cell::text(weekday(facts, day)),
            Cell::tickets(Some(n), facts.threshold),
            Cell::tickets(Some(dedup), facts.threshold),
        ];
        table.push(day.to_string(), cells);
    }
    table
}
