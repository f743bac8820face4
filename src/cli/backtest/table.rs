//! A backtest as text: who wins in each level, how it changes with the lead, which models were chosen.
use std::fmt::Write;

use super::level;
use crate::{
    stages::backtest::Scores,
    store::{BacktestRow, Grain},
};

/// The engine's name, and that of the forecast it is held against.
const MODELS: [&str; 3] = ["weisu", "seasonal_naive", "last_year"];

/// Writes it.
pub fn write(run: Option<i64>, scores: &Scores) -> String {
    let summary = &scores.summary;
    let span = match (summary.origins.first(), summary.origins.last()) {
        (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
        (Some(first), _) => first.to_string(),
        _ => "-".to_owned(),
    };
    let mut out = format!(
        "{} series from {} origins ({span}), {} days and up to {} whole months ahead\n",
        summary.series,
        summary.origins.len(),
        summary.days,
        summary.months
    );
    if let Some(run) = run {
        let _ = writeln!(out, "kept as run {run}");
    }
    out += "Lower is better but for coverage and skill; rel and skill are against seasonal_naive; * has the least quantile loss.\n";
    grain(&mut out, scores, Grain::Day, "days");
    bands(&mut out, scores, Grain::Day, "days ahead");
    grain(&mut out, scores, Grain::Month, "whole months");
    bands(&mut out, scores, Grain::Month, "months ahead");
    models(&mut out, scores);
    out
}

/// Levels from the mean over all down, each with every model.
fn grain(out: &mut String, scores: &Scores, grain: Grain, title: &str) {
    let whole = |r: &&BacktestRow| r.grain == grain.code() && r.band == "all";
    let rows: Vec<&BacktestRow> = scores.rows.iter().filter(whole).collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n{title:<24} model           pairs   MASE  RMSSE    SQL    WQL   MSIS  cov80  cov95    bias relALL  skill"
    );
    for at in levels(&rows) {
        let of_level: Vec<&&BacktestRow> = MODELS
            .iter()
            .filter_map(|m| rows.iter().find(|r| r.model == *m && (r.topic_depth, r.district_depth) == at))
            .collect();
        let best = of_level.iter().filter_map(|r| r.wql).min_by(f64::total_cmp);
        for (k, r) in of_level.into_iter().enumerate() {
            let name = if k == 0 { level(at.0, at.1) } else { String::new() };
            let mark = if r.wql.is_some() && r.wql == best { "*" } else { " " };
            let _ = writeln!(
                out,
                "{name:<24}{mark}{:<14} {:>6} {} {} {} {} {} {} {} {} {} {}",
                r.model,
                r.n,
                number(r.mase),
                number(r.rmsse),
                number(r.sql),
                number(r.wql),
                number(r.msis),
                number(r.coverage_80),
                number(r.coverage_95),
                r.bias.map_or_else(|| format!("{:>7}", "-"), |b| format!("{b:>+7.3}")),
                number(r.rel_all),
                number(r.skill),
            );
        }
    }
    let incoherence = rows.iter().find(|r| r.model == MODELS[0]).and_then(|r| r.incoherence);
    if let Some(incoherence) = incoherence {
        let _ = writeln!(
            out,
            "totals differ from the sum of their cells by at most {incoherence:.1e} of the mean total"
        );
    }
}

/// The engine by band of leads: skill and coverage of the 80 % band.
fn bands(out: &mut String, scores: &Scores, grain: Grain, title: &str) {
    let is = |r: &&BacktestRow| r.grain == grain.code() && r.model == MODELS[0];
    let rows: Vec<&BacktestRow> = scores.rows.iter().filter(is).collect();
    let mut names: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|r| r.band != "all") {
        if !names.contains(&row.band.as_str()) {
            names.push(&row.band);
        }
    }
    if names.is_empty() {
        return;
    }
    let head: String = names.iter().map(|n| format!("{n:>14}")).collect();
    let _ = writeln!(out, "\n{title:<24}{head}   skill / cov80 of weisu");
    for at in levels(&rows) {
        let _ = write!(out, "{:<24}", level(at.0, at.1));
        for name in &names {
            let row = rows.iter().find(|r| r.band == *name && (r.topic_depth, r.district_depth) == at);
            let cell = row.map_or_else(
                || "-".to_owned(),
                |r| format!("{} /{}", number(r.skill), number(r.coverage_80)),
            );
            let _ = write!(out, "{cell:>14}");
        }
        out.push('\n');
    }
}

fn models(out: &mut String, scores: &Scores) {
    let _ = writeln!(
        out,
        "\nmodels chosen            model           pairs   MASE  RMSSE    WQL  skill  cov80  cov95"
    );
    for c in &scores.summary.chosen {
        let _ = writeln!(
            out,
            "{:<24} {:<14} {:>6} {} {} {} {} {} {}",
            level(c.topic_depth, c.district_depth),
            c.model,
            c.n,
            number(c.mase),
            number(c.rmsse),
            number(c.wql),
            number(c.skill),
            number(c.coverage_80),
            number(c.coverage_95),
        );
    }
}

/// Depths in the order of the rows, each once.
fn levels(rows: &[&BacktestRow]) -> Vec<(i32, i32)> {
    let mut levels: Vec<(i32, i32)> = rows.iter().map(|r| (r.topic_depth, r.district_depth)).collect();
    levels.sort_unstable_by_key(|(t, d)| (t + d, -t));
    levels.dedup();
    levels
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| format!("{:>6}", "-"), |x| format!("{x:>6.3}"))
}
