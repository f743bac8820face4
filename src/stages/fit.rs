//! Fit: the weekly step. Chooses models by rolling origin and measures their errors, on both bases.
use std::collections::BTreeMap;

use anyhow::Context as _;
use serde::Serialize;
use weisu_models::{
    forecast::{self, NodeFit, PanelFit, Params},
    series::Cells,
};

use super::{
    Active, Cx, Done, city,
    scratch::{Scratch, Shelf},
    shards::{self, Shards},
};
use crate::{
    config::{Config, Daily},
    store::{FitRow, RunStatus, SeriesKey, Tx},
    ticket::Basis,
};

/// What was fitted.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Series fitted on both bases.
    pub series: usize,
    /// Series by model.
    pub models: BTreeMap<&'static str, usize>,
    /// Series by reason of a fallback.
    pub fallbacks: BTreeMap<String, usize>,
    /// Share of the expected error that boosting saved at unseen origins, by basis; absent where it is not used.
    pub boost_gain: BTreeMap<&'static str, f64>,
    /// Last day known.
    pub origin: Option<chrono::NaiveDate>,
}

/// Whether the newest fit is too old for the data that is there.
pub async fn due(cx: &Cx) -> anyhow::Result<bool> {
    // A new installation waits for its first closed day.
    let Some(mark) = crate::aggregate::watermark(&cx.store.source_days().await?) else { return Ok(false) };
    let Some(last) = cx.store.last_run("fit", RunStatus::Ok).await? else { return Ok(true) };
    let age = mark.0 - last.origin.unwrap_or(i32::MIN / 2);
    // Data from before the last fit's origin (a late file, a longer history) makes the fit stale, too.
    Ok(age >= cx.config.forecast.refit_days as i32 || age < 0 || of_another_version(cx, last.id).await?)
}

/// Whether this version cannot read a fit, judged by the first series there is.
async fn of_another_version(cx: &Cx, run: i64) -> anyhow::Result<bool> {
    let fits = cx.store.fits_within(run, (1, 1)).await?;
    let error = fits.iter().find_map(|(_, json, _)| serde_json::from_str::<NodeFit>(json).err());
    if let Some(error) = &error {
        tracing::warn!(run, %error, "the newest fit was written by another version: fitting again");
    }
    Ok(error.is_some())
}

/// Runs the stage.
pub async fn run(cx: &Cx, active: &Active) -> anyhow::Result<Done> {
    let days = cx.store.source_days().await?;
    let (from, to) = shards::span(&days, cx.config.forecast.history_days as i32)?;
    let raw = fit(cx, Basis::Raw).await?;
    // A source that labels no repeats has the same counts on both bases.
    let dedup = match cx.store.bases_agree(from, to).await? {
        true => None,
        false => Some(fit(cx, Basis::Dedup).await?),
    };
    let mut summary = Summary { origin: Some(to.date()), ..Summary::default() };
    let mut tx = cx.store.begin().await?;
    write(&mut tx, active.run, Basis::Raw, &raw, &mut summary).await?;
    write(&mut tx, active.run, Basis::Dedup, dedup.as_ref().unwrap_or(&raw), &mut summary).await?;
    Done::new(tx, Some(to), &summary)
}

/// A fit that waits to be written.
struct Fitted {
    keys: Vec<SeriesKey>,
    shared: PanelFit,
    /// By node: length and text of its fit as JSON, then its coefficients.
    shelf: Shelf,
}

/// Fits one basis on the worker threads.
async fn fit(cx: &Cx, basis: Basis) -> anyhow::Result<Fitted> {
    let city = Shards::open(cx, basis).await?;
    let calendar = city::calendar(&cx.config, city.start().into(), city.to.plus(400))?;
    let (params, data, progress) = (params(&cx.config), cx.config.store.data.clone(), cx.progress.clone());
    let work = move || {
        let total = city.index.hierarchy.nodes.len();
        let at = |done: usize| progress.at("fit", done as u64, total as u64);
        let mut shelf = Shelf::new(&data, total)?;
        let mut keep = |node: usize, fit: NodeFit| -> anyhow::Result<()> {
            let json = serde_json::to_vec(&fit)?;
            let mut block = (json.len() as u32).to_le_bytes().to_vec();
            block.extend(json);
            block.extend(crate::store::floats_to_bytes(&fit.profile));
            shelf.put(node, &block)
        };
        let source = forecast::City { cells: &city, hierarchy: &city.index.hierarchy, calendar: &calendar };
        let shared = forecast::fit_by_shard(&source, &params, &mut Scratch::new(&data)?, &mut keep, &at)?;
        progress.done("fit");
        Ok(Fitted { keys: city.index.keys, shared, shelf })
    };
    tokio::task::spawn_blocking(work).await?
}

/// Series written at a time.
const WRITTEN: usize = 1000;

async fn write(
    tx: &mut Tx,
    run: i64,
    basis: Basis,
    fitted: &Fitted,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let ids = tx.register_series(basis, &fitted.keys).await?;
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_unstable_by_key(|node| ids[*node]);
    for nodes in order.chunks(WRITTEN) {
        let (mut fits, mut profiles) = (Vec::new(), Vec::new());
        for node in nodes {
            let block = fitted.shelf.get(*node)?;
            let (length, rest) = block.split_first_chunk().context("scratch file not read")?;
            let (json, profile) = rest.split_at(u32::from_le_bytes(*length) as usize);
            let fit: NodeFit = serde_json::from_slice(json)?;
            fits.push(row(ids[*node], &fit, std::str::from_utf8(json)?.to_owned(), summary));
            if !profile.is_empty() {
                profiles.push((ids[*node], profile.to_vec()));
            }
        }
        tx.put_fits(run, &fits).await?;
        tx.put_profiles(run, &profiles).await?;
    }
    if let Some(boost) = &fitted.shared.boost {
        summary.boost_gain.insert(basis.name(), boost.gain());
        tx.put_boost(run, basis, &serde_json::to_string(boost)?).await?;
    }
    if let Some(profiles) = &fitted.shared.profiles {
        tx.put_profile_columns(run, basis, &serde_json::to_string(profiles)?).await?;
    }
    Ok(())
}

/// The engine's settings of a configuration.
pub fn params(config: &Config) -> Params {
    let settings = &config.forecast;
    let boosted = if settings.boost { Params::default().boosted } else { 0 };
    let profiles = settings.daily == Daily::Update;
    Params { origins: settings.origins, boosted, profiles, ..Params::default() }
}

fn row(series: i32, fit: &NodeFit, json: String, summary: &mut Summary) -> FitRow {
    summary.series += 1;
    *summary.models.entry(fit.model.name()).or_default() += 1;
    let fallback = fit.fallback.as_ref().map(|f| f.name().to_owned());
    if let Some(reason) = &fallback {
        *summary.fallbacks.entry(reason.clone()).or_default() += 1;
    }
    FitRow {
        series,
        model: fit.model.name().to_owned(),
        fallback,
        fit: json,
        mase: fit.scores.mase,
        rmsse: fit.scores.rmsse,
        wql: fit.scores.wql,
        wql_naive: fit.scores.wql_naive,
        coverage_80: fit.scores.coverage_80,
        coverage_95: fit.scores.coverage_95,
        scored: fit.scores.n as i32,
    }
}
