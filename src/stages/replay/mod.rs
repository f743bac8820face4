//! Replay: the whole of detection day by day over history, as it would have been. Nothing is written.
//!
//! Every day is judged by [`detect::judge`] on a [`Scene`] that holds the counts up to that day and the cells seen by
//! then, with forecasts made from that day or before, and its alarms go through the same control and lifecycle as those
//! of the daemon. So a later count changes nothing of an earlier day. What is known today and not replayed: the names
//! and parents of topics and districts, which days are gaps in the source, and the calendar.
//!
//! | file | what it decides |
//! |---|---|
//! | `known` | what was known of the city on a day |
//! | `outlook` | the forecast of the coming weeks on a day, and when it is made anew |
//! | `episodes` | the lives of alerts, from the first word to the last alarm |
//! | `confirmed` | whether what came bears an alert out |
//! | `labels` | which labelled rises were found |
//! | `report` | the numbers |
use rustc_hash::FxHashSet;
use weisu_models::calendar::Calendar;

use super::{
    Cx, Progress, Silent, city,
    city::Names,
    detect::{self, Scene, candidate::Naming, grounds::Grounds},
};
use crate::{
    aggregate::CityPanel,
    config::Config,
    map::Neighbourhood,
    store::{SeriesKey, Tree, alarms::Kind},
    ticket::{Basis, Day},
};

mod confirmed;
mod episodes;
mod known;
pub mod labels;
mod outlook;
pub mod report;
#[cfg(test)]
mod tests;

pub use episodes::Episode;
pub use labels::Label;
pub use report::Report;

/// Name of the work on progress bars.
pub const WHAT: &str = "replay";

/// What is replayed.
#[derive(Debug)]
pub struct History {
    /// Counts of all days, those after the last replayed one too.
    pub city: CityPanel,
    /// Names of topics and districts.
    pub names: Names,
    /// Weekdays, holidays and seasons.
    pub calendar: Calendar,
    /// Settings of detection and forecasts.
    pub config: Config,
    /// The districts on the map with their neighbours, where there is one.
    pub neighbourhood: Option<Neighbourhood>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// First day that is judged.
    pub from: Day,
    /// Last day that is judged.
    pub to: Day,
    /// Rises that should be found, where somebody labelled them.
    pub labels: Option<Vec<Label>>,
    /// Days between two forecasts of the coming weeks; in between the last one is used. 0 for no forecasts at all.
    pub forecast_every: u32,
}

/// The stored history.
pub async fn history(cx: &Cx) -> anyhow::Result<History> {
    let (city, last) = city::panel_of(cx, Basis::Raw, i32::MAX / 4).await?;
    let calendar = city::calendar(&cx.config, city.panel.start.into(), last.plus(400))?;
    let neighbourhood = detect::known::neighbourhood(&cx.config.city, &cx.store.tree(Tree::Districts).await?);
    Ok(History { city, names: Names::load(cx).await?, calendar, config: (*cx.config).clone(), neighbourhood })
}

/// Replays the days of a request.
///
/// # Errors
/// When a day lies outside the history, a label names what nobody knows, or a detector fails.
pub fn run(history: &History, request: &Request, progress: &dyn Progress) -> anyhow::Result<Report> {
    check(history, request)?;
    if let Some(labels) = &request.labels {
        labels::check(labels, history)?;
    }
    let mut known = known::Known::new(history);
    let mut outlook = outlook::Outlook::new(history, request.forecast_every);
    let mut alerts = episodes::Alerts::new(history);
    let days = (request.to.0 - request.from.0 + 1) as u64;
    // Series of which the day before said that a coming week exceeds.
    let mut exceeding: FxHashSet<SeriesKey> = FxHashSet::default();
    for day in (request.from.0..=request.to.0).map(Day) {
        progress.at(WHAT, (day.0 - request.from.0) as u64, days);
        let city = known.on(day);
        let weeks = outlook.weeks(&city, day)?;
        let nodes = city.keys.iter().enumerate();
        let scene = Scene {
            exceeding: nodes.filter(|(_, key)| exceeding.contains(key)).map(|(k, _)| k).collect(),
            capacity: detect::coming::capacity(&history.config.capacity, &city, &history.names),
            days: outlook.topics(&city, day),
            grounds: Grounds {
                neighbourhood: history.neighbourhood.clone(),
                clusters: alerts.clusters(),
                ..Grounds::default()
            },
            ..Scene::new(&history.config, history.calendar.clone(), city, weeks, (day, day))
        };
        let judged = detect::judge(&scene, &Silent)?;
        let ahead = judged.found.iter().filter(|(f, _)| f.kind == Kind::ForecastExceedance);
        exceeding = ahead.map(|(f, _)| scene.city.keys[f.node]).collect();
        let naming = Naming {
            lang: history.config.city.lang,
            scene: &scene,
            names: &history.names,
            ids: alerts.ids(),
        };
        let found = judged.found.iter();
        let candidates: Vec<_> = found.filter_map(|(f, held)| naming.candidate(f, *held)).collect();
        alerts.plan(&candidates, day);
    }
    progress.done(WHAT);
    Ok(report::of(history, request, &alerts.end()))
}

fn check(history: &History, request: &Request) -> anyhow::Result<()> {
    let panel = &history.city.panel;
    let (first, last) = (Day::from(panel.start), Day::from(panel.start).plus(panel.days() as i32 - 1));
    anyhow::ensure!(
        request.from <= request.to && first < request.from && request.to <= last,
        "cannot replay {} to {}: the history has the days {first} to {last}; choose days in order, the first after {first}",
        request.from,
        request.to
    );
    Ok(())
}
