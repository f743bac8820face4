//! A seeded city for the demo and for tests: four years of tickets with everything in them that weisu must cope
//! with, and the list of what was planted.
//!
//! The expected count of a topic on a day is its weight x slow trend x yearly season x working-day rhythm
//! ([`shape`]) x the week's common mood; a district takes its share; lifts ([`events`]) multiply single cells.
//! Counts are negative binomial around that. The catalogue's weights are scaled so that 16 districts give about
//! 1.5 million tickets in four years. One seed gives the same bytes; each purpose draws from its own stream, so
//! that another storm does not change every ticket.
use std::io::{self, Write};

use chrono::{Datelike, Days, Months, NaiveDate};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal, Normal};
use weisu_models::calendar::{Calendar, Region};

use crate::config::Lang;

mod catalogue;
mod events;
mod map;
pub mod plans;
mod recent;
mod rows;
mod shape;
mod truth;

#[cfg(test)]
mod tests;

use catalogue::{CITY, DISTRICTS, RENAMED, TOPICS};
use events::Lift;
pub use truth::{Kind, Planted, Renamed, Truth};

/// Tickets of 16 districts in four years at scale 1.
const TICKETS: f64 = 1_500_000.0;

/// What kind of city.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// Language of topics, districts and contents; the headers are those of a 12345 export in both.
    pub lang: Lang,
    /// Seed of everything random.
    pub seed: u64,
    /// The day after the last one.
    pub until: NaiveDate,
    /// Years of history, 1 to 20.
    pub years: u32,
    /// Districts, 1 to 16, the largest first.
    pub districts: usize,
    /// Share of the full number of tickets, above 0 and at most 20.
    pub scale: f64,
}

impl Params {
    /// The demo's city: 16 districts, four years, about 1.5 million tickets.
    pub fn demo(lang: Lang, until: NaiveDate) -> Self {
        Self { lang, seed: 12345, until, years: 4, districts: DISTRICTS.len(), scale: 1.0 }
    }
}

/// A city that cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadParams {
    /// Too few or too many years.
    #[error("{0} years of history: use 1 to 20")]
    Years(u32),
    /// Too few or too many districts.
    #[error("{0} districts: use 1 to 16")]
    Districts(usize),
    /// Not a usable scale.
    #[error("scale {0}: use a number above 0 and at most 20")]
    Scale(f64),
    /// Outside the calendar.
    #[error("until {0}: use a date between 1950 and 2150")]
    Until(NaiveDate),
}

/// A simulated city.
#[derive(Debug, Clone)]
pub struct City {
    params: Params,
    from: NaiveDate,
    to: NaiveDate,
    calendar: Calendar,
    /// Expected tickets of each topic, by day from `from` on.
    expected: Vec<[f64; TOPICS.len()]>,
    /// Share of each district in each topic.
    share: Vec<Vec<f64>>,
    lifts: Vec<Lift>,
    recent: Vec<recent::Recent>,
    outage: NaiveDate,
    renamed_on: NaiveDate,
}

/// Which random stream a purpose draws from.
#[derive(Clone, Copy)]
enum Stream {
    Share = 1,
    Mood = 2,
    Events = 3,
    Tickets = 4,
    Map = 5,
}

fn stream(seed: u64, stream: Stream) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream as u64);
    rng
}

impl City {
    /// Plans the city: everything but the tickets themselves.
    pub fn new(params: Params) -> Result<Self, BadParams> {
        let (from, to) = span(&params)?;
        let calendar = Calendar::for_region(Region::China, from.year() - 1, to.year() + 1);
        let mut rng = stream(params.seed, Stream::Events);
        let lifts = events::lifts(&mut rng, from, to, params.districts);
        let outage = events::outage(&mut rng, &calendar, &lifts, from, to);
        let halfway = from + Months::new(12 * params.years / 2);
        Ok(Self {
            from,
            to,
            expected: expected(&params, &calendar, from, to),
            share: shares(&params),
            calendar,
            recent: recent::plan(to, params.districts, &lifts),
            lifts,
            outage,
            renamed_on: halfway,
            params,
        })
    }

    /// Name of the city.
    pub fn name(&self) -> &'static str {
        CITY.of(self.params.lang)
    }

    /// Writes every ticket as CSV, header first, in order of receipt; `progress` hears the rows written so far.
    pub fn write(&self, out: &mut impl Write, progress: &dyn Fn(u64)) -> io::Result<Truth> {
        let (tickets, repeats) = rows::write(self, out, progress)?;
        Ok(self.truth(tickets, repeats))
    }

    /// About how many rows [`City::write`] will write, for a progress bar.
    pub fn estimate(&self) -> u64 {
        self.expected.iter().flatten().sum::<f64>().round() as u64
    }

    /// The map of its districts as GeoJSON.
    pub fn map(&self) -> String {
        map::geojson(&mut stream(self.params.seed, Stream::Map), self.params.lang, self.params.districts)
    }

    /// A configuration that reads the tickets from `tickets` into the store at `store_url`, with the map in `map` if
    /// there is one.
    pub fn config_toml(&self, tickets: &str, map: Option<&str>, store_url: &str) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let lang = match self.params.lang {
            Lang::Zh => "zh",
            Lang::En => "en",
        };
        let renamed = self.renamed();
        format!(
            "[city]\nname = {name}\ncode = \"demo\"\nzone = \"Asia/Shanghai\"\ncalendar = \"CN\"\nlang = \"{lang}\"\n{map}\n\
             [store]\nurl = {store}\n\n\
             [[source]]\nname = \"simulated\"\nfiles = [{tickets}]\npreset = \"china_12345\"\n\
             rename_topic = {{ {old} = {new} }}\n",
            name = quoted(self.name()),
            map = map.map_or_else(String::new, |map| format!("map = {}\n", quoted(map))),
            store = quoted(store_url),
            tickets = quoted(tickets),
            old = quoted(&renamed.old),
            new = quoted(&renamed.new),
        )
    }

    fn renamed(&self) -> Renamed {
        Renamed {
            old: RENAMED.1.of(self.params.lang).to_owned(),
            new: TOPICS[RENAMED.0].name.of(self.params.lang).to_owned(),
            on: self.renamed_on,
        }
    }

    fn truth(&self, tickets: u64, repeats: u64) -> Truth {
        let mut events: Vec<Planted> = self.lifts.iter().map(|lift| self.planted(lift)).collect();
        events.extend(self.onsets());
        events.extend(self.recent.iter().map(|event| self.planted_recently(event)));
        events.sort_by_key(|event| event.from);
        events.extend(self.coming_rise());
        Truth {
            seed: self.params.seed,
            from: self.from,
            to: self.to,
            tickets,
            repeats,
            events,
            renamed: self.renamed(),
            outage: self.outage,
        }
    }

    fn path(&self, topic: usize) -> Vec<String> {
        [TOPICS[topic].top, TOPICS[topic].name].iter().map(|t| t.of(self.params.lang).to_owned()).collect()
    }

    fn planted(&self, lift: &Lift) -> Planted {
        Planted {
            kind: lift.kind,
            topic: self.path(lift.topic),
            district: Some(DISTRICTS[lift.district].0.of(self.params.lang).to_owned()),
            neighbours: Vec::new(),
            from: lift.from,
            to: lift.to(),
            factor: lift.peak(),
        }
    }

    fn planted_recently(&self, event: &recent::Recent) -> Planted {
        let name = |district: usize| DISTRICTS[district].0.of(self.params.lang).to_owned();
        Planted {
            kind: event.kind,
            topic: event.topic.map_or_else(Vec::new, |topic| self.path(topic)),
            district: event.district.map(name),
            neighbours: event.neighbours.iter().map(|district| name(*district)).collect(),
            from: event.from,
            to: event.to,
            factor: event.factor,
        }
    }

    /// Two weeks from each day that heating was turned on, for the topics it moves.
    fn onsets(&self) -> Vec<Planted> {
        let first_days = self
            .from
            .iter_days()
            .take(self.expected.len())
            .filter(|d| shape::onset(&self.calendar, *d) == Some(*d));
        let pulses =
            TOPICS.iter().enumerate().filter_map(|(i, topic)| topic.heating.map(|h| (i, 1.0 + h.pulse)));
        first_days
            .flat_map(|from| pulses.clone().map(move |(topic, factor)| (from, topic, factor)))
            .map(|(from, topic, factor)| Planted {
                kind: Kind::SeasonOnset,
                topic: self.path(topic),
                district: None,
                neighbours: Vec::new(),
                from,
                to: (from + Days::new(13)).min(self.to),
                factor,
            })
            .collect()
    }

    fn coming_rise(&self) -> Option<Planted> {
        let (topic, factor) = events::coming_rise(&self.calendar, self.to)?;
        Some(Planted {
            kind: Kind::ComingRise,
            topic: self.path(topic),
            district: None,
            neighbours: Vec::new(),
            from: self.params.until,
            to: self.params.until + Days::new(27),
            factor,
        })
    }
}

/// First and last day of valid parameters.
fn span(params: &Params) -> Result<(NaiveDate, NaiveDate), BadParams> {
    if !(1..=20).contains(&params.years) {
        return Err(BadParams::Years(params.years));
    }
    if !(1..=DISTRICTS.len()).contains(&params.districts) {
        return Err(BadParams::Districts(params.districts));
    }
    if !(params.scale > 0.0 && params.scale <= 20.0) {
        return Err(BadParams::Scale(params.scale));
    }
    if !(1950..=2150).contains(&params.until.year()) {
        return Err(BadParams::Until(params.until));
    }
    Ok((params.until - Months::new(12 * params.years), params.until - Days::new(1)))
}

/// Expected tickets by day and topic, scaled to the number the city is to have.
fn expected(
    params: &Params,
    calendar: &Calendar,
    from: NaiveDate,
    to: NaiveDate,
) -> Vec<[f64; TOPICS.len()]> {
    let days = (to - from).num_days() as usize + 1;
    let mood = mood(params.seed, days);
    let mut expected: Vec<[f64; TOPICS.len()]> = from
        .iter_days()
        .take(days)
        .zip(&mood)
        .enumerate()
        .map(|(day, (date, mood))| {
            let years = day as f64 / 365.25;
            std::array::from_fn(|i| shape::level(&TOPICS[i], calendar, date, years) * mood[i / 5])
        })
        .collect();
    let wanted = TICKETS * params.scale * f64::from(params.years) / 4.0 * params.districts as f64
        / DISTRICTS.len() as f64;
    let factor = wanted / expected.iter().flatten().sum::<f64>();
    expected.iter_mut().flatten().for_each(|e| *e *= factor);
    expected
}

/// A common factor of each top topic that wanders from day to day: what no calendar explains.
fn mood(seed: u64, days: usize) -> Vec<[f64; 8]> {
    let mut rng = stream(seed, Stream::Mood);
    let Ok(step) = Normal::new(0.0, 0.04) else { return vec![[1.0; 8]; days] };
    let mut at = [0.0_f64; 8];
    (0..days)
        .map(|_| {
            at.iter_mut().for_each(|a| *a = 0.8 * *a + step.sample(&mut rng));
            at.map(f64::exp)
        })
        .collect()
}

/// Share of each district in each topic: its size, with a leaning of its own.
fn shares(params: &Params) -> Vec<Vec<f64>> {
    let mut rng = stream(params.seed, Stream::Share);
    let Ok(leaning) = LogNormal::new(0.0, 0.3) else { return Vec::new() };
    TOPICS
        .iter()
        .map(|_| {
            let sizes: Vec<f64> =
                DISTRICTS[..params.districts].iter().map(|d| d.1 * leaning.sample(&mut rng)).collect();
            let total: f64 = sizes.iter().sum();
            sizes.into_iter().map(|size| size / total).collect()
        })
        .collect()
}
