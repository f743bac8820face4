//! The honesty ledger as text.
use std::fmt::Write;

use chrono::NaiveDate;
use serde::Serialize;

use super::{date, level};
use crate::{
    stages::city::Names,
    store::{Grain, LedgerSum},
};

/// What published forecasts of one series, or of all cells of a level, were worth at one band of leads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    grain: Grain,
    lead_from: i32,
    lead_to: i32,
    topic_depth: i32,
    district_depth: i32,
    topic: Vec<String>,
    district: Vec<String>,
    /// Published runs scored.
    runs: i64,
    first_origin: NaiveDate,
    last_origin: NaiveDate,
    /// Periods scored.
    forecasts: i64,
    inside_80: i64,
    inside_95: i64,
    /// Sum of |actual - expected| / sum of actual.
    wape: Option<f64>,
    /// 1 - that error / the seasonal naive's.
    skill: Option<f64>,
    /// Sum of expected / sum of actual - 1.
    bias: Option<f64>,
}

impl Line {
    /// A line with the names of its topic and district.
    pub fn new(sum: &LedgerSum, names: &Names) -> Self {
        Self {
            grain: if sum.grain == Grain::Day.code() { Grain::Day } else { Grain::Month },
            lead_from: sum.lead_from,
            lead_to: sum.lead_to,
            topic_depth: sum.topic_depth,
            district_depth: sum.district_depth,
            topic: names.topic(sum.topic),
            district: names.district(sum.district),
            runs: sum.runs,
            first_origin: date(sum.first_origin),
            last_origin: date(sum.last_origin),
            forecasts: sum.n,
            inside_80: sum.inside_80,
            inside_95: sum.inside_95,
            wape: sum.wape(),
            skill: sum.skill(),
            bias: sum.bias(),
        }
    }

    fn name(&self) -> String {
        let path: Vec<String> = self.topic.iter().chain(&self.district).cloned().collect();
        if path.is_empty() { level(self.topic_depth, self.district_depth) } else { path.join(" / ") }
    }
}

/// Writes the lines, one a series and band.
pub fn write(lines: &[Line]) -> String {
    if lines.is_empty() {
        return "no published forecast has come due yet: bands of leads are scored when their last day has closed".into();
    }
    let mut out = String::from(
        "forecasts, of them inside the 80 % and the 95 % interval; skill against the seasonal naive\n",
    );
    for line in lines {
        let leads = if line.lead_from == line.lead_to {
            format!("{} {}", line.grain.name(), line.lead_from)
        } else {
            format!("{}s {}-{}", line.grain.name(), line.lead_from, line.lead_to)
        };
        let show = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{:+.0} %", x * 100.0));
        let _ = writeln!(
            out,
            "{leads:<13} {:>8} forecasts, {:>8} inside 80 %, {:>8} inside 95 %, skill {:>6}, bias {:>6}  {}",
            line.forecasts,
            line.inside_80,
            line.inside_95,
            show(line.skill),
            show(line.bias),
            line.name()
        );
    }
    out
}
