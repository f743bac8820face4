//! The tables of each section, one file a section. Prose is written afterwards from the cells.
mod common;
mod hotspots;
mod method;
mod nodes;
mod outlook;
mod overview;
mod repeats;
mod review;
mod seasons;

use weisu_models::calendar::Calendar;

use super::{
    facts::Facts,
    period::Period,
    table::{Chart, Table},
};

/// Sections of the monthly report, in the order offices publish them.
const MONTH: [&str; 11] = [
    "overview",
    "structure",
    "districts",
    "hotspots",
    "repeats",
    "outlook",
    "seasons",
    "common",
    "effect",
    "review",
    "method",
];
/// Sections of the weekly digest.
const WEEK: [&str; 8] =
    ["overview", "structure", "districts", "hotspots", "repeats", "outlook", "seasons", "method"];

/// Tables and charts of a section.
#[derive(Debug, Default)]
pub struct Part {
    /// Tables with at least a row.
    pub tables: Vec<Table>,
    /// Charts of them.
    pub charts: Vec<Chart>,
}

impl Part {
    /// Adds a table that has a row.
    fn table(&mut self, table: Table) {
        if !table.rows.is_empty() {
            self.tables.push(table);
        }
    }

    /// Adds a chart of a table that was added and has at least two rows.
    fn chart(&mut self, chart: Chart) {
        if self.tables.iter().any(|t| t.id == chart.table && t.rows.len() > 1) {
            self.charts.push(chart);
        }
    }
}

/// Names of the sections of a report.
pub fn of(period: Period) -> &'static [&'static str] {
    match period {
        Period::Month(_) => &MONTH,
        Period::Week(_) => &WEEK,
    }
}

/// Tables and charts of a section.
pub fn part(id: &str, facts: &Facts, calendar: &Calendar, sources: &[String]) -> Part {
    match id {
        "overview" => overview::part(facts),
        "structure" => nodes::topics(facts),
        "districts" => nodes::districts(facts),
        "hotspots" => hotspots::part(facts),
        "repeats" => repeats::part(facts),
        "outlook" => outlook::part(facts),
        "seasons" => seasons::part(facts, calendar),
        "common" => common::part(facts),
        "review" => review::part(facts),
        "method" => method::part(facts, sources),
        // 主动治理成效: nothing is registered yet, and the prose says so.
        _ => Part::default(),
    }
}
