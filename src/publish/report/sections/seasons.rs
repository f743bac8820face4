//! 季节性预案提醒: seasons whose onset was announced by the detector, what else comes back soon by the city's calendar of
//! seasons, and holidays.
use chrono::{Days, NaiveDate};
use weisu_models::calendar::{Calendar, Status, china};

use super::Part;
use crate::{
    config::Lang,
    publish::{
        message,
        report::{
            cell::Cell,
            facts::{AHEAD_DAYS, Facts},
            table::Table,
        },
    },
    ticket::Day,
};

/// Onsets of past years shown.
const YEARS: usize = 3;
/// Returning topics shown.
const RETURNING: usize = 12;

pub(super) fn part(facts: &Facts, calendar: &Calendar) -> Part {
    let mut part = Part::default();
    part.table(onsets(facts));
    part.table(returning(facts));
    part.table(coming(facts, calendar));
    part
}

/// Expected onsets after the period, soonest first; the newest word on each.
fn onsets(facts: &Facts) -> Table {
    let columns = [
        "subject",
        "onset",
        "from",
        "to",
        "probability",
        "peak_week",
        "peak",
        "onset_status",
        "past_onsets",
        "lead",
    ];
    let mut table = Table::new(facts.words, "onsets", &columns);
    let end = facts.period.days().1;
    let mut found: Vec<_> = (facts.alerts.iter())
        .filter_map(|alert| alert.body.details.onset.as_ref().map(|onset| (alert, onset)))
        .filter(|(_, onset)| Day::from(onset.date) > end)
        .collect();
    found.sort_by_key(|(alert, onset)| {
        (onset.date, alert.fingerprint.clone(), std::cmp::Reverse(alert.updated))
    });
    found.dedup_by_key(|(alert, _)| alert.fingerprint.clone());
    for (i, (alert, onset)) in found.into_iter().enumerate() {
        let season = Returning {
            name: message::subject(facts.words.lang, &alert.body),
            onset: onset.date,
            interval: (onset.from, onset.to),
            probability: onset.probability,
            peak: (onset.peak_week, onset.peak_expected),
            status: onset.status.name(),
            past: onset.past.clone(),
        };
        let mut cells = season.begins(facts).to_vec();
        cells.extend(season.years(facts));
        cells.push(lead(end, onset.date));
        table.push((i + 1).to_string(), cells);
    }
    table
}

/// Topics over the whole city that are expected to come back, soonest first.
fn returning(facts: &Facts) -> Table {
    let columns = [
        "name",
        "onset",
        "from",
        "to",
        "probability",
        "peak_week",
        "peak",
        "lower",
        "upper",
        "onset_status",
        "past_onsets",
        "repair",
        "lead",
    ];
    let mut table = Table::new(facts.words, "returning", &columns);
    let end = facts.period.days().1;
    let tickets = |n: f64| Cell::expected(Some(n), facts.threshold);
    for row in facts.seasons.iter().filter(|row| row.standing == "ahead").take(RETURNING) {
        let season = Returning {
            name: facts.topics.path(row.topic),
            onset: row.onset.date(),
            interval: (row.interval.0.date(), row.interval.1.date()),
            probability: row.probability,
            peak: (row.peak.date(), row.peak_expected),
            status: &row.timing,
            past: row.past.iter().map(|past| past.onset).collect(),
        };
        let mut cells = season.begins(facts).to_vec();
        cells.extend([tickets(row.peak_interval.0), tickets(row.peak_interval.1)]);
        cells.extend(season.years(facts));
        cells.push(row.repair.map_or(Cell::Unknown, |(from, to)| Cell::text(format!("{from} – {to}"))));
        cells.push(lead(end, season.onset));
        table.push(format!("n{}", row.topic), cells);
    }
    table
}

/// What both tables say of a season.
struct Returning<'a> {
    name: String,
    onset: NaiveDate,
    interval: (NaiveDate, NaiveDate),
    probability: f64,
    /// Monday of the busiest week, and what is expected of it.
    peak: (NaiveDate, f64),
    status: &'a str,
    /// Onsets of past years, newest first.
    past: Vec<NaiveDate>,
}

impl Returning<'_> {
    /// `name` or `subject`, `onset`, `from`, `to`, `probability`, `peak_week`, `peak`.
    fn begins(&self, facts: &Facts) -> [Cell; 7] {
        [
            Cell::text(self.name.clone()),
            Cell::Date(self.onset),
            Cell::Date(self.interval.0),
            Cell::Date(self.interval.1),
            Cell::Share(self.probability),
            Cell::Date(self.peak.0),
            Cell::expected(Some(self.peak.1), facts.threshold),
        ]
    }

    /// `onset_status`, `past_onsets`.
    fn years(&self, facts: &Facts) -> [Cell; 2] {
        let past: Vec<String> = self.past.iter().take(YEARS).map(ToString::to_string).collect();
        [
            Cell::text(facts.words.say("onset_status", self.status)),
            Cell::text(past.join(&facts.words.say("mark", "list"))),
        ]
    }
}

fn lead(end: Day, date: NaiveDate) -> Cell {
    u64::try_from(Day::from(date).0 - end.0).map_or(Cell::Unknown, Cell::Count)
}

/// Seasons and holidays that begin after the period.
fn coming(facts: &Facts, calendar: &Calendar) -> Table {
    let mut table = Table::new(facts.words, "coming", &["name", "what", "from", "to", "lead", "status"]);
    let end = facts.period.days().1;
    let (from, to) = (end.plus(1).date(), end.plus(AHEAD_DAYS).date());
    let seasons = calendar.seasons_between(from, to).into_iter().filter(|s| s.from >= from);
    let mut rows: Vec<(NaiveDate, NaiveDate, &str, String, Status)> = seasons
        .map(|s| {
            let label = calendar.season_label(&s.name);
            let name = match facts.words.lang {
                Lang::Zh => label.zh,
                Lang::En => label.en,
            };
            (s.from, s.to, "season", name, s.status)
        })
        .collect();
    rows.extend(holidays(facts.words.lang, calendar, (from, to)));
    rows.sort_by(|a, b| (a.0, a.1, &a.3).cmp(&(b.0, b.1, &b.3)));
    for (i, (first, last, what, name, status)) in rows.into_iter().enumerate() {
        let status = match status {
            Status::Announced => "announced",
            Status::Predicted => "predicted",
        };
        let said = |group: &str, name: &str| Cell::text(facts.words.say(group, name));
        let cells = vec![
            Cell::text(name),
            said("what", what),
            Cell::Date(first),
            Cell::Date(last),
            lead(end, first),
            said("status", status),
        ];
        table.push((i + 1).to_string(), cells);
    }
    table
}

/// Runs of days off with one name that begin in `[from, to]`.
fn holidays(
    lang: Lang,
    calendar: &Calendar,
    (from, to): (NaiveDate, NaiveDate),
) -> Vec<(NaiveDate, NaiveDate, &'static str, String, Status)> {
    let mut runs: Vec<(NaiveDate, NaiveDate, &'static str, String, Status)> = Vec::new();
    for (date, event) in calendar.events(from, to).filter(|(_, event)| event.off) {
        let name = match lang {
            Lang::Zh => event.name.clone(),
            Lang::En => china::english_name(&event.name).unwrap_or(&event.name).to_owned(),
        };
        match runs.last_mut() {
            Some(last) if last.3 == name && last.1.checked_add_days(Days::new(1)) == Some(date) => {
                last.1 = date;
            }
            _ => runs.push((date, date, "holiday", name, event.status)),
        }
    }
    runs
}
