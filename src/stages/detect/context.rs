//! What stands beside a finding: the same days at other times, the calendar, and whether the neighbours rise too.
//!
//! One place for every kind, so that "last year" means the same in all of them. The week before is the window moved back
//! by the whole weeks it spans, so that weekdays meet; last year is laid beside it twice, by the solar calendar and, in
//! a city that lives by it, aligned on Spring Festival.
use chrono::{Days, NaiveDate};
use weisu_models::calendar::{Alignment, By, Season, align::Span};

use super::{Finding, Scene};
use crate::{
    config::Lang,
    store::{alarms::Kind, alerts::Compare},
};

/// Days in a week.
const WEEK: i64 = 7;
/// Share of a window's days that must be known for its sum, scaled up, to be compared with.
const KNOWN: f64 = 0.7;
/// Names of a calendar that are told with an alert at most.
const EVENTS: usize = 4;

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
