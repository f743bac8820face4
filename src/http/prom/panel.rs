//! Metrics with one series for each topic and district of the panel: counts, last year's, forecasts; by day and month.
//!
//! Every label but the name depends on one of four things only: the topic, the district, what is counted, the band.
//! Matchers therefore choose topics and districts before series are looked up.
use std::collections::{BTreeMap, HashMap};

use chrono::{Months, NaiveDate};
use promql_parser::label::Matcher;
use weisu_models::calendar::align::{YEAR_OF_WEEKS, same_date};

use super::{
    catalogue::{LISTED, Metric, Reader, SERIES, Window, few_enough},
    series::{Labels, NAME, QueryError, Sample, Series, allows},
};
use crate::{
    http::board::{Daily, Names, first_of_month},
    store::{
        Grain, SeriesKey,
        board::{Cells, Point},
    },
    ticket::{Basis, Day},
};

/// Years whose same months make the norm.
const NORM_YEARS: u32 = 3;
/// Days past the last known one for which anything can be said.
const AHEAD: i32 = 4 * 366;
/// Labels of the panel, besides the name and the band.
const LABELS: [&str; 7] =
    ["topic", "topic_level", "topic_id", "district", "district_level", "district_id", "basis"];

/// A value of a forecast by the name of its band.
type Band = (&'static str, fn(&Point) -> f64);

const BANDS: [Band; 6] = [
    ("mean", |p| p.mean),
    ("q025", |p| p.q025),
    ("q10", |p| p.q10),
    ("q50", |p| p.q50),
    ("q90", |p| p.q90),
    ("q975", |p| p.q975),
];

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Tickets,
    LastYear,
    Forecast,
    TicketsMonth,
    LastYearMonth,
    NormMonth,
    ForecastMonth,
}

const MEASURES: [(Measure, Metric); 7] = [
    (
        Measure::Tickets,
        Metric::new("weisu_tickets", "Tickets of a local day; a gap in the data has no value."),
    ),
    (
        Measure::LastYear,
        Metric::new("weisu_last_year", "Tickets of the day 52 weeks earlier, also for days to come."),
    ),
    (
        Measure::Forecast,
        Metric::new("weisu_forecast", "What is expected of a day: mean and quantiles, by band."),
    ),
    (
        Measure::TicketsMonth,
        Metric::new("weisu_tickets_month", "Tickets of a calendar month that is known to nine tenths."),
    ),
    (Measure::LastYearMonth, Metric::new("weisu_last_year_month", "Tickets of the same month last year.")),
    (
        Measure::NormMonth,
        Metric::new("weisu_norm_month", "Mean of the same month over up to three earlier years."),
    ),
    (
        Measure::ForecastMonth,
        Metric::new("weisu_forecast_month", "What is expected of a calendar month, by band."),
    ),
];

/// The metrics of the panel.
pub fn metrics() -> impl Iterator<Item = Metric> {
    MEASURES.iter().map(|(_, metric)| *metric)
}

impl Measure {
    /// Bands that a selector wants of it; one without a label where it has none.
    fn bands(self, matchers: &[Matcher]) -> Vec<Band> {
        match self {
            Self::Forecast | Self::ForecastMonth => {
                BANDS.into_iter().filter(|(name, _)| allows(matchers, "band", name)).collect()
            }
            _ if allows(matchers, "band", "") => vec![("", |p| p.mean)],
            _ => Vec::new(),
        }
    }
}

/// Labels of a topic or a district by its key.
type Places = BTreeMap<i32, Labels>;

/// Nodes of a tree and its root that matchers allow.
fn places(names: &Names, depth: i32, tree: [&'static str; 3], matchers: &[Matcher]) -> Places {
    let [name, level, key] = tree;
    let root = (0, 0, "all".to_owned());
    let nodes = names.nodes().filter(|n| n.depth <= depth);
    let nodes = nodes.map(|n| (n.id, n.depth, names.path(n.id).join(" / ")));
    let labels = |(id, depth, text): (i32, i32, String)| {
        (id, Labels::from([(name, text), (level, depth.to_string()), (key, id.to_string())]))
    };
    let allowed = |(_, labels): &(i32, Labels)| labels.iter().all(|(name, v)| allows(matchers, name, v));
    std::iter::once(root).chain(nodes).map(labels).filter(allowed).collect()
}

/// Series on one basis with the labels of their topics and districts.
struct Chosen {
    basis: Basis,
    keys: Vec<SeriesKey>,
    topics: Places,
    districts: Places,
}

impl Chosen {
    fn labels(&self, key: &SeriesKey, metric: &str, band: &str) -> Labels {
        let mut labels = place(&self.topics, key.topic, &self.districts, key.district);
        labels.insert(NAME, metric.to_owned());
        labels.insert("basis", self.basis.name().to_owned());
        if !band.is_empty() {
            labels.insert("band", band.to_owned());
        }
        labels
    }

    /// Keys of its topics and districts, each once.
    fn nodes(&self) -> (Vec<i32>, Vec<i32>) {
        let once = |keys: Vec<i32>| {
            let mut keys = keys;
            keys.sort_unstable();
            keys.dedup();
            keys
        };
        (
            once(self.keys.iter().map(|k| k.topic).collect()),
            once(self.keys.iter().map(|k| k.district).collect()),
        )
    }
}

fn place(topics: &Places, topic: i32, districts: &Places, district: i32) -> Labels {
    let found = [topics.get(&topic), districts.get(&district)];
    found.into_iter().flatten().flatten().map(|(name, value)| (*name, value.clone())).collect()
}

/// The trees' labels of any node, for [`super::records`].
pub struct Whereabouts {
    topics: Places,
    districts: Places,
}

impl Whereabouts {
    /// Of all nodes.
    pub fn new(reader: &Reader) -> Self {
        let (topics, districts) = both(reader, i32::MAX, i32::MAX, &[]);
        Self { topics, districts }
    }

    /// Labels of a topic and a district.
    pub fn of(&self, topic: i32, district: i32) -> Labels {
        place(&self.topics, topic, &self.districts, district)
    }
}

fn both(reader: &Reader, topic_depth: i32, district_depth: i32, matchers: &[Matcher]) -> (Places, Places) {
    let base = &reader.base;
    (
        places(&base.topics, topic_depth, ["topic", "topic_level", "topic_id"], matchers),
        places(&base.districts, district_depth, ["district", "district_level", "district_id"], matchers),
    )
}

async fn choose(reader: &Reader, matchers: &[Matcher]) -> Result<Vec<Chosen>, QueryError> {
    let known = |name: &str| name == NAME || name == "band" || LABELS.contains(&name);
    if matchers.iter().any(|m| !known(&m.name) && !m.is_match("")) {
        return Ok(Vec::new());
    }
    let (topic_depth, district_depth) = reader.base.depth;
    let (topics, districts) = both(reader, topic_depth, district_depth, matchers);
    let nodes = |places: &Places, names: &Names| {
        let all = places.len() > names.nodes().count();
        (!all).then(|| places.keys().copied().collect::<Vec<i32>>())
    };
    let some_topics = nodes(&topics, &reader.base.topics);
    let some_districts = nodes(&districts, &reader.base.districts);
    let mut chosen = Vec::new();
    for basis in Basis::ALL.into_iter().filter(|b| allows(matchers, "basis", b.name())) {
        if topics.is_empty() || districts.is_empty() {
            continue;
        }
        let cells = Cells { basis, topics: some_topics.as_deref(), districts: some_districts.as_deref() };
        let keys = reader.store.series_within(cells).await?;
        chosen.push(Chosen { basis, keys, topics: topics.clone(), districts: districts.clone() });
    }
    Ok(chosen)
}

fn wanted(matchers: &[Matcher]) -> Vec<(Measure, Metric, Vec<Band>)> {
    let named = MEASURES.into_iter().filter(|(_, metric)| allows(matchers, NAME, metric.name));
    named.map(|(measure, metric)| (measure, metric, measure.bands(matchers))).collect()
}

/// Label sets of a selector.
///
/// # Errors
/// When there are too many, or the store does not answer.
pub async fn list(reader: &Reader, matchers: &[Matcher]) -> Result<Vec<Labels>, QueryError> {
    let wanted = wanted(matchers);
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let chosen = choose(reader, matchers).await?;
    few_enough(count(&wanted, &chosen), LISTED)?;
    let mut found = Vec::new();
    for (_, metric, bands) in &wanted {
        for chosen in &chosen {
            for key in &chosen.keys {
                found.extend(bands.iter().map(|(band, _)| chosen.labels(key, metric.name, band)));
            }
        }
    }
    Ok(found)
}

fn count(wanted: &[(Measure, Metric, Vec<Band>)], chosen: &[Chosen]) -> usize {
    let keys: usize = chosen.iter().map(|c| c.keys.len()).sum();
    wanted.iter().map(|(_, _, bands)| bands.len() * keys).sum()
}

/// The series of a selector with their samples in a window.
///
/// # Errors
/// When there are too many, or the store does not answer.
pub async fn fetch(reader: &Reader, matchers: &[Matcher], window: Window) -> Result<Vec<Series>, QueryError> {
    let wanted = wanted(matchers);
    let (Some((first, _)), Some((last, _))) = (reader.base.known.first(), reader.base.known.last()) else {
        return Ok(Vec::new());
    };
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let chosen = choose(reader, matchers).await?;
    few_enough(count(&wanted, &chosen), SERIES)?;
    let (from, to) = (reader.day(window.from).max(*first), reader.day(window.to).min(last.plus(AHEAD)));
    if from > to {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for (measure, metric, bands) in &wanted {
        for chosen in chosen.iter().filter(|c| !c.keys.is_empty()) {
            let fetch = Fetch { reader, chosen, from, to };
            found.extend(match measure {
                Measure::Tickets => fetch.days(metric, 0).await?,
                Measure::LastYear => fetch.days(metric, i32::from(YEAR_OF_WEEKS)).await?,
                Measure::TicketsMonth => fetch.months(metric, 0..=0).await?,
                Measure::LastYearMonth => fetch.months(metric, 1..=1).await?,
                Measure::NormMonth => fetch.months(metric, 1..=NORM_YEARS).await?,
                Measure::Forecast => fetch.forecasts(metric, bands, Grain::Day).await?,
                Measure::ForecastMonth => fetch.forecasts(metric, bands, Grain::Month).await?,
            });
        }
    }
    found.retain(|series| !series.samples.is_empty());
    Ok(found)
}

/// Reading what is chosen for days from `from` to `to`.
struct Fetch<'a> {
    reader: &'a Reader,
    chosen: &'a Chosen,
    from: Day,
    to: Day,
}

impl Fetch<'_> {
    /// Known counts of each series over days.
    async fn counts(&self, from: Day, to: Day) -> Result<HashMap<(i32, i32), Daily>, QueryError> {
        let (topics, districts) = self.chosen.nodes();
        let cells = Cells { basis: self.chosen.basis, topics: Some(&topics), districts: Some(&districts) };
        let mut counts: HashMap<(i32, i32), Vec<(Day, i64)>> = HashMap::new();
        for row in self.reader.store.daily_within(cells, from, to).await? {
            counts.entry((row.topic, row.district)).or_default().push((Day(row.day), row.n));
        }
        let known = self.reader.base.known.iter().filter(|(day, _)| (from..=to).contains(day));
        let known: Vec<(Day, bool)> = known.copied().collect();
        let daily = |key: &SeriesKey| {
            let key = (key.topic, key.district);
            (key, Daily::new(&known, counts.remove(&key).unwrap_or_default()))
        };
        Ok(self.chosen.keys.iter().map(daily).collect())
    }

    /// Counts of days, `back` days earlier.
    async fn days(&self, metric: &Metric, back: i32) -> Result<Vec<Series>, QueryError> {
        let counts = self.counts(self.from.plus(-back), self.to.plus(-back)).await?;
        let midnights: Vec<i64> =
            (self.from.0..=self.to.0 + 1).map(|d| self.reader.midnight(Day(d))).collect();
        let samples = |daily: &Daily| {
            let days = (self.from.0..=self.to.0).zip(midnights.windows(2));
            let sample = days.filter_map(|(day, span)| {
                let value = f64::from(daily.at(Day(day - back))?);
                Some(Sample { from: span[0], until: span[1], value })
            });
            sample.collect()
        };
        Ok(self.series(metric, &counts, samples))
    }

    /// Mean of the known counts of the same month over earlier years.
    async fn months(
        &self,
        metric: &Metric,
        years: std::ops::RangeInclusive<u32>,
    ) -> Result<Vec<Series>, QueryError> {
        let first = first_of_month(self.from.date());
        let months = (0..).map_while(|n| first.checked_add_months(Months::new(n)));
        let months: Vec<NaiveDate> = months.take_while(|m| Day::from(*m) <= self.to).collect();
        let back = |years: u32| i32::try_from(years).unwrap_or(0) * 366;
        let (from, to) =
            (Day::from(first).plus(-back(*years.end())), self.to.plus(31 - back(*years.start()) + 2));
        let counts = self.counts(from, to).await?;
        let samples = |daily: &Daily| {
            let sample = months.iter().filter_map(|month| {
                let of = |year: u32| daily.month(same_date(*month, year));
                let values: Vec<f64> = years.clone().filter_map(of).collect();
                let value = values.iter().sum::<f64>() / values.len() as f64;
                let (from, until) = self.reader.month(*month);
                (!values.is_empty()).then_some(Sample { from, until, value })
            });
            sample.collect()
        };
        Ok(self.series(metric, &counts, samples))
    }

    fn series(
        &self,
        metric: &Metric,
        counts: &HashMap<(i32, i32), Daily>,
        samples: impl Fn(&Daily) -> Vec<Sample>,
    ) -> Vec<Series> {
        let one = |key: &SeriesKey| {
            let daily = counts.get(&(key.topic, key.district))?;
            Some(Series { labels: self.chosen.labels(key, metric.name, ""), samples: samples(daily) })
        };
        self.chosen.keys.iter().filter_map(one).collect()
    }

    /// The newest forecast.
    async fn forecasts(
        &self,
        metric: &Metric,
        bands: &[Band],
        grain: Grain,
    ) -> Result<Vec<Series>, QueryError> {
        let Some(run) = &self.reader.base.forecast else { return Ok(Vec::new()) };
        let (topics, districts) = self.chosen.nodes();
        let cells = Cells { basis: self.chosen.basis, topics: Some(&topics), districts: Some(&districts) };
        let from = match grain {
            Grain::Day => self.from,
            Grain::Month => Day::from(first_of_month(self.from.date())),
        };
        let mut points: HashMap<(i32, i32), Vec<_>> = HashMap::new();
        for point in self.reader.store.forecasts_of(run.id, grain, cells, from, self.to).await? {
            let (from, until) = match grain {
                Grain::Day => {
                    let day = Day(point.target);
                    (self.reader.midnight(day), self.reader.midnight(day.plus(1)))
                }
                Grain::Month => self.reader.month(Day(point.target).date()),
            };
            points.entry((point.topic, point.district)).or_default().push((from, until, point));
        }
        let mut found = Vec::new();
        for key in &self.chosen.keys {
            let Some(points) = points.get(&(key.topic, key.district)) else { continue };
            for (band, value) in bands {
                let sample = |(from, until, point): &(i64, i64, Point)| Sample {
                    from: *from,
                    until: *until,
                    value: value(point),
                };
                found.push(Series {
                    labels: self.chosen.labels(key, metric.name, band),
                    samples: points.iter().map(sample).collect(),
                });
            }
        }
        Ok(found)
    }
}
