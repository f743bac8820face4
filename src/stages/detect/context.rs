//! What stands beside a finding: the same days at other times, the calendar, and whether the neighbours rise too.
//!
//! One place for every kind, so that "last year" means the same in all of them. The week before is the window moved back
//! by the whole weeks it spans, so that weekdays meet; last year is laid beside it twice, by the solar calendar and, in
//! a city that lives by it, aligned on Spring Festival.
use chrono::{Days, NaiveDate};
use weisu_models::{
    calendar::{Alignment, By, Season, align::Span},
    hotspot::exceedance::same_weeks,
};

use super::{Finding, Scene, ground::Ground};
use crate::{
    config::Lang,
    stages::city::Names,
    store::{alarms::Kind, alerts::Compare, details::Neighbours},
    ticket::Day,
};

/// Days in a week.
const WEEK: i64 = 7;
/// Share of a window's days that must be known for its sum, scaled up, to be compared with.
const KNOWN: f64 = 0.7;
/// Probability under which a neighbour is high too.
const HIGH: f64 = 0.1;
/// Names of a calendar that are told with an alert at most.
const EVENTS: usize = 4;

/// What the neighbours of a district do in a finding's days, in the same topic: high (of a fall low) at one in ten by their
/// own baselines, or of a coming week forecast to pass their own norm by the margin of an alarm. `None` of the whole
/// city, of a district without neighbours on the map, of kinds that are about several districts or about the data, and
/// where no neighbour can be judged.
pub fn neighbours(scene: &Scene, names: &Names, finding: &Finding) -> Option<Neighbours> {
    let several = matches!(
        finding.kind,
        Kind::Widespread | Kind::Cluster | Kind::Emerging | Kind::Data | Kind::RepeatCluster
    );
    if several || scene.city.keys[finding.node].district == 0 {
        return None;
    }
    let around = Ground::new(scene).ok()?.around(scene, finding.node);
    let judged: Vec<(usize, f64)> = if finding.kind == Kind::ForecastExceedance {
        around.into_iter().filter_map(|node| Some((node, ahead(scene, node, finding)?))).collect()
    } else {
        past(scene, &around, finding)?
    };
    let mut up: Vec<(usize, f64)> = judged.iter().filter(|(_, p)| *p < HIGH).copied().collect();
    up.sort_by(|a, b| a.1.total_cmp(&b.1));
    let name = |node: usize| names.district(scene.city.keys[node].district).pop();
    let of = u32::try_from(judged.len()).ok().filter(|n| *n > 0)?;
    Some(Neighbours { up: up.into_iter().filter_map(|(node, _)| name(node)).collect(), of })
}

/// Neighbours with the probability of what they had in the window, from what was known before it.
fn past(scene: &Scene, around: &[usize], finding: &Finding) -> Option<Vec<(usize, f64)>> {
    let prepared = scene.prepared(finding.kind).ok()?;
    let at = |day: Day| usize::try_from(day.0 - Day::from(scene.city.panel.start).0).ok();
    let (from, to) = (at(finding.window.0)?, at(finding.window.1)? + 1);
    let judge = |node: &usize| {
        let series = scene.series(*node);
        let baseline = prepared.baseline(&series, from, &scene.grounds.known)?;
        let window = baseline.window(&series, from..to, |_| true)?;
        Some((*node, if finding.is_fall() { window.lower_p() } else { window.upper_p() }))
    };
    Some(around.iter().filter_map(judge).collect())
}

/// 0 of a neighbour whose coming week passes its norm by the margin, else 1.
fn ahead(scene: &Scene, node: usize, finding: &Finding) -> Option<f64> {
    let week = usize::try_from(finding.window.0.0 - scene.origin.0 - 1).ok()? / WEEK as usize;
    let mean = scene.weeks.get(&node)?.means.get(week).copied()?;
    let series = scene.series(node);
    let same = same_weeks(scene.city.panel.start, &series, finding.window.0.date(), scene.alignment);
    let norm = same.iter().sum::<f64>() / same.len() as f64;
    let bound = norm * (1.0 + scene.settings.exceedance_margin);
    norm.is_finite().then_some(if mean > bound.max(1.0) { 0.0 } else { 1.0 })
}

/// Counts of a finding's window at other times: what its detector says, and what it leaves open.
pub fn compare(scene: &Scene, finding: &Finding) -> Compare {
    let said = finding.compare;
    // Repeats are counted on a panel of their own, that reaches back half a year.
    if finding.kind == Kind::RepeatCluster {
        return said;
    }
    let series = scene.series(finding.node);
    let days = days(finding);
    let sum = |span: Option<Span>| known_sum(scene.city.panel.start, &series, span?);
    let last_year = |alignment: Alignment| sum(alignment.past(days, 1, By::Week));
    let is_lunar = scene.alignment == Alignment::SpringFestival;
    Compare {
        last_week: said.last_week.or_else(|| sum(weeks_before(days))),
        last_year: last_year(Alignment::Solar),
        last_year_lunar: is_lunar.then(|| last_year(Alignment::SpringFestival)).flatten(),
        norm: said.norm,
    }
}

/// The days that are compared: the window, or of a season the week that it is expected to begin in.
fn days(finding: &Finding) -> Span {
    let (from, to) = (finding.window.0.date(), finding.window.1.date());
    match &finding.details.onset {
        Some(onset) => (onset.date, onset.date + Days::new(WEEK as u64 - 1)),
        None => (from, to),
    }
}

/// The same weekdays before: as many weeks back as the window spans.
fn weeks_before((from, to): Span) -> Option<Span> {
    let weeks = (to - from).num_days().max(0) / WEEK + 1;
    let back = Days::new((weeks * WEEK) as u64);
    Some((from.checked_sub_days(back)?, to.checked_sub_days(back)?))
}

/// Sum over the days of a span, scaled up for those that are missing; `None` where too few are known.
fn known_sum(start: NaiveDate, series: &[f32], (from, to): Span) -> Option<f64> {
    let first = usize::try_from((from - start).num_days()).ok()?;
    let length = usize::try_from((to - from).num_days() + 1).ok()?;
    let known = series.get(first..first + length)?.iter().filter(|y| !y.is_nan());
    let (n, sum) = known.fold((0.0, 0.0), |(n, sum), y| (n + 1.0, sum + f64::from(*y)));
    (n >= KNOWN * length as f64).then(|| sum * length as f64 / n)
}

/// Holidays and make-up workdays in the window, and the seasons that are on in it, each name once.
pub fn events(scene: &Scene, lang: Lang, finding: &Finding) -> Vec<String> {
    let (from, to) = days(finding);
    let holidays = scene.calendar.events(from, to).map(|(_, event)| event.name.clone());
    let seasons = scene.calendar.seasons_between(from, to).into_iter();
    let label = |season: &Season| {
        let label = scene.calendar.season_label(&season.name);
        match lang {
            Lang::Zh => label.zh,
            Lang::En => label.en,
        }
    };
    let mut names: Vec<String> = Vec::new();
    for name in holidays.chain(seasons.map(label)) {
        if !names.contains(&name) && names.len() < EVENTS {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests;
