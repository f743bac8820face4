//! What a daily update loses, or gains, against a fit of every day.
//!
//! `cargo bench -p weisu-models --bench update -- [origins]`, on the development panel of `../shared` where it is there.
//! A fit is made 1 and 6 days before each origin (15, three weeks apart, when no number is named), 28 days are forecast
//! from the origin with it, its profiles fitted anew or followed, and scored by level: quantile loss and root mean
//! squared error in hundredths of the mean count, and the share inside the bands.
#![allow(clippy::print_stdout)]
use std::{collections::BTreeMap, path::Path};

use weisu_models::{
    evaluation::quantile_loss,
    forecast::{Horizon, PanelFit, PanelForecast, Params, fit, forecast},
    hierarchy::{Hierarchy, Level},
    series::Panel,
};

const HORIZON: Horizon = Horizon { days: 28, months: 0 };
const ORIGINS: usize = 15;
const STEP: usize = 21;

#[path = "../tests/support/folder.rs"]
mod folder;

/// Sums over the days and series of a level.
#[derive(Default)]
struct Score {
    loss: f64,
    squares: f64,
    volume: f64,
    inside: [f64; 2],
    n: f64,
}

impl Score {
    fn add(&mut self, y: f64, mean: f64, quantiles: &[f64; 5]) {
        self.loss += quantile_loss(y, quantiles);
        self.squares += (y - mean).powi(2);
        self.volume += y;
        self.inside[0] += f64::from(u8::from((quantiles[1]..=quantiles[3]).contains(&y)));
        self.inside[1] += f64::from(u8::from((quantiles[0]..=quantiles[4]).contains(&y)));
        self.n += 1.0;
    }

    fn line(&self) -> String {
        let mean = self.volume / self.n;
        format!(
            "loss {:7.3}  error {:7.2}  inside {:.3} {:.3}",
            100.0 * self.loss / self.volume,
            100.0 * (self.squares / self.n).sqrt() / mean,
            self.inside[0] / self.n,
            self.inside[1] / self.n
        )
    }
}

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/panel_dev");
    let Some((panel, hierarchy, calendar)) = folder::read(&folder) else {
        println!("skipped: no {}", folder.display());
        return;
    };
    let params = Params { profiles: true, ..Params::default() };
    let mut scores: BTreeMap<(Level, usize, &str), Score> = BTreeMap::new();
    // Cargo adds `--bench` of its own.
    let origins = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(ORIGINS);
    for origin in (0..origins).map(|k| panel.days() - 1 - HORIZON.days - k * STEP) {
        let known = panel.until(panel.date(origin));
        for since in [1, 6] {
            let past = panel.until(panel.date(origin - since));
            let fitted = fit(&past, &hierarchy, &calendar, &params, &|_| ());
            let made = |fitted: &PanelFit| forecast(&known, &hierarchy, &calendar, fitted, HORIZON, &|_| ());
            let refit = made(&PanelFit { profiles: None, ..fitted.clone() });
            for (name, made) in [("update", made(&fitted)), ("refit", refit)] {
                add(&mut scores, (since, name), &made, &panel, &hierarchy, origin);
            }
        }
    }
    for ((level, since, name), score) in &scores {
        println!(
            "topic {} district {}  {since} days  {name:<7} {}",
            level.topic,
            level.district,
            score.line()
        );
    }
}

fn add(
    scores: &mut BTreeMap<(Level, usize, &'static str), Score>,
    (since, name): (usize, &'static str),
    made: &PanelForecast,
    panel: &Panel,
    hierarchy: &Hierarchy,
    origin: usize,
) {
    for (k, node) in hierarchy.nodes.iter().enumerate() {
        let y = hierarchy.series(panel, k);
        let score = scores.entry((node.level, since, name)).or_default();
        for (lead, (mean, quantiles)) in made.daily[k].mean.iter().zip(&made.daily[k].quantiles).enumerate() {
            score.add(f64::from(y[origin + 1 + lead]), *mean, quantiles);
        }
    }
}
