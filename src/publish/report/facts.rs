//! What a report rests on, read from the store once. Everything after it is pure.
use std::collections::BTreeMap;

use weisu_models::calendar::Alignment;

use super::{
    Request,
    grid::{Grid, Known, Measured},
    names::Names,
    period::{Period, Range},
    words::Words,
};
use crate::{
    store::{
        Grain, Run, RunStatus, Store, StoreError, Tree,
        alerts::Alert,
        board::{Cells, LedgerOrigin, LevelScore, Point},
        report::PeriodCell,
    },
    ticket::{Basis, Day},
};

/// Days after the period's end that reminders reach.
pub const AHEAD_DAYS: i32 = 60;

/// What a published forecast says of a period.
#[derive(Debug)]
pub struct Issued {
    /// The run.
    pub run: Run,
    /// Every ticket: city, top-level topics and districts; one point a month, or one a day.
    pub raw: Vec<Point>,
    /// Repeats merged: the city.
    pub dedup: Vec<Point>,
}

/// What a report rests on.
#[derive(Debug)]
pub struct Facts {
    /// What it is about.
    pub period: Period,
    /// The city's name.
    pub city: String,
    /// In which language it is written.
    pub words: Words,
    /// Counts from 1 to this less one are taken out.
    pub threshold: u32,
    /// Whether the city's year follows Spring Festival.
    pub is_lunar: bool,
    /// The newest run that wrote counts, fits or forecasts.
    pub run: Run,
    /// Which days are known.
    pub known: Known,
    /// The topic tree.
    pub topics: Names,
    /// The district tree.
    pub districts: Names,
    /// Daily counts by topic.
    pub by_topic: Grid,
    /// Daily counts by district.
    pub by_district: Grid,
    /// Cells of this period, of the one before and of last year's.
    pub cells: [Vec<PeriodCell>; 3],
    /// Alerts of the period and of the days that reminders reach.
    pub alerts: Vec<Alert>,
    /// Newest verdict by alert.
    pub verdicts: BTreeMap<String, String>,
    /// The forecast of the next period, issued at the end of this one.
    pub next: Option<Issued>,
    /// The forecast of this period, issued before it began.
    pub past: Option<Issued>,
    /// Scores of published forecasts for the coming week whose days lie in the period, by origin and level.
    pub ledger: Vec<LedgerOrigin>,
    /// Scores of the newest fit from past days, by level.
    pub scores: Vec<LevelScore>,
}

impl Facts {
    /// Reads them; `None` while no day of the period is known.
    pub async fn read(store: &Store, request: &Request<'_>) -> Result<Option<Self>, StoreError> {
        let (period, words) = (request.period, Words { lang: request.lang });
        let known = Known::of(&store.days_known().await?);
        let (from, to) = period.days();
        let run = store.data_run().await?;
        let Some(run) = run.filter(|_| known.within((from, to)).1 > 0) else { return Ok(None) };
        let all = |name: &str| words.say("name", name);
        let topics = Names::new(store.tree(Tree::Topics).await?, all("topics"));
        let districts = Names::new(store.tree(Tree::Districts).await?, all("districts"));
        let reach = (period.horizon(), to);
        let by_topic = store.leaf_days(Tree::Topics, reach.0, reach.1).await?;
        let by_district = store.leaf_days(Tree::Districts, reach.0, reach.1).await?;
        let mut cells = [Vec::new(), Vec::new(), Vec::new()];
        let spans = [(from, to), period.before().days(), period.last_year(Alignment::Solar)];
        for (cells, (from, to)) in cells.iter_mut().zip(spans) {
            *cells = store.period_cells(from, to).await?;
        }
        let tops = (topics.at_depth(1), districts.at_depth(1));
        let fit = store.last_run("fit", RunStatus::Ok).await?;
        Ok(Some(Self {
            period,
            city: request.city.name.clone(),
            words,
            threshold: request.small_cell,
            is_lunar: request.city.calendar == "CN",
            run,
            by_topic: Grid::new(topics.nodes(), &by_topic, reach),
            by_district: Grid::new(districts.nodes(), &by_district, reach),
            known,
            cells,
            alerts: store.alerts_touching(from, to.plus(AHEAD_DAYS)).await?,
            verdicts: store.newest_verdicts().await?.into_iter().collect(),
            next: issued(store, period.after(), &tops).await?,
            past: issued(store, period, &tops).await?,
            ledger: weekly_scores(store, (from, to)).await?,
            scores: match fit {
                Some(fit) => store.level_scores(fit.id, Basis::Raw).await?,
                None => Vec::new(),
            },
            topics,
            districts,
        }))
    }

    /// Tickets of a topic over a period.
    pub fn topic(&self, id: i32, basis: Basis, days: Range) -> Measured {
        self.by_topic.measured(&self.known, id, basis, days)
    }

    /// Tickets of a district over a period.
    pub fn district(&self, id: i32, basis: Basis, days: Range) -> Measured {
        self.by_district.measured(&self.known, id, basis, days)
    }

    /// Same period of last year by the solar calendar.
    pub fn last_year(&self) -> Range {
        self.period.last_year(Alignment::Solar)
    }

    /// Same period of last year aligned on Spring Festival.
    pub fn lunar_year(&self) -> Range {
        self.period.last_year(Alignment::SpringFestival)
    }
}

/// The newest forecast of a period among those issued before it began.
async fn issued(
    store: &Store,
    period: Period,
    (topics, districts): &(Vec<i32>, Vec<i32>),
) -> Result<Option<Issued>, StoreError> {
    let (from, to) = period.days();
    let (grain, last) = match period {
        Period::Month(_) => (Grain::Month, from),
        Period::Week(_) => (Grain::Day, to),
    };
    let Some(run) = store.forecast_issued_before(grain, from, from).await? else { return Ok(None) };
    let all = [0];
    let read = async |basis, topics: &[i32], districts: &[i32]| {
        let cells = Cells { basis, topics: Some(topics), districts: Some(districts) };
        store.forecasts_of(run.id, grain, cells, from, last).await
    };
    let mut raw = read(Basis::Raw, &all, &all).await?;
    for (topics, districts) in [(topics.as_slice(), all.as_slice()), (all.as_slice(), districts.as_slice())] {
        if !topics.is_empty() && !districts.is_empty() {
            raw.extend(read(Basis::Raw, topics, districts).await?);
        }
    }
    let dedup = read(Basis::Dedup, &all, &all).await?;
    Ok(Some(Issued { run, raw, dedup }))
}

/// What the ledger says of forecasts one to seven days ahead, all of whose days lie in the period.
async fn weekly_scores(store: &Store, (from, to): Range) -> Result<Vec<LedgerOrigin>, StoreError> {
    let origins: (Day, Day) = (from.plus(-1), to.plus(-7));
    let rows = store.ledger_by_origin(Basis::Raw, origins.0.0, origins.1.0).await?;
    let is_first_week = |row: &LedgerOrigin| row.grain == Grain::Day.code() && row.lead_from == 1;
    Ok(rows.into_iter().filter(is_first_week).collect())
}
