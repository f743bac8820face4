//! Forecast: the daily step. Publishes every node of the panel from the newest closed day, immutable, and scores what
//! was published before and has come due.
//!
//! The city streams by in shards, and so do the stored fits; what is made waits in a scratch file until both bases are
//! done and one short transaction writes all.
use std::{collections::BTreeMap, sync::Arc};

use anyhow::bail;
use rustc_hash::FxHashMap;
use serde::{Serialize, de::DeserializeOwned};
use weisu_models::{
    forecast::{self, City, Horizon, Issue, NodeForecast, PanelFit},
    series::Cells,
};

use super::{
    Active, Cx, Done, city, ledger,
    scratch::{Scratch, Shelf},
    shards::Shards,
    stored_fits::StoredFits,
};
use crate::{
    config::Daily,
    store::{ForecastRow, Grain, RunStatus, SeriesKey},
    ticket::{Basis, Day},
};

/// What was published.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Last day known.
    pub origin: Option<chrono::NaiveDate>,
    /// Run of the fit it rests on.
    pub fit_run: i64,
    /// Series forecast on both bases.
    pub series: usize,
    /// Rows written.
    pub rows: usize,
    /// Series by model.
    pub models: BTreeMap<&'static str, usize>,
    /// Series newer than the fit, which borrowed the dispersion of a larger one.
    pub borrowed: usize,
    /// Series whose stored fit another version wrote and this one cannot read; they borrow, too.
    pub unreadable: usize,
    /// Rows added to the honesty ledger for earlier forecasts that have come due.
    pub scored: usize,
}

/// Whether something is known that the newest forecast does not know yet.
pub async fn due(cx: &Cx) -> anyhow::Result<bool> {
    let Some(mark) = crate::aggregate::watermark(&cx.store.source_days().await?) else { return Ok(false) };
    let Some(last) = cx.store.last_run("forecast", RunStatus::Ok).await? else { return Ok(true) };
    let fit = cx.store.last_run("fit", RunStatus::Ok).await?.map_or(0, |run| run.id);
    let data = cx.store.newest_file_run().await?;
    Ok(last.origin != Some(mark.0) || fit.max(data) > last.id || last.config_hash != cx.config.hash())
}

/// Runs the stage.
pub async fn run(cx: &Cx, active: &Active) -> anyhow::Result<Done> {
    let Some(fit_run) = cx.store.last_run("fit", RunStatus::Ok).await? else {
        bail!("no fit yet: run `weisu once`, which fits before it forecasts");
    };
    let mut summary = Summary { fit_run: fit_run.id, ..Summary::default() };
    let mut written = Vec::new();
    for basis in Basis::ALL {
        let city = Arc::new(Shards::open(cx, basis).await?);
        summary.origin = Some(city.to.date());
        let known: FxHashMap<SeriesKey, i32> =
            cx.store.series(basis).await?.into_iter().map(|(id, k)| (k, id)).collect();
        let scored = ledger::score(cx, basis, &city, &known).await?;
        let fits = StoredFits::open(cx, fit_run.id, &city, &known).await?;
        let shared = shared(cx, fit_run.id, basis).await?;
        written.push((basis, publish(cx, city, fits, shared, &mut summary).await?, scored));
    }
    let mut tx = cx.store.begin().await?;
    for (basis, issued, scored) in written {
        let ids = tx.register_series(basis, &issued.keys).await?;
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_unstable_by_key(|node| ids[*node]);
        for nodes in order.chunks(WRITTEN) {
            let mut rows = Vec::new();
            for node in nodes {
                rows.extend(issued.rows(*node, ids[*node])?);
            }
            summary.rows += rows.len();
            tx.put_forecasts(active.run, &rows).await?;
        }
        summary.scored += scored.len();
        tx.put_ledger(active.run, basis, &scored).await?;
    }
    let origin = summary.origin.map(Day::from);
    Done::new(tx, origin, &summary)
}

/// Series written at a time.
const WRITTEN: usize = 1000;

/// What the series of a fit have in common.
async fn shared(cx: &Cx, fit_run: i64, basis: Basis) -> anyhow::Result<PanelFit> {
    let boost = cx.store.boost(fit_run, basis).await?;
    let profiles = match cx.config.forecast.daily {
        Daily::Update => cx.store.profile_columns(fit_run, basis).await?,
        Daily::Refit => None,
    };
    Ok(PanelFit {
        nodes: Vec::new(),
        boost: boost.and_then(|json| readable(&json, basis, "boosting left out until the next fit")),
        profiles: profiles
            .and_then(|json| readable(&json, basis, "profiles are fitted every day until the next fit")),
    })
}

/// What the fit stored, or nothing when another version wrote it: forecasts go on without until the next fit.
fn readable<T: DeserializeOwned>(json: &str, basis: Basis, instead: &'static str) -> Option<T> {
    serde_json::from_str(json)
        .inspect_err(
            |error| tracing::warn!(basis = basis.name(), %error, "stored fit not readable: {instead}"),
        )
        .ok()
}

/// A forecast that waits to be written.
struct Issued {
    keys: Vec<SeriesKey>,
    origin: Day,
    /// First days of the months.
    months: Vec<i32>,
    /// By node: mean and quantiles of every day, then of every month.
    shelf: Shelf,
    days: usize,
}

/// Numbers of a period: its mean and quantiles.
const NUMBERS: usize = 6;

impl Issued {
    /// A node's rows in key order.
    fn rows(&self, node: usize, series: i32) -> anyhow::Result<Vec<ForecastRow>> {
        let block = self.shelf.get(node)?;
        let numbers: Vec<f64> = block.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
        let periods = numbers.as_chunks::<NUMBERS>().0;
        let (days, months) = periods.split_at(self.days.min(periods.len()));
        let first = self.origin.plus(1).0;
        let mut rows: Vec<ForecastRow> =
            (first..).zip(days).map(|(day, of)| row(series, Grain::Day, day, of)).collect();
        rows.extend(self.months.iter().zip(months).map(|(day, of)| row(series, Grain::Month, *day, of)));
        Ok(rows)
    }
}

fn row(series: i32, grain: Grain, target: i32, of: &[f64; NUMBERS]) -> ForecastRow {
    let [mean, q025, q10, q50, q90, q975] = *of;
    ForecastRow { series, grain: grain.code(), target, mean, q025, q10, q50, q90, q975 }
}

/// Bytes of a node's forecasts.
fn block(made: &(NodeForecast, NodeForecast)) -> Vec<u8> {
    let mut bytes = Vec::new();
    for of in [&made.0, &made.1] {
        for (mean, quantiles) in of.mean.iter().zip(&of.quantiles) {
            [mean].into_iter().chain(quantiles).for_each(|v| bytes.extend(v.to_le_bytes()));
        }
    }
    bytes
}

async fn publish(
    cx: &Cx,
    city: Arc<Shards>,
    fits: StoredFits,
    shared: PanelFit,
    summary: &mut Summary,
) -> anyhow::Result<Issued> {
    let horizon = Horizon { days: cx.config.forecast.days, months: cx.config.forecast.months };
    let calendar = city::calendar(&cx.config, city.start().into(), city.to.plus(800))?;
    let (progress, data) = (cx.progress.clone(), cx.config.store.data.clone());
    let (issued, fits) = tokio::task::spawn_blocking(move || {
        let hierarchy = &city.index.hierarchy;
        let total = hierarchy.nodes.len();
        let at = |done: usize| progress.at("forecast", done as u64, total as u64);
        let mut shelf = Shelf::new(&data, total)?;
        let mut keep = |node: usize, made| shelf.put(node, &block(&made));
        let source = City { cells: &*city, hierarchy, calendar: &calendar };
        let issue = Issue { fits: &fits, shared: &shared, horizon };
        let months = forecast::forecast_by_shard(&source, &issue, &mut Scratch::new(&data)?, &mut keep, &at)?;
        progress.done("forecast");
        let months = months.iter().map(|m| Day::from(*m).0).collect();
        let (keys, origin) = (city.index.keys.clone(), city.to);
        let issued = Issued { keys, origin, months, shelf, days: horizon.days };
        anyhow::Ok((issued, fits))
    })
    .await??;
    fits.tell(summary);
    summary.series += issued.keys.len();
    Ok(issued)
}
