//! 预测复盘: the published forecast of this very period beside what came, what the ledger says of the weeks in it, and
//! the scores of the newest fit from past days.
use super::Part;
use crate::{
    publish::report::{
        cell::Cell,
        facts::{Facts, Issued},
        grid::Measured,
        table::Table,
    },
    store::board::{LedgerOrigin, LevelScore, Point},
    ticket::{Basis, Day},
};

pub(super) fn part(facts: &Facts) -> Part {
    let mut part = Part::default();
    if let Some(issued) = &facts.past {
        part.table(origin(facts, issued));
        part.table(against(facts, issued));
    }
    part.table(ledger(facts));
    part.table(scores(facts));
    part
}

/// The run that is looked back on, and how many of its intervals held.
fn origin(facts: &Facts, issued: &Issued) -> Table {
    let mut table = Table::new(facts.words, "review_run", &["run", "origin", "judged", "held", "held_share"]);
    let judged: Vec<bool> = points(facts, issued).filter_map(|(p, now)| holds(p, now)).collect();
    let (n, held) = (judged.len() as u64, judged.iter().filter(|held| **held).count() as u64);
    let cells = vec![
        Cell::text(issued.run.id.to_string()),
        Cell::Date(Day(issued.run.origin.unwrap_or_default()).date()),
        Cell::Count(n),
        Cell::Count(held),
        Cell::share(&Cell::Count(held), &Cell::Count(n)),
    ];
    table.push("run", cells);
    table
}

/// Points with what came.
fn points<'a>(facts: &'a Facts, issued: &'a Issued) -> impl Iterator<Item = (&'a Point, Measured)> {
    let days = facts.period.days();
    let raw = issued.raw.iter().map(move |p| match (p.topic, p.district) {
        (topic, 0) => (p, facts.topic(topic, Basis::Raw, days)),
        (_, district) => (p, facts.district(district, Basis::Raw, days)),
    });
    raw.chain(issued.dedup.iter().map(move |p| (p, facts.topic(0, Basis::Dedup, days))))
}

/// Whether the 80 % band held; `None` where a day of the period is unknown.
fn holds(point: &Point, now: Measured) -> Option<bool> {
    (now.known == now.days).then(|| (point.q10..=point.q90).contains(&(now.n as f64)))
}

fn against(facts: &Facts, issued: &Issued) -> Table {
    let columns = ["name", "expected", "lower", "upper", "actual", "deviation", "inside"];
    let mut table = Table::new(facts.words, "review", &columns);
    let raw = issued.raw.len();
    for (i, (point, now)) in points(facts, issued).enumerate() {
        let (key, name) = match (point.topic, point.district) {
            _ if i >= raw => ("dedup".to_owned(), facts.words.say("basis", "dedup")),
            (0, 0) => ("raw".to_owned(), facts.words.say("basis", "raw")),
            (topic, 0) => (format!("t{topic}"), facts.topics.path(topic)),
            (_, district) => (format!("d{district}"), facts.districts.path(district)),
        };
        let tickets = |n: f64| Cell::expected(Some(n), facts.threshold);
        let (expected, actual) = (tickets(point.mean), Cell::tickets(now.count(), facts.threshold));
        let is_whole = now.known == now.days && point.mean >= 1.0;
        let deviation = is_whole.then(|| now.n as f64 / point.mean.round() - 1.0);
        let inside = holds(point, now).map(|held| if held { "inside" } else { "outside" });
        table.push(
            key,
            vec![
                Cell::text(name),
                expected.clone(),
                tickets(point.q10),
                tickets(point.q90),
                actual.clone(),
                Cell::deviation(deviation, &actual, &expected),
                inside.map_or(Cell::Unknown, |inside| Cell::text(facts.words.say("band", inside))),
            ],
        );
    }
    table
}

/// Forecasts of days one to seven ahead, by level: how many were judged, how many lay inside.
fn ledger(facts: &Facts) -> Table {
    let mut table =
        Table::new(facts.words, "ledger", &["level", "judged", "held", "held_share", "error", "naive_error"]);
    let mut levels: Vec<(i32, i32)> =
        facts.ledger.iter().map(|l| (l.topic_depth, l.district_depth)).collect();
    levels.sort_unstable();
    levels.dedup();
    for (topic, district) in levels {
        let of_level = |l: &&LedgerOrigin| (l.topic_depth, l.district_depth) == (topic, district);
        let rows: Vec<&LedgerOrigin> = facts.ledger.iter().filter(of_level).collect();
        let sum = |of: &dyn Fn(&LedgerOrigin) -> f64| rows.iter().map(|l| of(l)).sum::<f64>();
        let (n, held) = (sum(&|l| l.n as f64) as u64, sum(&|l| l.inside_80 as f64) as u64);
        let actual = sum(&|l| l.actual);
        let relative = |error: f64| if actual > 0.0 { Cell::Share(error / actual) } else { Cell::Unknown };
        let cells = vec![
            Cell::text(facts.words.say("level", &format!("{topic}-{district}"))),
            Cell::Count(n),
            Cell::Count(held),
            Cell::share(&Cell::Count(held), &Cell::Count(n)),
            relative(sum(&|l| l.error)),
            relative(sum(&|l| l.naive_error)),
        ];
        table.push(format!("{topic}-{district}"), cells);
    }
    table
}

/// The rolling-origin evaluation of the newest fit.
fn scores(facts: &Facts) -> Table {
    let mut table = Table::new(facts.words, "scores", &["level", "series", "skill", "held_80", "held_95"]);
    for s in &facts.scores {
        let share = |x: Option<f64>| x.map_or(Cell::Unknown, Cell::Share);
        let cells = vec![
            Cell::text(facts.words.say("level", &format!("{}-{}", s.topic_depth, s.district_depth))),
            Cell::Count(u64::try_from(s.series).unwrap_or(0)),
            skill(s).map_or(Cell::Unknown, Cell::Change),
            share(s.coverage_80),
            share(s.coverage_95),
        ];
        table.push(format!("{}-{}", s.topic_depth, s.district_depth), cells);
    }
    table
}

/// By how much the quantile loss is below that of the seasonal naive.
fn skill(score: &LevelScore) -> Option<f64> {
    let (own, naive) = score.wql.zip(score.wql_naive).filter(|(_, naive)| *naive > 0.0)?;
    Some(1.0 - own / naive)
}
