//! Fit: the weekly step. Chooses models by rolling origin and measures their errors, on both bases.
use std::collections::BTreeMap;

use serde::Serialize;
use weisu_models::forecast::{self, NodeFit, PanelFit, Params};

use super::{Active, Cx, Done, city};
use crate::{
    aggregate::CityPanel,
    config::Config,
    store::{FitRow, RunStatus},
    ticket::{Basis, Day},
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
    Ok(age >= cx.config.forecast.refit_days as i32 || age < 0)
}

/// Runs the stage.
pub async fn run(cx: &Cx, active: &Active) -> anyhow::Result<Done> {
    let mut summary = Summary::default();
    let mut raw: Option<(CityPanel, PanelFit)> = None;
    let mut rows = Vec::new();
    for basis in Basis::ALL {
        let (city, origin) = city::panel(cx, basis).await?;
        summary.origin = Some(origin.date());
        let fitted = match &raw {
            // A source that labels no repeats has the same counts on both bases.
            Some((same, fitted)) if same.panel == city.panel => fitted.clone(),
            _ => fit(cx, &city, origin).await?,
        };
        rows.push((basis, city.keys.clone(), fitted.clone()));
        raw.get_or_insert((city, fitted));
    }
    let mut tx = cx.store.begin().await?;
    for (basis, keys, fitted) in rows {
        let ids = tx.register_series(basis, &keys).await?;
        let mut fits: Vec<FitRow> =
            ids.into_iter().zip(&fitted.nodes).map(|(id, fit)| row(id, fit, &mut summary)).collect();
        fits.sort_unstable_by_key(|f| f.series);
        tx.put_fits(active.run, &fits).await?;
        if let Some(boost) = &fitted.boost {
            summary.boost_gain.insert(basis.name(), boost.gain());
            tx.put_boost(active.run, basis, &serde_json::to_string(boost)?).await?;
        }
    }
    let origin = summary.origin.map(Day::from);
    Done::new(tx, origin, &summary)
}

/// Fits one panel on the worker threads.
pub async fn fit(cx: &Cx, city: &CityPanel, origin: Day) -> anyhow::Result<PanelFit> {
    let calendar = city::calendar(&cx.config, city.panel.start.into(), origin.plus(400))?;
    let params = params(&cx.config);
    let (city, progress) = (city.clone(), cx.progress.clone());
    let total = city.hierarchy.nodes.len() as u64;
    let fits = tokio::task::spawn_blocking(move || {
        let at = |done: usize| progress.at("fit", done as u64, total.max(done as u64));
        let fits = forecast::fit(&city.panel, &city.hierarchy, &calendar, &params, &at);
        progress.done("fit");
        fits
    });
    Ok(fits.await?)
}

/// The engine's settings of a configuration.
pub fn params(config: &Config) -> Params {
    let settings = &config.forecast;
    let boosted = if settings.boost { Params::default().boosted } else { 0 };
    Params { origins: settings.origins, boosted, ..Params::default() }
}

fn row(series: i32, fit: &NodeFit, summary: &mut Summary) -> FitRow {
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
        fit: serde_json::to_string(fit).unwrap_or_default(),
        mase: fit.scores.mase,
        rmsse: fit.scores.rmsse,
        wql: fit.scores.wql,
        wql_naive: fit.scores.wql_naive,
        coverage_80: fit.scores.coverage_80,
        coverage_95: fit.scores.coverage_95,
        scored: fit.scores.n as i32,
    }
}
