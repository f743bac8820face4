//! The schedule's grammar and its local slots, on days with a clock change and against another implementation.
use std::str::FromStr;

use chrono::{DateTime, Datelike, Duration, NaiveDate, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use weisu::schedule::cron::{CronError, Expression};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Slots in `from .. until`, as `local due`, with due in local time and its offset.
fn slots(expression: &str, zone: Tz, from: &str, hours: i64) -> Vec<String> {
    let expression: Expression = expression.parse().unwrap();
    let (mut now, mut out) = (at(from), Vec::new());
    let until = now + Duration::hours(hours);
    while let Some(slot) = expression.next(now, zone).filter(|slot| slot.due < until) {
        assert!(slot.due > now, "{slot:?} does not lie after {now}");
        out.push(format!("{} {}", &slot.local[5..], slot.due.with_timezone(&zone).format("%H:%M%:z")));
        now = slot.due;
    }
    out
}

#[test]
fn a_slot_in_a_skipped_hour_is_due_at_the_first_instant_after() {
    let cases = [
        ("30 2 * * *", Tz::America__New_York, "2024-03-10T05:00:00Z", "03-10T02:30 03:00-04:00"),
        ("30 1 * * *", Tz::Europe__London, "2024-03-31T00:00:00Z", "03-31T01:30 02:00+01:00"),
        ("0 0 * * *", Tz::America__Sao_Paulo, "2018-11-04T02:00:00Z", "11-04T00:00 01:00-02:00"),
        ("15 2 * * *", Tz::Australia__Lord_Howe, "2024-10-05T13:00:00Z", "10-06T02:15 02:30+11:00"),
        // A whole day that never was.
        ("0 12 * * *", Tz::Pacific__Apia, "2011-12-30T00:00:00Z", "12-30T12:00 00:00+14:00"),
    ];
    for (expression, zone, from, first) in cases {
        assert_eq!(slots(expression, zone, from, 14)[0], first, "{zone}");
    }
}

#[test]
fn a_slot_in_a_repeated_hour_is_due_once_at_its_first_passage() {
    let cases = [
        ("30 1 * * *", Tz::America__New_York, "2024-11-03T04:00:00Z", vec!["11-03T01:30 01:30-04:00"]),
        ("30 1 * * *", Tz::Europe__London, "2024-10-26T23:00:00Z", vec!["10-27T01:30 01:30+01:00"]),
        ("30 23 * * *", Tz::America__Sao_Paulo, "2018-02-17T12:00:00Z", vec!["02-17T23:30 23:30-02:00"]),
        ("45 1 * * *", Tz::Australia__Lord_Howe, "2024-04-06T13:00:00Z", vec!["04-07T01:45 01:45+11:00"]),
    ];
    for (expression, zone, from, expected) in cases {
        assert_eq!(slots(expression, zone, from, 20), expected, "{zone}");
    }
}

#[test]
fn half_hourly_runs_go_on_in_order_over_a_clock_change() {
    let day = |zone, from| slots("*/30 * * * *", zone, from, 4);
    assert_eq!(
        day(Tz::America__New_York, "2024-03-10T05:59:00Z"),
        [
            "03-10T01:00 01:00-05:00",
            "03-10T01:30 01:30-05:00",
            "03-10T02:00 03:00-04:00",
            "03-10T03:30 03:30-04:00",
            "03-10T04:00 04:00-04:00",
            "03-10T04:30 04:30-04:00",
            "03-10T05:00 05:00-04:00",
            "03-10T05:30 05:30-04:00",
        ]
    );
    assert_eq!(
        day(Tz::America__New_York, "2024-11-03T04:59:00Z"),
        [
            "11-03T01:00 01:00-04:00",
            "11-03T01:30 01:30-04:00",
            "11-03T02:00 02:00-05:00",
            "11-03T02:30 02:30-05:00",
            "11-03T03:00 03:00-05:00",
            "11-03T03:30 03:30-05:00",
        ]
    );
}

#[test]
fn every_local_slot_of_a_year_comes_at_most_once_and_never_goes_back() {
    let zones = [
        (Tz::America__New_York, 2024),
        (Tz::America__Sao_Paulo, 2018),
        (Tz::Europe__London, 2024),
        (Tz::Australia__Lord_Howe, 2024),
        (Tz::Asia__Shanghai, 2024),
        (Tz::Antarctica__Troll, 2024),
        (Tz::Asia__Kathmandu, 2024),
    ];
    for (zone, year) in zones {
        for (text, most, gone) in [("7,37 * * * *", 48, 4), ("20 2 * * *", 1, 0), ("0 0-3 * * *", 4, 2)] {
            let expression: Expression = text.parse().unwrap();
            let mut now = Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap();
            let (end, mut last, mut n) = (now + Duration::days(365), String::new(), 0);
            while let Some(slot) = expression.next(now, zone).filter(|slot| slot.due < end) {
                assert!(slot.local > last, "{zone} {text}: {} after {last}", slot.local);
                (now, last, n) = (slot.due, slot.local, n + 1);
            }
            // Slots of one skipped hour fall on one instant, so a few may be missing and none too many.
            assert!((365 * most - gone - most..=365 * most).contains(&n), "{zone} {text}: {n}");
        }
    }
}

#[test]
fn weekdays_are_counted_and_named_as_in_crontab() {
    // 2024-09-01 was a Sunday.
    let days = |weekday: &str| -> String {
        let found = slots(&format!("0 12 * * {weekday}"), Tz::UTC, "2024-09-01T00:00:00Z", 7 * 24);
        found
            .iter()
            .map(|slot| ["S", "m", "t", "w", "h", "f", "s"][slot[4..5].parse::<usize>().unwrap() - 1])
            .collect()
    };
    let cases = [
        ("0", "S"),
        ("7", "S"),
        ("SUN", "S"),
        ("sunday", "S"),
        ("1-5", "mtwhf"),
        ("mon-fri", "mtwhf"),
        ("6-7", "Ss"),
        ("sat-sun", "Ss"),
        ("fri-sun", "Sfs"),
        ("sun-tue", "Smt"),
        ("0-6", "Smtwhfs"),
        ("1-7/2", "Smwf"),
        ("1,3,7", "Smw"),
        ("*/2", "Sths"),
        ("*", "Smtwhfs"),
        ("?", "Smtwhfs"),
        ("tue/2", "ths"),
        ("5/2", "f"),
    ];
    for (weekday, expected) in cases {
        assert_eq!(days(weekday), expected, "{weekday}");
    }
}

#[test]
fn day_of_month_and_weekday_together_mean_either() {
    let september = |text: &str| -> Vec<String> {
        let found = slots(text, Tz::UTC, "2024-09-01T00:00:00Z", 30 * 24);
        found.iter().map(|slot| slot[3..5].to_owned()).collect()
    };
    assert_eq!(september("0 12 13 * 5"), ["06", "13", "20", "27"]);
    assert_eq!(september("0 12 14 * 5"), ["06", "13", "14", "20", "27"]);
    assert_eq!(september("0 12 14 * *"), ["14"]);
    assert_eq!(september("0 12 ? * 1"), ["02", "09", "16", "23", "30"]);
    assert_eq!(september("0 12 14 * ?"), ["14"]);
    assert_eq!(
        september("0 12 30 2 1"),
        [""; 0],
        "neither 30 February nor a Monday in February is in September"
    );
}

#[test]
fn a_bad_expression_says_what_is_wrong_with_it() {
    let cases = [
        ("", "has 0 fields"),
        ("* * * *", "has 4 fields"),
        ("0 5 * * * *", "has 6 fields, a cron expression has five"),
        ("@daily", "has 1 fields"),
        ("60 * * * *", "60"),
        ("* 24 * * *", "24"),
        ("* * 0 * *", "0"),
        ("* * 32 * *", "32"),
        ("* * * 13 *", "13"),
        ("* * * * 8", "\"8\" is not a weekday: 0 or 7 is Sunday"),
        ("* * * * funday", "\"funday\" is not a weekday"),
        ("* * * * su", "is not a weekday"),
        ("* * * * 5-2", "runs backwards"),
        ("* * * * */0", "step of 1 or more"),
        ("* * * * 1-5/x", "step of 1 or more"),
        ("* * * * ,", "is not a weekday"),
        ("*/0 * * * *", "zero"),
        ("5-1 * * * *", "5-1"),
        ("a b c d e", "is not"),
        ("-1 * * * *", "is not a cron expression"),
        ("99999999999 * * * *", "is not a cron expression"),
        ("0 0 30 2 *", "never fires"),
        ("0 0 31 4,6,9,11 *", "never fires"),
    ];
    for (text, words) in cases {
        let error = text.parse::<Expression>().unwrap_err();
        let said = error.to_string();
        assert!(said.contains(words) && said.contains(&format!("{text:?}")), "{text:?}: {said}");
    }
    assert!(matches!("0 0 30 2 *".parse::<Expression>(), Err(CronError::Never { .. })));
    assert!("0 0 29 2 *".parse::<Expression>().is_ok());
}

#[test]
fn a_leap_day_is_waited_for() {
    assert_eq!(
        slots("0 6 29 2 *", Tz::Asia__Shanghai, "2025-01-01T00:00:00Z", 24 * 365 * 4),
        ["02-29T06:00 06:00+08:00"]
    );
}

/// A field of an expression that both implementations read alike.
fn field(rng: &mut ChaCha8Rng, low: u32, high: u32) -> String {
    let (a, b) = (rng.random_range(low..=high), rng.random_range(low..=high));
    let (from, to) = (a.min(b), a.max(b));
    let step = rng.random_range(1..=(high - low).max(1));
    match rng.random_range(0..5) {
        0 => "*".to_owned(),
        1 => format!("{a}"),
        2 => format!("{from}-{to}"),
        3 => format!("{from}-{to}/{step}"),
        _ => format!("{a},{from}-{to}"),
    }
}

#[test]
fn thousands_of_expressions_fire_when_another_implementation_says() {
    let mut rng = ChaCha8Rng::seed_from_u64(311);
    let (mut compared, mut never) = (0, 0);
    while compared < 4000 {
        let [minute, hour] = [59, 23].map(|high| field(&mut rng, 0, high));
        let (day, month, weekday) = (field(&mut rng, 1, 31), field(&mut rng, 1, 12), field(&mut rng, 0, 7));
        let text = format!("{minute} {hour} {day} {month} {weekday}");
        let theirs = croner::Cron::from_str(&text).unwrap();
        let mut now = at("2024-01-01T00:00:00Z") + Duration::minutes(rng.random_range(0..3_000_000));
        let mine = match text.parse::<Expression>() {
            Ok(mine) => mine,
            Err(CronError::Never { .. }) => {
                assert!(theirs.find_next_occurrence(&now, false).is_err(), "{text} fires");
                never += 1;
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        for _ in 0..4 {
            let expected = theirs.find_next_occurrence(&now, false).unwrap();
            assert_eq!(mine.next(now, Tz::UTC).unwrap().due, expected, "{text} after {now}");
            now = expected;
        }
        compared += 1;
    }
    println!("{compared} compared, {never} never fire");
}

#[test]
fn the_latest_slot_is_the_last_of_all_slots_before() {
    let texts = [
        "* * * * *",
        "*/7 * * * *",
        "10 5 * * *",
        "0 0 * * 0",
        "40 6 1 * *",
        "30 2 * * *",
        "*/30 0-3 * * *",
        "15 1 29 2 *",
        "59 23 31 * 1",
        "0 12 * 6 *",
    ];
    let zones = [Tz::UTC, Tz::America__New_York, Tz::Australia__Lord_Howe, Tz::America__Sao_Paulo];
    let mut rng = ChaCha8Rng::seed_from_u64(12345);
    for _ in 0..400 {
        let (text, zone) = (*texts.choose(&mut rng).unwrap(), *zones.choose(&mut rng).unwrap());
        let expression: Expression = text.parse().unwrap();
        // Half of them near a clock change of New York and Lord Howe.
        let near = NaiveDate::from_ymd_opt(2018, 11, 4).unwrap().and_hms_opt(8, 0, 0).unwrap().and_utc();
        let now = near
            + Duration::minutes(rng.random_range(-20_000..20_000))
            + Duration::seconds(rng.random_range(0..60));
        let back = Duration::minutes(*[1, 2, 3, 100, 1440, 57_600].choose(&mut rng).unwrap());
        let mut brute = None;
        let mut from = now - back;
        while let Some(slot) = expression.next(from, zone).filter(|slot| slot.due <= now) {
            from = slot.due;
            brute = Some(slot);
        }
        let found = expression.latest(now, back, zone);
        assert_eq!(found, brute, "{text} {zone} before {now}, {back} back");
        if let Some(slot) = found {
            assert!(slot.due <= now && slot.due > now - back);
            assert_eq!(slot.due.second(), 0);
            assert!(slot.local.starts_with(&slot.due.year().to_string()));
        }
    }
}
