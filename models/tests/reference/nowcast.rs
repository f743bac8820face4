//! The nowcast of the outbreak of 2011 in Germany as known on 2 June, against R `nowcast` (Bayesian, without truncation) and
//! against what became known later.
use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use weisu_models::nowcast::{Increment, Nowcast};

use super::table::rows_of;

/// Cases known of a day without which its share says nothing: R's prior speaks instead of the data.
const KNOWN: f64 = 5.0;

fn day(text: &str) -> i32 {
    text.parse::<NaiveDate>().unwrap().num_days_from_ce()
}

#[test]
fn the_outbreak_of_2011_as_of_2_june() {
    let Some(cases) = rows_of("surveillance", "nowcast_husO104Hosp_linelist.csv") else { return };
    let theirs = rows_of("surveillance", "nowcast_husO104Hosp_2011-06-02.csv").unwrap();
    let now = day("2011-06-02");
    let (mut triangle, mut final_counts) = (BTreeMap::<(i32, i32), i64>::new(), BTreeMap::<i32, f64>::new());
    for case in &cases {
        // Some were reported on the day itself, and a few days have no known end.
        let (Ok(of), Ok(reported)) = (case[0].parse::<NaiveDate>(), case[1].parse::<NaiveDate>()) else {
            continue;
        };
        let (of, reported) = (of.num_days_from_ce(), reported.num_days_from_ce());
        *final_counts.entry(of).or_default() += 1.0;
        if reported <= now {
            *triangle.entry((of, reported)).or_default() += 1;
        }
    }
    let increments: Vec<Increment> =
        triangle.iter().map(|(&(day, arrived), &n)| Increment { day, arrived, n }).collect();
    let nowcast = Nowcast::new(&increments).unwrap();
    let (mut inside, mut came, mut overlaps, mut days) = (0, 0, 0, 0);
    for row in &theirs {
        let of = day(&row[0]);
        let [known, median, low, high] = [1, 2, 3, 4].map(|k| row[k].parse::<f64>().unwrap());
        let (mean, from, to) = nowcast.final_count(of, known);
        println!(
            "{} known {known}: {mean:.1} ({from}-{to}), R {median} ({low}-{high}), came {:?}",
            &row[0],
            final_counts.get(&of)
        );
        if known < KNOWN {
            continue;
        }
        days += 1;
        inside += usize::from((low..=high).contains(&mean.round()));
        overlaps += usize::from(from <= high && low <= to);
        came += usize::from((from..=to).contains(&final_counts[&of]));
    }
    assert_eq!((days, overlaps), (12, 12), "intervals of both overlap on every day");
    assert!(inside >= 9, "{inside} of {days} expectations within R's interval");
    assert!(came >= 9, "{came} of {days} days came within the interval");
}
