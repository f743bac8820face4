//! Forecast: the daily step. Publishes every node of the panel from the newest closed day, immutable, and scores what
//! was published before and has come due.
use std::collections::BTreeMap;

use anyhow::bail;
use rustc_hash::FxHashMap;
use serde::Serialize;
use weisu_models::forecast::{
    self, Boost, Fallback, Horizon, NodeFit, NodeForecast, PanelFit, PanelForecast,
};

use super::{Active, Cx, Done, city, ledger};
use crate::{
    aggregate::CityPanel,
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
    let stored: FxHashMap<i32, NodeFit> = cx
        .store
        .fits(fit_run.id)
        .await?
        .into_iter()
        .filter_map(|row| Some((row.series, serde_json::from_str(&row.fit).ok()?)))
        .collect();
    let mut summary = Summary { fit_run: fit_run.id, ..Summary::default() };
    let mut written = Vec::new();
    for basis in Basis::ALL {
        let (city, origin) = city::panel(cx, basis).await?;
        summary.origin = Some(origin.date());
        let known: FxHashMap<SeriesKey, i32> =
            cx.store.series(basis).await?.into_iter().map(|(id, k)| (k, id)).collect();
        let fits: Vec<Option<NodeFit>> =
            city.keys.iter().map(|key| known.get(key).and_then(|id| stored.get(id)).cloned()).collect();
        summary.borrowed += fits.iter().filter(|f| f.is_none()).count();
        let nodes = with_borrowed(&city, fits)?;
        nodes.iter().for_each(|f| *summary.models.entry(f.model.name()).or_default() += 1);
        summary.series += nodes.len();
        let scored = ledger::score(cx, basis, &city, origin, &known).await?;
        let boost = cx.store.boost(fit_run.id, basis).await?.and_then(|json| readable(&json, basis));
        let published = publish(cx, city, PanelFit { nodes, boost }, origin).await?;
        written.push((basis, published, scored));
    }
    let mut tx = cx.store.begin().await?;
    for (basis, (keys, panel), scored) in written {
        let ids = tx.register_series(basis, &keys).await?;
        let rows = rows(&ids, &panel, summary.origin.map(Day::from).unwrap_or(Day(0)));
        summary.rows += rows.len();
        tx.put_forecasts(active.run, &rows).await?;
        summary.scored += scored.len();
        tx.put_ledger(active.run, basis, &scored).await?;
    }
    let origin = summary.origin.map(Day::from);
    Done::new(tx, origin, &summary)
}

/// What the fit stored, or nothing when another version wrote it: forecasts go on without until the next fit.
fn readable(json: &str, basis: Basis) -> Option<Boost> {
    serde_json::from_str(json)
        .inspect_err(
            |error| tracing::warn!(basis = basis.name(), %error, "boosting left out until the next fit"),
        )
        .ok()
}

/// A series that appeared after the fit takes over the fit of its topic, or of the whole city.
pub fn with_borrowed(city: &CityPanel, fits: Vec<Option<NodeFit>>) -> anyhow::Result<Vec<NodeFit>> {
    let Some(whole) = fits.first().cloned().flatten() else {
        bail!("the newest fit does not know the city's total: run `weisu once` to fit again");
    };
    let lend = |fit: &NodeFit| NodeFit { fallback: Some(Fallback::ShortHistory { days: 0 }), ..fit.clone() };
    let topics: FxHashMap<u32, NodeFit> = city
        .hierarchy
        .nodes
        .iter()
        .zip(&fits)
        .filter(|(node, _)| node.level.district == 0)
        .filter_map(|(node, fit)| Some((node.topic, fit.clone()?)))
        .collect();
    let nodes = city.hierarchy.nodes.iter().zip(fits);
    Ok(nodes
        .map(|(node, fit)| fit.unwrap_or_else(|| lend(topics.get(&node.topic).unwrap_or(&whole))))
        .collect())
}

async fn publish(
    cx: &Cx,
    city: CityPanel,
    fitted: PanelFit,
    origin: Day,
) -> anyhow::Result<(Vec<SeriesKey>, PanelForecast)> {
    let horizon = Horizon { days: cx.config.forecast.days, months: cx.config.forecast.months };
    let calendar = city::calendar(&cx.config, city.panel.start.into(), origin.plus(800))?;
    let progress = cx.progress.clone();
    let total = city.hierarchy.nodes.len() as u64;
    let panel = tokio::task::spawn_blocking(move || {
        let at = |done: usize| progress.at("forecast", done as u64, total.max(done as u64));
        let panel = forecast::forecast(&city.panel, &city.hierarchy, &calendar, &fitted, horizon, &at);
        progress.done("forecast");
        (city.keys, panel)
    });
    Ok(panel.await?)
}

/// Rows in key order.
fn rows(ids: &[i32], panel: &PanelForecast, origin: Day) -> Vec<ForecastRow> {
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_unstable_by_key(|i| ids[*i]);
    let months: Vec<i32> = panel.months.iter().map(|m| Day::from(*m).0).collect();
    let mut out = Vec::new();
    for i in order {
        let days = (1..).map(|lead| origin.plus(lead).0);
        out.extend(node_rows(ids[i], Grain::Day, days, &panel.daily[i]));
        out.extend(node_rows(ids[i], Grain::Month, months.iter().copied(), &panel.monthly[i]));
    }
    out
}

fn node_rows(
    series: i32,
    grain: Grain,
    targets: impl Iterator<Item = i32>,
    node: &NodeForecast,
) -> impl Iterator<Item = ForecastRow> {
    targets.zip(node.mean.iter().zip(&node.quantiles)).map(move |(target, (mean, q))| ForecastRow {
        series,
        grain: grain.code(),
        target,
        mean: *mean,
        q025: q[0],
        q10: q[1],
        q50: q[2],
        q90: q[3],
        q975: q[4],
    })
}
