//! What was planted in the simulated city is found again: live at the end, coming, and over by now.
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
};

use chrono::{Days, NaiveDate};
use sqlx::{Connection, SqliteConnection};
use statrs::distribution::{DiscreteCDF, Poisson};
use weisu::{
    config::Lang,
    simulate::{City, Kind, Params, Planted, Truth},
    store::{
        alarms,
        calendar::{CalendarFilter, CalendarRow},
    },
    ticket::Day,
};

use crate::support::{Database, command::weisu};

const MORNING: &str = "2025-11-10T00:00:00Z";
/// From here on the days of every cell are judged one by one.
const JUDGED_FROM: NaiveDate = NaiveDate::from_ymd_opt(2024, 11, 11).unwrap();
const QUICK: &str = "[forecast]\norigins = 4\ndays = 28\nmonths = 1\n";

/// A city of the demo's size whose daily chain ran in the morning on which its emerging cluster began, and again
/// after its last day.
struct Lived {
    folder: tempfile::TempDir,
    truth: Truth,
}

impl Lived {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let params = Params { years: 3, ..Params::demo(Lang::En, "2025-11-10".parse().unwrap()) };
        let city = City::new(params).unwrap();
        let mut all = Vec::new();
        let truth = city.write(&mut all, &|_| {}).unwrap();
        let config = city.config_toml("*.csv", Some("districts.geojson"), "sqlite://weisu.db");
        fs::write(at.join("districts.geojson"), city.map()).unwrap();
        fs::write(at.join("weisu.toml"), format!("{config}\n{QUICK}")).unwrap();
        let begun = truth.events.iter().find(|e| e.kind == Kind::EmergingCluster).unwrap().from;
        let (before, since) = split(std::str::from_utf8(&all).unwrap(), begun);
        fs::write(at.join("before.csv"), before).unwrap();
        weisu(at, &["--quiet", "once", "--now", &format!("{begun}T00:00:00Z")]).ok();
        fs::write(at.join("since.csv"), since).unwrap();
        weisu(at, &["--quiet", "once", "--now", MORNING]).ok();
        Self { folder, truth }
    }

    fn planted(&self, kind: Kind) -> impl Iterator<Item = &Planted> {
        self.truth.events.iter().filter(move |e| e.kind == kind)
    }

    async fn connection(&self) -> SqliteConnection {
        SqliteConnection::connect(&Database::sqlite(&self.folder).url).await.unwrap()
    }

    /// Daily counts of each topic of the second level in each district.
    async fn cells(&self) -> BTreeMap<Cell, BTreeMap<Day, i64>> {
        let sql = "SELECT t.name, d.name, c.day, SUM(c.raw) FROM counts c \
            JOIN topics leaf ON leaf.id = c.topic \
            JOIN topics t ON t.id = CASE leaf.depth WHEN 3 THEN leaf.parent ELSE leaf.id END \
            JOIN districts part ON part.id = c.district \
            JOIN districts d ON d.id = CASE part.depth WHEN 2 THEN part.parent ELSE part.id END \
            GROUP BY 1, 2, 3";
        let rows: Vec<(String, String, i32, i64)> =
            sqlx::query_as(sql).fetch_all(&mut self.connection().await).await.unwrap();
        let mut cells: BTreeMap<Cell, BTreeMap<Day, i64>> = BTreeMap::new();
        for (topic, district, day, n) in rows {
            cells.entry((topic, district)).or_default().insert(Day(day), n);
        }
        cells
    }

    /// Cells and days with an alarm, each day judged from what was known then.
    fn alarms(&self, cells: &BTreeMap<Cell, BTreeMap<Day, i64>>) -> BTreeSet<(Cell, NaiveDate)> {
        let mut counts = String::from("unique_id,ds,y\n");
        for ((topic, district), days) in cells {
            for date in self.truth.from.iter_days().take_while(|d| *d <= self.truth.to) {
                let n = days.get(&Day::from(date)).copied().unwrap_or(0);
                writeln!(counts, "{topic}|{district},{date},{n}").unwrap();
            }
        }
        let at = self.folder.path();
        fs::write(at.join("counts.csv"), counts).unwrap();
        let from = JUDGED_FROM.to_string();
        let args = ["--quiet", "detect", "--input", "counts.csv", "--frequency", "daily", "--from", &from];
        weisu(at, &[&args[..], &["--region", "CN", "--out", "alarms.csv"]].concat()).ok();
        let mut reader = csv::Reader::from_path(at.join("alarms.csv")).unwrap();
        reader
            .records()
            .map(Result::unwrap)
            .filter(|row| &row[7] == "1")
            .map(|row| {
                let (topic, district) = row[0].split_once('|').unwrap();
                ((topic.to_owned(), district.to_owned()), row[1].parse().unwrap())
            })
            .collect()
    }

    /// Share of the judged days with an alarm among those on which nothing was planted.
    fn false_alarms(
        &self,
        cells: &BTreeMap<Cell, BTreeMap<Day, i64>>,
        alarms: &BTreeSet<(Cell, NaiveDate)>,
    ) -> f64 {
        let mut planted: BTreeSet<(Cell, NaiveDate)> = BTreeSet::new();
        for event in self.truth.events.iter().filter(|e| e.kind != Kind::ComingRise) {
            let hit = cells.keys().filter(|(topic, district)| {
                event.topic.last().is_none_or(|t| t == topic)
                    && event.district.as_ref().is_none_or(|d| d == district)
            });
            // The week after is judged by a baseline that has just seen the rise.
            let days = event.from.iter_days().take_while(|d| *d <= event.to + Days::new(7));
            planted.extend(hit.flat_map(|cell| days.clone().map(|day| (cell.clone(), day))));
        }
        let judged = JUDGED_FROM.iter_days().take_while(|d| *d <= self.truth.to).count() * cells.len();
        let quiet =
            judged - planted.iter().filter(|(_, day)| (JUDGED_FROM..=self.truth.to).contains(day)).count();
        alarms.difference(&planted).count() as f64 / quiet as f64
    }
}

/// Topic of the second level and district.
type Cell = (String, String);

fn cell(event: &Planted) -> Cell {
    (event.topic.last().unwrap().clone(), event.district.clone().unwrap())
}

/// Whether a day of it has more tickets than chance gives a quiet day more than once in a thousand, by the mean of the
/// four weeks before: who knew no more would see it.
fn stands_out(event: &Planted, counts: &BTreeMap<Day, i64>) -> bool {
    let on = |date: NaiveDate| counts.get(&Day::from(date)).copied().unwrap_or(0);
    let weeks = event.from.iter_days().rev().skip(1).take(28);
    let mean = (weeks.map(on).sum::<i64>() as f64).max(1.0) / 28.0;
    let quiet = Poisson::new(mean).unwrap();
    days(event).any(|day| on(day) > 0 && quiet.sf(on(day) as u64 - 1) < 0.001)
}

fn days(event: &Planted) -> impl Iterator<Item = NaiveDate> {
    event.from.iter_days().take_while(|day| *day <= event.to)
}

/// Whether a cluster has most of the planted districts, and at most one that is not.
fn same_places(event: &Planted, names: &[Vec<String>]) -> bool {
    let planted: Vec<&String> = event.district.iter().chain(&event.neighbours).collect();
    let told: Vec<&String> = names.iter().filter_map(|path| path.last()).collect();
    let both = told.iter().filter(|name| planted.contains(name)).count();
    planted.len() >= 3 && both + 1 >= planted.len() && both + 1 >= told.len()
}

/// The rows received before a day, and those since, each under the header.
fn split(csv: &str, day: NaiveDate) -> (String, String) {
    let (header, rows) = csv.split_once('\n').unwrap();
    let at = header.split(',').position(|name| name == "受理时间").unwrap();
    let day = day.to_string();
    let (before, since): (Vec<&str>, Vec<&str>) =
        rows.lines().partition(|row| row.split(',').nth(at).unwrap() < day.as_str());
    (format!("{header}\n{}\n", before.join("\n")), format!("{header}\n{}\n", since.join("\n")))
}

#[tokio::test]
async fn what_was_planted_is_found_again() {
    let city = Lived::new();
    let store = Database::sqlite(&city.folder).open().await.unwrap();

    // Live at the end: an open alert on the very cell.
    let emerging = city.planted(Kind::EmergingCluster).next().unwrap();
    let open = store.open_alerts().await.unwrap();
    let titles: Vec<_> = open.iter().map(|a| &a.body.title).collect();
    let on_cell = open.iter().find(|a| {
        a.body.kind == alarms::Kind::Spike
            && a.body.topic == emerging.topic
            && a.body.district == [emerging.district.clone().unwrap()]
    });
    assert!(on_cell.is_some(), "{emerging:?} is not among {titles:?}");

    // And each of the events of the last weeks, for what it is.
    let mut missed = Vec::new();
    for (planted, kind) in [
        (Kind::LevelShift, alarms::Kind::LevelShift),
        (Kind::Widespread, alarms::Kind::Widespread),
        (Kind::Drop, alarms::Kind::Drop),
        (Kind::RepeatCluster, alarms::Kind::RepeatCluster),
        (Kind::DataFault, alarms::Kind::Data),
        (Kind::NeighbourCluster, alarms::Kind::Cluster),
    ] {
        let event = city.planted(planted).next().unwrap();
        let district: Vec<String> = event.district.clone().into_iter().collect();
        let it = open.iter().find(|a| {
            let there = match &a.body.details.cluster {
                Some(cluster) => same_places(event, &cluster.names),
                None => a.body.district == district,
            };
            a.body.kind == kind && a.body.topic == event.topic && there
        });
        let dated = it.is_some_and(|a| match &a.body.details.level {
            Some(level) => (level.earliest..=level.latest).contains(&event.from),
            None => a.body.window.0 <= event.to && event.from <= a.body.window.1,
        });
        if !dated {
            missed.push(event);
        }
    }
    let levels: Vec<_> = open.iter().filter_map(|a| a.body.details.level.as_ref()).collect();
    assert!(missed.is_empty(), "{missed:?} are not among {titles:?} {levels:?}");
    assert!(open.len() <= 30, "{} alerts are too many to read: {titles:?}", open.len());

    // Still to come: the season that begins after the last day is forecast at its height.
    let cells = city.cells().await;
    let coming = city.planted(Kind::ComingRise).next().unwrap();
    let topic = coming.topic.last().unwrap();
    let last_weeks = Day::from(coming.from - Days::new(28))..;
    let of_topic = cells.iter().filter(|(cell, _)| cell.0 == *topic);
    let before: i64 = of_topic.flat_map(|(_, days)| days.range(last_weeks.clone()).map(|(_, n)| n)).sum();
    let sql = "SELECT SUM(f.mean) FROM forecasts f JOIN series s ON s.id = f.series JOIN topics t ON t.id = s.topic \
        WHERE f.run = (SELECT MAX(id) FROM runs WHERE stage = 'forecast') AND f.grain = 0 AND s.basis = 'raw' \
        AND s.district = 0 AND t.name = $1";
    let ahead: f64 =
        sqlx::query_scalar(sql).bind(topic).fetch_one(&mut city.connection().await).await.unwrap();
    let rise = ahead / before as f64;
    assert!(rise > coming.factor / 1.5 && rise < coming.factor * 1.5, "{rise} for {coming:?}");

    // And announced: with its date, an interval around it, and the years before.
    let announced = open.iter().filter_map(|a| Some((&a.body, a.body.details.onset.as_ref()?)));
    let (body, onset) =
        announced.clone().find(|(body, _)| body.topic.first() == coming.topic.first()).unwrap_or_else(|| {
            panic!("{coming:?} is not among {:?}", announced.map(|a| &a.0.title).collect::<Vec<_>>())
        });
    assert_eq!((body.kind, body.district.len()), (alarms::Kind::SeasonOnset, 0));
    assert!((onset.date - coming.from).num_days().abs() <= 7, "{onset:?} for {coming:?}");
    assert!(onset.from <= onset.date && onset.date <= onset.to && onset.probability >= 0.6, "{onset:?}");
    assert!(onset.past.len() >= 2 && onset.peak_expected > onset.threshold, "{onset:?}");
    assert!((1..=15).contains(&body.lead_days) && body.severity > alarms::Severity::Low, "{body:?}");

    // And in the calendar: for the city and for its districts, with the same date.
    let (_, seasons) = store.calendar(CalendarFilter::default()).await.unwrap().unwrap();
    let alert = open.iter().find(|a| a.body.topic == body.topic && a.body.details.onset.is_some()).unwrap();
    let whole = seasons.iter().find(|row| row.series == alert.series).unwrap();
    // The alert says how sure it was when it last told people, the calendar how sure the newest forecast is.
    assert_eq!((whole.onset.date(), whole.dates_of.as_str()), (onset.date, "own"));
    assert!(whole.probability >= 0.6, "{whole:?}");
    let districts: Vec<_> = seasons.iter().filter(|r| r.topic == whole.topic && r.district != 0).collect();
    let is_near = |row: &&&CalendarRow| (row.onset.date() - coming.from).num_days().abs() <= 14;
    let near = districts.iter().filter(is_near).count();
    assert!(near >= 8 && 10 * near >= 9 * districts.len(), "{near} of {} districts", districts.len());
    assert!(districts.iter().all(|row| row.interval.0 <= row.onset && row.onset <= row.interval.1));

    // Over by now: every cluster of the last year, and the cells that a storm hit.
    let alarms = city.alarms(&cells);
    let is_found = |e: &&Planted| days(e).any(|day| alarms.contains(&(cell(e), day)));
    let of = |kind: Kind| city.planted(kind).filter(|e| e.from >= JUDGED_FROM).collect::<Vec<_>>();
    let share_found = |of: &[&Planted]| (of.iter().filter(|e| is_found(e)).count(), of.len());
    let clusters = share_found(&of(Kind::Cluster));
    assert!(clusters.1 > 0 && clusters.0 == clusters.1, "clusters {clusters:?}");
    // A storm triples a manhole's third of a ticket a day as well. Of what stands out of the four weeks before, nine in ten;
    // of all, p-values that hold on real days, which are not independent, find three in five.
    let (plain, hidden): (Vec<_>, Vec<_>) =
        of(Kind::Storm).into_iter().partition(|e| stands_out(e, &cells[&cell(e)]));
    let (plain, hidden) = (share_found(&plain), share_found(&hidden));
    assert!(plain.1 > 20 && 10 * plain.0 >= 9 * plain.1, "storms that stand out {plain:?}");
    assert!(5 * (plain.0 + hidden.0) >= 3 * (plain.1 + hidden.1), "storms {plain:?} {hidden:?}");

    // And days without anything planted seldom alarm.
    let share = city.false_alarms(&cells, &alarms);
    assert!(share < 0.01, "{share} at a nominal 0.005");
}
