//! The forecast of one series, and the biggest coming rises.
use axum::{Json, extract::State};
use chrono::{DateTime, Months, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use weisu_models::calendar::align::{YEAR_OF_WEEKS, same_date};

use super::panel::{Scores, SeriesView};
use crate::{
    http::{
        AppState,
        alert_view::instant,
        board::{Base, Daily, first_of_month},
        outlook::{self, Rise, When},
        problem::{Params, Problem},
    },
    store::{
        Grain, Tree,
        board::{Point, Scope},
    },
    ticket::{Basis, Day},
};

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ForecastParams {
    /// Key of a topic; 0 = all topics together.
    topic: Option<i32>,
    /// Key of a district; 0 = the whole city.
    district: Option<i32>,
    /// What is counted; every ticket unless said otherwise.
    basis: Option<Basis>,
    /// By day or by month.
    grain: Option<Grain>,
    /// Days (1 to 1461) or months (1 to 48) of what was counted before; 120 and 24 unless said otherwise.
    history: Option<u32>,
}

/// A period that is over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Past {
    /// First day of the period.
    pub start: NaiveDate,
    /// Tickets; absent where the source has a gap, and in a month that is not over.
    pub actual: Option<f64>,
    /// The same weekday 52 weeks earlier, or the same month last year.
    pub last_year: Option<f64>,
}

/// A period to come.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Coming {
    /// First day of the period.
    pub start: NaiveDate,
    /// Expected count.
    pub mean: f64,
    /// Lower edge of the 95 % band.
    pub q025: f64,
    /// Lower edge of the 80 % band.
    pub q10: f64,
    /// Median.
    pub q50: f64,
    /// Upper edge of the 80 % band.
    pub q90: f64,
    /// Upper edge of the 95 % band.
    pub q975: f64,
    /// The same weekday 52 weeks earlier, or the same month last year.
    pub last_year: Option<f64>,
}

/// A holiday or a make-up workday.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Holiday {
    /// Day.
    pub date: NaiveDate,
    /// Name.
    pub name: String,
    /// A day off, or a workday made up for one.
    pub off: bool,
    /// Announced, or predicted by a rule.
    pub announced: bool,
}

/// A season of the city's calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct SeasonView {
    /// Its name in the configuration.
    pub name: String,
    /// What people read, in Chinese.
    pub zh: String,
    /// What people read, in English.
    pub en: String,
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// Announced, or predicted by a rule.
    pub announced: bool,
}

/// The forecast of one series from the newest finished run.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Forecast {
    /// Key of the topic; 0 = all.
    pub topic_id: i32,
    /// Names from the top down; empty = all.
    pub topic: Vec<String>,
    /// Key of the district; 0 = the whole city.
    pub district_id: i32,
    /// Names from the top down; empty = the whole city.
    pub district: Vec<String>,
    /// What is counted.
    pub basis: Basis,
    /// Length of a period.
    pub grain: Grain,
    /// Run that published it.
    pub run: i64,
    /// When that run ended.
    pub issued_at: Option<DateTime<Utc>>,
    /// The last day it knew.
    pub origin: Option<NaiveDate>,
    /// Model chosen for the series.
    pub model: Option<String>,
    /// Why it is not the model tried first.
    pub fallback: Option<String>,
    /// Backtest scores of the series, by day.
    pub scores: Scores,
    /// What was counted.
    pub past: Vec<Past>,
    /// What is expected.
    pub coming: Vec<Coming>,
    /// Holidays and make-up workdays in both.
    pub holidays: Vec<Holiday>,
    /// Seasons that share a day with either.
    pub seasons: Vec<SeasonView>,
}

/// Which forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ask {
    /// Topic and district; 0 = all.
    pub at: (i32, i32),
    /// What is counted.
    pub basis: Basis,
    /// By day or by month.
    pub grain: Grain,
    /// Periods of the past.
    pub history: u32,
}

/// Expected count with bands, what was counted before, and last year's same days.
#[utoipa::path(get, path = "/forecast", tag = "forecast", params(ForecastParams),
    responses((status = OK, body = Forecast), (status = 400, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn forecast(
    State(state): State<AppState>,
    Params(params): Params<ForecastParams>,
) -> Result<Json<Forecast>, Problem> {
    let grain = params.grain.unwrap_or_default();
    let (usual, most) = match grain {
        Grain::Day => (120, 1461),
        Grain::Month => (24, 48),
    };
    let history = params.history.unwrap_or(usual);
    if !(1..=most).contains(&history) {
        return Err(Problem::bad(format!("history is {history}: write 1 to {most}")));
    }
    let at = (params.topic.unwrap_or(0), params.district.unwrap_or(0));
    let basis = params.basis.unwrap_or(Basis::Raw);
    read(&state, Ask { at, basis, grain, history }).await.map(Json)
}

/// The answer of `/forecast`, also drawn on the page.
pub(crate) async fn read(state: &AppState, ask: Ask) -> Result<Forecast, Problem> {
    let base = state.boards.base(&state.store).await?;
    let run = base.forecast()?;
    let rows = state.store.forecast_of(run.id, ask.at, ask.basis, ask.grain).await?;
    let series = state.store.series_of(ask.at, ask.basis).await?;
    let Some(series) = series.filter(|_| !rows.is_empty()) else {
        let (topic, district) = ask.at;
        return Err(Problem::not_found(format!(
            "no forecast of topic {topic} in district {district} on basis {}; /api/v1/series lists what there is",
            ask.basis.name()
        )));
    };
    let series = SeriesView::new(series, &base.topics, &base.districts);
    let daily = daily(state, &base, ask).await?;
    let coming: Vec<Coming> = rows.iter().map(|row| coming(&daily, ask.grain, row)).collect();
    let mut past = past(&base, &daily, ask);
    past.extend(open_month(&base, &daily, ask.grain).filter(|open| coming[0].start > open.start));
    let (holidays, seasons) = match (past.first(), coming.last()) {
        (Some(first), Some(last)) if ask.grain == Grain::Day => {
            (holidays(state, first.start, last.start), seasons(state, first.start, last.start))
        }
        _ => Default::default(),
    };
    Ok(Forecast {
        topic_id: series.topic_id,
        topic: series.topic,
        district_id: series.district_id,
        district: series.district,
        basis: ask.basis,
        grain: ask.grain,
        run: run.id,
        issued_at: run.finished.and_then(instant),
        origin: run.origin.map(|d| Day(d).date()),
        model: series.model,
        fallback: series.fallback,
        scores: series.scores,
        past,
        coming,
        holidays,
        seasons,
    })
}

/// What was counted in the series, far enough back for last year's same periods.
async fn daily(state: &AppState, base: &Base, ask: Ask) -> Result<Daily, Problem> {
    let Some(last) = base.last_closed() else { return Ok(Daily::new(&[], [])) };
    let days = match ask.grain {
        Grain::Day => ask.history as i32 + i32::from(YEAR_OF_WEEKS),
        Grain::Month => (ask.history as i32 + 14) * 31,
    };
    let from = last.plus(-days);
    let known: Vec<(Day, bool)> =
        base.known.iter().copied().filter(|(day, _)| (from..=last).contains(day)).collect();
    let counts = state.store.daily(ask.at, ask.basis, from, last).await?;
    Ok(Daily::new(&known, counts.into_iter().map(|c| (Day(c.day), c.n))))
}

fn past(base: &Base, daily: &Daily, ask: Ask) -> Vec<Past> {
    let Some(last) = base.last_closed() else { return Vec::new() };
    match ask.grain {
        Grain::Day => (1 - ask.history as i32..=0)
            .map(|back| last.plus(back))
            .filter(|day| base.known.first().is_some_and(|(first, _)| day >= first))
            .map(|day| Past {
                start: day.date(),
                actual: daily.at(day).map(f64::from),
                last_year: daily.at(day.plus(-i32::from(YEAR_OF_WEEKS))).map(f64::from),
            })
            .collect(),
        Grain::Month => {
            // The month after the last closed day is the first that is not over.
            let open = first_of_month(last.plus(1).date());
            (1..=ask.history)
                .rev()
                .filter_map(|back| open.checked_sub_months(Months::new(back)))
                .filter(|month| base.known.first().is_some_and(|(first, _)| Day::from(*month) >= *first))
                .map(|month| Past {
                    start: month,
                    actual: daily.month(month),
                    last_year: daily.month(same_date(month, 1)),
                })
                .collect()
        }
    }
}

/// The month that is neither over nor wholly ahead.
fn open_month(base: &Base, daily: &Daily, grain: Grain) -> Option<Past> {
    let start = first_of_month(base.last_closed()?.plus(1).date());
    let last_year = daily.month(same_date(start, 1));
    (grain == Grain::Month).then_some(Past { start, actual: None, last_year })
}

fn coming(daily: &Daily, grain: Grain, row: &Point) -> Coming {
    let day = Day(row.target);
    let last_year = match grain {
        Grain::Day => daily.at(day.plus(-i32::from(YEAR_OF_WEEKS))).map(f64::from),
        Grain::Month => daily.month(same_date(day.date(), 1)),
    };
    Coming {
        start: day.date(),
        mean: row.mean,
        q025: row.q025,
        q10: row.q10,
        q50: row.q50,
        q90: row.q90,
        q975: row.q975,
        last_year,
    }
}

/// Seasons of the city's calendar that share a day with `[from, to]`, by their first day.
pub(crate) fn seasons(state: &AppState, from: NaiveDate, to: NaiveDate) -> Vec<SeasonView> {
    let view = |season: &weisu_models::calendar::Season| {
        let label = state.calendar.season_label(&season.name);
        SeasonView {
            name: season.name.clone(),
            zh: label.zh,
            en: label.en,
            from: season.from,
            to: season.to,
            announced: season.status == weisu_models::calendar::Status::Announced,
        }
    };
    state.calendar.seasons_between(from, to).into_iter().map(view).collect()
}

fn holidays(state: &AppState, from: NaiveDate, to: NaiveDate) -> Vec<Holiday> {
    let announced = weisu_models::calendar::Status::Announced;
    let view = |(date, event): (NaiveDate, &weisu_models::calendar::Event)| Holiday {
        date,
        name: event.name.clone(),
        off: event.off,
        announced: event.status == announced,
    };
    state.calendar.events(from, to).map(view).collect()
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OutlookParams {
    /// What is counted; every ticket unless said otherwise.
    basis: Option<Basis>,
    /// Districts are compared within this topic; 0 = all topics together.
    topic: Option<i32>,
    /// Topics are compared within this district; 0 = the whole city.
    district: Option<i32>,
    /// Whole months ahead to look at, 1 to 12; 3 unless said otherwise.
    months: Option<usize>,
    /// Look at this month only, by its first day, so that rows can be compared.
    month: Option<NaiveDate>,
}

/// The biggest coming rises.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Outlook {
    /// What is counted.
    pub basis: Basis,
    /// Run that published the forecasts.
    pub run: i64,
    /// The last day it knew.
    pub origin: Option<NaiveDate>,
    /// Top-level topics (in the district asked for), largest excess over the norm first.
    pub topics: Vec<Rise>,
    /// Top-level districts (in the topic asked for), largest excess over the norm first.
    pub districts: Vec<Rise>,
}

/// What rises, where and when, how sure, and against last year.
#[utoipa::path(get, path = "/outlook", tag = "forecast", params(OutlookParams),
    responses((status = OK, body = Outlook), (status = 400, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn outlook(
    State(state): State<AppState>,
    Params(params): Params<OutlookParams>,
) -> Result<Json<Outlook>, Problem> {
    let months = params.months.unwrap_or(3);
    if !(1..=12).contains(&months) {
        return Err(Problem::bad(format!("months is {months}: write 1 to 12")));
    }
    let base = state.boards.base(&state.store).await?;
    let run = base.forecast()?;
    let basis = params.basis.unwrap_or(Basis::Raw);
    let when = params.month.map_or(When::Next(months), When::In);
    let topics = rises(&state, Tree::Topics, params.district.unwrap_or(0), basis, when).await?;
    let districts = rises(&state, Tree::Districts, params.topic.unwrap_or(0), basis, when).await?;
    Ok(Json(Outlook { basis, run: run.id, origin: run.origin.map(|d| Day(d).date()), topics, districts }))
}

/// The rises of one tree within a node of the other, also shown on the page.
pub(crate) async fn rises(
    state: &AppState,
    of: Tree,
    within: i32,
    basis: Basis,
    when: When,
) -> Result<Vec<Rise>, Problem> {
    let board = state.boards.board(&state.store, Scope { of, within }, basis).await?;
    let names = board.base.names(of);
    let (other, what) = match of {
        Tree::Topics => (&board.base.districts, "district"),
        Tree::Districts => (&board.base.topics, "topic"),
    };
    if !other.has(within) {
        return Err(Problem::not_found(format!("there is no {what} {within}; /api/v1/{what}s lists them")));
    }
    let name = |id| names.path(id).pop().unwrap_or_default();
    Ok(outlook::rises(&board.members, name, when))
}
