//! Which past periods are compared with the judged one, and in which level of the season.
//!
//! The level `blocks - 1` (zero-based) holds the windows: the judged period's place in each past year, with its
//! neighbours. The stretch between two windows is shared by the other levels in order of time, the first ones one
//! period longer where it does not divide evenly. R: `blocks` and `refvalIdxByDate`.
use chrono::{Datelike, Days, NaiveDate};

use super::settings::{Edition, Settings, Step};
use super::{NotJudged, Series};

/// A past period to fit to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Past {
    /// Index in the series.
    pub index: usize,
    /// Level of the season.
    pub block: usize,
}

/// The past periods of period `t`, in no particular order, missing counts left out.
pub(super) fn past(settings: &Settings, series: &Series<'_>, t: usize) -> Result<Vec<Past>, NotJudged> {
    let mut past = match settings.edition {
        Edition::Original => windows(settings, series, t),
        Edition::Flexible => whole_years(settings, series, t)?,
    };
    past.retain(|p| !series.counts[p.index].is_nan());
    if past.iter().any(|p| p.block + 1 == settings.blocks) { Ok(past) } else { Err(NotJudged::TooShort) }
}

/// The windows of past years, as far as they exist.
fn windows(settings: &Settings, series: &Series<'_>, t: usize) -> Vec<Past> {
    let half = settings.half_window as i64;
    let by_date = |dates: &[NaiveDate], years: usize, offset: i64| {
        let date = step_by(settings.step, years_back(dates[t], years)?, offset)?;
        dates.binary_search(&nearest(settings.step, date, dates[t])?).ok()
    };
    let by_index = |years: usize, offset: i64| {
        let index = t as i64 - (years * settings.step.per_year()) as i64 + offset;
        usize::try_from(index).ok()
    };
    let mut past = Vec::with_capacity(settings.years * (2 * settings.half_window + 1));
    for years in 1..=settings.years {
        for offset in -half..=half {
            let index = match series.dates {
                Some(dates) => by_date(dates, years, offset),
                None => by_index(years, offset),
            };
            past.extend(index.map(|index| Past { index, block: 0 }));
        }
    }
    past
}

/// The windows and all that lies between them, without the guard.
fn whole_years(settings: &Settings, series: &Series<'_>, t: usize) -> Result<Vec<Past>, NotJudged> {
    let (w, levels) = (settings.half_window, settings.blocks);
    let mut past = Vec::with_capacity((settings.years + 1) * settings.step.per_year());
    let mut push = |range: std::ops::Range<usize>, block: usize| {
        past.extend(range.filter(|i| i + settings.guard < t).map(|index| Past { index, block }));
    };
    push(t.saturating_sub(w)..t, levels - 1);
    let mut later = t;
    for years in 1..=settings.years {
        let place = place(settings, series, t, years).ok_or(NotJudged::TooShort)?;
        let from = place.checked_sub(w).ok_or(NotJudged::TooShort)?;
        push(from..place + w + 1, levels - 1);
        let between = later.checked_sub(place + 2 * w + 1).ok_or(NotJudged::Irregular)?;
        if let Some(blocks) = (levels - 1 > 0).then_some(levels - 1) {
            let mut start = place + w + 1;
            for block in 0..blocks {
                let length = between / blocks + usize::from(block < between % blocks);
                push(start..start + length, block);
                start += length;
            }
        }
        later = place;
    }
    Ok(past)
}

/// Index of the judged period's place `years` years ago.
fn place(settings: &Settings, series: &Series<'_>, t: usize, years: usize) -> Option<usize> {
    match series.dates {
        None => t.checked_sub(years * settings.step.per_year()),
        Some(dates) => {
            let date = nearest(settings.step, years_back(dates[t], years)?, dates[t])?;
            dates.binary_search(&date).ok()
        }
    }
}

/// The same day some years ago; 29 February becomes 1 March.
fn years_back(date: NaiveDate, years: usize) -> Option<NaiveDate> {
    months_on(date, -12 * i64::try_from(years).ok()?)
}

/// The same day of another month; a day that month does not have runs over into the next.
fn months_on(date: NaiveDate, months: i64) -> Option<NaiveDate> {
    let month = i64::from(date.year()) * 12 + i64::from(date.month0()) + months;
    let year = i32::try_from(month.div_euclid(12)).ok()?;
    let first = NaiveDate::from_ymd_opt(year, month.rem_euclid(12) as u32 + 1, 1)?;
    first.checked_add_days(Days::new(u64::from(date.day0())))
}

fn step_by(step: Step, date: NaiveDate, offset: i64) -> Option<NaiveDate> {
    match step {
        Step::Day => date.checked_add_signed(chrono::Duration::days(offset)),
        Step::Week => date.checked_add_signed(chrono::Duration::weeks(offset)),
        Step::Month => months_on(date, offset),
    }
}

/// Of weeks the nearest day with the judged period's day of the week, of months that with its day of the month.
fn nearest(step: Step, date: NaiveDate, judged: NaiveDate) -> Option<NaiveDate> {
    match step {
        Step::Day => Some(date),
        Step::Week => {
            let day = |d: NaiveDate| i64::from(d.weekday().num_days_from_monday());
            let ahead = (day(judged) - day(date)).rem_euclid(7);
            date.checked_add_signed(chrono::Duration::days(if ahead <= 3 { ahead } else { ahead - 7 }))
        }
        Step::Month => {
            let back = i64::from(date.day()) - i64::from(judged.day());
            date.checked_sub_signed(chrono::Duration::days(back))
        }
    }
}
