//! Planting: which cells get more than their season explains, and when.
use chrono::{Datelike, Days, NaiveDate};
use rand::{Rng, RngExt};
use weisu_models::calendar::Calendar;

use super::{
    catalogue::{CLUSTERED, TOPICS},
    shape,
};

/// Days that the emerging cluster has been rising for on the last day.
pub(super) const EMERGING_DAYS: i64 = 10;

/// More than the season explains in one cell, day by day.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lift {
    pub kind: super::Kind,
    /// Index into [`TOPICS`].
    pub topic: usize,
    pub district: usize,
    pub from: NaiveDate,
    /// Factor of each day from `from` on.
    pub factors: Vec<f64>,
}

impl Lift {
    pub(super) fn to(&self) -> NaiveDate {
        self.from + Days::new(self.factors.len().saturating_sub(1) as u64)
    }

    pub(super) fn peak(&self) -> f64 {
        self.factors.iter().copied().fold(1.0, f64::max)
    }
}

/// Everything that lifts single cells in the days `[from, to]`, by first day.
pub(super) fn lifts(rng: &mut impl Rng, from: NaiveDate, to: NaiveDate, districts: usize) -> Vec<Lift> {
    let mut all = vec![emerging(rng, to, districts)];
    for year in from.year()..=to.year() {
        all.extend(storms(rng, year, districts));
        all.extend((0..2).filter_map(|_| cluster(rng, year, districts)));
    }
    // A past cluster keeps away from the last weeks, where the emerging one is to stand alone.
    let quiet = to - Days::new(45);
    all.retain(|lift| {
        let past = lift.kind != super::Kind::Cluster || lift.to() < quiet;
        past && lift.from >= from && lift.to() <= to
    });
    all.sort_by_key(|lift| (lift.from, lift.topic, lift.district));
    all
}

/// Rises from 1.5 times to six times the normal over the last days, in one of the larger districts.
fn emerging(rng: &mut impl Rng, to: NaiveDate, districts: usize) -> Lift {
    let days = EMERGING_DAYS;
    let factors = (1..=days).map(|day| 1.0 + 5.0 * day as f64 / days as f64).collect();
    Lift {
        kind: super::Kind::EmergingCluster,
        topic: CLUSTERED[rng.random_range(0..CLUSTERED.len())],
        district: rng.random_range(0..districts.min(6)),
        from: to - Days::new(days as u64 - 1),
        factors,
    }
}

fn cluster(rng: &mut impl Rng, year: i32, districts: usize) -> Option<Lift> {
    let first = NaiveDate::from_yo_opt(year, rng.random_range(1..=350))?;
    let (days, peak) = (rng.random_range(5..=10_i32), rng.random_range(3.0..6.0));
    // Up to the middle and down again, never below half of the peak.
    let middle = f64::from(days - 1) / 2.0;
    let factors =
        (0..days).map(|day| 1.0 + peak * (1.0 - 0.5 * (f64::from(day) - middle).abs() / middle)).collect();
    Some(Lift {
        kind: super::Kind::Cluster,
        topic: CLUSTERED[rng.random_range(0..CLUSTERED.len())],
        district: rng.random_range(0..districts),
        from: first,
        factors,
    })
}

/// Three to five storms between 10 June and 31 August, each in a few districts and every topic that storms move.
fn storms(rng: &mut impl Rng, year: i32, districts: usize) -> Vec<Lift> {
    let Some(june) = NaiveDate::from_ymd_opt(year, 6, 10) else { return Vec::new() };
    let mut all = Vec::new();
    let mut first = 0;
    for _ in 0..rng.random_range(3..=5) {
        // At least nine days apart, so that one storm's aftermath is not the next one's baseline.
        first += rng.random_range(9..=18);
        let from = june + Days::new(first);
        let days = rng.random_range(1..=3);
        let strength = rng.random_range(0.7..1.3);
        let hit = pick(rng, districts, 3.max(districts / 5).min(districts));
        for (topic, habits) in TOPICS.iter().enumerate().filter(|(_, t)| t.storm > 1.0) {
            let factors: Vec<f64> =
                (0..days).map(|day| 1.0 + habits.storm * strength * 0.45_f64.powi(day)).collect();
            all.extend(hit.iter().map(|&district| Lift {
                kind: super::Kind::Storm,
                topic,
                district,
                from,
                factors: factors.clone(),
            }));
        }
    }
    all
}

/// `n` different districts, ascending.
fn pick(rng: &mut impl Rng, districts: usize, n: usize) -> Vec<usize> {
    let mut picked = rand::seq::index::sample(rng, districts, n).into_vec();
    picked.sort_unstable();
    picked
}

/// The day without any ticket: a workday four to ten months back on which nothing else was planted.
pub(super) fn outage(
    rng: &mut impl Rng,
    calendar: &Calendar,
    lifts: &[Lift],
    from: NaiveDate,
    to: NaiveDate,
) -> NaiveDate {
    let free = |day: &NaiveDate| {
        calendar.is_workday(*day)
            && shape::onset(calendar, *day).is_none_or(|first| (*day - first).num_days() > 30)
            && lifts.iter().all(|lift| *day < lift.from || lift.to() < *day)
    };
    let candidates: Vec<NaiveDate> =
        (120..300).map(|back| to - Days::new(back)).filter(|day| *day > from).filter(free).collect();
    match candidates.len() {
        0 => from + Days::new(1),
        n => candidates[rng.random_range(0..n)],
    }
}

/// The topic whose season rises most after the last day: (topic, mean of the coming four weeks over the last four).
pub(super) fn coming_rise(calendar: &Calendar, to: NaiveDate) -> Option<(usize, f64)> {
    let mean = |topic: usize, first: NaiveDate| {
        first.iter_days().take(28).map(|day| shape::season(&TOPICS[topic], calendar, day)).sum::<f64>() / 28.0
    };
    let rises = (0..TOPICS.len())
        .map(|topic| (topic, mean(topic, to + Days::new(1)) / mean(topic, to - Days::new(27))));
    rises.max_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, rise)| *rise >= 1.25)
}
