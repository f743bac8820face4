//! The calendar of seasons as API, page and feed show it: rows of the store with names and the plan for each.
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::{AppState, alert_view::instant, problem::Problem};
use crate::{
    config::{Plan, Plans},
    store::calendar::{CalendarFilter, CalendarRow, PastSeason},
    ticket::{Day, DistrictId, TopicId},
};

/// The plan that a season is answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PlanView {
    /// Its name in addresses: `/plan?name=…`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// 主办
    pub owner: String,
    /// 协办
    pub co_owners: Vec<String>,
    /// What is to be done, in order.
    pub checklist: Vec<String>,
}

impl From<&Plan> for PlanView {
    fn from(plan: &Plan) -> Self {
        Self {
            name: plan.name.clone(),
            title: plan.title.clone(),
            owner: plan.owner.clone(),
            co_owners: plan.co_owners.clone(),
            checklist: plan.checklist.clone(),
        }
    }
}

/// First and last day of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Span {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

impl From<(Day, Day)> for Span {
    fn from((from, to): (Day, Day)) -> Self {
        Self { from: from.date(), to: to.date() }
    }
}

/// A topic, or a topic in a district, whose tickets come back every year.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = ReturningSeason)]
pub struct SeasonView {
    /// Key of the series.
    pub series: i32,
    /// Key of the topic.
    pub topic_id: TopicId,
    /// Names from the top down.
    pub topic: Vec<String>,
    /// Key of the district; 0 = the whole city.
    pub district_id: DistrictId,
    /// Names from the top down; empty = the whole city.
    pub district: Vec<String>,
    /// The year that the season to come is named after.
    pub season: i32,
    /// `ahead` or `under_way`.
    pub standing: String,
    /// First week of the season under way, where that is known.
    pub begun: Option<NaiveDate>,
    /// Monday of the week in which the next one is expected to begin.
    pub onset: NaiveDate,
    /// 80 % interval of that.
    pub interval: Span,
    /// P(it begins within two weeks of the date).
    pub probability: f64,
    /// `forecast`, or `past_years` where the forecast does not reach it.
    pub said_by: String,
    /// `early`, `usual` or `late` against past years.
    pub timing: String,
    /// Days later than in past years; negative = earlier.
    pub shift_days: i32,
    /// Days left until it begins, counted from the last known day; below 0 where the last known week was probably its
    /// first.
    pub lead_days: i32,
    /// Monday of the busiest week: of the season under way, else of the next.
    pub peak_week: NaiveDate,
    /// Tickets expected in that week.
    pub peak_expected: f64,
    /// Lower end of the 80 % interval of that.
    pub peak_low: f64,
    /// Upper end.
    pub peak_high: f64,
    /// Last day of the season.
    pub ends: Option<NaiveDate>,
    /// Quiet weeks before the next begin, in which repair work is best done.
    pub repair: Option<Span>,
    /// Tickets a week from which on a week belongs to the season.
    pub threshold: f64,
    /// `own`, or `city` where the dates are borrowed from the topic over the whole city.
    pub dates_of: String,
    /// Share of the city's tickets in season, where the dates are borrowed.
    pub share: Option<f64>,
    /// Up to three past seasons, newest first; of the dates' owner.
    pub past: Vec<PastSeason>,
    /// The contingency plan (预案), where there is one.
    pub plan: Option<PlanView>,
}

/// The calendar of seasons as one detect run said it.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct CalendarView {
    /// The run.
    pub run: i64,
    /// When it ended.
    pub issued_at: Option<DateTime<Utc>>,
    /// The last day it knew.
    pub origin: Option<NaiveDate>,
    /// Seasons that match.
    pub total: usize,
    /// Seasons under way first, then by begin.
    pub items: Vec<SeasonView>,
}

/// The rows that match; `None` before the first detect run.
pub async fn read(state: &AppState, filter: CalendarFilter) -> Result<Option<CalendarView>, Problem> {
    let Some((run, rows)) = state.store.calendar(filter).await? else { return Ok(None) };
    let total = match filter.limit {
        Some(_) => usize::try_from(state.store.calendar_size(run.id, filter).await?).unwrap_or(rows.len()),
        None => rows.len(),
    };
    let base = state.boards.base(&state.store).await?;
    let plans = plans(state).await?;
    let origin = run.origin.map(Day);
    let view = |row: CalendarRow| {
        let (topic, district) = (base.topics.path(row.topic), base.districts.path(row.district));
        let plan = plans.of(&topic, &district).map(PlanView::from);
        SeasonView {
            lead_days: row.onset.0 - origin.map_or(row.onset.0, |day| day.0),
            ..season(row, (topic, district), plan)
        }
    };
    Ok(Some(CalendarView {
        run: run.id,
        issued_at: run.finished.and_then(instant),
        origin: origin.map(Day::date),
        total,
        items: rows.into_iter().map(view).collect(),
    }))
}

fn season(
    row: CalendarRow,
    (topic, district): (Vec<String>, Vec<String>),
    plan: Option<PlanView>,
) -> SeasonView {
    SeasonView {
        series: row.series,
        topic_id: row.topic,
        topic,
        district_id: row.district,
        district,
        season: row.season,
        standing: row.standing,
        begun: row.begun.map(Day::date),
        onset: row.onset.date(),
        interval: row.interval.into(),
        probability: row.probability,
        said_by: row.said_by,
        timing: row.timing,
        shift_days: row.shift_days,
        lead_days: 0,
        peak_week: row.peak.date(),
        peak_expected: row.peak_expected,
        peak_low: row.peak_interval.0,
        peak_high: row.peak_interval.1,
        ends: row.ends.map(Day::date),
        repair: row.repair.map(Span::from),
        threshold: row.threshold,
        dates_of: row.dates_of,
        share: row.share,
        past: row.past,
        plan,
    }
}

/// The plans as their folder holds them now. A file that is no plan is left out with a line in the log.
pub async fn plans(state: &AppState) -> Result<Plans, Problem> {
    let Some(folder) = state.city.plans.clone() else { return Ok(Plans::default()) };
    tokio::task::spawn_blocking(move || Plans::logged(&folder)).await.map_err(|_| Problem::internal())
}
