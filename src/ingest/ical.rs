//! Holidays from iCalendar (RFC 5545), as governments and calendar services publish them.
//!
//! An event is a day off over its whole days. A make-up workday is one marked `X-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY`
//! or whose summary ends in 班, as the feeds for China write it. Observances that are no day off are left out where
//! the feed says so: an event without that mark in a feed that uses it, or a description that begins with
//! "Observance". `STATUS:TENTATIVE` is a prediction, a cancelled event none at all. An event of hours is an error,
//! because it is either no holiday or a file made for another purpose.
use std::{collections::BTreeSet, ops::RangeInclusive};

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeZone};
use icalendar::parser::{Component, Property, read_components, unfold};
use rrule::{Frequency, RRule, RRuleSet, Tz, Unvalidated};
use weisu_models::calendar::{Row, Status};

/// Days of the longest holiday; more is a mistake.
const LONGEST: i64 = 62;
/// Days that one rule can give.
const MOST: u16 = 20_000;
/// Mark of the feeds that tell days off, make-up workdays and observances apart.
const MARK: &str = "X-APPLE-SPECIAL-DAY";

/// Why a text gives no holidays.
#[derive(Debug, thiserror::Error)]
pub enum IcalError {
    /// Does not begin like one.
    #[error("not an iCalendar file: it begins with {0:?} instead of BEGIN:VCALENDAR")]
    Not(String),
    /// Broken lines.
    #[error("not valid iCalendar at line {line} ({text:?}), in event {event}")]
    Syntax {
        /// Line of the text with folded lines joined.
        line: usize,
        /// What stands there.
        text: String,
        /// The event it stands in, by its summary.
        event: String,
    },
    /// No event.
    #[error("no event (VEVENT) in it")]
    Empty,
    /// One event that cannot be taken as a holiday.
    #[error("event {event}: {problem}")]
    Event {
        /// Its summary and first day as written.
        event: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// The rows of a calendar file; repeated events are laid out over `years`.
pub fn rows(text: &str, years: &RangeInclusive<i32>) -> Result<Vec<Row>, IcalError> {
    let text = unfold(text.trim_start_matches('\u{feff}').trim_start());
    if !text.get(..15).is_some_and(|start| start.eq_ignore_ascii_case("BEGIN:VCALENDAR")) {
        return Err(IcalError::Not(text.lines().next().unwrap_or_default().chars().take(40).collect()));
    }
    let calendars = read_components(&text).map_err(|message| syntax(&text, &message))?;
    let events: Vec<&Component<'_>> =
        calendars.iter().flat_map(|c| &c.components).filter(|c| c.name.as_str() == "VEVENT").collect();
    if events.is_empty() {
        return Err(IcalError::Empty);
    }
    let marked = events.iter().any(|event| value(event, MARK).is_some());
    let moved = moved(&events)?;
    let mut rows = Vec::new();
    for event in events.into_iter().filter(|event| counts(event, marked)) {
        let uid = value(event, "UID").unwrap_or_default();
        let is_moved = |day: &NaiveDate| {
            value(event, "RECURRENCE-ID").is_none() && moved.contains(&(uid.to_owned(), *day))
        };
        let lay = Laid::of(event).and_then(|laid| Ok((laid.starts(event, years)?, laid.days)));
        let (starts, days) = lay.map_err(|problem| wrong(event, problem))?;
        for day in starts.iter().filter(|day| !is_moved(day)).flat_map(|day| day.iter_days().take(days)) {
            rows.push(row(event, day));
        }
    }
    Ok(rows)
}

/// Days of repeated events that have an event of their own instead.
fn moved(events: &[&Component<'_>]) -> Result<BTreeSet<(String, NaiveDate)>, IcalError> {
    let mut out = BTreeSet::new();
    for event in events {
        if let Some(id) = property(event, "RECURRENCE-ID") {
            let day = date(id).map_err(|problem| wrong(event, problem))?.0;
            out.insert((value(event, "UID").unwrap_or_default().to_owned(), day));
        }
    }
    Ok(out)
}

/// Whether an event is a day off or a make-up workday at all.
fn counts(event: &Component<'_>, marked: bool) -> bool {
    let is_cancelled = value(event, "STATUS").is_some_and(|s| s.eq_ignore_ascii_case("CANCELLED"));
    let is_observance = match value(event, MARK) {
        Some(_) => false,
        None => {
            marked || value(event, "DESCRIPTION").is_some_and(|d| d.trim_start().starts_with("Observance"))
        }
    };
    !is_cancelled && !is_observance
}

fn row(event: &Component<'_>, day: NaiveDate) -> Row {
    let summary = value(event, "SUMMARY").unwrap_or_default().trim();
    // 春节（休）, 春节（班）, 春节补班
    let name = summary.trim_end_matches(['）', ')']);
    let is_makeup = name.ends_with('班')
        || value(event, MARK).is_some_and(|mark| mark.eq_ignore_ascii_case("ALTERNATE-WORKDAY"));
    let plain = ["（休", "(休", "（班", "(班", "调休上班", "补班", "上班"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    let tentative = value(event, "STATUS").is_some_and(|s| s.eq_ignore_ascii_case("TENTATIVE"));
    Row {
        ds: day,
        name: plain.map_or(summary, str::trim).to_owned(),
        off: Some(!is_makeup),
        status: Some(if tentative { Status::Predicted } else { Status::Announced }),
    }
}

/// First day of an event and its number of days.
struct Laid {
    first: NaiveDate,
    days: usize,
}

impl Laid {
    fn of(event: &Component<'_>) -> Result<Self, String> {
        if value(event, "SUMMARY").is_none_or(|name| name.trim().is_empty()) {
            return Err("has no SUMMARY: a holiday needs a name".to_owned());
        }
        let start = property(event, "DTSTART").ok_or("has no DTSTART: give its first day")?;
        let (first, whole) = date(start)?;
        let days = match (property(event, "DTEND"), value(event, "DURATION")) {
            (Some(end), _) => {
                let (end, whole_end) = date(end)?;
                // Some programs write a whole day from midnight to midnight.
                if !(whole && whole_end) {
                    return Err(hours());
                }
                (end - first).num_days() + i64::from(end == first)
            }
            (None, Some(duration)) if whole => days_of(duration)?,
            (None, None) if whole && is_date(start) => 1,
            _ => return Err(hours()),
        };
        match usize::try_from(days) {
            Ok(days @ 1..) if days as i64 <= LONGEST => Ok(Self { first, days }),
            _ => {
                Err(format!("lasts {days} days: DTEND is the day after the last, at most {LONGEST} days on"))
            }
        }
    }

    /// First days of the event in `years` and just before.
    fn starts(&self, event: &Component<'_>, years: &RangeInclusive<i32>) -> Result<Vec<NaiveDate>, String> {
        let rules: Vec<&str> = values(event, "RRULE").collect();
        let mut excluded = BTreeSet::new();
        for property in properties(event, "EXDATE") {
            excluded.extend(dates(property)?);
        }
        let mut starts = BTreeSet::new();
        if rules.is_empty() {
            starts.insert(self.first);
        }
        for rule in rules {
            starts.extend(self.repeated(rule, years)?);
        }
        for property in properties(event, "RDATE") {
            starts.extend(dates(property)?);
        }
        let wanted = |day: &NaiveDate| {
            (years.start() - 1..=*years.end()).contains(&day.year()) && !excluded.contains(day)
        };
        Ok(starts.into_iter().filter(wanted).collect())
    }

    fn repeated(&self, rule: &str, years: &RangeInclusive<i32>) -> Result<Vec<NaiveDate>, String> {
        let bad = |error: String| format!("RRULE:{rule} cannot be read: {error}");
        let midnight = |day: NaiveDate| Tz::UTC.from_utc_datetime(&day.and_time(NaiveTime::MIN));
        let parsed: RRule<Unvalidated> =
            in_utc(rule).parse().map_err(|e: rrule::RRuleError| bad(e.to_string()))?;
        if !matches!(
            parsed.get_freq(),
            Frequency::Yearly | Frequency::Monthly | Frequency::Weekly | Frequency::Daily
        ) {
            return Err(bad("a day returns by day, week, month or year".to_owned()));
        }
        let first = midnight(self.first);
        let valid = parsed.validate(first).map_err(|e| bad(e.to_string()))?;
        let day = |year: i32, month, day| NaiveDate::from_ymd_opt(year, month, day).map(midnight);
        let (Some(from), Some(to)) = (day(years.start() - 1, 1, 1), day(*years.end(), 12, 31)) else {
            return Ok(Vec::new());
        };
        let found = RRuleSet::new(first).rrule(valid).after(from).before(to).all(MOST);
        if found.limited {
            return Err(bad(format!("it gives more than {MOST} days or none that can be found")));
        }
        Ok(found.dates.into_iter().map(|at: DateTime<Tz>| at.date_naive()).collect())
    }
}

/// The rule with its UNTIL as a moment in UTC: as a bare date it would be read in the machine's zone.
fn in_utc(rule: &str) -> String {
    let part = |part: &str| match part.split_once('=') {
        Some((key, day)) if key.eq_ignore_ascii_case("UNTIL") && day.len() == 8 => format!("{part}T000000Z"),
        Some((key, time)) if key.eq_ignore_ascii_case("UNTIL") && !time.ends_with('Z') => format!("{part}Z"),
        _ => part.to_owned(),
    };
    rule.trim().trim_end_matches(';').split(';').map(part).collect::<Vec<_>>().join(";")
}

/// The date of a DATE or DATE-TIME, and whether it is a whole day: without time, or at midnight of no fixed zone.
fn date(property: &Property<'_>) -> Result<(NaiveDate, bool), String> {
    one_date(property.val.as_str())
        .ok_or_else(|| format!("{} is {:?}: write a date as 20240210", property.name, property.val.as_str()))
}

fn one_date(text: &str) -> Option<(NaiveDate, bool)> {
    let (day, time) = text.trim().split_once('T').map_or((text.trim(), None), |(d, t)| (d, Some(t)));
    let is_plain = day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit());
    let day = NaiveDate::parse_from_str(day, "%Y%m%d").ok().filter(|_| is_plain)?;
    Some((day, time.is_none_or(|time| time == "000000")))
}

/// The dates of EXDATE and RDATE.
fn dates(property: &Property<'_>) -> Result<Vec<NaiveDate>, String> {
    let bad = |text: &str| format!("{} holds {text:?}: write dates as 20240210,20240211", property.name);
    property.val.as_str().split(',').map(|d| one_date(d).map(|(day, _)| day).ok_or_else(|| bad(d))).collect()
}

fn is_date(property: &Property<'_>) -> bool {
    !property.val.as_str().contains('T')
}

/// Days of a duration of whole days or weeks, such as P1D or P1W.
fn days_of(duration: &str) -> Result<i64, String> {
    let bad = || format!("DURATION is {duration:?}: write whole days, such as P3D");
    let number = duration.trim().trim_start_matches('+').strip_prefix('P').ok_or_else(bad)?;
    let (number, days) = match (number.strip_suffix('D'), number.strip_suffix('W')) {
        (Some(number), _) => (number, 1),
        (_, Some(number)) => (number, 7),
        _ => return Err(bad()),
    };
    number.parse::<u16>().map(|n| i64::from(n) * days).map_err(|_| bad())
}

fn hours() -> String {
    "has hours: a holiday is whole days, DTSTART;VALUE=DATE:20240210".to_owned()
}

fn properties<'c>(event: &'c Component<'c>, name: &str) -> impl Iterator<Item = &'c Property<'c>> {
    event.properties.iter().filter(move |p| p.name.as_str().eq_ignore_ascii_case(name))
}

fn property<'c>(event: &'c Component<'c>, name: &str) -> Option<&'c Property<'c>> {
    properties(event, name).next()
}

fn values<'c>(event: &'c Component<'c>, name: &str) -> impl Iterator<Item = &'c str> {
    properties(event, name).map(|p| p.val.as_str())
}

fn value<'c>(event: &'c Component<'c>, name: &str) -> Option<&'c str> {
    values(event, name).next()
}

fn wrong(event: &Component<'_>, problem: String) -> IcalError {
    let summary = value(event, "SUMMARY").unwrap_or("without a name");
    let start = value(event, "DTSTART").unwrap_or("no date");
    IcalError::Event { event: format!("{summary:?} ({start})"), problem }
}

/// The parser says "at line N" of everything it was in; the furthest line and the event it is in say more.
fn syntax(text: &str, message: &str) -> IcalError {
    let number = |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|n| n.parse().ok());
    let line: usize = message.split("at line ").skip(1).filter_map(number).max().unwrap_or(1);
    let lines: Vec<&str> = text.lines().collect();
    let up_to = &lines[..line.min(lines.len())];
    let begin = up_to.iter().rposition(|line| line.trim_end().eq_ignore_ascii_case("BEGIN:VEVENT"));
    let summary = begin.and_then(|begin| lines[begin..].iter().find_map(|line| line.strip_prefix("SUMMARY")));
    let event = summary.and_then(|s| s.split_once(':')).map_or("without a name", |(_, name)| name.trim());
    let at = up_to.last().copied().unwrap_or_default();
    IcalError::Syntax { line, text: at.chars().take(60).collect(), event: format!("{event:?}") }
}

#[cfg(test)]
mod tests;
