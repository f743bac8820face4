//! The forecast of the coming weeks as it would have been on a day.
use anyhow::bail;
use rustc_hash::FxHashMap;
use weisu_models::forecast::{self, Fallback, Horizon, NodeFit, PanelFit};

use super::History;
use crate::{
    aggregate::CityPanel,
    stages::{
        detect::coming::{Coming, WEEKS},
        fit,
    },
    store::SeriesKey,
    ticket::Day,
};

/// What was fitted and forecast last, by series.
#[derive(Debug)]
pub struct Outlook<'a> {
    history: &'a History,
    every: u32,
    fitted: Option<Day>,
    fits: FxHashMap<SeriesKey, NodeFit>,
    boost: Option<forecast::Boost>,
    origin: Option<Day>,
    /// Expected tickets of the days after the origin.
    days: FxHashMap<SeriesKey, Vec<f64>>,
}

impl<'a> Outlook<'a> {
    /// Nothing forecast yet; `every` days a forecast is made anew, 0 for never.
    pub fn new(history: &'a History, every: u32) -> Self {
        let (fits, days) = (FxHashMap::default(), FxHashMap::default());
        Self { history, every, fitted: None, fits, boost: None, origin: None, days }
    }

    /// The coming weeks of each node of a city on `day`, from the newest forecast made by then.
    pub fn weeks(&mut self, city: &CityPanel, day: Day) -> anyhow::Result<FxHashMap<usize, Coming>> {
        if self.every == 0 {
            return Ok(FxHashMap::default());
        }
        if is_due(self.fitted, day, self.history.config.forecast.refit_days) {
            self.fit(city, day);
        }
        if is_due(self.origin, day, self.every) {
            self.forecast(city, day)?;
        }
        let passed = (day.0 - self.origin.map_or(day.0, |origin| origin.0)) as usize;
        let nodes = city.keys.iter().enumerate();
        Ok(nodes.filter_map(|(k, key)| Some((k, self.coming(key, passed)?))).collect())
    }

    /// Daily means and fits of topics over the whole city, as [`Self::weeks`] left them.
    pub fn topics(&self, city: &CityPanel, day: Day) -> FxHashMap<usize, (Vec<f64>, NodeFit)> {
        let passed = (day.0 - self.origin.map_or(day.0, |origin| origin.0)) as usize;
        let topics = city.keys.iter().enumerate().filter(|(_, key)| key.topic != 0 && key.district == 0);
        let ahead = |key: &SeriesKey| {
            let days = self.days.get(key)?.get(passed..)?;
            let published = days.len().min(self.history.config.forecast.days);
            Some((days[..published].to_vec(), self.fits.get(key)?.clone()))
        };
        topics.filter_map(|(k, key)| Some((k, ahead(key)?))).collect()
    }

    fn fit(&mut self, city: &CityPanel, day: Day) {
        let params = fit::params(&self.history.config);
        let fitted = forecast::fit(&city.panel, &city.hierarchy, &self.history.calendar, &params, &|_| {});
        self.fits = city.keys.iter().copied().zip(fitted.nodes).collect();
        self.boost = fitted.boost;
        self.fitted = Some(day);
        // What was fitted anew is used at once, as by the daily chain.
        self.origin = None;
    }

    fn forecast(&mut self, city: &CityPanel, day: Day) -> anyhow::Result<()> {
        let fits = city.keys.iter().map(|key| self.fits.get(key).cloned()).collect();
        let fitted =
            PanelFit { nodes: with_borrowed(city, fits)?, boost: self.boost.clone(), profiles: None };
        let published = self.history.config.forecast.days.max(7 * WEEKS as usize);
        let horizon = Horizon { days: published + self.every as usize - 1, months: 0 };
        let calendar = &self.history.calendar;
        let made = forecast::forecast(&city.panel, &city.hierarchy, calendar, &fitted, horizon, &|_| {});
        self.days = city.keys.iter().copied().zip(made.daily.into_iter().map(|node| node.mean)).collect();
        self.origin = Some(day);
        Ok(())
    }

    /// Weeks that expect less than one ticket are none, as in the store; a series without a fit has no outlook.
    fn coming(&self, key: &SeriesKey, passed: usize) -> Option<Coming> {
        let (days, fit) = (self.days.get(key)?.get(passed..)?, self.fits.get(key)?);
        let sums = days.chunks_exact(7).take(WEEKS as usize).map(|week| week.iter().sum::<f64>());
        let means: Vec<f64> = sums.map(|sum| if sum < 1.0 { 0.0 } else { sum }).collect();
        means.iter().any(|sum| *sum > 0.0).then(|| Coming { means, fit: fit.clone() })
    }
}

/// A series that appeared after the fit takes over the fit of its topic, or of the whole city.
fn with_borrowed(city: &CityPanel, fits: Vec<Option<NodeFit>>) -> anyhow::Result<Vec<NodeFit>> {
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

fn is_due(last: Option<Day>, day: Day, every: u32) -> bool {
    last.is_none_or(|last| i64::from(day.0 - last.0) >= i64::from(every))
}
