//! The newest backtest, and the honesty ledger.
use axum::{Json, extract::State};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::status::BasisParams;
use crate::{
    http::{
        AppState,
        alert_view::instant,
        board::Base,
        problem::{Params, Problem},
    },
    store::{BacktestRow, BacktestSummary, Grain, LedgerSum, StoreError},
    ticket::{Basis, Day},
};

/// A stored backtest: forecasts from past days that knew nothing after them, held against what came.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct BacktestView {
    /// Its run.
    pub run: i64,
    /// When it ended.
    pub finished: Option<DateTime<Utc>>,
    /// What was counted.
    pub basis: Basis,
    /// What was backtested.
    #[serde(flatten)]
    pub summary: BacktestSummary,
    /// Scores by grain, band, level and model.
    pub scores: Vec<BacktestRow>,
}

/// The newest stored backtest, also shown on the page.
pub(crate) async fn newest(state: &AppState, basis: Basis) -> Result<Option<BacktestView>, StoreError> {
    let Some(run) = state.store.last_backtest(basis).await? else { return Ok(None) };
    let summary = serde_json::from_str(&run.summary)
        .map_err(|_| StoreError::Corrupt { what: "runs.summary", value: run.summary.clone() })?;
    let scores = state.store.backtest(run.id, basis).await?;
    Ok(Some(BacktestView { run: run.id, finished: run.finished.and_then(instant), basis, summary, scores }))
}

/// Scores of the newest stored backtest, by level, model and band of leads.
#[utoipa::path(get, path = "/backtests/latest", tag = "quality", params(BasisParams),
    responses((status = OK, body = BacktestView), (status = 400, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn latest(
    State(state): State<AppState>,
    Params(params): Params<BasisParams>,
) -> Result<Json<BacktestView>, Problem> {
    let basis = params.basis.unwrap_or(Basis::Raw);
    let none = || Problem::not_found("no backtest is stored yet; `weisu backtest` makes one");
    newest(&state, basis).await?.map(Json).ok_or_else(none)
}

/// What published forecasts of one series, or of all cells of a level, were worth at one band of leads.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct LedgerItem {
    /// Length of the periods.
    pub grain: Grain,
    /// First lead of the band, in periods.
    pub lead_from: i32,
    /// Last lead of the band.
    pub lead_to: i32,
    /// Depth in the topic tree.
    pub topic_depth: i32,
    /// Depth in the district tree.
    pub district_depth: i32,
    /// Key of the topic; 0 = all, or all cells of the level.
    pub topic_id: i32,
    /// Names from the top down; empty = all.
    pub topic: Vec<String>,
    /// Key of the district; 0 = the whole city, or all cells of the level.
    pub district_id: i32,
    /// Names from the top down; empty = the whole city.
    pub district: Vec<String>,
    /// Published forecast runs scored.
    pub runs: i64,
    /// Last day that the first of them knew.
    pub first_origin: NaiveDate,
    /// Last day that the newest of them knew.
    pub last_origin: NaiveDate,
    /// Number of (run, series, period) scored.
    pub forecasts: i64,
    /// How many of them fell into the 80 % band.
    pub inside_80: i64,
    /// How many of them fell into the 95 % band.
    pub inside_95: i64,
    /// Sum of |actual - expected| / sum of actual.
    pub wape: Option<f64>,
    /// 1 - that error / the seasonal naive's: above 0 is better.
    pub skill: Option<f64>,
    /// Sum of expected / sum of actual - 1: above 0 means too many were expected.
    pub bias: Option<f64>,
}

impl LedgerItem {
    fn new(sum: &LedgerSum, base: &Base) -> Self {
        Self {
            grain: if sum.grain == Grain::Day.code() { Grain::Day } else { Grain::Month },
            lead_from: sum.lead_from,
            lead_to: sum.lead_to,
            topic_depth: sum.topic_depth,
            district_depth: sum.district_depth,
            topic_id: sum.topic,
            topic: base.topics.path(sum.topic),
            district_id: sum.district,
            district: base.districts.path(sum.district),
            runs: sum.runs,
            first_origin: Day(sum.first_origin).date(),
            last_origin: Day(sum.last_origin).date(),
            forecasts: sum.n,
            inside_80: sum.inside_80,
            inside_95: sum.inside_95,
            wape: sum.wape(),
            skill: sum.skill(),
            bias: sum.bias(),
        }
    }
}

/// The honesty ledger: published forecasts, scored once when their periods had closed and never changed since.
#[utoipa::path(get, path = "/ledger", tag = "quality", params(BasisParams),
    responses((status = OK, body = Vec<LedgerItem>), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn ledger(
    State(state): State<AppState>,
    Params(params): Params<BasisParams>,
) -> Result<Json<Vec<LedgerItem>>, Problem> {
    let base = state.boards.base(&state.store).await?;
    let sums = state.store.ledger(params.basis.unwrap_or(Basis::Raw)).await?;
    Ok(Json(sums.iter().map(|sum| LedgerItem::new(sum, &base)).collect()))
}
