//! Cities with hardly any data, or with data that is not as a model wants it: the chain ends well or says what is missing,
//! and forecasts stay sound.
use std::{fmt::Write, fs, path::Path};

use chrono::{Days, NaiveDate};
use sqlx::{Connection, Row, SqliteConnection};

use crate::support::{
    Database,
    command::{Said, weisu},
    office::MAPPING,
};

const HEADER: &str = "id,received,closed,updated,repeat,topic,subtopic,district\n";
const QUICK: &str = "[forecast]\ndays = 28\nmonths = 2\norigins = 3\n";

fn once(folder: &Path, tickets: &str) -> Said {
    let text = format!("{QUICK}\n[[source]]\nname = \"hotline\"\nfiles = [\"t.csv\"]\n{MAPPING}");
    fs::write(folder.join("weisu.toml"), text).unwrap();
    fs::write(folder.join("t.csv"), format!("{HEADER}{tickets}")).unwrap();
    weisu(folder, &["once", "--format", "json", "--now", "2024-12-31T12:00:00Z"])
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

struct Rows(String, usize);

impl Rows {
    fn add(&mut self, day: NaiveDate, n: usize, topic: &str, repeat: &str) {
        for _ in 0..n {
            self.1 += 1;
            let _ = writeln!(self.0, "{},{day} 09:00:00,,,{repeat},{topic},,North", self.1);
        }
    }
}

/// Two years of about 20 tickets a day, more on weekdays, until yesterday; nothing on the days of `hole`.
fn two_years(hole: std::ops::Range<NaiveDate>) -> Rows {
    let mut rows = Rows(String::new(), 0);
    for (i, date) in day("2023-01-01").iter_days().take_while(|d| *d < day("2024-12-31")).enumerate() {
        if !hole.contains(&date) {
            // Sundays are every seventh day from the first; a little noise that repeats every eleven days.
            rows.add(date, if i % 7 == 0 { 14 } else { 21 } + i % 11 % 3 - 1, "Streets", "");
        }
    }
    rows
}

/// Published forecasts of a series by its topic's name (empty = all) and basis, the whole city by day: means and bounds.
async fn forecasts(folder: &tempfile::TempDir, topic: &str, basis: &str) -> Vec<[f64; 6]> {
    let mut c = SqliteConnection::connect(&Database::sqlite(folder).url).await.unwrap();
    let sql = "SELECT f.mean, f.q025, f.q10, f.q50, f.q90, f.q975 FROM forecasts f JOIN series s ON s.id = f.series \
        LEFT JOIN topics t ON t.id = s.topic \
        WHERE f.grain = 0 AND s.district = 0 AND s.basis = $1 AND COALESCE(t.name, '') = $2 AND s.topic_depth <= 1 \
        ORDER BY f.target";
    let rows = sqlx::query(sql).bind(basis).bind(topic).fetch_all(&mut c).await.unwrap();
    rows.iter().map(|row| std::array::from_fn(|i| row.get(i))).collect()
}

fn assert_sound(forecasts: &[[f64; 6]]) {
    assert_eq!(forecasts.len(), 28);
    for row in forecasts {
        assert!(row.iter().all(|x| x.is_finite() && *x >= 0.0), "{row:?}");
        assert!(row[1..].is_sorted(), "{row:?}");
    }
}

fn mean(forecasts: &[[f64; 6]]) -> f64 {
    forecasts.iter().map(|row| row[0]).sum::<f64>() / forecasts.len() as f64
}

#[tokio::test]
async fn a_hole_in_two_years_is_missing_and_does_not_drag_forecasts_down() {
    let whole = tempfile::tempdir().unwrap();
    once(whole.path(), &two_years(day("2023-01-01")..day("2023-01-01")).0).ok();
    let without = mean(&forecasts(&whole, "", "raw").await);
    assert!((18.0..22.0).contains(&without), "{without}");
    // Four months, at the place in last year that the coming weeks look back to.
    let folder = tempfile::tempdir().unwrap();
    let said = once(folder.path(), &two_years(day("2023-11-01")..day("2024-03-01")).0).json();
    assert_eq!(said["aggregate"]["missing"].as_array().unwrap().len(), 121, "every day of the hole");
    let with = forecasts(&folder, "", "raw").await;
    assert_sound(&with);
    assert!((mean(&with) / without - 1.0).abs() < 0.06, "{} with the hole, {without} without", mean(&with));
}

#[tokio::test]
async fn a_topic_with_one_ticket_and_one_of_repeats_only_are_forecast_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = two_years(day("2023-01-01")..day("2023-01-01"));
    rows.add(day("2024-06-01"), 1, "Rare", "");
    // Repeats are no matters of their own: on the dedup basis this topic is a series of zeros.
    for i in 0..300 {
        rows.add(day("2024-01-01") + Days::new(i), 2, "Repeated", "yes");
    }
    let said = once(folder.path(), &rows.0).json();
    assert_eq!(said["ingest"]["files"][0]["added"], rows.1);
    for (topic, basis) in [("Rare", "raw"), ("Rare", "dedup"), ("Repeated", "raw"), ("Repeated", "dedup")] {
        let forecasts = forecasts(&folder, topic, basis).await;
        assert_sound(&forecasts);
        let most = if (topic, basis) == ("Repeated", "raw") { 4.0 } else { 0.5 };
        assert!(mean(&forecasts) < most, "{topic} {basis}: {}", mean(&forecasts));
    }
}

#[test]
fn hardly_any_data_ends_well_or_says_what_is_missing() {
    let of = |days: u64, per_day: usize| {
        let mut rows = Rows(String::new(), 0);
        let last = day("2024-12-30");
        (0..days).for_each(|back| rows.add(last - Days::new(back), per_day, "Streets", ""));
        rows.0
    };
    let mut only_today = Rows(String::new(), 0);
    only_today.add(day("2024-12-31"), 3, "Streets", "");
    let cases = [
        ("one ticket", of(1, 1)),
        ("one day", of(1, 40)),
        ("two days", of(2, 40)),
        ("one week", of(7, 20)),
        ("one ticket a day for a month", of(30, 1)),
        ("today only", only_today.0),
        ("no ticket", String::new()),
    ];
    for (name, tickets) in cases {
        let folder = tempfile::tempdir().unwrap();
        let said = once(folder.path(), &tickets);
        let has_day = !["today only", "no ticket"].contains(&name);
        if has_day {
            let said = said.json();
            assert!(said["forecast"]["rows"].as_u64().unwrap() > 0, "{name}: {said}");
        } else {
            // Not an error: the daemon of a new installation waits for its first closed day.
            let said = said.json();
            assert!(said.get("forecast").is_none() && said.get("fit").is_none(), "{name}: {said}");
        }
    }
}
