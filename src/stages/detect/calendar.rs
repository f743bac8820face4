//! The appeals calendar (民情月历): for each topic, and each topic in a district, the season that comes back every year.
//!
//! A district in which the season is clear by the same test has dates of its own: those were nearer to the begins that
//! came in São Paulo's districts than the city's (`weisu backtest --anticipation`). Any other that rises with the city
//! borrows the city's dates and has its share of the tickets, and the row says so. Looked at are topics in the whole
//! city and in top-level districts, and of what lies below only cells that are dense: the cost is bounded by the upper
//! levels, whatever the number of cells.
use chrono::Datelike;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use weisu_models::{
    forecast::NodeFit,
    hotspot::season::{Ahead, Part, Return, Standing, Timing, Weekly, YEAR, Yearly},
};

use super::{Scene, seasons::Days};
use crate::{
    store::{
        SeriesKey,
        calendar::{CalendarRow, PastSeason},
    },
    ticket::Day,
};

/// Mean tickets a week over the last year from which on a cell below the top-level districts is looked at.
const DENSE: f64 = 20.0;
/// Past years that are shown.
const SHOWN: usize = 3;

/// A series that may have a season.
#[derive(Debug)]
pub struct Known {
    /// Its node.
    pub node: usize,
    weekly: Weekly,
    /// Its own season, where it has a clear one.
    pub yearly: Option<Yearly>,
}

/// Series that have a season of their own, or may share the city's.
pub fn known(scene: &Scene) -> Vec<Known> {
    let keys = &scene.city.keys;
    let least = f64::from(scene.settings.min_count);
    let look = |node: usize| {
        let key = &keys[node];
        let weekly = (key.topic != 0).then(|| Weekly::new(scene.city.panel.start, &scene.series(node)))?;
        let upper = key.district_depth <= 1;
        if !upper && last_year(&weekly) < DENSE {
            return None;
        }
        let yearly = Yearly::new(&weekly).filter(|yearly| yearly.threshold >= least);
        Some(Known { node, weekly, yearly })
    };
    let mut found: Vec<Known> = (0..keys.len()).into_par_iter().filter_map(look).collect();
    let lenders: FxHashSet<i32> = found
        .iter()
        .filter(|one| one.yearly.is_some() && keys[one.node].district == 0)
        .map(|one| keys[one.node].topic)
        .collect();
    found.retain(|one| one.yearly.is_some() || lenders.contains(&keys[one.node].topic));
    found
}

/// Mean tickets a week over the last year.
fn last_year(weekly: &Weekly) -> f64 {
    let newest = &weekly.sums[weekly.sums.len().saturating_sub(YEAR)..];
    let known = newest.iter().filter(|y| !y.is_nan());
    known.clone().sum::<f64>() / (known.count() as f64).max(1.0)
}

/// The rows of a calendar, by series; `days` holds the forecasts of the series with a season of their own.
pub fn rows(
    scene: &Scene,
    known: &[Known],
    days: &FxHashMap<usize, Days>,
    ids: &FxHashMap<SeriesKey, i32>,
) -> Vec<CalendarRow> {
    let keys = &scene.city.keys;
    let own = |one: &Known| Some((one.node, season(scene, one, days.get(&one.node))?));
    let returns: FxHashMap<usize, Return> = known.par_iter().filter_map(own).collect();
    let city: FxHashMap<i32, &Known> = known
        .iter()
        .filter(|one| one.yearly.is_some() && keys[one.node].district == 0)
        .map(|one| (keys[one.node].topic, one))
        .collect();
    let row = |one: &Known| {
        let key = keys[one.node];
        let series = *ids.get(&key)?;
        if let (Some(yearly), Some(found)) = (&one.yearly, returns.get(&one.node)) {
            return Some(CalendarRow { series, ..written(key, yearly, found, 1.0) });
        }
        let lender = city.get(&key.topic).filter(|lender| lender.node != one.node)?;
        let (yearly, found) = (lender.yearly.as_ref()?, returns.get(&lender.node)?);
        let share = Part::new(&lender.weekly, yearly, &one.weekly)?.share;
        let many = found.height * share >= f64::from(scene.settings.min_count);
        let lent = |row| CalendarRow { series, dates_of: "city".to_owned(), share: Some(share), ..row };
        many.then(|| lent(written(key, yearly, found, share)))
    };
    let mut rows: Vec<CalendarRow> = known.iter().filter_map(row).collect();
    rows.sort_unstable_by_key(|row| row.series);
    rows
}

fn season(scene: &Scene, one: &Known, days: Option<&Days>) -> Option<Return> {
    let unknown = (Vec::new(), NodeFit::unknown());
    let (means, fit) = days.unwrap_or(&unknown);
    let ahead = Ahead::weeks(means, fit, one.weekly.open, one.weekly.open_days);
    Return::new(&one.weekly, one.yearly.as_ref()?, &ahead, fit, scene.alignment)
}

/// The row of a season of which a series has a share.
fn written(key: SeriesKey, yearly: &Yearly, found: &Return, share: f64) -> CalendarRow {
    let next = &found.next;
    let (standing, begun) = match found.standing {
        Standing::Ahead => ("ahead", None),
        Standing::UnderWay(begun) => ("under_way", begun),
    };
    let past = yearly.past.iter().take(SHOWN);
    CalendarRow {
        series: 0,
        topic: key.topic,
        district: key.district,
        season: next.usual.year(),
        standing: standing.to_owned(),
        begun: begun.map(Day::from),
        onset: next.date.into(),
        interval: (next.interval.0.into(), next.interval.1.into()),
        probability: next.near,
        said_by: if next.by_forecast { "forecast" } else { "past_years" }.to_owned(),
        timing: match next.timing {
            Timing::Early => "early",
            Timing::Usual => "usual",
            Timing::Late => "late",
        }
        .to_owned(),
        shift_days: next.shift as i32,
        peak: found.peak.into(),
        peak_expected: found.height * share,
        peak_interval: found.height_interval(share),
        ends: found.ends.map(Day::from),
        repair: found.repair.map(|(from, to)| (from.into(), to.into())),
        threshold: yearly.threshold * share,
        dates_of: "own".to_owned(),
        share: None,
        past: past.map(|p| PastSeason { onset: p.onset, peak: p.peak, height: p.height * share }).collect(),
    }
}
