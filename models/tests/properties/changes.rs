//! Series that begin, end, change their level or their last days.
use weisu_models::{
    calendar::{Event, Status},
    forecast::{Horizon, NodeForecast, PanelForecast, Params, fit, forecast},
    hierarchy::Level,
};

use crate::support::{City, city};

const DAYS: usize = 900;
const AHEAD: usize = 28;
const PARAMS: Params = Params { origins: 12, boosted: 30, step: 14, horizon: 28, profiles: true };
const CELL: Level = Level { topic: 1, district: 1 };

/// Counts that only depend on cell and day: weekday, a size for each topic and each district.
fn expected(topic: u32, district: u32, t: usize) -> f64 {
    let week = if t % 7 < 5 { 1.3 } else { 0.25 };
    week * (4.0 + 6.0 * f64::from(topic)) * (0.5 + 0.5 * f64::from(district))
}

/// Four topics in four districts; `factor` changes what is counted.
fn told(factor: impl Fn(u32, u32, usize) -> f64) -> (City, PanelForecast) {
    told_in(city(4, 4, DAYS, 1), factor)
}

fn told_in(mut city: City, factor: impl Fn(u32, u32, usize) -> f64) -> (City, PanelForecast) {
    for (i, path) in city.paths.iter().enumerate() {
        let (topic, district) = (path.topic[0], path.district[0]);
        for t in 0..DAYS {
            // A little noise that is the same every time.
            let noise = 1.0 + 0.2 * ((i * 31 + t * 17) as f64).sin();
            let count = expected(topic, district, t) * noise * factor(topic, district, t);
            city.panel.counts[(i, t)] = count.round() as f32;
        }
    }
    let fitted = fit(&city.panel, &city.hierarchy, &city.calendar, &PARAMS, &|_| ());
    let horizon = Horizon { days: AHEAD, months: 0 };
    let done = forecast(&city.panel, &city.hierarchy, &city.calendar, &fitted, horizon, &|_| ());
    (city, done)
}

fn mean(city: &City, done: &PanelForecast, level: Level, topic: u32, district: u32) -> Vec<f64> {
    let found =
        |n: &weisu_models::hierarchy::Node| (n.level, n.topic, n.district) == (level, topic, district);
    done.daily[city.hierarchy.nodes.iter().position(found).unwrap()].mean.clone()
}

fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().sum()
}

fn true_sum(topic: u32, district: u32) -> f64 {
    sum((DAYS..DAYS + AHEAD).map(|t| expected(topic, district, t)))
}

/// A district that came three weeks ago: each of its topics has the size it shows and the week of its topic.
#[test]
fn a_new_district_borrows_the_profile_of_its_topics() {
    let (city, done) = told(|_, district, t| if district == 4 && t < DAYS - 21 { 0.0 } else { 1.0 });
    for topic in 1..=4 {
        let mean = mean(&city, &done, CELL, topic, 4);
        let ratio = sum(mean.iter().copied()) / true_sum(topic, 4);
        assert!((0.75..1.25).contains(&ratio), "topic {topic}: {ratio}");
        let of = |weekend: bool| {
            sum((DAYS..).zip(&mean).filter(|(t, _)| (t % 7 >= 5) == weekend).map(|(_, m)| *m))
        };
        let (work, weekend) = (of(false) / 20.0, of(true) / 8.0);
        assert!((0.13..0.3).contains(&(weekend / work)), "topic {topic}: {weekend} to {work}");
    }
}

/// A topic renamed without being mapped: one ends, another begins the same day. What is above does not notice.
#[test]
fn a_taxonomy_change_leaves_totals_where_they_were() {
    let change = DAYS - 30;
    let (city, done) = told(|topic, _, t| match topic {
        1 => f64::from(u8::from(t < change)) * expected(4, 1, t) / expected(1, 1, t),
        4 => f64::from(u8::from(t >= change)),
        _ => 1.0,
    });
    for district in 1..=4 {
        let of = |level, topic| sum(mean(&city, &done, level, topic, district));
        let truth = sum([2, 3, 4].map(|topic| true_sum(topic, district)));
        let ratio = of(Level { topic: 0, district: 1 }, 0) / truth;
        assert!((0.9..1.1).contains(&ratio), "district {district}: {ratio}");
        assert!(of(CELL, 1) < 0.12 * of(CELL, 4), "{} and {}", of(CELL, 1), of(CELL, 4));
    }
}

/// A new channel doubles a topic for good.
#[test]
fn a_level_shift_is_followed_within_a_month() {
    let (city, done) = told(|topic, _, t| if topic == 2 && t >= DAYS - 28 { 2.0 } else { 1.0 });
    let truth = sum((1..=4).map(|d| 2.0 * true_sum(2, d)));
    let ratio = sum(mean(&city, &done, Level { topic: 1, district: 0 }, 2, 0)) / truth;
    assert!((0.85..1.1).contains(&ratio), "{ratio}");
}

/// Late tickets: half of the last two days is not there yet. The forecast loses less than half of that half.
#[test]
fn days_that_are_still_filling_move_the_forecast_little() {
    let total = |factor: f64| {
        let (city, done) = told(|_, _, t| if t >= DAYS - 2 { factor } else { 1.0 });
        sum(mean(&city, &done, Level { topic: 0, district: 0 }, 0, 0))
    };
    let ratio = total(0.5) / total(1.0);
    assert!((0.78..1.0).contains(&ratio), "{ratio}");
}

/// What nobody has reported yet can be reported: no topic that exists is at exactly nothing.
#[test]
fn a_dead_series_keeps_a_small_rate() {
    let (city, done) =
        told(
            |topic, district, t| {
                if topic == 3 && (district == 2 || t < DAYS - 400 && district == 3) { 0.0 } else { 1.0 }
            },
        );
    let dead = sum(mean(&city, &done, CELL, 3, 2));
    assert!(dead > 0.0 && dead < 0.02 * true_sum(3, 2), "{dead}");
}

/// The source was silent for a month last year and for the last ten days: days without data are neither quiet nor
/// forgotten.
#[test]
fn an_outage_is_missing_and_not_a_quiet_time() {
    let silent = |t: usize| (DAYS - 380..DAYS - 350).contains(&t) || t >= DAYS - 10;
    let (city, done) = told(|_, _, t| if silent(t) { f64::NAN } else { 1.0 });
    for topic in 1..=4 {
        let truth = sum((1..=4).map(|d| true_sum(topic, d)));
        let ratio = sum(mean(&city, &done, Level { topic: 1, district: 0 }, topic, 0)) / truth;
        assert!((0.94..1.06).contains(&ratio), "topic {topic}: {ratio}");
    }
}

/// A batch of a cell's tickets entered again and again on one day, last season or yesterday: forty times the usual count. The
/// cell's weekday is forecast as before, and its band stays about as wide as it was.
#[test]
fn one_impossible_day_moves_neither_mean_nor_band() {
    // Counts with chance in them: of such as repeat themselves nothing is as good as last week.
    const DENSE: usize = 6;
    let of = |fault: Option<usize>| {
        let mut city = city(4, 4, DAYS, 1);
        fault.into_iter().for_each(|t| city.panel.counts[(DENSE, t)] *= 40.0);
        let fitted = fit(&city.panel, &city.hierarchy, &city.calendar, &PARAMS, &|_| ());
        let horizon = Horizon { days: AHEAD, months: 0 };
        let done = forecast(&city.panel, &city.hierarchy, &city.calendar, &fitted, horizon, &|_| ());
        done.daily[city.hierarchy.cells[DENSE].own].clone()
    };
    let plain = of(None);
    let width = |of: &NodeForecast| sum(of.quantiles.iter().map(|q| q[3] - q[1]));
    for (fault, most, widest) in [(DAYS - 100, 1.06, 1.4), (DAYS - 1, 1.15, 1.25)] {
        let faulty = of(Some(fault));
        let weekday = |of: &NodeForecast| {
            sum((DAYS..).zip(&of.mean).filter(|(t, _)| t % 7 == fault % 7).map(|(_, m)| *m))
        };
        let (moved, wider) = (weekday(&faulty) / weekday(&plain), width(&faulty) / width(&plain));
        assert!((1.0 / most..most).contains(&moved), "day {fault}: {moved} of the weekday's mean");
        assert!((0.8..widest).contains(&wider), "day {fault}: {wider} of the band");
    }
}

/// A festival that comes at another date each year and silences the phones for three days. The coming one is foreseen,
/// and last year's date is a day like others.
#[test]
fn a_holiday_that_moves_is_met_where_it_will_be() {
    // From day 0 on 3 January 2022: February, late January, then the tenth day ahead.
    let feasts = [40, 385, 735, DAYS + 10];
    let near = |t: usize| feasts.iter().any(|feast| (*feast..feast + 3).contains(&t));
    let mut city = city(4, 4, DAYS, 1);
    for feast in feasts {
        for day in feast..feast + 3 {
            let event = Event { name: "Festival".into(), off: true, status: Status::Announced };
            city.calendar.insert(city.panel.start + chrono::Days::new(day as u64), event);
        }
    }
    let (city, done) = told_in(city, |_, _, t| if near(t) { 0.2 } else { 1.0 });
    let total = mean(&city, &done, Level { topic: 0, district: 0 }, 0, 0);
    let usual = |t: usize| sum((1..=4).flat_map(|topic| (1..=4).map(move |d| expected(topic, d, t))));
    for (lead, mean) in total.iter().enumerate() {
        let ratio = mean / usual(DAYS + lead);
        let feast = near(DAYS + lead) && (DAYS + lead) % 7 < 5;
        assert!(if feast { ratio < 0.6 } else { ratio > 0.8 }, "{lead} days ahead: {ratio}");
    }
}

/// One ticket in two and a half years says that there may be another, some time.
#[test]
fn a_series_of_one_ticket_has_its_rate_and_a_band_from_none() {
    let (city, done) = told(|topic, district, t| {
        let one = 1.0 / expected(1, 1, t);
        if (topic, district) == (1, 1) { one * f64::from(u8::from(t == 300)) } else { 1.0 }
    });
    let rate = sum(mean(&city, &done, CELL, 1, 1)) / AHEAD as f64;
    assert!((1e-4..0.02).contains(&rate), "{rate}");
    let node = city.hierarchy.nodes.iter().position(|n| (n.level, n.topic, n.district) == (CELL, 1, 1));
    assert!(done.daily[node.unwrap()].quantiles.iter().all(|q| q[0] == 0.0 && q[3] <= 1.0));
}
