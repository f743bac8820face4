//! The GLM in combination with simpler models, by how they did side by side.
//!
//! The GLM knows the calendar and its relatives; exponential smoothing and theta follow a series alone. Their errors
//! differ enough that a share of the latter helps a city's topics and districts, and seldom a cell. What share is
//! learned by level of the hierarchy and density of the counts, on a sample of series at past origins, and pulled
//! towards the GLM ([`super::pool::Products`]).
use std::{collections::BTreeMap, ops::RangeFrom};

use rayon::prelude::*;

use super::{
    boost::Class,
    classic::{
        average,
        ets::{Ets, Form},
        theta::{Kind, Theta},
        tsb,
    },
    plan::Plan,
    pool::Products,
    seasonal_naive,
    tame::tame,
};
use crate::evaluation::scales;

/// Simpler models beside the GLM.
pub const COMPANIONS: usize = 2;
/// Their weights; the GLM has the rest.
pub type Weights = [f64; COMPANIONS];

/// Days of history that they see.
const WINDOW: usize = 731;
const WEEK: usize = 7;
/// Mean counts a day at which series are told apart.
const DENSITIES: [f64; 2] = [1.0, 10.0];
/// Series that are tried in a group at most.
const TRIED: usize = 24;
/// Series without which nothing is learned: the few past origins of one alone say nothing, and a city's total was
/// forecast worse with companions.
const MIN_TRIED: usize = 2;
/// Weights that are pulled to, with how many origins: 23 origins of a city, and 23 of another cut of it, gained 0.1 to 0.4 %.
const TOWARDS: [f64; 1 + COMPANIONS] = [0.8, 0.1, 0.1];
const STRENGTH: f64 = 100.0;
/// A companion that would get less is left out: it costs more than it gives.
const LEAST: f64 = 0.05;
/// Smoothing constants of TSB and days averaged, for series without a weekday pattern to speak of.
const TSB: (f64, f64) = (0.1, 0.05);
const AVERAGED: usize = 56;

/// Counts of a series that is tried, and the GLM's means from all origins of the plan.
pub type Tried = (Vec<f32>, Vec<f32>);

/// Level and density of a series: what its weights are learned by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    class: Class,
    density: u8,
}

impl Group {
    /// Of a series with the counts `y`.
    pub fn of(class: Class, y: &[f32]) -> Self {
        let rate = rate(y);
        Self { class, density: DENSITIES.iter().map(|least| u8::from(rate >= *least)).sum() }
    }
}

/// Forecasts of the companions from the counts up to an origin; `None` for one without an answer.
fn companions(y: &[f32], leads: usize) -> [Option<Vec<f64>>; COMPANIONS] {
    let recent = &y[y.len().saturating_sub(WINDOW)..];
    let sparse = rate(y) < DENSITIES[0];
    let recent = if sparse { recent.to_vec() } else { tame(recent) };
    let recent: Vec<f64> = recent.into_iter().map(f64::from).collect();
    if sparse {
        let flat = |level: f64| vec![level; leads];
        return [
            tsb::forecast(&recent, TSB.0, TSB.1).ok().map(flat),
            average::window(&recent, AVERAGED).ok().map(flat),
        ];
    }
    let ets = Ets::new(WEEK, Form::ANA).and_then(|ets| ets.fit(&recent));
    let theta = Theta { m: WEEK, kind: Kind::DynamicOptimised }.fit(&recent);
    [ets.ok().map(|f| f.forecast(leads).mean), theta.ok().map(|f| f.forecast(leads).mean)]
}

/// Mean known count a day.
fn rate(y: &[f32]) -> f64 {
    let known = y.iter().filter(|v| !v.is_nan());
    let (sum, n) = known.fold((0.0, 0_usize), |(sum, n), v| (sum + f64::from(*v), n + 1));
    sum / n.max(1) as f64
}

/// Mixes the companions' forecasts from the end of `y` into the GLM's `means`. Beyond the short leads they have no
/// yearly season and take the GLM's.
pub fn mix(weights: &Weights, y: &[f32], means: &mut [f32]) {
    if weights.iter().all(|w| *w == 0.0) {
        return;
    }
    let own = means.to_vec();
    for (weight, companion) in weights.iter().zip(companions(y, means.len())) {
        if let Some(companion) = companion {
            let companion = with_seasons_of(companion.into_iter().map(|v| v.max(0.0) as f32).collect(), &own);
            for ((mean, own), other) in means.iter_mut().zip(&own).zip(companion) {
                *mean = (f64::from(*mean) + weight * (f64::from(other) - f64::from(*own))) as f32;
            }
        }
    }
}

/// Beyond the short leads: the GLM's shape at the height of a model without yearly season.
pub fn with_seasons_of(mut means: Vec<f32>, glm: &[f32]) -> Vec<f32> {
    let short = seasonal_naive::SHORT_DAYS.min(means.len());
    let height = |values: &[f32]| values[..short].iter().map(|v| f64::from(*v)).sum::<f64>();
    let ratio = (height(&means) + 1.0) / (height(glm) + 1.0);
    for (mean, glm) in means.iter_mut().zip(glm).skip(short) {
        *mean = (f64::from(*glm) * ratio) as f32;
    }
    means
}

/// The series that weights are learned from: by group, so many of its nodes, ascending. `groups` holds the group of
/// every node that has a forecast of its own by the GLM.
pub fn tried(groups: &[Option<Group>]) -> BTreeMap<Group, Vec<usize>> {
    let mut members: BTreeMap<Group, Vec<usize>> = BTreeMap::new();
    for (k, group) in groups.iter().enumerate() {
        if let Some(group) = group {
            members.entry(*group).or_default().push(k);
        }
    }
    for nodes in members.values_mut() {
        *nodes = nodes.iter().copied().step_by(nodes.len().div_ceil(TRIED)).collect();
    }
    members
}

/// Weights by group from the counts of the series tried, with the GLM's means from all origins of the plan, of which
/// `origins` count; in the order of [`tried`].
pub fn learn(
    plan: &Plan,
    origins: &RangeFrom<usize>,
    tried: &BTreeMap<Group, Vec<Tried>>,
) -> BTreeMap<Group, Weights> {
    let firsts: Vec<usize> =
        plan.profiles.iter().map(|r| r.start).filter(|at| origins.contains(at)).collect();
    let learned = |series: &Vec<Tried>| {
        let products: Vec<Products> =
            series.par_iter().map(|(y, own)| products(plan, &firsts, y, own)).collect();
        weights(&products)
    };
    tried.iter().map(|(group, series)| (*group, learned(series))).collect()
}

/// Errors of the GLM and its companions side by side, in units of the series' change from week to week.
fn products(plan: &Plan, firsts: &[usize], y: &[f32], own: &[f32]) -> Products {
    let mut products = Products::new(1 + COMPANIONS);
    let origins: Vec<usize> = firsts.iter().map(|at| plan.origins[*at]).collect();
    for ((at, origin), scale) in firsts.iter().zip(&origins).zip(scales(y, &origins)) {
        let (Some(scale), [Some(first), Some(second)]) = (scale, companions(&y[..=*origin], plan.leads))
        else {
            continue;
        };
        let own = &own[at * plan.leads..][..plan.leads];
        for (lead, own) in own.iter().enumerate() {
            let came = f64::from(y[origin + 1 + lead]);
            if !came.is_nan() {
                let errors =
                    [f64::from(*own), first[lead], second[lead]].map(|f| (came - f) / scale.absolute);
                products.push(&errors, 1.0 / plan.leads as f64);
            }
        }
    }
    products
}

fn weights(tried: &[Products]) -> Weights {
    if tried.len() < MIN_TRIED {
        return [0.0; COMPANIONS];
    }
    let mut all = Products::new(1 + COMPANIONS);
    tried.iter().for_each(|products| all.add(products));
    let weights = all.weights(&TOWARDS, STRENGTH);
    std::array::from_fn(|k| if weights[1 + k] < LEAST { 0.0 } else { weights[1 + k] })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two years around 40 a day with a weekly pattern and a level that rises at the end.
    fn counts() -> Vec<f32> {
        (0..730)
            .map(|t| 40.0 + 10.0 * f32::from(u8::from(t % 7 < 5)) + if t > 700 { 20.0 } else { 0.0 })
            .collect()
    }

    #[test]
    fn companions_are_mixed_in_by_their_weight() {
        let y = counts();
        let [ets, theta] = companions(&y, 7).map(Option::unwrap);
        let mut means = vec![50.0_f32; 7];
        mix(&[0.25, 0.5], &y, &mut means);
        for (k, mean) in means.iter().enumerate() {
            let want = 0.25 * 50.0 + 0.25 * ets[k] + 0.5 * theta[k];
            assert!((f64::from(*mean) - want).abs() < 1e-3, "{mean} not {want}");
        }
        mix(&[0.0; COMPANIONS], &y, &mut means[..0]);
    }

    #[test]
    fn long_leads_keep_the_shape_of_the_glm() {
        let glm: Vec<f32> = (0..200).map(|t| if t < 100 { 10.0 } else { 30.0 }).collect();
        let mixed = with_seasons_of(vec![20.0; 200], &glm);
        assert!((mixed[150] / mixed[99] - 3.0).abs() < 0.01, "{}", mixed[150]);
    }

    #[test]
    fn sparse_series_have_other_companions_and_an_empty_one_none() {
        let mut y = vec![0.0_f32; 100];
        y[90] = 1.0;
        let [tsb, average] = companions(&y, 3).map(Option::unwrap);
        assert!(tsb[0] > 0.0 && (average[2] - 1.0 / 56.0).abs() < 1e-12);
        assert_eq!(companions(&[], 3), [None, None]);
    }

    #[test]
    fn one_series_is_not_enough_and_the_better_model_gets_more() {
        let mut products = Products::new(3);
        for k in 0..400 {
            let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
            products.push(&[3.0 * sign, 1.0, sign], 1.0);
        }
        assert_eq!(weights(std::slice::from_ref(&products)), [0.0; COMPANIONS]);
        let both = weights(&[products.clone(), products]);
        assert!(both[0] > 0.3 && both[1] > 0.2, "{both:?}");
    }
}
