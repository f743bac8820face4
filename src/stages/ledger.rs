//! The honesty ledger: earlier forecasts are scored when their periods have closed, once and for good.
//!
//! A published run is scored band of leads by band of leads (days 1-7, 8-14, …, months 1, 2-3, …), each when its last
//! period lies wholly before the newest closed day. The scores go into the transaction that publishes the next forecast:
//! what ends before that commit has scored nothing, and what is in the ledger is never looked at again, so a revision
//! of the counts changes no score. A day that is a gap in the source, and a month with one, is left out.
use std::{collections::BTreeMap, sync::Arc};

use chrono::{Months as Span, NaiveDate};
use rustc_hash::FxHashMap;
use tokio::runtime::Handle;
use weisu_models::{
    evaluation::{
        Band, Months, WEEK, quantile_loss,
        reference::{YEAR_OF_MONTHS, seasonal_naive},
    },
    forecast::series_by_shard,
    series::Cells,
};

use super::{Cx, shards::Shards};
use crate::{
    store::{ForecastRow, Grain, Issued, LedgerRow, SeriesKey, Store},
    ticket::{Basis, Day},
};

/// Days back to an origin whose twelfth month may just have closed.
const LOOK_BACK: i32 = 400;
/// Bands scored in one activation at most: after an update with years of forecasts the rest follows day by day.
const MOST: usize = 64;
/// Series that are read though nobody asked, rather than in a statement of their own.
const SKIPPED: i32 = 16;

/// A band of leads of a published run that has closed.
#[derive(Debug, Clone, Copy)]
struct Due {
    run: i64,
    origin: Day,
    grain: Grain,
    band: Band,
    /// First days of its first and last period.
    targets: (i32, i32),
}

/// Rows to add to the ledger: everything that closed up to the last day of the city's panel.
pub async fn score(
    cx: &Cx,
    basis: Basis,
    city: &Arc<Shards>,
    ids: &FxHashMap<SeriesKey, i32>,
) -> anyhow::Result<Vec<LedgerRow>> {
    let keys = &city.index.keys;
    let Some(total) = keys.first().and_then(|key| ids.get(key)).copied() else { return Ok(Vec::new()) };
    let due = due(cx, basis, total, city.to).await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Option<i32>> = keys.iter().map(|key| ids.get(key).copied()).collect();
    let (city, store, runtime) = (city.clone(), cx.store.clone(), Handle::current());
    let work = move || {
        let mut rows: BTreeMap<(usize, i32, i32, i32), LedgerRow> = BTreeMap::new();
        for (at, due) in due.iter().enumerate() {
            // Says that the band has been scored even where nothing of it is known.
            rows.insert((at, 0, 0, total), due.row(&city.index.keys[0], total));
        }
        let months = Months::spanning(city.start(), city.days());
        series_by_shard(&*city, &city.index.hierarchy, &mut |batch| {
            let truth = |(k, days): (usize, Vec<f32>)| Some((ids[k]?, Truth::new(&city, &months, k, days)));
            let mut truths: Vec<(i32, Truth<'_>)> = batch.into_iter().filter_map(truth).collect();
            truths.sort_unstable_by_key(|(id, _)| *id);
            // Neighbouring series are read together.
            for near in truths.chunk_by(|a, b| b.0 - a.0 <= SKIPPED) {
                runtime.block_on(score_some(&store, &city.index.keys, &due, near, &mut rows))?;
            }
            Ok(())
        })?;
        Ok(rows.into_values().collect())
    };
    tokio::task::spawn_blocking(work).await?
}

/// Scores what was forecast of some series, which ascend.
async fn score_some(
    store: &Store,
    keys: &[SeriesKey],
    due: &[Due],
    truths: &[(i32, Truth<'_>)],
    rows: &mut BTreeMap<(usize, i32, i32, i32), LedgerRow>,
) -> anyhow::Result<()> {
    let (Some(first), Some(last)) = (truths.first(), truths.last()) else { return Ok(()) };
    for (at, due) in due.iter().enumerate() {
        let made = store.forecasts_within(due.run, due.grain, due.targets, (first.0, last.0)).await?;
        for of_one in made.chunk_by(|a, b| a.series == b.series) {
            let Ok(found) = truths.binary_search_by_key(&of_one[0].series, |(id, _)| *id) else { continue };
            let truth = &truths[found].1;
            let key = &keys[truth.node];
            // Cells are too many and too small to be kept one by one.
            let is_cell = key.topic_depth > 0 && key.district_depth > 0;
            let series = if is_cell { 0 } else { of_one[0].series };
            let row = rows
                .entry((at, key.topic_depth, key.district_depth, series))
                .or_insert_with(|| due.row(key, series));
            truth.score(due, of_one, row);
        }
    }
    Ok(())
}

/// The bands of published runs that have closed and are not in the ledger yet, oldest run first.
async fn due(cx: &Cx, basis: Basis, total: i32, mark: Day) -> anyhow::Result<Vec<Due>> {
    let since = mark.plus(-LOOK_BACK);
    let (issued, scored) = tokio::try_join!(cx.store.issued(total, since), cx.store.scored(basis, since))?;
    let mut due: Vec<Due> = issued.iter().flat_map(|issued| closed(issued, mark)).collect();
    due.retain(|d| !scored.contains(&(d.run, d.grain.code(), d.band.first as i32)));
    due.truncate(MOST);
    Ok(due)
}

/// The bands of a run that lie wholly before the end of `mark`.
fn closed(issued: &Issued, mark: Day) -> Vec<Due> {
    let periods = usize::try_from(issued.periods).unwrap_or(0);
    let (grain, mut bands) = if issued.grain == Grain::Day.code() {
        (Grain::Day, Band::days(periods))
    } else {
        (Grain::Month, Band::months(periods))
    };
    // The whole is the sum of its parts; only where there is one part it stands for itself.
    if bands.len() > 1 {
        bands.retain(|band| !band.whole);
    }
    let first = Day(issued.first);
    let begins = |period: usize| -> Option<Day> {
        match grain {
            Grain::Day => Some(first.plus(period as i32)),
            Grain::Month => first.date().checked_add_months(Span::new(period as u32)).map(Day::from),
        }
    };
    let due = |band: Band| {
        let (from, to, after) = (begins(band.first - 1)?, begins(band.last - 1)?, begins(band.last)?);
        let due = Due { run: issued.run, origin: Day(issued.origin), grain, band, targets: (from.0, to.0) };
        (after <= mark.plus(1)).then_some(due)
    };
    bands.into_iter().filter_map(due).collect()
}

impl Due {
    fn row(&self, key: &SeriesKey, series: i32) -> LedgerRow {
        LedgerRow {
            run: self.run,
            grain: self.grain.code(),
            lead_from: self.band.first as i32,
            lead_to: self.band.last as i32,
            topic_depth: key.topic_depth,
            district_depth: key.district_depth,
            series,
            origin: self.origin.0,
            ..LedgerRow::default()
        }
    }
}

/// What came of one series.
struct Truth<'a> {
    node: usize,
    start: NaiveDate,
    days: Vec<f32>,
    months: &'a Months,
    sums: Vec<f32>,
}

impl<'a> Truth<'a> {
    fn new(city: &Shards, months: &'a Months, node: usize, days: Vec<f32>) -> Self {
        Self { node, start: city.start(), sums: months.sums(&days), days, months }
    }

    fn column(&self, day: Day) -> Option<usize> {
        usize::try_from(day.0 - Day::from(self.start).0).ok()
    }

    /// What came, how much of it was known at the origin, and periods in a season.
    fn known(&self, due: &Due) -> (&[f32], usize, usize) {
        let days = self.column(due.origin.plus(1)).unwrap_or(0).min(self.days.len());
        match due.grain {
            Grain::Day => (&self.days, days, WEEK),
            Grain::Month => {
                let months = days.checked_sub(1).map_or(0, |last| self.months.known(last));
                (&self.sums, months, YEAR_OF_MONTHS)
            }
        }
    }

    /// Adds the forecasts of a band to its row.
    fn score(&self, due: &Due, made: &[ForecastRow], row: &mut LedgerRow) {
        let (y, known, season) = self.known(due);
        let naive = seasonal_naive(&y[..known], season, 0, y.len() - known, None).mean;
        for f in made {
            let period = self.column(Day(f.target)).and_then(|column| match due.grain {
                Grain::Day => Some(column),
                Grain::Month => self.months.beginning(column),
            });
            let Some(ahead) = period.and_then(|t| t.checked_sub(known)) else { continue };
            if let (Some(actual), Some(naive)) = (y.get(known + ahead), naive.get(ahead))
                && !actual.is_nan()
            {
                add(row, f, f64::from(*actual), *naive);
            }
        }
    }
}

fn add(row: &mut LedgerRow, f: &ForecastRow, actual: f64, naive: f64) {
    row.n += 1;
    row.inside_80 += i64::from((f.q10..=f.q90).contains(&actual));
    row.inside_95 += i64::from((f.q025..=f.q975).contains(&actual));
    row.expected += f.mean;
    row.actual += actual;
    row.error += (actual - f.mean).abs();
    row.naive_error += (actual - naive).abs();
    row.loss += quantile_loss(actual, &[f.q025, f.q10, f.q50, f.q90, f.q975]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issued(grain: Grain, origin: &str, first: &str, periods: i64) -> Issued {
        let day = |text: &str| Day::from(text.parse::<NaiveDate>().unwrap()).0;
        Issued { run: 7, origin: day(origin), grain: grain.code(), first: day(first), periods }
    }

    fn check(issued: &Issued, mark: &str, want: &[&str]) {
        let mark = Day::from(mark.parse::<NaiveDate>().unwrap());
        let names: Vec<String> = closed(issued, mark).iter().map(|d| d.band.to_string()).collect();
        assert_eq!(names, want, "{mark}");
    }

    #[test]
    fn a_band_is_due_on_the_evening_of_its_last_period() {
        let days = issued(Grain::Day, "2024-01-31", "2024-02-01", 10);
        check(&days, "2024-02-06", &[]);
        check(&days, "2024-02-07", &["1-7"]);
        check(&days, "2024-02-10", &["1-7", "8-10"]);
        let months = issued(Grain::Month, "2024-01-15", "2024-02-01", 3);
        check(&months, "2024-02-28", &[]);
        check(&months, "2024-02-29", &["1"]);
        check(&months, "2024-04-30", &["1", "2-3"]);
        check(&issued(Grain::Day, "2024-01-31", "2024-02-01", 5), "2024-02-05", &["all"]);
    }

    #[test]
    fn days_and_months_are_held_against_what_came_and_gaps_are_left_out() {
        let start: NaiveDate = "2024-01-01".parse().unwrap();
        let panel = weisu_models::series::Panel { start, counts: ndarray::Array2::ones((1, 91)) };
        let months = Months::of(&panel);
        let mut days = vec![1.0; 91];
        days[32] = 5.0;
        days[34] = f32::NAN;
        let truth = Truth { node: 0, start, sums: months.sums(&days), days, months: &months };
        let band = Band { first: 1, last: 7, whole: false };
        let origin = Day::from(start).plus(30);
        let due = Due { run: 1, origin, grain: Grain::Day, band, targets: (0, 0) };
        let f = |grain: Grain, target: Day| ForecastRow {
            series: 1,
            grain: grain.code(),
            target: target.0,
            mean: 2.0,
            q025: 0.0,
            q10: 1.0,
            q50: 2.0,
            q90: 4.0,
            q975: 5.0,
        };
        let mut row = LedgerRow::default();
        truth.score(&due, &[1, 2, 4].map(|lead| f(Grain::Day, origin.plus(lead))), &mut row);
        assert_eq!((row.n, row.inside_80, row.inside_95), (2, 1, 2));
        assert_eq!((row.expected, row.actual, row.error, row.naive_error), (4.0, 6.0, 4.0, 4.0));
        // February has a gap, March has not.
        let due = Due { grain: Grain::Month, ..due };
        let mut row = LedgerRow::default();
        truth.score(&due, &[31, 60].map(|t| f(Grain::Month, Day::from(start).plus(t))), &mut row);
        assert_eq!((row.n, row.actual, row.inside_95, row.naive_error), (1, 31.0, 0, 0.0));
    }
}
