//! Announcements as text: onsets against last year's date, probabilities of coming weeks against what came.
use std::fmt::Write;

use weisu_models::evaluation::anticipation::{
    By, ByDepth, Report,
    chance::{BINS, Score},
    seasons::Fared,
};

/// Probabilities from which on the announcements of others are shown.
const ALONE: [f64; 2] = [0.0, 0.5];

/// Writes it.
pub fn write(report: &Report) -> String {
    let (Some(first), Some(last)) = (report.origins.first(), report.origins.last()) else {
        return "no origin to announce from".into();
    };
    let mut out = format!(
        "{} origins ({first} to {last}); onsets announced 14 to {} days ahead, right within 14 days\n",
        report.origins.len(),
        report.most_days
    );
    for level in &report.levels {
        onsets(&mut out, level);
    }
    for level in &report.levels {
        probabilities(&mut out, level);
    }
    alarms(&mut out, report);
    out
}

fn name(level: &ByDepth) -> String {
    match (level.depth, level.district) {
        (None, _) => "all series".to_owned(),
        (Some(depth), 0) => format!("topics of level {depth}"),
        (Some(depth), _) => format!("level {depth} in districts"),
    }
}

fn onsets(out: &mut String, level: &ByDepth) {
    if level.last_year.seasons == 0 && level.onsets.iter().all(|f| f.announced == 0) {
        return;
    }
    let _ = writeln!(
        out,
        "\nonset, {:<22} announced  right  precision  seasons  foreseen  recall  lead days  days off",
        name(level)
    );
    for fared in &level.onsets {
        onset(out, &format!("from probability {:.1}", fared.confidence), fared);
    }
    for (by, fared) in &level.others {
        let name = match by {
            By::Both => "told",
            By::Forecast => "forecast alone",
            By::PastYears => "past years alone",
            By::City => "the city's date",
        };
        for one in fared.iter().filter(|one| ALONE.contains(&one.confidence)) {
            onset(out, &format!("{name}, from {:.1}", one.confidence), one);
        }
    }
    onset(out, "last year's date", &level.last_year);
    if let Some(near) = &level.near {
        reliability(out, "begins within 14 days of the date", near);
    }
}

fn onset(out: &mut String, name: &str, fared: &Fared) {
    let _ = writeln!(
        out,
        "{name:<30}{:>9}{:>7}{:>11}{:>9}{:>10}{:>8}{:>11}{:>10}",
        fared.announced,
        fared.right,
        share(fared.precision()),
        fared.seasons,
        fared.foreseen,
        share(fared.recall()),
        days(fared.lead_days),
        days(fared.off_days),
    );
}

fn probabilities(out: &mut String, level: &ByDepth) {
    let Some((all, leads)) = level.exceedance.split_last() else { return };
    let _ = writeln!(out, "\nweek above norm, {:<14}     pairs   rate    Brier  skill", name(level));
    for (lead, score) in (1..).zip(leads) {
        line(out, &format!("{lead} weeks ahead"), score);
    }
    line(out, "all", all);
    reliability(out, "week above norm", all);
}

fn line(out: &mut String, name: &str, score: &Score) {
    let skill = score.skill.map_or_else(|| "-".to_owned(), |s| format!("{s:.3}"));
    let _ = writeln!(out, "{name:<30}{:>10}{:>7.3}{:>9.4}{skill:>7}", score.n, score.base_rate, score.brier);
}

fn reliability(out: &mut String, name: &str, score: &Score) {
    let _ = writeln!(out, "reliability: {name:<34}     pairs   said   came");
    for (k, bin) in score.reliability.iter().enumerate().filter(|(_, bin)| bin.n > 0) {
        let n = bin.n as f64;
        let range = format!("{:.1}-{:.1}", k as f64 / BINS as f64, (k + 1) as f64 / BINS as f64);
        let _ = writeln!(out, "{range:<47}{:>10}{:>7.3}{:>7.3}", bin.n, bin.said / n, bin.came / n);
    }
}

fn alarms(out: &mut String, report: &Report) {
    let _ =
        writeln!(out, "\nalarms, all series         any week  an origin  right   agreed  an origin  right");
    let origins = report.origins.len().max(1) as f64;
    for (from, alarms) in &report.alarms {
        let _ = write!(out, "from probability {from:<8.2}");
        for [n, right] in [alarms.single, alarms.agreed] {
            let precision = (n > 0).then(|| right as f64 / n as f64);
            let _ = write!(out, "{n:>10}{:>11.1}{:>7}", n as f64 / origins, share(precision));
        }
        out.push('\n');
    }
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |x| format!("{:.0} %", x * 100.0))
}

fn days(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |x| format!("{x:.0}"))
}
