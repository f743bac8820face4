//! How hot spots came about: new, consecutive, intensifying, … over the last half year, topic by topic.
//!
//! Weeks x districts of a topic are a cube; Gi* of each bin over its neighbours and the week before, and the Mann-Kendall
//! test of its scores give each district one of the 17 classes ([`emerging`]). Once on standardised residuals: more than
//! the district's share of what the topic's season expects, which is what a planner can act on. Once on the counts
//! as they are, as ArcGIS does, where the busiest place is always hot.
use chrono::{Datelike, Weekday};
use ndarray::{Array2, s};
use rayon::prelude::*;
use weisu_models::hotspot::{
    Prepared,
    space::{
        Neighbours, Test, bins,
        emerging::{self, Class},
        space_time_gi,
    },
};

use super::{
    Scene,
    ground::{Ground, SHARES, course},
};
use crate::{
    store::{ClassRow, alarms::Kind},
    ticket::Day,
};

/// Weeks of the cube.
pub const WEEKS: usize = 26;
/// Weeks before a bin that belong to its neighbourhood.
const LAGS: usize = 1;
/// False discovery rate of bins, and significance of trends.
const LEVEL: f64 = 0.05;
const WEEK: usize = 7;
/// Least expectation of a bin that its residual is standardised by.
const LEAST: f64 = 0.25;

/// The classes of every topic in every district of the map that have a pattern; none where there is no map or too short
/// a history.
pub fn classes(scene: &Scene, run: i64) -> anyhow::Result<Vec<ClassRow>> {
    let Ok(ground) = Ground::new(scene) else { return Ok(Vec::new()) };
    let Some(weeks) = Weeks::new(scene) else { return Ok(Vec::new()) };
    let (neighbours, prepared) = (ground.neighbours()?, scene.prepared(Kind::Emerging)?);
    let of_topic = |topic: &usize| of_topic(scene, &ground, &neighbours, &prepared, weeks, *topic);
    let all: Vec<Vec<ClassRow>> =
        Ground::topics(scene).par_iter().map(of_topic).collect::<anyhow::Result<_>>()?;
    Ok(all.into_iter().flatten().map(|row| ClassRow { run, ..row }).collect())
}

/// The last complete weeks.
#[derive(Debug, Clone, Copy)]
struct Weeks {
    /// Position of the first Monday.
    from: usize,
    first: Day,
}

impl Weeks {
    fn new(scene: &Scene) -> Option<Self> {
        let open = scene.origin.date().weekday().days_since(Weekday::Sun) as i32 % WEEK as i32;
        let first = scene.origin.plus(1 - open - (WEEK * WEEKS) as i32);
        let from = usize::try_from(first.0 - Day::from(scene.city.panel.start).0).ok()?;
        (from >= SHARES).then_some(Self { from, first })
    }
}

fn of_topic(
    scene: &Scene,
    ground: &Ground<'_>,
    neighbours: &Neighbours,
    prepared: &Prepared,
    weeks: Weeks,
    topic: usize,
) -> anyhow::Result<Vec<ClassRow>> {
    let cells = ground.cells(scene, topic);
    let counts = weekly(&cells.counts.slice(s![.., weeks.from..]).to_owned());
    let known: f64 = counts.iter().filter(|y| !y.is_nan()).sum();
    let days = scene.city.panel.days();
    let Some(course) = course(scene, prepared, topic, days) else { return Ok(Vec::new()) };
    if known < f64::from(scene.settings.min_count) * WEEKS as f64 {
        return Ok(Vec::new());
    }
    let expected = weekly(&cells.by_shares(course.means(), weeks.from, weeks.from));
    let residuals =
        ndarray::Zip::from(&counts).and(&expected).map_collect(|y, e| (y - e) / e.max(LEAST).sqrt());
    let (on_expected, scores) = judged(&residuals, neighbours)?;
    let (on_counts, _) = judged(&counts, neighbours)?;
    let key = scene.city.keys[topic].topic;
    let row = |d: usize| Class::None != on_expected[d] || Class::None != on_counts[d];
    Ok((0..ground.districts())
        .filter(|d| row(*d) && cells.nodes[*d].is_some())
        .map(|d| ClassRow {
            run: 0,
            topic: key,
            district: ground.district(d),
            first_week: weeks.first.0,
            weeks: WEEKS as i32,
            on_expected: on_expected[d].name(),
            on_counts: on_counts[d].name(),
            z: Some(scores[(d, WEEKS - 1)]).filter(|z| z.is_finite()).unwrap_or(0.0),
            observed: Some(counts[(d, WEEKS - 1)]).filter(|y| y.is_finite()).unwrap_or(0.0),
            expected: expected[(d, WEEKS - 1)],
        })
        .collect())
}

/// Classes of the districts, and the scores of all bins.
fn judged(cube: &Array2<f64>, neighbours: &Neighbours) -> anyhow::Result<(Vec<Class>, Array2<f64>)> {
    let scores = space_time_gi(cube, neighbours, LAGS)?;
    let states = bins(&scores, Test::DiscoveryRate(LEVEL));
    Ok((emerging::classes(&scores, &states, LEVEL), scores))
}

/// Sums of whole weeks; missing where a day is.
fn weekly(days: &Array2<f64>) -> Array2<f64> {
    Array2::from_shape_fn((days.nrows(), WEEKS), |(d, week)| {
        days.slice(s![d, week * WEEK..(week + 1) * WEEK]).sum()
    })
}
