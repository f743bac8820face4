//! Writing the tickets: how many a cell gets on a day, and a row for each in order of receipt.
//!
//! The personal columns hold invented contents that no one could take for a person's; they are there so that
//! one can see that the reader drops them.
use std::io::{self, Write};

use chrono::{Days, NaiveDate};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Gamma, Poisson};

use super::{
    City, Stream,
    catalogue::{DISTRICTS, RENAMED, STREETS, TOPICS},
    recent, stream,
};
use crate::config::Lang;

/// Size of the negative binomial of a cell: variance = mean + mean² / SIZE.
const SIZE: f64 = 8.0;

const HEADER: [&str; 12] = [
    "工单编号",
    "受理时间",
    "一级分类",
    "二级分类",
    "三级分类",
    "所属区",
    "街乡镇",
    "办结时间",
    "是否重复",
    "来电人姓名",
    "联系电话",
    "详细地址",
];

/// A ticket before it is written; sorts by time of receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    second: u32,
    topic: u8,
    district: u8,
}

/// Writes all rows; returns how many, and how many of them are repeats.
pub(super) fn write(city: &City, out: &mut impl Write, progress: &dyn Fn(u64)) -> io::Result<(u64, u64)> {
    let mut rng = stream(city.params.seed, Stream::Tickets);
    let mut rows = Rows::new(city, out);
    rows.csv.write_record(HEADER)?;
    let hours: Vec<[u8; 256]> = TOPICS.iter().map(|topic| hour_slots(topic.rhythm.hours)).collect();
    let mut calls = Vec::new();
    for (day, date) in city.from.iter_days().take(city.expected.len()).enumerate() {
        if date == city.outage || recent::is_missing(&city.recent, date) {
            continue;
        }
        calls.clear();
        draw(city, day, date, &hours, &mut rng, &mut calls)?;
        calls.sort_unstable();
        for (i, call) in calls.iter().enumerate() {
            rows.write(day, i, *call, &mut rng)?;
        }
        progress(rows.written);
    }
    rows.csv.flush()?;
    Ok((rows.written, rows.repeats))
}

/// The day's calls of every cell.
fn draw(
    city: &City,
    day: usize,
    date: NaiveDate,
    hours: &[[u8; 256]],
    rng: &mut impl Rng,
    calls: &mut Vec<Call>,
) -> io::Result<()> {
    let spread = Gamma::new(SIZE, 1.0 / SIZE).map_err(io::Error::other)?;
    let mut means: Vec<Vec<f64>> = (city.share.iter().zip(&city.expected[day]))
        .map(|(share, expected)| share.iter().map(|s| s * expected).collect())
        .collect();
    for lift in city.lifts.iter().filter(|lift| lift.from <= date && date <= lift.to()) {
        means[lift.topic][lift.district] *= lift.factors[(date - lift.from).num_days() as usize];
    }
    for (topic, means) in means.iter().enumerate() {
        for (district, mean) in means.iter().enumerate() {
            let mean = mean * recent::factor(&city.recent, date, topic, district);
            // A mean of next to nothing draws nothing; the distribution wants a positive one.
            let mean = (mean * spread.sample(rng)).max(1e-12);
            let count: f64 = Poisson::new(mean).map_err(io::Error::other)?.sample(rng);
            calls.extend((0..count as u32).map(|_| Call {
                second: u32::from(hours[topic][rng.random::<u8>() as usize]) * 3600
                    + rng.random_range(0..3600),
                topic: topic as u8,
                district: district as u8,
            }));
        }
    }
    Ok(())
}

/// Spreads 24 weights over 256 slots, so that one random byte picks an hour.
fn hour_slots(weights: &[u8; 24]) -> [u8; 256] {
    let total: u32 = weights.iter().map(|w| u32::from(*w)).sum();
    let mut slots = [0; 256];
    let (mut hour, mut reached) = (0, u32::from(weights[0]));
    for (slot, at) in slots.iter_mut().enumerate().map(|(i, at)| (i as u32, at)) {
        while hour < 23 && slot * total >= reached * 256 {
            hour += 1;
            reached += u32::from(weights[hour]);
        }
        *at = hour as u8;
    }
    slots
}

/// The CSV writer with the texts it repeats a million times.
struct Rows<'a, W: Write> {
    city: &'a City,
    csv: csv::Writer<&'a mut W>,
    /// `2024-02-29` of each day, and some days after, for closing times.
    dates: Vec<String>,
    streets: Vec<Vec<String>>,
    written: u64,
    repeats: u64,
}

impl<'a, W: Write> Rows<'a, W> {
    fn new(city: &'a City, out: &'a mut W) -> Self {
        let lang = city.params.lang;
        let dates = city.from.iter_days().take(city.expected.len()).map(|d| d.to_string()).collect();
        let streets = DISTRICTS
            .iter()
            .map(|(district, _)| {
                let gap = if lang == Lang::En { " " } else { "" };
                STREETS.iter().map(|(s, _)| format!("{}{gap}{}", district.of(lang), s.of(lang))).collect()
            })
            .collect();
        let csv = csv::WriterBuilder::new().buffer_capacity(1 << 18).from_writer(out);
        Self { city, csv, dates, streets, written: 0, repeats: 0 }
    }

    fn write(&mut self, day: usize, serial: usize, call: Call, rng: &mut impl Rng) -> io::Result<()> {
        let lang = self.city.params.lang;
        let topic = &TOPICS[usize::from(call.topic)];
        let cell = (usize::from(call.topic), usize::from(call.district));
        let date = self.city.from + Days::new(day as u64);
        let share = recent::repeats(&self.city.recent, date, cell.0, cell.1, topic.repeat);
        let is_repeat = rng.random::<f64>() < share;
        let third = match topic.third.len() {
            0 => "",
            n => topic.third[rng.random_range(0..n)].of(lang),
        };
        let street = street(rng.random());
        let person = rng.random_range(0..10_000_u32);
        let closed = self.closed(day, call.second, topic.closed_after, rng.random());

        let mut number = *b"00000000000000";
        let date = self.dates[day].as_bytes();
        number[..4].copy_from_slice(&date[..4]);
        number[4..6].copy_from_slice(&date[5..7]);
        number[6..8].copy_from_slice(&date[8..10]);
        digits(&mut number[8..], serial as u32 + 1);

        self.csv.write_field(number)?;
        self.csv.write_field(time(date, call.second))?;
        self.csv.write_field(topic.top.of(lang))?;
        self.csv.write_field(self.topic_name(day, usize::from(call.topic)))?;
        self.csv.write_field(third)?;
        self.csv.write_field(DISTRICTS[usize::from(call.district)].0.of(lang))?;
        self.csv.write_field(&self.streets[usize::from(call.district)][street])?;
        self.csv.write_field(closed.as_ref().map_or(&[][..], |c| &c[..]))?;
        self.csv.write_field(match (lang, is_repeat) {
            (Lang::Zh, true) => "是",
            (Lang::Zh, false) => "否",
            (Lang::En, true) => "yes",
            (Lang::En, false) => "no",
        })?;
        self.personal(lang, person)?;
        self.csv.write_record(None::<&[u8]>)?;
        self.written += 1;
        self.repeats += u64::from(is_repeat);
        Ok(())
    }

    fn personal(&mut self, lang: Lang, person: u32) -> io::Result<()> {
        let mut phone = *b"000-0000-0000";
        digits(&mut phone[9..], person);
        let mut name = [0; 32];
        let mut address = [0; 40];
        let (name_text, address_text) = match lang {
            Lang::Zh => ("模拟来电人", "虚构路0000号"),
            Lang::En => ("Sample Caller ", "0000 Fictional Road"),
        };
        let name_end = name_text.len() + 4;
        name[..name_text.len()].copy_from_slice(name_text.as_bytes());
        digits(&mut name[name_text.len()..name_end], person);
        address[..address_text.len()].copy_from_slice(address_text.as_bytes());
        let zeros = address_text.find('0').unwrap_or_default();
        digits(&mut address[zeros..zeros + 4], person / 7);
        self.csv.write_field(&name[..name_end])?;
        self.csv.write_field(phone)?;
        self.csv.write_field(&address[..address_text.len()])?;
        Ok(())
    }

    fn topic_name(&self, day: usize, topic: usize) -> &'static str {
        let lang = self.city.params.lang;
        let is_old = topic == RENAMED.0 && self.city.from + Days::new(day as u64) < self.city.renamed_on;
        if is_old { RENAMED.1.of(lang) } else { TOPICS[topic].name.of(lang) }
    }

    /// When the ticket is closed, exponentially distributed around `after` days; nothing if that is still to come.
    fn closed(&self, day: usize, second: u32, after: f64, uniform: f64) -> Option<[u8; 19]> {
        let seconds = u64::from(second) + 1800 + (-(1.0 - uniform).ln() * after * 86_400.0) as u64;
        let date = self.dates.get(day + (seconds / 86_400) as usize)?;
        Some(time(date.as_bytes(), (seconds % 86_400) as u32))
    }
}

/// Index of a street of the district.
fn street(uniform: f64) -> usize {
    let mut left = uniform;
    STREETS
        .iter()
        .position(|(_, share)| {
            left -= share;
            left < 0.0
        })
        .unwrap_or(0)
}

/// `2024-02-29 08:05:09`.
fn time(date: &[u8], second: u32) -> [u8; 19] {
    let mut text = *b"0000-00-00 00:00:00";
    text[..10].copy_from_slice(date);
    digits(&mut text[11..13], second / 3600);
    digits(&mut text[14..16], second / 60 % 60);
    digits(&mut text[17..19], second % 60);
    text
}

/// Writes `n` right-aligned with leading zeros.
fn digits(at: &mut [u8], mut n: u32) {
    for digit in at.iter_mut().rev() {
        *digit = b'0' + (n % 10) as u8;
        n /= 10;
    }
}
