//! Cron expressions as operators know them, in the city's zone.
//!
//! The grammar and the calendar arithmetic are the `cron` crate's. It wants a seconds field and counts Sunday
//! as 1, while crontab(5) has five fields and counts Sunday as 0 or 7; a small normaliser translates. Firing is
//! defined on the *local* wall clock by naive minutes, so that on a day with a clock change a job runs once:
//! a slot is named by its local time, one inside a skipped hour is due at the first instant after the gap, and
//! one in a repeated hour is due at the first passage.
use std::str::FromStr;

use chrono::{DateTime, Duration, LocalResult, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

/// A cron expression that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not five fields.
    #[error("{text:?} has {fields} fields, a cron expression has five: minute hour day month weekday")]
    Fields {
        /// As written.
        text: String,
        /// How many fields it has.
        fields: usize,
    },
    /// A field cannot be read.
    #[error("{text:?} is not a cron expression: {why}")]
    Grammar {
        /// As written.
        text: String,
        /// The parser's words.
        why: String,
    },
    /// No time matches.
    #[error("{text:?} never fires")]
    Never {
        /// As written.
        text: String,
    },
}

/// Minute, hour, day of month, month, weekday. Day of month and weekday both given means either (POSIX).
#[derive(Debug, Clone)]
pub struct Expression {
    text: String,
    /// One schedule, or two to be united when both day fields are restricted.
    parts: Vec<cron::Schedule>,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// An activation time of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Local time, `2024-03-31T02:30`: the key in the store.
    pub local: String,
    /// The instant it is due.
    pub due: DateTime<Utc>,
}

impl FromStr for Expression {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(CronError::Fields { text: text.to_owned(), fields: fields.len() });
        };
        let grammar = |why: String| CronError::Grammar { text: text.to_owned(), why };
        // Some dialects write a day field that does not matter as "?".
        let [day, weekday] = [day, weekday].map(|field| if field == "?" { "*" } else { field });
        let is_any_day = day == "*" || weekday == "*";
        let weekday = weekdays(weekday).map_err(grammar)?;
        let schedule = |day: &str, weekday: &str| {
            cron::Schedule::from_str(&format!("0 {minute} {hour} {day} {month} {weekday}"))
                .map_err(|error| grammar(error.to_string().lines().last().unwrap_or_default().to_owned()))
        };
        let parts = if is_any_day {
            vec![schedule(day, &weekday)?]
        } else {
            vec![schedule(day, "*")?, schedule("*", &weekday)?]
        };
        let expression = Self { text: text.to_owned(), parts };
        // The longest wait is for 29 February over a century without a leap year.
        match expression.next_local(NaiveDateTime::default()) {
            Some(_) => Ok(expression),
            None => Err(CronError::Never { text: text.to_owned() }),
        }
    }
}

impl std::fmt::Display for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Expression {
    /// The first slot due after `after`.
    pub fn next(&self, after: DateTime<Utc>, zone: Tz) -> Option<Slot> {
        // Begin a little before, because a skipped or repeated hour moves due times against local ones.
        let mut local = after.with_timezone(&zone).naive_local() - Duration::hours(3);
        loop {
            local = self.next_local(local)?;
            let slot = slot(local, zone)?;
            if slot.due > after {
                return Some(slot);
            }
        }
    }

    /// The newest slot due at or before `now`, looking back at most `back`.
    pub fn latest(&self, now: DateTime<Utc>, back: Duration, zone: Tz) -> Option<Slot> {
        let mut found = None;
        let mut at = now - back;
        // Doubling from the near end keeps this short for "* * * * *" and reaches far for yearly ones.
        let mut window = Duration::minutes(2);
        while window < back {
            if self.next(now - window, zone).is_some_and(|s| s.due <= now) {
                at = now - window;
                break;
            }
            window = window * 2;
        }
        while let Some(slot) = self.next(at, zone).filter(|s| s.due <= now) {
            at = slot.due;
            found = Some(slot);
        }
        found
    }

    fn next_local(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        let after = after.and_utc();
        self.parts.iter().filter_map(|part| part.after(&after).next()).min().map(|t| t.naive_utc())
    }
}

/// The slot of a local time.
fn slot(local: NaiveDateTime, zone: Tz) -> Option<Slot> {
    let due = match zone.from_local_datetime(&local) {
        LocalResult::Single(t) => t,
        LocalResult::Ambiguous(first, _) => first,
        // Inside a gap: the first minute after it. Gaps are whole minutes and shorter than a day.
        LocalResult::None => (1..=24 * 60)
            .find_map(|m| zone.from_local_datetime(&(local + Duration::minutes(m))).earliest())?,
    };
    Some(Slot { local: local.format("%Y-%m-%dT%H:%M").to_string(), due: due.with_timezone(&Utc) })
}

/// Days of the week as crontab counts them; their first three letters will do.
const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// crontab counts Sunday as 0 or 7 and Monday as 1; the crate counts Sunday as 1 and Saturday as 7.
fn weekdays(field: &str) -> Result<String, String> {
    field.split(',').map(weekday_item).collect::<Result<Vec<_>, _>>().map(|items| items.join(","))
}

fn weekday_item(item: &str) -> Result<String, String> {
    let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
    let every = match step.map(str::parse::<usize>) {
        None => 1,
        Some(Ok(step @ 1..)) => step,
        Some(_) => return Err(format!("{item} has no step of 1 or more behind the /")),
    };
    let (from, to) = match range.split_once('-') {
        None if range == "*" || range == "?" => (0, 6),
        // As in the other fields, a step behind one day means "from that day on".
        None if step.is_some() => (weekday(range)? % 7, 6),
        None => (weekday(range)?, weekday(range)?),
        // fri-sun ends on the Sunday after.
        Some((from, to)) => match (weekday(from)?, weekday(to)?) {
            (from @ 1.., 0) if to.parse::<u8>().is_err() => (from, 7),
            days => days,
        },
    };
    if from > to {
        return Err(format!("{range} runs backwards: write two ranges, such as 5-6,0-1"));
    }
    // Spelled out, because a range such as 5-7 would run backwards once Sunday is 1.
    let days: Vec<String> = (from..=to).step_by(every).map(|day| (day % 7 + 1).to_string()).collect();
    Ok(days.join(","))
}

/// Number of a day, 0 or 7 for Sunday.
fn weekday(text: &str) -> Result<u8, String> {
    let name = text.to_ascii_lowercase();
    let named = WEEKDAYS.iter().position(|day| *day == name || day[..3] == name);
    let number = named.and_then(|day| u8::try_from(day).ok()).or_else(|| text.parse().ok());
    number.filter(|day| *day <= 7).ok_or_else(|| {
        format!("{text:?} is not a weekday: 0 or 7 is Sunday, 1 is Monday, 6 is Saturday, or sun to sat")
    })
}
