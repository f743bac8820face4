//! Why a published forecast is what it is, worked out when somebody asks.
//!
//! The counts that the run knew, the stored fit and the calendar are enough to repeat the steps of one series in some
//! milliseconds, so nothing is stored for the thousands that nobody asks about. The mathematics is in
//! [`weisu_models::forecast::explain`], and runs on a thread that may block. Counts that were revised since the run show
//! as its last part, `coherence`.
use std::sync::Arc;

use chrono::NaiveDate;
use serde::Serialize;
use weisu_models::{
    calendar::Calendar,
    forecast::{
        Model, NodeFit, PanelFit,
        explain::{
            Contributions, Explained, Named, Part, Relative, Subject, contributions, differences, explain,
        },
    },
    hierarchy::Level,
};

use crate::{
    store::{Grain, Run, RunStatus, Store, StoreError, bytes_to_floats},
    ticket::{Basis, Day, DistrictId, TopicId},
};

/// Which forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Question {
    /// Topic and district; 0 = all.
    pub at: (TopicId, DistrictId),
    /// What is counted.
    pub basis: Basis,
    /// First and last day; the coming week unless said otherwise.
    pub span: Option<(NaiveDate, NaiveDate)>,
    /// Days of history that forecasts rest on.
    pub history_days: usize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// Nothing was published yet.
    #[error("no forecast yet: run `weisu once`")]
    NoForecast,
    /// Not this series, or not these days.
    #[error("the newest forecast has no such series or days; it knows the days until {origin}")]
    NotForecast {
        /// Last day the run knew.
        origin: NaiveDate,
    },
    /// A stored fit that this version cannot read.
    #[error("the stored fit cannot be read: fit again with `weisu once`")]
    Fit(#[source] serde_json::Error),
    /// The work was cut off or broke down.
    #[error("the explanation was not worked out to its end")]
    Work(#[from] tokio::task::JoinError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A part of a mean.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PartView {
    /// `rate`, `weekday`, `yearly`, `season`, `holiday`, `regressor`, `level`, `recent`, `common`, `combination` or
    /// `coherence`.
    pub part: &'static str,
    /// Of the season, the holiday, the regressor.
    pub name: Option<String>,
    /// What it multiplies by.
    pub factor: f64,
    /// Tickets it accounts for.
    pub tickets: f64,
}

/// The parts of a day.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct DayView {
    /// The day.
    #[schema(value_type = String, format = Date)]
    pub date: NaiveDate,
    /// Expected tickets, as published.
    pub mean: f64,
    /// Tickets of an average day of the series' own profile.
    pub rate: f64,
    /// Factors that multiply `rate` up to `mean`.
    pub parts: Vec<PartView>,
}

/// Parts over several days, or of a change.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Sum {
    /// Tickets before the parts: average days, or what the run before expected.
    pub from: f64,
    /// Tickets with them.
    pub to: f64,
    /// Tickets sum to the difference, factors multiply to the ratio.
    pub parts: Vec<PartView>,
}

/// What changed since an earlier run.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Since {
    /// That run.
    pub run: i64,
    /// Last day it knew.
    #[schema(value_type = String, format = Date)]
    pub origin: NaiveDate,
    /// What changed, over the days that both forecast.
    pub change: Sum,
}

/// The explanation of a published forecast.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Explanation {
    /// Key of the topic; 0 = all.
    pub topic_id: i32,
    /// Key of the district; 0 = the whole city.
    pub district_id: i32,
    /// What is counted.
    #[schema(value_type = String)]
    pub basis: Basis,
    /// Run that published it.
    pub run: i64,
    /// Last day it knew.
    #[schema(value_type = String, format = Date)]
    pub origin: NaiveDate,
    /// Model chosen for the series.
    pub model: &'static str,
    /// Why it is not the model tried first.
    pub fallback: Option<&'static str>,
    /// Weights of the simpler models beside it.
    pub companions: [f64; 2],
    /// Mean absolute scaled error of the series' own forecasts from past days.
    pub mase: Option<f64>,
    /// 1 - their weighted quantile loss / that of last week's and last year's same days: why the model was chosen.
    pub skill: Option<f64>,
    /// All days together: against as many average days of the series.
    pub total: Sum,
    /// Day by day.
    pub days: Vec<DayView>,
    /// Against the run before the newest; absent where there is none.
    pub since: Option<Since>,
}

/// Explains what the newest run published.
pub async fn answer(
    store: &Store,
    calendar: &Arc<Calendar>,
    question: Question,
) -> Result<Explanation, ExplainError> {
    let run = store.last_run("forecast", RunStatus::Ok).await?.ok_or(ExplainError::NoForecast)?;
    let origin = origin_of(&run);
    let (from, to) = question.span.unwrap_or((origin.plus(1).date(), origin.plus(7).date()));
    let wanted = (Day::from(from), Day::from(to));
    let now = of_run(store, calendar, question, &run, wanted).await?;
    let Some((fit, now)) = now.filter(|(_, days)| !days.is_empty()) else {
        return Err(ExplainError::NotForecast { origin: origin.date() });
    };
    Ok(Explanation {
        topic_id: question.at.0,
        district_id: question.at.1,
        basis: question.basis,
        run: run.id,
        origin: origin.date(),
        model: fit.model.name(),
        fallback: fit.fallback.as_ref().map(|f| f.name()),
        mase: fit.scores.mase,
        skill: fit
            .scores
            .wql
            .zip(fit.scores.wql_naive)
            .filter(|(_, naive)| *naive > 0.0)
            .map(|(own, naive)| 1.0 - own / naive),
        companions: if fit.model == Model::Glm { fit.companions } else { [0.0; 2] },
        total: sum(&contributions(&now.iter().map(|(_, day)| day.clone()).collect::<Vec<_>>())),
        since: since(store, calendar, question, &run, wanted, &now).await?,
        days: now.into_iter().map(|(date, day)| day_view(date, &day)).collect(),
    })
}

/// What changed since the newest run with an earlier origin.
async fn since(
    store: &Store,
    calendar: &Arc<Calendar>,
    question: Question,
    run: &Run,
    wanted: (Day, Day),
    now: &[(Day, Explained)],
) -> Result<Option<Since>, ExplainError> {
    let Some(before) = store.run_before("forecast", origin_of(run)).await? else { return Ok(None) };
    let Some((_, then)) = of_run(store, calendar, question, &before, wanted).await? else { return Ok(None) };
    let common: Vec<(Explained, Explained)> = now
        .iter()
        .filter_map(|(date, day)| {
            let then = then.iter().find(|(other, _)| other == date)?;
            Some((then.1.clone(), day.clone()))
        })
        .collect();
    let (then, now): (Vec<_>, Vec<_>) = common.into_iter().unzip();
    let change = sum(&differences(&then, &now));
    let since = Since { run: before.id, origin: origin_of(&before).date(), change };
    Ok((!now.is_empty()).then_some(since))
}

fn origin_of(run: &Run) -> Day {
    Day(run.origin.unwrap_or_default())
}

/// The days in `wanted` that a run published, taken apart, with the fit it used; `None` for a series it does not know.
async fn of_run(
    store: &Store,
    calendar: &Arc<Calendar>,
    question: Question,
    run: &Run,
    (from, to): (Day, Day),
) -> Result<Option<(NodeFit, Vec<(Day, Explained)>)>, ExplainError> {
    let Question { at, basis, .. } = question;
    let published = store.forecast_of(run.id, at, basis, Grain::Day).await?;
    let until: Vec<_> = published.iter().take_while(|point| point.target <= to.0).collect();
    let fits = Fits { store, run: store.fit_of_forecast(run).await?, basis };
    let (Some(fit), false) = (fits.of(at).await?, until.is_empty()) else { return Ok(None) };
    let known = Known::read(store, question, origin_of(run)).await?;
    let counts = known.counts(store, at).await?;
    let around = match at {
        (0, _) | (_, 0) => None,
        (topic, district) => {
            Some(relatives(store, &fits, &known, [(topic, 0), (0, district), (0, 0)]).await?)
        }
    };
    let work = Work {
        level: Level { topic: u8::from(at.0 != 0), district: u8::from(at.1 != 0) },
        start: known.start.date(),
        counts,
        around,
        fit,
        boost: store.boost(fits.run, basis).await?,
        profiles: store.profile_columns(fits.run, basis).await?,
        means: until.iter().map(|point| point.mean).collect(),
        calendar: calendar.clone(),
    };
    let targets: Vec<Day> = until.iter().map(|point| Day(point.target)).collect();
    let (fit, days) = tokio::task::spawn_blocking(|| work.run()).await?;
    Ok(Some((fit, targets.into_iter().zip(days).filter(|(day, _)| *day >= from).collect())))
}

/// What a run knew of a series, to be worked on away from those who wait for the store.
struct Work {
    level: Level,
    start: NaiveDate,
    counts: Vec<f32>,
    around: Option<[(Vec<f32>, NodeFit); 3]>,
    fit: NodeFit,
    /// What the series of the fit have in common, as JSON.
    boost: Option<String>,
    profiles: Option<String>,
    means: Vec<f64>,
    calendar: Arc<Calendar>,
}

impl Work {
    /// The fit, and the published days taken apart; of what is shared only what this version can read.
    fn run(self) -> (NodeFit, Vec<Explained>) {
        let shared = PanelFit {
            nodes: Vec::new(),
            boost: self.boost.and_then(|json| serde_json::from_str(&json).ok()),
            profiles: self.profiles.and_then(|json| serde_json::from_str(&json).ok()),
        };
        let around = self.around.as_ref();
        let subject = Subject {
            level: self.level,
            start: self.start,
            counts: &self.counts,
            around: around
                .map(|all| all.each_ref().map(|(counts, fit)| Relative { counts: counts.as_slice(), fit })),
            fit: &self.fit,
        };
        let days = explain(&subject, &self.calendar, &shared, &self.means);
        (self.fit, days)
    }
}

async fn relatives(
    store: &Store,
    fits: &Fits<'_>,
    known: &Known,
    at: [(TopicId, DistrictId); 3],
) -> Result<[(Vec<f32>, NodeFit); 3], ExplainError> {
    let [a, b, c] = at;
    let one = async |at| -> Result<_, ExplainError> {
        let fit = fits.of(at).await?.ok_or(ExplainError::NotForecast { origin: known.end.date() })?;
        Ok((known.counts(store, at).await?, fit))
    };
    Ok([one(a).await?, one(b).await?, one(c).await?])
}

/// The fits of one run.
struct Fits<'a> {
    store: &'a Store,
    run: i64,
    basis: Basis,
}

impl Fits<'_> {
    /// The fit of a series; that of its topic or of everything where the series is newer, as the forecast took it.
    async fn of(&self, at: (TopicId, DistrictId)) -> Result<Option<NodeFit>, ExplainError> {
        for at in [at, (at.0, 0), (0, 0)] {
            if let Some((json, profile)) = self.store.fit_of_series(self.run, at, self.basis).await? {
                let fit: NodeFit = serde_json::from_str(&json).map_err(ExplainError::Fit)?;
                let profile = profile.map_or_else(Vec::new, |bytes| bytes_to_floats(&bytes));
                return Ok(Some(NodeFit { profile, ..fit }));
            }
        }
        Ok(None)
    }
}

/// The days that a run knew.
struct Known {
    start: Day,
    end: Day,
    basis: Basis,
    closed: Vec<bool>,
}

impl Known {
    async fn read(store: &Store, question: Question, origin: Day) -> Result<Self, StoreError> {
        let days = store.days_known().await?;
        let first = days.first().map_or(origin, |(day, _)| *day);
        let start = first.max(origin.plus(1 - question.history_days as i32));
        let mut closed = vec![false; usize::try_from(origin.0 - start.0 + 1).unwrap_or(0)];
        for (day, is_closed) in days.into_iter().filter(|(day, _)| (start..=origin).contains(day)) {
            closed[(day.0 - start.0) as usize] = is_closed;
        }
        Ok(Self { start, end: origin, basis: question.basis, closed })
    }

    /// Counts of a series, missing where the source has a gap.
    async fn counts(&self, store: &Store, at: (TopicId, DistrictId)) -> Result<Vec<f32>, StoreError> {
        let mut counts: Vec<f32> = self.closed.iter().map(|c| if *c { 0.0 } else { f32::NAN }).collect();
        for row in store.daily(at, self.basis, self.start, self.end).await? {
            let count = &mut counts[(row.day - self.start.0) as usize];
            if !count.is_nan() {
                *count = row.n as f32;
            }
        }
        Ok(counts)
    }
}

fn day_view(date: Day, day: &Explained) -> DayView {
    let tickets = contributions(std::slice::from_ref(day));
    let tickets = |named: &Named| tickets.parts.iter().find(|(n, _)| n == named).map_or(0.0, |(_, t)| *t);
    let view = |(named, factor): &(Named, f64)| part_view(named, *factor, tickets(named));
    DayView {
        date: date.date(),
        mean: day.mean(),
        rate: day.rate,
        parts: day.factors.iter().map(view).collect(),
    }
}

fn sum(all: &Contributions) -> Sum {
    let factors = all.factors();
    let parts =
        factors.zip(&all.parts).filter(|((named, _), (_, tickets))| named.0 != Part::Rate || *tickets != 0.0);
    Sum {
        from: all.from,
        to: all.to,
        parts: parts.map(|((named, factor), (_, tickets))| part_view(named, factor, *tickets)).collect(),
    }
}

fn part_view((part, name): &Named, factor: f64, tickets: f64) -> PartView {
    PartView { part: part.name(), name: name.clone(), factor, tickets }
}
