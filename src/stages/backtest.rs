//! Backtest: what forecasts from past origins would have been worth, stored with its run. By hand only.
use anyhow::Context;
use weisu_models::{
    evaluation::{
        Origins, WEEK,
        anticipation::{self, Report},
        rolling::{self, Backtest, Chosen, MethodRow, Period, Setup},
    },
    forecast::{Horizon, Params},
};

use super::{Busy, Cx, Done, Held, city, fit, recorded};
use crate::{
    store::{ALL_LEVELS, BacktestRow, BacktestSummary, ChosenModel, Grain},
    ticket::{Basis, Day},
};

/// Name of its runs and of its lease.
const STAGE: &str = "backtest";

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where to forecast from.
    pub origins: Origins,
    /// How far.
    pub horizon: Horizon,
    /// What is counted.
    pub basis: Basis,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// What was backtested.
    pub summary: BacktestSummary,
    /// The scores.
    pub rows: Vec<BacktestRow>,
}

/// Runs it and stores it; its run and scores.
pub async fn run(cx: &Cx, slot: &str, request: &Request) -> anyhow::Result<(i64, Scores)> {
    let held = match Held::take(cx, STAGE).await? {
        Ok(held) => held,
        Err(owner) => return Err(Busy { what: "a backtest".to_owned(), owner }.into()),
    };
    let ended = stored(cx, slot, request, &held).await;
    held.give_back(cx).await;
    ended
}

async fn stored(cx: &Cx, slot: &str, request: &Request, held: &Held) -> anyhow::Result<(i64, Scores)> {
    cx.store.fail_abandoned(STAGE, cx.millis()).await?;
    let mut kept = None;
    let work = async |active: &super::Active| {
        let (scores, mark) = scores(cx, request).await?;
        let mut tx = cx.store.begin().await?;
        tx.put_backtest(active.run, request.basis, &scores.rows).await?;
        let done = Done::new(tx, Some(mark), &scores.summary);
        kept = Some(scores);
        done
    };
    let (run, _) = recorded(cx, STAGE, slot, &held.lease, work).await?;
    Ok((run, kept.context("a run that was kept has scores")?))
}

/// Runs it; the scores and the last day known.
pub async fn scores(cx: &Cx, request: &Request) -> anyhow::Result<(Scores, Day)> {
    let (city, mark) = city::panel(cx, request.basis).await?;
    let origins = request.origins.positions(&city.panel, request.horizon.days)?;
    let calendar = city::calendar(&cx.config, city.panel.start.into(), mark.plus(400))?;
    // Every origin has a fit of its own.
    let params = Params { profiles: false, ..fit::params(&cx.config) };
    let (horizon, progress) = (request.horizon, cx.progress.clone());
    let work = move || {
        let nodes: Vec<usize> = (0..city.hierarchy.nodes.len()).collect();
        let setup = Setup {
            panel: &city.panel,
            hierarchy: &city.hierarchy,
            calendar: &calendar,
            params: &params,
            nodes: &nodes,
            horizon,
        };
        let done = rolling::run(&setup, &origins, &|done, steps| progress.at(STAGE, done, steps));
        progress.done(STAGE);
        let days = origins.iter().map(|origin| city.panel.date(*origin)).collect();
        of(&done, days, horizon, nodes.len())
    };
    Ok((tokio::task::spawn_blocking(work).await?, mark))
}

/// What announcements from past origins would have been worth, by the rules that are in force.
pub async fn announcements(cx: &Cx, origins: Origins, basis: Basis) -> anyhow::Result<Report> {
    let (city, mark) = city::panel(cx, basis).await?;
    let origins = origins.positions(&city.panel, anticipation::WEEKS * WEEK)?;
    let calendar = city::calendar(&cx.config, city.panel.start.into(), mark.plus(400))?;
    let (params, settings, progress) =
        (fit::params(&cx.config), cx.config.detect.clone(), cx.progress.clone());
    let (days, alignment) = (cx.config.forecast.days, city::alignment(&cx.config));
    let work = move || {
        let setup = anticipation::Setup {
            panel: &city.panel,
            hierarchy: &city.hierarchy,
            calendar: &calendar,
            params: &params,
            alignment,
            rule: settings.rule(),
            days,
            refit: anticipation::REFIT,
        };
        let done = anticipation::run(&setup, &origins, &|done, steps| progress.at(STAGE, done, steps));
        progress.done(STAGE);
        done.report(&city.hierarchy, settings.onset_ahead())
    };
    Ok(tokio::task::spawn_blocking(work).await?)
}

/// The scores of a backtest as they are stored and shown.
pub fn of(done: &Backtest, origins: Vec<chrono::NaiveDate>, horizon: Horizon, series: usize) -> Scores {
    let chosen = done.chosen().iter().map(chosen).collect();
    let summary = BacktestSummary { origins, days: horizon.days, months: horizon.months, series, chosen };
    Scores { summary, rows: done.rows().iter().map(row).collect() }
}

fn row(scored: &MethodRow) -> BacktestRow {
    let (accuracy, relative) = (&scored.row.accuracy, &scored.row.relative);
    let depth =
        |of: fn(weisu_models::hierarchy::Level) -> u8| scored.row.level.map_or(ALL_LEVELS, |l| of(l).into());
    let grain = match scored.grain {
        Period::Day => Grain::Day,
        Period::Month => Grain::Month,
    };
    BacktestRow {
        model: scored.model.name().to_owned(),
        topic_depth: depth(|l| l.topic),
        district_depth: depth(|l| l.district),
        grain: grain.code(),
        band: scored.row.band.to_string(),
        n: accuracy.n as i64,
        mase: accuracy.mase,
        rmsse: accuracy.rmsse,
        sql: accuracy.sql,
        wql: accuracy.wql,
        msis: accuracy.msis,
        coverage_80: accuracy.coverage_80,
        coverage_95: accuracy.coverage_95,
        bias: accuracy.bias,
        incoherence: scored.row.incoherence,
        rel_mase: relative.rel_mase,
        rel_rmsse: relative.rel_rmsse,
        rel_wql: relative.rel_wql,
        rel_all: relative.rel_all,
        skill: relative.skill,
    }
}

fn chosen(chosen: &Chosen) -> ChosenModel {
    ChosenModel {
        topic_depth: chosen.level.topic.into(),
        district_depth: chosen.level.district.into(),
        model: chosen.model.name().to_owned(),
        n: chosen.accuracy.n as i64,
        mase: chosen.accuracy.mase,
        rmsse: chosen.accuracy.rmsse,
        wql: chosen.accuracy.wql,
        skill: chosen.relative.skill,
        coverage_80: chosen.accuracy.coverage_80,
        coverage_95: chosen.accuracy.coverage_95,
    }
}
