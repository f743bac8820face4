//! Coherent forecasts of the past, against what came: errors, randomised PITs and scores of one node.
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{QUANTILES, Scores, plan::Plan, seasonal_naive};
use crate::{
    evaluation::{Day, Scale, Scorer, scales},
    intervals::{
        Predictive, Values,
        dispersion::{Errors, growth_at},
        normal_quantile,
        recalibration::Pit,
    },
};

/// PITs that a level's recalibration rests on at most, about.
const PITS: usize = 50_000;

/// Coherent forecasts of the past, against what came.
#[derive(Debug, Clone, Copy)]
pub struct Backtest<'a> {
    /// Origins.
    pub plan: &'a Plan,
    /// Position of the first origin that counts.
    pub first: usize,
}

impl Backtest<'_> {
    /// The origins that count, each with the node's coherent means from it.
    fn forecasts<'b>(&self, means: &'b [f64]) -> impl Iterator<Item = (usize, &'b [f64])> + Clone {
        let means = means.chunks_exact(self.plan.leads).skip(self.first);
        self.plan.origins[self.first..].iter().copied().zip(means)
    }

    /// Errors of a node's means from the origins that count.
    pub fn errors(&self, y: &[f32], means: &[f64]) -> Errors {
        let leads = self.plan.leads;
        if leads == 0 {
            return Errors::new(leads);
        }
        Errors::of(
            leads,
            &self.forecasts(means).map(|(origin, means)| (&y[origin + 1..=origin + leads], means)),
        )
    }

    /// Every so many nodes of a level of `nodes` nodes give enough PITs; more would cost time and tell nothing new.
    pub fn every(&self, nodes: usize) -> usize {
        (nodes * self.origins() * self.plan.leads).div_ceil(PITS).max(1)
    }

    /// Number of origins that count.
    pub fn origins(&self) -> usize {
        self.plan.origins.len() - self.first
    }

    /// PITs of a node's known days, each with what randomises it; the node is the seed.
    pub fn pits(
        &self,
        node: usize,
        y: &[f32],
        means: &[f64],
        alpha: f64,
        growth: &[f64; 4],
    ) -> Vec<(Pit, f64)> {
        if self.plan.leads == 0 {
            return Vec::new();
        }
        let values = Values::of(y);
        let mut rng = ChaCha8Rng::seed_from_u64(node as u64);
        let mut pits = Vec::new();
        for (origin, means) in self.forecasts(means) {
            for (lead, mean) in (1..).zip(means) {
                let count = y[origin + lead];
                if !count.is_nan() {
                    let forecast = Predictive::new(values, *mean, alpha * growth_at(growth, lead));
                    pits.push((forecast.pit(f64::from(count)), rng.random()));
                }
            }
        }
        pits
    }

    /// Scores of a node's means with their band.
    pub fn scores(
        &self,
        y: &[f32],
        means: &[f64],
        (alpha, growth): (f64, &[f64; 4]),
        levels: [f64; 5],
    ) -> Scores {
        let leads = self.plan.leads;
        let mut scorer = Scorer::default();
        if leads == 0 {
            return scorer.scores();
        }
        let values = Values::of(y);
        let scales = scales(y, &self.plan.origins[self.first..]);
        let z = QUANTILES.map(normal_quantile);
        for ((origin, means), scale) in self.forecasts(means).zip(scales) {
            let naive = seasonal_naive::forecast(&y[..=origin], leads);
            for (lead, mean) in (1..).zip(means) {
                let count = f64::from(y[origin + lead]);
                if !count.is_nan() {
                    let forecast = Predictive::new(values, *mean, alpha * growth_at(growth, lead));
                    let quantiles = forecast.quantiles(levels);
                    let naive = naive_quantiles(f64::from(naive[lead - 1]), scale, lead, z);
                    scorer.push(&Day { y: count, mean: *mean, quantiles, naive });
                }
            }
            scorer.end_origin(scale);
        }
        scorer.scores()
    }
}

/// The seasonal naive's band: normal (`z` are its quantiles) with the training changes' variance times the weeks
/// ahead, cut off at 0.
fn naive_quantiles(mean: f64, scale: Option<Scale>, lead: usize, z: [f64; 5]) -> [f64; 5] {
    let sd = scale.map_or(0.0, |s| (s.squared * lead.div_ceil(7) as f64).sqrt());
    z.map(|z| (mean + z * sd).max(0.0))
}
