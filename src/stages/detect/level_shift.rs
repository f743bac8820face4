//! Level shifts: counts that have run at another multiple of what is expected for weeks.
//!
//! A shift is told while its changepoint is [`NEWS`] days old or younger. For as long as it is in sight it is also the new
//! baseline of the spike detector (see [`Scene::factors`]): what has been so for weeks does not stand out every day.
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use weisu_models::hotspot::{
    drivers::{self, Part},
    shift::{Search, Shift, shift},
};

use super::{Finding, Found, Scene};
use crate::{
    stages::Progress,
    store::{
        alarms::Kind,
        alerts::Compare,
        details::{Details, LevelChange},
    },
    ticket::Day,
};

/// Days after which a shift is no news.
const NEWS: usize = 56;
/// A level that moved by less than this factor, up or down, matters to nobody.
const LEAST: f64 = 1.25;
/// Tickets since and before, expected or come, in units of the least number of an alarm.
const COUNTS: f64 = 6.0;
/// Squared distance, in variances of a Poisson count, from which on a node is fitted: no change that is significant
/// later lies under it unless a season makes up for it.
const SCREEN: f64 = 9.0;
/// Children named with an alarm.
const DRIVERS: usize = 5;
/// Days of the longest holiday.
const HOLIDAYS: i32 = 10;

/// Tells the shifts that are news.
pub fn find(scene: &Scene, _: &dyn Progress) -> anyhow::Result<Found> {
    let days = scene.city.panel.days();
    let mut news: Vec<_> = scene.shifts().iter().filter(|(_, shift)| days - shift.at <= NEWS).collect();
    news.sort_unstable_by_key(|(node, _)| **node);
    let findings = news.into_iter().map(|(node, shift)| finding(scene, *node, shift)).collect();
    let tested = vec![(Kind::LevelShift, scene.city.hierarchy.nodes.len())];
    Ok(Found { findings, tested, ..Found::default() })
}

/// Every node whose level has moved for good.
///
/// Only nodes whose raw counts have moved are fitted: a change that a season exactly makes up for is not found.
pub fn established(scene: &Scene) -> FxHashMap<usize, Shift> {
    let (search, alpha) = (Search::default(), scene.alpha(Kind::LevelShift));
    let days = scene.city.panel.days();
    let (Ok(prepared), Some(known)) = (scene.prepared(Kind::LevelShift), days.checked_sub(search.periods))
    else {
        return FxHashMap::default();
    };
    let least = COUNTS * f64::from(scene.settings.min_count);
    let of_node = |node: usize| {
        let series = scene.series(node);
        if !has_moved(&series[known..], least) {
            return None;
        }
        let baseline = prepared.baseline(&series, known, &scene.grounds.known)?;
        let found = shift(&baseline, &series, search, alpha)?;
        let large = found.ratio >= LEAST || found.ratio <= 1.0 / LEAST;
        (large && found.p_value < alpha && found.observed.max(found.expected) >= least)
            .then_some((node, found))
    };
    (0..scene.city.hierarchy.nodes.len()).into_par_iter().filter_map(of_node).collect()
}

/// Whether the counts since some day two to eight weeks ago are far from those before, seasons left aside.
fn has_moved(series: &[f32], least: f64) -> bool {
    let sum = |part: &[f32]| part.iter().filter(|y| !y.is_nan()).map(|y| f64::from(*y)).sum::<f64>();
    let all = sum(series);
    all >= least
        && [14, 21, 28, 42, 56, 84].into_iter().any(|since| {
            let Some(at) = series.len().checked_sub(since) else { return false };
            let (after, share) = (sum(&series[at..]), since as f64 / series.len() as f64);
            let expected = all * share;
            (after - expected).powi(2) > SCREEN * expected * (1.0 - share)
        })
}

fn finding(scene: &Scene, node: usize, shift: &Shift) -> Finding {
    let start = Day::from(scene.city.panel.start);
    let day = |t: usize| start.plus(t as i32);
    let bound = shift.expected * (shift.bound * shift.error).exp().powf(shift.z.signum());
    Finding {
        node,
        window: (day(shift.at), scene.origin),
        kind: Kind::LevelShift,
        method: "level_glr",
        observed: Some(shift.observed),
        expected: shift.expected,
        normal: shift.expected,
        lower: Some(shift.expected * (shift.bound * shift.error).exp().powf(-shift.z.signum())),
        bound,
        p_value: shift.p_value,
        score: shift.z.abs() / shift.bound,
        lead_days: 0,
        drivers: explain(scene, node, shift),
        compare: Compare::default(),
        details: Details {
            level: Some(LevelChange {
                since: day(shift.at).date(),
                earliest: first_possible(scene, day(shift.interval.0)).date(),
                latest: day(shift.interval.1).date(),
                before: shift.before,
                after: shift.after,
                ratio: shift.ratio,
            }),
            ..Details::default()
        },
    }
}

/// The first day that the change may have begun on: what holidays do to counts is known less well than the level, so that those
/// right before the interval may belong to it.
fn first_possible(scene: &Scene, earliest: Day) -> Day {
    let is_off = |day: &Day| scene.calendar.event(day.date()).is_some_and(|event| event.off);
    (1..=HOLIDAYS).map(|back| earliest.plus(-back)).take_while(is_off).last().unwrap_or(earliest)
}

/// The children that moved most, against their own counts before the change.
fn explain(scene: &Scene, node: usize, shift: &Shift) -> Vec<(usize, f64, f64, f64)> {
    let children = scene.kin.children(node);
    let up = shift.z.signum();
    let part = |child: &u32| {
        let series = scene.series(*child as usize);
        let sum = |part: &[f32]| part.iter().filter(|y| !y.is_nan()).map(|y| f64::from(*y)).sum::<f64>();
        let since = series.len() - shift.at;
        let before = &series[shift.at - since.min(shift.at)..shift.at];
        // The season moves a child as it moves the node.
        let season = shift.expected / (shift.before * since as f64).max(0.5);
        let expected = sum(before) / before.len().max(1) as f64 * since as f64 * season;
        (sum(&series[shift.at..]), expected)
    };
    let counts: Vec<(f64, f64)> = children.iter().map(part).collect();
    let parts: Vec<Part> = counts.iter().map(|(o, e)| Part { observed: up * o, expected: up * e }).collect();
    drivers::drivers(&parts, DRIVERS)
        .into_iter()
        .map(|d| (children[d.child] as usize, counts[d.child].0, counts[d.child].1, d.share))
        .collect()
}
