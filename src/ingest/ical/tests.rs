use super::*;

const YEARS: RangeInclusive<i32> = 2023..=2026;

fn calendar(events: &str) -> String {
    format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test\n{events}END:VCALENDAR\n")
}

fn event(lines: &str) -> String {
    format!("BEGIN:VEVENT\n{}\nEND:VEVENT\n", lines.replace(" | ", "\n"))
}

/// Days as `date name`, make-up workdays with `!`, predictions with `?`.
fn read(events: &[&str]) -> Vec<String> {
    let text = calendar(&events.iter().map(|lines| event(lines)).collect::<String>());
    let show = |row: Row| {
        let makeup = if row.off == Some(false) { "!" } else { "" };
        let predicted = if row.status == Some(Status::Predicted) { "?" } else { "" };
        format!("{} {}{makeup}{predicted}", row.ds, row.name)
    };
    rows(&text, &YEARS).unwrap_or_else(|e| panic!("{e}\n{text}")).into_iter().map(show).collect()
}

fn error(events: &[&str]) -> String {
    let text = calendar(&events.iter().map(|lines| event(lines)).collect::<String>());
    rows(&text, &YEARS).unwrap_err().to_string()
}

#[test]
fn whole_days_are_days_off() {
    let end = read(&["SUMMARY:Fair | DTSTART;VALUE=DATE:20240510 | DTEND;VALUE=DATE:20240512"]);
    assert_eq!(end, ["2024-05-10 Fair", "2024-05-11 Fair"], "the end is not a day of it");
    for lines in [
        "SUMMARY:Fair | DTSTART;VALUE=DATE:20240510",
        "SUMMARY:Fair | DTSTART:20240510 | DTEND:20240510",
        "SUMMARY:Fair | DTSTART;VALUE=DATE:20240510 | DURATION:P1D",
        "summary:Fair | dtstart;TZID=Asia/Shanghai:20240510T000000 | dtend;TZID=Asia/Shanghai:20240511T000000",
    ] {
        assert_eq!(read(&[lines]), ["2024-05-10 Fair"], "{lines}");
    }
}

#[test]
fn folded_lines_windows_ends_and_escapes_are_read() {
    let text = "\u{feff}BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID:X\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nSUMMARY:Saints\\, \r\n Peter and Paul\r\nDTSTART;VALUE=DATE:20240629\r\nBEGIN:VALARM\r\nTRIGGER:-P1D\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let rows = rows(text, &YEARS).unwrap();
    assert_eq!((rows.len(), rows[0].name.as_str()), (1, "Saints, Peter and Paul"));
}

#[test]
fn days_that_return_are_laid_out_over_the_years() {
    let fixed = read(&["SUMMARY:Founding | DTSTART;VALUE=DATE:19900715 | RRULE:FREQ=YEARLY"]);
    let want = [2022, 2023, 2024, 2025, 2026].map(|year| format!("{year}-07-15 Founding"));
    assert_eq!(fixed, want, "from the year before on, for seasons and weeks that reach over");
    let fourth = "SUMMARY:Thanks | DTSTART;VALUE=DATE:20201126 | RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH";
    assert!(read(&[fourth]).contains(&"2024-11-28 Thanks".to_owned()));
    for until in ["20240715", "20240715T000000", "20240715T235959Z"] {
        let lines = format!("SUMMARY:F | DTSTART;VALUE=DATE:20230715 | RRULE:FREQ=YEARLY;UNTIL={until}");
        assert_eq!(read(&[&lines]), ["2023-07-15 F", "2024-07-15 F"], "{until}");
    }
    let gaps = "SUMMARY:F | DTSTART;VALUE=DATE:20230715 | RRULE:FREQ=YEARLY;COUNT=3 | EXDATE;VALUE=DATE:20240715 | RDATE;VALUE=DATE:20240716";
    assert_eq!(read(&[gaps]), ["2023-07-15 F", "2024-07-16 F", "2025-07-15 F"]);
}

#[test]
fn a_moved_or_cancelled_day_replaces_the_repeated_one() {
    let yearly = "UID:a | SUMMARY:F | DTSTART;VALUE=DATE:20240715 | RRULE:FREQ=YEARLY;COUNT=3";
    let moved = "UID:a | SUMMARY:F | DTSTART;VALUE=DATE:20250718 | RECURRENCE-ID;VALUE=DATE:20250715";
    let cancelled = "UID:a | SUMMARY:F | DTSTART;VALUE=DATE:20260715 | RECURRENCE-ID;VALUE=DATE:20260715 | STATUS:CANCELLED";
    assert_eq!(read(&[yearly, moved, cancelled]), ["2024-07-15 F", "2025-07-18 F"]);
}

#[test]
fn the_feeds_of_china_tell_rest_work_and_observance_apart() {
    let lines = [
        "SUMMARY:春节（休） | DTSTART;VALUE=DATE:20270206 | X-APPLE-SPECIAL-DAY:WORK-HOLIDAY",
        "SUMMARY:春节（班） | DTSTART;VALUE=DATE:20240204 | X-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY",
        "SUMMARY:春节（休） | DTSTART;VALUE=DATE:20240210 | X-APPLE-SPECIAL-DAY:WORK-HOLIDAY",
        "SUMMARY:情人节 | DTSTART;VALUE=DATE:20240214",
    ];
    assert_eq!(read(&lines), ["2024-02-04 春节!", "2024-02-10 春节"], "2027 is beyond the years asked for");
    assert_eq!(read(&["SUMMARY:国庆节补班 | DTSTART;VALUE=DATE:20241012"]), ["2024-10-12 国庆节!"]);
    assert_eq!(
        read(&["SUMMARY:Fasnacht | DTSTART;VALUE=DATE:20240219 | STATUS:TENTATIVE"]),
        ["2024-02-19 Fasnacht?"]
    );
    let observance = "SUMMARY:Carnival | DTSTART;VALUE=DATE:20240213 | DESCRIPTION:Observance\\nHide";
    assert_eq!(read(&[observance, "SUMMARY:A (observed) | DTSTART:20240214"]), ["2024-02-14 A (observed)"]);
}

#[test]
fn what_is_no_holiday_names_the_event_and_what_would_be_right() {
    for (lines, said) in [
        ("SUMMARY:Meeting | DTSTART:20240510T090000Z | DTEND:20240510T100000Z", "has hours"),
        ("SUMMARY:Meeting | DTSTART:20240510T000000Z", "has hours"),
        ("SUMMARY:Meeting", "has no DTSTART"),
        ("DTSTART:20240510", "has no SUMMARY"),
        ("SUMMARY:Meeting | DTSTART:2024-05-10", "DTSTART is \"2024-05-10\": write a date as 20240210"),
        ("SUMMARY:Meeting | DTSTART:20240231", "write a date"),
        ("SUMMARY:Meeting | DTSTART:20240510 | DTEND:20240509", "lasts -1 days"),
        ("SUMMARY:Meeting | DTSTART:20240510 | DTEND:20250509", "lasts 364 days"),
        ("SUMMARY:Meeting | DTSTART:20240510 | DURATION:PT1H", "DURATION is \"PT1H\""),
        ("SUMMARY:Meeting | DTSTART:20240510 | RRULE:FREQ=OFTEN", "RRULE:FREQ=OFTEN cannot be read"),
        ("SUMMARY:Meeting | DTSTART:20240510 | RRULE:FREQ=SECONDLY", "by day, week, month or year"),
        ("SUMMARY:Meeting | DTSTART:20240510 | EXDATE:soon", "EXDATE holds \"soon\""),
    ] {
        let error = error(&["SUMMARY:Before | DTSTART:20240101", lines]);
        assert!(error.contains(said), "{lines}: {error}");
        assert!(error.starts_with("event ") && !error.contains("Before"), "{error}");
        assert_eq!(error.contains("\"Meeting\""), lines.contains("Meeting"), "{error}");
    }
}

#[test]
fn a_file_that_is_no_calendar_says_so() {
    let said = |text: &str| rows(text, &YEARS).unwrap_err().to_string();
    assert!(said("<!DOCTYPE html>\n<html>").contains("begins with \"<!DOCTYPE html>\""));
    assert!(said("").contains("not an iCalendar file"));
    assert!(said(&calendar("")).contains("no event"));
    let broken = calendar("BEGIN:VEVENT\nSUMMARY:Fair\nDTSTART:20240510\nEND:VJOURNAL\n");
    let broken = said(&broken);
    assert!(broken.contains("at line") && broken.contains("\"Fair\""), "{broken}");
    let cut = said("BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Fair\nDTSTART:2024");
    assert!(cut.contains("not valid iCalendar") && cut.contains("\"Fair\""), "{cut}");
}
