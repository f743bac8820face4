//! Local times of day, as receivers are told by: `"08:07"` and `"22:00-07:00"`.
use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

const FORM: &str = "%H:%M";

/// A local time of day, to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalTime(NaiveTime);

impl LocalTime {
    /// Hours and minutes past midnight; midnight when there is no such time.
    pub fn of(hours: u32, minutes: u32) -> Self {
        Self(NaiveTime::from_hms_opt(hours, minutes, 0).unwrap_or_default())
    }

    /// The first instant after `at` at which clocks in `zone` show it. Inside a skipped hour that is the instant after
    /// the gap, in a repeated one the first passage.
    pub fn after(self, at: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
        let today = at.with_timezone(&zone).date_naive();
        today.iter_days().take(3).map(|day| self.on(day, zone)).find(|instant| *instant > at).unwrap_or(at)
    }

    /// The instant on a local day.
    pub fn on(self, day: NaiveDate, zone: Tz) -> DateTime<Utc> {
        let local = day.and_time(self.0);
        // Gaps are at most a few hours long.
        (0..16)
            .find_map(|quarter| {
                zone.from_local_datetime(&(local + chrono::Duration::minutes(15 * quarter))).earliest()
            })
            .map_or_else(|| local.and_utc(), |instant| instant.to_utc())
    }
}

impl std::fmt::Display for LocalTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.format(FORM))
    }
}

impl std::str::FromStr for LocalTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        NaiveTime::parse_from_str(text.trim(), FORM).map(Self).map_err(|_| {
            format!("{text:?} is not a time of day -> write hours and minutes, such as \"08:07\"")
        })
    }
}

/// Local hours from one time of day to another, over midnight where the end is the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    from: LocalTime,
    to: LocalTime,
}

impl Quiet {
    /// Whether a time of day lies in it; its end does not.
    pub fn holds(self, time: LocalTime) -> bool {
        if self.from < self.to {
            (self.from..self.to).contains(&time)
        } else {
            time >= self.from || time < self.to
        }
    }

    /// When it ends, if `at` lies in it.
    pub fn end(self, at: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let time = LocalTime(at.with_timezone(&zone).time());
        self.holds(time).then(|| self.to.after(at, zone))
    }
}

impl std::fmt::Display for Quiet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.from, self.to)
    }
}

impl std::str::FromStr for Quiet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} are no hours -> write begin and end, such as \"22:00-07:00\"");
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let (from, to) = (from.parse().map_err(|_| wrong())?, to.parse().map_err(|_| wrong())?);
        if from == to {
            return Err(wrong());
        }
        Ok(Self { from, to })
    }
}

macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(D::Error::custom)
            }
        }
    )*};
}
as_text!(LocalTime, Quiet);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_time_of_day_is_found_in_the_zone_and_over_clock_changes() {
        let (eight, shanghai) = (LocalTime::of(8, 7), Tz::Asia__Shanghai);
        assert_eq!(eight.after(at("2024-11-15T00:06:59Z"), shanghai), at("2024-11-15T00:07:00Z"));
        assert_eq!(eight.after(at("2024-11-15T00:07:00Z"), shanghai), at("2024-11-16T00:07:00Z"));
        let (half_past_two, chicago) = (LocalTime::of(2, 30), Tz::America__Chicago);
        // 2024-03-10: clocks go from 02:00 to 03:00. 2024-11-03: 01:30 comes twice.
        assert_eq!(half_past_two.after(at("2024-03-10T06:30:00Z"), chicago), at("2024-03-10T08:00:00Z"));
        assert_eq!(
            LocalTime::of(1, 30).after(at("2024-11-03T05:30:00Z"), chicago),
            at("2024-11-03T06:30:00Z")
        );
    }

    #[test]
    fn quiet_hours_go_over_midnight_and_end() {
        let (quiet, shanghai): (Quiet, Tz) = ("22:00-07:00".parse().unwrap(), Tz::Asia__Shanghai);
        let end = |text| quiet.end(at(text), shanghai);
        assert_eq!(end("2024-11-15T13:59:00Z"), None);
        assert_eq!(end("2024-11-15T14:00:00Z"), Some(at("2024-11-15T23:00:00Z")));
        assert_eq!(end("2024-11-15T22:59:59Z"), Some(at("2024-11-15T23:00:00Z")));
        assert_eq!(end("2024-11-15T23:00:00Z"), None);
        let noon: Quiet = "12:00-13:30".parse().unwrap();
        assert!(noon.holds(LocalTime::of(13, 29)) && !noon.holds(LocalTime::of(11, 59)));
        for bad in ["22:00", "22-07", "25:00-07:00", "07:00-07:00"] {
            assert!(bad.parse::<Quiet>().unwrap_err().contains("22:00-07:00"), "{bad}");
        }
        assert_eq!(quiet.to_string(), "22:00-07:00");
    }
}
