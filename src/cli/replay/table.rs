//! A replay as text.
use std::fmt::Write;

use crate::stages::replay::report::{Report, Share, Spread, Told};

/// Episodes shown, those with the highest scores.
const SHOWN: usize = 25;

/// Writes it.
pub fn write(report: &Report) -> String {
    let mut out = format!("{} to {}: {} alerts\n", report.from, report.to, report.episodes.len());
    load(&mut out, report);
    for (kind, share) in &report.confirmed {
        let _ = writeln!(out, "borne out by the week that followed, {kind}: {}", of(*share));
    }
    if let Some(lead) = &report.lead_days {
        let _ = writeln!(out, "days between an alert about a coming week and that week: {}", spread(lead));
    }
    if let Some(labelled) = &report.labelled {
        let _ = writeln!(out, "labelled rises found: {}", of(labelled.recall));
        let _ = writeln!(out, "alerts that a label speaks of: {}", of(labelled.precision));
        if let Some(delay) = &labelled.delay {
            let _ = writeln!(out, "days from the begin of a rise to the first word: {}", spread(delay));
        }
        for rise in labelled.rises.iter().filter(|rise| rise.told.is_none()) {
            let (path, label) = (path(&rise.label.topic, &rise.label.district), &rise.label);
            let _ = writeln!(out, "  missed: {} to {}  {}  {path}", label.from, label.to, label.label);
        }
    }
    episodes(&mut out, &report.episodes);
    out
}

fn load(out: &mut String, report: &Report) {
    let load = &report.load;
    let Some(per_week) = &load.per_week else { return };
    let _ = writeln!(
        out,
        "alerts an office and week ({} offices, {} weeks): mean {:.2}, 90 % quantile {}, most {}; most on one day {} of {} allowed",
        load.offices,
        load.weeks,
        per_week.mean,
        per_week.p90,
        per_week.max,
        load.most_a_day,
        load.budget_a_day,
    );
}

fn episodes(out: &mut String, told: &[Told]) {
    let mut by_score: Vec<&Told> = told.iter().collect();
    by_score.sort_by(|a, b| b.episode.peak_score.total_cmp(&a.episode.peak_score));
    if !by_score.is_empty() {
        let _ =
            writeln!(out, "\ntold       last        score  kind                 confirmed  topic, district");
    }
    for one in by_score.iter().take(SHOWN) {
        let episode = &one.episode;
        let confirmed = one.confirmed.map_or("-", |yes| if yes { "yes" } else { "no" });
        let _ = writeln!(
            out,
            "{} {} {:>6.2}  {:<20} {confirmed:<9}  {}",
            episode.told,
            episode.last,
            episode.peak_score,
            episode.kind.name(),
            path(&episode.topic, &episode.district),
        );
    }
    if by_score.len() > SHOWN {
        let _ = writeln!(out, "and {} more: --json lists all", by_score.len() - SHOWN);
    }
}

fn path(topic: &[String], district: &[String]) -> String {
    let names = |path: &[String], all: &str| if path.is_empty() { all.to_owned() } else { path.join(" / ") };
    format!("{}, {}", names(topic, "all topics"), names(district, "whole city"))
}

fn of(share: Share) -> String {
    let value = share.value().map_or_else(String::new, |x| format!(" ({:.0} %)", 100.0 * x));
    format!("{} of {}{value}", share.yes, share.of)
}

fn spread(spread: &Spread) -> String {
    format!(
        "mean {:.1}, median {}, 90 % quantile {}, most {}",
        spread.mean, spread.median, spread.p90, spread.max
    )
}
