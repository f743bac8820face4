use std::collections::{BTreeMap, HashMap};

use chrono::Datelike;

use super::*;
use crate::config::Config;

const SMALL: f64 = 0.05;

fn date(y: i32, m: u32, d: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(y, m, d).unwrap()
}

fn small(lang: Lang) -> Params {
    Params { scale: SMALL, ..Params::demo(lang, date(2025, 11, 10)) }
}

/// The rows and the counts by (topic, district) and day, read back as a stranger would.
struct Written {
    text: Vec<u8>,
    truth: Truth,
    counts: HashMap<(String, String), BTreeMap<NaiveDate, f64>>,
}

fn written(params: Params) -> Written {
    let mut text = Vec::new();
    let truth = City::new(params).unwrap().write(&mut text, &|_| {}).unwrap();
    let mut counts: HashMap<_, BTreeMap<_, f64>> = HashMap::new();
    for row in csv::Reader::from_reader(&text[..]).records() {
        let row = row.unwrap();
        let day: NaiveDate = row[1][..10].parse().unwrap();
        *counts.entry((row[3].to_owned(), row[5].to_owned())).or_default().entry(day).or_default() += 1.0;
    }
    Written { text, truth, counts }
}

impl Written {
    /// Mean tickets a day of a topic, in one district or all, over the given days.
    fn mean(
        &self,
        topic: Option<&str>,
        district: Option<&str>,
        days: impl Iterator<Item = NaiveDate> + Clone,
    ) -> f64 {
        let cells = self.counts.iter().filter(|((t, d), _)| {
            topic.is_none_or(|topic| topic == t) && district.is_none_or(|district| district == d)
        });
        let total: f64 =
            cells.flat_map(|(_, by_day)| days.clone().map(|day| by_day.get(&day).unwrap_or(&0.0))).sum();
        total / days.count() as f64
    }

    fn days(&self) -> impl Iterator<Item = NaiveDate> + Clone {
        let to = self.truth.to;
        self.truth.from.iter_days().take_while(move |day| *day <= to)
    }
}

#[test]
fn one_seed_gives_the_same_bytes_and_another_others() {
    let params = Params { scale: 0.005, ..small(Lang::Zh) };
    let first = written(params.clone());
    assert!(first.text == written(params.clone()).text);
    assert!(first.text != written(Params { seed: 2, ..params }).text);
}

#[test]
fn the_number_of_tickets_follows_the_scale_and_the_estimate() {
    let params = small(Lang::En);
    let estimate = City::new(params.clone()).unwrap().estimate() as f64;
    let city = written(params);
    let full = city.truth.tickets as f64 / SMALL;
    assert!((1_400_000.0..1_600_000.0).contains(&full), "{full}");
    assert!((city.truth.tickets as f64 / estimate - 1.0).abs() < 0.03, "{} {estimate}", city.truth.tickets);
    assert_eq!(csv::Reader::from_reader(&city.text[..]).records().count() as u64, city.truth.tickets);
    let share = city.truth.repeats as f64 / city.truth.tickets as f64;
    assert!((0.08..0.20).contains(&share), "{share}");
}

#[test]
fn rows_are_in_order_with_numbers_of_their_own_and_closed_after_receipt() {
    let city = written(Params { scale: 0.01, ..small(Lang::Zh) });
    let mut reader = csv::Reader::from_reader(&city.text[..]);
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert!(rows.windows(2).all(|w| w[0][0] < w[1][0] && w[0][1] <= w[1][1]));
    assert!(rows.iter().all(|r| r[7].is_empty() || r[7] > r[1]));
    assert!(rows.iter().any(|r| r[7].is_empty()), "late tickets are still open");
    assert!(rows.iter().all(|r| r[5].chars().count() == 2 && r[6].starts_with(&r[5])));
    assert!(
        rows.iter().all(|r| r[9].starts_with("模拟")
            && r[10].starts_with("000-0000")
            && r[11].starts_with("虚构路"))
    );
    let has_third = |r: &&csv::StringRecord| !r[4].is_empty();
    assert!(
        rows.iter().filter(has_third).all(|r| &r[3] == "室温不达标") && rows.iter().any(|r| has_third(&r))
    );
}

#[test]
fn working_days_seasons_and_holidays_show_in_the_counts() {
    let city = written(small(Lang::En));
    let calendar = Calendar::for_region(Region::China, 2021, 2026);
    let office = Some("Hospital service");
    let work = || city.days().filter(|d| calendar.is_workday(*d));
    let makeup = || city.days().filter(|d| calendar.is_makeup_workday(*d));
    let weekend = || city.days().filter(|d| !calendar.is_workday(*d) && calendar.holiday(*d).is_none());
    let holiday = || city.days().filter(|d| calendar.holiday(*d).is_some());
    let mean = |days: Box<dyn Fn() -> Vec<NaiveDate>>| city.mean(office, None, days().into_iter());
    let on_work = mean(Box::new(move || work().collect()));
    let ratio = |other: Vec<NaiveDate>| city.mean(office, None, other.into_iter()) / on_work;
    assert!((0.35..0.55).contains(&ratio(weekend().collect())), "{}", ratio(weekend().collect()));
    assert!((0.15..0.38).contains(&ratio(holiday().collect())), "{}", ratio(holiday().collect()));
    assert!(makeup().count() > 15);
    assert!((0.75..1.45).contains(&ratio(makeup().collect())), "{}", ratio(makeup().collect()));

    let month = |m: u32| city.days().filter(move |d| d.month() == m);
    let by_month = |topic: &str, m: u32| city.mean(Some(topic), None, month(m));
    assert!(by_month("Mosquitoes", 7) > 4.0 * by_month("Mosquitoes", 1));
    assert!(by_month("Tree catkins", 4) > 4.0 * by_month("Tree catkins", 8));
    assert!(by_month("School enrolment", 8) > 2.0 * by_month("School enrolment", 11));
    assert!(by_month("Room not warm", 1) > 20.0 * by_month("Room not warm", 7));
    let winters = |from: u32, to: u32| {
        city.days().filter(move |d| d.month() == 11 && (from..=to).contains(&d.day()) && d.year() < 2025)
    };
    let (first, fourth) = (winters(15, 19), winters(27, 30));
    let pulse =
        city.mean(Some("Room not warm"), None, first) / city.mean(Some("Room not warm"), None, fourth);
    assert!(pulse > 1.8, "the onset decays: {pulse}");
}

#[test]
fn planted_events_show_in_the_counts() {
    let city = written(Params { scale: 0.2, ..small(Lang::En) });
    // Same cell, four weeks before, without the day before.
    let seen = |event: &Planted| {
        let during = event.from.iter_days().take((event.to - event.from).num_days() as usize + 1);
        let before = (event.from - Days::new(28)).iter_days().take(27);
        (
            city.mean(Some(&event.topic[1]), event.district.as_deref(), during),
            city.mean(Some(&event.topic[1]), event.district.as_deref(), before),
        )
    };
    for kind in [Kind::Storm, Kind::Cluster, Kind::EmergingCluster, Kind::SeasonOnset] {
        let all: Vec<&Planted> = city.truth.events.iter().filter(|e| e.kind == kind).collect();
        let (during, before) = all.iter().map(|e| seen(e)).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        assert!(during > 2.0 * before, "{kind:?}: {during} against {before} over {} events", all.len());
    }
    let kinds = |kind| city.truth.events.iter().filter(|e| e.kind == kind).count();
    assert_eq!(kinds(Kind::EmergingCluster), 1);
    assert_eq!(kinds(Kind::SeasonOnset), 4 * 4, "four winters, four topics");
    assert!(kinds(Kind::Storm) > 30 && kinds(Kind::Cluster) >= 4);
    let rising = city.truth.events.iter().find(|e| e.kind == Kind::EmergingCluster).unwrap();
    assert_eq!(rising.to, city.truth.to, "live on the last day");
}

#[test]
fn heating_is_the_coming_rise_in_november_and_some_other_topic_in_may() {
    let coming = |until| {
        let city = City::new(Params { until, ..small(Lang::En) }).unwrap();
        city.coming_rise().map(|e| (e.topic[0].clone(), e.from, e.factor))
    };
    let (top, from, factor) = coming(date(2025, 11, 10)).unwrap();
    assert!(top == "Heating" && from == date(2025, 11, 10) && factor > 3.0, "{top} {factor}");
    assert_ne!(coming(date(2025, 5, 10)).unwrap().0, "Heating");
}

#[test]
fn the_outage_is_a_gap_of_one_workday_and_the_renamed_topic_changes_once() {
    let city = written(small(Lang::Zh));
    let silent: Vec<_> =
        city.days().filter(|day| city.mean(None, None, std::iter::once(*day)) == 0.0).collect();
    let fault = city.truth.events.iter().find(|e| e.kind == Kind::DataFault).unwrap();
    assert_eq!(silent, [city.truth.outage, fault.from]);
    let Renamed { old, new, on } = &city.truth.renamed;
    assert_eq!(*on, date(2023, 11, 10));
    assert!(city.days().filter(|d| d < on).all(|d| city.mean(Some(new), None, std::iter::once(d)) == 0.0));
    assert!(city.days().filter(|d| d >= on).all(|d| city.mean(Some(old), None, std::iter::once(d)) == 0.0));
    let (before, after) = (city.days().filter(|d| d < on), city.days().filter(|d| d >= on));
    let change = city.mean(Some(new), None, after) / city.mean(Some(old), None, before);
    assert!((0.9..1.6).contains(&change), "a new name, not another level: {change}");
}

#[test]
fn the_configuration_is_valid_and_maps_the_old_name_to_the_new() {
    for lang in [Lang::Zh, Lang::En] {
        let city = City::new(small(lang)).unwrap();
        let text = city.config_toml("some \"odd\" name.csv", Some("map.geojson"), "sqlite://weisu.db");
        let config = Config::parse(&text, std::path::Path::new("demo.toml")).unwrap();
        let mapping = config.source[0].mapping();
        assert_eq!(mapping.rename_topic, [(city.renamed().old, city.renamed().new)].into());
        assert_eq!(mapping.mistakes(), vec![]);
        assert_eq!(config.city.lang, lang);
        assert!(text.lines().count() < 20);
    }
}

#[test]
fn impossible_cities_are_refused() {
    let check = |change: fn(&mut Params), says: &str| {
        let mut params = small(Lang::En);
        change(&mut params);
        let error = City::new(params).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    check(|p| p.years = 0, "1 to 20");
    check(|p| p.districts = 17, "1 to 16");
    check(|p| p.scale = f64::NAN, "scale NaN");
    check(|p| p.scale = 0.0, "above 0");
    check(|p| p.until = NaiveDate::MIN, "1950");
}

#[test]
fn the_map_has_every_district_and_its_planned_neighbours() {
    let city = City::new(small(Lang::En)).unwrap();
    assert_eq!(city.map(), City::new(small(Lang::En)).unwrap().map(), "one seed, one map");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.geojson");
    std::fs::write(&path, city.map()).unwrap();
    let files = crate::map::Files { map: Some(&path), name: crate::map::NAME, adjacency: None };
    let geography = crate::map::read(&files).unwrap().unwrap();
    let names: Vec<&str> = geography.places.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, DISTRICTS.map(|d| d.0.of(Lang::En)));
    for district in 0..DISTRICTS.len() {
        let planned = map::neighbours(district, DISTRICTS.len());
        assert!((2..=4).contains(&planned.len()), "{district}: {planned:?}");
        let meet = |other: &usize| geography.pairs.contains(&(district.min(*other), district.max(*other)));
        assert!(planned.iter().all(meet), "{district}: {planned:?}");
    }
    assert!(geography.pairs.len() < 50, "far ones are no neighbours: {:?}", geography.pairs);
}
